"""What templates may name of the request that they are part of, to hash or sign it: `hashOptions`, `hmacOptions`."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from chalicelib.domain.aws_signatures import Signable
from chalicelib.domain.errors import MalformedJsonError, TooLargeError
from chalicelib.domain.flows.http import Connection, as_object
from chalicelib.domain.json import Json, decode

HELPER = "aws4"
_NAMES = ("hashOptions", "hmacOptions")
_NOT_ORDERED = frozenset({"sign", "access_token"})


def is_signing(template: str) -> bool:
    """Whether it can only be rendered when the rest of the request is known."""
    # By the mere text: a template that only happens to say the word is rendered later, and is none the worse for it.
    return HELPER in template or any(name in template for name in _NAMES)


def options(request: Signable, connection: Connection) -> dict[str, Json]:
    """Raises ValueError for an address that cannot be read."""
    parts = urlsplit(request.url)
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    body = request.body.decode("utf-8", "replace")
    shared: dict[str, Json] = {
        "headers": dict[str, Json](request.headers),
        "body": body,
        "bodyParametersMap": _members(body),
        "method": request.method,
        "http": {"encrypted": dict(connection.encrypted)},
        "baseURI": parts.netloc,
        "relativeURI": parts.path,
        "urlParameters": parts.query,
        "urlParametersMap": dict[str, Json](parameters),
        "URI": request.url,
    }
    ordered = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name not in _NOT_ORDERED)
    return {"hashOptions": shared, "hmacOptions": {**shared, "orderedQueryParams": ordered}}


def _members(body: str) -> dict[str, Json]:
    """Of a body that is an object or a form."""
    if body.lstrip().startswith("{"):
        try:
            return as_object(decode(body.encode()))
        except (MalformedJsonError, TooLargeError):
            return {}
    return dict[str, Json](parse_qsl(body, keep_blank_values=True))
