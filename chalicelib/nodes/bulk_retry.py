"""`bulk_retry_list` and `bulk_retry_chunk`: the steps of a bulk retry, which stand in its own graph only.

What they may touch follows from the run they belong to, never from a configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.domain.workflow import BULK_RETRY_ID
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.runs.bulk import CHUNK_SIZE, BulkRetries, OutOfTimeError

T = TypeVar("T")

# For the retry that is under way when the time is up.
_SPARE_SECONDS = 2.0


def handlers(bulk: Callable[[], BulkRetries]) -> Mapping[str, Handler]:
    """By node type. `bulk` is asked for when a step runs: the service starts runs, and so needs the registry."""

    def list_failed(context: StepContext) -> Result:
        _check_place(context)
        ids = _persistently(lambda: bulk().failed_runs(context.task.run))
        chunks: list[Json] = [list[Json](ids[at : at + CHUNK_SIZE]) for at in range(0, len(ids), CHUNK_SIZE)]
        return Result({"total": len(ids), "chunks": chunks})

    def retry_chunk(context: StepContext) -> Result:
        _check_place(context)
        run_ids = context.task.config()["run_ids"]
        if not isinstance(run_ids, list):
            raise StepFailure(StepError("invalid_config", "'run_ids' must be a list"))
        stop_at = context.now() + timedelta(seconds=context.seconds_left - _SPARE_SECONDS)
        tally = _persistently(lambda: bulk().retry_runs(context.task.run, map(str, run_ids), stop_at))
        context.log("info", f"{tally.retried} retried, {tally.skipped} skipped")
        return Result({"retried": tally.retried, "skipped": tally.skipped})

    return {"bulk_retry_list": list_failed, "bulk_retry_chunk": retry_chunk}


def _check_place(context: StepContext) -> None:
    if context.task.run.workflow_id != BULK_RETRY_ID:
        raise StepFailure(StepError("unknown_node_type", "this node type is not for workflows"))


def _persistently(action: Callable[[], T]) -> T:
    try:
        return action()
    except OutOfTimeError as error:
        raise StepFailure(StepError("out_of_time", "the chunk goes on in another attempt", retryable=True)) from error
    except PenstockError as error:
        raise StepFailure(StepError("bulk_retry", error.message, error.retryable)) from error
