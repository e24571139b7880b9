"""Which due times of a schedule are to be started now, which are passed over, and which is next.

Whatever was missed, every due time is either started or passed over, once, in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.cron import count_between, latest_before, next_after
from chalicelib.domain.schedules import CatchUp, Schedule

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Work:
    """`due` are to be started, in order; `passed` counts those before them that are not; `next_fire_at` follows the
    last of them and may be due too."""

    due: tuple[datetime, ...]
    passed: int
    next_fire_at: datetime | None


def due_work(schedule: Schedule, now: datetime, grace: timedelta, most: int) -> Work:
    """What to do about a schedule, at most so many starts. A due time that is older than the grace period was
    missed, and the schedule's policy decides about it."""
    at, passed = schedule.next_fire_at, 0
    if at is not None and at < now - grace:
        at, passed = _after_outage(schedule, at, now - grace)
    due: list[datetime] = []
    while at is not None and at <= now and len(due) < most:
        due.append(at)
        at = next_after(schedule.timing, at)
    return Work(tuple(due), passed, at)


def passing_over(schedule: Schedule, now: datetime) -> Work:
    """Everything that is due is left out."""
    first = schedule.next_fire_at
    if first is None or first > now:
        return Work((), 0, first)
    # An instant on, because the end is exclusive: what is due at this very moment is passed over too.
    return Work((), count_between(schedule.timing, first, now + _INSTANT), next_after(schedule.timing, now))


def _after_outage(schedule: Schedule, first: datetime, missed_until: datetime) -> tuple[datetime | None, int]:
    """Where to go on, and how many due times before that are passed over."""
    timing = schedule.timing
    missed = count_between(timing, first, missed_until)
    made_up = {CatchUp.NONE: 0, CatchUp.LAST: 1, CatchUp.ALL: schedule.catch_up_limit}[schedule.catch_up]
    if missed <= made_up:
        return first, 0
    if made_up == 0:
        return next_after(timing, missed_until - _INSTANT), missed
    # Backwards from the end: of very many that were missed only the last few are gone through.
    at = missed_until
    for _ in range(made_up):
        at = latest_before(timing, at, first) or first
    return at, missed - made_up
