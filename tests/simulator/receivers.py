"""The receivers of deliveries: each is well, ill in some way, or gone, for as long as the seed says.

What they took they remember by `webhook-id`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

from chalicelib.domain.errors import OutboundConnectError, OutboundRefusedError, OutboundTimeoutError
from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.simulator.faults import Faults
from tests.simulator.world import World

_HOUR_MS = 3_600_000
_ILLS = ("refuses", "refuses", "asks for a pause", "redirects", "hangs", "drops", "by turns")
_STATUS = {"refuses": (500, 404, 401, 502), "asks for a pause": (429, 503), "redirects": (302, 301, 307)}


class Receivers:
    """An `HttpSender` with the receivers behind it. `observe` sees each request as it leaves, and `answered` what the
    sender learns of it: a status or None, and for how many seconds it was asked to wait."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        observe: Callable[[HttpRequest], None],
        answered: Callable[[int | None, float | None], None],
    ) -> None:
        self._world = world
        self._faults = faults
        self._observe = observe
        self._answered = answered
        self._phases: dict[str, list[tuple[int, str]]] = {}
        self.taken: Counter[str] = Counter()

    def send(self, request: HttpRequest) -> HttpResponse:
        world, faults, odds = self._world, self._faults, self._faults.odds
        self._die_perhaps(request, "killed before a call")
        self._observe(request)
        how = self._mood(request.url)
        if odds.receiver and faults.happens(odds.receiver / 2):
            how = world.random.choice(_ILLS)
        response = self._respond(request, how)
        took_ms = faults.latency_ms() + world.random.choice((2, 20, 300))
        if took_ms > request.timeout_seconds * 1000:
            self._time_out(request)
        world.pause(took_ms)
        self._die_perhaps(request, "killed after a call")
        wish = response.headers.get("retry-after")
        self._answered(response.status, None if wish is None else float(wish))
        return response

    def _mood(self, url: str) -> str:
        host = str(urlsplit(url).hostname)
        if host not in self._phases:
            self._phases[host] = _phases(self._world.random)
        return next(mood for until_ms, mood in self._phases[host] if self._world.now_ms < until_ms)

    def _respond(self, request: HttpRequest, how: str) -> HttpResponse:
        rng, faults = self._world.random, self._world.faults
        if how == "by turns":
            how = rng.choice(("well", "refuses", "hangs"))
        match how:
            case "well":
                return self._take(request, "")
            case "refuses" | "redirects":
                return self._answer(request, f"receiver {how}", rng.choice(_STATUS[how]))
            case "asks for a pause":
                wish = rng.choice((1, 30, 5000, 40_000, 300_000))
                return self._answer(request, "receiver asks for a pause", rng.choice(_STATUS[how]), wish)
            case "gone":
                return self._answer(request, "receiver is gone", 410)
            case "not allowed":
                faults["receiver not allowed"] += 1
                self._note(request, "not allowed", None)
                raise OutboundRefusedError
        kind = "connection dropped" if how == "drops" else "receiver hangs"
        if rng.random() < 0.5:
            kind += ", applied"
            self._take(request, kind)
        else:
            self._note(request, kind, None)
        faults[kind] += 1
        if how == "drops":
            self._answered(None, None)
            raise OutboundConnectError
        self._time_out(request)
        raise AssertionError("unreachable")

    def _take(self, request: HttpRequest, fault: str) -> HttpResponse:
        self.taken[request.headers["webhook-id"]] += 1
        status = self._world.random.choice((200, 204))
        self._note(request, fault, status)
        return HttpResponse(status, {}, b"taken", request.url, 0.1)

    def _answer(self, request: HttpRequest, fault: str, status: int, wish: int | None = None) -> HttpResponse:
        self._world.faults[fault] += 1
        self._note(request, fault, status)
        headers = {} if wish is None else {"retry-after": str(wish)}
        return HttpResponse(status, headers, b"not now", request.url, 0.1)

    def _time_out(self, request: HttpRequest) -> None:
        self._world.pause(round(request.timeout_seconds * 1000))
        self._answered(None, None)
        raise OutboundTimeoutError

    def _die_perhaps(self, request: HttpRequest, kind: str) -> None:
        odds = self._faults.odds.killed
        if odds and self._faults.happens(odds / 2, kind):
            self._note(request, kind, None)
            self._world.kill(self._world.acting().invocation)

    def _note(self, request: HttpRequest, fault: str, result: object) -> None:
        world = self._world
        about = (request.headers.get("webhook-id"), request.url)
        world.trace.add(world.now_ms, world.acting().name, "POST", (about, {}), fault, result)


def _phases(rng: random.Random) -> list[tuple[int, str]]:
    """Until when a receiver is in which mood, the last for ever."""
    if rng.random() < 0.35:
        return [(1 << 62, "well")]
    end_ms = 0
    phases: list[tuple[int, str]] = []
    for _ in range(rng.randint(0, 2)):
        end_ms += rng.choice((1, 5, 30, 100, 200)) * _HOUR_MS
        phases.append((end_ms, rng.choice(("well", *_ILLS))))
    return [*phases, (1 << 62, rng.choice(("well", "well", "gone", "gone", "not allowed", "not allowed", *_ILLS)))]
