"""How this dialect words an error: one sentence under `error`, and the status by its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.api.common.call import Reply
from chalicelib.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MalformedJsonError,
    MethodNotAllowedError,
    NotFoundError,
    PenstockError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
)


@dataclass(frozen=True, slots=True)
class Wording:
    """`sentence` None: the error's own."""

    status: int
    sentence: str | None = None


TABLE: Mapping[type[BaseException], Wording] = {
    MalformedJsonError: Wording(400, "the body is not a JSON object"),
    TooLargeError: Wording(413, "payload too large"),
    InvalidError: Wording(400),
    UnauthenticatedError: Wording(401, "unauthorized"),
    ForbiddenError: Wording(403, "forbidden"),
    NotFoundError: Wording(404, "record not found"),
    MethodNotAllowedError: Wording(405, "method not allowed"),
    ConflictError: Wording(409),
    RateLimitedError: Wording(429, "rate limit exceeded"),
    PenstockError: Wording(500, "internal server error"),
}


def shape(error: PenstockError) -> Reply:
    wording = next(TABLE[class_] for class_ in type(error).__mro__ if class_ in TABLE)
    return Reply(wording.status, {"error": wording.sentence or error.message}, _headers(error))


def _headers(error: PenstockError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, MethodNotAllowedError) and error.facts.get("allow"):
        return {"Allow": str(error.facts["allow"])}
    return {}
