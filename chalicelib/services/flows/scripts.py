"""Functions of scripts, called in the sandbox: one call of the sandbox for a whole page.

What a script does wrong, and every limit that it runs into, is the failure of what called it. That no sandbox could be
reached is nobody's failure: whoever called tries again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.domain.errors import InvalidError, ResourceNotFoundError
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.flows.script_program import (
    LONGEST_SECONDS,
    Outcome,
    limits,
    lines_of,
    outcomes_of,
    program_of,
)
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import Bundle, CodeError, CodeFailure, CodeResponse, Emit, Invocation, LogLine
from chalicelib.domain.json import Json, encode
from chalicelib.services.flows.desk import Log, OutOfTimeError
from chalicelib.services.flows.ports import ResourceStore

if TYPE_CHECKING:
    from chalicelib.services.sources.sandbox import JsRunner

SHORTEST_SECONDS = 3.0

_MOST_KEPT = 100
_TOO_LARGE = "The page is too large for a script, or became too large in it; use a smaller page size."
_LIMITS = {
    "CpuLimitExceeded": "The script used up the computing time that it has for a page.",
    "MemoryLimitExceeded": "The script used up the memory that it has for a page.",
    "TimeoutError": "The script took too long for a page.",
    "OutputLimitExceeded": _TOO_LARGE,
    "ValueTooLargeError": _TOO_LARGE,
    "DeadlockError": "The script waits for something that never comes.",
    "SandboxCrashed": "The script ended its sandbox.",
}


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A function, and which kind of rule or hook it is: the source of its errors."""

    workspace_id: str
    ref: ScriptRef
    source: str


@dataclass(slots=True)
class FlowScripts:
    """Thread-safe. `js` is asked for when the first script is called."""

    resources: ResourceStore
    js: Callable[[], JsRunner]
    _compiled: OrderedDict[tuple[str, str, int], Bundle] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(
        self,
        call: ScriptCall,
        shared: Mapping[str, Json],
        options: Sequence[Mapping[str, Json]],
        seconds: float,
        log: Log,
    ) -> list[Outcome]:
        """What the function returned for each of the options, to which what is shared belongs too. Raises FlowHttpError
        where no call of it can count, OutOfTimeError, UnavailableError."""
        if not options:
            return []
        if seconds < SHORTEST_SECONDS:
            raise OutOfTimeError
        script = self._script(call)
        content = str(script.document.get("content"))
        event: dict[str, Json] = {
            "function": call.ref.function,
            "lines": lines_of(content),
            # As a text, because every call parses it for itself.
            "shared": encode(dict(shared)).decode(),
            "calls": [dict(each) for each in options],
        }
        host = _Host(log)
        bounds = limits(seconds)
        try:
            report = self.js().run_step(self._program(script, content), event, Invocation(), bounds, host)
        except CodeError as error:
            raise FlowHttpError(call.source, str(error.facts.get("name") or "Error"), error.message) from error
        except InvalidError as error:
            raise FlowHttpError(call.source, "invalid_hook_response", error.message) from error
        if report.error is not None:
            # It had less time than scripts may take: a step tries again, with all of it.
            if report.error.name == "TimeoutError" and bounds.wall_seconds < LONGEST_SECONDS:
                raise OutOfTimeError
            raise _failed(call, report.error)
        return self._outcomes(call, report.returned, len(options))

    def problem_of(self, content: str) -> str | None:
        """Why the text can be no script; None for one that can. Raises UnavailableError."""
        try:
            self.js().describe(program_of(content))
        except CodeError as error:
            # What else it throws while it is loaded may depend on where it runs, and is told when it is called.
            if error.facts.get("name") == "SyntaxError":
                return error.message
        return None

    def _script(self, call: ScriptCall) -> Resource:
        try:
            return self.resources.get(call.workspace_id, ResourceKind.SCRIPT, call.ref.script_id)
        except ResourceNotFoundError as error:
            message = f"The script {call.ref.script_id} does not exist."
            raise FlowHttpError(call.source, "script_not_found", message) from error

    def _program(self, script: Resource, content: str) -> Bundle:
        """Compiled once for each revision. Raises CodeError."""
        name = (script.workspace_id, script.id, script.revision)
        with self._lock:
            if name in self._compiled:
                self._compiled.move_to_end(name)
                return self._compiled[name]
        # Outside of the lock: two that compile it at the same time come to the same.
        compiled = self.js().describe(program_of(content)).compiled
        with self._lock:
            self._compiled[name] = compiled
            while len(self._compiled) > _MOST_KEPT:
                self._compiled.popitem(last=False)
        return compiled

    @staticmethod
    def _outcomes(call: ScriptCall, returned: Json, count: int) -> list[Outcome]:
        try:
            outcomes = outcomes_of(returned, count)
        except InvalidError as error:
            raise FlowHttpError(call.source, "invalid_hook_response", error.message) from error
        if outcomes is None:
            message = f"The script {call.ref.script_id} has no function '{call.ref.function}'."
            raise FlowHttpError(call.source, "function_not_found", message)
        return outcomes


def _failed(call: ScriptCall, failure: CodeFailure) -> FlowHttpError:
    message = _LIMITS.get(failure.name) or f"{failure.name}: {failure.message}"
    return FlowHttpError(call.source, failure.name[:200], message)


@dataclass(frozen=True, slots=True)
class _Host:
    """What scripts say is logged; events, answers and a database are nothing of theirs."""

    log: Log

    def fetch(self, request: HttpRequest) -> HttpResponse:
        raise InvalidError("Scripts have no network.")

    def respond(self, response: CodeResponse) -> None:
        pass

    def on_emit(self, emit: Emit) -> None:
        pass

    def on_log(self, line: LogLine) -> None:
        self.log("warning" if line.level == "warn" else line.level, line.text)

    def on_db(self, key: str, value: Json) -> None:
        pass
