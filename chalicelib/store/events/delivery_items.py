"""The deliveries table.

<workspace>#<endpoint> / <time>#<id>                    a delivery
<workspace>#<endpoint>#of / <id>#at                     when the delivery was created
<workspace>#<endpoint>#of / <id>#try#<number>#<fence>   an attempt of it

Deliveries of an endpoint are in the order of their creation; who knows only an id finds the time by its pointer. An
index lists by endpoint what has not succeeded, another by due time what is pending.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.domain.deliveries import Attempt, Delivery, DeliveryPlace, DeliveryStatus, Origin
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import MAX_PAYLOAD_BYTES, EmitterKind
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import Item, OptionalTextAttribute, OptionalTimeAttribute, TimeAttribute
from chalicelib.store.events.payloads import INLINE_BYTES, owner_of
from chalicelib.store.shards import shard_of
from chalicelib.store.table import RawItem, Table, part, whole
from chalicelib.store.values import Values

DUE = "due"
UNDELIVERED = "undelivered"

OLDEST = "0"
NEWEST = "~"  # sorts after every digit

LONGEST_DELIVERY = timedelta(days=366)
"""A pointer and an attempt may be written this long before their delivery finishes, so they are kept this much longer
than it is."""

_PLACE = re.compile(r"([0-9]{14})#(.+)", re.ASCII | re.DOTALL)


class DeliveryItem(Item):
    """`undelivered` is the partition once more, unless it has succeeded."""

    endpoint = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)
    undelivered = OptionalTextAttribute()
    type = UnicodeAttribute()
    payload = UnicodeAttribute()
    origin = UnicodeAttribute()
    status = UnicodeAttribute()
    attempts = NumberAttribute()
    tried = NumberAttribute()
    next_attempt_at = OptionalTimeAttribute()
    due_shard = UnicodeAttribute()
    due_at = OptionalTimeAttribute()
    lease_expires_at = OptionalTimeAttribute()
    fence = NumberAttribute()
    finished_at = OptionalTimeAttribute()
    last = OptionalTextAttribute()
    reason = OptionalTextAttribute()


class PointerItem(Item):
    endpoint = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)
    created_at = TimeAttribute()


class AttemptItem(Item):
    endpoint = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)
    attempt = UnicodeAttribute()


def deliveries_table(client: Any, name: str) -> Table:
    return Table(client, name, "endpoint", "place")


def pack(values: Values, delivery: Delivery, expires_at: datetime | None) -> DeliveryItem:
    """Raises TooLargeError."""
    partition = partition_of(delivery.workspace_id, delivery.endpoint_id)
    owner = owner_of(delivery.workspace_id)
    return DeliveryItem(
        partition,
        place_of(delivery.created_at, delivery.id),
        undelivered=None if delivery.status is DeliveryStatus.SUCCEEDED else partition,
        type=delivery.type,
        payload=values.pack(owner, delivery.payload, INLINE_BYTES, MAX_PAYLOAD_BYTES),
        origin=_origin_to_json(delivery.origin),
        status=delivery.status.value,
        attempts=delivery.attempts,
        tried=delivery.tried,
        next_attempt_at=delivery.next_attempt_at,
        # Always there; what is not due has no `due_at`, and an index needs both to show an item.
        due_shard=shard_of(delivery.id),
        due_at=delivery.due_at,
        lease_expires_at=delivery.lease_expires_at,
        fence=delivery.fence,
        finished_at=delivery.finished_at,
        last=None if delivery.last is None else attempt_to_json(delivery.last),
        reason=delivery.reason,
        expires_at=expires_at,
    )


def unpack(values: Values, raw: RawItem) -> Delivery:
    """With its payload. Raises BlobNotFoundError."""
    item = DeliveryItem.from_raw_data(raw)
    (payload,) = values.unpack(owner_of(parse_key(item).workspace_id), [item.payload])
    return without_payload(item, payload)


def without_payload(item: DeliveryItem, payload: Json = None) -> Delivery:
    place = parse_key(item)
    return Delivery(
        id=place.id,
        workspace_id=place.workspace_id,
        endpoint_id=place.endpoint_id,
        type=item.type,
        payload=payload,
        origin=_origin_from_json(item.origin),
        created_at=place.created_at,
        status=DeliveryStatus(item.status),
        attempts=int(item.attempts),
        tried=int(item.tried),
        next_attempt_at=item.next_attempt_at,
        due_at=item.due_at,
        lease_expires_at=item.lease_expires_at,
        fence=int(item.fence),
        finished_at=item.finished_at,
        last=None if item.last is None else attempt_from_json(item.last),
        reason=item.reason,
    )


def partition_of(workspace_id: str, endpoint_id: str) -> str:
    return f"{part(workspace_id)}#{part(endpoint_id)}"


def records_of(workspace_id: str, endpoint_id: str) -> str:
    return f"{partition_of(workspace_id, endpoint_id)}#of"


def place_of(created_at: datetime, delivery_id: str) -> str:
    return f"{epoch_ms(created_at):014}#{delivery_id}"


def key_of(place: DeliveryPlace) -> tuple[str, str]:
    return partition_of(place.workspace_id, place.endpoint_id), place_of(place.created_at, place.id)


def parse_key(item: DeliveryItem) -> DeliveryPlace:
    """Of an item, or of an entry of an index, which has the keys too."""
    workspace_id, endpoint_id = map(whole, item.endpoint.split("#"))
    # Only at the first one: the id stands there as it is, whatever it contains.
    ms, delivery_id = item.place.split("#", 1)
    return DeliveryPlace(workspace_id, endpoint_id, from_epoch_ms(int(ms)), delivery_id)


def places_from(since: datetime) -> str:
    """Sorts before every delivery of that time or later, and after every earlier one."""
    return _milliseconds(since, math.ceil)


def places_until(until: datetime) -> str:
    """Sorts after every delivery of that time or earlier, and before every later one: `$` follows `#`."""
    return f"{_milliseconds(until, math.floor)}$"


def pointer_place(delivery_id: str) -> str:
    return f"{part(delivery_id)}#at"


def attempts_place(delivery_id: str) -> str:
    """How the places of a delivery's attempts begin."""
    return f"{part(delivery_id)}#try#"


def attempt_place(delivery_id: str, number: int, fence: int) -> str:
    # Both padded, so that the order of keys is that of the numbers, and for one number that of the claims.
    return f"{attempts_place(delivery_id)}{number:09}#{fence:09}"


def to_cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def from_cursor(cursor: str) -> str:
    """Raises InvalidError."""
    try:
        place = base64.urlsafe_b64decode(cursor.encode("ascii")).decode()
    # Bad base64, bytes that are no UTF-8 and characters beyond ASCII are ValueErrors, all of them.
    except ValueError as error:
        raise InvalidError("The cursor is not one of this list.") from error
    if _PLACE.fullmatch(place) is None:
        raise InvalidError("The cursor is not one of this list.")
    return place


def attempt_to_json(attempt: Attempt) -> str:
    """What of it is set."""
    members: dict[str, Json] = {
        "number": attempt.number,
        "at": epoch_ms(attempt.at),
        "latency": attempt.latency_ms,
        "status": attempt.status,
        "error": attempt.error,
        "excerpt": attempt.excerpt,
    }
    return encode({name: value for name, value in members.items() if value is not None}).decode()


def attempt_from_json(text: str) -> Attempt:
    members: Any = decode(text.encode())
    return Attempt(
        number=members["number"],
        at=from_epoch_ms(members["at"]),
        latency_ms=members["latency"],
        status=members.get("status"),
        error=members.get("error"),
        excerpt=members.get("excerpt"),
    )


def _origin_to_json(origin: Origin) -> str:
    kind = None if origin.emitter_kind is None else origin.emitter_kind.value
    return encode(
        [kind, origin.emitter_id, origin.channel, origin.event_id, origin.emit_id, origin.hops],
    ).decode()


def _origin_from_json(text: str) -> Origin:
    members: Any = decode(text.encode())
    kind, *rest = members
    return Origin(None if kind is None else EmitterKind(kind), *rest)


def _milliseconds(at: datetime, rounding: Callable[[float], int]) -> str:
    """14 digits reach the year 5138."""
    return f"{max(rounding(at.timestamp() * 1000), 0):014d}"
