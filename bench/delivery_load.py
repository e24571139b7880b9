"""Deliveries under load: a workflow that emits one event per run, heard by as many endpoints as are asked for.

One run makes an event, and the event a delivery for each endpoint; with many endpoints, deliveries are what is
measured. The receivers live in this process and say when each delivery arrived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bench.client import Client
from bench.server import KEY, Server
from bench.stub import Receiver

_PATIENCE_SECONDS = 60.0
_REGISTERING_AT_ONCE = 4


@dataclass(slots=True)
class Told:
    """One event: when its emission began, when each endpoint got it (seconds since 1970), and how often one got it
    once more."""

    began_at: float
    arrived_at: dict[str, float] = field(default_factory=dict)
    repeated: int = 0

    def after(self, name: str) -> float:
        return self.arrived_at[name] - self.began_at


@dataclass(slots=True)
class Burst:
    """`seconds` from the first emission to the last arrival."""

    told: list[Told]
    seconds: float
    cpu_seconds: float | None

    @property
    def deliveries(self) -> int:
        return sum(len(each.arrived_at) for each in self.told)


class Street:
    """A workflow and the endpoints that hear it. `emit` returns once the call is answered, `tell` once all heard."""

    def __init__(self, workflow_id: str, names: Sequence[str], load: DeliveryLoad) -> None:
        self.names = names
        self._path = f"/v1/workflows/{workflow_id}/execute"
        self._load = load

    async def emit(self, client: Client) -> int:
        number = self._load.next_number(len(self.names))
        await client.call("POST", self._path, {"input": {"n": number}})
        return number

    async def tell(self, client: Client) -> Told:
        return await self._load.heard(await self.emit(client))


class DeliveryLoad:
    """`async with DeliveryLoad(server) as load: street = await load.street(names); await load.burst(street, 5, 100)`"""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.receiver = Receiver(self._arrived)
        self._told: dict[int, Told] = {}
        self._waiting: dict[int, tuple[int, asyncio.Future[None]]] = {}
        self._url = ""

    async def __aenter__(self) -> DeliveryLoad:
        self._url = await self.receiver.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.receiver.stop()

    def client(self) -> Client:
        return Client(self._server.port, KEY)

    async def street(self, names: Sequence[str]) -> Street:
        clients = [self.client() for _ in range(_REGISTERING_AT_ONCE)]
        made = await clients[0].call("POST", "/v1/workflows", _DEFINITION)
        await clients[0].call("POST", f"/v1/workflows/{made['id']}/status", {"status": "active"})
        left = iter(names)
        await asyncio.gather(*(self._register(client, made["id"], left) for client in clients))
        for client in clients:
            client.close()
        return Street(made["id"], names, self)

    async def burst(self, street: Street, under_way: int, events: int) -> Burst:
        """So many events, of which so many are on their way at a time."""
        clients = [self.client() for _ in range(under_way)]
        told: list[Told] = []
        left = iter(range(events))
        before = self._server.cpu_seconds()
        await asyncio.gather(*(_emitter(street, client, left, told) for client in clients))
        after = self._server.cpu_seconds()
        for client in clients:
            client.close()
        ended_at = max(max(each.arrived_at.values()) for each in told)
        cpu_seconds = None if before is None or after is None else after - before
        return Burst(told, ended_at - min(each.began_at for each in told), cpu_seconds)

    async def trickle(self, street: Street, events: int, apart_seconds: float, name: str) -> list[float]:
        """An event every so many seconds, whatever becomes of the ones before; how long each took to reach `name`."""
        clients = [self.client() for _ in range(4)]
        begun, numbers = time.perf_counter(), []
        for index in range(events):
            await asyncio.sleep(max(begun + index * apart_seconds - time.perf_counter(), 0.0))
            numbers.append(await street.emit(clients[index % len(clients)]))
        for client in clients:
            client.close()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(name not in self._told[number].arrived_at for number in numbers):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not hear of everything")
            await asyncio.sleep(0.05)
        return [self._told[number].after(name) for number in numbers]

    def next_number(self, listeners: int) -> int:
        number = len(self._told)
        self._told[number] = Told(time.time())
        self._waiting[number] = listeners, asyncio.get_running_loop().create_future()
        return number

    async def heard(self, number: int) -> Told:
        await asyncio.wait_for(self._waiting[number][1], _PATIENCE_SECONDS)
        return self._told[number]

    async def _register(self, client: Client, workflow_id: str, names: Iterator[str]) -> None:
        for name in names:
            made = await client.call("POST", f"/v1/webhooks?name={name}&url={quote(f'{self._url}/{name}', safe='')}")
            await client.call("POST", f"/v1/subscriptions?emitter_id={workflow_id}&listener_id={made['id']}")

    def _arrived(self, name: str, body: Any, at: float) -> None:
        told = self._told[body["n"]]
        told.repeated += name in told.arrived_at
        told.arrived_at.setdefault(name, at)
        listeners, waiting = self._waiting[body["n"]]
        if len(told.arrived_at) == listeners and not waiting.done():
            waiting.set_result(None)


async def _emitter(street: Street, client: Client, left: Iterator[int], told: list[Told]) -> None:
    for _ in left:
        told.append(await street.tell(client))


_DEFINITION = {
    "name": "Emitter",
    "nodes": [
        {"id": "start", "type": "trigger"},
        {"id": "say", "type": "emit", "config": {"event": {"n": "{{ $input.n }}"}}},
    ],
    "connections": [{"from": "start", "to": "say"}],
}
