"""The caller's side: the `JsRunner` port on a function of its own.

An invocation is made once and never again by itself, because the code runs at most once per call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import (
    MIB,
    Bundle,
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

OUTPUT_BYTES = 4 * MIB
"""What a run may say in all: its answer has to go back in one piece."""

_KILLED = frozenset({"Runtime.ExitError", "Sandbox.Timedout", "Runtime.OutOfMemory"})

Invoke = Callable[[bytes], "tuple[bytes, bool]"]
"""Payload in; the answer's payload, and whether the function failed. Raises UnavailableError."""


class Host(Protocol):
    def fetch(self, request: HttpRequest) -> HttpResponse: ...

    def respond(self, response: CodeResponse) -> None: ...

    def on_emit(self, emit: Emit) -> None: ...

    def on_log(self, line: LogLine) -> None: ...

    def on_db(self, key: str, value: Json) -> None: ...


class LambdaJsRunner:
    """Thread-safe. A host hears what the code said after it has ended; its `fetch` is not asked: the requests are made
    where the code runs, under the same rules."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def describe(self, bundle: Bundle) -> Description:
        answer = self._ask(wire.SandboxCall("describe", bundle))
        if "code_error" in answer:
            raise wire.code_error_from_json(answer["code_error"])
        return wire.description_from_json(wire.unpack(self._part(answer, "description")))

    def missing_files(self, bundle: Bundle) -> tuple[MissingFile, ...]:
        answer = self._ask(wire.SandboxCall("missing_files", bundle))
        if "code_error" in answer:
            raise wire.code_error_from_json(answer["code_error"])
        return wire.missing_files_from_json(wire.unpack(self._part(answer, "missing_files")))

    def run(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run(wire.SandboxCall("run", bundle, event, "", invocation, limits), host)

    def run_step(self, bundle: Bundle, event: Json, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run(wire.SandboxCall("run_step", bundle, event, "", invocation, limits), host)

    def hook(self, bundle: Bundle, name: str, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run(wire.SandboxCall("hook", bundle, None, name, invocation, limits), host)

    def options(
        self, bundle: Bundle, prop: str, query: Json, invocation: Invocation, limits: Limits, host: Host
    ) -> RunReport:
        return self._run(wire.SandboxCall("options", bundle, query, prop, invocation, limits), host)

    def additional_props(self, bundle: Bundle, invocation: Invocation, limits: Limits, host: Host) -> RunReport:
        return self._run(wire.SandboxCall("additional_props", bundle, None, "", invocation, limits), host)

    def _run(self, call: wire.SandboxCall, host: Host) -> RunReport:
        # Bounded where the code runs, which fails the run by its own fault, and not the call by Lambda's.
        limits = replace(call.limits, output_bytes=min(call.limits.output_bytes, OUTPUT_BYTES))
        try:
            answer = self._ask(replace(call, limits=limits))
        except wire.PayloadTooLargeError as error:
            return RunReport(error=CodeFailure("OutputLimitExceeded", error.message, wire.failure_of(error)))
        if "killed" in answer:
            return RunReport(
                error=CodeFailure("SandboxCrashed", answer["killed"], f"SandboxCrashed: {answer['killed']}")
            )
        report, said = wire.report_from_json(wire.unpack(self._part(answer, "report")), limits.log_lines)
        for each in said:
            _tell(host, each)
        return report

    def _ask(self, call: wire.SandboxCall) -> dict[str, Any]:
        """Raises PayloadTooLargeError, UnavailableError."""
        raw, failed = self._invoke(msgspec.json.encode(wire.pack(wire.call_to_json(call))))
        answer = msgspec.json.decode(raw)
        if failed:
            return self._failed(answer if isinstance(answer, dict) else {})
        found: dict[str, Any] = answer
        return found

    @staticmethod
    def _failed(answer: dict[str, Any]) -> dict[str, Any]:
        """A function that was ended from outside was ended by what the code did; any other failure is ours."""
        type_, message = str(answer.get("errorType") or ""), str(answer.get("errorMessage") or "")
        # A timeout comes with a type of its own, or with this sentence alone.
        if type_ in _KILLED or "Task timed out" in message:
            return {"killed": "the sandbox was ended from outside: it ran out of memory or time"}
        raise UnavailableError(f"The sandbox failed: {type_ or 'no reason given'}.")

    @staticmethod
    def _part(answer: dict[str, Any], name: str) -> Any:
        if name not in answer:
            reason = answer.get("unavailable") or answer.get("refused") or answer.get("killed") or "no such answer"
            raise UnavailableError(f"The sandbox gave no {name}: {reason}")
        return answer[name]


def _tell(host: Host, said: Emit | LogLine | CodeResponse | tuple[str, Json]) -> None:
    match said:
        case Emit():
            host.on_emit(said)
        case LogLine():
            host.on_log(said)
        case CodeResponse():
            host.respond(said)
        case (key, value):
            host.on_db(key, value)


def invoking(client: Any, function_name: str) -> Invoke:
    """Invocations by a Lambda client of botocore's, which may not retry."""
    from botocore.exceptions import BotoCoreError, ClientError

    def invoke(payload: bytes) -> tuple[bytes, bool]:
        try:
            answer = client.invoke(FunctionName=function_name, InvocationType="RequestResponse", Payload=payload)
            return answer["Payload"].read(), "FunctionError" in answer
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("The sandbox could not be reached.") from error

    return invoke
