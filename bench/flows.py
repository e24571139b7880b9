"""Flows: records a second, and what a page costs.

Rates are of a flow of an export by pages and an import in batches, in memory, where nothing but the product's own work
counts, and on the local stack, in a process of its own with its emulation of AWS; the depot is this process. Calls and
units are those of a flow of an export, a lookup and an import, counted at the clients that the adapters call.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from typing import Any

from bench.calls import Rig
from bench.cost import LAMBDA_GB_SECOND, PRICES_OF, READ_UNIT, WRITE_UNIT
from bench.meter import Spent
from bench.server import KEY, Server
from bench.table import Cell, Table
from chalicelib.domain.run import RunStatus
from chalicelib.local.embedded import EmbeddedAws
from tests.flows.depot import Depot, serving
from tests.flows.flow_stage import FlowStage
from tests.flows.flow_volume import streamed

# Records, how many are in an answer, in a page, and in a request of the import.
IN_MEMORY = ((100_000, 1000, 1000, 100), (10_000, 1000, 20, 20), (10_000, 20, 20, 1))
ON_THE_STACK = ((10_000, 1000, 1000, 100), (2_000, 1000, 20, 20), (400, 20, 20, 1))
PAGES, SIZE = 10, 20
CALL_SECONDS = 0.006
"""Assumed of each call of AWS."""
MILLION = 1_000_000
_COLUMNS = ("where", "records", "page", "batch", "records/s", "pages/s", "CPU µs/record")


def measure() -> Iterator[Table]:
    rows = [_in_memory(*shape) for shape in IN_MEMORY]
    with Server("chalicelib.local") as server:
        rows += [_on_the_stack(server, *shape) for shape in ON_THE_STACK]
    yield Table("Flows", _COLUMNS, rows, (f"{os.cpu_count()} cores; CPU: of the process that does the product's work",))
    yield _costs()


def _in_memory(records: int, answer: int, page: int, batch: int) -> list[Cell]:
    began, used = time.perf_counter(), time.process_time()
    house, run = streamed(records, answer, page, batch)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    if run.status is not RunStatus.SUCCEEDED or house.stream.arrived != records:
        raise RuntimeError(f"the run is {run.status}, and {house.stream.arrived} records arrived")
    return _row("in memory", records, page, batch, seconds, cpu)


def _on_the_stack(server: Server, records: int, answer: int, page: int, batch: int) -> list[Cell]:
    depot = Depot(records, answer)
    with serving(depot) as base_url:
        caller = _Caller(server.port)
        flow_id = caller.flow(base_url, page, batch)
        used = server.cpu_seconds()
        began = time.perf_counter()
        job_id = caller.call("POST", f"/v1/flows/{flow_id}/run")["_jobId"]
        while (job := caller.call("GET", f"/v1/jobs/{job_id}"))["status"] in ("queued", "running"):
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        if (job["status"], job["numSuccess"]) != ("completed", 2 * records):
            raise RuntimeError(f"the job came to {job}")
    after = server.cpu_seconds()
    return _row("local stack", records, page, batch, seconds, None if used is None or after is None else after - used)


def _row(where: str, records: int, page: int, batch: int, seconds: float, cpu: float | None) -> list[Cell]:
    per_record = None if cpu is None else cpu / records * MILLION
    return [where, records, page, batch, records / seconds, records / page / seconds, per_record]


class _Caller:
    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("localhost", self._port, timeout=60)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {text.decode()}")
        return json.loads(text)

    def flow(self, base_url: str, page: int, batch: int) -> str:
        connection = self._made("connections", type="http", http={"baseURI": base_url, "mediaType": "json"})
        http_: dict[str, Any] = {"method": "GET", "relativeURI": "/parcels?page={{export.http.paging.page}}"}
        http_ |= {"paging": {"method": "page", "page": 1, "maxPagePath": "meta.pages"}}
        http_ |= {"response": {"resourcePath": "parcels"}}
        known = {"_connectionId": connection}
        export = self._made("exports", adaptorType="HTTPExport", pageSize=page, http=http_, **known)
        uri = "/shipments" if batch == 1 else "/batches"
        sink = {"method": ["POST"], "relativeURI": [uri], "batchSize": batch}
        import_ = self._made("imports", adaptorType="HTTPImport", http=sink, **known)
        return self._made("flows", _exportId=export, _importId=import_)

    def _made(self, kind: str, **members: Any) -> str:
        id_: str = self.call("POST", f"/v1/{kind}", {"name": "Bench", **members})["_id"]
        return id_


# -- what it costs ----------------------------------------------------------------------------------------------------


def _costs() -> Table:
    with EmbeddedAws():
        rig = Rig()
        stage = FlowStage(rig.services, "ws_bench", SIZE)
        _spent(rig, stage, 1)
        one, many = _spent(rig, stage, 1), _spent(rig, stage, 1 + PAGES)
    page = [(b - a) / PAGES for a, b in zip(_figures(one), _figures(many), strict=True)]
    run = [figure - per_page for figure, per_page in zip(_figures(one), page, strict=True)]
    million = [figure * MILLION / SIZE for figure in page]
    rows: list[list[Cell]] = [["a run", *run, None], ["a page", *page, None]]
    rows.append(["a million records", *million, _dollars(million)])
    columns = ("", "calls", "write units", "index units", "read units", "USD")
    notes = (
        f"pages of {SIZE} records of about 300 bytes with an export, a lookup and an import; SQS is not counted",
        f"USD: prices of {PRICES_OF}: units, and {CALL_SECONDS * 1000:.0f} ms of a function of 1 GB for each call;",
        "what the called services take is theirs: a function waits for them, and is paid for as long",
    )
    return Table("AWS calls of a flow", columns, rows, notes)


def _dollars(figures: list[float]) -> float:
    calls, writes, indexes, reads = figures
    return (writes + indexes) * WRITE_UNIT + reads * READ_UNIT + calls * CALL_SECONDS * LAMBDA_GB_SECOND


def _spent(rig: Rig, stage: FlowStage, pages: int) -> Spent:
    stage.stock(pages * SIZE)
    return rig.run(stage.workflow)


def _figures(spent: Spent) -> list[float]:
    calls = sum(not name.startswith("sqs.") for name in spent.calls)
    return [calls, spent.write_units, spent.index_units, spent.read_units]
