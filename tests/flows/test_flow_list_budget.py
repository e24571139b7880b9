"""What lists of flows, jobs and errors cost: exact counts of the calls that reach AWS, which grow by the hundred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from chalicelib.domain.flows.flows import (
    Child,
    FlowError,
    JobFigures,
    JobType,
    ResourceKind,
    error_id,
)
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowBody, WorkflowStatus
from chalicelib.local import moto_lock
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.patches import Patches
from chalicelib.services.access import Scope
from chalicelib.services.flows.jobs import JobQuery
from chalicelib.services.flows.references import labels_of
from chalicelib.store.aws import AwsClients
from tests.fakes import START
from tests.flows.test_budget import WORKSPACE, House

PRINCIPAL = Principal("user_1", WORKSPACE, "key_1", frozenset(Scope))
FLOWS = 105
EXPORT, IMPORT = "e" * 22 + "00", "a" * 22 + "00"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    patches = Patches()
    moto_lock.apply(patches)
    with EmbeddedAws(remedies=False):
        aws = AwsClients(None, "eu-central-1")
        house = House(aws, "flow-list-budget")
        clients = (aws.dynamodb, aws.sqs, aws.s3)
        for client in clients:
            client.meta.events.register("before-call", house.calls.note, unique_id="flow-list-budget")
        flows = [_flow(house, number) for number in range(FLOWS)]
        for number in range(FLOWS):
            _job(house, flows[0], number)
        yield house
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="flow-list-budget")
    patches.undo()


def _flow(house: House, number: int) -> Workflow:
    document: dict[str, Json] = {"name": "Flow", "_exportId": EXPORT, "_importId": IMPORT}
    id_, status, labels = f"{number:022x}00", WorkflowStatus.ACTIVE, labels_of(document)
    flow = Workflow(id_, WORKSPACE, "Flow", "", status, 1, "1", START, START, dialect=CELIGO, labels=labels)
    house.services.stores.workflows.create(flow, WorkflowBody("1", id_, 1, document, compile_flow(document)))
    return flow


def _job(house: House, flow: Workflow, number: int) -> None:
    house.clock.advance(1)
    run = house.services.runs.start(flow, {})
    children = (Child("g0", ResourceKind.EXPORT, EXPORT, 0), Child("s0", ResourceKind.IMPORT, IMPORT, 1))
    figures = JobFigures(run.id, WORKSPACE, flow.id, JobType.FLOW, children, house.clock.now())
    house.services.stores.jobs.begin(figures)


def _failed(flow_id: str, number: int) -> FlowError:
    at = START + timedelta(seconds=number)
    id_ = error_id(at, number)
    return FlowError(id_, WORKSPACE, flow_id, IMPORT, "f" * 24, "s0", 1, at, "application", "422", "refused")


def cost(house: House, call: Callable[[], object]) -> Counter[str]:
    house.calls.made.clear()
    call()
    return Counter(house.calls.made)


def test_a_list_of_flows_costs_a_read_for_each_hundred(house: House) -> None:
    flows = house.services.flows

    def listed() -> None:
        assert len(list(flows.views(PRINCIPAL, flows.list(PRINCIPAL)))) == FLOWS

    assert cost(house, listed) == {"definitions.Query": 1, "definitions.BatchGetItem": 2, "flows.Query": 1}


def test_a_list_of_jobs_costs_a_read_for_each_hundred(house: House) -> None:
    query = JobQuery(flow_ids=frozenset({f"{0:022x}00"}))

    def listed() -> None:
        assert len(house.services.flow_jobs.query(PRINCIPAL, query)) == FLOWS

    assert cost(house, listed) == {"runs.Query": 1, "flows.BatchGetItem": 2}


def test_the_latest_jobs_cost_the_same_however_many_there_were(house: House) -> None:
    workflow = house.services.flows.workflow(PRINCIPAL, f"{0:022x}00", Scope.READ_RUNS)

    assert cost(house, lambda: house.services.flow_jobs.latest(PRINCIPAL, workflow)) == {
        "runs.Query": 1,
        "flows.BatchGetItem": 1,
    }


def test_how_many_errors_are_open_costs_the_same_however_many_there_are(house: House) -> None:
    errors, store = house.services.flow_errors, house.services.stores.flow_errors
    flow = errors.flow(PRINCIPAL, f"{1:022x}00", Scope.READ_RUNS)
    assert cost(house, lambda: errors.summary(flow)) == {"flows.Query": 1}
    for count in (1, 40):
        store.open([_failed(flow.id, number) for number in range(count)])

        assert cost(house, lambda: errors.summary(flow)) == {"flows.Query": 2}
        assert [each.count for each in errors.summary(flow)] == [0, count]
