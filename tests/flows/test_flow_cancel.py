"""A run that is cancelled, paused or taken over in the middle of a stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.json import Json
from chalicelib.domain.run import RunStatus
from chalicelib.nodes.flows.watch import LOOK_SECONDS, RunWatch
from tests.flows.flow_house import FLOW, Asked, FlowHouse, numbered
from tests.flows.house import OWNER, WORKSPACE

RECORDS = 20


@pytest.fixture
def house() -> FlowHouse:
    house = FlowHouse()
    house.export("e1", pageSize=RECORDS)
    house.import_("i1")
    house.api.routes = {"/items": numbered(RECORDS), "/sink": {"id": "new"}}
    house.flow(_exportId="e1", _importId="i1")
    return house


def start(house: FlowHouse) -> str:
    return house.service.start(house.workflows.get(WORKSPACE, FLOW), {}).id


def slow_sink(house: FlowHouse, fifth: Callable[[], object], seconds: float = 1.0) -> None:
    """Each call takes so long; something happens at the fifth."""
    seen: list[Asked] = []

    def sink(asked: Asked) -> Json:
        seen.append(asked)
        house.clock.advance(seconds)
        if len(seen) == 5:
            fifth()
        return {"id": "new"}

    house.api.routes["/sink"] = sink


def sent(house: FlowHouse) -> list[Any]:
    return [each["id"] for each in house.api.bodies("/sink")]


def test_a_cancelled_run_makes_no_more_requests_after_a_few_seconds(house: FlowHouse) -> None:
    slow_sink(house, lambda: house.service.cancel(OWNER, run_id))
    run_id = start(house)

    house.work()

    assert house.run(run_id).status is RunStatus.CANCELLED
    assert 5 <= len(sent(house)) <= 5 + LOOK_SECONDS + 1


def test_how_many_requests_a_cancelled_stage_made_is_told(house: FlowHouse) -> None:
    slow_sink(house, lambda: house.service.cancel(OWNER, run_id))
    run_id = start(house)

    house.work()

    steps = house.service.steps(OWNER, run_id, None, 100).steps
    (said,) = [step.error.message for step in steps if step.error is not None]
    assert said == f"the run is not under way any more: {len(sent(house))} of {RECORDS} requests were made"


def test_what_a_paused_stage_sent_is_not_sent_again(house: FlowHouse) -> None:
    slow_sink(house, lambda: house.control.pause(OWNER, run_id))
    run_id = start(house)
    house.work()
    assert len(sent(house)) < RECORDS

    house.control.resume(OWNER, run_id)
    run = house.finish(run_id)

    assert run.status is RunStatus.SUCCEEDED
    assert sent(house) == list(range(1, RECORDS + 1))


def test_the_next_run_waits_for_the_last_calls_of_a_cancelled_one(house: FlowHouse) -> None:
    others: list[str] = []
    under_way: list[str] = []

    def cancel_and_run() -> None:
        house.service.cancel(OWNER, run_id)
        others.append(start(house))
        under_way.append(run_id)
        house.work()
        under_way.clear()
        assert house.run(others[0]).status is RunStatus.WAITING
        assert house.api.paths().count("GET /items") == 1

    slow_sink(house, cancel_and_run)
    run_id = start(house)
    house.work()

    assert house.finish(others[0]).status is RunStatus.SUCCEEDED


def test_another_flow_does_not_wait(house: FlowHouse) -> None:
    other = "d" * 22 + "00"
    house.flow(other, _exportId="e1", _importId="i1")
    ended: list[RunStatus] = []
    slow_sink(house, lambda: ended.append(house.go(other).status), seconds=0.01)

    house.finish(start(house))

    assert ended == [RunStatus.SUCCEEDED]


def test_a_short_stage_is_never_looked_after(house: FlowHouse) -> None:
    looks: list[str] = []
    is_held = house.runs.is_held
    house.runs.is_held = lambda run_id, fence: looks.append(run_id) or is_held(run_id, fence)  # type: ignore[method-assign,func-returns-value]
    slow_sink(house, lambda: None, seconds=(LOOK_SECONDS - 0.5) / RECORDS)

    house.finish(start(house))
    assert looks == []
    slow_sink(house, lambda: None, seconds=1.0)
    house.finish(start(house))

    assert 0 < len(looks) <= RECORDS / LOOK_SECONDS


def test_a_look_that_lasts_lets_no_other_request_pass(house: FlowHouse) -> None:
    """Another thread asks while the store has not answered yet."""

    class Slow:
        def __init__(self) -> None:
            self.others: list[bool] = []

        def is_held(self, run_id: str, fence: int) -> bool:
            if not self.others:
                self.others.append(False)
                self.others.append(watch.is_over())
            return False

    slow = Slow()
    watch = RunWatch(slow, house.run(start(house)), house.clock, house.clock.now())
    house.clock.advance(LOOK_SECONDS)

    assert watch.is_over()
    assert slow.others == [False, True]
