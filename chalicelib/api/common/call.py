"""One HTTP request as every dialect sees it, and what a dialect answers.

Path variables are decoded here and nowhere else; bodies are read from the raw bytes, whatever their content type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from chalice.app import Request

from chalicelib.domain.errors import MalformedJsonError, UnauthenticatedError
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import MAX_BYTES, Json, decode
from chalicelib.domain.masking import MASK
from chalicelib.services.limits import Allowance

# Below the decoder's own bound: what is stored or returned wraps the value in a few levels more.
MAX_BODY_DEPTH = 56

_VARIABLE = re.compile(r"{(\w+)\+?}")  # `{rest+}` is the gateway's greedy variable
# Callers choose this header, and addresses that are stored and sent on are made with it.
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_LOCAL_HOST = "localhost"
# Whoever knows these is let in: keys of interfaces, tokens of listeners, names of files that are fetched without a key.
_SECRET_VARIABLES = frozenset({"endpoint_key", "name", "rest", "token"})
_POLICY = "content-security-policy"
_CONFINED = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"


@dataclass(slots=True)
class Call:
    """`params` are decoded, `headers` have lower-case names, `query` keeps every value of a repeated name.

    `logged_path` is `path` without what stands in it as a proof. Admission sets `caller` and `allowance`.
    """

    method: str
    path: str
    request_id: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""
    read_body: Callable[[], bytes] = bytes
    logged_path: str = ""
    caller: Principal | None = None
    allowance: Allowance | None = None

    @property
    def principal(self) -> Principal:
        if self.caller is None:
            raise UnauthenticatedError
        return self.caller

    def param(self, name: str) -> str | None:
        """The last value of a query parameter, or None."""
        values = self.query.get(name)
        return values[-1] if values else None

    def body(self) -> bytes:
        try:
            return self.read_body()
        except ValueError as error:
            raise MalformedJsonError("The body cannot be decoded.") from error

    def json(self) -> Json:
        """The body. Raises MalformedJsonError, TooLargeError."""
        return decode(self.body(), max_depth=MAX_BODY_DEPTH, max_bytes=MAX_BYTES)

    def json_object(self) -> dict[str, Json]:
        """The body, which has to be an object. Raises MalformedJsonError, TooLargeError."""
        value = self.json()
        if not isinstance(value, dict):
            raise MalformedJsonError("The body is not a JSON object.")
        return value


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered; a `body` of None is an empty one. A `text`, or `raw` bytes, are sent as they are, and the
    headers say what they are."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    raw: bytes | None = None


def confined(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer whose content callers decide on. It comes from the host that also serves pages of ours,
    into which people enter keys, so browsers are told to show it as a page of no host at all."""
    # Of several policies in one header, browsers enforce each.
    own = [value for name, value in headers.items() if name.lower() == _POLICY and value.strip()]
    others = {name: value for name, value in headers.items() if name.lower() != _POLICY}
    return {**others, _POLICY: ", ".join([*own, _CONFINED])}


def of_request(request: Request) -> Call:
    query = request.query_params
    params = request.uri_params or {}
    headers = {name.lower(): value for name, value in request.headers.items()}
    # The pattern with its variables as they were sent: still encoded, unlike `params`.
    path = _VARIABLE.sub(lambda match: params.get(match[1], match[0]), request.path)
    shown = {name: MASK if name in _SECRET_VARIABLES else value for name, value in params.items()}
    return Call(
        method=request.method,
        path=path,
        request_id=str(request.context.get("requestId") or ""),
        params={name: unquote(value) for name, value in params.items()},
        query={} if query is None else {name: query.getlist(name) for name in query},
        headers=headers,
        base_url=_base_url(headers, str(request.context.get("path") or path), path),
        # Decoded on demand: most calls have no body, and one whose base64 is broken is refused where it is read.
        read_body=lambda: _raw_body(request),
        logged_path=_VARIABLE.sub(lambda match: shown.get(match[1], match[0]), request.path),
    )


def _raw_body(request: Request) -> bytes:
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()


def _base_url(headers: Mapping[str, str], full_path: str, path: str) -> str:
    """Where the caller reached us: scheme, host, and what the gateway puts before our paths (its stage)."""
    host = _first(headers.get("x-forwarded-host")) or headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = _LOCAL_HOST
    scheme = _first(headers.get("x-forwarded-proto")).lower()
    if scheme not in {"http", "https"}:
        # No gateway stands before us, so nothing stands before our paths either.
        return f"http://{host}"
    # The gateway ignores a slash at the end, and hands it on.
    full_path = full_path if path.endswith("/") else full_path.rstrip("/")
    prefix = full_path.removesuffix(path) if full_path.endswith(path) else ""
    return f"{scheme}://{host}{prefix}"


def _first(header: str | None) -> str:
    # Every proxy appends its own: the first is what the caller used.
    return (header or "").split(",", 1)[0].strip()
