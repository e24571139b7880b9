"""The ports of a simulated process: the fakes, with the scheduler and the faults in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.domain.deliveries import DeliveryPlace
from chalicelib.domain.errors import PenstockError, UnavailableError
from chalicelib.domain.events import EventPlace
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.run import Outcome
from chalicelib.domain.tasks import Task
from chalicelib.services.ports import Performer
from tests.simulator.faults import Faults
from tests.simulator.world import World


class Observer(Protocol):
    """Sees every call of a port at the moment when it takes effect."""

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None: ...

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None: ...


class Observers:
    """Several observers of one port, in order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        for observer in self._observers:
            observer.before(call, arguments, named)

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        for observer in self._observers:
            observer.after(call, arguments, named, result)


class Port:
    """Any port: each of its methods gives up control, may fail or kill its caller, and is one step of the world."""

    def __init__(self, world: World, faults: Faults, name: str, target: object, observer: Observer | None) -> None:
        self._world = world
        self._faults = faults
        self._name = name
        self._target = target
        self._observer = observer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        call = f"{self._name}.{name}"

        def through(*arguments: Any, **named: Any) -> Any:
            return self._call(call, method, arguments, named)

        setattr(self, name, through)
        return through

    def _call(self, call: str, method: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        world, faults, odds = self._world, self._faults, self._faults.odds
        world.pause(faults.latency_ms())
        if odds.killed and faults.happens(odds.killed / 2, "killed before a call"):
            self._die(call, arguments, named, "killed before")
        if odds.unavailable and faults.happens(odds.unavailable / 2, "unavailable, not applied"):
            self._note(call, arguments, named, "unavailable, not applied")
            raise UnavailableError("Not applied.")
        if self._observer is not None:
            self._observer.before(call, arguments, named)
        result: Any = None
        error: PenstockError | None = None
        try:
            result = method(*arguments, **named)
        except PenstockError as refused:
            error = refused
        self._note(call, arguments, named, "", error or result)
        if self._observer is not None:
            self._observer.after(call, arguments, named, error or result)
        if odds.killed and faults.happens(odds.killed / 2, "killed after a call"):
            self._die(call, arguments, named, "killed after")
        if odds.unavailable and faults.happens(odds.unavailable / 2, "unavailable, applied"):
            self._note(call, arguments, named, "unavailable, applied")
            raise UnavailableError("Applied, but the answer was lost.")
        if faults.happens(0.3):
            world.pause(faults.latency_ms())
        if error is not None:
            raise error
        return result

    def _note(
        self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], fault: str, result: object = None
    ) -> None:
        self._world.trace.add(self._world.now_ms, self._world.acting().name, call, (arguments, named), fault, result)

    def _die(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], fault: str) -> None:
        self._note(call, arguments, named, fault)
        self._world.kill(self._world.acting().invocation)


class StaleIndex:
    """A store whose due index is at times read as it was a while ago."""

    def __init__(self, world: World, faults: Faults, store: Any) -> None:
        self._faults = faults
        self._world = world
        self._store = store
        self._snapshot: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        setattr(self, name, method)
        return method

    def due(self, shard: int, now: datetime, limit: int) -> tuple[Any, ...]:
        if not self._snapshot or self._faults.happens(0.1):
            horizon = now + timedelta(days=1)
            self._snapshot = [self._store.due(each, horizon, 1000) for each in range(DUE_SHARDS)]
        if self._faults.happens(self._faults.odds.stale, "stale index"):
            return tuple(entry for entry in self._snapshot[shard] if entry.due_at <= now)[:limit]
        found: tuple[Any, ...] = self._store.due(shard, now, limit)
        return found


class SkewedClock:
    """The clock of whichever invocation asks; sleeping gives up control."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.time(self._world.acting().invocation.skew_ms)

    def sleep(self, seconds: float) -> None:
        self._world.trace.add(self._world.now_ms, self._world.acting().name, "sleep", ((seconds,), {}))
        self._world.pause(max(round(seconds * 1000), 0))


class ActorGroup:
    """A `TaskGroup` of actors of one invocation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended: deque[BaseException | None] = deque()
        self._waiting = False
        self._owner = world.acting()
        self._started = 0

    def start(self, task: Callable[[], object]) -> None:
        self._started += 1
        name = f"{self._owner.name}.{self._started}"
        self._world.spawn(name, self._owner.invocation, lambda: (task(), None)[1], self._end)

    def _end(self, error: BaseException | None) -> None:
        self._ended.append(error)
        if self._waiting:
            self._world.at(self._world.now_ms, self._owner)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        world = self._world
        assert world.acting() is self._owner, "a group is waited for by the actor that made it"
        if not self._ended:
            self._waiting = True
            if timeout_seconds is not None:
                world.at(world.now_ms + round(timeout_seconds * 1000), self._owner)
            world.yield_control()
            self._waiting = False
        if not self._ended:
            return False
        error = self._ended.popleft()
        if error is not None:
            raise error
        return True


class ActorSpawner:
    def __init__(self, world: World) -> None:
        self._world = world

    def group(self) -> ActorGroup:
        return ActorGroup(self._world)


class ObservedPerformer:
    """The node types, while everybody sees which actor carries out which step."""

    def __init__(self, world: World, performer: Performer, begins: Callable[[Task], None]) -> None:
        self._world = world
        self._performer = performer
        self._begins = begins

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        self._begins(task)
        actor = self._world.acting()
        actor.task = task
        outcome = self._performer.perform(task, seconds_left)
        actor.task = None
        return outcome


@dataclass(frozen=True, slots=True)
class FireMessage:
    """What the runs queue carries for a schedule; for a run it is its id."""

    schedule_id: str
    workspace_id: str


class SimulatedQueue:
    """Delivers each hint never, once or several times, on time or later, to `deliver`."""

    def __init__(self, world: World, faults: Faults, deliver: Callable[[Any], None]) -> None:
        self._world = world
        self._faults = faults
        self._deliver = deliver

    def send(self, run_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        self._post(run_id, delay_seconds)

    def send_fire(self, schedule_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        self._post(FireMessage(schedule_id, workspace_id), delay_seconds)

    def send_event(self, place: EventPlace) -> None:
        self._post(place, 0)

    def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
        """Messages that go together, of which the queue may take some only."""
        for number, place in enumerate(places):
            if number and self._faults.happens(self._faults.odds.unavailable, "messages half sent"):
                raise UnavailableError("Some were not taken.")
            self._post(place, delay_seconds)

    def _post(self, body: object, delay_seconds: int) -> None:
        assert isinstance(delay_seconds, int)
        faults, rng = self._faults, self._world.random
        if faults.happens(faults.odds.lost, "message lost"):
            return
        copies = 1
        while copies < 3 and faults.happens(faults.odds.repeated, "message repeated"):
            copies += 1
        for _ in range(copies):
            late_ms = rng.randrange(200)
            if faults.happens(faults.odds.late, "message late"):
                late_ms = rng.choice((5_000, 120_000, 7_200_000))
            delay_ms = min(max(delay_seconds, 0), 900) * 1000
            self._world.at(self._world.now_ms + delay_ms + late_ms, lambda: self._deliver(body))
