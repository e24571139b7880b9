"""Fires schedules: starts what is due, once for each due time, and names the next one.

The start comes first and its id follows from the due time; then the schedule is replaced over its revision. Whoever
dies in between leaves a schedule that is due: the next one repeats the start, which changes nothing, and goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.catch_up import Work, due_work, passing_over
from chalicelib.domain.cron import next_after
from chalicelib.domain.errors import ScheduleNotFoundError, StaleWriteError, UnavailableError
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.schedules import Overlap, Schedule, TargetKind
from chalicelib.services.ports import Clock
from chalicelib.services.schedules.ports import ScheduleQueue, ScheduleStore
from chalicelib.services.schedules.schedules import armed, hint_delay
from chalicelib.services.schedules.targets import Aim, ScheduleTarget, Standing

logger = logging.getLogger(__name__)

_TRIES = 5


@dataclass(frozen=True, slots=True)
class FiringSettings:
    """Durations in seconds. `grace` is how late a due time may be started that was not missed: a minute more than the
    tick's period. `slice` is how many starts one call makes before others get their turn, `spare` what is kept back
    at the end of a function, `early` how long is waited for a due time when the hint came just before it."""

    grace: float = 120.0
    slice: int = 100
    spare: float = 5.0
    early: float = 0.5


@dataclass(frozen=True, slots=True)
class Firing:
    """Everything that firing a schedule needs. Shared by the threads of one function."""

    store: ScheduleStore
    queue: ScheduleQueue
    targets: Mapping[TargetKind, ScheduleTarget]
    clock: Clock
    settings: FiringSettings = FiringSettings()

    def fire(self, schedule_id: str, workspace_id: str, until: datetime) -> None:
        """Starts what is due of a schedule, as far as it gets before `until`.

        A hint for a schedule that is gone, at rest or not due is no error. Raises UnavailableError; the schedule is
        then found again by its due time.
        """
        for _ in range(_TRIES):
            try:
                self._look_at(self.store.get(workspace_id, schedule_id), until)
            except StaleWriteError:
                continue  # somebody else fired or changed it: what is due now is another question
            except ScheduleNotFoundError:
                pass
            return

    def _look_at(self, schedule: Schedule, until: datetime) -> None:
        aim = self.targets[schedule.target.kind].aim(schedule)
        if aim.standing is Standing.GONE:
            self.store.delete(schedule.workspace_id, schedule.id)
            logger.info("schedule removed", extra={"action": "schedule_removed", "schedule_id": schedule.id})
        elif aim.corrected is not None:
            self._store(aim.corrected)
        elif aim.standing is not Standing.UNSETTLED:
            self._start_due(schedule, aim, until)

    def _start_due(self, schedule: Schedule, aim: Aim, until: datetime) -> None:
        now = self._awaited(schedule)
        if not schedule.enabled or schedule.next_fire_at is None or schedule.next_fire_at > now:
            self._settle(schedule, now)
        elif aim.start is None:
            self._advance(schedule, passing_over(schedule, now))
        else:
            grace = timedelta(seconds=self.settings.grace)
            work = due_work(schedule, now, grace, self.settings.slice)
            may_be_unaware = work.passed or len(work.due) > 1 or _was_edited(schedule) or _passed_over(schedule)
            if schedule.overlap is Overlap.SKIP and may_be_unaware:
                schedule, work = self._knowing_of_all(schedule, work)
            schedule, work = self._started(schedule, work, aim, until)
            self._advance(schedule, work)

    def _awaited(self, schedule: Schedule) -> datetime:
        """The present, after waiting for a due time that is a moment away: clocks differ a little."""
        now = self.clock.now()
        if schedule.next_fire_at is None:
            return now
        early = (schedule.next_fire_at - now).total_seconds()
        if 0 < early <= self.settings.early:
            self.clock.sleep(early)
            # A sleep may end a moment early.
            return max(self.clock.now(), schedule.next_fire_at)
        return now

    def _started(self, schedule: Schedule, work: Work, aim: Aim, until: datetime) -> tuple[Schedule, Work]:
        """Starts what is due, in order; what there was no time for is left as the next."""
        assert aim.start is not None
        ends_at = until - timedelta(seconds=self.settings.spare)
        for number, due_at in enumerate(work.due):
            # The first is started however late it is, or a slow function would never get on.
            if number and self.clock.now() >= ends_at:
                return schedule, replace(work, next_fire_at=due_at)
            if self._is_in_the_way(schedule):
                work = replace(work, passed=work.passed + 1)
                continue
            # one     reads revision 4 ── starts 9:00 ── dies
            # other                                           reads revision 4 ── starts 9:00, finds the run ── stores 5
            run_id = aim.start(due_at)
            schedule = replace(schedule, last_fire_at=due_at, last_run_id=run_id)
        return schedule, work

    def _knowing_of_all(self, schedule: Schedule, work: Work) -> tuple[Schedule, Work]:
        """Of a schedule that is late, or was edited meanwhile and so is not late any more, it may be that whoever fired
        it last died after the start: that due time is done. Of one that passed a due time over, it may be that somebody
        slower, who had looked at it before, started that due time after all."""
        run = self.targets[schedule.target.kind].unnoted(schedule)
        if run is None or run.id == schedule.last_run_id:
            return schedule, work
        done_at, first = run.scheduled_at, schedule.next_fire_at
        due = tuple(at for at in work.due if at != done_at)
        # Not among those that are due, so among those that were missed: it is not passed over, for it was started.
        is_among_the_missed = due == work.due and done_at is not None and first is not None and done_at >= first
        passed = work.passed - 1 if is_among_the_missed and work.passed else work.passed
        return replace(schedule, last_fire_at=done_at, last_run_id=run.id), replace(work, due=due, passed=passed)

    def _is_in_the_way(self, schedule: Schedule) -> bool:
        if schedule.overlap is not Overlap.SKIP or schedule.last_run_id is None:
            return False
        return self.targets[schedule.target.kind].is_busy(schedule, schedule.last_run_id)

    def _advance(self, schedule: Schedule, work: Work) -> None:
        # Over the revision that was read: of two that fired it at once, the slower one finds out here and looks again.
        changed = replace(schedule, skipped=schedule.skipped + work.passed, revision=schedule.revision + 1)
        self._store(armed(changed, work.next_fire_at, self.clock.now()))

    def _settle(self, schedule: Schedule, now: datetime) -> None:
        """A schedule that was looked at before its time is looked at again when it is due, or never."""
        next_fire_at = schedule.next_fire_at if schedule.enabled else None
        # As `armed` leaves it: the tick is to send the hint, or to look whether the one that was sent is lost.
        usual = {next_fire_at}
        if next_fire_at is not None:
            usual.add(next_fire_at + timedelta(seconds=RESEND_SECONDS))
        if schedule.due_at not in usual:
            self._store(armed(replace(schedule, revision=schedule.revision + 1), next_fire_at, now))

    def _store(self, schedule: Schedule) -> None:
        self.store.replace(schedule)
        delay = hint_delay(schedule, self.clock.now())
        if delay is not None:
            with suppress(UnavailableError):  # what is lost here is sent by the tick
                self.queue.send_fire(schedule.id, schedule.workspace_id, delay)


def _was_edited(schedule: Schedule) -> bool:
    """Whether somebody changed it after the last start that it knows of."""
    return schedule.updated_at > (schedule.last_fire_at or schedule.created_at)


def _passed_over(schedule: Schedule) -> bool:
    """Whether there was a due time between the last start that it knows of and the one that is next."""
    return next_after(schedule.timing, schedule.last_fire_at or schedule.created_at) != schedule.next_fire_at
