"""Runs per second and latency of the three-step run (`bench.load` says how they are measured).

Two servers are measured, each in a process of its own: the local stack as `make run` starts it, and the product over
a double of AWS, which leaves out what emulating AWS costs. The load generator and the stubs that the steps call
are this process, on the same machine; the stubs' work is therefore not counted as ours.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator

from bench.load import Load, Sample
from bench.server import Server
from bench.table import Cell, Table, percentile

# Users, and how many runs a measurement of theirs takes.
LOADS = ((1, 150), (10, 600), (50, 1200))
ROUNDS = 3
_APART_SECONDS = 0.01

SERVERS = {"local stack": "chalicelib.local", "double of AWS": "bench.double"}
PUBLISHED = (
    ("n8n", 23.0),
    ("n8n, legacy expression engine", 58.0),
    ("DBOS", 56.0),
    ("Restate", 400.0),
)
_COLUMNS = ("server", "users", "runs/s", "accept p50 ms", "accept p99 ms", "run p50 ms", "run p99 ms", "CPU ms/run")


def measure() -> Iterator[Table]:
    rows: list[list[Cell]] = []
    ready: list[str] = []
    for name, module in SERVERS.items():
        with Server(module) as server:
            ready.append(f"{name} ready after {server.ready_seconds:.2f} s")
            rows += asyncio.run(_measure(name, server))
    rows.append(["goal: local stack", 50, 120.0, None, None, None, None, None])
    rows.append(["goal: local stack", 1, None, 5.0, None, 15.0, None, None])
    rows.append(["goal: double of AWS", 50, None, None, None, None, None, 4.0])
    rows += [[f"published: {name}", None, figure, None, None, None, None, None] for name, figure in PUBLISHED]
    yield Table("Three-step run", _COLUMNS, rows, [*ready, *_notes()])


async def _measure(name: str, server: Server) -> list[list[Cell]]:
    """The loads are interleaved, and of each the measurement with the median rate is given."""
    samples: dict[int, list[Sample]] = {users: [] for users, _ in LOADS}
    async with Load(server) as load:
        await load.run(10, 200)
        for _ in range(ROUNDS):
            for users, runs in LOADS:
                samples[users].append(await load.run(users, runs, _APART_SECONDS if users == 1 else 0.0))
    return [_row(name, users, several) for users, several in samples.items()]


def _row(name: str, users: int, several: list[Sample]) -> list[Cell]:
    def median(of: list[float]) -> float:
        return statistics.median(of)

    def milliseconds(values: list[list[float]], share: float) -> float:
        return median([percentile(each, share) for each in values]) * 1000

    accepted, ended = [each.accepted for each in several], [each.ended for each in several]
    cpu = [each.cpu_seconds / each.runs for each in several if each.cpu_seconds is not None]
    return [
        name,
        users,
        # One user pauses between runs, so that they do not overlap: the rate would be that of the pauses.
        None if users == 1 else median([each.runs_per_second for each in several]),
        milliseconds(accepted, 0.5),
        milliseconds(accepted, 0.99),
        milliseconds(ended, 0.5),
        milliseconds(ended, 0.99),
        median(cpu) * 1000 if cpu else None,
    ]


def _notes() -> list[str]:
    return [
        f"medians of {ROUNDS} interleaved rounds of {', '.join(str(runs) for _, runs in LOADS)} runs; "
        f"{os.cpu_count()} cores shared with the load generator and its stubs",
        "accept: POST …/execute until its answer; run: from the sending of that POST until its end",
        "CPU: of the server's whole process, its HTTP server and the emulation of API Gateway and SQS included",
    ]
