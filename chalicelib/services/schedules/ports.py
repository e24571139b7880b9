"""What schedules need from the outside. Every store method may raise UnavailableError."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from chalicelib.domain.schedules import DueSchedule, Schedule


class ScheduleStore(Protocol):
    """Reads are consistent, but for `due`."""

    def create(self, schedule: Schedule) -> None:
        """Raises AlreadyExistsError."""

    def get(self, workspace_id: str, schedule_id: str) -> Schedule:
        """Raises ScheduleNotFoundError."""

    def replace(self, schedule: Schedule) -> None:
        """Stores the schedule over the revision before its own. Raises StaleWriteError, ScheduleNotFoundError."""

    def delete(self, workspace_id: str, schedule_id: str) -> None: ...

    def list(self, workspace_id: str, target_id: str | None = None) -> tuple[Schedule, ...]:
        """Newest first (created_at, then id)."""

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueSchedule, ...]:
        """Entries of one shard of the due index with `due_at` up to `now`, earliest first."""

    def rearm(self, workspace_id: str, schedule_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        """Moves the due time, if it still is `seen_due_at`; False otherwise. The revision stays."""


class ScheduleQueue(Protocol):
    def send_fire(self, schedule_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        """Hints that a schedule can be fired, after 0 to 900 seconds. May be lost, repeated or late."""
