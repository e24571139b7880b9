"""The objects that those see who look at an installation, as types. Times are milliseconds since 1970."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among
from chalicelib.api.exeoflow.document_execution_types import Execution, Failure
from chalicelib.api.exeoflow.document_types import Object, Time
from chalicelib.api.exeoflow.workflows import DIALECTS
from chalicelib.domain.graph import OnError
from chalicelib.domain.run import StepStatus
from chalicelib.domain.workflow import WorkflowStatus

Moment = Annotated[int, about("Milliseconds since 1970.")]
Dialect = Annotated[str, among([dialect for dialect in DIALECTS.values() if dialect is not None])]


class Edge(TypedDict):
    source: str
    target: str
    port: NotRequired[str]
    condition: NotRequired[str]


class GraphNode(TypedDict):
    """Members are left out that are what they are by default."""

    id: str
    type: str
    name: str
    config: NotRequired[Annotated[Object, about("Secrets are masked.")]]
    max_attempts: NotRequired[int]
    timeout_seconds: NotRequired[float]
    on_error: NotRequired[OnError]
    at_most_once: NotRequired[bool]
    bodies: NotRequired[Annotated[dict[str, Graph], about("What a loop or map does in each round.")]]


class Graph(TypedDict):
    nodes: list[GraphNode]
    edges: list[Edge]


class WorkflowGraph(Graph):
    workflow_id: str
    workflow_name: str
    description: str
    status: WorkflowStatus
    dialect: Dialect
    version: int
    created_at: Time
    updated_at: Time


class Cause(TypedDict):
    emitter_id: str
    channel: str
    event_id: str


class RunGraph(Graph):
    execution_id: str
    workflow_id: str
    workflow_name: str
    dialect: Dialect | None
    version: int
    trigger: Any
    created_by: str | None
    parent_execution_id: str | None
    child_execution_ids: list[str]
    cause: Cause | None
    scheduled_at: Time | None
    deadline_at: Time | None


class Span(TypedDict):
    key: str
    node_id: str
    node_name: str
    node_type: str
    state: StepStatus
    attempt: int
    started_ms: Moment
    finished_ms: Moment | None
    error: NotRequired[str]
    superseded: NotRequired[Annotated[bool, about("Of an attempt that another followed.")]]


class Rounds(TypedDict):
    """Of one loop or map."""

    steps: list[Span]


class Timeline(Execution):
    error: NotRequired[Failure]
    started_ms: Moment
    finished_ms: Moment | None
    now_ms: Moment
    waits_for_answer: Annotated[list[str], about("Keys of steps that wait for an answer.")]
    steps: list[Span]
    truncated: bool


class Hour(TypedDict):
    at: Time
    running: int
    success: int
    failed: int
    cancelled: int


class Messages(TypedDict):
    waiting: int
    in_flight: int
    delayed: int


class Lag(TypedDict):
    overdue_seconds: float | None
    messages: Messages | None
    dead_letters: int | None


class Overview(TypedDict):
    at: Time
    counted_from: Time
    truncated: bool
    hours: list[Hour]
    failures: list[Execution]
    installation: Annotated[dict[str, Lag] | None, about("Null for who may not see it.")]
