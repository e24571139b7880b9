"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by.

What a reply shows of a resource may have any of its members left out by `include` and `exclude`, so none is required.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, among, by_default, open_ended
from chalicelib.api.pipedream.webhooks import TEST_EVENT
from chalicelib.api.pipedream.workflow_form import LONGEST_NAME, MOST_STEPS, NAMESPACE_PATTERN, TRIGGER_TYPES
from chalicelib.domain import endpoint_rules as rules
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.endpoints import EndpointStatus

Seconds = Annotated[int, about("Seconds since 1970.")]
Object = dict[str, Any]
Workspace_ = Annotated[str, about("The caller's own workspace.")]
Code = Annotated[str, about("JavaScript: the component itself.")]


class _Anywhere(TypedDict):
    """What every call understands."""

    workspace_id: NotRequired[Workspace_]
    org_id: NotRequired[Workspace_]
    include: NotRequired[Annotated[str, about("Members that the reply is to have alone, with commas.")]]
    exclude: NotRequired[Annotated[str, about("Members that the reply is not to have, with commas.")]]


class Nothing(_Anywhere):
    """Nothing of its own."""


class PageInfo(TypedDict):
    total_count: int
    count: int
    start_cursor: str | None
    end_cursor: str | None


class CursorInfo(TypedDict):
    count: int
    next_cursor: Annotated[str | None, about("Where the next page begins; null on the last.")]


class Org(TypedDict):
    name: str
    id: str
    orgname: str
    email: str
    daily_credits_quota: int
    daily_credits_used: int


class User(TypedDict, total=False):
    id: str
    username: str
    email: str
    daily_compute_time_quota: Annotated[int, about("Milliseconds.")]
    daily_compute_time_used: Annotated[int, about("Milliseconds.")]
    daily_invocations_quota: int
    daily_invocations_used: int
    orgs: list[Org]


class ListedWorkspace(TypedDict, total=False):
    id: str
    orgname: str
    name: str


class Workspace(ListedWorkspace, total=False):
    email: str
    daily_credits_quota: int
    daily_credits_used: int


class NewComponent(_Anywhere):
    """One of both; the code counts more."""

    component_code: NotRequired[Code]
    component_url: NotRequired[Annotated[str, about("Where the code is to be fetched.")]]


class Component(TypedDict, total=False):
    id: str
    code: str
    code_hash: str
    name: str
    version: str
    configurable_props: list[Object]
    created_at: Seconds
    updated_at: Seconds
    key: str | None
    description: str | None
    type: str
    component_url: str | None
    missing_modules: Annotated[list[str], about("Modules that the code wants and the sandbox lacks.")]


class Found(TypedDict):
    sources: Annotated[list[Any], about("Keys of components.")]
    actions: Annotated[list[Any], about("Keys of components.")]


class AccountChange(_Anywhere):
    name: NotRequired[str]
    credentials: NotRequired[Annotated[Object, about("What it holds; never shown.")]]


class NewAccount(_Anywhere):
    app: Annotated[str, about("The app's slug.", min_length=1)]
    name: NotRequired[str]
    credentials: Annotated[Object, about("What it holds; never shown.")]


class App(TypedDict):
    name_slug: str


class Account(TypedDict, total=False):
    id: str
    name: str
    app: App
    fields: Annotated[list[str], about("Names of what it holds.")]
    created_at: Seconds
    updated_at: Seconds


class NewSource(_Anywhere):
    """One of the first four says what is deployed."""

    component_id: NotRequired[str]
    component_code: NotRequired[Code]
    component_url: NotRequired[str]
    key: NotRequired[Annotated[str, about("A component of the registry.")]]
    name: NotRequired[str]
    configured_props: NotRequired[Annotated[Object, about("Values of its props.")]]


class SourceChange(NewSource):
    active: NotRequired[Annotated[bool, about("Whether it runs.")]]


class ListedSource(TypedDict, total=False):
    id: str
    component_id: str
    configured_props: Object
    active: bool
    created_at: Seconds
    updated_at: Seconds
    name: str
    name_slug: str
    owner_id: Annotated[str, about("The workspace, if it is deployed for that.")]


class Source(ListedSource, total=False):
    user_id: str


class Trial(_Anywhere):
    event: NotRequired[Annotated[Any, about("What its run is given.")]]


class Emit(TypedDict):
    event: Any
    metadata: Object


class RunLine(TypedDict):
    level: str
    m: str
    ts: int


class RunError(TypedDict):
    code: str
    msg: str
    stack: str | None


class RunResponse(TypedDict):
    status: int
    headers: Object
    body: str


class Tried(TypedDict, total=False):
    """What the source would do."""

    emits: list[Emit]
    logs: list[RunLine]
    db: Annotated[Object, about("Keys that it would change.")]
    error: RunError | None
    response: RunResponse | None
    missing_modules: list[str]


class NewSubscription(_Anywhere):
    emitter_id: Annotated[str, about("Who emits: a source, a workflow, or one's workspace for all.", min_length=1)]
    event_name: NotRequired[Annotated[str, about("The channel; without one, the default channel.")]]
    listener_id: Annotated[str, about("Who listens: a webhook or a workflow.", min_length=1)]


class Subscription(TypedDict, total=False):
    id: str
    emitter_id: str
    listener_id: str
    event_name: str


class NewAutoSubscription(_Anywhere):
    event_name: Annotated[str, about("The channel.", min_length=1)]
    listener_id: Annotated[str, about("Who listens.", min_length=1)]


class AutoSubscription(TypedDict, total=False):
    id: str
    event_name: str
    listener_id: str


class EventInfo(TypedDict):
    total_count: int
    start_cursor: str | None
    end_cursor: str | None
    count: int


class EventMetadata(TypedDict):
    emit_id: str
    name: Annotated[str, about("The channel.")]
    emitter_id: str
    summary: NotRequired[str]
    id: NotRequired[Any]
    ts: NotRequired[Any]


class EventSummary(TypedDict, total=False):
    id: Annotated[str, about("Milliseconds since 1970, and a number.")]
    indexed_at_ms: int
    event: Annotated[Any, about("An excerpt, unless the call asks for whole events.")]
    metadata: EventMetadata


_Url = Annotated[str, about("An address that can be reached from outside.", max_length=rules.LONGEST_URL)]
_Name = Annotated[str, about("Free text.", max_length=rules.LONGEST_NAME)] | None
_Description = Annotated[str, about("Free text.", max_length=rules.LONGEST_DESCRIPTION)] | None
_EventType = Annotated[str, about("The type of an event.", min_length=1, max_length=rules.LONGEST_EVENT_TYPE)]
_EventTypes = (
    Annotated[list[_EventType], about("Only these are delivered; none means all.", max_length=rules.MOST_EVENT_TYPES)]
    | None
)
_Rate = Annotated[int, about("Deliveries a second.", ge=1, le=rules.FASTEST)] | None
_Header = Annotated[str, about("Printable.", max_length=rules.LONGEST_HEADER)]
_Headers = Annotated[dict[str, _Header], about("Headers that deliveries carry.", max_length=rules.MOST_HEADERS)] | None


class WebhookChange(_Anywhere):
    """What is null goes back to what it is by default."""

    url: NotRequired[_Url]
    name: NotRequired[_Name]
    description: NotRequired[_Description]
    event_types: NotRequired[_EventTypes]
    rate_limit: NotRequired[_Rate]
    headers: NotRequired[_Headers]
    active: NotRequired[Annotated[bool, about("False pauses it, true resumes it.")] | None]


class NewWebhook(_Anywhere):
    url: _Url
    name: NotRequired[_Name]
    description: NotRequired[_Description]
    event_types: NotRequired[_EventTypes]
    rate_limit: NotRequired[_Rate]
    headers: NotRequired[_Headers]


class ListedWebhook(TypedDict, total=False):
    id: str
    name: str | None
    description: str | None
    url: str
    active: bool
    created_at: Seconds
    updated_at: Seconds


class Webhook(ListedWebhook, total=False):
    user_id: str


class FullWebhook(Webhook, total=False):
    status: EndpointStatus
    status_reason: str | None
    failing_since: Seconds | None
    event_types: list[str]
    rate_limit: int | None
    headers: Annotated[dict[str, str], about("Secrets are masked.")]


class ResumedWebhook(FullWebhook, total=False):
    released: Annotated[int, about("Deliveries that waited, and go out now.")]
    execution_id: Annotated[str | None, about("The execution that releases more than go out at once.")]


class Secret(TypedDict, total=False):
    secret: str


class Rotation(Secret, total=False):
    previous_secret_expires_at: Seconds | None


class NewSecret(_Anywhere):
    secret: NotRequired[Annotated[str, about("One of one's own; without, one is made.")]]


class Test(_Anywhere):
    type: NotRequired[Annotated[_EventType, by_default(TEST_EVENT)]]
    payload: NotRequired[Annotated[Any, about("What is delivered.")]]


class Recovery(_Anywhere):
    since: Annotated[str, about("An ISO 8601 date or time.", min_length=1)]
    until: NotRequired[Annotated[str, about("An ISO 8601 date or time.")]]


class Recovered(TypedDict, total=False):
    recovered: Annotated[int | None, about("Deliveries that go out again.")]
    execution_id: Annotated[str | None, about("The execution that goes on with it.")]


class AttemptOfDelivery(TypedDict):
    number: int
    at_ms: int
    latency_ms: int
    status: int | None
    error: str | None
    excerpt: Annotated[str, about("Of what the receiver answered.")]


class Delivery(TypedDict, total=False):
    id: str
    webhook_id: str
    type: str
    status: DeliveryStatus
    reason: str | None
    attempt_count: int
    created_at: Seconds
    finished_at: Seconds | None
    next_attempt_at: Seconds | None
    last_attempt: AttemptOfDelivery | None
    emitter_id: str | None
    event_name: str
    event_id: str | None
    emit_id: str | None


class FullDelivery(Delivery, total=False):
    payload: Any
    attempts: list[AttemptOfDelivery]


class StepOfCode(TypedDict):
    code: Annotated[str, about("JavaScript: the step.", min_length=1)]
    namespace: NotRequired[Annotated[str, about("Its name for other steps.", pattern=f"^{NAMESPACE_PATTERN}$")]]
    props: NotRequired[Object]


@open_ended
class NewTrigger(TypedDict):
    """A timer has `cron` or `interval_seconds`, a source trigger `source_id`; they may stand in `props` as well."""

    type: NotRequired[Annotated[str, among(TRIGGER_TYPES)]]
    cron: NotRequired[str]
    interval_seconds: NotRequired[int]
    timezone: NotRequired[str]
    source_id: NotRequired[str]
    props: NotRequired[Object]


class WorkflowSettings(TypedDict):
    name: NotRequired[Annotated[str, about("Its name.", min_length=1, max_length=LONGEST_NAME)]]
    auto_deploy: NotRequired[Annotated[bool, about("Whether it runs at once."), by_default(True)]]


class NewWorkflow(_Anywhere):
    steps: Annotated[list[StepOfCode], about("What it does, in order.", min_length=1, max_length=MOST_STEPS)]
    triggers: NotRequired[Annotated[list[NewTrigger], about("What starts it.", max_length=MOST_STEPS)]]
    settings: NotRequired[WorkflowSettings]
    project_id: NotRequired[str]
    template_id: NotRequired[str]


class WorkflowChange(_Anywhere):
    active: Annotated[bool, about("Whether it runs.")]


class SavedComponent(TypedDict):
    id: str
    code: str
    codeHash: str
    configurableProps: list[Object]
    key: str | None
    description: str | None
    entryPath: None
    version: str
    apps: list[Any]


class Step(TypedDict):
    id: str
    type: Literal["CodeCell"]
    namespace: str
    disabled: bool
    lang: str
    component: bool
    savedComponent: SavedComponent
    component_key: str | None
    component_owner_id: None
    configured_props_json: str
    authProvisionIdMap: Object
    authProvisionIds: list[Any]


class Trigger(TypedDict):
    id: str
    key: NotRequired[str]
    endpoint_url: NotRequired[Annotated[str, about("A request of it starts the workflow.")]]
    custom_response: NotRequired[bool]
    interval_seconds: NotRequired[int | None]
    cron: NotRequired[str | None]
    timezone: NotRequired[str]


class MadeWorkflow(TypedDict, total=False):
    id: str
    name: str
    active: bool
    steps: list[Step]
    triggers: list[Trigger]


class ChangedWorkflow(TypedDict, total=False):
    id: str
    name: str
    name_slug: str
    inactive: bool
    active: bool
    owner_id: str
    owner_type: Literal["Org"]
    creator_id: str
    description: str | None
    created_at: str
    updated_at: str
    project_id: str | None
    deployments: list[tuple[str, str]]
