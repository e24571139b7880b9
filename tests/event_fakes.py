"""In-memory implementations of the event half's ports: like `tests.fakes`, atomic by themselves and strict."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain import json
from chalicelib.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    DeliveryPlace,
    DeliveryStatus,
    DueDelivery,
)
from chalicelib.domain.endpoints import Disabling, Endpoint, EndpointStatus
from chalicelib.domain.errors import (
    AlreadyExistsError,
    DeliveryNotFoundError,
    EndpointNotFoundError,
    InvalidError,
    LeaseLostError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.events import (
    CHANNEL_REACH,
    MAX_PAYLOAD_BYTES,
    NEWEST_KEPT,
    DueEvent,
    Emission,
    Emitter,
    EmitterKind,
    Event,
    EventId,
    EventPage,
    EventPlace,
    EventQuery,
    stream_of,
)
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.domain.subscriptions import AutoSubscription, Subscription, patterns_for
from chalicelib.domain.usage import Usage
from tests.fakes import FixedClock, shard_of

_CURSOR = re.compile(r"([0-9]+)#(.+)", re.ASCII | re.DOTALL)


class MemoryEventStore:
    """`retention_seconds` is how long an event is to be seen; None means forever."""

    def __init__(self, clock: FixedClock, retention_seconds: int | None = None) -> None:
        self._clock = clock
        self._retention_seconds = retention_seconds
        self._streams: dict[tuple[Emitter, str], dict[EventId, Event]] = {}
        self._due: dict[EventPlace, datetime] = {}

    def append(self, emission: Emission, *, now: datetime, due_at: datetime | None, may_repeat: bool = False) -> Event:
        _check_size(emission.payload)
        stream = self._streams.setdefault((emission.emitter, stream_of(emission.channel)), {})
        newest = sorted(stream, reverse=True)[:NEWEST_KEPT]
        for known in newest if may_repeat else newest[:1]:
            if stream[known].emission.emit_id == emission.emit_id:
                return stream[known]
        ms = epoch_ms(now)
        event = Event(newest[0].next_at(ms) if newest else EventId(ms, 0), emission, now)
        stream[event.id] = event
        if due_at is not None:
            self._due[event.place] = due_at
        return event

    def put(self, event: Event, *, due_at: datetime | None) -> bool:
        _check_size(event.emission.payload)
        stream = self._streams.setdefault((event.emission.emitter, stream_of(event.emission.channel)), {})
        if event.id in stream:
            return stream[event.id].emission.emit_id == event.emission.emit_id
        stream[event.id] = event
        if due_at is not None:
            self._due[event.place] = due_at
        return True

    def get(self, place: EventPlace) -> Event | None:
        event = self._streams.get((place.emitter, place.stream), {}).get(place.id)
        return None if event is None or self._is_expired(event) else event

    def page(self, emitter: Emitter, stream: str, query: EventQuery) -> EventPage:
        stored = self._streams.get((emitter, stream), {})
        found = [stored[id_] for id_ in sorted(stored, reverse=True) if not self._is_expired(stored[id_])]
        if query.channel is not None:
            found = [event for event in found[:CHANNEL_REACH] if event.emission.channel == query.channel]
        between = [event for event in found if _is_between(event.id, query)]
        limit = max(query.limit, 0)
        items = between[max(len(between) - limit, 0) :] if query.from_oldest else between[:limit]
        while query.most_bytes is not None and len(items) > 1 and _size(items) > query.most_bytes:
            del items[0 if query.from_oldest else -1]
        return EventPage(tuple(items), min(len(found), NEWEST_KEPT))

    def delete(self, emitter: Emitter, stream: str, start: EventId | None, end: EventId | None, limit: int) -> bool:
        stored = self._streams.get((emitter, stream), {})
        in_range = [id_ for id_ in sorted(stored) if (start is None or id_ >= start) and (end is None or id_ <= end)]
        for id_ in in_range[:limit]:
            self._due.pop(stored.pop(id_).place, None)
        return len(in_range) >= limit

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueEvent, ...]:
        found = [
            DueEvent(place, at) for place, at in self._due.items() if at <= now and shard_of(_name_of(place)) == shard
        ]
        return tuple(sorted(found, key=lambda entry: (entry.due_at, entry.place.id))[:limit])

    def rearm(self, place: EventPlace, seen_due_at: datetime, due_at: datetime) -> bool:
        if self._due.get(place) != seen_due_at:
            return False
        self._due[place] = due_at
        return True

    def note_told(self, place: EventPlace, told: str) -> None:
        stream = self._streams.get((place.emitter, place.stream), {})
        if place.id in stream:
            stream[place.id] = replace(stream[place.id], told=told)

    def settle(self, place: EventPlace) -> None:
        self._due.pop(place, None)

    def _is_expired(self, event: Event) -> bool:
        if self._retention_seconds is None:
            return False
        return event.stored_at + timedelta(seconds=self._retention_seconds) <= self._clock.now()


class MemorySubscriptionStore:
    """By triple, and of auto-subscriptions by channel and listener."""

    def __init__(self) -> None:
        self._subscriptions: dict[tuple[str, str, str, str], Subscription] = {}
        self._autos: dict[tuple[str, str, str], AutoSubscription] = {}

    def create(self, subscription: Subscription) -> Subscription:
        key = (subscription.workspace_id, subscription.emitter, subscription.channel, subscription.listener_id)
        return self._subscriptions.setdefault(key, subscription)

    def delete(self, workspace_id: str, emitter: str, channel: str, listener_id: str) -> bool:
        return self._subscriptions.pop((workspace_id, emitter, channel, listener_id), None) is not None

    def list(self, workspace_id: str) -> tuple[Subscription, ...]:
        found = [each for each in self._subscriptions.values() if each.workspace_id == workspace_id]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))

    def any_for(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> bool:
        return bool(self.matching(workspace_id, kind, emitter_id, channel))

    def matching(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> tuple[Subscription, ...]:
        patterns = patterns_for(kind, emitter_id)
        return tuple(
            each
            for each in self._subscriptions.values()
            if each.workspace_id == workspace_id and each.channel == channel and each.emitter in patterns
        )

    def delete_of(self, workspace_id: str, resource_id: str) -> None:
        self._subscriptions = {
            key: each
            for key, each in self._subscriptions.items()
            if each.workspace_id != workspace_id or resource_id not in (each.emitter, each.listener_id)
        }
        self._autos = {
            key: auto
            for key, auto in self._autos.items()
            if auto.workspace_id != workspace_id or auto.listener_id != resource_id
        }

    def create_auto(self, auto: AutoSubscription) -> AutoSubscription:
        return self._autos.setdefault((auto.workspace_id, auto.channel, auto.listener_id), auto)

    def list_auto(self, workspace_id: str) -> tuple[AutoSubscription, ...]:
        found = [each for each in self._autos.values() if each.workspace_id == workspace_id]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))

    def delete_auto(self, workspace_id: str, channel: str, listener_id: str) -> bool:
        return self._autos.pop((workspace_id, channel, listener_id), None) is not None


class MemoryEndpointStore:
    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def create(self, endpoint: Endpoint) -> None:
        if (endpoint.workspace_id, endpoint.id) in self._endpoints:
            raise AlreadyExistsError(endpoint_id=endpoint.id)
        self._endpoints[endpoint.workspace_id, endpoint.id] = endpoint

    def get(self, workspace_id: str, endpoint_id: str) -> Endpoint:
        try:
            return self._endpoints[workspace_id, endpoint_id]
        except KeyError as error:
            raise EndpointNotFoundError(endpoint_id=endpoint_id) from error

    def find(self, workspace_id: str, endpoint_ids: Sequence[str]) -> dict[str, Endpoint]:
        wanted = ((workspace_id, endpoint_id) for endpoint_id in endpoint_ids)
        return {key[1]: self._endpoints[key] for key in wanted if key in self._endpoints}

    def replace(self, endpoint: Endpoint) -> None:
        stored = self.get(endpoint.workspace_id, endpoint.id)
        if stored.revision != endpoint.revision - 1:
            raise StaleWriteError(endpoint_id=endpoint.id)
        self._put(
            replace(
                endpoint,
                user_id=stored.user_id,
                created_at=stored.created_at,
                style=stored.style,
                failing_since=stored.failing_since,
                failed_at=stored.failed_at,
                untold=stored.untold,
            )
        )

    def delete(self, workspace_id: str, endpoint_id: str) -> None:
        self._endpoints.pop((workspace_id, endpoint_id), None)

    def list(self, workspace_id: str) -> tuple[Endpoint, ...]:
        found = [each for each in self._endpoints.values() if each.workspace_id == workspace_id]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))

    def note_failure(self, workspace_id: str, endpoint_id: str, at: datetime) -> datetime:
        endpoint = self._endpoints.get((workspace_id, endpoint_id))
        if endpoint is None:
            return at
        since = endpoint.failing_since or at
        self._put(replace(endpoint, failing_since=since, failed_at=at))
        return since

    def note_success(self, workspace_id: str, endpoint_id: str) -> None:
        endpoint = self._endpoints.get((workspace_id, endpoint_id))
        if endpoint is not None:
            self._put(replace(endpoint, failing_since=None, failed_at=None))

    def disable(
        self, workspace_id: str, endpoint_id: str, reason: str, at: datetime, news: Disabling | None = None
    ) -> bool:
        endpoint = self._endpoints.get((workspace_id, endpoint_id))
        if endpoint is None or endpoint.status is EndpointStatus.DISABLED:
            return False
        disabled = replace(endpoint, status=EndpointStatus.DISABLED, status_reason=reason, updated_at=at, untold=news)
        self._put(replace(disabled, revision=endpoint.revision + 1))
        return True

    def note_told(self, workspace_id: str, endpoint_id: str, news: Disabling) -> None:
        endpoint = self._endpoints.get((workspace_id, endpoint_id))
        if endpoint is not None and endpoint.untold == news:
            self._put(replace(endpoint, untold=None))

    def _put(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.workspace_id, endpoint.id] = endpoint


class MemoryDeliveryStore:
    """`retention_seconds` is how long a delivery is to be seen after it finished; None means forever."""

    def __init__(self, clock: FixedClock, retention_seconds: int | None = None) -> None:
        self._clock = clock
        self._retention_seconds = retention_seconds
        self._deliveries: dict[tuple[str, str, str], Delivery] = {}
        self._attempts: dict[tuple[str, str, str], tuple[Attempt, ...]] = {}

    def create(self, delivery: Delivery) -> bool:
        _check_size(delivery.payload)
        key = (delivery.workspace_id, delivery.endpoint_id, delivery.id)
        if key in self._deliveries:
            return False
        self._deliveries[key] = delivery
        return True

    def claim(self, place: DeliveryPlace, *, now: datetime, lease_expires_at: datetime) -> Delivery | None:
        delivery = self._at(place)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING:
            return None
        if delivery.next_attempt_at is None or delivery.next_attempt_at > now:
            return None
        if delivery.lease_expires_at is not None and delivery.lease_expires_at > now:
            return None
        fence = delivery.fence + 1
        return self._put(replace(delivery, fence=fence, lease_expires_at=lease_expires_at, due_at=lease_expires_at))

    def attempted(
        self,
        place: DeliveryPlace,
        fence: int,
        attempt: Attempt,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        delivery = self._held(place, fence)
        counted = replace(delivery, attempts=delivery.attempts + 1, tried=delivery.tried + 1, last=attempt)
        self._release(counted, status, next_attempt_at, due_at, reason)
        key = (place.workspace_id, place.endpoint_id, place.id)
        self._attempts[key] = (*self._attempts.get(key, ()), attempt)

    def put_off(
        self,
        place: DeliveryPlace,
        fence: int,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        self._release(self._held(place, fence), status, next_attempt_at, due_at, reason)

    def revive(self, place: DeliveryPlace, sources: frozenset[DeliveryStatus], due_at: datetime, now: datetime) -> bool:
        delivery = self._at(place)
        if delivery is None or self._is_expired(delivery) or delivery.status not in sources:
            return False
        revived = replace(delivery, status=DeliveryStatus.PENDING, fence=delivery.fence + 1, tried=0, reason=None)
        revived = replace(revived, next_attempt_at=now, due_at=due_at, lease_expires_at=None, finished_at=None)
        self._put(revived)
        return True

    def get(self, workspace_id: str, endpoint_id: str, delivery_id: str) -> Delivery:
        delivery = self._deliveries.get((workspace_id, endpoint_id, delivery_id))
        if delivery is None or self._is_expired(delivery):
            raise DeliveryNotFoundError(delivery_id=delivery_id)
        return delivery

    def attempts(self, place: DeliveryPlace) -> tuple[Attempt, ...]:
        delivery = self._at(place)
        if delivery is None or self._is_expired(delivery):
            return ()
        return self._attempts.get((place.workspace_id, place.endpoint_id, place.id), ())

    def page(
        self, workspace_id: str, endpoint_id: str, where: DeliveryFilter, *, after: str | None, limit: int
    ) -> DeliveryPage:
        begin = None if after is None else _parse_cursor(after)
        found = [
            replace(delivery, payload=None)
            for delivery in self._deliveries.values()
            if (delivery.workspace_id, delivery.endpoint_id) == (workspace_id, endpoint_id)
            and _matches(delivery, where)
            and not self._is_expired(delivery)
            and (begin is None or _age(delivery) < begin)
        ]
        found.sort(key=_age, reverse=True)
        limit = max(limit, 1)
        return DeliveryPage(tuple(found[:limit]), _cursor(found[limit - 1]) if len(found) > limit else None)

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueDelivery, ...]:
        found = [
            DueDelivery(delivery.place, delivery.due_at, delivery.next_attempt_at)
            for delivery in self._deliveries.values()
            if delivery.due_at is not None
            and delivery.due_at <= now
            and delivery.next_attempt_at is not None
            and shard_of(delivery.id) == shard
        ]
        return tuple(sorted(found, key=lambda entry: (entry.due_at, entry.place))[:limit])

    def rearm(self, place: DeliveryPlace, seen_due_at: datetime, due_at: datetime) -> bool:
        delivery = self._at(place)
        if delivery is None or delivery.due_at != seen_due_at:
            return False
        self._put(replace(delivery, due_at=due_at))
        return True

    def delete_of(self, workspace_id: str, endpoint_id: str, limit: int) -> bool:
        keys = [key for key in self._deliveries if key[:2] == (workspace_id, endpoint_id)]
        for key in keys[:limit]:
            del self._deliveries[key]
            self._attempts.pop(key, None)
        return len(keys) >= limit

    def _at(self, place: DeliveryPlace) -> Delivery | None:
        delivery = self._deliveries.get((place.workspace_id, place.endpoint_id, place.id))
        return delivery if delivery is not None and delivery.place == place else None

    def _put(self, delivery: Delivery) -> Delivery:
        self._deliveries[delivery.workspace_id, delivery.endpoint_id, delivery.id] = delivery
        return delivery

    def _held(self, place: DeliveryPlace, fence: int) -> Delivery:
        """A claim that was released is nobody's any more, though its fence is still the stored one."""
        delivery = self._at(place)
        if delivery is None or delivery.fence != fence or delivery.lease_expires_at is None:
            raise LeaseLostError(delivery_id=place.id, fence=fence)
        return delivery

    def _release(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None,
    ) -> None:
        finished_at = self._clock.now() if status.is_final else None
        released = replace(delivery, status=status, next_attempt_at=next_attempt_at, due_at=due_at, reason=reason)
        self._put(replace(released, finished_at=finished_at, lease_expires_at=None))

    def _is_expired(self, delivery: Delivery) -> bool:
        if self._retention_seconds is None or delivery.finished_at is None:
            return False
        return delivery.finished_at + timedelta(seconds=self._retention_seconds) <= self._clock.now()


class MemoryUsageStore:
    def __init__(self) -> None:
        self._used: dict[tuple[str, str], Usage] = {}

    def add(self, workspace_id: str, day: str, used: Usage) -> None:
        self._used[workspace_id, day] = self.of(workspace_id, day) + used

    def of(self, workspace_id: str, day: str) -> Usage:
        return self._used.get((workspace_id, day), Usage())

    def all(self) -> dict[tuple[str, str], Usage]:
        """By workspace and day."""
        return dict(self._used)


class MemoryProfileStore:
    def __init__(self) -> None:
        self._users: dict[str, UserProfile] = {}
        self._workspaces: dict[str, WorkspaceProfile] = {}

    def put_user(self, profile: UserProfile) -> None:
        self._users[profile.user_id] = profile

    def user(self, user_id: str) -> UserProfile | None:
        return self._users.get(user_id)

    def put_workspace(self, profile: WorkspaceProfile) -> None:
        self._workspaces[profile.workspace_id] = profile

    def workspace(self, workspace_id: str) -> WorkspaceProfile | None:
        return self._workspaces.get(workspace_id)


@dataclass(frozen=True, slots=True)
class DeliveryHint:
    """A message of the delivery queue, which nobody sees before `visible_at`: of an event, or of deliveries."""

    event: EventPlace | None
    deliveries: tuple[DeliveryPlace, ...]
    delay_seconds: int
    visible_at: datetime


class MemoryDeliveryQueue:
    """One hint for each call that sends."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.hints: list[DeliveryHint] = []

    def send_event(self, place: EventPlace) -> None:
        self.hints.append(DeliveryHint(place, (), 0, self._clock.now()))

    def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
        delay_seconds = min(max(delay_seconds, 0), 900)
        visible_at = self._clock.now() + timedelta(seconds=delay_seconds)
        if places:
            self.hints.append(DeliveryHint(None, places, delay_seconds, visible_at))

    def receive(self) -> DeliveryHint | None:
        """Takes the visible message that became visible first, or None."""
        visible = [hint for hint in self.hints if hint.visible_at <= self._clock.now()]
        if not visible:
            return None
        first = min(visible, key=lambda hint: hint.visible_at)
        self.hints.remove(first)
        return first


def _check_size(payload: Json) -> None:
    size = len(json.encode(payload))
    if size > MAX_PAYLOAD_BYTES:
        raise TooLargeError(f"The payload is larger than {MAX_PAYLOAD_BYTES} bytes.", size=size)


def _size(events: list[Event]) -> int:
    said = ([each.emission.payload, each.emission.summary, each.emission.key] for each in events)
    return sum(len(json.encode(each)) for each in said)


def _is_between(id_: EventId, query: EventQuery) -> bool:
    return (query.after is None or id_ < query.after) and (query.before is None or id_ > query.before)


def _name_of(place: EventPlace) -> str:
    return f"{place.emitter.workspace_id}/{place.emitter.id}/{place.stream}/{place.id}"


def _matches(delivery: Delivery, where: DeliveryFilter) -> bool:
    return (
        (not where.statuses or delivery.status in where.statuses)
        and (where.since is None or delivery.created_at >= where.since)
        and (where.until is None or delivery.created_at <= where.until)
    )


def _age(delivery: Delivery) -> tuple[int, str]:
    return epoch_ms(delivery.created_at), delivery.id


def _cursor(last: Delivery) -> str:
    ms, id_ = _age(last)
    return base64.urlsafe_b64encode(f"{ms}#{id_}".encode()).decode()


def _parse_cursor(text: str) -> tuple[int, str]:
    try:
        match = _CURSOR.fullmatch(base64.urlsafe_b64decode(text.encode("ascii")).decode())
    except (binascii.Error, UnicodeError) as error:
        raise InvalidError("The cursor is not one of this list.") from error
    if match is None:
        raise InvalidError("The cursor is not one of this list.")
    return int(match[1]), match[2]
