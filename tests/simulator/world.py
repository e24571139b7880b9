"""The world: virtual time, actors, and who acts next.

An actor is a greenlet that gives up control before and after every call of a port, and nowhere else. What happens
in between is atomic, and the order of everything follows from the seed alone. An invocation is a process that can
die: all its actors with it, wherever they are.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from greenlet import greenlet

from chalicelib.domain.tasks import Task
from tests.fakes import START
from tests.simulator.trace import Trace


class KilledError(BaseException):
    """The invocation died at this very point."""


class ViolationError(AssertionError):
    """Something happened that must never happen."""


@dataclass(eq=False, slots=True)
class Invocation:
    """One process: a function that works off messages, a tick, or a caller of the API."""

    name: str
    skew_ms: int = 0
    began_ms: int = 0
    is_dead: bool = False
    actors: list[Actor] = field(default_factory=list)
    died: Callable[[], None] = lambda: None


@dataclass(eq=False, slots=True)
class Actor:
    name: str
    invocation: Invocation
    thread: greenlet | None = None
    turn: int = 0
    """Only the newest appointment counts: an actor that was woken early must not be woken again."""
    task: Task | None = None
    """The step that this actor is carrying out."""
    has_ended: bool = False


Wake = Actor | Callable[[], None]


class World:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_ms = 0
        self.trace = Trace()
        self.faults: Counter[str] = Counter()
        self.current: Actor | None = None
        self._hub = greenlet.getcurrent()
        self._agenda: list[tuple[int, int, int, Wake]] = []
        self._count = 0
        self._dying: list[Invocation] = []
        self._violation: BaseException | None = None

    # -- time ---------------------------------------------------------------------------------------------------------

    def time(self, skew_ms: int = 0) -> datetime:
        return START + timedelta(milliseconds=self.now_ms + skew_ms)

    def at(self, ms: int, wake: Wake) -> None:
        """Appoints an actor's next turn, or calls a function then."""
        self._count += 1
        turn = 0
        if isinstance(wake, Actor):
            wake.turn += 1
            turn = wake.turn
        heapq.heappush(self._agenda, (max(ms, self.now_ms), self._count, turn, wake))

    def run(self, until_ms: int, done: Callable[[], bool] = lambda: False) -> None:
        """Goes on until the time is over, nothing is left to do, or `done` says so. Raises ViolationError."""
        while self._agenda and self._agenda[0][0] <= until_ms and not done():
            at_ms, _, turn, wake = heapq.heappop(self._agenda)
            if isinstance(wake, Actor) and (wake.has_ended or wake.turn != turn):
                continue
            self.now_ms = at_ms
            if isinstance(wake, Actor):
                self._switch(wake)
            else:
                wake()
            self._bury()
            if self._violation is not None:
                raise self._violation
        if not self._agenda or self._agenda[0][0] > until_ms:
            self.now_ms = max(self.now_ms, until_ms)

    def next_ms(self) -> int | None:
        return self._agenda[0][0] if self._agenda else None

    # -- actors -------------------------------------------------------------------------------------------------------

    def spawn(
        self,
        name: str,
        invocation: Invocation,
        course: Callable[[], None],
        ended: Callable[[BaseException | None], None],
        after_ms: int = 0,
    ) -> Actor:
        """A new actor; `ended` hears of its end, with what it raised, unless it was killed."""
        actor = Actor(name, invocation)

        def body() -> None:
            error: BaseException | None = None
            try:
                course()
            except KilledError:
                return
            except ViolationError as violation:
                self._violation = self._violation or violation
                return
            except BaseException as raised:  # noqa: BLE001 - whoever waits for the actor decides what it means
                error = raised
            finally:
                actor.has_ended = True
            if not invocation.is_dead:
                ended(error)

        actor.thread = greenlet(body, parent=self._hub)
        invocation.actors.append(actor)
        self.at(self.now_ms + after_ms, actor)
        return actor

    def pause(self, ms: int) -> None:
        """Gives up control for so long. Raises KilledError if the invocation died meanwhile."""
        actor = self.acting()
        self.at(self.now_ms + ms, actor)
        self.yield_control()

    def yield_control(self) -> None:
        """Gives up control until somebody appoints the actor's next turn."""
        self._hub.switch()
        self.acting()

    def acting(self) -> Actor:
        actor = self.current
        assert actor is not None
        if actor.invocation.is_dead:
            raise KilledError
        return actor

    def violate(self, violation: ViolationError) -> NoReturn:
        """Ends the world, even if somebody who believes to know better catches the error."""
        self._violation = self._violation or violation
        raise violation

    def kill(self, invocation: Invocation) -> None:
        """Ends the process. Returns only to those who are not part of it."""
        if not invocation.is_dead:
            invocation.is_dead = True
            self._dying.append(invocation)
        if self.current is not None and self.current.invocation is invocation:
            raise KilledError

    def _switch(self, actor: Actor, *thrown: BaseException) -> None:
        assert actor.thread is not None
        self.current = actor
        try:
            if thrown:
                actor.thread.throw(*thrown)
            else:
                actor.thread.switch()
        finally:
            self.current = None

    def _bury(self) -> None:
        while self._dying:
            invocation = self._dying.pop()
            for actor in invocation.actors:
                if actor.thread:  # has begun and not ended
                    self._switch(actor, KilledError())
                actor.has_ended = True
            invocation.died()

    def close(self) -> None:
        """Lets every actor go that still waits for its turn, so that none outlives its world."""
        for _, _, _, wake in self._agenda:
            if isinstance(wake, Actor) and not wake.has_ended:
                wake.invocation.is_dead = True
                self._dying.append(wake.invocation)
        self._agenda.clear()
        self._bury()
