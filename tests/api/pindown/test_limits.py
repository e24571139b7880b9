"""How often pins may be asked, in development and in production."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.errors import StaleWriteError
from chalicelib.domain.identity import Principal
from chalicelib.domain.pins import DataType, Pin
from chalicelib.services.pins.limits import PinLimits
from tests import fakes, pin_fakes
from tests.api.pindown.conftest import Pinned
from tests.api.world import World

OWNER = Principal("user", "ws", "key", frozenset())
STRANGER = Principal("other", "ws2", "key2", frozenset())
PIN = Pin("p-1", "ws", "user", DataType.TEXT, "", "", (), True, fakes.START)


@pytest.fixture
def limited() -> Pinned:
    return Pinned(World(pin_limits_count=True))


class TestByWorkflowId:
    def test_the_hundred_and_first_call_of_a_minute_is_refused(self, limited: Pinned) -> None:
        statuses = [limited.push({"n": n}).status for n in range(60)] + [limited.read().status for _ in range(40)]

        refused = limited.push({"n": 101})

        assert statuses == [200] * 100
        assert (refused.status, refused.json) == (
            429,
            {"error": "Too Many Requests", "message": "Rate limit exceeded"},
        )
        assert refused.headers["Retry-After"] == "60"
        assert limited.read(query="?history=1").status == 429
        assert limited.push({"n": 1}, "another").status == 200

    def test_the_minute_rolls(self, limited: Pinned) -> None:
        clock = limited.world.clock
        for _ in range(50):
            limited.push({"n": 1})
        clock.advance(45)
        for _ in range(50):
            limited.push({"n": 1})

        assert limited.push({"n": 1}).headers["Retry-After"] == "15"
        clock.advance(14.999)
        assert limited.push({"n": 1}).status == 429
        clock.advance(0.001)
        assert [limited.push({"n": 1}).status for _ in range(51)] == [200] * 50 + [429]

    def test_what_is_left_is_told(self, limited: Pinned) -> None:
        first, second = (limited.push({"n": 1}).headers for _ in range(2))

        assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("100", "99")
        assert second["X-RateLimit-Remaining"] == "98"

    def test_strangers_cannot_use_up_what_the_owner_needs(self, limited: Pinned) -> None:
        world = limited.world
        limited.push({"n": 1})
        world.call("POST", f"/api/pins/{limited.pin_id}/publish")

        statuses = [limited.read(key=world.other_key).status for _ in range(101)]

        assert statuses == [200] * 100 + [429]
        assert limited.push({"n": 2}).status == 200

    def test_who_may_not_push_is_told_so_and_counts_for_nobody(self, limited: Pinned) -> None:
        statuses = {limited.push({"n": 1}, key=limited.world.other_key).status for _ in range(120)}

        assert statuses == {403}
        assert limited.push({"n": 1}).status == 200


class TestByUser:
    def test_a_user_has_a_thousand_calls_an_hour_for_everything_else(self, limited: Pinned) -> None:
        world = limited.world
        second_key = world.new_key("ws_one")

        statuses = [
            world.call("GET", "/api/pins", key=key).status for _ in range(500) for key in (world.key, second_key)
        ]

        # One call went to the making of the pin.
        assert statuses == [200] * 999 + [429]
        refused = world.call("GET", "/api/pins")
        assert refused.json["error"]["code"] == "RATE_LIMITED"
        assert refused.headers["Retry-After"] == str(30 * 60)
        assert limited.push({"n": 1}).status == 200
        assert world.call("GET", f"/api/workflow-data/{limited.pin_id}").status == 429
        assert world.call("GET", "/api/pins", key=world.other_key).status == 200
        world.clock.advance(30 * 60)
        assert world.call("GET", "/api/pins").status == 200


def test_nothing_is_counted_in_development(pinned: Pinned) -> None:
    answers = [pinned.push({"n": n}) for n in range(120)]

    assert {answer.status for answer in answers} == {200}
    assert "X-RateLimit-Limit" not in answers[0].headers


class HastyStore(pin_fakes.MemoryMomentStore):
    """Every other write comes too late, because another process was faster."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def replace(self, name: str, seen: int, moments: tuple[int, ...], expires_at: object) -> int:
        self.writes += 1
        if self.writes % 2:
            revision, stored = self.read(name)
            super().replace(name, revision, (*stored, moments[-1]), fakes.START)
            raise StaleWriteError
        return super().replace(name, seen, moments, fakes.START)


def test_processes_that_count_together_never_grant_more(limited: Pinned) -> None:
    store = HastyStore()
    limits = PinLimits(store, fakes.MemoryCounterStore(), fakes.FixedClock(), counts=True)

    granted = [limits.spend_for_workflow(PIN, "w") for _ in range(60)]

    assert sum(each is not None and each.granted for each in granted) == 50
    assert len(store.read("pin-data:p-1:w")[1]) == 100


def test_a_count_that_was_forgotten_and_begun_anew_is_not_taken_for_the_old_one() -> None:
    store, clock = pin_fakes.MemoryMomentStore(), fakes.FixedClock()
    idle, busy = (PinLimits(store, fakes.MemoryCounterStore(), clock, counts=True) for _ in range(2))
    for _ in range(60):
        idle.spend_for_workflow(PIN, "w")
    clock.advance(3600)
    store.forget("pin-data:p-1:w")
    for _ in range(60):
        busy.spend_for_workflow(PIN, "w")

    granted = [idle.spend_for_workflow(PIN, "w") for _ in range(60)]

    assert sum(each is not None and each.granted for each in granted) == 40


def test_many_threads_are_granted_exactly_the_limit() -> None:
    limits = PinLimits(pin_fakes.MemoryMomentStore(), fakes.MemoryCounterStore(), fakes.FixedClock(), counts=True)

    with ThreadPoolExecutor(32) as threads:
        by_workflow = list(threads.map(lambda _: limits.spend_for_workflow(PIN, "w"), range(320)))
        by_user = list(threads.map(lambda _: limits.spend_for_user(OWNER), range(1200)))
    strangers = limits.spend_for_workflow(PIN, "w", STRANGER)

    assert sum(each is not None and each.granted for each in by_workflow) == 100
    assert sum(each is not None and each.granted for each in by_user) == 1000
    assert strangers is not None
    assert strangers.granted
