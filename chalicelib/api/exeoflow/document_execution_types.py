"""What calls on executions take and answer, as types; limits are those that the handlers decode by."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among, by_default
from chalicelib.api.exeoflow.changes import MAX_STEP_LENGTH, RETRY_MODES, VERSIONS
from chalicelib.api.exeoflow.document_types import Object, Time
from chalicelib.api.exeoflow.wire import RUNNING
from chalicelib.domain.run import RunStatus, StepStatus

Milliseconds = Annotated[int, about("Milliseconds.", ge=0)]


class ExecutionStatus(StrEnum):
    """One of the documented four."""

    RUNNING = RUNNING
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Input(TypedDict):
    input: NotRequired[Annotated[Object, about("What the execution starts with."), by_default({})]]


class Started(TypedDict):
    execution_id: str
    status: Literal["running"]
    started_at: Time


class StartedByHook(TypedDict):
    execution_id: str
    status: Literal["running"]
    message: str


class Continued(TypedDict):
    """An execution that goes on under its own id."""

    execution_id: str
    status: ExecutionStatus
    started_at: Time
    state: RunStatus


class StartedOrContinued(TypedDict):
    execution_id: str
    status: ExecutionStatus
    started_at: Time
    state: NotRequired[Annotated[RunStatus, about("Of one that goes on under its own id.")]]


class Changed(TypedDict):
    id: str
    status: ExecutionStatus
    message: str
    state: RunStatus


class Cancelled(TypedDict):
    id: str
    status: ExecutionStatus
    finished_at: Time | None
    message: str


class Execution(TypedDict):
    id: str
    workflow_id: str
    workflow_name: str
    status: ExecutionStatus
    started_at: Time
    finished_at: Time | None
    duration: Milliseconds | None
    state: Annotated[RunStatus, about("Where it stands, in more words than the documented four.")]


class Failure(TypedDict):
    node_id: str | None
    message: str


class StepError(TypedDict):
    type: str
    message: str
    status: NotRequired[Annotated[int, about("Of an HTTP answer.")]]
    body: NotRequired[Annotated[Any, about("Of an HTTP answer.")]]


class _AnyStep(TypedDict):
    node_id: str
    node_name: str
    status: ExecutionStatus
    started_at: Time
    finished_at: Time | None
    duration: Milliseconds | None
    input: Any
    output: Any
    error: StepError | None
    state: StepStatus
    key: Annotated[str, about("Of one step among several of a node in a loop or map.")]


class Step(_AnyStep):
    attempts: int


class LogLine(TypedDict):
    timestamp: Time
    level: str
    message: str


class Attempt(_AnyStep):
    attempt: Annotated[int, about("From 1.")]
    logs: list[LogLine]


class NodeLogLine(LogLine):
    node_id: str


class FullExecution(Execution):
    input: Any
    output: Any
    steps: list[Step]
    error: NotRequired[Failure]
    truncated: NotRequired[Annotated[bool, about("Whether something was left out for its size.")]]


class Attempts(TypedDict):
    steps: list[Attempt]
    next_cursor: Annotated[str | None, about("Where the next page begins; null on the last.")]
    truncated: NotRequired[bool]


class Logs(TypedDict):
    logs: list[NodeLogLine]


class WholeInput(TypedDict):
    input: Any


class WholeOutput(TypedDict):
    output: Any


StepName = Annotated[str, about("The node, or the key of one of its steps.", min_length=1, max_length=MAX_STEP_LENGTH)]


class Answer(TypedDict):
    node_id: StepName
    value: Annotated[Any, about("What the step's form asks for.")]


class Retry(TypedDict):
    mode: NotRequired[
        Annotated[str, among(RETRY_MODES, "`failed` goes on with the same execution."), by_default(RETRY_MODES[0])]
    ]


class Rerun(TypedDict):
    node_id: StepName


class Replay(TypedDict):
    version: NotRequired[
        Annotated[str, among(VERSIONS, "Which version of the workflow to start."), by_default(VERSIONS[0])]
    ]


class NewBulkRetry(TypedDict):
    workflow_id: str
    since: Annotated[str, about("An ISO 8601 date or time.")]
    until: NotRequired[Annotated[str, about("An ISO 8601 date or time.")]]


class BulkRetry(TypedDict):
    id: str
    workflow_id: str
    status: ExecutionStatus
    total: int
    processed: int
    retried: int
    skipped: int
    started_at: Time
    finished_at: Time | None
    state: RunStatus
    error: NotRequired[Failure]
