"""Errors of flows, an item each: among the open ones of its step, or among the resolved ones.

    open ──► open#… ──resolve──► resolved#… ──reopen──► open#…

Moving one is a transaction that takes it from one side, puts it on the other and adds to the figure of its job; so it
is on one side only, and counted once whoever comes twice. Large retry data lies in the bucket beside its job's values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import FlowErrorNotFoundError, UnavailableError
from chalicelib.domain.flows.flows import RETENTION_DAYS, ErrorFilter, FlowError, is_error_id
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, decode
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import OptionalTextAttribute, OptionalTimeAttribute, TimeAttribute, unexpired
from chalicelib.store.flows.items import FlowItem, errors_of, is_new, is_there
from chalicelib.store.flows.jobs import resolving
from chalicelib.store.table import ConditionFailedError, Table
from chalicelib.store.transactions import TransactionRefusedError, Write
from chalicelib.store.values import Values, is_reference

MAX_RETRY_DATA_BYTES = 5 * 1024 * 1024
LONGEST_MESSAGE = 16_000
_INLINE_RETRY_BYTES = 4 * 1024
_OPENED_AT_ONCE = 50
_MOVED_AT_ONCE = 33  # each with a write on both sides, and one of its job
_MOST_AT_ONCE = 1000
_FIRST, _LAST = "0", "9" * 13
_TRIES = 8

Step = tuple[str, str, str]
"""Workspace, flow, and export or import."""


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
    revision = NumberAttribute()


class DynamoFlowErrorStore:
    """The `FlowErrorStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values, now: Callable[[], datetime]) -> None:
        self._table = table
        self._values = values
        self._now = now

    def open(self, errors: Sequence[FlowError]) -> None:
        unique = list({(_step_of(each), each.id): each for each in errors}.values())
        for start in range(0, len(unique), _OPENED_AT_ONCE):
            self._open([(each, self._item(each)) for each in unique[start : start + _OPENED_AT_ONCE]])

    def get(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> Mapping[str, FlowError]:
        step = (workspace_id, flow_id, step_id)
        known = {each for each in ids if is_error_id(each)}
        items = {item.rk: item for item in self._side(step, known, resolved=False)}
        # Those that were moved after the one side was read are on the other.
        items |= {item.rk: item for item in self._side(step, known - items.keys(), resolved=True)}
        return {each.id: each for each in self._errors(list(items.values()))}

    def page(
        self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        place = errors_of(workspace_id, flow_id, step_id, resolved=where.is_resolved)
        first, last = _bounds(where)
        last = last if after is None else min(last, after)
        if last < first:
            return (), None
        keys = (FlowItem.hk == place) & FlowItem.rk.between(first, last)
        wanted = _is_wanted(where, self._now())
        raws = self._table.query(keys, wanted, newest_first=True, page_size=min(limit + 2, _MOST_AT_ONCE))
        # What was the last one of the page before is within the bounds.
        found = list(islice((raw for raw in raws if raw["rk"]["S"] != after), limit + 1))
        items = [ErrorItem.from_raw_data(raw) for raw in found[:limit]]
        errors = tuple(_error(item, _at_hand(item.retry_data)) for item in items)
        return errors, errors[-1].id if len(found) > limit else None

    def count(self, workspace_id: str, flow_id: str, step_id: str) -> tuple[int, datetime | None]:
        keys = FlowItem.hk == errors_of(workspace_id, flow_id, step_id, resolved=False)
        present = unexpired(self._now())
        newest = self._table.query(keys, present, newest_first=True, page_size=1, attributes=[ErrorItem.occurred_at])
        raw = next(newest, None)
        if raw is None:
            return 0, None
        return self._table.count(keys, present), from_epoch_ms(int(raw["occurred_at"]["N"]))

    def resolve(
        self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str], at: datetime, by: str
    ) -> tuple[str, ...]:
        return self._move((workspace_id, flow_id, step_id), ids, _Resolution(at, by))

    def reopen(self, workspace_id: str, flow_id: str, step_id: str, ids: Collection[str]) -> tuple[str, ...]:
        return self._move((workspace_id, flow_id, step_id), ids, None)

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

    def _open(self, pending: list[tuple[FlowError, ErrorItem]]) -> None:
        while pending:
            writes: list[Write] = []
            for error, item in pending:
                writes.append(self._table.putting(item, is_new()))
                writes.append(self._table.checking(_place(error, resolved=True), error.id, is_new()))
            try:
                self._table.transact(writes)
            except TransactionRefusedError as refused:
                known = {position // 2 for position in refused.failed}
                pending = [each for position, each in enumerate(pending) if position not in known]
            else:
                return

    def _move(self, step: Step, ids: Collection[str], resolution: _Resolution | None) -> tuple[str, ...]:
        """To the resolved ones with a resolution, to the open ones without; which of them were on the other side."""
        known = [each for each in dict.fromkeys(ids) if is_error_id(each)]
        stored = {item.rk: item for item in self._side(step, known, resolved=resolution is None)}
        items = [stored[each] for each in known if each in stored]
        moved: list[str] = []
        for start in range(0, len(items), _MOVED_AT_ONCE):
            moved += self._move_some(step, items[start : start + _MOVED_AT_ONCE], resolution)
        return tuple(moved)

    def _move_some(self, step: Step, items: list[ErrorItem], resolution: _Resolution | None) -> list[str]:
        forgotten: set[str] = set()
        for _ in range(_TRIES):
            jobs = [each for each in dict.fromkeys(item.job_id for item in items) if each not in forgotten]
            writes = [write for item in items for write in self._moving(step, item, resolution)]
            writes += [self._counting(step, job_id, items, resolution) for job_id in jobs]
            if not writes:
                return []
            try:
                self._table.transact(writes)
            except TransactionRefusedError as refused:
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

    def _packed(self, error: FlowError, data: Mapping[str, Json] | None) -> str | None:
        """Raises TooLargeError."""
        if data is None:
            return None
        owner = _owner_of(error.job_id)
        return self._values.pack(owner, data, _INLINE_RETRY_BYTES, most_bytes=MAX_RETRY_DATA_BYTES)

    def _item(self, error: FlowError) -> ErrorItem:
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
            is_retriable=error.is_retriable,
            retry_data=self._packed(error, error.retry_data),
            revision=0,
            expires_at=error.occurred_at + timedelta(days=RETENTION_DAYS),
        )


def _left(refused: TransactionRefusedError, position: int, item: ErrorItem) -> tuple[ErrorItem, ...]:
    """What is to be tried of an error again: as it is stored by now, where its own write was refused; nothing, where
    somebody else moved it."""
    if 2 * position not in refused.failed:
        return (item,)
    stored = refused.failed[2 * position]
    return (ErrorItem.from_raw_data(stored),) if stored else ()


def _bounds(where: ErrorFilter) -> tuple[str, str]:
    """Of the range keys: an error's id begins with its time."""
    first = _FIRST if where.since is None else f"{epoch_ms(where.since):013}"
    last = _LAST if where.until is None else f"{epoch_ms(where.until):013}"
    return first, f"{last}~"


def _is_wanted(where: ErrorFilter, now: datetime) -> Condition:
    wanted = unexpired(now)
    if where.source is not None:
        wanted &= ErrorItem.source == where.source
    if where.job_id is not None:
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
    )
