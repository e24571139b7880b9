"""The tick's passes over events and deliveries: what is due is hinted at, once, with the delay that it still has."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.deliveries import Delivery, DeliveryPlace, Origin
from chalicelib.domain.errors import UnavailableError
from chalicelib.services.events.passes import DeliveryPass
from chalicelib.services.tick import TickSettings
from tests.event_fakes import MemoryDeliveryQueue, MemoryDeliveryStore
from tests.fakes import START, FixedClock


class Passing:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.store = MemoryDeliveryStore(self.clock)
        self.queue = MemoryDeliveryQueue(self.clock)
        self.tick = DeliveryPass(self.store, self.queue, self.clock, TickSettings(page=3))

    def add(self, id_: str, next_attempt: float, due: float) -> DeliveryPlace:
        origin = Origin(None, "", "", "", id_)
        at, due_at = START + timedelta(seconds=next_attempt), START + timedelta(seconds=due)
        delivery = Delivery(id_, "ws_1", "wh_1", "event", 1, origin, START, next_attempt_at=at, due_at=due_at)
        self.store.create(delivery)
        return delivery.place

    def hinted(self) -> dict[str, int]:
        return {place.id: hint.delay_seconds for hint in self.queue.hints for place in hint.deliveries}

    def due_at(self, place: DeliveryPlace) -> datetime | None:
        return self.store.get(place.workspace_id, place.endpoint_id, place.id).due_at


@pytest.fixture
def passing() -> Passing:
    return Passing()


def test_what_is_due_until_the_next_pass_is_hinted_at_with_the_delay_it_has(passing: Passing) -> None:
    late, soon = passing.add("late", -100, -40), passing.add("soon", 12.3, 12.3)
    passing.add("later", 300, 300)

    assert passing.tick.run() == 2

    assert passing.hinted() == {"late": 0, "soon": 13}
    assert passing.due_at(late) == START + timedelta(seconds=60)
    assert passing.due_at(soon) == START + timedelta(seconds=72.3)


def test_a_hint_or_claim_that_is_still_good_is_left_alone(passing: Passing) -> None:
    passing.add("hinted", -5, 55)

    assert passing.tick.run() == 0
    assert passing.queue.hints == []


def test_a_second_pass_at_the_same_moment_hints_at_nothing(passing: Passing) -> None:
    for number in range(10):
        passing.add(f"msg_{number}", -100, -40)

    assert [passing.tick.run(), passing.tick.run()] == [10, 0]
    assert len(passing.hinted()) == 10


def test_hints_with_the_same_delay_go_together(passing: Passing) -> None:
    for number in range(7):
        passing.add(f"msg_{number}", -100, -40)

    passing.tick.run()

    assert sorted(len(hint.deliveries) for hint in passing.queue.hints) == [1, 3, 3]


def test_what_could_not_be_hinted_at_is_found_by_a_later_pass(passing: Passing) -> None:
    class Refusing(MemoryDeliveryQueue):
        def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
            raise UnavailableError

    passing.add("msg_1", -100, -40)
    with pytest.raises(UnavailableError):
        replace(passing.tick, queue=Refusing(passing.clock)).run()

    passing.clock.advance(60)

    assert passing.tick.run() == 1
