"""What calls on live data and webhooks, and those of everybody, take and answer, as types."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from chalicelib.api.common.describe import about, open_ended
from chalicelib.api.pindown.document_types import Block, Id, KeyInBody, Metadata, Object, Time
from chalicelib.domain.pins import LONGEST_WORKFLOW_ID, PinEvent


class Push(TypedDict):
    data: Annotated[Object, about("The live data, which replaces what was there.", min_length=1)]
    api_key: NotRequired[KeyInBody]


@open_ended
class WrappedPush(TypedDict):
    """The data itself, or an object whose only member `data` it is."""

    data: NotRequired[Object]


class Pushed(TypedDict):
    pid: str
    wid: str
    data: Object


class PastVersion(TypedDict):
    version: int
    updated_at: Time
    data: Object


Versions = Annotated[list[PastVersion], about("Newest first, as many as one answer has room for.")]
DataByWorkflow = dict[str, Object]
WorkflowId = Annotated[str, about("Which of the pin's data.", min_length=1, max_length=LONGEST_WORKFLOW_ID)]
Url = Annotated[str, about("An address that can be reached from outside.")]
Events = Annotated[list[PinEvent], about("What it is told.", min_length=1)]


class NewWebhook(TypedDict):
    pinId: Id
    workflowId: WorkflowId
    url: Url
    events: Events
    api_key: NotRequired[KeyInBody]


class WebhookChange(TypedDict):
    url: NotRequired[Url]
    events: NotRequired[Events]
    is_active: NotRequired[bool]
    api_key: NotRequired[KeyInBody]


class Webhook(TypedDict):
    id: str
    url: str
    events: list[PinEvent]
    pinId: str
    workflowId: str
    is_active: bool
    secret: NotRequired[Annotated[str, about("What deliveries are signed with; shown once.")]]
    created_at: Time


class Webhooks(TypedDict):
    webhooks: list[Webhook]
    total: int


class WebhookId(TypedDict):
    webhookId: str


class Health(TypedDict):
    status: Literal["OK"]
    timestamp: Time


class PublicPin(TypedDict):
    id: str
    metadata: Metadata
    blocks: list[Block]


class OnePublicPin(TypedDict):
    pin: PublicPin


class BoardMetadata(TypedDict):
    title: str
    description: str
    tags: list[str]
    created_at: Time
    updated_at: Time
    is_public: bool
    user_id: str


class PinOfBoard(TypedDict):
    id: str
    name: str
    description: str
    content: str
    blocks: list[Block]


class PublicBoard(TypedDict):
    id: str
    metadata: BoardMetadata
    pins: list[PinOfBoard]


class OnePublicBoard(TypedDict):
    pinboard: PublicBoard
