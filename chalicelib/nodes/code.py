"""`code` and `script_execution`: JavaScript in the sandbox, given with the step or saved before as a script.

What the code emits goes out when its attempt has succeeded, under ids that follow from the step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from chalicelib.domain.dedupe import time_of
from chalicelib.domain.errors import ComponentNotFoundError, InvalidError, PenstockError
from chalicelib.domain.events import Emission, Emitter, EmitterKind, check_emitted_channel, emit_id
from chalicelib.domain.javascript import CodeError, Emit
from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.domain.tasks import Task
from chalicelib.nodes.params import invalid, params_of, text
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.events.events import Events
from chalicelib.services.sources.code_steps import CodeSteps, StepCall, StepCode, StepRan

_LONGEST_MESSAGE = 2_000
_OWN_PARAMS = frozenset({"_userType", "_scriptName"})
_NO_USE = frozenset({"SyntaxError", "CpuLimitExceeded", "MemoryLimitExceeded", "OutputLimitExceeded"})
"""Failures that another attempt would only repeat."""


def script_name(user_type: str, name: str) -> str:
    """How a script is filed."""
    return f"{user_type}/{name}"


class CodeNodes:
    """`steps` and `events` are asked for when a step runs."""

    def __init__(self, steps: Callable[[], CodeSteps], events: Callable[[], Events]) -> None:
        self._steps = steps
        self._events = events

    def handlers(self) -> Mapping[str, Handler]:
        """By node type; `script` is that of `script_execution`."""
        return {"code": self.code}

    def code(self, context: StepContext) -> Result:
        config = context.task.config()
        props = config.get("props") or {}
        if not isinstance(props, Mapping):
            raise invalid("'props' must be an object")
        return self._run(
            context,
            lambda: self._steps().of_text(text(config, "code")),
            config.get("input", context.task.incoming),
            props,
        )

    def script(self, context: StepContext) -> Result:
        params = params_of(context)
        name = script_name(text(params, "_userType"), text(params, "_scriptName"))
        given: Json = {key: value for key, value in params.items() if key not in _OWN_PARAMS}
        workspace_id = context.task.run.workspace_id
        return self._run(context, lambda: self._steps().script(workspace_id, name), given, {})

    def _run(
        self, context: StepContext, ready: Callable[[], StepCode], given: Json, props: Mapping[str, Json]
    ) -> Result:
        task = context.task
        call = StepCall(task.run.workspace_id, given, _outputs(task), _facts(task), props, context.seconds_left)
        try:
            ran = self._steps().run(ready(), call)
        except CodeError as error:
            raise StepFailure(StepError(str(error.facts.get("name") or "code"), error.message), given) from error
        except ComponentNotFoundError as error:
            raise StepFailure(StepError("script_not_found", "there is no script of this name"), given) from error
        except PenstockError as error:
            raise StepFailure(StepError("code", error.message, error.retryable), given) from error
        return self._ended(context, ran, given)

    def _ended(self, context: StepContext, ran: StepRan, given: Json) -> Result:
        for line in ran.logs:
            context.log("warning" if line.level == "warn" else line.level, line.text)
        if ran.failure is not None:
            name, message = ran.failure.name[:200], ran.failure.message[:_LONGEST_MESSAGE]
            error = StepError(name, message, retryable=name not in _NO_USE)
            raise StepFailure(error, given)
        self._emit(context, ran.emits)
        result = Result(ran.output, input=given)
        if ran.exited is None:
            return result
        # Who asks for the end takes no way on.
        return replace(result, output={"exited": ran.exited}, ports=())

    def _emit(self, context: StepContext, emits: tuple[Emit, ...]) -> None:
        task = context.task
        may_repeat = task.attempt > 1 or task.run.fence > 1 or task.generation > 0 or task.run.lineage is not None
        for index, emit in enumerate(emits):
            try:
                self._events().emit(_emission(task, emit, index), may_repeat=may_repeat)
            except InvalidError as error:
                context.log("warning", f"an event was not emitted: {error.message}")
            except PenstockError as error:
                raise StepFailure(StepError("unavailable", error.message, retryable=True)) from error


def _emission(task: Task, emit: Emit, index: int) -> Emission:
    """Raises InvalidError for a channel that cannot be emitted on."""
    run, meta = task.run, emit.meta
    summary = meta.get("summary")
    return Emission(
        Emitter(run.workspace_id, EmitterKind.WORKFLOW, run.workflow_id),
        check_emitted_channel(str(meta.get("name") or "")),
        emit.event,
        # Logical time, which an attempt that is repeated has too; by the clock it would be another event.
        emit_id(task.at, f"{task.idempotency_key}/{index}"),
        summary=None if summary is None else str(summary)[:1_000],
        key=meta.get("id"),
        ts=time_of(emit),
        cause=run.cause,
    )


def _outputs(task: Task) -> dict[str, Json]:
    """Of every step that has ended before, in this scope and those around it."""
    found: dict[str, Json] = {}
    scope = task.scope
    while True:
        # What is further in wins.
        found = {**scope.outputs, **found}
        if scope.parent is None:
            return found
        scope = scope.parent


def _facts(task: Task) -> dict[str, Json]:
    facts = task.lookup("$run")
    return {
        **(facts if isinstance(facts, dict) else {}),
        "workflow": task.lookup("$workflow"),
        "step": task.step.node.id,
        "attempt": task.attempt,
        "idempotency_key": task.idempotency_key,
    }
