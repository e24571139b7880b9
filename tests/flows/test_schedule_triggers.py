"""Schedules that follow from triggers: in step with what is stored, whatever was announced and never came."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.api.exeoflow.compile import compile_definition
from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.schedules import Schedule, Target, TargetKind, TimingKind
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.schedules.schedules import Draft
from chalicelib.services.schedules.triggers import managed_id
from chalicelib.services.workflows import Change, Workflows
from tests.fakes import START, MemoryHookStore, SeededEntropy
from tests.flows.house import OWNER, WORKSPACE, House
from tests.flows.test_schedules import MINUTE, MINUTELY, all_runs, live


def trigger(node_id: str = "t", **config: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "trigger", "config": {"kind": "schedule", **config}}


EVERY_MINUTE = trigger(cron="* * * * *")
EVERY_TWO = trigger(interval_seconds=120)


class Office:
    """A house with workflows of the dialect, whose store fails when it is told to."""

    def __init__(self) -> None:
        self.house = House()
        self.workflows = Workflows(
            self.house.access,
            self.house.workflows,
            MemoryHookStore(),
            self.house.service,
            self.house.clock,
            SeededEntropy(seed=2),
            watchers=(self.house.triggers,),
        )

    def make(self, *nodes: dict[str, Any], active: bool = True) -> Workflow:
        source: dict[str, Any] = {"nodes": list(nodes), "connections": []}
        workflow = self.workflows.create(OWNER, "Takt", "", source, compile_definition)
        return self.switch(workflow, WorkflowStatus.ACTIVE) if active else workflow

    def switch(self, workflow: Workflow, status: WorkflowStatus) -> Workflow:
        return self.workflows.set_status(workflow, status).workflow

    def change(self, workflow: Workflow, *nodes: dict[str, Any]) -> Workflow:
        change = Change(members={"nodes": list(nodes)})
        return self.workflows.update(workflow, change, compile_definition).workflow

    def announce_only(self, method: str, action: Any) -> None:
        """What a process does that dies before it stores the workflow."""
        store = self.house.workflows
        original = getattr(store, method)

        def fail(*_: Any) -> None:
            raise UnavailableError

        setattr(store, method, fail)
        with pytest.raises(UnavailableError):
            action()
        setattr(store, method, original)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        return self.house.schedule_store.list(WORKSPACE)

    def started(self) -> list[datetime | None]:
        return [run.scheduled_at for run in all_runs(self.house)]


def minutes(*numbers: float) -> list[datetime]:
    return [START + number * MINUTE for number in numbers]


def test_an_active_workflow_starts_by_itself() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    live(office.house, 300)

    (schedule,) = office.schedules
    assert schedule.id == managed_id(workflow, "t")
    assert (schedule.managed, schedule.enabled, schedule.timing.kind) == (True, True, TimingKind.CRON)
    assert office.started() == minutes(1, 2, 3, 4, 5)
    assert {run.created_by for run in all_runs(office.house)} == {OWNER.user_id}


def test_an_inactive_one_does_not_and_its_schedule_costs_nothing() -> None:
    office = Office()
    office.make(EVERY_MINUTE, active=False)
    live(office.house, 300)

    (schedule,) = office.schedules
    assert (schedule.enabled, schedule.next_fire_at, schedule.due_at) == (False, None, None)
    assert office.started() == []


def test_deactivating_stops_it_and_activating_goes_on_from_then() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    live(office.house, 90)
    workflow = office.switch(workflow, WorkflowStatus.INACTIVE)
    live(office.house, 600)
    office.switch(workflow, WorkflowStatus.ACTIVE)
    live(office.house, 60)

    assert office.started() == minutes(1, 12)


def test_a_changed_trigger_counts_from_the_change() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    live(office.house, 90)
    office.change(workflow, EVERY_TWO)
    live(office.house, 250)

    assert office.started() == minutes(1, 3.5, 5.5)


def test_a_change_of_another_node_moves_no_due_time() -> None:
    office = Office()
    workflow = office.make(EVERY_TWO)
    live(office.house, 100)
    office.change(workflow, EVERY_TWO, {"id": "a", "type": "noop"})
    live(office.house, 140)

    assert office.started() == minutes(2, 4)


def test_a_trigger_that_is_taken_out_takes_its_schedule_along() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE, trigger("u", cron="0 0 * * *"))
    office.change(workflow, trigger("u", cron="0 0 * * *"))
    live(office.house, 180)

    assert [schedule.labels["node_id"] for schedule in office.schedules] == ["u"]
    assert office.started() == []


def test_a_workflow_that_is_deleted_takes_all_its_schedules_along() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    office.house.schedules.create(OWNER, Draft(Target(TargetKind.WORKFLOW, workflow.id), MINUTELY))
    office.workflows.delete(workflow)
    live(office.house, 180)

    assert office.schedules == ()
    assert office.started() == []


def test_a_schedule_made_beside_the_trigger_stays_when_the_graph_changes() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    own = office.house.schedules.create(OWNER, Draft(Target(TargetKind.WORKFLOW, workflow.id), MINUTELY))
    office.change(workflow, {"id": "a", "type": "noop"})
    live(office.house, 180)

    assert [schedule.id for schedule in office.schedules] == [own.id]


def test_a_change_that_was_never_stored_is_taken_back() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    office.announce_only("replace", lambda: office.change(workflow, trigger(cron="0 0 1 1 *")))
    live(office.house, 300)

    (schedule,) = office.schedules
    assert schedule.timing.expression == "* * * * *"
    assert office.started()[-2:] == minutes(4, 5)


def test_a_removal_that_was_never_stored_is_taken_back() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    office.announce_only("replace", lambda: office.change(workflow, {"id": "a", "type": "noop"}))
    live(office.house, 300)

    assert office.started()[-2:] == minutes(4, 5)


def test_a_deactivation_that_was_never_stored_is_taken_back() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE)
    office.announce_only("replace", lambda: office.switch(workflow, WorkflowStatus.INACTIVE))
    live(office.house, 300)

    assert office.started()[-2:] == minutes(4, 5)


def test_an_activation_that_was_never_stored_starts_nothing() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE, active=False)
    office.announce_only("replace", lambda: office.switch(workflow, WorkflowStatus.ACTIVE))
    live(office.house, 300)

    (schedule,) = office.schedules
    assert (schedule.enabled, schedule.due_at) == (False, None)
    assert office.started() == []


def test_the_schedule_of_a_workflow_that_was_never_stored_goes() -> None:
    office = Office()
    office.announce_only("create", lambda: office.make(EVERY_MINUTE))
    at_first = len(office.schedules)
    live(office.house, 300)

    assert at_first == 1
    assert office.schedules == ()


def test_what_is_due_before_the_change_is_stored_is_started_when_it_is() -> None:
    office = Office()
    workflow = office.make(EVERY_MINUTE, active=False)
    stored = office.house.workflows.get(WORKSPACE, workflow.id)
    office.switch(workflow, WorkflowStatus.ACTIVE)
    active = office.house.workflows.get(WORKSPACE, workflow.id)
    office.house.workflows._workflows[WORKSPACE, workflow.id] = stored
    office.house.clock.at = START + 59 * timedelta(seconds=1)
    live(office.house, 1)
    early = office.started()
    office.house.workflows._workflows[WORKSPACE, workflow.id] = active
    live(office.house, 130)

    assert early == []
    assert office.started() == minutes(1, 2, 3)


def test_a_trigger_of_an_earlier_release_that_cannot_be_scheduled_is_left_alone() -> None:
    house = House()
    graph = Graph((Node("t", "trigger", config={"kind": "schedule", "cron": "every day"}),))
    workflow = Workflow("wf_1", WORKSPACE, "Alt", "", WorkflowStatus.ACTIVE, 1, "1", START, START)
    house.workflows.create(workflow, WorkflowBody("1", "wf_1", 1, {}, graph))
    house.triggers.changing(replace(workflow, revision=2), graph)

    assert house.schedule_store.list(WORKSPACE) == ()
