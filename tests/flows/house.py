"""One workspace over in-memory stores, with its services, a worker and a tick."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from chalicelib.domain.deliveries import Delivery, DeliveryFilter, DeliveryPlace
from chalicelib.domain.endpoints import Endpoint, Secret
from chalicelib.domain.events import Emission, Emitter, EmitterKind, Event, EventPlace, EventQuery
from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.schedules import TargetKind
from chalicelib.domain.subscriptions import ListenerKind, Subscription
from chalicelib.domain.usage import Usage
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.nodes import chore, emit
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.events.attempts import Deliverer
from chalicelib.services.events.events import DELETE_EVENTS, Events, Exists
from chalicelib.services.events.fanout import Fanout
from chalicelib.services.events.passes import DeliveryPass, EventPass
from chalicelib.services.runs.children import Children
from chalicelib.services.runs.chores import Chores
from chalicelib.services.runs.concurrency import Limiter
from chalicelib.services.runs.control import Control
from chalicelib.services.runs.lifecycle import Lifecycle
from chalicelib.services.runs.programs import Programs
from chalicelib.services.runs.runs import Runs
from chalicelib.services.runs.worker import Worker, WorkerSettings
from chalicelib.services.schedules.firing import Firing
from chalicelib.services.schedules.schedules import Schedules
from chalicelib.services.schedules.targets import WorkflowTarget
from chalicelib.services.schedules.triggers import TriggerSchedules
from chalicelib.services.tick import SchedulePass, Tick
from tests.event_fakes import (
    MemoryDeliveryQueue,
    MemoryDeliveryStore,
    MemoryEndpointStore,
    MemoryEventStore,
    MemorySubscriptionStore,
    MemoryUsageStore,
)
from tests.fakes import (
    START,
    FixedClock,
    FunctionSender,
    InlineSpawner,
    MemoryCounterStore,
    MemoryHookStore,
    MemoryMarkStore,
    MemoryRunQueue,
    MemoryRunStore,
    MemorySlotStore,
    MemoryWorkflowStore,
    SeededEntropy,
)
from tests.schedule_fakes import MemoryScheduleQueue, MemoryScheduleStore

WORKSPACE = "ws_1"
OWNER = Principal("user_1", WORKSPACE, "key_1", frozenset("*"))


SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


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
        handlers = {**emit.handlers(lambda: self.events, self.clock), **chore.handlers(lambda: self.chores)}
        self.performer = NodeRegistry(self.clock, self.sender, handlers)
        self.access = Access(self.workflows, MemoryHookStore())
        self.service = Runs(
            store=self.runs,
            queue=self.queue,
            marks=MemoryMarkStore(self.clock),
            access=self.access,
            programs=self.programs,
            performer=self.performer,
            clock=self.clock,
            entropy=SeededEntropy(),
            spawner=InlineSpawner(),
            announcer=lambda: self.lifecycle,
        )
        self.control = Control(
            store=self.runs, queue=self.queue, runs=self.service, programs=self.programs, clock=self.clock
        )
        self._furnish()
        self._schedule()
        children = Children(self.runs, self.workflows, self.queue, self.clock, self.lifecycle)
        self.limiter = Limiter(self.runs, self.slots, children, self.queue, self.clock)
        target = WorkflowTarget(self.workflows, self.service, self.runs, self.limiter, self.triggers, self.clock)
        targets = {TargetKind.WORKFLOW: target}
        self.firing = Firing(self.schedule_store, self.schedule_queue, targets, self.clock)
        self.worker = Worker(
            self.runs,
            self.queue,
            self.programs,
            self.performer,
            self.clock,
            InlineSpawner(),
            children,
            self.limiter,
            self.settings,
        )
        others = (
            EventPass(self.event_store, self.delivery_queue, self.clock),
            DeliveryPass(self.deliveries, self.delivery_queue, self.clock),
            SchedulePass(self.schedule_store, self.schedule_queue, self.clock),
        )
        self.tick = Tick(self.runs, self.queue, self.clock, others=others)

    def _furnish(self) -> None:
        """What events and deliveries need."""
        self.event_store = MemoryEventStore(self.clock)
        self.subscriptions = MemorySubscriptionStore()
        self.endpoints = MemoryEndpointStore()
        self.deliveries = MemoryDeliveryStore(self.clock)
        self.delivery_queue = MemoryDeliveryQueue(self.clock)
        self.counters = MemoryCounterStore()
        self.usage_store = MemoryUsageStore()
        self.receivers = FunctionSender(ok)
        self.emitters: dict[EmitterKind, Exists] = {EmitterKind.WORKFLOW: self.access.workflow}
        self.events = Events(
            store=self.event_store,
            subscriptions=self.subscriptions,
            queue=self.delivery_queue,
            emitters=self.emitters,
            chores=lambda: self.chores,
            clock=self.clock,
        )
        self.lifecycle = Lifecycle(self.events, self.programs.of)
        kinds = {DELETE_EVENTS: self.events.delete_slice}
        self.chores = Chores(workflows=self.workflows, runs=self.service, clock=self.clock, kinds=kinds)
        self.fanout = Fanout(
            events=self.event_store,
            subscriptions=self.subscriptions,
            endpoints=self.endpoints,
            deliveries=self.deliveries,
            queue=self.delivery_queue,
            workflows=self.workflows,
            runs=self.service,
            emitting=self.events,
            clock=self.clock,
            spawner=InlineSpawner(),
        )
        self.deliverer = Deliverer(
            self.deliveries,
            self.endpoints,
            self.delivery_queue,
            self.counters,
            self.receivers,
            self.events,
            self.clock,
        )

    def _schedule(self) -> None:
        """What schedules need."""
        self.schedule_store = MemoryScheduleStore()
        self.schedule_queue = MemoryScheduleQueue(self.clock)
        self.schedules = Schedules(
            self.schedule_store, self.schedule_queue, self.access, self.clock, SeededEntropy(seed=1)
        )
        self.triggers = TriggerSchedules(self.schedule_store, self.schedule_queue, self.workflows, self.clock)

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
        count = self.fire(seconds)
        while (hint := self.queue.receive()) is not None:
            count += 1
            self.worker.advance(hint.run_id, self.clock.now() + timedelta(seconds=seconds))
            count += self.fire(seconds)
        return count

    def fire(self, seconds: float = 300.0) -> int:
        """Works off every visible hint about a schedule; how many there were."""
        count = 0
        while (hint := self.schedule_queue.receive()) is not None:
            count += 1
            until = self.clock.now() + timedelta(seconds=seconds)
            self.firing.fire(hint.schedule_id, hint.workspace_id, until)
        return count

    def deliver(self, seconds: float = 300.0) -> int:
        """Works off every visible hint of the deliveries queue; how many there were."""
        count = 0
        while (hint := self.delivery_queue.receive()) is not None:
            count += 1
            for place in (hint.event, *hint.deliveries):
                self.take(place, seconds)
        return count

    def take(self, place: EventPlace | DeliveryPlace | None, seconds: float = 300.0) -> None:
        until = self.clock.now() + timedelta(seconds=seconds)
        if isinstance(place, EventPlace):
            self.fanout.tell(place, until)
        elif place is not None:
            self.deliverer.attempt(place, until)

    def subscribe(
        self,
        listener_id: str = "wh_1",
        kind: ListenerKind = ListenerKind.WEBHOOK,
        *,
        emitter: str = "wf_1",
        channel: str = "",
    ) -> Subscription:
        id_ = f"sub_{emitter}_{channel}_{listener_id}"
        subscription = Subscription(id_, WORKSPACE, "user_1", emitter, channel, listener_id, kind, self.clock.now())
        return self.subscriptions.create(subscription)

    def endpoint(self, endpoint_id: str = "wh_1", **members: Any) -> Endpoint:
        """Registers an endpoint, at a URL that is named for it."""
        url = members.pop("url", f"https://{endpoint_id.replace('_', '-')}.example/in")
        secrets = members.pop("secrets", (Secret(SECRET),))
        now = self.clock.now()
        endpoint = Endpoint(endpoint_id, WORKSPACE, "user_1", url, now, now, secrets, **members)
        self.endpoints.create(endpoint)
        return endpoint

    def emit(self, payload: Json, emit_id: str = "emit_1", channel: str = "", **members: Any) -> Event:
        emitter = Emitter(WORKSPACE, EmitterKind.WORKFLOW, members.pop("workflow_id", "wf_1"))
        return self.events.emit(Emission(emitter, channel, payload, emit_id, **members))

    def usage(self) -> dict[tuple[str, str], Usage]:
        """What was counted until now, by workspace and day."""
        self.worker.usage.flush(self.usage_store)
        return self.usage_store.all()

    def events_of(self, workflow_id: str = "wf_1", stream: str = "") -> list[Event]:
        """The newest, oldest first."""
        emitter = Emitter(WORKSPACE, EmitterKind.WORKFLOW, workflow_id)
        return list(reversed(self.event_store.page(emitter, stream, EventQuery(limit=100)).items))

    def deliveries_to(self, endpoint_id: str = "wh_1") -> list[Delivery]:
        """Oldest first, whole."""
        page = self.deliveries.page(WORKSPACE, endpoint_id, DeliveryFilter(), after=None, limit=2000)
        return [self.deliveries.get(WORKSPACE, endpoint_id, each.id) for each in reversed(page.items)]

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
