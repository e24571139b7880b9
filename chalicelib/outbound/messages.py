"""What goes onto the wire: a request's head, written from checked parts only.

The invariant: a caller's text cannot end a header line, and the headers that frame a message or choose
its host are written here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.http import HttpRequest
from chalicelib.outbound.urls import Url

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all control characters but the tab
_METHODS_REFUSED = frozenset({"CONNECT", "TRACE"})
_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

# Framing and routing belong to the client. A caller's own are dropped, not refused, because headers are
# often copied whole from another tool.
_OWNED = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)
_DEFAULTS = {"user-agent": "Penstock/1", "accept": "*/*", "accept-encoding": "gzip, deflate"}
_SECRET_NAME = re.compile("auth|cookie|token|secret|passw|credential|session|signature|api[-_]?key")
_REDIRECTS_KEEPING_METHOD = frozenset({307, 308})
REDIRECTS = frozenset({301, 302, 303}) | _REDIRECTS_KEEPING_METHOD


def check_request(request: HttpRequest) -> HttpRequest:
    """The request with its method in capitals and without headers that are ours. Raises InvalidError."""
    method = request.method.upper()
    if not _TOKEN.fullmatch(method) or method in _METHODS_REFUSED:
        raise InvalidError("This HTTP method cannot be called.", field="method")
    return replace(request, method=method, headers=_checked_headers(request.headers))


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    checked = {}
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise InvalidError(f"{name!r} is not the name of a header.", field="headers")
        if _BAD_VALUE.search(value) or not _is_latin1(value):
            raise InvalidError(f"The header {name} has characters that no header may have.", field="headers")
        if name.lower() not in _OWNED:
            checked[name] = value.strip()
    return checked


def _is_latin1(value: str) -> bool:
    return not value or max(value) <= "\xff"


def encode_head(request: HttpRequest, url: Url) -> bytes:
    """The request line and headers of a checked request."""
    given = {name.lower() for name in request.headers}
    lines = [f"{request.method} {url.target} HTTP/1.1", f"Host: {url.authority}"]
    lines += [f"{name}: {value}" for name, value in _DEFAULTS.items() if name not in given]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    # Of these methods also 0 is said: without it some servers refuse (411), or wait for a body.
    if request.body is not None or request.method in _METHODS_WITH_BODY:
        lines.append(f"Content-Length: {len(request.body or b'')}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def redirected(request: HttpRequest, status: int, *, same_origin: bool) -> HttpRequest:
    """The request for the next hop, by the rules that browsers follow (RFC 9110, 15.4).

    Another scheme, host or port is another party: nothing that looks like a credential goes there.
    """
    headers = dict(request.headers)
    method, body = request.method, request.body
    if _becomes_get(method, status):
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    if not same_origin:
        headers = {name: value for name, value in headers.items() if not _is_secret(request, name.lower())}
    return replace(request, method=method, body=body, headers=headers)


def _is_secret(request: HttpRequest, name: str) -> bool:
    return name in request.secret_headers or _SECRET_NAME.search(name) is not None


def _becomes_get(method: str, status: int) -> bool:
    if status in _REDIRECTS_KEEPING_METHOD:
        return False
    # 301 and 302 change POST alone, against the letter of the older standard and as every browser does.
    return method not in ("GET", "HEAD") if status == 303 else method == "POST"
