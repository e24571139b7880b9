"""Schedules that follow from the triggers of a workflow's graph.

They are written before the workflow is, for a change that may never be stored. So nothing is taken away for good
here: a schedule that was changed is looked at again some time later, and what the stored workflow does not bear out
is then corrected or removed. While a workflow is active, each of its triggers has its schedule.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.cron import is_same
from chalicelib.domain.errors import AlreadyExistsError, ScheduleNotFoundError, StaleWriteError, UnavailableError
from chalicelib.domain.graph import Graph
from chalicelib.domain.ids import derived
from chalicelib.domain.schedule_triggers import ScheduleTrigger, schedule_triggers
from chalicelib.domain.schedules import Schedule, Target, TargetKind
from chalicelib.domain.workflow import RESTING, Workflow, WorkflowStatus
from chalicelib.services.ports import Clock, WorkflowStore
from chalicelib.services.schedules.ports import ScheduleQueue, ScheduleStore
from chalicelib.services.schedules.schedules import counted_from, hint_delay

SETTLING_SECONDS = 60
"""Longer than any call takes from announcing a change of a workflow to storing it."""

_NODE, _BODY = "node_id", "body_ref"
_TRIES = 12


class TriggerSchedules:
    """The `Watcher` of workflows that keeps their managed schedules."""

    def __init__(self, store: ScheduleStore, queue: ScheduleQueue, workflows: WorkflowStore, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._workflows = workflows
        self._clock = clock

    def changing(self, workflow: Workflow, graph: Graph) -> None:
        """Schedules of triggers that the graph has, and none that fires of those that it has no more."""
        if workflow.dialect not in RESTING:
            return
        triggers = {trigger.node_id: trigger for trigger in schedule_triggers(graph)}
        is_new = workflow.revision == 1
        # What is being created has no schedules yet, so the store need not be asked.
        managed = () if is_new else self._managed(workflow)
        for schedule in managed:
            trigger = triggers.pop(str(schedule.labels[_NODE]), None)
            self._change(schedule, workflow, trigger)
        for trigger in triggers.values():
            self._create(workflow, trigger)

    def deleting(self, workflow: Workflow) -> None:
        """All schedules of the workflow go, whoever made them."""
        for schedule in self._store.list(workflow.workspace_id, workflow.id):
            self._store.delete(workflow.workspace_id, schedule.id)

    def is_in_step(self, schedule: Schedule, workflow: Workflow) -> bool:
        """Whether a managed schedule was made from the very graph and status that are stored."""
        is_active = workflow.status is WorkflowStatus.ACTIVE
        return schedule.labels.get(_BODY) == workflow.body_ref and schedule.enabled is is_active

    def corrected(self, schedule: Schedule, workflow: Workflow) -> Schedule | None:
        """A managed schedule as the stored workflow wants it; None where it wants none."""
        graph = self._workflows.body(workflow.workspace_id, workflow.id, workflow.body_ref).graph
        for trigger in schedule_triggers(graph):
            if trigger.node_id == schedule.labels.get(_NODE):
                return self._fitted(schedule, workflow, trigger)
        return None

    def _managed(self, workflow: Workflow) -> tuple[Schedule, ...]:
        found = self._store.list(workflow.workspace_id, workflow.id)
        return tuple(schedule for schedule in found if schedule.managed)

    def _create(self, workflow: Workflow, trigger: ScheduleTrigger) -> None:
        now = self._clock.now()
        schedule = Schedule(
            id=managed_id(workflow, trigger.node_id),
            workspace_id=workflow.workspace_id,
            target=Target(TargetKind.WORKFLOW, workflow.id),
            timing=trigger.timing,
            created_at=now,
            updated_at=now,
            created_by=workflow.updated_by or workflow.created_by or "",
            enabled=workflow.status is WorkflowStatus.ACTIVE,
            overlap=trigger.overlap,
            catch_up=trigger.catch_up,
            catch_up_limit=trigger.catch_up_limit,
            input=trigger.input,
            labels={_NODE: trigger.node_id, _BODY: workflow.body_ref},
            managed=True,
        )
        schedule = _settling(counted_from(schedule, now), now)
        try:
            self._store.create(schedule)
        except AlreadyExistsError:
            self._change(self._store.get(workflow.workspace_id, schedule.id), workflow, trigger)
        else:
            self._hint(schedule)

    def _change(self, schedule: Schedule, workflow: Workflow, trigger: ScheduleTrigger | None) -> None:
        for _ in range(_TRIES):
            changed = self._fitted(schedule, workflow, trigger)
            try:
                self._store.replace(changed)
            except StaleWriteError:
                schedule = self._store.get(schedule.workspace_id, schedule.id)
            except ScheduleNotFoundError:
                if trigger is not None:
                    self._create(workflow, trigger)
                return
            else:
                self._hint(changed)
                return
        raise StaleWriteError(schedule_id=schedule.id)

    def _fitted(self, schedule: Schedule, workflow: Workflow, trigger: ScheduleTrigger | None) -> Schedule:
        """The schedule as the trigger wants it, to be looked at again; at rest where there is none."""
        now = self._clock.now()
        enabled = trigger is not None and workflow.status is WorkflowStatus.ACTIVE
        changed = replace(
            schedule,
            enabled=enabled,
            # No body has the empty name: without its trigger it is out of step with whatever is stored.
            labels={**schedule.labels, _BODY: workflow.body_ref if trigger is not None else ""},
            updated_at=now,
            revision=schedule.revision + 1,
        )
        if trigger is not None:
            changed = replace(
                changed,
                timing=trigger.timing,
                overlap=trigger.overlap,
                catch_up=trigger.catch_up,
                catch_up_limit=trigger.catch_up_limit,
                input=trigger.input,
            )
        if is_same(changed.timing, schedule.timing) and enabled is schedule.enabled:
            # The stored timing has the anchor from which an interval counts.
            return _settling(replace(changed, timing=schedule.timing), now)
        return _settling(counted_from(changed, now), now)

    def _hint(self, schedule: Schedule) -> None:
        delay = hint_delay(schedule, self._clock.now())
        if delay is not None:
            with suppress(UnavailableError):  # what is lost here is sent by the tick
                self._queue.send_fire(schedule.id, schedule.workspace_id, delay)


def managed_id(workflow: Workflow, node_id: str) -> str:
    """The one id that the schedule of this trigger can have."""
    return derived("sch_", f"{workflow.workspace_id}/{workflow.id}/{node_id}")


def _settling(schedule: Schedule, now: datetime) -> Schedule:
    """Looked at soon in any case: by then the workflow is stored, or never will be."""
    look_at = now + timedelta(seconds=SETTLING_SECONDS)
    return replace(schedule, due_at=look_at if schedule.due_at is None else min(schedule.due_at, look_at))
