"""Graphs of our own, which the product runs for whoever needs them.

So their work survives whatever a run survives, can be watched, paused and cancelled like one, and its progress is what
is recorded of its steps. Such a graph is stored once per workspace as the body of a workflow that nobody sees: it is
marked as being deleted from the start, so that no list shows it and nothing else can start it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.errors import AlreadyExistsError
from chalicelib.domain.graph import Graph
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.ports import WorkflowStore


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """`id` is one of `domain.workflow.INTERNAL_IDS`."""

    id: str
    name: str
    graph: Graph

    @property
    def body_ref(self) -> str:
        """Named for its content, so that runs of before an update of the graph go on with theirs."""
        # The repr is the same in every process, because graphs hold no sets.
        return f"body_{hashlib.sha256(repr(self.graph).encode()).hexdigest()[:24]}"

    def in_workspace(self, workflows: WorkflowStore, workspace_id: str, now: datetime) -> Workflow:
        """The workflow that runs are started of, whose body is stored by then."""
        workflow = Workflow(
            id=self.id,
            workspace_id=workspace_id,
            name=self.name,
            description="",
            status=WorkflowStatus.DELETING,
            version=1,
            body_ref=self.body_ref,
            created_at=now,
            updated_at=now,
        )
        try:
            workflows.create(workflow, WorkflowBody(self.body_ref, self.id, 1, {}, self.graph))
        except AlreadyExistsError:
            pass  # the body is stored first, and is there now
        return workflow
