"""What the document says of everything, whichever door it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

ABOUT = """\
One engine behind the public REST APIs of several systems: a client of any of them changes only its base URL. Each door
keeps its own addresses, shapes, words and status codes; a run is a run, whichever door it came through.

Where two dialects have the same address (below `/v1/workflows` and `/v1/webhooks`), both are described. Ids and bodies
tell them apart: outbound webhooks and workflows of steps of code are Pipedream's, all others Exeoflow's.

An address that answers other verbs says 405 with `Allow`; requests have to be smaller than 6 MB, as have replies.
"""


def _whole(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "integer"}}


HEADERS: Mapping[str, dict[str, Any]] = {
    "X-Request-Id": {"description": "The call's id, for whoever asks about it.", "schema": {"type": "string"}},
    "X-RateLimit-Limit": _whole("How many calls the key has per period."),
    "X-RateLimit-Remaining": _whole("How many of those are left."),
    "X-RateLimit-Reset": _whole("When the next period begins, in seconds since 1970."),
    "Retry-After": _whole("After how many seconds to try again."),
    "ETag": {"description": "The version of what is answered.", "schema": {"type": "string"}},
}

IN_QUERY = "Its plain members may stand in the query instead; what is required has to be in one of both."

GATEWAY = "Gateway.431"
TOO_LONG: Mapping[str, Any] = {
    "description": "Address and headers are longer than the gateway in front takes, about 10 kB together.",
    "content": {"application/json": {"schema": {"type": "object", "properties": {"message": {"type": "string"}}}}},
}
"""What is answered before any door."""

SECURITY: Mapping[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer <key>`."},
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The same key under another scheme: `Authorization: ApiKey <key>`.",
    },
    "hookToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The webhook's own token, which the reply shows that made it, unless its calls need none.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PinDown-Signature",
        "description": "The HMAC-SHA256 of the body under the webhook's secret: `sha256=<hex>`.",
    },
}

_REFUSALS: Mapping[int, str] = {
    400: "The request cannot be understood, or breaks a rule.",
    401: "There is no key, or it is not valid.",
    403: "The key does not allow this.",
    404: "There is no such thing, or it belongs to somebody else.",
    405: "The address does not answer this verb; `Allow` says which it does.",
    409: "The stored state does not allow this.",
    412: "The stored version is another.",
    413: "The request, or what would be answered, is too large.",
    422: "The request is understood, and cannot be carried out.",
    429: "The calls of this period are used up; `Retry-After` says when to try again.",
    503: "Something that this stands on does not answer at the moment.",
    500: "Something went wrong that nobody foresaw. It is logged under the request's id.",
}
STATUS_TEXTS: Mapping[int, str] = {**{status.value: status.phrase for status in HTTPStatus}, **_REFUSALS}
