"""Flows that start after others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.errors import WorkflowNotFoundError
from chalicelib.domain.flows.flows import object_id_of
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, Start
from chalicelib.domain.workflow import CELIGO, WorkflowStatus
from chalicelib.services.ports import WorkflowStore
from chalicelib.services.runs.runs import Runs

TRIGGER = "flow"


@dataclass(frozen=True, slots=True)
class FollowingFlows:
    workflows: WorkflowStore
    runs: Runs

    def start(self, run: Run, flow_id: str, depth: int, exports: Sequence[str] | None = None) -> bool:
        """Starts a flow after this run, once however often it is called, with all of its exports or with these alone;
        False if it is gone or disabled. `depth` is how many have started each other so far."""
        try:
            workflow = self.workflows.get(run.workspace_id, flow_id)
        except WorkflowNotFoundError:
            return False
        if workflow.dialect != CELIGO or workflow.status is not WorkflowStatus.ACTIVE:
            return False
        # It follows from the run before: whoever starts it again finds the run that there is.
        id_ = object_id_of(f"{run.id}/next/{flow_id}", run.created_at)
        start = Start(user_id=run.created_by, run_id=id_)
        input_: dict[str, Json] = {"depth": depth}
        if exports is not None:
            input_["exports"] = list[Json](exports)
        self.runs.start(workflow, input_, TRIGGER, start=start)
        return True
