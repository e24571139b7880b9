"""Concurrency limits: queue, skip, cancel the older; in all and per key."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.domain.errors import WorkflowNotFoundError
from chalicelib.domain.graph import Concurrency, Graph, Node, OnLimit
from chalicelib.domain.listing import Line
from chalicelib.domain.run import RunStatus, Start
from tests.fakes import START
from tests.flows.house import OWNER, WORKSPACE, House, call


def limited(limit: int, on_limit: OnLimit, key: str | None = None, seconds: int = 100) -> Graph:
    nodes = (Node("w", "wait", config={"seconds": seconds}),)
    return Graph(nodes, concurrency=Concurrency(limit, key, on_limit))


def statuses(house: House, ids: list[str]) -> list[str]:
    return [house.run(run_id).status.value for run_id in ids]


def start(house: House, graph: Graph, inputs: list[dict[str, object]]) -> list[str]:
    workflow = house.save(graph)
    ids = []
    for input_ in inputs:
        ids.append(house.service.start(workflow, input_).id)  # type: ignore[arg-type]
        house.clock.advance(0.001)
        house.work()
    return ids


def test_runs_beyond_the_limit_wait_their_turn() -> None:
    house = House()
    ids = start(house, limited(2, OnLimit.QUEUE), [{}] * 5)
    at_first = statuses(house, ids)

    house.pass_time(105)
    later = statuses(house, ids)
    house.pass_time(240)

    assert at_first == ["waiting", "waiting", "queued", "queued", "queued"]
    assert later[:2] == ["succeeded", "succeeded"]
    assert later.count("waiting") == 2
    assert statuses(house, ids) == ["succeeded"] * 5


def test_a_slot_that_becomes_free_is_taken_at_once_by_the_run_that_waited_longest() -> None:
    house = House()
    ids = start(house, limited(1, OnLimit.QUEUE), [{}] * 3)

    house.clock.advance(100)
    house.work()

    assert statuses(house, ids) == ["succeeded", "waiting", "queued"]


def test_runs_of_another_key_have_a_limit_of_their_own() -> None:
    house = House()
    ids = start(
        house, limited(1, OnLimit.QUEUE, "$input.customer"), [{"customer": "a"}, {"customer": "b"}, {"customer": "a"}]
    )

    assert statuses(house, ids) == ["waiting", "waiting", "queued"]


def test_runs_beyond_the_limit_are_skipped() -> None:
    house = House()
    ids = start(house, limited(1, OnLimit.SKIP), [{}] * 2)

    failure = house.run(ids[1]).failure
    assert statuses(house, ids) == ["waiting", "cancelled"]
    assert failure is not None
    assert failure.type == "concurrency"


def test_a_newer_run_takes_the_place_of_the_oldest() -> None:
    house = House()
    ids = start(house, limited(2, OnLimit.CANCEL_OLDER), [{}] * 3)

    assert statuses(house, ids) == ["cancelled", "waiting", "waiting"]


def test_the_slot_of_a_run_that_was_cancelled_from_outside_becomes_free() -> None:
    house = House()
    ids = start(house, limited(1, OnLimit.QUEUE), [{}] * 2)
    house.service.cancel(OWNER, ids[0])

    house.pass_time(90)

    assert statuses(house, ids) == ["cancelled", "waiting"]


def test_a_run_whose_time_is_over_before_its_turn_times_out() -> None:
    house = House()
    graph = Graph(
        (Node("w", "wait", config={"seconds": 3000}),),
        timeout_seconds=300,
        concurrency=Concurrency(1),
    )
    ids = start(house, graph, [{}] * 2)

    house.pass_time(290)
    before = statuses(house, ids)
    house.pass_time(120)

    assert before == ["waiting", "queued"]
    assert statuses(house, ids)[1] == "timed_out"


def test_a_key_that_cannot_be_computed_fails_the_run() -> None:
    house = House()
    (run_id,) = start(house, Graph((call("a"),), concurrency=Concurrency(1, "$input.n > 'x'")), [{"n": 1}])

    failure = house.run(run_id).failure
    assert house.run(run_id).status is RunStatus.FAILED
    assert failure is not None
    assert "concurrency" in failure.message


@pytest.mark.parametrize("limit", [1, 3])
def test_never_more_runs_than_allowed_are_under_way(limit: int) -> None:
    house = House()
    ids = start(house, limited(limit, OnLimit.QUEUE, seconds=20), [{}] * 10)
    for _ in range(40):
        house.pass_time(10, step=10)

        assert statuses(house, ids).count("waiting") <= limit

    assert statuses(house, ids) == ["succeeded"] * 10


def exclusive(house: House, graph: Graph, due: list[int], name: str = "sch_1") -> list[str]:
    """Starts runs that exclude one another, in the order given, with these due times."""
    try:
        workflow = house.workflows.get(WORKSPACE, "wf_1")
    except WorkflowNotFoundError:
        workflow = house.save(graph)
    started = []
    for seconds in due:
        scheduled_at = START + timedelta(seconds=seconds)
        start_ = Start(run_id=f"exec_{name}_{seconds}", exclusive=name, scheduled_at=scheduled_at)
        run = house.service.start(workflow, {}, "schedule", start=start_)
        house.limiter.line_up(run)
        started.append(run.id)
    return started


WAITING = Graph((Node("w", "wait", config={"seconds": 100}),))


def test_of_runs_that_exclude_one_another_the_one_due_first_goes_first() -> None:
    house = House()
    ids = exclusive(house, WAITING, [30, 10, 20])
    house.work()
    at_first = statuses(house, ids)
    house.clock.advance(100)
    house.work()

    assert at_first == ["queued", "waiting", "queued"]
    assert statuses(house, ids) == ["queued", "succeeded", "waiting"]


def test_runs_of_another_name_are_in_nobodys_way() -> None:
    house = House()
    ids = [*exclusive(house, WAITING, [1, 2], "sch_1"), *exclusive(house, WAITING, [1], "sch_2")]
    house.work()

    assert statuses(house, ids) == ["waiting", "queued", "waiting"]


def test_a_run_that_is_resumed_keeps_its_turn_though_an_earlier_one_came_meanwhile() -> None:
    house = House()
    late = exclusive(house, WAITING, [50])
    house.work()
    early = exclusive(house, WAITING, [5])
    house.pass_time(90, step=10)
    meanwhile = statuses(house, late + early)
    house.pass_time(20, step=10)

    assert meanwhile == ["waiting", "queued"]
    assert statuses(house, late + early) == ["succeeded", "waiting"]


def test_a_run_that_waits_for_its_turn_takes_no_slot_of_its_workflow() -> None:
    house = House()
    graph = limited(2, OnLimit.QUEUE)
    ids = [*exclusive(house, graph, [1, 2], "sch_1"), *exclusive(house, graph, [1, 2], "sch_2")]
    house.work()

    assert statuses(house, ids) == ["waiting", "queued", "waiting", "queued"]


def test_a_run_that_its_workflow_skips_gives_its_turn_up() -> None:
    house = House()
    graph = limited(1, OnLimit.SKIP)
    house.start(graph)
    house.work()
    ids = exclusive(house, graph, [1, 2])
    house.work()

    assert statuses(house, ids) == ["cancelled", "cancelled"]
    assert house.slots.line("exclusive#ws_1#sch_1") == Line()


def test_a_run_that_a_newer_one_displaces_gives_its_turn_up() -> None:
    house = House()
    graph = limited(1, OnLimit.CANCEL_OLDER)
    ids = exclusive(house, graph, [1, 2], "sch_1")
    house.work()
    other = exclusive(house, graph, [1], "sch_2")
    house.clock.advance(1)
    house.work()
    house.work()

    assert statuses(house, ids)[0] == "cancelled"
    assert [*statuses(house, ids), *statuses(house, other)].count("waiting") == 1


def test_a_worker_that_died_with_the_turn_is_found_out() -> None:
    house = House()
    ids = exclusive(house, WAITING, [1, 2])
    house.work()
    now = house.clock.now()
    house.runs.end(ids[0], status=RunStatus.CANCELLED, at=now)
    house.pass_time(90)

    assert statuses(house, ids) == ["cancelled", "waiting"]
