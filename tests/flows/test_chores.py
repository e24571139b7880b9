"""Chores: work in slices that goes on until there is no more, whatever happens to whoever does it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.domain.errors import InvalidError, RunNotFoundError, UnavailableError, WorkflowNotFoundError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.run import RunStatus
from chalicelib.domain.workflow import CHORE_ID, INTERNAL_IDS
from chalicelib.services.access import Scope
from chalicelib.services.runs.chores import Arguments, Chores, Slice
from tests.flows.house import OWNER, WORKSPACE, House


@pytest.fixture
def house() -> House:
    return House()


def register(house: House, **kinds: Slice) -> None:
    house.chores = Chores(workflows=house.workflows, runs=house.service, clock=house.clock, kinds=kinds)


def slices(number: int, seen: list[Arguments]) -> Callable[[str, Arguments], bool]:
    def do(workspace_id: str, arguments: Arguments) -> bool:
        assert workspace_id == WORKSPACE
        seen.append(arguments)
        return len(seen) < number

    return do


def test_a_chore_goes_on_until_there_is_no_more(house: House) -> None:
    seen: list[Arguments] = []
    register(house, count=slices(5, seen))

    run_id = house.chores.start(WORKSPACE, "count", {"a": 1})
    house.work()

    assert seen == [{"a": 1}] * 5
    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_a_slice_that_fails_is_tried_again(house: House) -> None:
    left = [UnavailableError(), UnavailableError()]

    def flaky(_workspace_id: str, _arguments: Arguments) -> bool:
        if left:
            raise left.pop()
        return False

    register(house, flaky=flaky)
    run_id = house.chores.start(WORKSPACE, "flaky", {})
    house.pass_time(180)

    assert house.run(run_id).status is RunStatus.SUCCEEDED


def test_a_chore_is_no_event_and_costs_nobody_anything(house: House) -> None:
    register(house, count=slices(1, []))

    run_id = house.chores.start(WORKSPACE, "count", {})
    house.work()

    assert house.events_of(CHORE_ID) == []
    assert house.run(run_id).due_at is None
    assert house.usage() == {}


def test_an_unknown_chore_is_not_begun(house: House) -> None:
    with pytest.raises(InvalidError):
        house.chores.start(WORKSPACE, "sweep", {})

    assert house.queue.hints == []


def test_a_chore_that_this_release_does_not_know_fails(house: House) -> None:
    register(house, count=slices(1, []))
    run_id = house.chores.start(WORKSPACE, "count", {})
    register(house)

    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.message == "This installation knows no chore 'count'."


def test_nobody_can_address_its_workflow_or_use_its_node_type(house: House) -> None:
    run_id = house.start(Graph((Node("c", "chore"),)))
    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "unknown_node_type"
    assert CHORE_ID in INTERNAL_IDS
    with pytest.raises(WorkflowNotFoundError):
        house.access.workflow(OWNER, CHORE_ID, Scope.READ_WORKFLOWS)
    with pytest.raises(RunNotFoundError):
        house.service.get(OWNER, "exec_none")
