"""Which handler answers at which address of this door.

Checks come in one order: who calls, whether what the address names exists, whether the body can be read, its members.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.celigo import jobs, run_errors, state, tags
from chalicelib.api.celigo.audit import AuditCalls
from chalicelib.api.celigo.connections import DebugCalls, PingCalls
from chalicelib.api.celigo.flows import FlowCalls
from chalicelib.api.celigo.invoking import InvokeCalls
from chalicelib.api.celigo.open_calls import OpenCalls
from chalicelib.api.celigo.resources import IntegrationCalls, ResourceCalls
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.domain.flows.flows import ResourceKind

Get = Callable[[], Services]


def routes(services: Get) -> tuple[Route, ...]:
    """All of them, as `routes.ADDRESSES` lists them."""
    flows, audit = FlowCalls(services), AuditCalls(services)
    exports = ResourceCalls(services, ResourceKind.EXPORT)
    imports = ResourceCalls(services, ResourceKind.IMPORT)
    connections = ResourceCalls(services, ResourceKind.CONNECTION)
    integrations = ResourceCalls(services, ResourceKind.INTEGRATION)
    scripts = ResourceCalls(services, ResourceKind.SCRIPT)
    return (
        *_flow_routes(flows, audit, OpenCalls(services)),
        *_resource_routes("/exports", "export_id", exports, audit),
        *_resource_routes("/imports", "import_id", imports, audit),
        *_resource_routes("/connections", "connection_id", connections, audit),
        *_resource_routes("/scripts", "script_id", scripts, audit),
        Route("POST", "/scripts/{script_id}/clone", scripts.clone),
        *_adapted_routes("/exports/{export_id}", exports),
        *_adapted_routes("/imports/{import_id}", imports),
        *_ping_routes(PingCalls(services, connections)),
        *_debug_routes(DebugCalls(services, connections)),
        *_integration_routes(integrations, IntegrationCalls(services, flows, exports, imports)),
        *_invoke_routes(InvokeCalls(services, exports, imports)),
        Route("GET", "/audit", audit.all),
        *state.routes(services),
        *tags.routes(services),
        *jobs.routes(services),
        *run_errors.routes(services),
    )


def _flow_routes(flows: FlowCalls, audit: AuditCalls, archives: OpenCalls) -> tuple[Route, ...]:
    one = "/flows/{flow_id}"
    return (
        Route("GET", "/flows", flows.list),
        Route("POST", "/flows", flows.create),
        Route("PUT", "/flows/updateFlowGrouping", flows.group),
        Route("GET", "/flows/template/{name}", archives.fetch),
        Route("GET", one, flows.get),
        Route("PUT", one, flows.replace),
        Route("PATCH", one, flows.patch),
        Route("DELETE", one, flows.delete),
        # The documentation's example of a run forgets the last part of the address.
        Route("POST", one, flows.run),
        Route("POST", f"{one}/run", flows.run),
        Route("POST", f"{one}/test/run", flows.test_run),
        Route("POST", f"{one}/clone", flows.clone),
        Route("GET", f"{one}/audit", audit.of_flow),
        Route("PUT", f"{one}/replaceConnection", flows.replace_connection),
        Route("GET", f"{one}/dependencies", flows.dependencies),
        Route("GET", f"{one}/template", archives.offer),
        Route("GET", f"{one}/descendants", flows.descendants),
        Route("GET", f"{one}/lastExportDateTime", flows.last_export),
        Route("POST", "/exports/{export_id}/data", archives.hear),
        Route("POST", "/exports/{export_id}/data/{token}", archives.hear),
    )


def _resource_routes(path: str, id_: str, calls: ResourceCalls, audit: AuditCalls) -> tuple[Route, ...]:
    one = f"{path}/{{{id_}}}"
    return (
        *_plain_routes(path, id_, calls),
        Route("GET", f"{one}/dependencies", calls.dependencies),
        Route("GET", f"{one}/audit", audit.of(calls)),
    )


def _plain_routes(path: str, id_: str, calls: ResourceCalls) -> tuple[Route, ...]:
    one = f"{path}/{{{id_}}}"
    return (
        Route("GET", path, calls.list),
        Route("POST", path, calls.create),
        Route("GET", one, calls.get),
        Route("PUT", one, calls.replace),
        Route("PATCH", one, calls.patch),
        Route("DELETE", one, calls.delete),
    )


def _adapted_routes(one: str, calls: ResourceCalls) -> tuple[Route, ...]:
    return (
        Route("POST", f"{one}/clone", calls.clone),
        Route("PUT", f"{one}/replaceConnection", calls.replace_connection),
    )


def _ping_routes(pings: PingCalls) -> tuple[Route, ...]:
    one = "/connections/{connection_id}/ping"
    return (
        Route("GET", one, pings.stored),
        Route("POST", one, pings.stored),
        Route("POST", "/connections/ping", pings.unsaved),
    )


def _debug_routes(debugging: DebugCalls) -> tuple[Route, ...]:
    one = "/connections/{connection_id}/debug"
    return (Route("GET", one, debugging.log), Route("DELETE", one, debugging.clear))


def _invoke_routes(invoking: InvokeCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/exports/{export_id}/invoke", invoking.export),
        Route("POST", "/imports/{import_id}/invoke", invoking.import_),
        Route("POST", "/exports/preview", invoking.preview),
        Route("POST", "/{api_identifier}", invoking.by_identifier),
    )


def _integration_routes(integrations: ResourceCalls, inner: IntegrationCalls) -> tuple[Route, ...]:
    one = "/integrations/{integration_id}"
    return (
        *_plain_routes("/integrations", "integration_id", integrations),
        Route("GET", f"{one}/flows", inner.flows),
        Route("GET", f"{one}/exports", inner.exports),
        Route("GET", f"{one}/imports", inner.imports),
    )
