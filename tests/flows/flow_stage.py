"""A flow of an export by pages, a lookup and an import, in the real stores, and the depot that it works with."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.flows.flows import AuditEntry, Resource, ResourceKind
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowBody, WorkflowStatus
from tests.fakes import START
from tests.flows.depot import Depot
from tests.flows.flow_house import generator, into, lookup

FLOW = f"{1:022x}00"


class FlowStage:
    """`services` are those of `bootstrap`, which send to the depot from now on; pages have `size` records."""

    def __init__(self, services: Any, workspace_id: str, size: int) -> None:
        self._services = services
        self._workspace_id = workspace_id
        self._size = size
        self.depot = Depot(0, size)
        vars(services).update(http=self)
        self._given(ResourceKind.CONNECTION, "c1", type="http", http={"baseURI": self.depot.base, "mediaType": "json"})
        paged: dict[str, Any] = {"paging": {"method": "page", "page": 1, "maxPagePath": "meta.pages"}}
        self._step(ResourceKind.EXPORT, "e1", "/parcels?page={{export.http.paging.page}}", **paged)
        self._step(ResourceKind.EXPORT, "l1", "/owners/{{record.ownerId}}")
        mapped: list[Json] = [{"generate": "ref", "dataType": "string", "extract": "$.number", "status": "Active"}]
        self._step(ResourceKind.IMPORT, "i1", ["/shipments"], mapped, method=["POST"], response={})
        document: dict[str, Any] = {
            "name": "Flow",
            "pageGenerators": [generator("e1")],
            "pageProcessors": [lookup("l1", ("data[0]", "owner")), into("i1")],
        }
        status = WorkflowStatus.ACTIVE
        self.workflow = Workflow(FLOW, workspace_id, "Flow", "", status, 1, "1", START, START, dialect=CELIGO)
        body = WorkflowBody("1", FLOW, 1, document, compile_flow(document))
        services.stores.workflows.create(self.workflow, body)

    def send(self, request: HttpRequest) -> HttpResponse:
        return self.depot.send(request)

    def stock(self, parcels: int) -> None:
        self.depot.parcels = Depot(parcels).parcels

    def _step(self, kind: ResourceKind, id_: str, uri: Json, mapped: Json = None, **http: Any) -> None:
        members = {"method": "GET", "relativeURI": uri, "response": {"resourcePath": "parcels" if id_ == "e1" else ""}}
        document = {"_connectionId": "c1", "pageSize": self._size, "mappings": mapped, "http": {**members, **http}}
        self._given(kind, id_, **document)

    def _given(self, kind: ResourceKind, id_: str, **document: Any) -> None:
        resource = Resource(id_, self._workspace_id, kind, {"name": id_, **document}, START, START, "user_1")
        entry = AuditEntry("a" + id_, self._workspace_id, kind.value, id_, "create", START, "user_1")
        self._services.stores.resources.create(resource, entry)
