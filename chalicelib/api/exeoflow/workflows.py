"""Calls on workflows: those of this dialect. Its executions show runs of every dialect."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import choice, member, name_member, required, text_member
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.compile import compile_definition
from chalicelib.api.exeoflow.envelope import paging, success
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import CELIGO, EXEOFLOW, PIPEDREAM, TWINIT, Workflow, WorkflowStatus
from chalicelib.services.access import Scope, require
from chalicelib.services.workflows import Change

MAX_DESCRIPTION_LENGTH = 10_000
_DEFINITION_MEMBERS = ("nodes", "connections", "timeout_seconds", "concurrency", "mirror_to_pin")
DIALECTS = {**{dialect: dialect for dialect in (EXEOFLOW, TWINIT, PIPEDREAM, CELIGO)}, "all": None}
"""Of which dialects a list shows workflows; this one's, unless it is asked for others."""
STATUSES = {"active": WorkflowStatus.ACTIVE, "inactive": WorkflowStatus.INACTIVE}


class WorkflowCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_WORKFLOWS)
        asked = paging(call)
        status, dialect = call.param("status"), call.param("dialect")
        page = self._services().workflows.page(
            call.principal,
            status=None if status is None else choice(status, "status", STATUSES),
            offset=asked.offset,
            limit=asked.limit,
            dialect=EXEOFLOW if dialect is None else choice(dialect, "dialect", DIALECTS),
        )
        show = wire.workflow_item if dialect is None else wire.workflow_item_of_any
        return success(
            {
                "workflows": [show(workflow) for workflow in page.items],
                "pagination": wire.pagination(asked.page, asked.limit, page.total),
            }
        )

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        body = call.json_object()
        workflow = self._services().workflows.create(
            call.principal,
            name=required(name_member(body, "name"), "name"),
            description=text_member(body, "description", MAX_DESCRIPTION_LENGTH) or "",
            source={"nodes": [], "connections": [], **_definition_members(body)},
            compile_=compile_definition,
        )
        return success(wire.workflow_created(workflow), status=201)

    def get(self, call: Call) -> Reply:
        view = self._services().workflows.get(call.principal, call.params["workflow_id"], EXEOFLOW)
        return success(wire.workflow_full(view))

    def update(self, call: Call) -> Reply:
        workflow = self._writable(call)
        body = call.json_object()
        change = Change(
            name=name_member(body, "name"),
            description=text_member(body, "description", MAX_DESCRIPTION_LENGTH),
            members=_definition_members(body),
            user_id=call.principal.user_id,
        )
        return success(wire.workflow_full(self._services().workflows.update(workflow, change, compile_definition)))

    def delete(self, call: Call) -> Reply:
        services, workflow_id = self._services(), call.params["workflow_id"]
        services.workflows.delete(
            services.access.workflow_or_remains(call.principal, workflow_id, Scope.WRITE_WORKFLOWS, EXEOFLOW)
        )
        return success({"message": "Workflow erfolgreich gelöscht"})

    def set_status(self, call: Call) -> Reply:
        workflow = self._writable(call)
        wanted = required(member(call.json_object(), "status", str), "status")
        view = self._services().workflows.set_status(workflow, choice(wanted, "status", STATUSES))
        return success(wire.workflow_full(view))

    def _writable(self, call: Call) -> Workflow:
        access, workflow_id = self._services().access, call.params["workflow_id"]
        return access.workflow(call.principal, workflow_id, Scope.WRITE_WORKFLOWS, EXEOFLOW)


def _definition_members(body: dict[str, Json]) -> dict[str, Json]:
    """The members of a body that make the definition; what they hold, the compiler judges."""
    for name in ("nodes", "connections"):
        member(body, name, list)
    members: dict[str, Json] = {name: body[name] for name in _DEFINITION_MEMBERS if name in body}
    # Emptied nodes leave nothing to connect; a client that sends only them means the connections too.
    return {"connections": [], **members} if members.get("nodes") == [] else members
