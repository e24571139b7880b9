"""How this dialect words an error: `{"errors": [{field?, code, message}]}`, with every field that is at fault at once.

Clients disagree on where the message of a 401 or 403 stands, so these two say it in both places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.api.common.call import Reply
from chalicelib.domain.errors import (
    AnswerRefusedError,
    ConflictError,
    DefinitionError,
    ExpressionError,
    FieldsRefusedError,
    ForbiddenError,
    InvalidError,
    MalformedJsonError,
    MethodNotAllowedError,
    NotFoundError,
    PenstockError,
    RateLimitedError,
    RouteNotFoundError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    WorkflowInactiveError,
    WorkflowNotFoundError,
)
from chalicelib.domain.json import Json

if TYPE_CHECKING:
    from chalicelib.domain.records.problems import Problem

_LONGEST_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Wording:
    """`message` None is the error's own."""

    status: int
    code: str
    message: str | None = None


TABLE: Mapping[type[BaseException], Wording] = {
    MalformedJsonError: Wording(400, "invalid_json"),
    TooLargeError: Wording(413, "payload_too_large"),
    FieldsRefusedError: Wording(422, "invalid_field"),
    DefinitionError: Wording(422, "invalid_field"),
    ExpressionError: Wording(422, "invalid_field"),
    AnswerRefusedError: Wording(422, "invalid_field"),
    InvalidError: Wording(400, "invalid_query_params"),
    UnauthenticatedError: Wording(401, "unauthorized", "Invalid token"),
    ForbiddenError: Wording(403, "access_restricted"),
    RouteNotFoundError: Wording(404, "resource_not_found", "There is nothing at this address"),
    WorkflowNotFoundError: Wording(404, "resource_not_found", "Flow not found"),
    NotFoundError: Wording(404, "resource_not_found"),
    MethodNotAllowedError: Wording(405, "method_not_allowed", "This address does not answer this method"),
    WorkflowInactiveError: Wording(422, "inactive_flow", "The flow is disabled; enable it to run it"),
    ConflictError: Wording(409, "conflict"),
    RateLimitedError: Wording(429, "rate_limit_exceeded", "Too many requests"),
    UnavailableError: Wording(503, "internal_error", "The service is not available at the moment"),
    PenstockError: Wording(500, "internal_error", "An unexpected error occurred"),
}


def shape(error: PenstockError) -> Reply:
    # By descent, the nearest class first, so that the order of the table does not matter.
    wording = next(TABLE[type_] for type_ in type(error).__mro__ if type_ in TABLE)
    errors = _errors(wording, error)
    body: dict[str, Json] = {"errors": list[Json](errors)}
    if wording.status in (401, 403):
        body = {"message": errors[0]["message"], **body}
    return Reply(wording.status, body, _headers(error))


def _errors(wording: Wording, error: PenstockError) -> list[dict[str, Json]]:
    problems: Any = error.facts.get("problems")
    if problems:
        return [_problem(problem) for problem in problems]
    members: dict[str, Json] = {}
    if isinstance(error, InvalidError) and error.field is not None:
        members["field"] = error.field
    given = error.facts.get("code")
    members["code"] = given if isinstance(given, str) and wording.status < 500 else wording.code
    members["message"] = _message(wording, error)
    return [members]


def _problem(problem: Problem) -> dict[str, Json]:
    members: dict[str, Json] = {"field": problem.field} if problem.field else {}
    return members | {"code": problem.code, "message": problem.message[:_LONGEST_MESSAGE]}


def _message(wording: Wording, error: PenstockError) -> str:
    if isinstance(error, ForbiddenError) and "scope" in error.facts:
        return f"The token lacks the permission '{error.facts['scope']}'"
    return wording.message or error.message[:_LONGEST_MESSAGE]


def _headers(error: PenstockError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, MethodNotAllowedError) and error.facts.get("allow"):
        return {"Allow": str(error.facts["allow"])}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, UnauthenticatedError) else {}
