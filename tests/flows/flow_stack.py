"""A local stack in this process whose clock can be put forward, and short ways to flows between a depot and itself."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from chalicelib.local.assembly import Assembly
from chalicelib.local.backend import Backend
from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from tests.flows.depot import Asked, Depot, serving
from tests.flows.test_local_stack import PATIENCE_SECONDS, Answer, eventually

KEY = "first-user-key"
FIGURES = ("numSuccess", "numError", "numIgnore", "numResolved", "numOpenError", "numPagesGenerated")
LIVE = ("queued", "running", "canceling")


class LeapingClock:
    """The system's, put forward by `ahead`."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.ahead = timedelta()

    def now(self) -> datetime:
        now: datetime = self._real.now()
        return now + self.ahead

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


class BusyDepot(Depot):
    """Counts the calls that are under way, and lets those wait that `holds` says, until it is told to go on."""

    def __init__(self, parcels: int = 0, size: int = 2) -> None:
        super().__init__(parcels, size)
        self.most_under_way = 0
        self._under_way = 0
        self._count_lock = threading.Lock()
        self._gate = threading.Event()
        self._gate.set()
        self._held = ""

    def hold(self, method: str) -> None:
        self._held = method
        self._gate.clear()

    def go_on(self) -> None:
        self._gate.set()

    def linger(self, seconds: float) -> None:
        """Takes so long for each answer from now on."""
        nobody = threading.Event()
        self.pause = lambda asked: (nobody.wait(seconds), None)[1]

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        with self._count_lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        try:
            if method == self._held:
                self._gate.wait(PATIENCE_SECONDS)
            return super().answer(method, url, headers, raw)
        finally:
            with self._count_lock:
                self._under_way -= 1


class FlowStack:
    """A running stack, seen through HTTP but for its clock and its tick."""

    def __init__(self, stack: LocalStack, clock: LeapingClock) -> None:
        self.base_url = stack.base_url
        self.clock = clock
        self.tick = stack.ticker.tick

    def call(self, method: str, target: str, body: Any = None) -> Answer:
        url = urlsplit(target if "://" in target else f"{self.base_url}{target}")
        assert url.hostname is not None
        headers = {"Authorization": f"Bearer {KEY}"}
        content = None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, url.path + (f"?{url.query}" if url.query else ""), content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def got(self, method: str, target: str, body: Any = None) -> Any:
        """The answer's JSON, None for none. It has to be a good one."""
        answer = self.call(method, target, body)
        assert 200 <= answer.status < 300, (method, target, answer)
        return json.loads(answer.body) if answer.body else None


def assembled(backend: Backend) -> Assembly:
    """The product as the local stack runs it, on a clock that can be put forward."""
    from chalicelib import bootstrap
    from chalicelib.local.wiring import assemble

    assembly = assemble(backend)
    services = bootstrap.services()
    vars(services).update(clock=LeapingClock(services.clock))
    return assembly


@contextmanager
def running() -> Iterator[FlowStack]:
    from chalicelib import bootstrap

    settings = LocalSettings(port=0, api_keys={"first": KEY}, tick_seconds=1.0)
    with LocalStack(assembled, settings) as stack:
        services: Any = bootstrap.services()
        try:
            yield FlowStack(stack, services.clock)
        finally:
            services.http.close()


class Shop:
    """A depot at work for one test, and what the stack is told to do with it."""

    def __init__(self, stack: FlowStack, depot: BusyDepot, base_url: str) -> None:
        self.stack = stack
        self.depot = depot
        self.base_url = base_url
        self.connection = self.connected()

    def made(self, kind: str, **body: Any) -> str:
        """The new one's id."""
        id_: str = self.stack.got("POST", f"/v1/{kind}", {"name": kind, **body})["_id"]
        return id_

    def connected(self, **http_members: Any) -> str:
        http_ = {"baseURI": self.base_url, "mediaType": "json", **http_members}
        return self.made("connections", type="http", http=http_)

    def export(
        self, uri: str = "/parcels?page={{export.http.paging.page}}", connection: str | None = None, **members: Any
    ) -> str:
        """By pages of the depot's own, unless `http` says something else."""
        paged = {"paging": {"method": "page", "page": 1, "maxPagePath": "meta.pages"}}
        http_ = {"method": "GET", "relativeURI": uri, "response": {"resourcePath": "parcels"}, **paged}
        http_ |= members.pop("http", {})
        known = connection or self.connection
        return self.made("exports", adaptorType="HTTPExport", _connectionId=known, http=http_, **members)

    def lookup(self) -> str:
        http_ = {"method": "GET", "relativeURI": "/owners/{{record.ownerId}}"}
        return self.made("exports", adaptorType="HTTPExport", isLookup=True, _connectionId=self.connection, http=http_)

    def import_(self, connection: str | None = None, **http_members: Any) -> str:
        http_ = {"method": ["POST"], "relativeURI": ["/shipments"], **http_members}
        mapped = [("ref", "$.number"), ("owner", "$.owner.name")]
        mappings = [{"generate": to, "dataType": "string", "extract": of, "status": "Active"} for to, of in mapped]
        known = connection or self.connection
        return self.made("imports", adaptorType="HTTPImport", _connectionId=known, http=http_, mappings=mappings)

    def flow(self, export: str, *processors: tuple[str, str], **members: Any) -> str:
        """`processors` are kinds and ids."""
        kinds = {"export": "_exportId", "import": "_importId"}
        owner = {"fields": [{"extract": "data[0]", "generate": "owner"}], "lists": []}
        listed = [{"type": kind, kinds[kind]: id_, "responseMapping": owner} for kind, id_ in processors]
        return self.made("flows", pageGenerators=[{"_exportId": export}], pageProcessors=listed, **members)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def run(self, flow: str, body: Any = None) -> str:
        job_id: str = self.stack.got("POST", f"/v1/flows/{flow}/run", body)["_jobId"]
        return job_id

    def job(self, job_id: str) -> Any:
        return self.stack.got("GET", f"/v1/jobs/{job_id}/family")

    def ended(self, job_id: str) -> Any:
        return eventually(lambda: self.job(job_id), lambda job: job["status"] not in LIVE)

    def errors(self, flow: str, step: str, which: str = "errors") -> list[Any]:
        found: list[Any] = self.stack.got("GET", f"/v1/flows/{flow}/{step}/{which}")[which]
        return found

    def asked_times(self, name: str) -> list[str]:
        """A parameter of what was asked of the depot."""
        return [each.query[name] for each in self.depot.asked if name in each.query]


@contextmanager
def shop(stack: FlowStack, parcels: int, size: int = 2) -> Iterator[Shop]:
    depot = BusyDepot(parcels, size)
    with serving(depot) as base_url:
        try:
            yield Shop(stack, depot, base_url)
        finally:
            depot.go_on()


def figures(job: Any) -> dict[str, int]:
    """Those that are not 0."""
    return {name: job[name] for name in FIGURES if job[name]}


def parts(job: Any) -> list[tuple[str, str, int, dict[str, int]]]:
    """Of each child: type, status, place, and figures, with the pages that it took in."""
    return [
        (
            each["type"],
            each["status"],
            each["oIndex"],
            {**figures(each), **({"numPagesProcessed": n} if (n := each["numPagesProcessed"]) else {})},
        )
        for each in job["children"]
    ]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def is_shipment(asked: Asked) -> bool:
    return asked.method == "POST" and asked.path == "/shipments"
