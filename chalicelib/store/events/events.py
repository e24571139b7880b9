"""Streams of events: a partition for each, its events under their ids, so that the order of keys is that of ids.

An id is taken by writing its item, on condition that nobody else has: the newest id is read first, and who loses the
race tries a later one. So an event whose append began after another's had ended has the greater id, without a counter
that every append would have to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import accumulate, islice
from typing import Any

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.events import (
    CHANNEL_REACH,
    MAX_PAYLOAD_BYTES,
    NEWEST_KEPT,
    Cause,
    DueEvent,
    Emission,
    Emitter,
    EmitterKind,
    Event,
    EventId,
    EventPage,
    EventPlace,
    EventQuery,
    parse_event_id,
    stream_of,
)
from chalicelib.domain.ids import epoch_ms
from chalicelib.store.attributes import (
    Item,
    OptionalTextAttribute,
    OptionalTimeAttribute,
    TimeAttribute,
    unexpired,
)
from chalicelib.store.events.payloads import INLINE_BYTES, owner_of
from chalicelib.store.shards import shard_of
from chalicelib.store.table import ConditionFailedError, Table, can_be_partition, part, whole
from chalicelib.store.values import Values, size_of

DUE = "due"

_OLDEST = "0"
_NEWEST = "~"  # sorts after every digit
_ATTEMPTS = 100  # each refusal means that somebody else's append got through


class EventItem(Item):
    """`about` is what else the emitter said of it: summary, key, time and cause."""

    stream = UnicodeAttribute(hash_key=True)
    event = UnicodeAttribute(range_key=True)
    channel = UnicodeAttribute()
    payload = UnicodeAttribute()
    emit_id = UnicodeAttribute()
    about = OptionalTextAttribute()
    stored_at = TimeAttribute()
    due_shard = UnicodeAttribute()
    due_at = OptionalTimeAttribute()
    told = OptionalTextAttribute()


def events_table(client: Any, name: str) -> Table:
    return Table(client, name, "stream", "event")


class DynamoEventStore:
    """The `EventStore` port on DynamoDB and S3. `retention_seconds` None keeps events forever."""

    def __init__(
        self, table: Table, values: Values, now: Callable[[], datetime], retention_seconds: int | None = None
    ) -> None:
        self._table = table
        self._values = values
        self._now = now
        self._retention = None if retention_seconds is None else timedelta(seconds=retention_seconds)

    def append(self, emission: Emission, *, now: datetime, due_at: datetime | None, may_repeat: bool = False) -> Event:
        """Raises UnavailableError where very many append at once, before anything is stored."""
        emitter = emission.emitter
        stream = _partition(emitter, stream_of(emission.channel))
        newest = self._newest(stream, NEWEST_KEPT if may_repeat else 1)
        for item in newest:  # the newest one has to be read anyway, so looking at it costs nothing
            if item.emit_id == emission.emit_id:
                return self._event(emitter, item) if may_repeat else Event(_id(item), emission, item.stored_at)
        ms = epoch_ms(now)
        id_ = _id(newest[0]).next_at(ms) if newest else EventId(ms, 0)
        item = self._item(stream, emission, now, due_at)
        #     A: newest is 7 ──► put 8: stored
        #     B: newest is 7 ──► put 8: refused ──► put 9: stored
        #     C, which begins after B has ended: newest is 9 ──► put 10
        for _ in range(_ATTEMPTS):
            item.event = _name(id_)
            try:
                self._table.put(item, _is_free())
            except ConditionFailedError as failed:
                stored = EventItem.from_raw_data(failed.item)
                if stored.emit_id == emission.emit_id:  # the answer to our own write was lost, and the write repeated
                    return self._event(emitter, stored)
                id_ = id_.next_at(ms)
            else:
                return Event(id_, emission, now)
        raise UnavailableError("Too many events are appended at once.", emitter_id=emitter.id)

    def put(self, event: Event, *, due_at: datetime | None) -> bool:
        emission = event.emission
        stream = _partition(emission.emitter, stream_of(emission.channel))
        item = self._item(stream, emission, event.stored_at, due_at)
        item.event = _name(event.id)
        try:
            self._table.put(item, _is_free())
        except ConditionFailedError as failed:
            # Its own, from before, is as good as stored now.
            return EventItem.from_raw_data(failed.item).emit_id == emission.emit_id
        return True

    def get(self, place: EventPlace) -> Event | None:
        raw = self._table.get(*_key(place))
        item = None if raw is None else EventItem.from_raw_data(raw)
        return None if item is None or item.is_expired(self._now()) else self._event(place.emitter, item)

    def page(self, emitter: Emitter, stream: str, query: EventQuery) -> EventPage:
        partition = _partition(emitter, stream)
        if not can_be_partition(partition):
            return EventPage((), 0)
        if query.channel is not None:
            return self._page_of_channel(emitter, partition, query, query.channel)
        limit = max(query.limit, 0)
        items = self._between(partition, query, limit)
        # A page that holds the whole stream has counted it; only longer ones cost a second query.
        is_whole = query.after is None and query.before is None and len(items) < limit
        total = len(items) if is_whole else self._table.count(*self._all(partition), most=NEWEST_KEPT)
        return EventPage(self._events(emitter, _fitting(items, query)), min(total, NEWEST_KEPT))

    def delete(self, emitter: Emitter, stream: str, start: EventId | None, end: EventId | None, limit: int) -> bool:
        first = _OLDEST if start is None else _name(start)
        last = _NEWEST if end is None else _name(end)
        partition = _partition(emitter, stream)
        if first > last or not can_be_partition(partition):
            return False
        keys = (EventItem.stream == partition) & EventItem.event.between(first, last)
        found = list(islice(self._table.query(keys, page_size=limit, attributes=[EventItem.event]), limit))
        self._table.delete_all([(partition, raw["event"]["S"]) for raw in found])
        return len(found) >= limit

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueEvent, ...]:
        """The index may still show what an event's item no longer says, or not yet show it: the next tick sees it."""
        keys = (EventItem.due_shard == str(shard)) & (EventItem.due_at <= now)
        found = self._table.query(keys, index=DUE, page_size=limit)
        items = (EventItem.from_raw_data(raw) for raw in islice(found, limit))
        return tuple(DueEvent(_place(item), item.due_at) for item in items if item.due_at is not None)

    def rearm(self, place: EventPlace, seen_due_at: datetime, due_at: datetime) -> bool:
        try:
            self._table.update(*_key(place), [EventItem.due_at.set(due_at)], _is_due_at(seen_due_at))
        except ConditionFailedError:
            return False
        return True

    def note_told(self, place: EventPlace, told: str) -> None:
        self._update_there(place, EventItem.told.set(told))

    def settle(self, place: EventPlace) -> None:
        self._update_there(place, EventItem.due_at.remove())

    def _update_there(self, place: EventPlace, action: Action) -> None:
        with suppress(ConditionFailedError):
            self._table.update(*_key(place), [action], _is_there())

    def _newest(self, stream: str, count: int) -> list[EventItem]:
        known_by: list[Attribute[Any]] = [EventItem.event, EventItem.emit_id, EventItem.stored_at]
        wanted = known_by if count == 1 else None
        found = self._table.query(EventItem.stream == stream, newest_first=True, page_size=count, attributes=wanted)
        return [EventItem.from_raw_data(raw) for raw in islice(found, count)]

    def _between(self, partition: str, query: EventQuery, limit: int) -> list[EventItem]:
        """Newest first."""
        _, where = self._all(partition)
        last = _NEWEST if query.after is None else _before(query.after)
        # `between` includes its ends, and the event that `before` names is not wanted.
        # `!` sorts before every character that an id could go on with.
        first = self._first() if query.before is None else f"{_name(query.before)}!"
        if first > last or limit == 0:
            return []
        keys = (EventItem.stream == partition) & EventItem.event.between(first, last)
        found = self._table.query(keys, where, newest_first=not query.from_oldest, page_size=limit)
        items = [EventItem.from_raw_data(raw) for raw in islice(found, limit)]
        return items[::-1] if query.from_oldest else items

    def _page_of_channel(self, emitter: Emitter, partition: str, query: EventQuery, channel: str) -> EventPage:
        """Reads the stream's newest events once, whatever page of them is asked for."""
        found = self._table.query(*self._all(partition), newest_first=True, page_size=CHANNEL_REACH)
        items = [EventItem.from_raw_data(raw) for raw in islice(found, CHANNEL_REACH)]
        items = [item for item in items if item.channel == channel]
        total = min(len(items), NEWEST_KEPT)
        last = _NEWEST if query.after is None else _name(query.after)
        first = _OLDEST if query.before is None else _name(query.before)
        items = [item for item in items if first < item.event < last]
        limit = max(query.limit, 0)
        if query.from_oldest:
            items = items[max(len(items) - limit, 0) :]
        return EventPage(self._events(emitter, _fitting(items[:limit], query)), total)

    def _all(self, partition: str) -> tuple[Condition, Condition]:
        """The keys of what has not expired, and the filter for what is among them and has."""
        keys = (EventItem.stream == partition) & (EventItem.event >= self._first())
        return keys, unexpired(self._now())

    def _first(self) -> str:
        """An id's time is never before that of storing, so older ids than this are of expired events."""
        if self._retention is None:
            return _OLDEST
        return _name(EventId(max(epoch_ms(self._now() - self._retention), 0), 0))

    def _item(self, stream: str, emission: Emission, now: datetime, due_at: datetime | None) -> EventItem:
        owner = owner_of(emission.emitter.workspace_id)
        about = _about_to_json(emission)
        return EventItem(
            stream,
            "",
            channel=emission.channel,
            payload=self._values.pack(owner, emission.payload, INLINE_BYTES, MAX_PAYLOAD_BYTES),
            emit_id=emission.emit_id,
            about=self._values.pack(owner, about, INLINE_BYTES) if about else None,
            stored_at=now,
            due_shard=shard_of(emission.emit_id),
            due_at=due_at,
            expires_at=None if self._retention is None else now + self._retention,
        )

    def _event(self, emitter: Emitter, item: EventItem) -> Event:
        (event,) = self._events(emitter, [item])
        return event

    def _events(self, emitter: Emitter, items: list[EventItem]) -> tuple[Event, ...]:
        """Spilled payloads are fetched side by side."""
        texts = [text for item in items for text in (item.payload, item.about)]
        values = iter(self._values.unpack(owner_of(emitter.workspace_id), texts))
        return tuple(
            Event(_id(item), _emission(emitter, item, payload, about), item.stored_at, item.told)
            for item, (payload, about) in zip(items, _pairs(values), strict=True)
        )


def _fitting(items: list[EventItem], query: EventQuery) -> list[EventItem]:
    """As many as the page may have by their size, before anything is fetched."""
    if query.most_bytes is None:
        return items
    from_its_end = items[::-1] if query.from_oldest else items
    sizes = accumulate(_bytes_of(item) for item in from_its_end)
    # A page has one event at least, or nobody would ever get past one that is larger than the bound.
    count = max(sum(size <= query.most_bytes for size in sizes), 1)
    return items[-count:] if query.from_oldest else items[:count]


def _bytes_of(item: EventItem) -> int:
    return size_of(item.payload) + (0 if item.about is None else size_of(item.about))


def _pairs(values: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    # One iterator twice: each pair takes two of its values.
    return zip(values, values, strict=True)


def _is_free() -> Condition:
    """Guards an event against another one that wants its id."""
    return EventItem.stream.does_not_exist()


def _is_there() -> Condition:
    """Guards against bringing a deleted event back."""
    return EventItem.stream.exists()


def _is_due_at(seen: datetime) -> Condition:
    """Guards against an entry of the due index that is no longer true."""
    return EventItem.due_at == seen


def _partition(emitter: Emitter, stream: str) -> str:
    return "#".join(map(part, (emitter.workspace_id, emitter.kind.value, emitter.id, stream)))


def _place(item: EventItem) -> EventPlace:
    """From an entry of the due index, which has just the keys."""
    workspace_id, kind, emitter_id, stream = map(whole, item.stream.split("#"))
    return EventPlace(Emitter(workspace_id, EmitterKind(kind), emitter_id), stream, _id(item))


def _key(place: EventPlace) -> tuple[str, str]:
    return _partition(place.emitter, place.stream), _name(place.id)


def _name(id_: EventId) -> str:
    """Padded, so that texts sort as the numbers do."""
    return f"{id_.ms:015}-{id_.seq:09}"


def _id(item: EventItem) -> EventId:
    return parse_event_id(item.event)


def _before(id_: EventId) -> str:
    """The greatest text of an id below this one; below every id for the first."""
    if id_.seq > 0:
        return _name(EventId(id_.ms, id_.seq - 1))
    # `~` sorts after whatever sequence number the millisecond before had last.
    return f"{id_.ms - 1:015}~" if id_.ms > 0 else ""


def _about_to_json(emission: Emission) -> dict[str, Any]:
    """What of it is set."""
    members: dict[str, Any] = {"summary": emission.summary, "key": emission.key, "ts": emission.ts}
    members = {name: value for name, value in members.items() if value is not None}
    if emission.cause is not None:
        cause = emission.cause
        members["cause"] = [cause.emitter_id, cause.channel, cause.event_id, cause.hops]
    return members


def _emission(emitter: Emitter, item: EventItem, payload: Any, about: Any) -> Emission:
    members = about or {}
    return Emission(
        emitter=emitter,
        channel=item.channel,
        payload=payload,
        emit_id=item.emit_id,
        summary=members.get("summary"),
        key=members.get("key"),
        ts=members.get("ts"),
        cause=Cause(*members["cause"]) if "cause" in members else None,
    )
