"""Broken parts of schedules, each wrong in one way that matters: what the checks have to notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.run import Run
from chalicelib.services.runs.concurrency import Admission
from chalicelib.services.schedules.firing import Firing, FiringSettings
from tests.simulator.delivery_sabotage import Broken


class LosesDueTimes(Broken):
    """Stores schedules that nobody looks after."""

    def replace(self, schedule: Any) -> None:
        self._real.replace(replace(schedule, due_at=None))


class IgnoresRevisions(Broken):
    """Lets the slower of two writers win."""

    def replace(self, schedule: Any) -> None:
        stored = self._real.get(schedule.workspace_id, schedule.id)
        self._real.replace(replace(schedule, revision=stored.revision + 1))


class ForgetsTheLast(Broken):
    """Does not know what it started last."""

    def get(self, workspace_id: str, schedule_id: str) -> Any:
        return replace(self._real.get(workspace_id, schedule_id), last_run_id=None)


class ShowsNothingDue(Broken):
    def due(self, shard: int, now: datetime, limit: int) -> tuple[Any, ...]:
        return ()


class MintsIds(Broken):
    """Gives each start of a due time a run of its own."""

    def start(self, workflow: Any, given: Any, trigger: str = "manual", *arguments: Any, **named: Any) -> Run:
        if "start" in named:
            named["start"] = replace(named["start"], run_id=None)
        return self._real.start(workflow, given, trigger, *arguments, **named)  # type: ignore[no-any-return]


class StartsNothing(Broken):
    """Says that it started what was due."""

    def aim(self, schedule: Any) -> Any:
        aim = self._real.aim(schedule)
        return replace(aim, start=aim.start and (lambda due_at: f"exec_{due_at:%H%M%S}"))


class SeesNobody(Broken):
    """Takes no run to be in the way."""

    def is_busy(self, schedule: Any, last_id: str) -> bool:
        return False


class LetsEverybodyGo(Broken):
    def admit(self, run: Run, program: Any) -> Admission:
        return Admission.GO


class _HastyClock(Broken):
    def now(self) -> datetime:
        return self._real.now() + timedelta(minutes=10)  # type: ignore[no-any-return]


def hasty(firing: Firing) -> Firing:
    """Takes what is due in ten minutes to be due."""
    return replace(firing, clock=_HastyClock(firing.clock))


def generous(firing: Firing) -> Firing:
    """Takes nothing to be missed, however late it is."""
    return replace(firing, settings=FiringSettings(grace=1e9))


def strict(firing: Firing) -> Firing:
    """Takes everything to be missed that is not just now."""
    return replace(firing, settings=FiringSettings(grace=-1.0))


class CountsNothing(Broken):
    """Keeps no account of what was passed over."""

    def replace(self, schedule: Any) -> None:
        self._real.replace(replace(schedule, skipped=0))


SCHEDULES = (
    ("schedules", LosesDueTimes),
    ("schedules", IgnoresRevisions),
    ("schedules", ForgetsTheLast),
    ("schedules", ShowsNothingDue),
    ("schedules", CountsNothing),
    ("starting", MintsIds),
    ("target", StartsNothing),
    ("target", SeesNobody),
    ("limiter", LetsEverybodyGo),
    ("firing", hasty),
    ("firing", generous),
    ("firing", strict),
)
"""Names of parts, and what makes something broken of each."""
