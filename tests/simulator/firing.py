"""What must hold of schedules: each due time has one run, or is passed over for a reason that its policy gives.

All timings of these worlds come round after so many seconds, so that their due times can be told without the product's
own calendar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.schedules import CatchUp, Overlap, Schedule, Timing, TimingKind
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import WorkflowStatus
from tests.simulator.deployment import Stores
from tests.simulator.invariants import Watch
from tests.simulator.world import Actor, ViolationError, World

GRACE = timedelta(seconds=120)
"""How late something may be and was not missed."""

LONG_MS = 30_000
"""How long somebody has to stand still before a start for others to have moved the schedule on meanwhile, so that it
does not know of his start."""

PERIODS: dict[str, tuple[int, int]] = {
    "* * * * *": (60, 0),
    "15 * * * * ?": (60, 15),
    "*/5 * * * *": (300, 0),
    "0 0/10 * * * ?": (600, 0),
    "0 * * * *": (3600, 0),
    "0 30 */6 * * ?": (21_600, 1800),
    "30 9 * * *": (86_400, 34_200),
}
"""By expression, after how many seconds it comes round, and how many seconds after midnight, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Read:
    schedule: Schedule
    at: datetime
    ms: int


class FiringWatch:
    """Observes the ports `schedules` and `workflows`, and sees runs being made, begun and ended."""

    def __init__(self, world: World, stores: Stores, watch: Watch, due_changed: Callable[[datetime], None]) -> None:
        self._world = world
        self._stores = stores
        self._watch = watch
        self._due_changed = due_changed
        self._current: dict[str, Schedule] = {}
        self._read: dict[Actor, _Read] = {}
        self._ended_ms: dict[str, int] = {}
        self._made_ms: dict[str, int] = {}
        self._begun: dict[str, list[str]] = {}
        self._rested_ms: dict[str, int] = {}
        self._overtaken: set[str] = set()
        self.started: dict[tuple[str, datetime], str] = {}
        self.passed = 0

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        return

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        if isinstance(result, Exception):
            return
        match call:
            case "schedules.get":
                self._read[self._world.acting()] = _Read(result, self._now(), self._world.now_ms)
            case "schedules.create":
                self._stored(arguments[0])
            case "schedules.replace":
                self._replaced(self._current[arguments[0].id], arguments[0])
            case "schedules.rearm" if result:
                self._current[arguments[1]] = replace(self._current[arguments[1]], due_at=arguments[3])
                self._due_changed(arguments[3])
            case "schedules.delete":
                self._deleted(arguments[1])
            case "runs.create":
                self._made(arguments[0])
            case "runs.finish" | "runs.end":
                self._ended_ms[arguments[0]] = self._world.now_ms
            case "workflows.replace" | "workflows.delete":
                self._rested_ms[arguments[0].id if call == "workflows.replace" else arguments[1]] = self._world.now_ms

    # -- what is stored -----------------------------------------------------------------------------------------------

    def _stored(self, schedule: Schedule) -> None:
        self._current[schedule.id] = schedule
        stored = self._stores.schedules.get(schedule.workspace_id, schedule.id)
        if schedule.enabled and schedule.next_fire_at is not None and stored.due_at is None:
            self.fail(f"{schedule.id} is to fire, and nobody looks after it")
        if stored.due_at is not None:
            self._due_changed(stored.due_at)

    def _replaced(self, old: Schedule, new: Schedule) -> None:
        if new.revision != old.revision + 1:
            self.fail(f"{new.id} was written as revision {new.revision} over {old.revision}")
        self._stored(new)
        if (old.enabled, old.timing) != (new.enabled, new.timing):
            self._edited(new)
            return
        if new.next_fire_at == old.next_fire_at:
            if new.skipped != old.skipped:
                self.fail(f"{new.id} passed over what it did not leave behind")
            return
        if old.next_fire_at is None or (new.next_fire_at is not None and new.next_fire_at < old.next_fire_at):
            self.fail(f"{new.id} went from {old.next_fire_at} back to {new.next_fire_at}")
        self._advanced(old, new)

    def _edited(self, new: Schedule) -> None:
        """A change fires nothing: what is due next comes after it."""
        if not new.enabled and new.next_fire_at is not None:
            self.fail(f"{new.id} is not enabled and is to fire at {new.next_fire_at}")
        if new.next_fire_at is not None and new.next_fire_at <= new.updated_at:
            self.fail(f"{new.id} was changed at {new.updated_at}, and is to fire at {new.next_fire_at}")

    def _advanced(self, old: Schedule, new: Schedule) -> None:
        """The due times that were left behind were started, or passed over for a reason."""
        read = self._read.get(self._world.acting())
        if read is None or old.next_fire_at is None or new.next_fire_at is None:
            self.fail(f"{new.id} was moved on from {old.next_fire_at} to {new.next_fire_at} unseen")
        now = self._now()
        left = due_times(old.timing, old.next_fire_at, new.next_fire_at)
        if not left or next_due(old.timing, left[-1]) != new.next_fire_at:
            self.fail(f"{new.id} is to fire at {new.next_fire_at}, which is no due time of {old.timing}")
        passed = [at for at in left if (new.id, at) not in self.started]
        counted = new.skipped - old.skipped
        if not len(passed) <= counted <= len(left):
            self.fail(f"{new.id} left {len(passed)} of {len(left)} due times behind, and counts {counted}")
        self.passed += len(passed)
        if not passed or self._had_reason(old, read):
            return
        if [at for at in passed if at >= now - GRACE]:
            self.fail(f"{new.id} passed over {passed[-1]}, which it had not missed")
        missed = [at for at in left if at < read.at - GRACE]
        wanted = {CatchUp.NONE: 0, CatchUp.LAST: 1, CatchUp.ALL: old.catch_up_limit}[old.catch_up]
        made_up = len([at for at in left if at < now - GRACE]) - len([at for at in passed if at < now - GRACE])
        if made_up < min(wanted, len(missed)):
            self.fail(f"{new.id} made up for {made_up} of {len(missed)} due times, and should for {wanted}")

    def _had_reason(self, schedule: Schedule, read: _Read) -> bool:
        """Whether a run was in the way, or its workflow at rest, since the schedule was read."""
        if self._rested_ms.get(schedule.target.id, -1) >= read.ms or not self.is_startable(schedule):
            return True
        if schedule.overlap is not Overlap.SKIP:
            return False
        runs = [run_id for (id_, _), run_id in self.started.items() if id_ == schedule.id]
        return any(self._ended_ms.get(run_id, read.ms) >= read.ms for run_id in runs)

    def is_startable(self, schedule: Schedule) -> bool:
        """Whether its target is there, and not at rest."""
        workflow = self._stores.workflows._workflows.get((schedule.workspace_id, schedule.target.id))
        return workflow is not None and workflow.status is WorkflowStatus.ACTIVE

    def _deleted(self, schedule_id: str) -> None:
        schedule = self._current.pop(schedule_id, None)
        if schedule is not None and not self._world.acting().invocation.name.startswith("api"):
            self.was_in_the_way(schedule)

    def was_in_the_way(self, schedule: Schedule) -> None:
        """It was deleted by whoever was to fire it."""
        if schedule.managed:
            return
        workflow = self._stores.workflows._workflows.get((schedule.workspace_id, schedule.target.id))
        if workflow is not None and workflow.status is not WorkflowStatus.DELETING:
            self.fail(f"{schedule.id} was deleted, though its workflow is there")

    # -- what is started ----------------------------------------------------------------------------------------------

    def _made(self, run: Run) -> None:
        if run.trigger != "schedule":
            return
        read = self._read.get(self._world.acting())
        due_at = run.scheduled_at
        if read is None or due_at is None or read.schedule.next_fire_at is None:
            self.fail(f"{run.id} was started by no schedule")
        schedule = read.schedule
        if not schedule.enabled or due_at < (schedule.next_fire_at or due_at) or not is_due(schedule.timing, due_at):
            self.fail(f"{schedule.id} was not due at {due_at}")
        if self._now() < due_at:
            self.fail(f"{schedule.id} was fired at {self._now()}, before it was due at {due_at}")
        if (schedule.id, due_at) in self.started:
            self.fail(f"{schedule.id} was started twice for {due_at}")
        self.is_as_planned(run, schedule)
        self._was_to_be_made_up(schedule, due_at, read)
        self._is_alone(schedule, read)
        self.started[schedule.id, due_at] = run.id
        self._made_ms[run.id] = self._world.now_ms
        if self._world.now_ms - read.ms >= LONG_MS:
            self._overtaken.add(run.id)

    def is_as_planned(self, run: Run, schedule: Schedule) -> None:
        if run.input != schedule.input or run.workflow_id != schedule.target.id:
            self.fail(f"{schedule.id} started {run.workflow_id} with {run.input!r}")
        if (schedule.overlap is Overlap.QUEUE) is not (run.exclusive is not None):
            self.fail(f"{run.id} may overlap with others of {schedule.id}, or may not, against its policy")

    def _was_to_be_made_up(self, schedule: Schedule, due_at: datetime, read: _Read) -> None:
        """What was missed for certain when the schedule was read, and by how many due times."""
        if due_at >= read.at - GRACE:
            return
        later = len(due_times(schedule.timing, due_at, read.at - GRACE))
        most = {CatchUp.NONE: 0, CatchUp.LAST: 1, CatchUp.ALL: schedule.catch_up_limit}[schedule.catch_up]
        if later > most:
            self.fail(f"{schedule.id} made up for {due_at}, {later} due times ago, and was to for {most}")

    def _is_alone(self, schedule: Schedule, read: _Read) -> None:
        """Where runs are skipped rather than overlap, all have ended that were there when the schedule was read."""
        if schedule.overlap is not Overlap.SKIP:
            return
        for (schedule_id, at), run_id in self.started.items():
            if schedule_id != schedule.id or run_id in self._ended_ms or run_id in self._overtaken:
                continue
            if self._made_ms[run_id] < read.ms:
                self.fail(f"{schedule.id} was fired while the run of {at} was under way")

    def begins(self, task: Task) -> None:
        """Of runs that exclude one another, one is under way."""
        run = self._watch.run(task.run.id)
        if run is None or run.exclusive is None or run.status.is_final:
            return
        begun = self._begun.setdefault(run.exclusive, [])
        if run.id not in begun:
            begun.append(run.id)
        for other_id in begun:
            other = self._watch.run(other_id)
            if other_id != run.id and other is not None and not other.status.is_final:
                self.fail(f"{run.id} and {other_id} are under way at the same time")

    # -- the end ------------------------------------------------------------------------------------------------------

    def due(self) -> list[tuple[str, datetime]]:
        return [(each.id, each.due_at) for each in self._stores.schedules if each.due_at is not None]

    def late(self, latest: datetime) -> list[str]:
        """Schedules that should have fired by then."""
        return [
            each.id
            for each in self._stores.schedules
            if each.enabled and each.next_fire_at is not None and each.next_fire_at < latest
        ]

    def _now(self) -> datetime:
        return self._world.time(self._world.acting().invocation.skew_ms)


def _round(timing: Timing) -> tuple[int, datetime]:
    if timing.kind is TimingKind.INTERVAL:
        assert timing.interval_seconds is not None
        assert timing.anchor is not None
        return timing.interval_seconds, timing.anchor
    seconds, offset = PERIODS[timing.expression]
    return seconds, _EPOCH + timedelta(seconds=offset)


def is_due(timing: Timing, at: datetime) -> bool:
    seconds, anchor = _round(timing)
    return not (at - anchor) % timedelta(seconds=seconds)


def next_due(timing: Timing, after: datetime) -> datetime:
    seconds, anchor = _round(timing)
    period = timedelta(seconds=seconds)
    return anchor + period * ((after - anchor) // period + 1)


def due_times(timing: Timing, since: datetime, before: datetime) -> list[datetime]:
    """From `since` on, itself one, those that are earlier than `before`."""
    found = []
    while since < before:
        found.append(since)
        since = next_due(timing, since)
    return found


def expressions(shortest: int, longest: int) -> list[str]:
    """Those that come round after so many seconds."""
    return [each for each, (seconds, _) in PERIODS.items() if shortest <= seconds <= longest]


def trigger_config(timing: Timing, overlap: Overlap, catch_up: CatchUp) -> dict[str, Json]:
    config: dict[str, Json] = {"kind": "schedule", "overlap": overlap.value, "catch_up": catch_up.value}
    if timing.kind is TimingKind.INTERVAL:
        return {**config, "interval_seconds": timing.interval_seconds}
    return {**config, "cron": timing.expression}
