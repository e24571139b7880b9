"""Deliveries: each change of one is a single conditional update of its item.

A claim raises the fence and takes the lease; what is written under it names the fence, and only while the lease has
not been given back, so that a write that is repeated counts once. An attempt is stored before the update that counts
it: one that nobody counted, because its claim was lost, is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    DeliveryPlace,
    DeliveryStatus,
    DueDelivery,
)
from chalicelib.domain.errors import DeliveryNotFoundError, LeaseLostError
from chalicelib.store.attributes import assign, unexpired
from chalicelib.store.events import delivery_items as items
from chalicelib.store.events.delivery_items import AttemptItem, DeliveryItem, PointerItem
from chalicelib.store.table import ConditionFailedError, RawItem, Table, can_be_key, can_be_partition
from chalicelib.store.values import Values


class DynamoDeliveryStore:
    """The `DeliveryStore` port on DynamoDB and S3. `retention_seconds` None keeps deliveries forever."""

    def __init__(
        self, table: Table, values: Values, now: Callable[[], datetime], retention_seconds: int | None = None
    ) -> None:
        self._table = table
        self._values = values
        self._now = now
        self._retention = None if retention_seconds is None else timedelta(seconds=retention_seconds)

    def create(self, delivery: Delivery) -> bool:
        """The pointer goes first: of two that create a delivery at different times, the second takes the time of the
        first, and so finds it, or completes what a crash left half done."""
        expires_at = self._expires_at(delivery.finished_at)
        item = items.pack(self._values, delivery, expires_at)
        pointer = PointerItem(
            items.records_of(delivery.workspace_id, delivery.endpoint_id),
            items.pointer_place(delivery.id),
            created_at=delivery.created_at,
            expires_at=self._record_expires_at(delivery.created_at),
        )
        try:
            # One delivery has one place, its creation time, and two who create it know different times:
            #
            #     A, at 1:00 ──► pointer 1:00 ──► (crash)
            #     B, at 1:01 ──► pointer refused: 1:00 ──► item at 1:00
            self._table.put(pointer, _is_new())
        except ConditionFailedError as failed:
            item.place = items.place_of(PointerItem.from_raw_data(failed.item).created_at, delivery.id)
        try:
            self._table.put(item, _is_new())
        except ConditionFailedError:
            return False
        return True

    def claim(self, place: DeliveryPlace, *, now: datetime, lease_expires_at: datetime) -> Delivery | None:
        actions = [
            DeliveryItem.lease_expires_at.set(lease_expires_at),
            # Should the claimer die, the due index brings the delivery back when its lease is over.
            DeliveryItem.due_at.set(lease_expires_at),
            DeliveryItem.fence.add(1),
        ]
        try:
            raw = self._table.update(*items.key_of(place), actions, _may_be_claimed(now), returns="ALL_NEW")
        except ConditionFailedError:
            return None
        return items.unpack(self._values, raw)

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
        # Before the update that counts it: the other way round, a crash in between would count an attempt of which
        # nothing is known.
        text = items.attempt_to_json(attempt)
        self._table.put(
            AttemptItem(
                items.records_of(place.workspace_id, place.endpoint_id),
                items.attempt_place(place.id, attempt.number, fence),
                attempt=text,
                expires_at=self._record_expires_at(attempt.at),
            )
        )
        counting = [DeliveryItem.attempts.add(1), DeliveryItem.tried.add(1), DeliveryItem.last.set(text)]
        self._release(place, fence, counting, status, next_attempt_at, due_at, reason)

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
        self._release(place, fence, [], status, next_attempt_at, due_at, reason)

    def revive(self, place: DeliveryPlace, sources: frozenset[DeliveryStatus], due_at: datetime, now: datetime) -> bool:
        if not sources:
            return False
        partition, _ = key = items.key_of(place)
        actions: list[Action] = [
            DeliveryItem.status.set(DeliveryStatus.PENDING.value),
            DeliveryItem.undelivered.set(partition),
            DeliveryItem.next_attempt_at.set(now),
            DeliveryItem.due_at.set(due_at),
            # The retries begin anew; `attempts` goes on, because it numbers the attempts that are stored.
            DeliveryItem.tried.set(0),
            # Whoever holds a claim from before is refused from here on.
            DeliveryItem.fence.add(1),
            DeliveryItem.lease_expires_at.remove(),
            DeliveryItem.finished_at.remove(),
            DeliveryItem.reason.remove(),
            DeliveryItem.expires_at.remove(),
        ]
        try:
            self._table.update(*key, actions, _is_in(sources) & unexpired(self._now()))
        except ConditionFailedError:
            return False
        return True

    def get(self, workspace_id: str, endpoint_id: str, delivery_id: str) -> Delivery:
        pointer = self._table.get(items.records_of(workspace_id, endpoint_id), items.pointer_place(delivery_id))
        if pointer is None:
            raise DeliveryNotFoundError(delivery_id=delivery_id)
        created_at = PointerItem.from_raw_data(pointer).created_at
        raw = self._stored(DeliveryPlace(workspace_id, endpoint_id, created_at, delivery_id))
        if raw is None:
            raise DeliveryNotFoundError(delivery_id=delivery_id)
        return items.unpack(self._values, raw)

    def attempts(self, place: DeliveryPlace) -> tuple[Attempt, ...]:
        raw = self._stored(place)
        if raw is None:
            return ()
        keys = AttemptItem.endpoint == items.records_of(place.workspace_id, place.endpoint_id)
        keys &= AttemptItem.place.startswith(items.attempts_place(place.id))
        found = (AttemptItem.from_raw_data(each) for each in self._table.query(keys))
        # The query's order is by number, then fence: in the dictionary, the greatest fence overwrites the others.
        # Of several with one number, all but the last were made under claims that had been lost.
        by_number = {attempt.number: attempt for attempt in (items.attempt_from_json(each.attempt) for each in found)}
        counted = DeliveryItem.from_raw_data(raw).attempts
        # One beyond those counted is of a claim that was lost before its update, or is being counted right now.
        return tuple(by_number[number] for number in sorted(by_number) if number <= counted)

    def page(
        self, workspace_id: str, endpoint_id: str, where: DeliveryFilter, *, after: str | None, limit: int
    ) -> DeliveryPage:
        first = items.OLDEST if where.since is None else items.places_from(where.since)
        last = items.NEWEST if where.until is None else items.places_until(where.until)
        if after is not None:
            last = min(last, items.from_cursor(after))
        partition = items.partition_of(workspace_id, endpoint_id)
        # DynamoDB refuses bounds in the wrong order and keys of a wrong length, and a cursor is the caller's text.
        if first > last or not can_be_partition(partition) or not can_be_key(last):
            return DeliveryPage((), None)
        limit = max(limit, 1)
        # One more than the page needs tells whether there is another, and one may be what the cursor names.
        found = (item for item in self._found(partition, where, first, last, limit + 2) if item.place != last)
        page = list(islice(found, limit + 1))
        following = items.to_cursor(page[limit - 1].place) if len(page) > limit else None
        return DeliveryPage(tuple(map(items.without_payload, page[:limit])), following)

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueDelivery, ...]:
        """The index may still show what a delivery's item no longer says, or not yet show it: the next tick sees it."""
        keys = (DeliveryItem.due_shard == str(shard)) & (DeliveryItem.due_at <= now)
        found = self._table.query(keys, index=items.DUE, page_size=limit)
        entries = (DeliveryItem.from_raw_data(raw) for raw in islice(found, limit))
        return tuple(
            DueDelivery(items.parse_key(entry), entry.due_at, entry.next_attempt_at)
            for entry in entries
            if entry.due_at is not None and entry.next_attempt_at is not None
        )

    def rearm(self, place: DeliveryPlace, seen_due_at: datetime, due_at: datetime) -> bool:
        try:
            self._table.update(*items.key_of(place), [DeliveryItem.due_at.set(due_at)], _is_due_at(seen_due_at))
        except ConditionFailedError:
            return False
        return True

    def delete_of(self, workspace_id: str, endpoint_id: str, limit: int) -> bool:
        """Deliveries first, then what is recorded of them, by as many items a call."""
        partitions = (items.partition_of(workspace_id, endpoint_id), items.records_of(workspace_id, endpoint_id))
        left = max(limit, 1)
        for partition in partitions:
            if not can_be_partition(partition):
                continue
            keys = DeliveryItem.endpoint == partition
            found = islice(self._table.query(keys, page_size=left, attributes=[DeliveryItem.place]), left)
            doomed = [(partition, raw["place"]["S"]) for raw in found]
            self._table.delete_all(doomed)
            left -= len(doomed)
            # The next call finds fewer, and goes on where this one stopped.
            if left == 0:
                return True
        return False

    def _found(
        self, partition: str, where: DeliveryFilter, first: str, last: str, page_size: int
    ) -> Iterator[DeliveryItem]:
        """Newest first."""
        if where.statuses and DeliveryStatus.SUCCEEDED not in where.statuses:
            return self._undelivered(partition, where.statuses, first, last, page_size)
        keys = (DeliveryItem.endpoint == partition) & DeliveryItem.place.between(first, last)
        filters = unexpired(self._now())
        if where.statuses:
            filters &= _is_in(where.statuses)
        # A page's size counts what the filter then drops: with a selective filter small pages are many.
        size = None if where.statuses else page_size
        found = self._table.query(keys, filters, newest_first=True, page_size=size)
        return (DeliveryItem.from_raw_data(raw) for raw in found)

    def _undelivered(
        self, partition: str, statuses: frozenset[DeliveryStatus], first: str, last: str, page_size: int
    ) -> Iterator[DeliveryItem]:
        """By the index, which never reads through what has succeeded, and then as the items are now."""
        keys = (DeliveryItem.undelivered == partition) & DeliveryItem.place.between(first, last)
        found = self._table.query(keys, _is_in(statuses), index=items.UNDELIVERED, newest_first=True)
        wanted = {status.value for status in statuses}
        now = self._now()
        while entries := [(partition, raw["place"]["S"]) for raw in islice(found, page_size)]:
            stored = {item.place: item for item in map(DeliveryItem.from_raw_data, self._table.get_all(entries))}
            for _, place in entries:
                item = stored.get(place)
                if item is not None and item.status in wanted and not item.is_expired(now):
                    yield item

    def _stored(self, place: DeliveryPlace) -> RawItem | None:
        raw = self._table.get(*items.key_of(place))
        return None if raw is None or DeliveryItem.from_raw_data(raw).is_expired(self._now()) else raw

    def _release(
        self,
        place: DeliveryPlace,
        fence: int,
        counting: Sequence[Action],
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None,
    ) -> None:
        partition, _ = key = items.key_of(place)
        finished_at = self._now() if status.is_final else None
        # Without the attribute the index has no entry: a list of failures never reads through the successes.
        undelivered = None if status is DeliveryStatus.SUCCEEDED else partition
        actions: list[Action] = [
            *counting,
            DeliveryItem.status.set(status.value),
            assign(DeliveryItem.undelivered, undelivered),
            assign(DeliveryItem.next_attempt_at, next_attempt_at),
            assign(DeliveryItem.due_at, due_at),
            assign(DeliveryItem.reason, reason),
            assign(DeliveryItem.finished_at, finished_at),
            assign(DeliveryItem.expires_at, self._expires_at(finished_at)),
            DeliveryItem.lease_expires_at.remove(),
        ]
        try:
            self._table.update(*key, actions, _is_held_under(fence))
        except ConditionFailedError as failed:
            raise LeaseLostError(delivery_id=place.id, fence=fence) from failed

    def _expires_at(self, finished_at: datetime | None) -> datetime | None:
        """What has not finished never expires."""
        return None if self._retention is None or finished_at is None else finished_at + self._retention

    def _record_expires_at(self, at: datetime) -> datetime | None:
        return None if self._retention is None else at + self._retention + items.LONGEST_DELIVERY


def _is_new() -> Condition:
    """Guards a delivery, and the time that it is filed under, against a second one of its id."""
    return DeliveryItem.endpoint.does_not_exist()


def _may_be_claimed(now: datetime) -> Condition:
    """Guards a lease that still lasts, an attempt whose time has not come, and what nobody is to attempt."""
    released = DeliveryItem.lease_expires_at.does_not_exist() | (DeliveryItem.lease_expires_at <= now)
    is_pending = DeliveryItem.status == DeliveryStatus.PENDING.value
    condition: Condition = is_pending & (DeliveryItem.next_attempt_at <= now) & released
    return condition


#     claim: fence 4, leased ──► release, fence 4: counted, lease gone
#                                   └──► the same write once more, fence 4: refused, no lease
#     lease over ──► claim by another: fence 5 ──► release by the first, fence 4: refused
def _is_held_under(fence: int) -> Condition:
    """Guards against who lost the claim (the fence rose) or gave it back."""
    condition: Condition = (DeliveryItem.fence == fence) & DeliveryItem.lease_expires_at.exists()
    return condition


def _is_in(statuses: frozenset[DeliveryStatus]) -> Condition:
    """Guards a delivery in another status than the caller knows; filters lists."""
    return DeliveryItem.status.is_in(*sorted(status.value for status in statuses))


def _is_due_at(seen: datetime) -> Condition:
    """Guards against an entry of the due index that is no longer true."""
    return DeliveryItem.due_at == seen
