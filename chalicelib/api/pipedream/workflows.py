"""Calls on workflows in this dialect's form: steps of code in a row, behind an HTTP address, a timer or a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import workflow_form as form
from chalicelib.api.pipedream.paging import one
from chalicelib.api.pipedream.params import Params
from chalicelib.api.pipedream.workflow_compile import compile_workflow
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import DEFAULT_CHANNEL
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import PIPEDREAM, Workflow, WorkflowStatus
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.domain.javascript import Description

_KEPT = ("project_id", "template_id", "org_id", "workspace_id")


class WorkflowCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        params, services = Params(call), self._services()
        id_ = form.workflow_id(services.workflows.new_uuid())
        name, is_active = _settings(params)
        params.check_workspace()
        document: dict[str, Json] = {name: params.text(name) for name in _KEPT if params.has(name)}
        document |= {
            "steps": form.read_steps(params, id_, self._described),
            "triggers": form.read_triggers(params, id_),
        }
        if not document["steps"]:
            raise InvalidError("steps is required: a list of objects with code", field="steps")
        graph = compile_workflow(document)
        listened = [str(each["id"]) for each in self._triggers(document, "source")]
        # Whether they are there, and may be subscribed to, is found out before anything is stored.
        if listened:
            require(call.principal, Scope.WRITE_EVENTS)
        for source in listened:
            services.sources.get(call.principal, source)
        # Before the workflow: an address without one starts nothing, a workflow without its address is useless.
        for trigger in self._triggers(document, "http"):
            services.hooks.open_to_all(call.principal.workspace_id, id_, str(trigger["key"]), name)
        workflow = services.workflows.create(
            call.principal,
            name,
            "",
            document,
            lambda _: graph,
            dialect=PIPEDREAM,
            workflow_id=id_,
            status=WorkflowStatus.ACTIVE if is_active else WorkflowStatus.INACTIVE,
        )
        # After it: a subscription is made between things that there are.
        for source in listened:
            services.subscriptions.create(call.principal, source, DEFAULT_CHANNEL, id_)
        return one(params, form.created(workflow, document, self._base_url(call)))

    def get(self, call: Call) -> Reply:
        view = self._services().workflows.get(call.principal, call.params["workflow_id"], PIPEDREAM)
        params = Params(call)
        params.check_workspace()
        shown = form.parts(view.body.source, self._base_url(call))
        return Reply(200, {name: value for name, value in shown.items() if params.wants(name)})

    def update(self, call: Call) -> Reply:
        workflow = self._workflow(call)
        params = Params(call)
        is_active = params.boolean("active")
        if is_active is None:
            raise InvalidError("active is required", field="active")
        params.check_workspace()
        wanted = WorkflowStatus.ACTIVE if is_active else WorkflowStatus.INACTIVE
        view = self._services().workflows.set_status(workflow, wanted)
        return one(params, form.updated(view.workflow, view.body.source))

    def delete(self, call: Call) -> Reply:
        services, id_ = self._services(), call.params["workflow_id"]
        workflow = services.access.workflow_or_remains(call.principal, id_, Scope.WRITE_WORKFLOWS, PIPEDREAM)
        Params(call).check_workspace()
        services.workflows.delete(workflow)
        return Reply(204)

    def _workflow(self, call: Call) -> Workflow:
        access, id_ = self._services().access, call.params["workflow_id"]
        return access.workflow(call.principal, id_, Scope.WRITE_WORKFLOWS, PIPEDREAM)

    def _described(self, code: str) -> Description:
        return self._services().components.describe(code)[1]

    def _base_url(self, call: Call) -> str:
        return self._services().public_base_url or call.base_url

    @staticmethod
    def _triggers(document: dict[str, Json], type_: str) -> list[dict[str, Json]]:
        triggers = document["triggers"]
        found = [each for each in triggers if isinstance(each, dict)] if isinstance(triggers, list) else []
        return [each for each in found if each["type"] == type_]


def _settings(params: Params) -> tuple[str, bool]:
    """Name, and whether it is to run; a workflow that nobody holds back runs."""
    settings = params.value("settings")
    if settings is not None and not isinstance(settings, dict):
        raise InvalidError("settings must be an object", field="settings")
    name, deploys = (settings or {}).get("name"), (settings or {}).get("auto_deploy")
    if name is not None and not (isinstance(name, str) and 0 < len(name.strip()) <= form.LONGEST_NAME):
        raise InvalidError(
            f"settings.name must be a text of 1 to {form.LONGEST_NAME} characters", field="settings.name"
        )
    if deploys is not None and not isinstance(deploys, bool):
        raise InvalidError("settings.auto_deploy must be true or false", field="settings.auto_deploy")
    return str(name or "Untitled Workflow"), deploys is not False
