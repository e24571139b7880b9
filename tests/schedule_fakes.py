"""In-memory implementations of the schedules' ports, strict about every condition."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import AlreadyExistsError, ScheduleNotFoundError, StaleWriteError
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.schedules import DueSchedule, Schedule
from tests.fakes import FixedClock, shard_of

_Entry = tuple[datetime, str, str]


class MemoryScheduleStore:
    """`read` counts the entries of the due index that were looked at, as a query on it is paid for."""

    def __init__(self) -> None:
        self._schedules: dict[tuple[str, str], Schedule] = {}
        self._due: tuple[list[_Entry], ...] = tuple([] for _ in range(DUE_SHARDS))
        self.read = 0

    def __iter__(self) -> Iterator[Schedule]:
        return iter(tuple(self._schedules.values()))

    def create(self, schedule: Schedule) -> None:
        if (schedule.workspace_id, schedule.id) in self._schedules:
            raise AlreadyExistsError(schedule_id=schedule.id)
        self._store(schedule)

    def get(self, workspace_id: str, schedule_id: str) -> Schedule:
        try:
            return self._schedules[workspace_id, schedule_id]
        except KeyError as error:
            raise ScheduleNotFoundError(schedule_id=schedule_id) from error

    def replace(self, schedule: Schedule) -> None:
        stored = self.get(schedule.workspace_id, schedule.id)
        if stored.revision != schedule.revision - 1:
            raise StaleWriteError(schedule_id=schedule.id)
        self._store(schedule)

    def delete(self, workspace_id: str, schedule_id: str) -> None:
        stored = self._schedules.pop((workspace_id, schedule_id), None)
        if stored is not None:
            self._unlist(stored)

    def list(self, workspace_id: str, target_id: str | None = None) -> tuple[Schedule, ...]:
        found = [
            schedule
            for (owner, _), schedule in self._schedules.items()
            if owner == workspace_id and target_id in (None, schedule.target.id)
        ]
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueSchedule, ...]:
        entries = self._due[shard]
        page = entries[: bisect_right(entries, now, key=lambda entry: entry[0])][:limit]
        self.read += len(page)
        return tuple(self._entry(*entry) for entry in page)

    def rearm(self, workspace_id: str, schedule_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        schedule = self._schedules.get((workspace_id, schedule_id))
        if schedule is None or schedule.due_at != seen_due_at:
            return False
        self._store(replace(schedule, due_at=due_at))
        return True

    def _store(self, schedule: Schedule) -> None:
        stored = self._schedules.get((schedule.workspace_id, schedule.id))
        if stored is not None:
            self._unlist(stored)
        self._schedules[schedule.workspace_id, schedule.id] = schedule
        if schedule.due_at is not None:
            insort(self._due[shard_of(schedule.id)], (schedule.due_at, schedule.workspace_id, schedule.id))

    def _unlist(self, schedule: Schedule) -> None:
        if schedule.due_at is not None:
            self._due[shard_of(schedule.id)].remove((schedule.due_at, schedule.workspace_id, schedule.id))

    def _entry(self, due_at: datetime, workspace_id: str, schedule_id: str) -> DueSchedule:
        next_fire_at = self._schedules[workspace_id, schedule_id].next_fire_at
        return DueSchedule(workspace_id, schedule_id, due_at, next_fire_at or due_at)


@dataclass(frozen=True, slots=True)
class FireHint:
    """A message about a schedule, which nobody sees before `visible_at`."""

    schedule_id: str
    workspace_id: str
    delay_seconds: int
    visible_at: datetime


class MemoryScheduleQueue:
    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self.hints: list[FireHint] = []

    def send_fire(self, schedule_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        delay_seconds = min(max(delay_seconds, 0), 900)
        visible_at = self._clock.now() + timedelta(seconds=delay_seconds)
        self.hints.append(FireHint(schedule_id, workspace_id, delay_seconds, visible_at))

    def receive(self) -> FireHint | None:
        """Takes the visible message that became visible first, or None."""
        visible = [hint for hint in self.hints if hint.visible_at <= self._clock.now()]
        if not visible:
            return None
        hint = min(visible, key=lambda each: each.visible_at)
        self.hints.remove(hint)
        return hint
