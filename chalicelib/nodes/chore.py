"""`chore`: the step of a chore, which stands in its own graph only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.run import StepError
from chalicelib.domain.workflow import CHORE_ID
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.runs.chores import Chores


def handlers(chores: Callable[[], Chores]) -> Mapping[str, Handler]:
    """By node type. `chores` is asked for when a step runs: chores are runs, and so need the registry."""

    def chore(context: StepContext) -> Result:
        if context.task.run.workflow_id != CHORE_ID:
            raise StepFailure(StepError("unknown_node_type", "this node type is not for workflows"))
        try:
            return Result({"more": chores().do(context.task.run)})
        except PenstockError as error:
            raise StepFailure(StepError("chore", error.message, error.retryable)) from error

    return {"chore": chore}
