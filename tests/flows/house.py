"""One workspace over in-memory stores, with its services, a worker and a tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.children import Children
from chalicelib.services.concurrency import Limiter
from chalicelib.services.control import Control
from chalicelib.services.runs import Runs
from chalicelib.services.tick import Tick
from chalicelib.services.worker import Programs, Worker, WorkerSettings
from tests.fakes import (
    START,
    FixedClock,
    FunctionSender,
    InlineSpawner,
    MemoryHookStore,
    MemoryMarkStore,
    MemoryRunQueue,
    MemoryRunStore,
    MemorySlotStore,
    MemoryWorkflowStore,
    SeededEntropy,
)

WORKSPACE = "ws_1"
OWNER = Principal("user_1", WORKSPACE, "key_1", frozenset("*"))


def ok(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, b'{"ok": true}', request.url, 0.01)


@dataclass
class House:
    settings: WorkerSettings = field(default_factory=WorkerSettings)

    def __post_init__(self) -> None:
        self.clock = FixedClock()
        self.workflows = MemoryWorkflowStore()
        self.runs = MemoryRunStore(self.clock)
        self.queue = MemoryRunQueue(self.clock)
        self.slots = MemorySlotStore(self.clock)
        self.sender = FunctionSender(ok)
        self.programs = Programs(self.workflows)
        self.performer = NodeRegistry(self.clock, self.sender)
        self.service = Runs(
            store=self.runs,
            queue=self.queue,
            marks=MemoryMarkStore(self.clock),
            access=Access(self.workflows, MemoryHookStore()),
            programs=self.programs,
            performer=self.performer,
            clock=self.clock,
            entropy=SeededEntropy(),
        )
        self.control = Control(
            store=self.runs, queue=self.queue, runs=self.service, programs=self.programs, clock=self.clock
        )
        children = Children(self.runs, self.workflows, self.queue, self.clock)
        self.worker = Worker(
            self.runs,
            self.queue,
            self.programs,
            self.performer,
            self.clock,
            InlineSpawner(),
            children,
            Limiter(self.runs, self.slots, children, self.queue, self.clock),
            self.settings,
        )
        self.tick = Tick(self.runs, self.queue, self.clock)

    def save(self, graph: Graph, workflow_id: str = "wf_1") -> Workflow:
        workflow = Workflow(
            workflow_id,
            WORKSPACE,
            "Test",
            "",
            WorkflowStatus.ACTIVE,
            1,
            "1",
            START,
            START,
            timeout_seconds=graph.timeout_seconds,
        )
        self.workflows.create(workflow, WorkflowBody("1", workflow_id, 1, {}, graph))
        return workflow

    def start(self, graph: Graph, input: Json = None) -> str:  # noqa: A002 - the run's word
        return self.service.start(self.save(graph), input or {}).id

    def work(self, seconds: float = 300.0) -> int:
        """Works off every visible hint; how many there were."""
        count = 0
        while (hint := self.queue.receive()) is not None:
            count += 1
            self.worker.advance(hint.run_id, self.clock.now() + timedelta(seconds=seconds))
        return count

    def pass_time(self, seconds: float, step: float = 30.0) -> None:
        """Lets time go by with a tick each minute and workers that take what becomes visible."""
        passed = 0.0
        while passed < seconds:
            self.clock.advance(min(step, seconds - passed))
            passed += step
            self.tick.run()
            self.work()

    def run(self, run_id: str) -> Run:
        return self.runs.get(run_id)

    def answers(self, respond: Callable[[HttpRequest], HttpResponse]) -> None:
        self.sender.respond = respond


def call(node_id: str, **members: object) -> Node:
    config: dict[str, Json] = {"url": f"http://receiver.example/{node_id}"}
    return Node(node_id, "http_request", config=config, **members)  # type: ignore[arg-type]


def chain(*nodes: Node, **members: object) -> Graph:
    edges = tuple(Edge(one.id, other.id) for one, other in pairwise(nodes))
    return Graph(nodes, edges, **members)  # type: ignore[arg-type]
