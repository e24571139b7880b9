"""The Celigo door: flows with their exports, imports, connections and integrations, and the jobs that they run as.

Here are its addresses alone. What answers at them is loaded when the first call comes in, so that calls at other doors
do not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from chalicelib.api.celigo import errors
from chalicelib.api.common.authentication import admit_with_key
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.pipeline import Handler
from chalicelib.api.common.services import Services

PREFIX = "/v1"
PREFIXES = (
    "/v1/flows",
    "/v1/exports",
    "/v1/imports",
    "/v1/connections",
    "/v1/integrations",
    "/v1/jobs",
    "/v1/audit",
    "/v1/state",
    "/v1/tokenInfo",
    "/v1/tags",
    "/v1/scripts",
)
ADDRESSES: Mapping[str, str] = {
    "/flows": "GET POST",
    "/flows/updateFlowGrouping": "PUT",
    "/flows/template/{name}": "GET",
    "/flows/{flow_id}": "GET PUT PATCH DELETE POST",
    "/flows/{flow_id}/run": "POST",
    "/flows/{flow_id}/test/run": "POST",
    "/flows/{flow_id}/clone": "POST",
    "/flows/{flow_id}/audit": "GET",
    "/flows/{flow_id}/replaceConnection": "PUT",
    "/flows/{flow_id}/dependencies": "GET",
    "/flows/{flow_id}/template": "GET",
    "/flows/{flow_id}/descendants": "GET",
    "/flows/{flow_id}/lastExportDateTime": "GET",
    "/exports/{export_id}/data": "POST",
    "/exports/{export_id}/data/{token}": "POST",
    "/exports": "GET POST",
    "/exports/{export_id}": "GET PUT PATCH DELETE",
    "/exports/{export_id}/dependencies": "GET",
    "/exports/{export_id}/audit": "GET",
    "/imports": "GET POST",
    "/imports/{import_id}": "GET PUT PATCH DELETE",
    "/imports/{import_id}/dependencies": "GET",
    "/imports/{import_id}/audit": "GET",
    "/connections": "GET POST",
    "/connections/{connection_id}": "GET PUT PATCH DELETE",
    "/connections/{connection_id}/dependencies": "GET",
    "/connections/{connection_id}/audit": "GET",
    "/scripts": "GET POST",
    "/scripts/{script_id}": "GET PUT PATCH DELETE",
    "/scripts/{script_id}/dependencies": "GET",
    "/scripts/{script_id}/audit": "GET",
    "/scripts/{script_id}/clone": "POST",
    "/exports/{export_id}/clone": "POST",
    "/exports/{export_id}/replaceConnection": "PUT",
    "/imports/{import_id}/clone": "POST",
    "/imports/{import_id}/replaceConnection": "PUT",
    "/connections/{connection_id}/ping": "GET POST",
    "/connections/ping": "POST",
    "/connections/{connection_id}/debug": "GET DELETE",
    "/integrations": "GET POST",
    "/integrations/{integration_id}": "GET PUT PATCH DELETE",
    "/integrations/{integration_id}/flows": "GET",
    "/integrations/{integration_id}/exports": "GET",
    "/integrations/{integration_id}/imports": "GET",
    "/exports/{export_id}/invoke": "POST",
    "/imports/{import_id}/invoke": "POST",
    "/exports/preview": "POST",
    "/{api_identifier}": "POST",
    "/audit": "GET",
    "/state": "GET DELETE",
    "/state/{key}": "GET PUT DELETE",
    **{
        f"/{kind}s/{{{kind}_id}}/state{rest}": verbs
        for kind in ("flow", "export", "import", "connection", "integration")
        for rest, verbs in (("", "GET DELETE"), ("/{key}", "GET PUT DELETE"))
    },
    "/tags": "GET POST",
    "/tags/{tag_id}": "GET PUT DELETE",
    "/tokenInfo": "GET",
    "/jobs": "GET",
    "/jobs/current": "POST",
    "/jobs/errorFile/{name}": "GET",
    "/jobs/{job_id}": "GET",
    "/jobs/{job_id}/family": "GET",
    "/jobs/{job_id}/cancel": "PUT",
    "/jobs/{job_id}/jobErrors": "GET",
    "/jobs/{job_id}/joberrors": "GET",
    "/jobs/{job_id}/errorFile/signedURL": "GET",
    "/jobs/{job_id}/diagnostics": "GET",
    "/flows/{flow_id}/jobs/latest": "GET",
    "/flows/{flow_id}/errors": "GET",
    "/flows/{flow_id}/{step_id}/errors": "GET",
    "/flows/{flow_id}/{step_id}/errors/assign": "PUT",
    "/flows/{flow_id}/{step_id}/tags": "PUT",
    "/flows/{flow_id}/{step_id}/resolved": "GET PUT DELETE",
    "/flows/{flow_id}/{step_id}/retry": "POST",
    "/flows/{flow_id}/{step_id}/{retry_data_key}/data": "GET PUT",
    "/integrations/{integration_id}/errors": "GET",
}
"""Verbs by address, below `PREFIX`."""

IDENTIFIER = re.compile(r"[ei][0-9a-f]{7,10}")
IDENTIFIED_AT = f"{PREFIX}/{{api_identifier}}"
_IDENTIFIED = re.compile(rf"{PREFIX}/{IDENTIFIER.pattern}/?")
_OPEN = re.compile(r"/v1/(?:exports/[^/]+/data(?:/[^/]+)?|flows/template/[^/]+|jobs/errorFile/[^/]+)/?")
"""Addresses of calls that carry no token of the API, and prove themselves in ways of their own."""
# A slash that came encoded may make another address look like one of these. Nobody is let in by it: whoever was not
# admitted here is no caller, and every other handler asks for one.

Get = Callable[[], Services]


def door(services: Get) -> Door:
    def admit(call: Call) -> None:
        if _OPEN.fullmatch(call.path) is None:
            admit_with_key(call, services())

    return Door(PREFIXES, admit, errors.shape)


def takes(call: Call) -> bool:
    """Whether a call invokes an export or import by its identifier, at an address that has no prefix of this door."""
    return call.method == "POST" and _IDENTIFIED.fullmatch(call.path) is not None


def routes(services: Get) -> tuple[Route, ...]:
    """Below `PREFIX`."""
    handlers = _Handlers(services)
    return tuple(
        Route(verb, path, handlers.at(verb, path)) for path, verbs in ADDRESSES.items() for verb in verbs.split()
    )


class _Handlers:
    """The handlers by verb and address, once somebody asked for one."""

    def __init__(self, services: Get) -> None:
        self._services = services
        self._loaded: Mapping[tuple[str, str], Handler] | None = None

    def at(self, verb: str, path: str) -> Handler:
        def handler(call: Call) -> Reply:
            return self._all()[verb, path](call)

        return handler

    def _all(self) -> Mapping[tuple[str, str], Handler]:
        if self._loaded is None:
            from chalicelib.api.celigo import handlers

            self._loaded = {(route.method, route.path): route.handler for route in handlers.routes(self._services)}
        return self._loaded
