"""How this dialect words an error: status, its name, a sentence, where and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.twinit.times import with_milliseconds
from chalicelib.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    PenstockError,
    RateLimitedError,
    RunNotFoundError,
    ScheduleNotFoundError,
    TooLargeError,
    UnauthenticatedError,
    WorkflowNotFoundError,
)
from chalicelib.domain.json import Json


class TaskNotFoundError(NotFoundError):
    """The task does not exist."""


class JobNotFoundError(NotFoundError):
    """The job does not exist."""


class TriggerNotFoundError(NotFoundError):
    """The trigger does not exist."""


STATUSES: Mapping[type[BaseException], int] = {
    TooLargeError: 413,
    InvalidError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    MethodNotAllowedError: 405,
    ConflictError: 409,
    RateLimitedError: 429,
    PenstockError: 500,
}

_NAMED: Mapping[type[BaseException], tuple[str, str]] = {
    RunNotFoundError: ("Workflow", "run_id"),
    WorkflowNotFoundError: ("Workflow definition", "workflow_id"),
    ScheduleNotFoundError: ("Schedule", "schedule_id"),
    TaskNotFoundError: ("Task", "task_id"),
    JobNotFoundError: ("Job", "job_id"),
    TriggerNotFoundError: ("Trigger", "trigger_id"),
}
_LONGEST_ID = 128


def shape(error: PenstockError) -> Reply:
    status = next(STATUSES[class_] for class_ in type(error).__mro__ if class_ in STATUSES)
    body: dict[str, Json] = {
        "status": status,
        "error": HTTPStatus(status).phrase,
        "message": _message(error, status),
        "path": "",
        "timestamp": with_milliseconds(datetime.now(UTC)),
    }
    return Reply(status, body, _headers(error))


def at_path(call: Call, reply: Reply) -> Reply:
    """A refusal with the path that it is about."""
    assert isinstance(reply.body, dict)
    return Reply(reply.status, {**reply.body, "path": call.path}, reply.headers)


def _message(error: PenstockError, status: int) -> str:
    if status >= 500:
        return "Something went wrong. Please try again."
    named = next((_NAMED[class_] for class_ in type(error).__mro__ if class_ in _NAMED), None)
    if named is not None:
        kind, fact = named
        id_ = str(error.facts.get(fact, ""))[:_LONGEST_ID]
        return f"{kind} {id_} not found" if id_ else f"{kind} not found"
    field = error.field if isinstance(error, InvalidError) else None
    return f"{field}: {error.message}" if field and field not in error.message else error.message


def _headers(error: PenstockError) -> dict[str, str]:
    if isinstance(error, RateLimitedError):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, UnauthenticatedError):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, MethodNotAllowedError) and error.facts.get("allow"):
        return {"Allow": str(error.facts["allow"])}
    return {}
