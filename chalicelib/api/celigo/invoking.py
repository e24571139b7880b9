"""Calls that use an export or import by hand, without a flow."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.celigo.bodies import optional_object
from chalicelib.api.celigo.resources import ResourceCalls
from chalicelib.api.celigo.routes import IDENTIFIER
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError, MalformedJsonError, RouteNotFoundError
from chalicelib.domain.flows.documents import with_http
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.services.access import Scope, require

_UNNAMED = "preview"


class InvokeCalls:
    def __init__(self, services: Callable[[], Services], exports: ResourceCalls, imports: ResourceCalls) -> None:
        self._services = services
        self._exports = exports
        self._imports = imports

    def by_identifier(self, call: Call) -> Reply:
        """The older form, whose address has no word of its own: any other name there is nobody's."""
        identifier = call.params["api_identifier"]
        if IDENTIFIER.fullmatch(identifier) is None:
            raise RouteNotFoundError
        kind, invoke = (
            (ResourceKind.EXPORT, self._invoke_export)
            if identifier.startswith("e")
            else (ResourceKind.IMPORT, self._invoke_import)
        )
        resources = self._services().flow_resources
        return invoke(call, resources.by_identifier(call.principal, kind, identifier, Scope.WRITE_RUNS))

    def export(self, call: Call) -> Reply:
        return self._invoke_export(call, self._exports.found(call, Scope.WRITE_RUNS))

    def _invoke_export(self, call: Call, resource: Resource) -> Reply:
        body = optional_object(call)
        data, state = body.get("data"), body.get("pagedExportState")
        problems = Problems()
        problems.expect("data", data, list, "an array")
        problems.expect("pagedExportState", state, dict, "an object")
        if problems.found:
            raise FieldsRefusedError(problems=tuple(problems.found))
        records = data if isinstance(data, list) else None
        invoked = self._services().flow_invoke.invoke_export(resource, records, state)
        answer: dict[str, Json] = {"data": invoked.records, "dataURIs": list[Json](invoked.uris)}
        return Reply(200, answer if invoked.state is None else {**answer, "pagedExportState": invoked.state})

    def import_(self, call: Call) -> Reply:
        return self._invoke_import(call, self._imports.found(call, Scope.WRITE_RUNS))

    def _invoke_import(self, call: Call, resource: Resource) -> Reply:
        records = call.json()
        if not isinstance(records, list):
            raise MalformedJsonError("The body has to be an array of records.")
        results = self._services().flow_invoke.invoke_import(resource, records)
        return Reply(200, list[Json](results))

    def preview(self, call: Call) -> Reply:
        """Of an export that is not stored, and need not have a name yet."""
        require(call.principal, Scope.WRITE_WORKFLOWS)
        services = self._services()
        given: dict[str, Json] = {"name": _UNNAMED, **call.json_object()}
        made = services.flow_resources.unsaved(call.principal, ResourceKind.EXPORT, given)
        return Reply(200, services.flow_invoke.preview(made.workspace_id, with_http(made.document)))
