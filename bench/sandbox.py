"""What a run in the sandbox costs: a trivial one, and one that polls an API and emits; with the process to fork from
already there, and without it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.table import Cell, Table, percentile
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import Bundle, CodeResponse, Emit, Invocation, Limits, LogLine, RunReport
from chalicelib.domain.json import Json
from chalicelib.sandbox.runner import ProcessRunner

WARM_RUNS = 200
COLD_RUNS = 10
_TRIVIAL, _POLLING = "trivial", "axios, db, 20 events"
_TRIVIAL_GOAL_MS = 4.0
_POLLING_GOAL_MS = 12.0
_ITEMS = b"[" + b",".join(b'{"id":%d,"title":"Item %d"}' % (number, number) for number in range(20)) + b"]"

TRIVIAL = "export default { run() { this.$emit({ ok: true }) } };"
POLLING = """
import { axios } from "@pipedream/platform";
const app = { type: "app", app: "acme", methods: {
  list(after) { return axios(this, { url: "https://api.acme.example/items", params: { after }, headers: { key: this.$auth.key } }) },
} };
export default { props: { app, db: "$.service.db", timer: { type: "$.interface.timer" } }, dedupe: "unique",
  async run() {
    const after = this.db.get("after") ?? 0;
    const items = await this.app.list(after);
    for (const item of items) this.$emit(item, { id: item.id, summary: item.title, ts: Date.now() });
    this.db.set("after", items.at(-1).id);
  },
};
"""  # noqa: E501


class _Host:
    """Every call is answered at once; what the code says is dropped."""

    def fetch(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/json"}, _ITEMS, request.url, 0.0)

    def respond(self, response: CodeResponse) -> None: ...

    def on_emit(self, emit: Emit) -> None: ...

    def on_log(self, line: LogLine) -> None: ...

    def on_db(self, key: str, value: Json) -> None: ...


def measure() -> Iterator[Table]:
    runner = ProcessRunner()
    begun = time.perf_counter()
    runner.start()
    started = (time.perf_counter() - begun) * 1000
    # What compiles is loaded in the first pause.
    time.sleep(0.3)
    rows: list[list[Cell]] = []
    for name, code, goal in ((_TRIVIAL, TRIVIAL, _TRIVIAL_GOAL_MS), (_POLLING, POLLING, _POLLING_GOAL_MS)):
        source = Bundle("bench.js", {"bench.js": code})
        compiled = runner.describe(source).compiled
        rows.append([f"{name}, warm", *_spread(WARM_RUNS, partial(_run, runner, compiled)), goal])
        rows.append([f"{name}, described", *_spread(WARM_RUNS // 4, partial(runner.describe, source)), None])
        rows.append([f"{name}, cold", *_spread(COLD_RUNS, partial(_cold, compiled)), None])
    runner.close()
    rows.append(["start of the process to fork from", started, started, None])
    notes = [
        f"{WARM_RUNS} warm and {COLD_RUNS} cold runs of compiled code; calls are answered at once by a function",
        "cold: a process that has the engine and all libraries is started for the one run, and ended",
    ]
    yield Table("Sandbox: milliseconds per run", ("run", "p50", "p90", "goal"), rows, notes)


def _run(runner: ProcessRunner, bundle: Bundle) -> RunReport:
    report = runner.run(bundle, {}, Invocation(accounts={"app": {"key": "k"}}), Limits(), _Host())
    if report.error is not None or not report.emits:
        raise RuntimeError(f"the run went wrong: {report.error}")
    return report


def _cold(bundle: Bundle) -> None:
    runner = ProcessRunner()
    try:
        _run(runner, bundle)
    finally:
        runner.close()


def _spread(count: int, action: Callable[[], object]) -> tuple[float, float]:
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        action()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken), percentile(taken, 0.9)
