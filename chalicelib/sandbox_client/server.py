"""The side where the code runs: one call in, its answer out. Requests of the code are made here, by the guarded client;
everything else that it asks of its host is written down for whoever called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import (
    Bundle,
    CodeError,
    CodeFailure,
    CodeResponse,
    Description,
    Emit,
    Invocation,
    Limits,
    LogLine,
    MissingFile,
    RunReport,
)
from chalicelib.domain.json import Json
from chalicelib.sandbox_client import wire

Send = Callable[[HttpRequest], HttpResponse]


class Runner(Protocol):
    """The sandbox of this machine."""

    def describe(self, bundle: Bundle) -> Description: ...

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]: ...

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Notes) -> RunReport: ...

    def run_step(
        self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Notes
    ) -> RunReport: ...

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: Notes) -> RunReport: ...

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: Notes
    ) -> RunReport: ...

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: Notes) -> RunReport: ...


class Notes:
    """The host of a run at a distance."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.said: list[Emit | LogLine | CodeResponse | tuple[str, Json]] = []

    def fetch(self, request: HttpRequest) -> HttpResponse:
        return self._send(request)

    def respond(self, response: CodeResponse) -> None:
        self.said.append(response)

    def on_emit(self, emit: Emit) -> None:
        self.said.append(emit)

    def on_log(self, line: LogLine) -> None:
        self.said.append(line)

    def on_db(self, key: str, value: Json) -> None:
        self.said.append((key, value))


def answer(packed: Mapping[str, Any], runner: Runner, send: Send) -> dict[str, Json]:
    """What `client` understands, whatever happens. The code's own failures are part of the answer."""
    try:
        call = wire.call_from_json(wire.unpack(packed))
    except wire.PayloadTooLargeError as error:
        return {"refused": wire.failure_of(error)}
    try:
        return _answer(call, runner, send)
    except CodeError as error:
        return {"code_error": wire.code_error_to_json(error)}
    except UnavailableError as error:
        return {"unavailable": wire.failure_of(error)}
    except wire.PayloadTooLargeError as error:
        return {"refused": wire.failure_of(error)}


def _answer(call: wire.SandboxCall, runner: Runner, send: Send) -> dict[str, Json]:
    match call.method:
        case "describe":
            return {"description": wire.pack(wire.description_to_json(runner.describe(call.bundle)))}
        case "missing_files":
            return {"missing_files": wire.pack(wire.missing_files_to_json(runner.missing_files(call.bundle)))}
    notes = Notes(send)
    report = _run(call, runner, notes)
    try:
        return {"report": wire.pack(wire.report_to_json(report, tuple(notes.said)))}
    except wire.PayloadTooLargeError as error:
        # The report is lost, but the code has run: answered as a failure of it, so that nobody runs it again.
        failure = CodeFailure("OutputLimitExceeded", error.message, wire.failure_of(error))
        return {"report": wire.pack(wire.report_to_json(RunReport(error=failure, stats=report.stats), ()))}


def _run(call: wire.SandboxCall, runner: Runner, notes: Notes) -> RunReport:
    bundle, invocation, limits = call.bundle, call.invocation, call.limits
    match call.method:
        case "run":
            return runner.run(bundle, call.event, invocation, limits, notes)
        case "run_step":
            return runner.run_step(bundle, call.event, invocation, limits, notes)
        case "hook":
            return runner.hook(bundle, call.name, invocation, limits, notes)
        case "options":
            return runner.options(bundle, call.name, call.event, invocation, limits, notes)
        case "additional_props":
            return runner.additional_props(bundle, invocation, limits, notes)
    raise UnavailableError(f"The sandbox knows no {call.method}.")
