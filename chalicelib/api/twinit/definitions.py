"""Calls on workflow definitions, which are our workflows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.twinit import bounds, documents, query
from chalicelib.api.twinit.compile import compile_definition
from chalicelib.domain.errors import DefinitionError, WorkflowNotFoundError
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import TWINIT, Workflow, WorkflowStatus
from chalicelib.services.access import Scope, require
from chalicelib.services.workflows import Change

_SORT_KEYS: Mapping[str, Callable[[Workflow], Any]] = {
    "_id": lambda workflow: workflow.id,
    "_name": lambda workflow: workflow.name,
    "_description": lambda workflow: workflow.description,
    "_userType": documents.user_type,
    "_createdAt": lambda workflow: workflow.created_at,
    "_updatedAt": lambda workflow: workflow.updated_at,
    "_timeoutSeconds": lambda workflow: workflow.timeout_seconds,
}
_EVERY = 1_000_000_000  # namespaces are no filter of the store's, so that pages are cut here


class DefinitionCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_WORKFLOWS)
        namespace, asked, sort = query.namespace(call), query.paging(call), query.sort(call)
        name, user_type = query.text(call, "_name"), query.text(call, "_userType")
        workflows = self._services().workflows
        everything = workflows.page(call.principal, status=None, offset=0, limit=_EVERY, dialect=TWINIT)
        found = [
            workflow
            for workflow in everything.items
            if namespace in documents.namespaces(workflow)
            and query.contains(name, workflow.name)
            and user_type in (None, documents.user_type(workflow))
        ]
        page = asked.of(sort.apply(found, _SORT_KEYS))
        shown = (documents.shown(workflow, workflows.view(workflow).body.source) for workflow in page)
        return bounds.page(asked, len(found), shown)

    def get(self, call: Call) -> Reply:
        workflow = self.workflow(call, Scope.READ_WORKFLOWS)
        view = self._services().workflows.view(workflow)
        return Reply(200, documents.shown(view.workflow, view.body.source))

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        namespace, body = query.namespace(call), call.json_object()
        name = documents.name_of(body)
        if name is None:
            raise DefinitionError("'_name' is missing", field="_name")
        namespaces = documents.namespaces_of(body, call.principal) or [namespace]
        if namespace not in namespaces:
            raise DefinitionError(f"must hold the namespace of the call, '{namespace}'", field="_namespaces")
        workflows = self._services().workflows
        document = documents.new_document(body, namespaces, workflows.new_uuid)
        workflow = workflows.create(
            call.principal,
            name=name,
            description=documents.description_of(body) or "",
            source=document,
            compile_=compile_definition,
            dialect=TWINIT,
            workflow_id=workflows.new_uuid(),
            status=WorkflowStatus.ACTIVE,
            labels=documents.labels_of(document),
        )
        return Reply(201, documents.shown(workflow, document))

    def update(self, call: Call) -> Reply:
        workflow = self.workflow(call, Scope.WRITE_WORKFLOWS)
        body = call.json_object()
        namespaces = documents.namespaces_of(body, call.principal)
        workflows = self._services().workflows

        def rework(stored: Mapping[str, Json]) -> Mapping[str, Json]:
            return documents.changed_document(stored, body, namespaces, workflows.new_uuid)

        change = Change(
            name=documents.name_of(body),
            description=documents.description_of(body),
            rework=rework,
            labels=_changed_labels(body, namespaces),
            user_id=call.principal.user_id,
        )
        view = workflows.update(workflow, change, compile_definition)
        return Reply(200, documents.shown(view.workflow, view.body.source))

    def delete(self, call: Call) -> Reply:
        namespace = self._namespace(call, Scope.WRITE_WORKFLOWS)
        services, id_ = self._services(), call.params["workflow_def_id"]
        workflow = services.access.workflow_or_remains(call.principal, id_, Scope.WRITE_WORKFLOWS, TWINIT)
        services.workflows.delete(_inside(workflow, namespace))
        return Reply(200, {"message": "Workflow definition deleted successfully"})

    def workflow(self, call: Call, scope: Scope) -> Workflow:
        """The definition that the path names, if it is in the call's namespace. Raises WorkflowNotFoundError."""
        namespace = self._namespace(call, scope)
        return self.named(call, call.params["workflow_def_id"], scope, namespace)

    def named(self, call: Call, id_: str, scope: Scope, namespace: str) -> Workflow:
        return _inside(self._services().access.workflow(call.principal, id_, scope, TWINIT), namespace)

    @staticmethod
    def _namespace(call: Call, scope: Scope) -> str:
        require(call.principal, scope)
        return query.namespace(call)


def _inside(workflow: Workflow, namespace: str) -> Workflow:
    if namespace not in documents.namespaces(workflow):
        raise WorkflowNotFoundError(workflow_id=workflow.id)
    return workflow


def _changed_labels(body: Mapping[str, Json], namespaces: list[Json] | None) -> dict[str, Json]:
    labels = documents.labels_of(body)
    changed: dict[str, Json] = {} if namespaces is None else {"namespaces": namespaces}
    return changed | ({"user_type": labels["user_type"]} if "_userType" in body else {})
