"""A receiver that hangs does not slow the others down: sixteen invocations with their threads, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.domain.deliveries import DeliveryPlace
from chalicelib.domain.errors import OutboundTimeoutError
from chalicelib.domain.events import EventPlace
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.services.events.endpoint_gate import MOST_AT_ONCE
from chalicelib.services.events.events import Events
from tests.event_fakes import MemoryDeliveryQueue
from tests.flows.house import House
from tests.simulator.ports import ActorSpawner, SkewedClock
from tests.simulator.world import Invocation, World

INVOCATIONS = 16
BATCH = 10
LASTS_MS = 60_000
EACH_MS = 100
ANSWER_MS = 50
TIMEOUT_MS = 15_000

Place = EventPlace | DeliveryPlace


class Receivers:
    """Each answers after a while. The one that hangs does not, and holds its caller until the time is over."""

    def __init__(self, world: World, hangs: str) -> None:
        self._world = world
        self._hangs = hangs
        self.arrived: dict[str, list[int]] = {"slow": [], "quick": []}
        self.under_way = 0
        self.most = 0

    def send(self, request: HttpRequest) -> HttpResponse:
        name = "slow" if "slow" in request.url else "quick"
        if name == self._hangs:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            self._world.pause(TIMEOUT_MS)
            self.under_way -= 1
            raise OutboundTimeoutError
        self._world.pause(ANSWER_MS)
        emitted_ms = int(request.body or b"0")
        self.arrived[name].append(self._world.now_ms - emitted_ms)
        return HttpResponse(200, {}, b"", request.url, 0.05)


class Street:
    """Two endpoints that hear the same events, and the functions that deliver them."""

    def __init__(self, hangs: str) -> None:
        self.world = World(1)
        self.receivers = Receivers(self.world, hangs)
        self.house = house = House()
        clock: Any = SkewedClock(self.world)
        self.queue = house.delivery_queue = MemoryDeliveryQueue(clock)
        self.messages: list[Place] = []
        house.events = self._emitting(clock)
        house.fanout = replace(
            house.fanout, queue=self.queue, clock=clock, spawner=ActorSpawner(self.world), emitting=house.events
        )
        sender: Any = self.receivers
        house.deliverer = replace(house.deliverer, queue=self.queue, clock=clock, sender=sender, emitting=house.events)
        for name in ("slow", "quick"):
            house.endpoint(f"wh_{name}", url=f"https://{name}.example/")
            house.subscribe(f"wh_{name}")

    def _emitting(self, clock: Any) -> Any:
        house = self.house
        return Events(
            store=house.event_store,
            subscriptions=house.subscriptions,
            queue=self.queue,
            emitters={},
            chores=lambda: house.chores,
            clock=clock,
        )

    def live(self) -> None:
        self._begin("emitter", self._emit)
        for number in range(INVOCATIONS):
            self._begin(f"function {number}", self._work)
        self.world.run(LASTS_MS + 1_000)
        self.world.close()

    def _begin(self, name: str, course: Callable[[], None]) -> None:
        def ended(error: BaseException | None) -> None:
            assert error is None, error

        self.world.spawn(name, Invocation(name), course, ended)

    def _emit(self) -> None:
        for number in count():
            self.house.emit(self.world.now_ms, f"emit_{number}")
            self.world.pause(EACH_MS)

    def _work(self) -> None:
        """Takes batches, and is not free for another one before the slowest of its messages is done."""
        spawner = ActorSpawner(self.world)
        while True:
            batch = self._take()
            if not batch:
                self.world.pause(10)
                continue
            group = spawner.group()
            for place in batch:
                group.start(lambda place=place: self._handle(place))  # type: ignore[misc]
            for _ in batch:
                group.wait()

    def _take(self) -> list[Place]:
        now = self.world.time()
        for hint in [hint for hint in self.queue.hints if hint.visible_at <= now]:
            self.queue.hints.remove(hint)
            places: tuple[Place, ...] = (*([hint.event] if hint.event else []), *hint.deliveries)
            self.messages += places
        taken, self.messages = self.messages[:BATCH], self.messages[BATCH:]
        return taken

    def _handle(self, place: Place) -> None:
        until = self.world.time() + timedelta(seconds=60)
        if isinstance(place, EventPlace):
            self.house.fanout.tell(place, until)
        else:
            self.house.deliverer.attempt(place, until)


def p99(values: list[int]) -> int:
    return sorted(values)[len(values) * 99 // 100]


@pytest.fixture(scope="module")
def usual() -> Street:
    street = Street(hangs="nobody")
    street.live()
    return street


@pytest.fixture(scope="module")
def hanging() -> Street:
    street = Street(hangs="slow")
    street.live()
    return street


def test_the_others_get_everything_in_at_most_twice_the_usual_time(usual: Street, hanging: Street) -> None:
    usually, now = usual.receivers.arrived["quick"], hanging.receivers.arrived["quick"]

    assert len(now) >= len(usually) - 5
    assert p99(now) <= 2 * p99(usually)


def test_the_one_that_hangs_is_called_a_few_times_at_once(hanging: Street) -> None:
    assert 1 <= hanging.receivers.most <= MOST_AT_ONCE


def test_what_it_does_not_take_waits_without_being_counted(hanging: Street) -> None:
    deliveries = hanging.house.deliveries_to("wh_slow")

    assert len(deliveries) > 500
    assert sum(delivery.attempts for delivery in deliveries) <= MOST_AT_ONCE + LASTS_MS // TIMEOUT_MS
