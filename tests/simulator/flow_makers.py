"""What the flows of a world consist of: connections, exports and imports of the warehouse, and the flows themselves."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.flows.flows import AuditEntry, Resource, ResourceKind
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.flows.problems import problems_of_flow
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowBody, WorkflowStatus
from tests.fakes import START
from tests.simulator.deployment import Stores
from tests.simulator.flow_scripts import CONTENT
from tests.simulator.warehouse import HOST, PAGE, Warehouse
from tests.simulator.workload import WORKSPACE

_ROWS = {"resourcePath": "parcels"}


class FlowMaker:
    def __init__(self, rng: random.Random, stores: Stores, warehouse: Warehouse, lasts_ms: int) -> None:
        self._random = rng
        self._stores = stores
        self._warehouse = warehouse
        self._lasts_ms = lasts_ms
        self._count = 0
        self._parcels = 0
        self.connections: list[str] = []
        self._script: str | None = None

    def id(self) -> str:
        self._count += 1
        return f"{self._count:022x}00"

    def connection(self) -> str:
        """At times it lives on the slots of an earlier one."""
        rng, id_ = self._random, self.id()
        limit = rng.choice((1, 2, 3, 25))
        http = {"baseURI": f"{HOST}/{id_}", "mediaType": "json", "concurrencyLevel": limit}
        document: dict[str, Any] = {"type": "http", "http": http}
        self._warehouse.limits[id_] = limit
        if self.connections and rng.random() < 0.3:
            document["_borrowConcurrencyFromConnectionId"] = self.connections[0]
            self._warehouse.shared[id_] = self.connections[0]
        self._given(ResourceKind.CONNECTION, id_, document)
        self.connections.append(id_)
        return id_

    def export(self) -> str:
        """Everything, or what changed since; by pages, each of which may be cut into smaller ones."""
        rng, id_ = self._random, self.id()
        first = self._parcels
        self._parcels += rng.choice((0, 2, PAGE, 7, 14))
        self._warehouse.stock(id_, list(range(first, self._parcels)), self._lasts_ms)
        paged: dict[str, Any] = {"paging": {"method": "page", "lastPagePath": "more", "lastPageValues": ["false"]}}
        uri = f"/parcels/{id_}?page={{{{export.http.paging.page}}}}"
        document: dict[str, Any] = {"adaptorType": "HTTPExport", "pageSize": rng.choice((1, 2, 20))}
        if rng.random() < 0.6:
            uri += "&since={{lastExportDateTime}}&until={{currentExportDateTime}}"
            document |= {"type": "delta", "delta": {}}
        http = {"method": "GET", "relativeURI": uri, "response": _ROWS, **paged}
        document |= self._hooked(2, "preSavePage")
        self._given(ResourceKind.EXPORT, id_, {**document, "_connectionId": self._any(), "http": http})
        return id_

    def lookup(self) -> str:
        id_ = self.id()
        http = {"method": "GET", "relativeURI": "/owners/{{record.id}}"}
        document = {"adaptorType": "HTTPExport", "isLookup": True, "_connectionId": self._any(), "http": http}
        if self._random.random() < 0.3:
            document["inputFilter"] = _some()
        self._given(ResourceKind.EXPORT, id_, document | self._hooked(2, "preSavePage"))
        return id_

    def import_(self) -> str:
        rng, id_ = self._random, self.id()
        http: dict[str, Any] = {"method": ["POST"], "relativeURI": [f"/ship/{id_}"]}
        if rng.random() < 0.3:
            response = {"resourcePath": ["results"], "successPath": ["ok"], "successValues": [["true"]]}
            http |= {"batchSize": 2, "response": response}
        document: dict[str, Any] = {"adaptorType": "HTTPImport", "_connectionId": self._any(), "http": http}
        if rng.random() < 0.3:
            document["filter"] = _some()
        self._given(ResourceKind.IMPORT, id_, document | self._hooked(2, "preMap", "postMap", "postSubmit"))
        return id_

    def document(self, following: list[str]) -> dict[str, Any]:
        rng = self._random
        processors: list[dict[str, Any]] = []
        for kind in rng.choice((("import",), ("export", "import"), ("import", "export", "import"), ("import",) * 2)):
            name, made = ("_importId", self.import_()) if kind == "import" else ("_exportId", self.lookup())
            mapped = {"fields": [{"extract": "data[0].owner", "generate": "owner"}], "lists": []}
            member = {"type": kind, name: made, "responseMapping": mapped if kind == "export" else None}
            member |= self._hooked(3, "postResponseMap")
            processors.append({**member, "proceedOnFailure": rng.random() < 0.3})
        document: dict[str, Any] = {
            "name": "Flow",
            "pageGenerators": [{"_exportId": self.export()} for _ in range(rng.choice((1, 1, 2)))],
            "pageProcessors": processors,
            "runPageGeneratorsInParallel": rng.random() < 0.5,
            "autoResolveMatchingTraceKeys": rng.random() < 0.5,
        }
        if following and rng.random() < 0.4:
            document["_runNextFlowIds"] = [rng.choice(following)]
        return document

    def flow(self, document: Mapping[str, Any]) -> Workflow:
        assert problems_of_flow(document) == [], problems_of_flow(document)
        id_ = self.id()
        refs = [each["_exportId"] for each in document["pageGenerators"]]
        refs += [each.get("_importId") or each["_exportId"] for each in document["pageProcessors"]]
        workflow = Workflow(
            id_,
            WORKSPACE,
            "Flow",
            "",
            WorkflowStatus.ACTIVE,
            1,
            "1",
            START,
            START,
            dialect=CELIGO,
            labels={"integration": None, "refs": refs},
        )
        self._stores.workflows.create(workflow, WorkflowBody("1", id_, 1, dict(document), compile_flow(document)))
        return workflow

    def _hooked(self, each: int, *names: str) -> dict[str, Any]:
        """Hooks of one thing in so many. They leave records as they are: what becomes of these stays what it is without
        them."""
        if self._count % each:
            return {}
        if self._script is None:
            self._script = "5" * 24
            self._given(ResourceKind.SCRIPT, self._script, {"content": CONTENT})
        return {"hooks": {name: {"_scriptId": self._script, "function": name} for name in names}}

    def _any(self) -> str:
        return self._random.choice(self.connections)

    def _given(self, kind: ResourceKind, id_: str, document: Mapping[str, Any]) -> None:
        resource = Resource(id_, WORKSPACE, kind, {"name": id_, **document}, START, START, "user")
        entry = AuditEntry(id_, WORKSPACE, kind.value, id_, "create", START, "user")
        self._stores.of_flows.resources.create(resource, entry)


def _some() -> dict[str, Any]:
    """Lets parcels from the third on in."""
    rules: list[Any] = ["greaterthan", ["number", ["extract", "id"]], 1]
    return {"type": "expression", "expression": {"version": "1", "rules": rules}}
