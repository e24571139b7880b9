"""What schedules start: the one place that knows the kinds of targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from chalicelib.domain.errors import RunNotFoundError, WorkflowNotFoundError
from chalicelib.domain.flows.flows import object_id_of
from chalicelib.domain.ids import uuid_of
from chalicelib.domain.listing import RunFilter
from chalicelib.domain.run import LIVE, Run, RunStatus, Start
from chalicelib.domain.schedules import Overlap, Schedule, fire_id
from chalicelib.domain.workflow import CELIGO, RESTING, TWINIT, Workflow, WorkflowStatus
from chalicelib.services.ports import Clock, RunStore, WorkflowStore
from chalicelib.services.runs.concurrency import Limiter
from chalicelib.services.runs.runs import Runs
from chalicelib.services.schedules.triggers import SETTLING_SECONDS, TriggerSchedules

TRIGGER = "schedule"
_MOST_UNNOTED = 100
_MOST_WAITING = 20
_LONGEST_WAIT = timedelta(days=1)
"""How far back is looked for a run that waits: its list is read from there on."""
_SKEW_SECONDS = 600
"""How far the clocks of two functions are apart at most."""


class Standing(Enum):
    READY = auto()
    RESTING = auto()
    """It exists, but nothing starts it now: due times are passed over."""
    UNSETTLED = auto()
    """Somebody is about to change it: what to do will be known later."""
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Aim:
    """A schedule's target as it stands now. `corrected` is the schedule as it should be, where it is not; `start`
    starts what is due at a time, once however often it is called, and returns its id."""

    standing: Standing
    start: Callable[[datetime], str] | None = None
    corrected: Schedule | None = None


class ScheduleTarget(Protocol):
    def aim(self, schedule: Schedule) -> Aim: ...

    def is_busy(self, schedule: Schedule, last_id: str) -> bool:
        """Whether what was started before is still under way."""

    def unnoted(self, schedule: Schedule) -> Run | None:
        """What `unnoted_run` finds."""


class WorkflowTarget:
    """Starts runs of a workflow."""

    def __init__(
        self,
        workflows: WorkflowStore,
        runs: Runs,
        store: RunStore,
        limiter: Limiter,
        triggers: TriggerSchedules,
        clock: Clock,
        is_resting: Callable[[Workflow], bool] | None = None,
    ) -> None:
        """`is_resting` may name workflows that nothing starts now for reasons of their own."""
        self._is_resting = is_resting
        self._workflows = workflows
        self._runs = runs
        self._store = store
        self._limiter = limiter
        self._triggers = triggers
        self._clock = clock

    def aim(self, schedule: Schedule) -> Aim:
        try:
            workflow = self._workflows.get(schedule.workspace_id, schedule.target.id)
        except WorkflowNotFoundError:
            return Aim(self._out_of_step(schedule))
        if workflow.status is WorkflowStatus.DELETING:
            return Aim(Standing.GONE)
        if schedule.managed and not self._triggers.is_in_step(schedule, workflow):
            return self._corrected(schedule, workflow)
        if workflow.status is WorkflowStatus.INACTIVE and workflow.dialect in RESTING:
            return Aim(Standing.RESTING)
        if self._is_resting is not None and self._is_resting(workflow):
            return Aim(Standing.RESTING)
        if workflow.dialect == CELIGO and self._waits_already(schedule):
            return Aim(Standing.RESTING)
        return Aim(Standing.READY, lambda due_at: self._start(schedule, workflow, due_at))

    def is_busy(self, schedule: Schedule, last_id: str) -> bool:
        try:
            return not self._store.get(last_id).status.is_final
        except RunNotFoundError:
            return False

    def unnoted(self, schedule: Schedule) -> Run | None:
        return unnoted_run(self._store, schedule)

    def _waits_already(self, schedule: Schedule) -> bool:
        """Whether a run of the flow waits to begin that was started before what is due now: one at a time is enough."""
        where = RunFilter(
            workflow_id=schedule.target.id,
            statuses=frozenset({RunStatus.QUEUED}),
            since=self._clock.now() - _LONGEST_WAIT,
        )
        due_at = schedule.next_fire_at
        for summary in self._store.page(schedule.workspace_id, where, offset=0, limit=_MOST_WAITING).items:
            try:
                # The list may lag behind: whether it still waits, the run itself says.
                run = self._store.get(summary.id)
            except RunNotFoundError:
                continue
            is_of_now = run.scheduled_at is not None and due_at is not None and run.scheduled_at >= due_at
            if run.status is RunStatus.QUEUED and run.began_at is None and not is_of_now:
                return True
        return False

    def _out_of_step(self, schedule: Schedule) -> Standing:
        """A managed schedule is written before its workflow is: for a while the workflow may still be to come."""
        is_new = self._clock.now() < schedule.updated_at + timedelta(seconds=SETTLING_SECONDS)
        return Standing.UNSETTLED if schedule.managed and is_new else Standing.GONE

    def _corrected(self, schedule: Schedule, workflow: Workflow) -> Aim:
        if self._out_of_step(schedule) is Standing.UNSETTLED:
            return Aim(Standing.UNSETTLED)
        corrected = self._triggers.corrected(schedule, workflow)
        return Aim(Standing.GONE) if corrected is None else Aim(Standing.UNSETTLED, corrected=corrected)

    def _start(self, schedule: Schedule, workflow: Workflow, due_at: datetime) -> str:
        is_queue = schedule.overlap is Overlap.QUEUE
        fire = fire_id(schedule.id, due_at)
        start = Start(
            user_id=schedule.created_by or None,
            run_id=_run_id(workflow, fire, due_at),
            exclusive=schedule.id if is_queue else None,
            scheduled_at=due_at,
        )
        run = self._runs.start(workflow, schedule.input, TRIGGER, start=start)
        # A start that is repeated may find the run ended, which would stand in line for nothing.
        if is_queue and not run.status.is_final:
            self._limiter.line_up(run)
        return run.id


def unnoted_run(runs: RunStore, schedule: Schedule) -> Run | None:
    """A run of the schedule that is under way and that the schedule may not know of: whoever started it died, or was
    overtaken, before he could note it."""
    since = (schedule.last_fire_at or schedule.created_at) - timedelta(seconds=_SKEW_SECONDS)
    where = RunFilter(workflow_id=schedule.target.id, statuses=LIVE, since=since)
    for summary in runs.page(schedule.workspace_id, where, offset=0, limit=_MOST_UNNOTED).items:
        try:
            run = runs.get(summary.id)
        except RunNotFoundError:
            continue
        if run.scheduled_at is None or run.status.is_final:
            continue
        # Other schedules of the workflow have such runs too; whose this is, its id tells.
        fire = fire_id(schedule.id, run.scheduled_at)
        if run.id in {fire, uuid_of(fire), object_id_of(fire, run.scheduled_at)}:
            return run
    return None


def _run_id(workflow: Workflow, fire: str, due_at: datetime) -> str:
    """The fire's id in the form that runs of the workflow have."""
    if workflow.dialect == TWINIT:
        return uuid_of(fire)
    return object_id_of(fire, due_at) if workflow.dialect == CELIGO else fire
