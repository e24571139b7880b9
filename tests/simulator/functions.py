"""The functions of a deployment: those that the messages of a queue start, and the tick that the schedule starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import UnavailableError
from chalicelib.services.tick import Tick
from tests.fakes import START
from tests.simulator.faults import Faults
from tests.simulator.world import Invocation, ViolationError, World

MAX_RECEIVES = 5
BATCH = 10
TICK_MS = 60_000
TICK_TIMEOUT_MS = 55_000


Handle = Callable[[Any, datetime], None]
"""Works off what one message says, until the function must have ended."""


@dataclass(eq=False, slots=True)
class Message:
    body: object
    receives: int = 0


class MessageFunction:
    """Works off messages in batches. Those of a batch that failed or died come back, up to five times.

    `process` is asked for one process to work in for each invocation."""

    def __init__(
        self, world: World, faults: Faults, name: str, process: Callable[[], Handle], visibility_ms: int
    ) -> None:
        self._world = world
        self._faults = faults
        self._name = name
        self._process = process
        self._visibility_ms = visibility_ms
        self._arrived: list[Message] = []
        self._count = 0

    def deliver(self, body: object) -> None:
        self._receive(Message(body))

    def _receive(self, message: Message) -> None:
        message.receives += 1
        if message.receives > MAX_RECEIVES:
            self._world.faults["message dead-lettered"] += 1
            return
        self._arrived.append(message)
        if len(self._arrived) == 1:
            self._world.at(self._world.now_ms + self._world.random.choice((0, 0, 5, 100)), self._start)

    def _start(self) -> None:
        while self._arrived:
            batch, self._arrived = self._arrived[:BATCH], self._arrived[BATCH:]
            self._invoke(batch)

    def _invoke(self, batch: list[Message]) -> None:
        world = self._world
        self._count += 1
        invocation = Invocation(f"{self._name}{self._count}", self._faults.skew_ms(), self._world.now_ms)
        open_messages = dict.fromkeys(batch)
        lasts_ms = self._faults.function_ms()
        until = world.time(invocation.skew_ms) + timedelta(milliseconds=lasts_ms)
        invocation.died = lambda: self._redeliver(batch)
        handle = self._process()
        failed: list[Message] = []
        for number, message in enumerate(batch):
            name = f"{invocation.name}.{number}" if len(batch) > 1 else invocation.name
            course = lambda message=message: handle(message.body, until)  # noqa: E731
            self._spawn(name, invocation, message, course, open_messages, failed)

        def time_out() -> None:
            if open_messages and not invocation.is_dead:
                world.faults["function timed out"] += 1
                world.trace.add(world.now_ms, invocation.name, "timed out")
                world.kill(invocation)

        world.at(world.now_ms + lasts_ms, time_out)

    def _spawn(
        self,
        name: str,
        invocation: Invocation,
        message: Message,
        course: Callable[[], None],
        open_messages: dict[Message, None],
        failed: list[Message],
    ) -> None:
        def ended(error: BaseException | None) -> None:
            open_messages.pop(message, None)
            if isinstance(error, UnavailableError):
                failed.append(message)
            elif error is not None:
                raise ViolationError(f"{name} raised {type(error).__name__}: {error}") from error
            if not open_messages:
                self._redeliver(failed)
            if not open_messages and any(not actor.has_ended for actor in invocation.actors):
                raise ViolationError(f"{name} ended and left steps behind that still run")

        self._world.spawn(name, invocation, course, ended)

    def _redeliver(self, messages: list[Message]) -> None:
        for message in messages:
            self._world.faults["message redelivered"] += 1
            self._world.at(self._world.now_ms + self._visibility_ms, lambda message=message: self._receive(message))  # type: ignore[misc]


class TickFunction:
    """Runs the tick each minute; passes that would find nothing are left out, for they change nothing.

    `earliest_due` is the earliest due time of the index."""

    def __init__(self, world: World, faults: Faults, tick: Tick, earliest_due: Callable[[], datetime | None]) -> None:
        self._world = world
        self._faults = faults
        self._tick = tick
        self._earliest_due = earliest_due
        self._next_ms = -1
        self._least_ms = 0
        self._count = 0

    def schedule(self) -> None:
        """Appoints the next pass that can find something."""
        due_at = self._earliest_due()
        if due_at is not None:
            self.consider(due_at)

    def recover(self) -> None:
        """Ticks that were missing are missing no longer."""
        self._least_ms = 0
        self._next_ms = -1
        self.schedule()

    def consider(self, due_at: datetime) -> None:
        """Something is due then. Clocks that are ahead and the tick's own foresight see it earlier than that."""
        ahead_ms = self._faults.odds.skew_ms + 2 * TICK_MS
        due_ms = round((due_at - START) / timedelta(milliseconds=1)) - ahead_ms
        at_ms = max(due_ms, self._world.now_ms + 1, self._least_ms)
        at_ms += -at_ms % TICK_MS
        if self._next_ms < 0 or at_ms < self._next_ms:
            self._next_ms = at_ms
            self._world.at(at_ms, lambda: self._start(at_ms))

    def _start(self, at_ms: int) -> None:
        if at_ms != self._next_ms:
            return  # another pass took this one's place
        world, faults, odds = self._world, self._faults, self._faults.odds
        self._next_ms = -1
        self._least_ms = at_ms + 1
        if faults.happens(odds.tick_missing, "ticks missing"):
            self._least_ms = at_ms + world.random.randrange(3_600_000, 6 * 3_600_000)
        else:
            copies = 3 if faults.happens(odds.tick_repeated, "ticks at once") else 1
            late_ms = world.random.randrange(1_000, 50_000) if faults.happens(odds.tick_late, "tick late") else 0
            for _ in range(copies):
                self._invoke(late_ms)
        self.schedule()

    def _invoke(self, late_ms: int) -> None:
        world = self._world
        self._count += 1
        invocation = Invocation(f"tick{self._count}", self._faults.skew_ms(), self._world.now_ms)

        def ended(error: BaseException | None) -> None:
            invocation.is_dead = True
            if error is not None and not isinstance(error, UnavailableError):
                raise ViolationError(f"{invocation.name} raised {type(error).__name__}: {error}") from error

        world.spawn(invocation.name, invocation, lambda: (self._tick.run(), None)[1], ended, late_ms)
        world.at(
            world.now_ms + late_ms + TICK_TIMEOUT_MS, lambda: None if invocation.is_dead else world.kill(invocation)
        )
