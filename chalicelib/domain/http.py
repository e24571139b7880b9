"""An outbound HTTP request and its answer, as values. The guarded client in `outbound` performs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One outbound call.

    `timeout_seconds` bounds the whole call including redirects; `max_response_bytes` bounds the
    body both as received and after decompression. `read_timeout_seconds` bounds each silence of the
    receiver; None leaves that to the whole call's limit. With `cut_response` a larger body is cut to the
    limit instead of being refused; such a call asks for an uncompressed answer. `secret_headers` are those, by their
    names in lower case, that prove who calls though they are not called so: no redirect takes them to another host.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0
    max_response_bytes: int = 6 * 1024 * 1024
    max_redirects: int = 0
    read_timeout_seconds: float | None = None
    cut_response: bool = False
    secret_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The final answer. `headers` has lower-case names, repeated ones joined with a comma and a space."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    elapsed_seconds: float
