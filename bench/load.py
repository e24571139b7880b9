"""The three-step run under load: a trigger, a GET of a stub, a field added, a POST of the result to a stub.

A user starts a run, and the next one when the POST of the one before has arrived, so there are always as many
runs under way as users. Nobody polls meanwhile: that would measure the polling. When a run began is what the user's
clock says at the sending of its POST. When it ended is read after the load is over: the execution tells its duration
in milliseconds, and its id when it was created. Both are the same machine's clock; an end is cut to whole
milliseconds, so one millisecond is added.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.client import Client
from bench.server import KEY, Server
from bench.stub import Stub

_PATIENCE_SECONDS = 30.0
_MOST_READ_BACK = 400


@dataclass(slots=True)
class Sample:
    """Seconds. `ended` are the times of those runs that were read back."""

    seconds: float = 0.0
    runs: int = 0
    cpu_seconds: float | None = None
    accepted: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    @property
    def runs_per_second(self) -> float:
        return self.runs / self.seconds


def definition(stub_url: str) -> dict[str, Any]:
    return {
        "name": "Three steps",
        "nodes": [
            {"id": "start", "type": "trigger"},
            {"id": "read", "type": "http_request", "config": {"url": f"{stub_url}/read?n={{{{ $input.n }}}}"}},
            {
                "id": "add",
                "type": "transform",
                "config": {"values": {"n": "{{ $prev.body.n }}", "read": "{{ $prev.body }}", "added": "yes"}},
            },
            {
                "id": "write",
                "type": "http_request",
                "config": {"method": "POST", "url": f"{stub_url}/write", "body": "{{ $prev }}"},
            },
        ],
        "connections": [
            {"from": "start", "to": "read"},
            {"from": "read", "to": "add"},
            {"from": "add", "to": "write"},
        ],
    }


def created_at(run_id: str) -> float:
    """Seconds since 1970; an id begins with the milliseconds, in base 36."""
    return int(run_id.removeprefix("exec_")[:9], 36) / 1000


class Load:
    """`async with Load(server) as load: await load.run(users=10, runs=500)`"""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stub = Stub(self._arrived)
        self._waiting: dict[int, asyncio.Future[float]] = {}
        self._admin = Client(server.port, KEY)
        self._workflow = ""
        self._number = 0

    async def __aenter__(self) -> Load:
        made = await self._admin.call("POST", "/v1/workflows", definition(await self._stub.start()))
        self._workflow = f"/v1/workflows/{made['id']}"
        await self._admin.call("POST", f"{self._workflow}/status", {"status": "active"})
        return self

    async def __aexit__(self, *_: object) -> None:
        self._admin.close()
        self._stub.stop()

    async def run(self, users: int, runs: int, pause_seconds: float = 0.0) -> Sample:
        """`runs` runs in all. A pause between a user's runs keeps the end of one apart from the start of the next."""
        sample = Sample()
        started: list[tuple[str, float]] = []
        clients = [Client(self._server.port, KEY) for _ in range(users)]
        left = iter(range(runs))
        before, begun = self._server.cpu_seconds(), time.perf_counter()
        await asyncio.gather(*(self._user(client, left, pause_seconds, sample, started) for client in clients))
        sample.seconds, after = time.perf_counter() - begun, self._server.cpu_seconds()
        sample.cpu_seconds = None if before is None or after is None else after - before
        sample.runs = runs
        for client in clients:
            client.close()
        await self._read_back(started, sample)
        return sample

    async def _user(
        self, client: Client, left: Iterator[int], pause: float, sample: Sample, started: list[tuple[str, float]]
    ) -> None:
        for _ in left:
            self._number += 1
            number = self._number
            arrival = self._waiting[number] = asyncio.get_running_loop().create_future()
            begun_at, begun = time.time(), time.perf_counter()
            run = await client.call("POST", f"{self._workflow}/execute", {"input": {"n": number}})
            sample.accepted.append(time.perf_counter() - begun)
            started.append((run["execution_id"], begun_at))
            await asyncio.wait_for(arrival, _PATIENCE_SECONDS)
            if pause:
                await asyncio.sleep(pause)

    def _arrived(self, number: int, at: float) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(at)

    async def _read_back(self, started: list[tuple[str, float]], sample: Sample) -> None:
        """Every how-manieth run is read, so that reading does not take longer than the load."""
        for run_id, begun_at in started[:: max(1, len(started) // _MOST_READ_BACK)]:
            run = await self._ended(run_id)
            if run["status"] != "success" or len(run["steps"]) != 4:
                raise RuntimeError(f"a run went wrong: {run}")
            sample.ended.append(created_at(run_id) + run["duration"] / 1000 + 0.001 - begun_at)

    async def _ended(self, run_id: str) -> Any:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            run = await self._admin.call("GET", f"/v1/executions/{run_id}")
            if run["status"] != "running" or time.monotonic() > deadline:
                return run
            await asyncio.sleep(0.02)
