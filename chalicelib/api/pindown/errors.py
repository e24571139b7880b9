"""How this dialect words an error: in two shapes, for its pages print two.

Workflow data and webhooks answer flat, `{error, message}`; everything else nested, with a code and a type. One row of
the API's table answers flat among nested ones: an API key that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.api.common.call import Call, Reply
from chalicelib.domain.errors import (
    BlockNotFoundError,
    ConflictError,
    DatasetNotFoundError,
    EndpointNotFoundError,
    ForbiddenError,
    InvalidError,
    MalformedJsonError,
    MethodNotAllowedError,
    NotFoundError,
    PenstockError,
    PinboardNotFoundError,
    PinForbiddenError,
    PinNotFoundError,
    RateLimitedError,
    StaleWriteError,
    TooLargeError,
    UnauthenticatedError,
    WorkflowDataNotFoundError,
)
from chalicelib.domain.json import Json
from chalicelib.services.identity import KeyNotFoundError
from chalicelib.services.pins.access import Act

GIVEN_CODE = "AUTH_INVALID"
"""Of a key that was given and is not valid."""

_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Wording:
    """`message` None is the error's own."""

    status: int
    phrase: str
    code: str
    type: str
    message: str | None


def _missing(message: str) -> Wording:
    return Wording(404, "Not Found", "RESOURCE_NOT_FOUND", "not_found", message)


TABLE: Mapping[type[BaseException], Wording] = {
    MalformedJsonError: Wording(400, "Bad Request", "VALIDATION_ERROR", "validation", "Invalid JSON"),
    TooLargeError: Wording(413, "Payload Too Large", "PAYLOAD_TOO_LARGE", "validation", None),
    InvalidError: Wording(400, "Bad Request", "VALIDATION_ERROR", "validation", None),
    UnauthenticatedError: Wording(
        401, "Unauthorized", "AUTH_REQUIRED", "authentication", "Valid Firebase token or API key required"
    ),
    ForbiddenError: Wording(403, "Forbidden", "PERMISSION_DENIED", "authorization", None),
    PinNotFoundError: _missing("Pin not found"),
    PinboardNotFoundError: _missing("Pinboard not found"),
    WorkflowDataNotFoundError: _missing("Workflow data not found"),
    EndpointNotFoundError: _missing("Webhook not found"),
    BlockNotFoundError: _missing("Block not found"),
    DatasetNotFoundError: _missing("Dataset not found"),
    KeyNotFoundError: _missing("API key not found"),
    NotFoundError: _missing("Not found"),
    MethodNotAllowedError: Wording(
        405, "Method Not Allowed", "METHOD_NOT_ALLOWED", "validation", "This address does not answer this method"
    ),
    StaleWriteError: Wording(
        412, "Precondition Failed", "PRECONDITION_FAILED", "validation", "The stored version is another"
    ),
    ConflictError: Wording(409, "Conflict", "CONFLICT", "validation", None),
    RateLimitedError: Wording(429, "Too Many Requests", "RATE_LIMITED", "rate_limit", "Rate limit exceeded"),
    PenstockError: Wording(
        500, "Internal Server Error", "INTERNAL_SERVER_ERROR", "server", "An unexpected error occurred"
    ),
}

_FORBIDDEN: Mapping[object, str] = {
    Act.READ: "You do not have permission to access this pin",
    Act.UPDATE: "You can only update your own pins",
    Act.DELETE: "You can only delete your own pins",
    Act.READ_DATA: "You do not have permission to access this pin's workflow data",
    Act.PUSH: "You can only update workflow data for your own pins",
    Act.SUBSCRIBE: "You can only create webhooks for your own pins",
    Act.READ_BOARD: "You do not have permission to access this pinboard",
    Act.UPDATE_BOARD: "You can only update your own pinboards",
    Act.DELETE_BOARD: "You can only delete your own pinboards",
}


def flat(error: PenstockError) -> Reply:
    wording = _wording(error)
    return Reply(wording.status, _flat_body(wording, error), _headers(error))


def nested(error: PenstockError) -> Reply:
    wording = _wording(error)
    if isinstance(error, KeyNotFoundError):
        return Reply(wording.status, _flat_body(wording, error))
    code = GIVEN_CODE if error.facts.get("given") else wording.code
    members: dict[str, Json] = {"code": code, "type": wording.type, "message": _message(wording, error)}
    if isinstance(error, InvalidError) and error.field is not None:
        members["details"] = {"field": error.field}
    return Reply(wording.status, {"success": False, "error": members}, _headers(error))


def with_action(call: Call, reply: Reply) -> Reply:
    """A flat internal error says what could not be done."""
    if reply.status < 500 or not isinstance(reply.body, dict):
        return reply
    subject = "webhook" if call.path.startswith("/api/webhooks") else "workflow data"
    verb = "get" if call.method == "GET" else "update"
    return Reply(reply.status, {**reply.body, "message": f"Failed to {verb} {subject}"}, reply.headers)


def with_timestamp(reply: Reply, timestamp: str) -> Reply:
    body = reply.body
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return reply
    error = body["error"]
    assert isinstance(error, dict)
    return Reply(reply.status, {**body, "error": {**error, "timestamp": timestamp}}, reply.headers)


def _wording(error: PenstockError) -> Wording:
    # The nearest class that has a row; PenstockError, the root of all, always has one.
    return next(TABLE[type_] for type_ in type(error).__mro__ if type_ in TABLE)


def _flat_body(wording: Wording, error: PenstockError) -> dict[str, Json]:
    return {"error": wording.phrase, "message": _message(wording, error)}


def _message(wording: Wording, error: PenstockError) -> str:
    if isinstance(error, PinForbiddenError):
        return _FORBIDDEN[error.facts["act"]]
    if isinstance(error, ForbiddenError) and "scope" in error.facts:
        return f"The API key lacks the permission '{error.facts['scope']}'"
    if isinstance(error, UnauthenticatedError) and error.facts.get("signature"):
        return error.message
    return wording.message or error.message[:_LONGEST_MESSAGE]


def _headers(error: PenstockError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, MethodNotAllowedError) and error.facts.get("allow"):
        return {"Allow": str(error.facts["allow"])}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, UnauthenticatedError) else {}
