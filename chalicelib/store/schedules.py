"""Schedules, each with an entry below its target, by which those of one target are found.

Only the schedule itself makes it exist. Its entry is written before it and removed after it, so a crash in between
leaves an entry for nothing, which nobody sees and which repeating the call puts right.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, ScheduleNotFoundError, StaleWriteError
from chalicelib.domain.schedules import (
    CatchUp,
    DueSchedule,
    Overlap,
    Schedule,
    Target,
    TargetKind,
    Timing,
    TimingKind,
)
from chalicelib.store.attributes import OptionalTextAttribute, OptionalTimeAttribute, TimeAttribute
from chalicelib.store.definition_items import DefinitionItem, schedules_of, schedules_of_target
from chalicelib.store.shards import shard_of
from chalicelib.store.table import ConditionFailedError, RawItem, Table
from chalicelib.store.values import Values

DUE = "due"


class ScheduleItem(DefinitionItem):
    """`due_shard` is there as long as `due_at` is, so that the index has no others."""

    workspace_id = UnicodeAttribute()
    target_kind = UnicodeAttribute()
    target_id = UnicodeAttribute()
    timing_kind = UnicodeAttribute()
    expression = UnicodeAttribute()
    timezone = UnicodeAttribute()
    interval_seconds = NumberAttribute(null=True)
    anchor = OptionalTimeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    created_by = UnicodeAttribute()
    updated_by = OptionalTextAttribute()
    input = UnicodeAttribute()
    enabled = BooleanAttribute()
    overlap = UnicodeAttribute()
    catch_up = UnicodeAttribute()
    catch_up_limit = NumberAttribute()
    title = UnicodeAttribute()
    labels = UnicodeAttribute()
    managed = BooleanAttribute()
    next_fire_at = OptionalTimeAttribute()
    due_shard = OptionalTextAttribute()
    due_at = OptionalTimeAttribute()
    last_fire_at = OptionalTimeAttribute()
    last_run_id = OptionalTextAttribute()
    skipped = NumberAttribute()
    revision = NumberAttribute()


class TargetItem(DefinitionItem):
    """That a target has the schedule of this name."""


class DynamoScheduleStore:
    """The `ScheduleStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values) -> None:
        self._table = table
        self._values = values

    def create(self, schedule: Schedule) -> None:
        #     entry ──► schedule      the other order could leave a schedule that its target does not know
        self._table.put(TargetItem(schedules_of_target(schedule.workspace_id, schedule.target.id), schedule.id))
        try:
            self._table.put(self._item(schedule), _is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(schedule_id=schedule.id) from failed

    def get(self, workspace_id: str, schedule_id: str) -> Schedule:
        raw = self._table.get(schedules_of(workspace_id), schedule_id)
        if raw is None:
            raise ScheduleNotFoundError(schedule_id=schedule_id)
        return self._all([raw], workspace_id)[0]

    def replace(self, schedule: Schedule) -> None:
        try:
            self._table.put(self._item(schedule), _is_at_revision(schedule.revision - 1))
        except ConditionFailedError as failed:
            if not failed.item:
                raise ScheduleNotFoundError(schedule_id=schedule.id) from failed
            raise StaleWriteError(schedule_id=schedule.id) from failed

    def delete(self, workspace_id: str, schedule_id: str) -> None:
        removed = self._table.delete(schedules_of(workspace_id), schedule_id, returns="ALL_OLD")
        if removed:
            target_id = ScheduleItem.from_raw_data(removed).target_id
            self._table.delete(schedules_of_target(workspace_id, target_id), schedule_id)

    def list(self, workspace_id: str, target_id: str | None = None) -> tuple[Schedule, ...]:
        """Reads all schedules of the workspace or of the target: an index by age would not be consistent."""
        found: Iterable[RawItem]
        if target_id is None:
            found = self._table.query(ScheduleItem.partition == schedules_of(workspace_id))
        else:
            entries = self._table.query(TargetItem.partition == schedules_of_target(workspace_id, target_id))
            # Entries of schedules that were never stored, or are gone, find no item.
            names = [TargetItem.from_raw_data(raw).name for raw in entries]
            found = self._table.get_all([(schedules_of(workspace_id), name) for name in names])
        schedules = self._all(found, workspace_id)
        return tuple(sorted(schedules, key=lambda each: (each.created_at, each.id), reverse=True))

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueSchedule, ...]:
        """The index may still show what a schedule's item no longer says, or not yet show it: a later pass sees it."""
        keys = (ScheduleItem.due_shard == str(shard)) & (ScheduleItem.due_at <= now)
        found = islice(self._table.query(keys, index=DUE, page_size=limit), limit)
        items = (ScheduleItem.from_raw_data(raw) for raw in found)
        return tuple(
            DueSchedule(item.workspace_id, item.name, item.due_at, item.next_fire_at or item.due_at)
            for item in items
            if item.due_at is not None
        )

    def rearm(self, workspace_id: str, schedule_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        try:
            self._table.update(
                schedules_of(workspace_id), schedule_id, [ScheduleItem.due_at.set(due_at)], _is_due_at(seen_due_at)
            )
        except ConditionFailedError:
            return False
        return True

    def _item(self, schedule: Schedule) -> ScheduleItem:
        owner, timing = _owner_of(schedule.workspace_id), schedule.timing
        return ScheduleItem(
            schedules_of(schedule.workspace_id),
            schedule.id,
            workspace_id=schedule.workspace_id,
            target_kind=schedule.target.kind.value,
            target_id=schedule.target.id,
            timing_kind=timing.kind.value,
            expression=timing.expression,
            timezone=timing.timezone,
            interval_seconds=timing.interval_seconds,
            anchor=timing.anchor,
            created_at=schedule.created_at,
            updated_at=schedule.updated_at,
            created_by=schedule.created_by,
            updated_by=schedule.updated_by,
            input=self._values.pack(owner, schedule.input),
            enabled=schedule.enabled,
            overlap=schedule.overlap.value,
            catch_up=schedule.catch_up.value,
            catch_up_limit=schedule.catch_up_limit,
            title=schedule.name,
            labels=self._values.pack(owner, schedule.labels),
            managed=schedule.managed,
            next_fire_at=schedule.next_fire_at,
            due_shard=None if schedule.due_at is None else shard_of(schedule.id),
            due_at=schedule.due_at,
            last_fire_at=schedule.last_fire_at,
            last_run_id=schedule.last_run_id,
            skipped=schedule.skipped,
            revision=schedule.revision,
        )

    def _all(self, found: Iterable[RawItem], workspace_id: str) -> tuple[Schedule, ...]:
        items = [ScheduleItem.from_raw_data(raw) for raw in found]
        packed = [text for item in items for text in (item.input, item.labels)]
        unpacked: list[Any] = self._values.unpack(_owner_of(workspace_id), packed)
        return tuple(_schedule(item, unpacked[2 * at], unpacked[2 * at + 1]) for at, item in enumerate(items))


def _is_new() -> Condition:
    """Guards a schedule against a second one of its id."""
    return ScheduleItem.partition.does_not_exist()


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a deleted schedule's return."""
    condition: Condition = ScheduleItem.revision == revision
    return condition


def _is_due_at(due_at: datetime) -> Condition:
    """Guards a due time that was moved meanwhile, and a schedule that is gone."""
    condition: Condition = ScheduleItem.due_at == due_at
    return condition


def _owner_of(workspace_id: str) -> str:
    return f"schedules/{workspace_id}"


def _schedule(item: ScheduleItem, run_input: Any, labels: Any) -> Schedule:
    return Schedule(
        id=item.name,
        workspace_id=item.workspace_id,
        target=Target(TargetKind(item.target_kind), item.target_id),
        timing=Timing(
            TimingKind(item.timing_kind),
            item.expression,
            item.timezone,
            None if item.interval_seconds is None else int(item.interval_seconds),
            item.anchor,
        ),
        created_at=item.created_at,
        updated_at=item.updated_at,
        created_by=item.created_by,
        input=run_input,
        enabled=item.enabled,
        overlap=Overlap(item.overlap),
        catch_up=CatchUp(item.catch_up),
        catch_up_limit=int(item.catch_up_limit),
        name=item.title,
        labels=labels,
        managed=item.managed,
        updated_by=item.updated_by,
        next_fire_at=item.next_fire_at,
        due_at=item.due_at,
        last_fire_at=item.last_fire_at,
        last_run_id=item.last_run_id,
        skipped=int(item.skipped),
        revision=int(item.revision),
    )
