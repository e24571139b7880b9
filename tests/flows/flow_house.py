"""The house with flows: exports, imports and connections in memory, and an API that they talk to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.domain.flows.flows import (
    AuditEntry,
    Count,
    ErrorFilter,
    FlowError,
    JobFigures,
    Resource,
    ResourceKind,
    added,
)
from chalicelib.domain.flows.graph import compile_flow
from chalicelib.domain.flows.problems import problems_of_flow
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowBody, WorkflowStatus
from chalicelib.nodes import chore, emit
from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.flows.registry import handlers
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.desk import FlowDesks
from chalicelib.services.flows.following import FollowingFlows
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.scripts import FlowScripts
from chalicelib.services.flows.slots import FlowSlots
from chalicelib.services.flows.templates import Templates
from chalicelib.services.ports import HttpSender
from chalicelib.services.sources.sandbox import JsRunner
from tests.fakes import START, FunctionSender, InlineSpawner, SeededEntropy
from tests.file_fakes import MemoryFileStore
from tests.flow_fakes import (
    MemoryAuditStore,
    MemoryFlowErrorStore,
    MemoryFlowMarkStore,
    MemoryJobStore,
    MemoryLeaseStore,
    MemoryResourceStore,
)
from tests.flows.house import WORKSPACE, House
from tests.source_fakes import LabelVault, NoSandbox

BASE_URI = "https://depot.example/api"
FLOW = "f" * 22 + "00"

Answer = Any
"""JSON, or a whole response."""


@dataclass
class Asked:
    """A request as the API sees it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: Mapping[str, str]


def answer(status: int = 200, body: Json = None, **headers: str) -> HttpResponse:
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HttpResponse(status, named, json.dumps(body).encode(), BASE_URI, 0.01)


@dataclass
class Api:
    """Answers by path; a route is a value, or a function of what was asked. `seen` are all requests, in order."""

    routes: dict[str, Any] = field(default_factory=dict)
    seen: list[Asked] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        parts = urlsplit(request.url)
        path = unquote(parts.path).removeprefix("/api")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = json.loads(request.body) if request.body else None
        asked = Asked(request.method, path, query, body, request.headers)
        self.seen.append(asked)
        route = self.routes.get(path, self.routes.get("/" + path.split("/")[1]))
        if route is None:
            return answer(404, {"error": "no such thing"})
        given = route(asked) if callable(route) else route
        return given if isinstance(given, HttpResponse) else answer(200, given)

    def bodies(self, path: str) -> list[Any]:
        """What was sent there."""
        return [asked.body for asked in self.seen if asked.path.startswith(path)]

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.seen]


@dataclass
class FlowHouse(House):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.api = Api()
        self.audit = MemoryAuditStore(self.clock.now)
        self.resources = MemoryResourceStore(self.audit)
        self.jobs = MemoryJobStore(self.clock.now)
        self.errors = MemoryFlowErrorStore(self.jobs, self.clock.now)
        self.marks = MemoryFlowMarkStore()
        self.leases = MemoryLeaseStore()
        self.files = MemoryFileStore()
        self.js: JsRunner = NoSandbox()
        self.build()
        self.given(ResourceKind.CONNECTION, "c1", type="http", http={"baseURI": BASE_URI, "mediaType": "json"})

    def build(self) -> None:
        """The handlers over the stores as they are now."""
        entropy = SeededEntropy(9)
        http = FlowHttp(self.to_api(), Templates(self.clock, entropy), self.clock, entropy)
        connections = Connections(self.resources, LabelVault())
        scripts = FlowScripts(self.resources, lambda: self.js)
        self.ports = FlowPorts(
            resources=self.resources,
            desks=FlowDesks(self.resources, connections, http, self.clock, scripts),
            slots=FlowSlots(self.leases, connections, self.clock),
            jobs=self.jobs,
            errors=self.errors,
            marks=self.marks,
            files=self.files,
            spawner=InlineSpawner(),
            clock=self.clock,
            follower=FollowingFlows(self.workflows, self.service),
            runs=self.runs,
        )
        known = {**emit.handlers(lambda: self.events, self.clock), **chore.handlers(lambda: self.chores)}
        self.performer = NodeRegistry(self.clock, self.sender, {**known, **handlers(lambda: self.ports)})
        self.worker = replace(self.worker, performer=self.performer)

    def to_api(self) -> HttpSender:
        return FunctionSender(lambda request: self.api.send(request))

    # -- what there is ------------------------------------------------------------------------------------------------

    def given(self, kind: ResourceKind, id_: str, **document: Any) -> Resource:
        """A resource, or another revision of it."""
        now = self.clock.now()
        stored = self.resources.get_all(WORKSPACE, kind, [id_]).get(id_)
        revision = 1 if stored is None else stored.revision + 1
        full = {"name": id_, **document}
        resource = Resource(id_, WORKSPACE, kind, full, now, now, "user_1", revision=revision)
        if stored is None:
            self.resources.create(resource, AuditEntry("a", WORKSPACE, kind.value, id_, "create", now, "user_1"))
        else:
            self.resources.replace(resource, None)
        return resource

    def export(self, id_: str, uri: str = "/items", **members: Any) -> None:
        http = {"method": "GET", "relativeURI": uri, **members.pop("http", {})}
        document = {"_connectionId": "c1", "adaptorType": "HTTPExport", "http": http, **members}
        self.given(ResourceKind.EXPORT, id_, **document)

    def import_(self, id_: str, uri: str = "/sink", **members: Any) -> None:
        http = {"method": ["POST"], "relativeURI": [uri], **members.pop("http", {})}
        document = {"_connectionId": "c1", "adaptorType": "HTTPImport", "http": http, **members}
        self.given(ResourceKind.IMPORT, id_, **document)

    def script(self, id_: str, content: str) -> None:
        self.given(ResourceKind.SCRIPT, id_, content=content)

    def flow(self, id_: str = FLOW, *, active: bool = True, **document: Any) -> Workflow:
        full = {"name": "Flow", **document}
        assert problems_of_flow(full) == []
        status = WorkflowStatus.ACTIVE if active else WorkflowStatus.INACTIVE
        workflow = Workflow(id_, WORKSPACE, "Flow", "", status, 1, "1", START, START, dialect=CELIGO)
        self.workflows.create(workflow, WorkflowBody("1", id_, 1, full, compile_flow(full)))
        return workflow

    def change(self, id_: str = FLOW, **document: Any) -> None:
        """Another version of the flow."""
        full = {"name": "Flow", **document}
        stored = self.workflows.get(WORKSPACE, id_)
        ref = str(stored.version + 1)
        changed = replace(stored, version=stored.version + 1, body_ref=ref, revision=stored.revision + 1)
        self.workflows.replace(changed, WorkflowBody(ref, id_, changed.version, full, compile_flow(full)))

    # -- what happens -------------------------------------------------------------------------------------------------

    def go(self, flow_id: str = FLOW, **given: Any) -> Run:
        """Starts the flow and works until it has ended."""
        run_id = self.service.start(self.workflows.get(WORKSPACE, flow_id), given).id
        return self.finish(run_id)

    def finish(self, run_id: str) -> Run:
        for _ in range(400):
            self.work()
            run = self.run(run_id)
            if run.status.is_final:
                return run
            self.clock.advance(5)
            self.tick.run()
        raise AssertionError(f"it does not end: {self.run(run_id).status}")

    # -- what it comes to ---------------------------------------------------------------------------------------------

    def figures(self, run: Run) -> JobFigures:
        return self.jobs.get(WORKSPACE, [run.id])[run.id]

    def counts(self, run: Run) -> dict[str, tuple[int, int, int, int]]:
        """Success, error, ignore and pages of each part that has any, and of the whole under `""`."""
        figures = self.figures(run)
        whole = Count()
        found: dict[str, tuple[int, int, int, int]] = {}
        for child in figures.children:
            count = figures.count(child.key)
            whole = added(whole, count)
            if any(plain(count)):
                found[child.key] = plain(count)
        return {**found, "": plain(whole)}

    def errors_of(self, step_id: str, flow_id: str = FLOW, *, resolved: bool = False) -> list[FlowError]:
        """Oldest first."""
        page, after = self.errors.page(
            WORKSPACE, flow_id, step_id, ErrorFilter(is_resolved=resolved), after=None, limit=1000
        )
        assert after is None
        return list(reversed(page))


def plain(count: Count) -> tuple[int, int, int, int]:
    return count.success, count.error, count.ignore, count.pages


def generator(export_id: str, **members: Any) -> dict[str, Any]:
    return {"_exportId": export_id, **members}


def lookup(export_id: str, *fields: tuple[str, str], **members: Any) -> dict[str, Any]:
    return {"type": "export", "_exportId": export_id, "responseMapping": mapping(fields), **members}


def into(import_id: str, *fields: tuple[str, str], **members: Any) -> dict[str, Any]:
    return {"type": "import", "_importId": import_id, "responseMapping": mapping(fields), **members}


def mapping(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pairs of extract and generate."""
    return {"fields": [{"extract": extract, "generate": generate} for extract, generate in fields], "lists": []}


def numbered(count: int, start: int = 1) -> list[Json]:
    return [{"id": number} for number in range(start, start + count)]


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """One after the other, and then the last for ever."""
    rest = list(answers)
    return lambda asked: rest.pop(0) if len(rest) > 1 else rest[0]
