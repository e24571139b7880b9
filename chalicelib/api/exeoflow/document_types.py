"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import Parameter, Schema, about, among, by_default
from chalicelib.api.common.parsing import IDEMPOTENCY_KEY_PATTERN, MAX_NAME_LENGTH
from chalicelib.api.exeoflow import compile as compiler
from chalicelib.api.exeoflow.envelope import DEFAULT_LIMIT, MAX_LIMIT
from chalicelib.api.exeoflow.inbound import METHODS
from chalicelib.api.exeoflow.keys import MAX_NAME_LENGTH as MAX_KEY_NAME_LENGTH
from chalicelib.api.exeoflow.keys import MAX_SCOPES
from chalicelib.api.exeoflow.schedule_wire import MAX_EXPRESSION_LENGTH
from chalicelib.api.exeoflow.schedule_wire import MAX_NAME_LENGTH as MAX_SCHEDULE_TEXT_LENGTH
from chalicelib.api.exeoflow.webhooks import MAX_NAME_LENGTH as MAX_WEBHOOK_NAME_LENGTH
from chalicelib.api.exeoflow.workflows import MAX_DESCRIPTION_LENGTH, STATUSES
from chalicelib.domain.cron.timings import MAX_INTERVAL_SECONDS
from chalicelib.domain.graph import Backoff, OnError, OnLimit
from chalicelib.domain.schedules import DEFAULT_CATCH_UP_LIMIT, MAX_CATCH_UP_LIMIT, CatchUp, Overlap
from chalicelib.domain.workflow import WorkflowStatus

_WHOLE: Schema = {"type": "integer", "minimum": 1}
PAGING = (
    Parameter("page", "Which page, from 1.", _WHOLE, 1),
    Parameter("limit", f"How many per page, at most {MAX_LIMIT}; more is lowered to that.", _WHOLE, DEFAULT_LIMIT),
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "A key of the caller's own. Another call with it starts nothing, and is answered as the first.",
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    where="header",
)

Time = Annotated[str, about("UTC, to the second, with `Z`.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Object = dict[str, Any]
Name = Annotated[str, about("Trimmed.", min_length=1, max_length=MAX_NAME_LENGTH)]


def page_of(name: str, item: Any) -> Any:
    """A page of items under a name."""
    return TypedDict(f"{item.__name__}Page", {name: list[item], "pagination": Pagination})  # type: ignore[operator]


class Pagination(TypedDict):
    page: int
    limit: int
    total: int
    pages: int


class Message(TypedDict):
    message: str


class RetryPolicy(TypedDict):
    """When a failed attempt is followed by another."""

    max_attempts: NotRequired[Annotated[int, about("In all.", ge=1, le=compiler.MAX_ATTEMPTS)]]
    backoff: NotRequired[Backoff]
    delay_seconds: NotRequired[Annotated[float, about("Before the second.", ge=0, le=compiler.MAX_DELAY_SECONDS)]]
    max_delay_seconds: NotRequired[
        Annotated[float, about("What the delay grows to.", ge=0, le=compiler.MAX_DELAY_SECONDS)]
    ]
    jitter: NotRequired[Annotated[float, about("The share of the delay that is random.", ge=0, le=1)]]


class Node(TypedDict):
    """An element of a graph. Members that the engine does not know are kept and returned as they are."""

    id: Annotated[str, about("Unique within the workflow.", min_length=1, max_length=compiler.MAX_ID_LENGTH)]
    type: Annotated[str, about("The node type, such as `http_request`; see the guide to node types.", min_length=1)]
    name: NotRequired[Annotated[Any, about("What its steps are called.")]]
    config: NotRequired[Annotated[Object, about("What its type knows; see the guide to node types.")]]
    retry: NotRequired[RetryPolicy]
    timeout_seconds: NotRequired[
        Annotated[
            float,
            about("How long an attempt may take.", ge=compiler.MIN_TIMEOUT_SECONDS, le=compiler.MAX_TIMEOUT_SECONDS),
        ]
    ]
    on_error: NotRequired[OnError]
    at_most_once: NotRequired[
        Annotated[bool, about("Whether an attempt of unknown outcome ends the run instead of being repeated.")]
    ]


Connection = TypedDict(
    "Connection",
    {
        "from": NotRequired[Annotated[str, about("The node that it leaves; `source` is understood as well.")]],
        "to": NotRequired[Annotated[str, about("The node that it leads to; `target` is understood as well.")]],
        "source": NotRequired[str],
        "target": NotRequired[str],
        "output": NotRequired[Annotated[str, about("The node's output that it leaves by.")]],
        "condition": NotRequired[Annotated[str, about("An expression; it is taken where that is true.")]],
    },
)


class Concurrency(TypedDict):
    """How many executions go on at the same time."""

    limit: Annotated[int, about("At most so many.", ge=1, le=compiler.MAX_CONCURRENT_RUNS)]
    key: NotRequired[
        Annotated[
            str,
            about(
                "An expression; the limit is for each of its values.",
                min_length=1,
                max_length=compiler.MAX_CONDITION_LENGTH,
            ),
        ]
    ]
    on_limit: NotRequired[OnLimit]


class PinMirror(TypedDict):
    """The pin that shows the workflow's executions."""

    pin_id: Annotated[str, about("The pin's id.", min_length=1, max_length=compiler.MAX_ID_LENGTH)]
    workflow_id: NotRequired[
        Annotated[str, about("Under which id of its data.", min_length=1, max_length=compiler.MAX_NAME_LENGTH)]
    ]


class _Definition(TypedDict):
    nodes: NotRequired[Annotated[list[Node], about("The graph's nodes.", max_length=compiler.MAX_NODES)]]
    connections: NotRequired[
        Annotated[list[Connection], about("What connects them.", max_length=compiler.MAX_CONNECTIONS)]
    ]
    timeout_seconds: NotRequired[
        Annotated[
            float,
            about(
                "How long a whole execution may take.", ge=compiler.MIN_TIMEOUT_SECONDS, le=compiler.MAX_TIMEOUT_SECONDS
            ),
        ]
        | None
    ]
    concurrency: NotRequired[Concurrency | None]
    mirror_to_pin: NotRequired[PinMirror | None]


class NewWorkflow(_Definition):
    name: Name
    description: NotRequired[Annotated[str, about("Free text.", max_length=MAX_DESCRIPTION_LENGTH)]]


class WorkflowChange(_Definition):
    name: NotRequired[Name]
    description: NotRequired[Annotated[str, about("Free text.", max_length=MAX_DESCRIPTION_LENGTH)]]


class WorkflowStatusChange(TypedDict):
    status: Annotated[str, among(STATUSES)]


class WorkflowCreated(TypedDict):
    id: str
    name: str
    description: str
    status: WorkflowStatus
    created_at: Time


class WorkflowItem(WorkflowCreated):
    updated_at: Time
    dialect: NotRequired[str]
    version: NotRequired[int]


class Workflow(TypedDict):
    """With its definition as it was sent."""

    id: str
    name: str
    description: str
    status: WorkflowStatus
    nodes: list[Object]
    connections: list[Object]
    created_at: Time
    updated_at: Time
    timeout_seconds: NotRequired[float]
    concurrency: NotRequired[Object]
    mirror_to_pin: NotRequired[Object]


class Webhook(TypedDict):
    id: str
    workflow_id: str
    name: str
    url: Annotated[str, about("A call of it starts the workflow.")]
    method: Annotated[str, among(METHODS)]
    created_at: Time


class WebhookWithToken(Webhook):
    token: Annotated[str | None, about("What calls have to carry; null where they need not.")]


class ChangedWebhook(Webhook):
    token: NotRequired[Annotated[str, about("The new one, where calls need one from now on.")]]


class Webhooks(TypedDict):
    webhooks: list[Webhook]


class Authentication(TypedDict):
    type: NotRequired[Annotated[Literal["bearer"], by_default("bearer")]]
    enabled: NotRequired[Annotated[bool, about("Whether calls have to carry the token."), by_default(True)]]


_WebhookName = Annotated[str, about("Trimmed.", min_length=1, max_length=MAX_WEBHOOK_NAME_LENGTH)]


class WebhookChange(TypedDict):
    name: NotRequired[_WebhookName]
    method: NotRequired[Annotated[str, among(METHODS, "The one verb that it answers, in upper or lower case.")]]
    authentication: NotRequired[Authentication]


class NewWebhook(TypedDict):
    workflow_id: str
    name: NotRequired[Annotated[str, about("Free text.", max_length=MAX_WEBHOOK_NAME_LENGTH), by_default("")]]
    method: NotRequired[Annotated[str, among(METHODS, "The one verb that it answers."), by_default("POST")]]
    authentication: NotRequired[Authentication]


class ScheduleTiming(TypedDict):
    """Of `cron` and `interval_seconds` at most one."""

    cron: NotRequired[Annotated[str, about("Five fields, as in crontab.", max_length=MAX_EXPRESSION_LENGTH)]]
    interval_seconds: NotRequired[Annotated[int, about("Every so often.", ge=1, le=MAX_INTERVAL_SECONDS)]]
    timezone: NotRequired[
        Annotated[str, about("An IANA name.", max_length=MAX_SCHEDULE_TEXT_LENGTH), by_default("UTC")]
    ]


class ScheduleChange(ScheduleTiming):
    name: NotRequired[Annotated[str, about("Free text.", max_length=MAX_SCHEDULE_TEXT_LENGTH)]]
    input: NotRequired[Annotated[Object, about("What each execution starts with.")]]
    enabled: NotRequired[Annotated[bool, by_default(True)]]
    overlap: NotRequired[Annotated[Overlap, by_default(Overlap.ALLOW)]]
    catch_up: NotRequired[Annotated[CatchUp, by_default(CatchUp.NONE)]]
    catch_up_limit: NotRequired[
        Annotated[int, about("At most so many.", ge=1, le=MAX_CATCH_UP_LIMIT), by_default(DEFAULT_CATCH_UP_LIMIT)]
    ]


class NewSchedule(ScheduleChange):
    workflow_id: str


class Schedule(TypedDict):
    id: str
    workflow_id: str
    name: str
    enabled: bool
    cron: str | None
    interval_seconds: int | None
    timezone: str
    input: Any
    overlap: Overlap
    catch_up: CatchUp
    catch_up_limit: int
    managed: Annotated[bool, about("Whether it belongs to a trigger, and is changed with its workflow alone.")]
    node_id: Annotated[str | None, about("That trigger's node.")]
    next_run_at: Time | None
    last_run_at: Time | None
    last_execution_id: str | None
    skipped: Annotated[int, about("How many due times were skipped.")]
    created_at: Time
    updated_at: Time


class Fire(TypedDict):
    at: Time
    local: Annotated[str, about("In the schedule's time zone.")]
    codes: Annotated[
        list[Literal["matched", "interval", "first_of_two", "one_left_out"]],
        about(
            "Why then: its fields match, or it is a turn of an interval; where the clocks are changed, this local time "
            "comes twice and counts the first time, or one before it was left out."
        ),
    ]
    reason: Annotated[str, about("The same as a sentence: in English, or in German for whoever prefers it.")]


class Preview(TypedDict):
    timezone: str
    upcoming: list[Fire]


class Upcoming(Preview):
    schedule_id: str


class NewKey(TypedDict):
    name: Annotated[str, about("What it is for; trimmed.", min_length=1, max_length=MAX_KEY_NAME_LENGTH)]
    scopes: Annotated[
        list[str],
        about("What it may do; not more than the key that makes it.", min_length=1, max_length=MAX_SCOPES),
    ]


class Key(TypedDict):
    id: str
    name: str
    user_id: str
    scopes: list[str]
    created_at: Time
    revoked_at: Time | None
    current: Annotated[bool, about("Whether it is the key of this call.")]


class KeyWithSecret(Key):
    secret: Annotated[str, about("The key itself, which is in this reply and in no other.")]
