"""What calls on webhooks and deliveries take and answer, as types; limits are those that the handlers decode by."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from chalicelib.api.common.describe import about, by_default
from chalicelib.api.pipedream.document_types import Anywhere, Seconds
from chalicelib.api.pipedream.webhooks import TEST_EVENT
from chalicelib.domain import endpoint_rules as rules
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.endpoints import EndpointStatus

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


class WebhookChange(Anywhere):
    """What is null goes back to what it is by default."""

    url: NotRequired[_Url]
    name: NotRequired[_Name]
    description: NotRequired[_Description]
    event_types: NotRequired[_EventTypes]
    rate_limit: NotRequired[_Rate]
    headers: NotRequired[_Headers]
    active: NotRequired[Annotated[bool, about("False pauses it, true resumes it.")] | None]


class NewWebhook(Anywhere):
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


class NewSecret(Anywhere):
    secret: NotRequired[Annotated[str, about("One of one's own; without, one is made.")]]


class Test(Anywhere):
    type: NotRequired[Annotated[_EventType, by_default(TEST_EVENT)]]
    payload: NotRequired[Annotated[Any, about("What is delivered.")]]


class Recovery(Anywhere):
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
