"""Flows that rest: nothing starts one by itself while a connection that it goes over is offline."""

from __future__ import annotations

from chalicelib.domain.flows.flows import ResourceKind, is_object_id
from chalicelib.domain.workflow import CELIGO, Workflow
from chalicelib.services.flows.ports import ResourceStore

_STEPS = (ResourceKind.EXPORT, ResourceKind.IMPORT)


class FlowRest:
    def __init__(self, resources: ResourceStore) -> None:
        self._resources = resources

    def is_resting(self, workflow: Workflow) -> bool:
        """Workflows of other dialects never are."""
        if workflow.dialect != CELIGO:
            return False
        refs = workflow.labels.get("refs")
        ids = [each for each in refs if isinstance(each, str) and is_object_id(each)] if isinstance(refs, list) else []
        connections = {
            resource.connection_id
            for kind in _STEPS
            for resource in self._resources.get_all(workflow.workspace_id, kind, ids).values()
            if resource.connection_id is not None
        }
        if not connections:
            return False
        found = self._resources.get_all(workflow.workspace_id, ResourceKind.CONNECTION, connections)
        return any(connection.document.get("offline") is True for connection in found.values())
