"""Calls on flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chalicelib.api.celigo import job_wire, listing, patching, wire
from chalicelib.api.celigo.bodies import moment, optional_object
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import idempotency_key
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.times import iso_ms
from chalicelib.domain.workflow import Workflow
from chalicelib.services.access import Scope, require

_KEPT_BY_CLONES = ("_flowGroupingId", "envId", "sandbox")
_MOST_GROUPED = 1_000


class FlowCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        return self.list_of(call, listing.id_of(call, "_integrationId"))

    def list_of(self, call: Call, integration_id: str | None) -> Reply:
        """Flows of one integration, or all."""
        services = self._services()
        require(call.principal, Scope.READ_WORKFLOWS)
        project = listing.projection(call)
        disabled = listing.flag_of(call, "disabled")
        found = services.flows.list(call.principal, integration_id=integration_id, disabled=disabled)
        page = listing.page_of(found, lambda workflow: workflow.id, call)
        views = services.flows.views(call.principal, page.items)
        shown = ((view.workflow, project(wire.flow(view))) for view in views)
        return listing.reply(call, page, lambda workflow: workflow.id, shown, self._base_url(call))

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        view = self._services().flows.create(call.principal, call.json_object())
        return Reply(201, wire.flow(view))

    def get(self, call: Call) -> Reply:
        view = self._services().flows.get(call.principal, call.params["flow_id"])
        return Reply(200, wire.flow(view))

    def replace(self, call: Call) -> Reply:
        workflow = self._workflow(call)
        view = self._services().flows.replace(call.principal, workflow, call.json_object())
        return Reply(200, wire.flow(view))

    def patch(self, call: Call) -> Reply:
        workflow = self._workflow(call)
        changes = patching.operations(call.json(), patching.FLOW_PATHS)
        self._services().flows.rework(call.principal, workflow, lambda document: patching.patched(document, changes))
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        self._services().flows.delete(call.principal, call.params["flow_id"])
        return Reply(204)

    def clone(self, call: Call) -> Reply:
        services = self._services()
        view = services.flows.get(call.principal, call.params["flow_id"], Scope.WRITE_WORKFLOWS)
        body = optional_object(call)
        # Read before anything is made: a flag that is refused must not leave copies behind.
        wants_manifest = listing.flag_of(call, "manifest")
        name, connections = clone_members(body)
        copy, made = services.flows.clone(
            call.principal,
            view,
            name=name,
            integration_id=body.get("_integrationId"),
            connections=connections,
            others={each: body[each] for each in _KEPT_BY_CLONES if body.get(each) is not None},
        )
        if wants_manifest:
            return Reply(201, [wire.manifest(each) for each in made])
        return Reply(201, wire.flow(copy))

    def run(self, call: Call) -> Reply:
        services = self._services()
        workflow = services.flows.workflow(call.principal, call.params["flow_id"], Scope.WRITE_RUNS)
        key = idempotency_key(call)
        body = optional_object(call)
        since, until, exports = _run_members(body)
        started = services.flows.run(
            call.principal, workflow, since=since, until=until, export_ids=exports, idempotency_key=key
        )
        return Reply(201, wire.started(started))

    def test_run(self, call: Call) -> Reply:
        """A run of a disabled flow that brings a few records and moves nothing; answered before it has begun."""
        services = self._services()
        workflow = services.flows.workflow(call.principal, call.params["flow_id"], Scope.WRITE_RUNS)
        started = services.flows.test_run(call.principal, workflow, optional_object(call).get("_exportId"))
        job = services.flow_jobs.get(call.principal, started.job_id)
        shown: dict[str, Json] = {"metadata": {"_flowId": workflow.id, "_exportId": started.export_id}}
        children = [job_wire.job(child) for child in job.children]
        return Reply(200, {**shown, "flowJob": job_wire.job(job), "childJobs": list[Json](children)})

    def replace_connection(self, call: Call) -> Reply:
        services = self._services()
        view = services.flows.get(call.principal, call.params["flow_id"], Scope.WRITE_WORKFLOWS)
        body = call.json_object()
        replaced = services.flows.replace_connection(
            call.principal, view, body.get("_connectionId"), body.get("_newConnectionId")
        )
        return Reply(200, wire.flow(replaced))

    def dependencies(self, call: Call) -> Reply:
        services = self._services()
        view = services.flows.get(call.principal, call.params["flow_id"])
        return Reply(200, wire.dependencies(services.flows.dependencies(view)))

    def descendants(self, call: Call) -> Reply:
        services = self._services()
        steps = services.flows.steps(services.flows.get(call.principal, call.params["flow_id"]))
        return Reply(
            200,
            {f"{kind.value}s": [wire.resource(each) for each in found] for kind, found in steps.items()},
        )

    def last_export(self, call: Call) -> Reply:
        services = self._services()
        workflow = services.flows.workflow(call.principal, call.params["flow_id"], Scope.READ_WORKFLOWS)
        at = services.flows.last_export(workflow)
        return Reply(200, {"lastExportDateTime": None if at is None else iso_ms(at)})

    def group(self, call: Call) -> Reply:
        services = self._services()
        require(call.principal, Scope.WRITE_WORKFLOWS)
        ids, group_id = _group_members(call.json_object())
        known = {workflow.id: workflow for workflow in services.flows.list(call.principal)}
        problems = Problems()
        for index, id_ in enumerate(ids):
            if id_ not in known:
                problems.unknown(f"_flowIds[{index}]")
        _refuse(problems)
        services.flows.group(call.principal, [known[id_] for id_ in ids], group_id)
        return Reply(204)

    def _workflow(self, call: Call) -> Workflow:
        return self._services().flows.workflow(call.principal, call.params["flow_id"], Scope.WRITE_WORKFLOWS)

    def _base_url(self, call: Call) -> str:
        return self._services().public_base_url or call.base_url


def clone_members(body: Mapping[str, Json]) -> tuple[str | None, Mapping[str, Json] | None]:
    """Name and `connectionMap`. Raises FieldsRefusedError, InvalidError."""
    name, connections = body.get("name"), body.get("connectionMap")
    if connections is not None and not isinstance(connections, dict):
        raise InvalidError(
            "connectionMap has to be an object of connection ids",
            field="connectionMap",
            code="invalid_connectionMap",
        )
    problems = Problems()
    problems.expect("name", name, str, "a string")
    _refuse(problems)
    return (name if isinstance(name, str) and name else None), connections


def _run_members(body: Mapping[str, Json]) -> tuple[str | None, str | None, Sequence[str] | None]:
    """The bounds of the window, and the exports that are to run. Raises FieldsRefusedError."""
    problems = Problems()
    export = body.get("export")
    problems.expect("export", export, dict, "an object")
    given: dict[str, Json] = export if isinstance(export, dict) else {}
    bounds = {}
    for name in ("startDate", "endDate"):
        bounds[name] = moment(given, name, "export", problems) or moment(body, name, "", problems)
    since, until = bounds["startDate"], bounds["endDate"]
    if since is not None and until is not None and since > until:
        problems.invalid("export.endDate", "Path `export.endDate` is before `export.startDate`.")
    ids = body.get("_exportIds")
    if problems.expect("_exportIds", ids, list, "an array") and isinstance(ids, list):
        for index, id_ in enumerate(ids):
            if not isinstance(id_, str):
                problems.unknown(f"_exportIds[{index}]")
    _refuse(problems)
    return since, until, [str(id_) for id_ in ids] if isinstance(ids, list) and ids else None


def _group_members(body: Mapping[str, Json]) -> tuple[Sequence[str], str | None]:
    """Ids of flows, and of the group that they are to be in; None for no group. Raises FieldsRefusedError."""
    ids, group_id = body.get("_flowIds"), body.get("_flowGroupingId")
    problems = Problems()
    if not isinstance(ids, list) or not ids:
        problems.missing("_flowIds")
    elif len(ids) > _MOST_GROUPED:
        problems.invalid("_flowIds", f"Path `_flowIds` has at most {_MOST_GROUPED} elements.")
    problems.expect("_flowGroupingId", group_id, str, "an id")
    _refuse(problems)
    given = ids if isinstance(ids, list) else []
    return list(dict.fromkeys(str(id_) for id_ in given)), group_id if isinstance(group_id, str) else None


def _refuse(problems: Problems) -> None:
    if problems.found:
        raise FieldsRefusedError(problems=tuple(problems.found))
