"""Schedules: what the tick costs beside many of them, how long a next due time takes to find, and how late a
thousand start that are due in the same second."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.client import Client
from bench.server import KEY, Server
from bench.stub import Receiver
from bench.table import Cell, Table, percentile
from chalicelib.domain.cron import cron_timing, interval_timing, next_after
from chalicelib.domain.cron.timings import plan_of
from chalicelib.domain.schedules import Schedule, Target, TargetKind, Timing
from chalicelib.services.tick import SchedulePass
from tests.fakes import START, FixedClock
from tests.schedule_fakes import MemoryScheduleQueue, MemoryScheduleStore

STORED = (10, 1_000, 100_000)
DUE = 5
ROUNDS = 7
AT_ONCE = 1_000
_CREATING_SECONDS = 40
_CREATING_AT_ONCE = 4
_PATIENCE_SECONDS = 120.0
_HOUR = timedelta(hours=1)

TIMINGS = {
    "interval": interval_timing(600, anchor=START),
    "every second": cron_timing("* * * ? * *"),
    "each minute (Unix)": cron_timing("* * * * *"),
    "workdays at 7:30, Berlin": cron_timing("0 30 7 ? * MON-FRI", "Europe/Berlin"),
    "last workday of the month": cron_timing("0 0 18 LW * ?"),
    "third Friday": cron_timing("0 0 9 ? * 6#3"),
    "29 February": cron_timing("0 0 0 29 2 ?"),
    "30 February, never": cron_timing("0 0 0 30 2 ?"),
}


def measure() -> Iterator[Table]:
    yield _ticks()
    yield _next_times()
    yield _at_once()


# -- the tick ---------------------------------------------------------------------------------------------------------


@dataclass
class Counting:
    """A store whose calls are counted."""

    store: MemoryScheduleStore
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self.store, name)


@dataclass(frozen=True, slots=True)
class TickCost:
    """`read` are the entries of the due index that were looked at."""

    due_calls: int
    rearm_calls: int
    read: int
    hints: int
    seconds: float


def tick_cost(stored: int, due: int = DUE) -> TickCost:
    """A pass beside so many schedules, of which all but `due` are due in an hour."""
    clock = FixedClock()
    store = MemoryScheduleStore()
    queue = MemoryScheduleQueue(clock)
    for number in range(stored):
        store.create(_schedule(number, START if number < due else START + _HOUR))
    counting, read = Counting(store), store.read
    begun = time.perf_counter()
    hints = SchedulePass(counting, queue, clock).run()
    seconds = time.perf_counter() - begun
    calls = (counting.calls.count("due"), counting.calls.count("rearm"))
    return TickCost(*calls, store.read - read, hints, seconds)


def _schedule(number: int, due_at: datetime) -> Schedule:
    target = Target(TargetKind.WORKFLOW, "wf_bench")
    timing = TIMINGS["interval"]
    return Schedule(
        f"sch_{number}", "ws_bench", target, timing, START, START, "user_bench", next_fire_at=due_at, due_at=due_at
    )


def _ticks() -> Table:
    rows: list[list[Cell]] = []
    for stored in STORED:
        costs = [tick_cost(stored) for _ in range(3)]
        one = costs[0]
        milliseconds = statistics.median(each.seconds for each in costs) * 1000
        rows.append([f"{stored:,}", one.due_calls, one.read, one.rearm_calls, one.hints, milliseconds])
    notes = [f"the pass over schedules, {DUE} of which are due, in the memory store; one query for each of 8 shards"]
    return Table("The tick", ("stored", "queries", "entries read", "moved on", "hints", "ms"), rows, notes)


# -- next due times ---------------------------------------------------------------------------------------------------


def _next_times() -> Table:
    rows: list[list[Cell]] = [
        [name, _microseconds(lambda: next_after(timing, START)), _microseconds(lambda: _parsed_anew(timing), 20)]  # noqa: B023
        for name, timing in TIMINGS.items()
    ]
    notes = [f"the best of {ROUNDS} rounds; a process parses an expression once, and knows the last 1,024 of them"]
    return Table("The next due time", ("timing", "µs", "with parsing µs"), rows, notes)


def _parsed_anew(timing: Timing) -> datetime | None:
    plan_of.cache_clear()
    return next_after(timing, START)


def _microseconds(task: Callable[[], object], times: int = 200) -> float:
    def once() -> float:
        begun = time.process_time()
        for _ in range(times):
            task()
        return (time.process_time() - begun) / times * 1e6

    return min(once() for _ in range(ROUNDS))


# -- many at once -----------------------------------------------------------------------------------------------------


def _at_once() -> Table:
    rows: list[list[Cell]] = []
    with Server("chalicelib.local") as server:
        found = asyncio.run(fire(server, AT_ONCE, _CREATING_SECONDS))
    late = found.late
    rows.append([AT_ONCE, len(late), found.twice, *(percentile(late, share) for share in (0.5, 0.99)), max(late)])
    notes = [
        "due in the same second, on the local stack; each run's only step calls a receiver, whose clock says how late",
        "twice: runs that called more than once, and runs more than schedules",
    ]
    return Table("Schedules due at once", ("due", "fired", "twice", "p50 s", "p99 s", "last s"), rows, notes)


@dataclass(slots=True)
class Fired:
    """Seconds after the due time, by run; `calls` are all that came."""

    due_at: float
    arrived_at: dict[str, float] = field(default_factory=dict)
    calls: int = 0

    @property
    def late(self) -> list[float]:
        return [at - self.due_at for at in self.arrived_at.values()]

    @property
    def twice(self) -> int:
        return self.calls - len(self.arrived_at)


async def fire(server: Server, schedules: int, within_seconds: int) -> Fired:
    """Creates so many schedules that are all due in so many seconds, and waits until they fired, and a little longer.
    Raises RuntimeError where they were not all there in time."""
    due_at = datetime.fromtimestamp(int(time.time()) + within_seconds, UTC)
    fired = Fired(due_at.timestamp())

    def arrived(_: str, body: Any, at: float) -> None:
        fired.calls += 1
        fired.arrived_at.setdefault(body["run"], at)

    receiver = Receiver(arrived)
    workflow_id = await _calling_workflow(server, f"{await receiver.start()}/fired")
    await _create(server, workflow_id, due_at, schedules)
    if time.time() >= fired.due_at:
        raise RuntimeError("the schedules were not all there before they were due")
    deadline = fired.due_at + _PATIENCE_SECONDS
    while len(fired.arrived_at) < schedules and time.time() < deadline:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2.0)  # whoever fires twice is given the time for it
    receiver.stop()
    return fired


async def _calling_workflow(server: Server, url: str) -> str:
    client = Client(server.port, KEY)
    config = {"method": "POST", "url": url, "body": {"run": "{{ $run.id }}"}}
    nodes = [{"id": "start", "type": "trigger"}, {"id": "call", "type": "http_request", "config": config}]
    definition = {"name": "Fired", "nodes": nodes, "connections": [{"from": "start", "to": "call"}]}
    workflow_id: str = (await client.call("POST", "/v1/workflows", definition))["id"]
    await client.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
    client.close()
    return workflow_id


async def _create(server: Server, workflow_id: str, due_at: datetime, schedules: int) -> None:
    left = iter(range(schedules))
    cron = f"{due_at:%S %M %H %d %m} ? {due_at:%Y}"

    async def some() -> None:
        client = Client(server.port, KEY)
        for _ in left:
            await client.call("POST", "/v1/schedules", {"workflow_id": workflow_id, "cron": cron})
        client.close()

    await asyncio.gather(*(some() for _ in range(_CREATING_AT_ONCE)))
