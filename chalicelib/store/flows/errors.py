"""Errors of flows, an item each: among the open ones of its step, or among the resolved ones.

    open ──► open#… ──resolve──► resolved#… ──reopen──► open#…

Moving one is a transaction that takes it from one side, puts it on the other, adds to the figure of its job and to how
many are open; so it is on one side only, and counted once whoever comes twice. Large retry data lies in the bucket
beside its job's values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import FlowErrorNotFoundError, UnavailableError
from chalicelib.domain.flows.flows import RETENTION_DAYS, ErrorFilter, FlowError, is_error_id
from chalicelib.domain.flows.tags import ErrorNotes
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, decode
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import OptionalTextAttribute, OptionalTimeAttribute, TimeAttribute
from chalicelib.store.flows.error_counts import Step, counting, day_of, oldest_kept, open_counts
from chalicelib.store.flows.error_notes import annotate, tags_of_item
from chalicelib.store.flows.items import FlowItem, errors_of, is_new, is_there
from chalicelib.store.flows.jobs import resolving
from chalicelib.store.table import ConditionFailedError, Table
from chalicelib.store.transactions import MAX_WRITES, TransactionRefusedError, Write
from chalicelib.store.values import Values, is_reference

MAX_RETRY_DATA_BYTES = 5 * 1024 * 1024
LONGEST_MESSAGE = 16_000
_INLINE_RETRY_BYTES = 4 * 1024
_MAX_TRANSACTION_BYTES = 3 * 1024 * 1024  # of the 4 MB that DynamoDB takes, with room for names and keys
_MOST_AT_ONCE = 1000
_LAST = "9" * 13
_TRIES = 8


@dataclass(frozen=True, slots=True)
class _Resolution:
    at: datetime
    by: str


class ErrorItem(FlowItem):
    """`position` is the order of the child; `revision` counts what changed while the error stayed on its side."""

    workspace_id = UnicodeAttribute()
    flow_id = UnicodeAttribute()
    step_id = UnicodeAttribute()
    job_id = UnicodeAttribute()
    child = UnicodeAttribute()
    position = NumberAttribute()
    occurred_at = TimeAttribute()
    source = UnicodeAttribute()
    code = UnicodeAttribute()
    message = UnicodeAttribute()
    trace_key = UnicodeAttribute()
    request_key = UnicodeAttribute()
    is_retriable = BooleanAttribute()
    retry_data = OptionalTextAttribute()
    resolved_at = OptionalTimeAttribute()
    resolved_by = OptionalTextAttribute()
    tags = OptionalTextAttribute()
    assigned_to = OptionalTextAttribute()
    revision = NumberAttribute()


class DynamoFlowErrorStore:
    """The `FlowErrorStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values, now: Callable[[], datetime]) -> None:
        self._table = table
        self._values = values
        self._now = now

    def open(self, errors: Sequence[FlowError]) -> None:
        by_step: dict[Step, dict[str, FlowError]] = defaultdict(dict)
        for error in errors:
            by_step[_step_of(error)][error.id] = error
        for step, known in by_step.items():
            for items in _together(self._items(list(known.values()))):
                self._open(step, items)

    def get(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], *, bare: bool = False
    ) -> Mapping[str, FlowError]:
        step = (workspace_id, flow_id, step_id)
        known = {each for each in ids if is_error_id(each)}
        items = {item.rk: item for item in self._side(step, known, resolved=False)}
        # Those that were moved after the one side was read are on the other.
        items |= {item.rk: item for item in self._side(step, known - items.keys(), resolved=True)}
        if bare:
            return {item.rk: _error(item, _at_hand(item.retry_data)) for item in items.values()}
        return {each.id: each for each in self._errors(list(items.values()))}

    def page(
        self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        place = errors_of(workspace_id, flow_id, step_id, resolved=where.is_resolved)
        first, last = _bounds(where, self._now())
        last = last if after is None else min(last, after)
        if last < first:
            return (), None
        keys = (FlowItem.hk == place) & FlowItem.rk.between(first, last)
        wanted = _is_wanted(where)
        # Of what a condition chooses from, a call takes as much as it can: what is wanted may be far between.
        page_size = min(limit + 2, _MOST_AT_ONCE) if wanted is None else None
        raws = self._table.query(keys, wanted, newest_first=True, page_size=page_size)
        # What was the last one of the page before is within the bounds.
        found = list(islice((raw for raw in raws if raw["rk"]["S"] != after), limit + 1))
        items = [ErrorItem.from_raw_data(raw) for raw in found[:limit]]
        errors = tuple(_error(item, _at_hand(item.retry_data)) for item in items)
        return errors, errors[-1].id if len(found) > limit else None

    def counts(self, workspace_id: str, flow_id: str) -> Mapping[str, int]:
        return open_counts(self._table, workspace_id, flow_id, self._now())

    def newest_at(self, workspace_id: str, flow_id: str, step_id: str) -> datetime | None:
        place, oldest = errors_of(workspace_id, flow_id, step_id, resolved=False), oldest_kept(self._now())
        keys = (FlowItem.hk == place) & (FlowItem.rk >= oldest)
        newest = self._table.query(keys, newest_first=True, page_size=1, attributes=[ErrorItem.occurred_at])
        raw = next(newest, None)
        return None if raw is None else from_epoch_ms(int(raw["occurred_at"]["N"]))

    def resolve(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], at: datetime, by: str
    ) -> tuple[str, ...]:
        return self._move((workspace_id, flow_id, step_id), ids, _Resolution(at, by))

    def reopen(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> tuple[str, ...]:
        return self._move((workspace_id, flow_id, step_id), ids, None)

    def annotate(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], notes: ErrorNotes
    ) -> tuple[str, ...]:
        step = (workspace_id, flow_id, step_id)
        known = [each for each in ids if is_error_id(each)]

        def present(wanted: Collection[str], resolved: bool) -> list[str]:
            return [item.rk for item in self._side(step, wanted, resolved=resolved)]

        noted = annotate(self._table, lambda resolved: errors_of(*step, resolved=resolved), present, known, notes)
        return tuple(each for each in dict.fromkeys(ids) if each in noted)

    def failed_again(self, error: FlowError) -> None:
        actions = [
            ErrorItem.source.set(error.source),
            ErrorItem.code.set(error.code),
            ErrorItem.message.set(error.message[:LONGEST_MESSAGE]),
            ErrorItem.is_retriable.set(error.is_retriable),
            ErrorItem.revision.add(1),
        ]
        try:
            self._table.update(_place(error, resolved=False), error.id, actions, is_there())
        except ConditionFailedError:
            return

    def set_retry_data(self, error: FlowError, data: Mapping[str, Json]) -> None:
        packed = self._packed(error, data)
        actions = [ErrorItem.retry_data.set(packed), ErrorItem.revision.add(1)]
        # Open again at last: it may be moved to the side that was tried before.
        for resolved in (False, True, False):
            try:
                self._table.update(_place(error, resolved=resolved), error.id, actions, is_there())
            except ConditionFailedError:
                continue
            return
        raise FlowErrorNotFoundError(error_id=error.id)

    def _open(self, step: Step, items: list[ErrorItem]) -> None:
        while items:
            writes: list[Write] = []
            for item in items:
                writes.append(self._table.putting(item, is_new()))
                writes.append(self._table.checking(errors_of(*step, resolved=True), item.rk, is_new()))
            writes += counting(self._table, step, [item.rk for item in items], 1)
            try:
                self._table.transact(writes)
            except TransactionRefusedError as refused:
                # Two writes for each error: one for each side that may have it. Figures have no conditions.
                known = {position // 2 for position in refused.failed}
                items = [item for position, item in enumerate(items) if position not in known]
            else:
                return

    def _move(self, step: Step, ids: Collection[str], resolution: _Resolution | None) -> tuple[str, ...]:
        """To the resolved ones with a resolution, to the open ones without; which of them were on the other side."""
        known = [each for each in dict.fromkeys(ids) if is_error_id(each)]
        # What is on the other side already is not counted as moved, whoever moved it.
        stored = {item.rk: item for item in self._side(step, known, resolved=resolution is None)}
        moved: list[str] = []
        for items in _together([stored[each] for each in known if each in stored]):
            moved += self._move_some(step, items, resolution)
        return tuple(moved)

    def _move_some(self, step: Step, items: list[ErrorItem], resolution: _Resolution | None) -> list[str]:
        forgotten: set[str] = set()
        for _ in range(_TRIES):
            if not items:
                return []
            # A job that is not kept any more refuses; its errors then move without its figures.
            jobs = [each for each in dict.fromkeys(item.job_id for item in items) if each not in forgotten]
            writes = [write for item in items for write in self._moving(step, item, resolution)]
            writes += [self._counting(step, job_id, items, resolution) for job_id in jobs]
            writes += counting(self._table, step, [item.rk for item in items], 1 if resolution is None else -1)
            try:
                self._table.transact(writes)
            except TransactionRefusedError as refused:
                # The order of `writes`: two of each error, then the jobs.
                forgotten |= {job for position, job in enumerate(jobs, 2 * len(items)) if position in refused.failed}
                items = [now for position, item in enumerate(items) for now in _left(refused, position, item)]
            else:
                return [item.rk for item in items]
        raise UnavailableError("The errors could not be moved.", flow_id=step[1], step_id=step[2])

    def _moving(self, step: Step, item: ErrorItem, resolution: _Resolution | None) -> tuple[Write, Write]:
        moved = ErrorItem(errors_of(*step, resolved=resolution is not None), item.rk, **_members(item))
        moved.resolved_at = None if resolution is None else resolution.at
        moved.resolved_by = None if resolution is None else resolution.by
        is_as_read = ErrorItem.revision == item.revision  # Guards against moving an older one than is there.
        origin = errors_of(*step, resolved=resolution is None)
        # The put needs no condition: an error that is on this side is not on the other one.
        return self._table.deleting(origin, item.rk, is_as_read), self._table.putting(moved)

    def _counting(self, step: Step, job_id: str, items: list[ErrorItem], resolution: _Resolution | None) -> Write:
        children = Counter(item.child for item in items if item.job_id == job_id)
        sign = 1 if resolution is not None else -1
        return resolving(self._table, step[0], job_id, {child: sign * number for child, number in children.items()})

    def _side(self, step: Step, ids: Collection[str], *, resolved: bool) -> list[ErrorItem]:
        place, now = errors_of(*step, resolved=resolved), self._now()
        items = [ErrorItem.from_raw_data(raw) for raw in self._table.get_all([(place, each) for each in ids])]
        return [item for item in items if not item.is_expired(now)]

    def _errors(self, items: Sequence[ErrorItem]) -> list[FlowError]:
        """With all their retry data, which lies by their jobs."""
        by_job: dict[str, list[ErrorItem]] = defaultdict(list)
        for item in items:
            by_job[item.job_id].append(item)
        found: list[FlowError] = []
        for job_id, some in by_job.items():
            values = self._values.unpack(_owner_of(job_id), [item.retry_data for item in some])
            found += map(_error, some, map(_mapping, values))
        return found

    def _packed(self, error: FlowError, data: Mapping[str, Json]) -> str:
        """Raises TooLargeError."""
        owner = _owner_of(error.job_id)
        return self._values.pack(owner, data, _INLINE_RETRY_BYTES, most_bytes=MAX_RETRY_DATA_BYTES)

    def _items(self, errors: Sequence[FlowError]) -> list[ErrorItem]:
        by_job: dict[str, list[FlowError]] = defaultdict(list)
        for error in errors:
            by_job[error.job_id].append(error)
        return [
            self._item(error, packed)
            for job_id, some in by_job.items()
            for error, packed in zip(some, self._all_packed(job_id, some), strict=True)
        ]

    def _all_packed(self, job_id: str, errors: Sequence[FlowError]) -> list[str | None]:
        # A record may be larger than what can be tried again; its error must not get lost for that.
        values = [error.retry_data for error in errors]
        return self._values.pack_all(_owner_of(job_id), values, _INLINE_RETRY_BYTES, MAX_RETRY_DATA_BYTES)

    def _item(self, error: FlowError, retry_data: str | None) -> ErrorItem:
        return ErrorItem(
            _place(error, resolved=False),
            error.id,
            workspace_id=error.workspace_id,
            flow_id=error.flow_id,
            step_id=error.step_id,
            job_id=error.job_id,
            child=error.child,
            position=error.order,
            occurred_at=error.occurred_at,
            source=error.source,
            code=error.code,
            message=error.message[:LONGEST_MESSAGE],
            trace_key=error.trace_key,
            request_key=error.request_key,
            # Without retry data that it had, because that was too large, there is nothing to try again with.
            is_retriable=error.is_retriable and (retry_data is None) is (error.retry_data is None),
            retry_data=retry_data,
            revision=0,
            # From its own time, not from now: figures of open errors count by that.
            expires_at=error.occurred_at + timedelta(days=RETENTION_DAYS),
        )


def _left(refused: TransactionRefusedError, position: int, item: ErrorItem) -> tuple[ErrorItem, ...]:
    """What is to be tried of an error again: as it is stored by now, where its own write was refused; nothing, where
    somebody else moved it."""
    if 2 * position not in refused.failed:
        return (item,)
    stored = refused.failed[2 * position]
    return (ErrorItem.from_raw_data(stored),) if stored else ()


def _together(items: Sequence[ErrorItem]) -> Iterator[list[ErrorItem]]:
    """In parts that one transaction takes: with two writes of each error, and one of each job and each day."""
    some: list[ErrorItem] = []
    others: set[str | int] = set()  # jobs are texts, days are numbers: no two of them are equal
    size = 0
    for item in items:
        others |= {item.job_id, day_of(item.rk)}
        size += 2 * _size(item)  # DynamoDB counts what is deleted too.
        if some and (2 * len(some) + 2 + len(others) > MAX_WRITES or size > _MAX_TRANSACTION_BYTES):  # 2: this item's
            yield some
            some, others, size = [], {item.job_id, day_of(item.rk)}, 2 * _size(item)
        some.append(item)
    if some:
        yield some


def _size(item: ErrorItem) -> int:
    """Of the texts that may be long."""
    return sum(len(text.encode()) for text in (item.message, item.trace_key, item.retry_data or ""))


def _bounds(where: ErrorFilter, now: datetime) -> tuple[str, str]:
    """Of the range keys: an error's id begins with its time. What has expired need not be deleted yet."""
    oldest = oldest_kept(now)
    first = oldest if where.since is None else max(oldest, f"{epoch_ms(where.since):013}")
    last = _LAST if where.until is None else f"{epoch_ms(where.until):013}"
    return first, f"{last}~"


def _is_wanted(where: ErrorFilter) -> Condition | None:
    wanted: Condition | None = None
    if where.source is not None:
        wanted = ErrorItem.source == where.source
    if where.job_id is not None:
        # PynamoDB takes None on the left of `&` for no condition.
        wanted &= ErrorItem.job_id == where.job_id
    return wanted


def _step_of(error: FlowError) -> Step:
    return error.workspace_id, error.flow_id, error.step_id


def _place(error: FlowError, *, resolved: bool) -> str:
    return errors_of(*_step_of(error), resolved=resolved)


def _owner_of(job_id: str) -> str:
    return f"runs/{job_id}"


def _members(item: ErrorItem) -> dict[str, Any]:
    return {name: value for name, value in item.attribute_values.items() if name not in {"hk", "rk"}}


def _at_hand(text: str | None) -> Mapping[str, Json] | None:
    """Retry data without a call for it."""
    if text is None:
        return None
    return {} if is_reference(text) else _mapping(decode(text.encode()))


def _mapping(value: Json) -> Mapping[str, Json] | None:
    assert value is None or isinstance(value, dict)
    return value


def _error(item: ErrorItem, retry_data: Mapping[str, Json] | None) -> FlowError:
    return FlowError(
        id=item.rk,
        workspace_id=item.workspace_id,
        flow_id=item.flow_id,
        step_id=item.step_id,
        job_id=item.job_id,
        child=item.child,
        order=int(item.position),
        occurred_at=item.occurred_at,
        source=item.source,
        code=item.code,
        message=item.message,
        trace_key=item.trace_key,
        retry_data=retry_data,
        is_retriable=item.is_retriable,
        request_key=item.request_key,
        resolved_at=item.resolved_at,
        resolved_by=item.resolved_by,
        tags=tags_of_item(item.tags),
        assigned_to=item.assigned_to or "",
    )
