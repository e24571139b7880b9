"""Code in steps of workflows: given with the step, or saved before as a script."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from chalicelib.domain.components import APP
from chalicelib.domain.javascript import (
    Bundle,
    CodeFailure,
    Emit,
    Invocation,
    Limits,
    LogLine,
    RunReport,
)
from chalicelib.domain.json import Json
from chalicelib.services.ports import HttpSender
from chalicelib.services.sources.components import Components
from chalicelib.services.sources.host import SPARE_SECONDS, CollectingHost
from chalicelib.services.sources.runs import Credentials
from chalicelib.services.sources.sandbox import JsRunner

_KEPT = 256  # compiled texts; a workflow's steps are compiled once in a while, not with every run
_LOGS_KEPT = 100
_ACCOUNT = "authProvisionId"


@dataclass(frozen=True, slots=True)
class StepCode:
    """Code that is ready to run. A function is called with the earlier outputs as they are, a component with them as
    the components API has them."""

    bundle: Bundle
    is_function: bool
    apps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StepCall:
    """What a step gives its code: input, outputs of earlier steps by their ids, facts of the run, values of props."""

    workspace_id: str
    input: Json
    outputs: Mapping[str, Json]
    run: Mapping[str, Json]
    props: Mapping[str, Json]
    seconds: float


@dataclass(frozen=True, slots=True)
class StepRan:
    output: Json
    emits: tuple[Emit, ...]
    logs: tuple[LogLine, ...]
    failure: CodeFailure | None
    exited: str | None


class CodeSteps:
    """Shared by the threads of a function."""

    def __init__(
        self, components: Components, js: Callable[[], JsRunner], http: HttpSender, credentials: Credentials
    ) -> None:
        self._components = components
        self._js = js
        self._http = http
        self._credentials = credentials
        self._compiled: OrderedDict[str, StepCode] = OrderedDict()
        self._lock = Lock()

    def of_text(self, code: str) -> StepCode:
        """Compiled at most once in a while. Raises CodeError, UnavailableError."""
        name = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            if name in self._compiled:
                self._compiled.move_to_end(name)
                return self._compiled[name]
        # Outside the lock, as it takes a sandbox: two threads may compile the same text, and keep equal results.
        found = self._components.describe(code)[1]
        apps = (str(prop["name"]) for prop in found.configurable_props if prop.get("type") == APP)
        ready = StepCode(found.compiled, found.kind == "function", frozenset(apps))
        with self._lock:
            self._compiled[name] = ready
            while len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        return ready

    def script(self, workspace_id: str, name: str) -> StepCode:
        """Raises ComponentNotFoundError."""
        component, bundle = self._components.script(workspace_id, name)
        apps = (str(prop["name"]) for prop in component.props_of(APP))
        return StepCode(bundle, component.kind == "function", frozenset(apps))

    def run(self, code: StepCode, call: StepCall) -> StepRan:
        """Raises AccountNotFoundError, UnavailableError."""
        host = CollectingHost(self._http, {})
        limits = Limits(wall_seconds=max(call.seconds - SPARE_SECONDS, 1.0), log_lines=_LOGS_KEPT)
        report = self._js().run_step(code.bundle, call.input, self._invocation(code, call), limits, host)
        output = _output(report)
        return StepRan(output, tuple(host.emits), tuple(host.logs), report.error, report.exited)

    def _invocation(self, code: StepCode, call: StepCall) -> Invocation:
        accounts: dict[str, Mapping[str, Json]] = {}
        for name in code.apps & call.props.keys():
            value = call.props[name]
            if isinstance(value, Mapping) and isinstance(value.get(_ACCOUNT), str):
                accounts[name] = self._credentials(call.workspace_id, str(value[_ACCOUNT]))
        return Invocation(
            # Ids of accounts stay with us: the code is given what they hold instead.
            props={name: value for name, value in call.props.items() if name not in code.apps},
            accounts=accounts,
            steps=call.outputs if code.is_function else _as_steps(call.outputs, call.input),
            run=call.run,
        )


def _output(report: RunReport) -> Json:
    """What was returned; beside it, what was exported by name."""
    if not report.exports:
        return report.returned
    return {**report.exports, "$return_value": report.returned}


def _as_steps(outputs: Mapping[str, Json], input: Json) -> dict[str, Json]:  # noqa: A002 - the run's word
    steps: dict[str, Json] = {"trigger": {"event": input}}
    for name, output in outputs.items():
        # An output without exports is kept bare; the components API has even that under a name.
        has_exports = isinstance(output, Mapping) and "$return_value" in output
        steps[name] = output if has_exports else {"$return_value": output}
    return steps
