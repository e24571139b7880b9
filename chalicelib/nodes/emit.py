"""`emit`: an event on a channel of the workflow that says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.domain.events import Emission, Emitter, EmitterKind, check_emitted_channel, emit_id
from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.domain.tasks import Task
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.events.events import Events
from chalicelib.services.ports import Clock

_TRIES = 4
_LONGEST_SUMMARY = 1_000


def handlers(events: Callable[[], Events], clock: Clock) -> Mapping[str, Handler]:
    """By node type. `events` is asked for when a step runs."""

    def emit(context: StepContext) -> Result:
        emission = _emission(context.task)
        may_repeat = _may_have_happened(context.task)
        for number in range(1, _TRIES + 1):
            try:
                # After a try without an answer the event may be there: the write may have arrived.
                event = events().emit(emission, may_repeat=may_repeat or number > 1)
                return Result(str(event.id), input=_shown(emission))
            except UnavailableError as error:
                if number == _TRIES:
                    raise StepFailure(StepError("unavailable", error.message, retryable=True)) from error
                clock.sleep(0.05 * 2**number)
            except InvalidError as error:
                raise StepFailure(StepError("invalid_event", error.message), _shown(emission)) from error
        raise AssertionError("unreachable")

    return {"emit": emit}


def _emission(task: Task) -> Emission:
    config, run = task.config(), task.run
    summary = config.get("summary")
    return Emission(
        Emitter(run.workspace_id, EmitterKind.WORKFLOW, run.workflow_id),
        _channel(config.get("channel")),
        config["event"],
        # Logical time, which an attempt that is repeated has too; by the clock it would be another event.
        emit_id(task.at, task.idempotency_key),
        summary=None if summary is None else str(summary)[:_LONGEST_SUMMARY],
        key=config.get("id"),
        cause=run.cause,
    )


def _channel(given: Json) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise _invalid("'channel' must be a text")
    try:
        return check_emitted_channel(given)
    except InvalidError as error:
        raise _invalid(error.message) from error


def _may_have_happened(task: Task) -> bool:
    """Whether another attempt, worker or run may have emitted this very event before."""
    run = task.run
    return task.attempt > 1 or run.fence > 1 or task.generation > 0 or run.lineage is not None


def _shown(emission: Emission) -> Json:
    return {"channel": emission.channel, "event": emission.payload}


def _invalid(message: str) -> StepFailure:
    return StepFailure(StepError("invalid_config", message))
