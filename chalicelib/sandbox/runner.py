"""The sandbox's front: a job for each call, a process for each job."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import (
    DESCRIBE_LIMITS,
    MIB,
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
from chalicelib.sandbox.session import Host, NeverBegunError, Session
from chalicelib.sandbox.zygote import ZygoteHandle

MOST_FILES = 64
MOST_BYTES = 4 * MIB
_ENTROPY_BYTES = 32
_DESCRIBED = ("name", "key", "version", "description", "dedupe")


class ProcessRunner:
    """Runs code in processes of this machine. Thread-safe; `close` ends the process that they are forked from."""

    def __init__(self, describe_limits: Limits = DESCRIBE_LIMITS) -> None:
        self._zygote = ZygoteHandle()
        self._describe_limits = describe_limits

    def start(self) -> None:
        """Loads the engine ahead of the first run. Raises UnavailableError."""
        self._zygote.start()

    def close(self) -> None:
        self._zygote.close()

    def describe(self, bundle: Bundle) -> Description:
        _check(bundle)
        report, compiled = self._execute(bundle, "describe", None, Invocation(), self._describe_limits, _Nobody())
        if report.error is not None:
            raise _code_error(report.error)
        if not isinstance(report.returned, dict):
            raise CodeError("The code exports no component.")
        files = bundle.files if bundle.compiled or compiled is None else compiled
        return _description(report.returned, Bundle(bundle.entry, files, compiled=True), report)

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]:
        _check(bundle)
        report, _ = self._execute(bundle, "files", None, Invocation(), self._describe_limits, _Nobody())
        if report.error is not None:
            raise _code_error(report.error)
        found: Any = report.returned
        return tuple(MissingFile(importer, specifier, tuple(paths)) for importer, specifier, paths in found)

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._execute(bundle, "run", event, invocation, limits, host)[0]

    def run_step(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._execute(bundle, "run", event, invocation, limits, host, step=True)[0]

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._execute(bundle, f"hooks.{name}", None, invocation, limits, host)[0]

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: Host
    ) -> RunReport:
        return self._execute(bundle, f"props.{prop}.options", query, invocation, limits, host, step=True)[0]

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._execute(bundle, "additionalProps", None, invocation, limits, host, step=True)[0]

    def _execute(
        self,
        bundle: Bundle,
        target: str,
        event: Json,
        invocation: Invocation,
        limits: Limits,
        host: Host,
        *,
        step: bool = False,
    ) -> tuple[RunReport, Mapping[str, str] | None]:
        job = _job(bundle, target, event, invocation, limits, step)
        for _ in range(2):
            sockets = self._zygote.spawn(limits.cpu_seconds, limits.memory_bytes)
            try:
                return Session(sockets, limits, host).run(job)
            # Nothing of the code has run, so it may run once more.
            except NeverBegunError:
                self._zygote.bury()
        raise UnavailableError("The sandbox ends before it begins.")


def _job(bundle: Bundle, target: str, event: Json, invocation: Invocation, limits: Limits, step: bool) -> bytes:
    job: dict[str, Any] = {
        "target": target,
        "step": step,
        "entry": bundle.entry,
        "files": dict(bundle.files),
        "compiled": bundle.compiled,
        "event": event,
        "limits": asdict(limits),
        "entropy": base64.b64encode(os.urandom(_ENTROPY_BYTES)).decode(),
        "props": dict(invocation.props),
        "accounts": {name: dict(account) for name, account in invocation.accounts.items()},
        "endpoints": dict(invocation.endpoints),
        "db": dict(invocation.db),
        "steps": dict(invocation.steps),
        "run": dict(invocation.run),
    }
    return json.dumps(job, ensure_ascii=False).encode("utf-8", "replace")


def _check(bundle: Bundle) -> None:
    if bundle.entry not in bundle.files:
        raise CodeError("The bundle's entry is not among its files.", file=bundle.entry)
    if len(bundle.files) > MOST_FILES:
        raise CodeError(f"The code has more than {MOST_FILES} files.")
    if sum(len(code) for code in bundle.files.values()) > MOST_BYTES:
        raise CodeError(f"The code is larger than {MOST_BYTES} bytes.")


def _code_error(error: CodeFailure) -> CodeError:
    message = error.message if error.name == "ComponentError" else f"{error.name}: {error.message}"
    return CodeError(message, file=error.file, line=error.line, name=error.name)


def _description(found: Mapping[str, Any], compiled: Bundle, report: RunReport) -> Description:
    if found.get("kind") == "function":
        return Description("function", compiled, missing_modules=report.missing_modules, stats=report.stats)
    return Description(
        "component",
        compiled,
        **{name: found.get(name) for name in _DESCRIBED},
        type=str(found.get("type") or "source"),
        configurable_props=tuple(found.get("configurable_props") or ()),
        has=frozenset(found.get("has") or ()),
        missing_modules=report.missing_modules,
        stats=report.stats,
    )


class _Nobody:
    """Loading code calls nobody; what it says meanwhile is of no interest."""

    def fetch(self, request: HttpRequest) -> HttpResponse:
        raise UnavailableError("There is no network while code is loaded.")

    def respond(self, response: CodeResponse) -> None:
        pass

    def on_emit(self, emit: Emit) -> None:
        pass

    def on_log(self, line: LogLine) -> None:
        pass

    def on_db(self, key: str, value: Json) -> None:
        pass
