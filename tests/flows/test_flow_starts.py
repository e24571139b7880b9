"""Runs of flows whoever starts them: ids in the form of jobs', once each, one at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.cron import cron_timing
from chalicelib.domain.flows.flows import AuditEntry, Resource, ResourceKind, is_object_id, object_id_of
from chalicelib.domain.graph import Concurrency, Graph, Node, OnLimit
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, RunStatus, Start
from chalicelib.domain.schedules import Schedule, Target, TargetKind, fire_id
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.domain.workflow import CELIGO, Workflow
from chalicelib.services.flows.rest import FlowRest
from chalicelib.services.schedules.schedules import Draft
from chalicelib.services.schedules.targets import WorkflowTarget, unnoted_run
from tests.fakes import START
from tests.flow_fakes import MemoryAuditStore, MemoryResourceStore
from tests.flows.house import OWNER, WORKSPACE, House

MINUTELY = cron_timing("0 * * ? * *")
ONE_AT_A_TIME = Concurrency(1, on_limit=OnLimit.QUEUE)


def save_flow(house: House, seconds: int = 1, workflow_id: str = "wf_1") -> Workflow:
    graph = Graph((Node("w", "wait", config={"seconds": seconds}),), concurrency=ONE_AT_A_TIME)
    saved = house.save(graph, workflow_id)
    flow = replace(saved, dialect=CELIGO, revision=saved.revision + 1)
    house.workflows.replace(flow)
    return flow


def scheduled(house: House) -> Schedule:
    return house.schedules.create(OWNER, Draft(Target(TargetKind.WORKFLOW, "wf_1"), MINUTELY))


def live(house: House, minutes: int) -> None:
    for _ in range(minutes):
        house.clock.advance(60)
        house.tick.run()
        house.work()


def all_runs(house: House) -> list[Run]:
    return sorted(house.runs._runs.values(), key=lambda run: (run.created_at, run.id))


@pytest.fixture
def house() -> House:
    return House()


def test_a_run_of_a_flow_has_an_id_of_24_hexadecimal_digits(house: House) -> None:
    run = house.service.start(save_flow(house), {})

    assert is_object_id(run.id)
    assert run.id.endswith("00")


def test_starts_with_one_key_are_one_run(house: House) -> None:
    flow = save_flow(house)

    first = house.service.start(flow, {}, idempotency_key="k")
    assert is_object_id(first.id)
    assert house.service.start(flow, {}, idempotency_key="k").id == first.id


def test_a_due_time_starts_one_run_that_the_schedule_knows_again(house: House) -> None:
    save_flow(house, seconds=600)
    schedule = scheduled(house)
    live(house, 1)

    (run,) = all_runs(house)
    due_at = START + timedelta(minutes=1)
    assert run.id == object_id_of(fire_id(schedule.id, due_at), due_at)
    unaware = replace(schedule, last_run_id=None, last_fire_at=None)
    found = unnoted_run(house.runs, unaware)
    assert found is not None
    assert found.id == run.id


def test_a_due_time_is_passed_over_while_a_run_of_the_flow_waits(house: House) -> None:
    save_flow(house, seconds=600)
    scheduled(house)
    live(house, 8)

    begun = [run for run in all_runs(house) if run.began_at is not None]
    waiting = [run for run in all_runs(house) if run.status is RunStatus.QUEUED and run.began_at is None]
    assert (len(begun), len(waiting), len(all_runs(house))) == (1, 1, 2)


def test_when_the_run_that_waited_has_begun_another_may_wait(house: House) -> None:
    save_flow(house, seconds=600)
    scheduled(house)
    live(house, 18)

    assert len(all_runs(house)) == 3


def test_runs_of_one_due_time_do_not_stand_in_each_others_way(house: House) -> None:
    flow = save_flow(house, seconds=600)
    schedule = scheduled(house)
    due_at = START + timedelta(minutes=1)
    house.clock.at = due_at
    house.service.start(flow, {}, start=Start(scheduled_at=due_at, run_id=object_id_of("other", due_at)))
    house.tick.run()
    house.fire()

    assert object_id_of(fire_id(schedule.id, due_at), due_at) in {run.id for run in all_runs(house)}


def test_a_flow_may_rest_for_a_reason_of_its_own(house: House) -> None:
    flow = save_flow(house)
    schedule = scheduled(house)
    parts = (house.workflows, house.service, house.runs, house.limiter, house.triggers, house.clock)

    resting = WorkflowTarget(*parts, is_resting=lambda each: each.id == flow.id).aim(schedule)
    ready = WorkflowTarget(*parts, is_resting=lambda each: each.id != flow.id).aim(schedule)
    assert (resting.start, ready.start is None) == (None, False)


@pytest.mark.parametrize("is_offline", [False, True])
def test_a_flow_rests_while_a_connection_of_its_is_offline(house: House, is_offline: bool) -> None:
    store = MemoryResourceStore(MemoryAuditStore(house.clock.now))
    ids = [f"{number:024x}" for number in range(3)]
    documents: list[tuple[ResourceKind, dict[str, Json]]] = [
        (ResourceKind.EXPORT, {"_connectionId": ids[2]}),
        (ResourceKind.IMPORT, {}),
        (ResourceKind.CONNECTION, {"offline": is_offline}),
    ]
    for id_, (kind, document) in zip(ids, documents, strict=True):
        resource = Resource(id_, WORKSPACE, kind, document, START, START, "user_1")
        store.create(resource, AuditEntry(id_, WORKSPACE, kind, id_, "create", START, "user_1"))
    flow = replace(save_flow(house), labels={"integration": None, "refs": [ids[0], ids[1]]})

    assert FlowRest(store).is_resting(flow) is is_offline
    assert not FlowRest(store).is_resting(replace(flow, labels={}))
    assert not FlowRest(store).is_resting(replace(flow, dialect="exeoflow"))


def test_a_flow_that_another_workflow_starts_is_one_job_however_often_it_is_started(house: House) -> None:
    save_flow(house, seconds=60, workflow_id="flow")
    parent_id = house.start(Graph((Node("sub", "sub_workflow", config={"workflow_id": "flow"}),)))
    house.work()

    (child_id,) = house.run(parent_id).children
    assert is_object_id(child_id)
    assert house.run(child_id).workflow_id == "flow"
    live(house, 3)
    assert house.run(parent_id).status is RunStatus.SUCCEEDED
    assert len(all_runs(house)) == 2


def test_a_flow_that_hears_of_an_event_runs_once(house: House) -> None:
    save_flow(house)
    house.subscribe("wf_1", ListenerKind.WORKFLOW, emitter="wf_2")
    event = house.emit({"n": 1}, workflow_id="wf_2")
    for _ in range(2):
        house.take(event.place)
        house.deliver()

    (run,) = all_runs(house)
    assert is_object_id(run.id)
    assert run.workspace_id == WORKSPACE
