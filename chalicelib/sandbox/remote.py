"""The sandbox in a function of its own: a call as JSON, the same call performed there, and its report on the way back.

What a run says reaches the host when the report does, in the order database, logs, response, events; so a host whose
answer must go out while the code still runs needs the sandbox in its own machine. Requests of the code are made where
it runs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
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
    RunStats,
)
from chalicelib.domain.json import Json
from chalicelib.sandbox.session import Host

Invoke = Callable[[bytes], bytes]
"""Sends a call to the function and returns its answer. Raises UnavailableError."""

_RUNS = frozenset({"run", "run_step", "hook", "options", "additional_props"})
_NAMED = frozenset({"hook", "options"})


class Runner(Protocol):
    def describe(self, bundle: Bundle) -> Description: ...

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]: ...


class RemoteRunner:
    """Runs code by calling the function. Fits the port that a runner in processes of this machine fits."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def describe(self, bundle: Bundle) -> Description:
        found = self._call("describe", bundle)
        return Description(
            **{
                **found,
                "compiled": Bundle(**found["compiled"]),
                "configurable_props": tuple(found["configurable_props"]),
                "has": frozenset(found["has"]),
                "missing_modules": tuple(found["missing_modules"]),
                "stats": _stats(found["stats"]),
            }
        )

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]:
        found = self._call("missing_files", bundle)
        return tuple(MissingFile(one["importer"], one["specifier"], tuple(one["candidates"])) for one in found)

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run("run", bundle, invocation, limits, host, event=event)

    def run_step(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run("run_step", bundle, invocation, limits, host, event=event)

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run("hook", bundle, invocation, limits, host, name=name)

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: Host
    ) -> RunReport:
        return self._run("options", bundle, invocation, limits, host, name=prop, event=query)

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run("additional_props", bundle, invocation, limits, host)

    def _run(
        self, operation: str, bundle: Bundle, invocation: Invocation, limits: Limits, host: Host, **more: Json
    ) -> RunReport:
        given = {**_plain(invocation), "accounts": {name: dict(one) for name, one in invocation.accounts.items()}}
        report = _report(self._call(operation, bundle, invocation=given, limits=asdict(limits), **more))
        _replay(report, host)
        return report

    def _call(self, operation: str, bundle: Bundle, **more: Any) -> Any:
        call = {"operation": operation, "bundle": {**_plain(bundle), "files": dict(bundle.files)}, **more}
        answer = json.loads(self._invoke(json.dumps(call, ensure_ascii=False).encode("utf-8", "replace")))
        match answer:
            case {"ok": found}:
                return found
            case {"code_error": {"message": str(message), "file": file, "line": line}}:
                error = CodeError(message)
                error.file, error.line = file, line
                raise error
        raise UnavailableError("The sandbox's function gave no answer that can be understood.")


@dataclass(frozen=True, slots=True)
class _Fetching:
    """Only requests matter while the code runs here; all else is in the report."""

    send: Callable[[HttpRequest], HttpResponse]

    def fetch(self, request: HttpRequest) -> HttpResponse:
        return self.send(request)

    def respond(self, response: CodeResponse) -> None:
        pass

    def on_emit(self, emit: Emit) -> None:
        pass

    def on_log(self, line: LogLine) -> None:
        pass

    def on_db(self, key: str, value: Json) -> None:
        pass


def perform(raw: bytes, runner: Runner, send: Callable[[HttpRequest], HttpResponse]) -> bytes:
    """For the function itself: carries out a call of RemoteRunner. Raises UnavailableError."""
    call = json.loads(raw)
    bundle, operation = Bundle(**call["bundle"]), call["operation"]
    try:
        found = _performed(call, operation, bundle, runner, send)
    except CodeError as error:
        return _encoded({"code_error": {"message": error.message, "file": error.file, "line": error.line}})
    return _encoded({"ok": found})


def _performed(
    call: Mapping[str, Any], operation: str, bundle: Bundle, runner: Runner, send: Callable[[HttpRequest], HttpResponse]
) -> object:
    if operation == "describe":
        found = runner.describe(bundle)
        return {**_plain(found), "compiled": _plain(found.compiled), "stats": _plain(found.stats)}
    if operation == "missing_files":
        return [_plain(one) for one in runner.missing_files(bundle)]
    if operation not in _RUNS:
        raise UnavailableError(f"The sandbox has no operation {operation!r}.")
    before = [call["name"]] if operation in _NAMED else []
    if "event" in call:
        before.append(call["event"])
    report = getattr(runner, operation)(
        bundle, *before, Invocation(**call["invocation"]), Limits(**call["limits"]), _Fetching(send)
    )
    return asdict(report)


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=_encoded_special).encode()


def _encoded_special(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(type(value).__name__)


def _plain(value: Any) -> dict[str, Any]:
    """The members as they are: these hold users' JSON, of which no copy is needed."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _report(found: Mapping[str, Any]) -> RunReport:
    response, error = found["response"], found["error"]
    return RunReport(
        **{
            **found,
            "emits": tuple(Emit(**one) for one in found["emits"]),
            "logs": tuple(LogLine(**one) for one in found["logs"]),
            "response": response and CodeResponse(**{**response, "body": base64.b64decode(response["body"])}),
            "error": error and CodeFailure(**error),
            "missing_modules": tuple(found["missing_modules"]),
            "stats": _stats(found["stats"]),
        }
    )


def _stats(found: Mapping[str, Any]) -> RunStats:
    return RunStats(**{**found, "isolation": tuple(found["isolation"])})


def _replay(report: RunReport, host: Host) -> None:
    for key, value in report.db.items():
        host.on_db(key, value)
    for line in report.logs:
        host.on_log(line)
    if report.response is not None:
        host.respond(report.response)
    for emit in report.emits:
        host.on_emit(emit)
