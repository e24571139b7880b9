"""Usage: what runs count, and that no count is written twice."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.graph import Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.usage import CREDIT_MS, Usage, credits_for, used_in_hold
from chalicelib.services.usage import UsageMeter
from tests.event_fakes import MemoryUsageStore
from tests.fakes import START
from tests.flows.house import WORKSPACE, House, call, chain, ok

TODAY = "2026-11-02"


@pytest.fixture
def house() -> House:
    return House()


def takes(house: House, seconds: float) -> None:
    def respond(request: HttpRequest) -> HttpResponse:
        house.clock.advance(seconds)
        return ok(request)

    house.answers(respond)


@pytest.mark.parametrize(("ms", "expected"), [(0, 1), (1, 1), (30_000, 1), (30_001, 2), (90_000, 3)])
def test_each_begun_half_minute_is_a_credit_and_the_first_is_always_due(ms: int, expected: int) -> None:
    assert credits_for(ms) == expected


def test_a_run_counts_once_with_the_time_it_was_held(house: House) -> None:
    takes(house, 20)
    house.start(chain(call("a"), call("b")))

    house.work()

    assert house.usage() == {(WORKSPACE, TODAY): Usage(1, 40_000, 2)}


def test_a_run_that_waits_uses_no_time_meanwhile(house: House) -> None:
    takes(house, 1)
    house.start(chain(call("a"), Node("w", "wait", config={"seconds": 600}), call("b")))

    house.pass_time(700)

    assert house.usage() == {(WORKSPACE, TODAY): Usage(1, 2_000, 1)}


def test_a_hold_that_hands_over_pays_for_its_whole_half_minutes() -> None:
    assert used_in_hold(2 * CREDIT_MS + 1, ends_run=False) == Usage(0, 60_001, 2)
    assert used_in_hold(5, ends_run=True) == Usage(1, 5, 1)


def test_the_parts_of_a_map_are_no_invocations(house: House) -> None:
    body = Graph((call("a"),))
    house.start(chain(Node("each", "map", config={"items": list(range(201))}, bodies={"body": body})))

    house.work()

    (used,) = house.usage().values()
    assert used.invocations == 1


def test_what_was_written_is_not_written_again() -> None:
    meter, store = UsageMeter(), MemoryUsageStore()
    for _ in range(3):
        meter.note("ws_1", START, Usage(1, 10, 1))
    meter.note("ws_2", START, Usage(1, 10, 1))

    meter.flush(store)
    meter.flush(store)

    assert (store.of("ws_1", TODAY), store.of("ws_2", TODAY)) == (Usage(3, 30, 3), Usage(1, 10, 1))


def test_a_count_whose_writing_failed_is_given_up_because_it_may_be_there() -> None:
    class AppliesAndFails(MemoryUsageStore):
        def add(self, workspace_id: str, day: str, used: Usage) -> None:
            super().add(workspace_id, day, used)
            raise UnavailableError

    meter, store = UsageMeter(), AppliesAndFails()
    meter.note("ws_1", START, Usage(1, 10, 1))

    meter.flush(store)
    meter.flush(store)

    assert store.of("ws_1", TODAY) == Usage(1, 10, 1)
