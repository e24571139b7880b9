"""A sandbox for scripts of flows that runs no JavaScript: what a script's functions do is Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.javascript import (
    Bundle,
    CodeError,
    CodeFailure,
    Description,
    Invocation,
    Limits,
    LogLine,
    MissingFile,
    RunReport,
)
from chalicelib.domain.json import Json, decode
from chalicelib.services.sources.sandbox import SandboxHost

Function = Callable[[dict[str, Any]], Any]


class Thrown(Exception):
    """What a function throws."""

    def __init__(self, message: str, code: str = "Error") -> None:
        super().__init__(message)
        self.code = code


class PythonScripts:
    """A `JsRunner`. A script's text says nothing but which functions are its own: `functions` has them by the text,
    and then by their names. `calls` are the names of what was called, once for each call of the sandbox."""

    def __init__(self, functions: Mapping[str, Mapping[str, Function]]) -> None:
        self.functions = dict(functions)
        self.calls: list[str] = []
        self.failures: list[CodeFailure | UnavailableError] = []
        """What befalls the next calls, in place of what they would do."""

    def describe(self, bundle: Bundle) -> Description:
        if _text(bundle) not in self.functions:
            raise CodeError("Unexpected token", file="script.js", line=1, name="SyntaxError")
        return Description("function", replace(bundle, compiled=True))

    def run_step(
        self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        given: Any = event
        self.calls.append(given["function"])
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, UnavailableError):
                raise failure
            return RunReport(error=failure)
        function = self.functions[_text(bundle)].get(given["function"])
        if function is None:
            return RunReport(returned={"missing": True})
        host.on_log(LogLine("info", f"{given['function']} was called", 0))
        shared: Any = decode(given["shared"].encode())
        return RunReport(returned={"results": [_called(function, {**shared, **each}) for each in given["calls"]]})

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        raise NotImplementedError

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        raise NotImplementedError

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: SandboxHost
    ) -> RunReport:
        raise NotImplementedError

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: SandboxHost) -> RunReport:
        raise NotImplementedError

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]:
        raise NotImplementedError


def _called(function: Function, options: dict[str, Any]) -> Json:
    try:
        return {"value": function(deepcopy(options))}
    except Thrown as thrown:
        return {"failure": {"code": thrown.code, "message": str(thrown)}}


def _text(bundle: Bundle) -> str:
    return bundle.files["script.js"].rpartition("\n")[0]
