"""`source`: the one step of a source's run, which stands in the graph of sources only.

The run's input is `{"event": …}` for the code, or `{"settle": version}` where a hook has filled an outbox.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.javascript import CodeResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, StepError
from chalicelib.domain.sources import CODE_FAILURE, NODE_TYPE, RUN_SECONDS
from chalicelib.domain.workflow import is_source
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.sources.runs import Ran, SourceRuns, Trigger, context_id

SETTLING_SECONDS = 60
"""Longer than any call takes from announcing a state to storing it."""

ANSWER_SECONDS = 18.0
"""How long code may take for whose answer somebody waits: less than a worker has who is given half a minute."""

_LONGEST_MESSAGE = 2_000
_SOURCE_TYPES = {"schedule": "TIMER", "webhook": "HTTP", "http": "HTTP", "event": "COMPONENT"}


def handlers(sources: Callable[[], SourceRuns]) -> Mapping[str, Handler]:
    """By node type. `sources` is asked for when a step runs."""

    def source(context: StepContext) -> Result:
        run = context.task.run
        if not is_source(run.workflow_id):
            raise StepFailure(StepError("unknown_node_type", "this node type is not for workflows"))
        given = run.input if isinstance(run.input, dict) else {}
        try:
            if "settle" in given:
                return _settle(sources(), context, given["settle"])
            return _ended(_performed(sources(), context, given))
        except PenstockError as error:
            raise StepFailure(StepError("source", error.message, error.retryable)) from error

    return {NODE_TYPE: source}


def _performed(sources: SourceRuns, context: StepContext, given: Mapping[str, Json]) -> Ran:
    task, run = context.task, context.task.run
    # Another attempt is the same invocation; one that somebody asked for again is a new one.
    key = f"{run.id}@{task.generation}"
    trigger = Trigger(given.get("event"), source_type(run), context_id(run.created_at, key), run.cause)
    most = ANSWER_SECONDS if given.get("answered") is True else RUN_SECONDS - 3
    return sources.perform(run.workspace_id, run.workflow_id, key, trigger, context.seconds_left, most)


def source_type(run: Run) -> str:
    """What started the run, in the words of the events API."""
    return _SOURCE_TYPES.get(run.trigger, run.trigger.upper())


def _settle(sources: SourceRuns, context: StepContext, version: Json) -> Result:
    run = context.task.run
    is_settled = sources.settle_version(run.workspace_id, run.workflow_id, version if isinstance(version, int) else 0)
    if not is_settled and context.now() < run.created_at + timedelta(seconds=SETTLING_SECONDS):
        raise StepFailure(StepError("source", "what is to be sent is not stored yet", retryable=True))
    if not is_settled:
        sources.give_up(run.workspace_id, run.workflow_id)
    return Result({"settled": is_settled})


def _ended(ran: Ran) -> Result:
    if ran.skipped is not None:
        return Result({"skipped": ran.skipped})
    if ran.failure is not None and ran.response is None:
        raise StepFailure(StepError(CODE_FAILURE, f"{ran.failure.name}: {ran.failure.message}"[:_LONGEST_MESSAGE]))
    output: dict[str, Json] = {"emitted": ran.emitted}
    if ran.failure is not None:
        output["error"] = {"code": ran.failure.name, "msg": ran.failure.message[:_LONGEST_MESSAGE]}
    if ran.response is not None:
        output["response"] = response_to_json(ran.response)
    return Result(output)


def response_to_json(response: CodeResponse) -> Json:
    return {
        "status": response.status,
        "headers": dict(response.headers),
        "body": base64.b64encode(response.body).decode(),
    }
