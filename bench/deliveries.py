"""Deliveries: how many a second, how soon after the event, to how many endpoints, and beside one that hangs.

Measured on the local stack and over the double of AWS, each in a process of its own, as runs are (`bench.runs`).
Receivers and load generator are this process.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator, Mapping

from bench import delivery_calls
from bench.delivery_load import Burst, DeliveryLoad
from bench.runs import SERVERS
from bench.server import Server
from bench.table import Cell, Table, percentile

ROUNDS = 3
LISTENERS = 20
FAN_OUT = 1_000
EVENTS_A_SECOND = 10.0
ISOLATION_EVENTS = 200
ISOLATION_ROUNDS = 2
_WARM_UP = 20

# What is measured: endpoints that hear each event, events under way, events a round. The many have a server of their
# own, because all endpoints of a workspace are read for an event that more than ten of them hear.
FEW = {
    "1 endpoint, 1 event at a time": (1, 1, 100),
    "1 endpoint, 8 events at a time": (1, 8, 200),
    f"{LISTENERS} endpoints, 1 event at a time": (LISTENERS, 1, 20),
    f"{LISTENERS} endpoints, 4 events at a time": (LISTENERS, 4, 60),
}
MANY = {f"{FAN_OUT:,} endpoints, 1 event": (FAN_OUT, 1, 1)}
_COLUMNS = ("server", "what", "deliveries/s", "p50 ms", "p99 ms", "last ms", "CPU ms/delivery")


def measure() -> Iterator[Table]:
    rows: list[list[Cell]] = []
    for name, module in SERVERS.items():
        for shapes in (FEW, MANY):
            with Server(module) as server:
                rows += asyncio.run(_rates(name, server, shapes))
    yield Table("Deliveries", _COLUMNS, rows, _notes())
    yield _isolation()
    yield from delivery_calls.counted()
    yield from delivery_calls.signing()


async def _rates(name: str, server: Server, shapes: Mapping[str, tuple[int, int, int]]) -> list[list[Cell]]:
    """The shapes are interleaved, and of each the medians are given."""
    found: dict[str, list[Burst]] = {shape: [] for shape in shapes}
    async with DeliveryLoad(server) as load:
        await load.burst(await load.street(["warm-up"]), 2, _WARM_UP)
        counts = sorted({endpoints for endpoints, _, _ in shapes.values()})
        streets = {count: await load.street([f"{count}-{at}" for at in range(count)]) for count in counts}
        for _ in range(ROUNDS):
            for shape, (endpoints, under_way, events) in shapes.items():
                found[shape].append(await load.burst(streets[endpoints], under_way, events))
    return [_row(name, shape, bursts) for shape, bursts in found.items()]


def _row(name: str, shape: str, bursts: list[Burst]) -> list[Cell]:
    if repeated := sum(told.repeated for burst in bursts for told in burst.told):
        raise RuntimeError(f"{repeated} deliveries came once more, and every receiver answered")
    taken = [[told.after(each) for told in burst.told for each in told.arrived_at] for burst in bursts]
    cpu = [burst.cpu_seconds / burst.deliveries for burst in bursts if burst.cpu_seconds is not None]
    return [
        name,
        shape,
        statistics.median(burst.deliveries / burst.seconds for burst in bursts),
        statistics.median(percentile(each, 0.5) for each in taken) * 1000,
        statistics.median(percentile(each, 0.99) for each in taken) * 1000,
        statistics.median(max(each) for each in taken) * 1000,
        statistics.median(cpu) * 1000 if cpu else None,
    ]


def _notes() -> list[str]:
    return [
        f"medians of {ROUNDS} interleaved rounds; a workflow's run emits each event, and is part of what is measured",
        "from the sending of the POST that starts the run until the delivery has arrived; last: of a round's slowest",
        f"{os.cpu_count()} cores shared with the load generator and the receivers",
    ]


# -- isolation --------------------------------------------------------------------------------------------------------


def _isolation() -> Table:
    cases = {"both answer": False, "the other one hangs": True}
    taken: dict[str, list[float]] = {shown: [] for shown in cases}
    for _ in range(ISOLATION_ROUNDS):
        for shown, hangs in cases.items():
            with Server(SERVERS["local stack"]) as server:
                taken[shown] += asyncio.run(_beside(server, hangs=hangs))
    usual, *_ = (percentile(each, 0.99) for each in taken.values())
    rows: list[list[Cell]] = [
        [shown, percentile(each, 0.5) * 1000, percentile(each, 0.99) * 1000, percentile(each, 0.99) / usual]
        for shown, each in taken.items()
    ]
    rows.append(["goal", None, None, 2.0])
    note = (
        f"two endpoints hear {EVENTS_A_SECOND:.0f} events a second, {ISOLATION_EVENTS} of them in each of "
        f"{ISOLATION_ROUNDS} rounds taken together; local stack"
    )
    return Table("A receiver beside another", ("", "p50 ms", "p99 ms", "p99, times as usual"), rows, [note])


async def _beside(server: Server, *, hangs: bool) -> list[float]:
    """How long each event took to reach the one that answers."""
    async with DeliveryLoad(server) as load:
        street = await load.street(["quick", "other"])
        await load.burst(street, 1, _WARM_UP)
        if hangs:
            load.receiver.hanging.add("other")
        return await load.trickle(street, ISOLATION_EVENTS, 1 / EVENTS_A_SECOND, "quick")
