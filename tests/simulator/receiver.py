"""The outside: answers calls, and remembers which effects it really had.

What it answers in the end depends on the idempotency key alone; on the way there it may hang, refuse for a while,
or lose the connection before or after the effect.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

from chalicelib.domain.errors import OutboundConnectError, OutboundTimeoutError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import encode
from tests.simulator.faults import Faults
from tests.simulator.trace import Arguments
from tests.simulator.world import World


class Receiver:
    """An `HttpSender` with its receiver. `effects` counts what it carried out, by idempotency key."""

    def __init__(self, world: World, faults: Faults, observe: Callable[[HttpRequest], None]) -> None:
        self._world = world
        self._faults = faults
        self._observe = observe
        self.effects: Counter[str] = Counter()

    def send(self, request: HttpRequest) -> HttpResponse:
        world, faults, odds = self._world, self._faults, self._faults.odds
        world.pause(faults.latency_ms())
        self._die_perhaps(request, "killed before a call")
        self._observe(request)
        if odds.receiver and faults.happens(odds.receiver):
            response = self._trouble(request)
        else:
            took_ms = faults.latency_ms() + world.random.choice((2, 20, 300, 300, 4000))
            response = self._answer(request, "")
            if took_ms > request.timeout_seconds * 1000:
                self._time_out(request)
            world.pause(took_ms)
        self._die_perhaps(request, "killed after a call")
        return response

    def _trouble(self, request: HttpRequest) -> HttpResponse:
        kind = self._world.random.choice(
            (
                "receiver hangs",
                "receiver hangs, applied",
                "receiver refuses for a while",
                "receiver refuses for a while",
                "connection dropped",
                "connection dropped, applied",
            )
        )
        self._world.faults[kind] += 1
        if kind == "receiver refuses for a while":
            status = self._world.random.choice((500, 503, 429, 404))
            headers = {"retry-after": "30"} if status == 429 else {}
            self._note(request, kind, status)
            return HttpResponse(status, headers, b"", request.url, 0.1)
        if kind.endswith("applied"):
            self._answer(request, kind)
        else:
            self._note(request, kind, None)
        if kind.startswith("connection"):
            raise OutboundConnectError
        self._time_out(request)
        raise AssertionError("unreachable")

    def _time_out(self, request: HttpRequest) -> None:
        self._world.pause(round(request.timeout_seconds * 1000))
        raise OutboundTimeoutError

    def _answer(self, request: HttpRequest, fault: str) -> HttpResponse:
        key = request.headers["Idempotency-Key"]
        digest = hashlib.sha256(key.encode() + (request.body or b"")).digest()
        status = {0: 404, 1: 500}.get(hashlib.sha256(key.encode()).digest()[0] % 32, 200)
        if status == 200:
            self.effects[key] += 1
        self._note(request, fault, status)
        body = encode({"n": digest[0], "digest": digest[:6].hex()})
        return HttpResponse(status, {"content-type": "application/json"}, body, request.url, 0.1)

    def _die_perhaps(self, request: HttpRequest, kind: str) -> None:
        odds = self._faults.odds.killed
        if odds and self._faults.happens(odds / 2, kind):
            self._note(request, kind, None)
            self._world.kill(self._world.acting().invocation)

    def _note(self, request: HttpRequest, fault: str, result: object) -> None:
        world = self._world
        arguments: Arguments = ((request.headers.get("Idempotency-Key"),), {})
        world.trace.add(world.now_ms, world.acting().name, "POST", arguments, fault, result)
