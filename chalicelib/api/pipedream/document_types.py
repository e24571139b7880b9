"""The objects that this door takes and answers, as types; their limits are those that the handlers decode by.

What a reply shows of a resource may have any of its members left out by `include` and `exclude`, so none is required.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib.api.common.describe import about

Seconds = Annotated[int, about("Seconds since 1970.")]
Object = dict[str, Any]
Workspace_ = Annotated[str, about("The caller's own workspace.")]
Code = Annotated[str, about("JavaScript: the component itself.")]


class Anywhere(TypedDict):
    """What every call understands."""

    workspace_id: NotRequired[Workspace_]
    org_id: NotRequired[Workspace_]
    include: NotRequired[Annotated[str, about("Members that the reply is to have alone, with commas.")]]
    exclude: NotRequired[Annotated[str, about("Members that the reply is not to have, with commas.")]]


class Nothing(Anywhere):
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


class NewComponent(Anywhere):
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


class AccountChange(Anywhere):
    name: NotRequired[Annotated[str, about("What it is called.")]]
    credentials: NotRequired[Annotated[Object, about("What it holds; never shown.")]]


class NewAccount(Anywhere):
    app: Annotated[str, about("The app's slug.", min_length=1)]
    name: NotRequired[Annotated[str, about("What it is called.")]]
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


class NewSource(Anywhere):
    """One of the first four says what is deployed."""

    component_id: NotRequired[Annotated[str, about("A saved component.")]]
    component_code: NotRequired[Code]
    component_url: NotRequired[Annotated[str, about("Where the code is to be fetched.")]]
    key: NotRequired[Annotated[str, about("A component of the registry.")]]
    name: NotRequired[Annotated[str, about("What it is called.")]]
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


class Trial(Anywhere):
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


class NewSubscription(Anywhere):
    emitter_id: Annotated[str, about("Who emits: a source, a workflow, or one's workspace for all.", min_length=1)]
    event_name: NotRequired[Annotated[str, about("The channel; without one, the default channel.")]]
    listener_id: Annotated[str, about("Who listens: a webhook or a workflow.", min_length=1)]


class Subscription(TypedDict, total=False):
    id: str
    emitter_id: str
    listener_id: str
    event_name: str


class NewAutoSubscription(Anywhere):
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
