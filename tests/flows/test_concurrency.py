"""Concurrency limits: queue, skip, cancel the older; in all and per key."""

from __future__ import annotations

import pytest

from chalicelib.domain.graph import Concurrency, Graph, Node, OnLimit
from chalicelib.domain.run import RunStatus
from tests.flows.house import OWNER, House, call


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
