"""What flows of a world talk to: generators with parcels, owners to look up, and imports that take parcels in.

Which parcels there are and when each changes is decided at the beginning, so that what a window of time holds is the
same whenever it is asked for. Imports remember what they took by its idempotency key.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.domain.errors import OutboundConnectError, OutboundTimeoutError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, encode
from chalicelib.domain.run import Run
from chalicelib.domain.times import parse_iso
from tests.fakes import START
from tests.simulator.faults import Faults
from tests.simulator.world import ViolationError, World

HOST = "https://warehouse.test"
PAGE = 3
"""How many parcels are in an answer, at most."""

AFTERMATH_SECONDS = 20.0
"""How long after its end a run may begin calls: its worker looks at it every few seconds, if the store answers."""

_TROUBLES = (
    "receiver hangs",
    "receiver hangs, applied",
    "receiver refuses for a while",
    "receiver asks for a pause",
    "receiver asks for a pause",
    "connection dropped",
    "connection dropped, applied",
)


class Warehouse:
    """An `HttpSender`. `limits` are how many calls each connection allows, `shared` whose slots it uses; `refused` are
    ids that no import takes, `strangers` those whose owner nobody knows. `may_repeat` says of a run that a parcel may
    come up several times in it, `run_of` knows every run, `interrupt` is told of the next call, once. Addresses are
    `/connection/what/name`."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self.limits: dict[str, int] = {}
        self.shared: dict[str, str] = {}
        self.changes: dict[str, list[tuple[int, datetime]]] = {}
        self.refused: set[int] = set()
        self.strangers: set[int] = set()
        self.is_closed = False
        self.may_repeat: Callable[[str], bool] = lambda run_id: False
        self.run_of: Callable[[str], Run | None] = lambda run_id: None
        self.interrupt: Callable[[str], None] | None = None
        self.taken: dict[str, tuple[int, ...]] = {}
        self.most_under_way: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()
        self._calling: Counter[tuple[str, str]] = Counter()
        self._sent: dict[str, tuple[str, str, bytes | None]] = {}
        self._keys: dict[tuple[str, str, int], str] = {}

    def stock(self, export: str, parcels: list[int], lasts_ms: int) -> None:
        """Parcels that change at some time while the world lasts, or did long before."""
        rng = self._world.random
        times = [rng.choice((-86_400_000, rng.randrange(lasts_ms))) for _ in parcels]
        found = [(id_, START + timedelta(milliseconds=ms)) for id_, ms in zip(parcels, times, strict=True)]
        self.changes[export] = sorted(found, key=lambda each: (each[1], each[0]))

    def changed(self, export: str, since: datetime | None, until: datetime | None) -> list[int]:
        """Ids, in the order in which they changed."""
        return [
            id_ for id_, at in self.changes[export] if (since is None or at >= since) and (until is None or at < until)
        ]

    # -- calls --------------------------------------------------------------------------------------------------------

    def send(self, request: HttpRequest) -> HttpResponse:
        self._die_perhaps(request, "killed before a call")
        self._check(request)
        connection = urlsplit(request.url).path.split("/")[1]
        slots = self.shared.get(connection, connection)
        caller = (slots, _run_id(request))
        self._check_caller(*caller)
        self._calling[caller] += 1
        if self.interrupt is not None:
            interrupt, self.interrupt = self.interrupt, None
            interrupt(caller[1])
        self._under_way[slots] += 1
        self.most_under_way[slots] = max(self.most_under_way[slots], self._under_way[slots])
        try:
            if self._under_way[slots] > self.limits[slots]:
                self._world.violate(ViolationError(f"more than {self.limits[slots]} calls go through {slots}"))
            response = self._respond(request)
        finally:
            self._under_way[slots] -= 1
            self._calling[caller] -= 1
        self._die_perhaps(request, "killed after a call")
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        world, faults, odds = self._world, self._faults, self._faults.odds
        before_ms, after_ms = faults.latency_ms(), faults.latency_ms() + world.random.choice((2, 20, 300, 4000))
        left_ms = round(request.timeout_seconds * 1000)
        if before_ms >= left_ms:
            self._hang(request, left_ms, "", "slow call")
        world.pause(before_ms)
        if odds.receiver and faults.happens(odds.receiver / 2):
            return self._trouble(request, left_ms - before_ms)
        response = self._answer(request, "")
        if before_ms + after_ms >= left_ms:
            self._hang(request, left_ms - before_ms, "", "slow call")
        world.pause(after_ms)
        return response

    def _trouble(self, request: HttpRequest, left_ms: int) -> HttpResponse:
        rng = self._world.random
        kind = rng.choice(_TROUBLES)
        self._world.faults[kind] += 1
        if kind == "receiver refuses for a while":
            return self._refuse(request, kind, rng.choice((500, 503, 408)))
        if kind == "receiver asks for a pause":
            return self._refuse(request, kind, 429, rng.choice((1, 30, 400)))
        if kind.endswith("applied"):
            self._answer(request, kind)
        if kind.startswith("connection"):
            self._note(request, kind, None)
            raise OutboundConnectError
        self._hang(request, left_ms, kind)
        raise AssertionError("unreachable")

    def _hang(self, request: HttpRequest, ms: int, fault: str, kind: str = "") -> None:
        self._note(request, fault or kind, None)
        self._world.pause(max(ms, 0))
        raise OutboundTimeoutError

    def _refuse(self, request: HttpRequest, fault: str, status: int, wish: int | None = None) -> HttpResponse:
        self._note(request, fault, status)
        headers = {} if wish is None else {"retry-after": str(wish)}
        return HttpResponse(status, headers, b"not now", request.url, 0.1)

    # -- what is answered ---------------------------------------------------------------------------------------------

    def _answer(self, request: HttpRequest, fault: str) -> HttpResponse:
        parts = urlsplit(request.url)
        _, _, what, name = parts.path.split("/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        status, body = getattr(self, f"_{what}")(name, query, request)
        self._note(request, fault, status)
        return HttpResponse(status, {"content-type": "application/json"}, encode(body), request.url, 0.1)

    def _parcels(self, export: str, query: Mapping[str, str], _request: HttpRequest) -> tuple[int, Json]:
        """By `page` from 0, of what changed from `since` until before `until`."""
        if self.is_closed:
            return 403, {"error": "closed"}
        since, until = (parse_iso(query[name]) if name in query else None for name in ("since", "until"))
        found = self.changed(export, since, until)
        start = int(query.get("page", "0")) * PAGE
        page: list[Json] = [{"id": id_} for id_ in found[start : start + PAGE]]
        return 200, {"parcels": page, "more": start + PAGE < len(found)}

    def _owners(self, name: str, _query: Mapping[str, str], _request: HttpRequest) -> tuple[int, Json]:
        return (404, {"error": "unknown"}) if int(name) in self.strangers else (200, {"owner": f"of {name}"})

    def _ship(self, _name: str, _query: Mapping[str, str], request: HttpRequest) -> tuple[int, Json]:
        """One parcel, or several that are taken or refused one by one. A request that was carried out is not carried
        out again: its key says that it is the same."""
        body: Any = json.loads(request.body or b"null")
        key = request.headers["Idempotency-Key"]
        listed = body if isinstance(body, list) else [body]
        if key not in self.taken:
            self.taken[key] = tuple(each["id"] for each in listed if each["id"] not in self.refused)
        results: list[Json] = [{"ok": each["id"] in self.taken[key], "id": each["id"]} for each in listed]
        if isinstance(body, list):
            return 200, {"results": results}
        return (201, {"id": body["id"]}) if self.taken[key] else (422, {"error": "refused"})

    # -- what must hold of requests -----------------------------------------------------------------------------------

    def _check(self, request: HttpRequest) -> None:
        """A key belongs to one request, and each parcel to one key at each stage of a run."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            self._world.violate(ViolationError(f"a call without an idempotency key: {request.url}"))
        known = self._sent.setdefault(key, (request.method, request.url, request.body))
        if known != (request.method, request.url, request.body):
            self._world.violate(ViolationError(f"the key {key} was used for {known} and for {request.url}"))
        run_id, _, place = key.partition("/")
        if request.method != "POST" or self.may_repeat(run_id):
            return
        stage = place.split("/")[1]
        body: Any = json.loads(request.body or b"null")
        ids = tuple(each["id"] for each in (body if isinstance(body, list) else [body]))
        for id_ in ids:
            first = self._keys.setdefault((run_id, stage, id_), key)
            if first != key:
                self._world.violate(ViolationError(f"parcel {id_} was sent as {first} and as {key}"))

    def _check_caller(self, slots: str, run_id: str) -> None:
        """A run that has ended soon makes no more calls, and no other of its flow makes some beside them."""
        run = self.run_of(run_id)
        if run is None:
            return
        for (others, other_id), calls in self._calling.items():
            other = self.run_of(other_id)
            if calls and others == slots and other_id != run_id and other and other.workflow_id == run.workflow_id:
                self._world.violate(ViolationError(f"{run_id} and {other_id} of one flow call through {slots}"))
        now = START + timedelta(milliseconds=self._world.now_ms)
        if run.finished_at is not None and (now - run.finished_at).total_seconds() > AFTERMATH_SECONDS:
            self._world.violate(ViolationError(f"{run_id} ended at {run.finished_at}, and makes a call at {now}"))

    def _die_perhaps(self, request: HttpRequest, kind: str) -> None:
        odds = self._faults.odds.killed
        if odds and self._faults.happens(odds / 2, kind):
            self._note(request, kind, None)
            self._world.kill(self._world.acting().invocation)

    def _note(self, request: HttpRequest, fault: str, result: object) -> None:
        world = self._world
        about = (request.headers.get("Idempotency-Key"), request.url.removeprefix(HOST))
        world.trace.add(world.now_ms, world.acting().name, request.method, (about, {}), fault, result)


def _run_id(request: HttpRequest) -> str:
    return request.headers.get("Idempotency-Key", "").partition("/")[0]
