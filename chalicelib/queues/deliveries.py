"""The queue of events to be told and deliveries to be attempted. A message is a hint: what it says is checked in the
store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from chalicelib.domain.deliveries import DeliveryPlace
from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.domain.events import Emitter, EmitterKind, EventPlace, parse_event_id
from chalicelib.domain.hints import MOST_DELAY_SECONDS
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.times import from_epoch_ms
from chalicelib.queues.batches import Batches, Group
from chalicelib.queues.runs import is_retryable

MOST_PER_CALL = 10
"""Of one `SendMessageBatch`."""
_VERSION = 1


class _Event(msgspec.Struct, frozen=True, tag="event"):
    v: int
    workspace_id: str
    emitter_kind: str
    emitter_id: str
    stream: str
    id: str


class _Delivery(msgspec.Struct, frozen=True, tag="delivery"):
    v: int
    workspace_id: str
    endpoint_id: str
    created_at: int
    id: str


class SqsDeliveryQueue:
    """The `DeliveryQueue` port on a standard SQS queue.

    On a standard queue a message group is no order but a tenant: one that floods the queue waits, the others' messages
    go before its own. Events are grouped by workspace, deliveries by endpoint.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self.url = queue_url

    def send_event(self, place: EventPlace) -> None:
        emitter = place.emitter
        body = _Event(_VERSION, emitter.workspace_id, emitter.kind.value, emitter.id, place.stream, str(place.id))
        self._call(
            self._client.send_message,
            MessageBody=msgspec.json.encode(body).decode(),
            MessageGroupId=emitter.workspace_id,
        )

    def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
        # SQS refuses more; what is to wait for longer is in the due index, and found by the tick.
        delay_seconds = min(max(delay_seconds, 0), MOST_DELAY_SECONDS)
        for some in _by_tens(places):
            entries = [_entry(number, place, delay_seconds) for number, place in enumerate(some)]
            answer = self._call(self._client.send_message_batch, Entries=entries)
            if answer.get("Failed"):
                # Those of the call that were taken are sent again with the others: twice the same hint changes nothing.
                raise UnavailableError(reason=answer["Failed"][0].get("Code"), failed=len(answer["Failed"]))

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = method(QueueUrl=self.url, **arguments)
        except (AwsConnectionError, HTTPClientError) as error:
            raise UnavailableError() from error
        except ClientError as error:
            if not is_retryable(error):
                raise
            raise UnavailableError() from error
        return answer


class DeliveryBatches(Batches):
    """Batches of the deliveries queue, as calls of `tell(place, until)` and `attempt(place, until)`."""

    def __init__(
        self,
        tell: Callable[[EventPlace, datetime], None],
        attempt: Callable[[DeliveryPlace, datetime], None],
        group: Callable[[], Group],
        now: Callable[[], datetime],
    ) -> None:
        def handle(body: str, until: datetime) -> None:
            place = parse(body)
            if isinstance(place, EventPlace):
                tell(place, until)
            else:
                attempt(place, until)

        super().__init__(handle, group, now)


def parse(body: str) -> EventPlace | DeliveryPlace:
    """Raises InvalidError for what this version did not send."""
    try:
        message = msgspec.json.decode(body, type=_Event | _Delivery)
    # The last of a body with half of a surrogate pair, which has no bytes to be decoded.
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError) as error:
        raise InvalidError("The message is neither an event's nor a delivery's.") from error
    if message.v != _VERSION:
        raise InvalidError("The message is of another version.", version=message.v)
    if isinstance(message, _Delivery):
        created_at = from_epoch_ms(message.created_at)
        return DeliveryPlace(message.workspace_id, message.endpoint_id, created_at, message.id)
    try:
        kind = EmitterKind(message.emitter_kind)
    except ValueError as error:
        raise InvalidError("The message is no event's.") from error
    return EventPlace(
        Emitter(message.workspace_id, kind, message.emitter_id), message.stream, parse_event_id(message.id)
    )


def _entry(number: int, place: DeliveryPlace, delay_seconds: int) -> dict[str, Any]:
    body = _Delivery(_VERSION, place.workspace_id, place.endpoint_id, epoch_ms(place.created_at), place.id)
    return {
        "Id": str(number),  # unique within its call, no more
        "MessageBody": msgspec.json.encode(body).decode(),
        "DelaySeconds": delay_seconds,
        "MessageGroupId": place.endpoint_id,
    }


def _by_tens(places: tuple[DeliveryPlace, ...]) -> Iterator[tuple[DeliveryPlace, ...]]:
    return (places[begin : begin + MOST_PER_CALL] for begin in range(0, len(places), MOST_PER_CALL))
