"""A deployment in a world: the real services over the fakes, with the scheduler and the faults at every port.

Each part has a name by which a test may put something broken in its place, and each port one by which somebody may
watch it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from chalicelib.domain.events import EmitterKind, EventPlace
from chalicelib.domain.schedules import TargetKind
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.nodes import chore, emit
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.events.attempts import Deliverer
from chalicelib.services.events.deliveries import Deliveries
from chalicelib.services.events.endpoints import Endpoints
from chalicelib.services.events.events import DELETE_EVENTS, Events
from chalicelib.services.events.fanout import Fanout
from chalicelib.services.events.passes import DeliveryPass, EventPass
from chalicelib.services.events.subscriptions import Subscriptions
from chalicelib.services.ports import HttpSender
from chalicelib.services.runs.children import Children
from chalicelib.services.runs.chores import Chores
from chalicelib.services.runs.concurrency import Limiter
from chalicelib.services.runs.control import Control
from chalicelib.services.runs.lifecycle import Lifecycle
from chalicelib.services.runs.programs import Programs
from chalicelib.services.runs.runs import Runs
from chalicelib.services.runs.worker import Worker, WorkerSettings
from chalicelib.services.schedules.firing import Firing, FiringSettings
from chalicelib.services.schedules.schedules import Schedules
from chalicelib.services.schedules.targets import WorkflowTarget
from chalicelib.services.schedules.triggers import TriggerSchedules
from chalicelib.services.tick import SchedulePass, Tick
from chalicelib.services.workflows import Workflows
from tests.event_fakes import (
    MemoryDeliveryStore,
    MemoryEndpointStore,
    MemoryEventStore,
    MemorySubscriptionStore,
)
from tests.fakes import (
    InlineSpawner,
    MemoryCounterStore,
    MemoryHookStore,
    MemoryMarkStore,
    MemoryRunStore,
    MemorySlotStore,
    MemoryWorkflowStore,
    SeededEntropy,
)
from tests.schedule_fakes import MemoryScheduleStore
from tests.simulator.faults import Faults
from tests.simulator.flow_wiring import FlowStores, FlowWiring
from tests.simulator.functions import Handle, MessageFunction, TickFunction
from tests.simulator.ports import (
    ActorSpawner,
    FireMessage,
    ObservedPerformer,
    Observer,
    Port,
    SimulatedQueue,
    SkewedClock,
    StaleIndex,
)
from tests.simulator.source_wiring import SourceStores, SourceWiring
from tests.simulator.world import KilledError, World

Sabotage = Mapping[str, Callable[[Any], Any]]
"""By the name of a part, what makes something broken of it."""

PROCESSES = 3
"""How many processes of one function there are at most: what a process keeps to itself, it keeps from the others."""


class Stores:
    """What is stored, as it is, without anything in between."""

    def __init__(self, clock: Any) -> None:
        self.workflows = MemoryWorkflowStore()
        self.hooks = MemoryHookStore()
        self.runs = MemoryRunStore(clock)
        self.slots = MemorySlotStore(clock)
        self.marks = MemoryMarkStore(clock)
        self.counters = MemoryCounterStore()
        self.events = MemoryEventStore(clock)
        self.subscriptions = MemorySubscriptionStore()
        self.endpoints = MemoryEndpointStore()
        self.deliveries = MemoryDeliveryStore(clock)
        self.schedules = MemoryScheduleStore()
        self.of_flows = FlowStores(clock)
        self.of_sources = SourceStores()


class Deployment:
    """`observers` watch ports by name; `passes` are the kinds of due indexes that the tick looks at besides that of the
    runs; `to_connections` is what flows send with, where there are flows."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        stores: Stores,
        *,
        seed: int,
        senders: tuple[HttpSender, HttpSender],
        begins: Callable[[Any], None],
        observers: Mapping[str, Observer],
        sabotage: Sabotage,
        passes: tuple[str, ...],
        earliest_due: Callable[[], datetime | None],
        to_connections: HttpSender | None = None,
    ) -> None:
        self._world = world
        self._faults = faults
        self.stores = stores
        self._to_connections = to_connections
        self._observers = observers
        self._sabotage = sabotage
        self._entropy = SeededEntropy(seed)
        self.clock = SkewedClock(world)
        to_nodes, to_endpoints = senders
        self._seed = seed
        self._wire_ports()
        self._wire_runs(NodeRegistry(self.clock, to_nodes, self._handlers()), begins)
        self._wire_events(to_endpoints)
        self._wire_schedules()
        self._wire_functions(passes, earliest_due)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _part(self, name: str, part: Any) -> Any:
        return self._sabotage[name](part) if name in self._sabotage else part

    def _port(self, name: str, target: object) -> Any:
        return Port(self._world, self._faults, name, target, self._observers.get(name))

    def _store(self, name: str) -> Any:
        return self._port(name, self._part(name, getattr(self.stores, name)))

    def _stale_store(self, name: str) -> Any:
        broken = self._part(name, getattr(self.stores, name))
        return self._port(name, StaleIndex(self._world, self._faults, broken))

    def _wire_ports(self) -> None:
        world, faults = self._world, self._faults
        self._visibility_ms = world.random.choice((60_000, 1_800_000))
        messages = SimulatedQueue(world, faults, lambda body: self.function.deliver(body))
        hints = SimulatedQueue(world, faults, lambda body: self.deliveries_function.deliver(body))
        self.queue = self._port("queue", messages)
        self._delivery_queue = self._port("delivery_queue", hints)
        self.run_store = self._stale_store("runs")
        self._event_store = self._stale_store("events")
        self._delivery_store = self._stale_store("deliveries")
        self.schedule_store = self._stale_store("schedules")
        self.workflow_store = self._store("workflows")
        self._subscription_store = self._store("subscriptions")
        self._endpoint_store = self._store("endpoints")
        self.mark_store = self._store("marks")

    def _handlers(self) -> Mapping[str, Any]:
        known = {**emit.handlers(lambda: self.events, self.clock), **chore.handlers(lambda: self.chores)}
        known |= self.of_sources.handlers
        if self._to_connections is None:
            return known
        return {**known, **self.of_flows.handlers}

    @cached_property
    def of_flows(self) -> FlowWiring:
        assert self._to_connections is not None, "there are no flows"
        return FlowWiring(self._world, self, self._to_connections, self._flow_store, self._part, self._seed)

    @cached_property
    def of_sources(self) -> SourceWiring:
        return SourceWiring(self, self.stores.of_sources, self._source_store, self._port, self._part, self._seed)

    def _source_store(self, name: str) -> Any:
        return self._port(name, self._part(name, getattr(self.stores.of_sources, name)))

    def _flow_store(self, name: str) -> Any:
        return self._port(name, self._part(name, getattr(self.stores.of_flows, name)))

    def _wire_runs(self, registry: NodeRegistry, begins: Callable[[Any], None]) -> None:
        clock = self.clock
        self.programs = Programs(self.workflow_store)
        performer = ObservedPerformer(self._world, registry, begins)
        self.access = Access(self.workflow_store, self.stores.hooks)
        self.runs = self._part(
            "starting",
            Runs(
                store=self.run_store,
                queue=self.queue,
                access=self.access,
                programs=self.programs,
                performer=performer,
                marks=self.mark_store,
                clock=clock,
                entropy=self._entropy,
                spawner=InlineSpawner(),
                announcer=lambda: lifecycle,
            ),
        )
        self.control = Control(
            store=self.run_store, queue=self.queue, runs=self.runs, programs=self.programs, clock=clock
        )
        self.events = Events(
            store=self._event_store,
            subscriptions=self._subscription_store,
            queue=self._delivery_queue,
            emitters={
                EmitterKind.WORKFLOW: self.access.workflow,
                EmitterKind.SOURCE: lambda principal, id_, scope: self.of_sources.sources.get(principal, id_, scope),
            },
            chores=lambda: self.chores,
            clock=clock,
        )
        lifecycle = self._part("lifecycle", Lifecycle(self.events, self.programs.of))
        children = Children(self.run_store, self.workflow_store, self.queue, clock, lifecycle)
        slots = self._store("slots")
        self.limiter = self._part("limiter", Limiter(self.run_store, slots, children, self.queue, clock))
        self._worker = self._part(
            "worker",
            Worker(
                self.run_store,
                self.queue,
                self.programs,
                performer,
                clock,
                ActorSpawner(self._world),
                children,
                self.limiter,
                self._settings(),
            ),
        )

    def _settings(self) -> WorkerSettings:
        rng = self._world.random
        return WorkerSettings(
            lease=rng.choice((60.0, 20.0)),
            slice=rng.choice((120.0, 10.0)),
            slice_steps=rng.choice((1000, 3, 1)),
            max_parallel_steps=rng.choice((16, 2, 1)),
            max_stalls=rng.choice((8, 100_000)),
            slot_wait=60.0,
            longest_slot_wait=7200.0,
        )

    def _wire_events(self, sender: HttpSender) -> None:
        clock = self.clock
        self.deliveries = Deliveries(
            self._delivery_store, self._endpoint_store, self._delivery_queue, lambda: self.chores, clock, self._entropy
        )
        self.chores = Chores(
            workflows=self.workflow_store,
            runs=self.runs,
            clock=clock,
            kinds={DELETE_EVENTS: self.events.delete_slice, **self.deliveries.slices},
        )
        self.endpoints = Endpoints(
            store=self._endpoint_store,
            subscriptions=self._subscription_store,
            deliveries=self.deliveries,
            marks=self.mark_store,
            clock=clock,
            entropy=self._entropy,
            check_url=lambda url: None,
        )
        self.subscriptions = Subscriptions(
            self._subscription_store,
            self._endpoint_store,
            self.access,
            clock,
            self._entropy,
            lambda workspace_id, id_: self.of_sources.sources.check(workspace_id, id_),
        )
        self._fanout = self._part(
            "fanout",
            Fanout(
                events=self._event_store,
                subscriptions=self._subscription_store,
                endpoints=self._endpoint_store,
                deliveries=self._delivery_store,
                queue=self._delivery_queue,
                workflows=self.workflow_store,
                runs=self.runs,
                emitting=self.events,
                clock=clock,
                spawner=ActorSpawner(self._world),
                others={ListenerKind.SOURCE: lambda event, heard: self.of_sources.sources.tell(event, heard)},
            ),
        )
        self.counters = self._store("counters")
        self._new_deliverer = lambda: self._deliverer(self.counters, sender)
        self._deliverers = [self._new_deliverer() for _ in range(PROCESSES)]

    def _deliverer(self, counters: Any, sender: HttpSender) -> Any:
        deliverer = Deliverer(
            deliveries=self._delivery_store,
            endpoints=self._endpoint_store,
            queue=self._delivery_queue,
            counters=counters,
            sender=sender,
            emitting=self.events,
            clock=self.clock,
        )
        return self._part("deliverer", deliverer)

    def _wire_schedules(self) -> None:
        clock = self.clock
        self.schedules = Schedules(self.schedule_store, self.queue, self.access, clock, self._entropy)
        triggers = TriggerSchedules(self.schedule_store, self.queue, self.workflow_store, clock)
        self.workflows = Workflows(
            workflows=self.workflow_store,
            hooks=self.stores.hooks,
            runs=self.runs,
            access=self.access,
            clock=clock,
            entropy=self._entropy,
            watchers=(self.subscriptions, triggers),
        )
        target = WorkflowTarget(self.workflow_store, self.runs, self.run_store, self.limiter, triggers, clock)
        settings = FiringSettings(slice=self._world.random.choice((100, 3)))
        targets = {TargetKind.WORKFLOW: self._part("target", target), TargetKind.SOURCE: self.of_sources.target}
        self._firing = self._part("firing", Firing(self.schedule_store, self.queue, targets, clock, settings))

    # -- functions ----------------------------------------------------------------------------------------------------

    def _wire_functions(self, passes: tuple[str, ...], earliest_due: Callable[[], datetime | None]) -> None:
        world, faults = self._world, self._faults
        visibility_ms = self._visibility_ms
        self.function = MessageFunction(world, faults, "worker", lambda: self._run_or_fire, visibility_ms)
        self.deliveries_function = MessageFunction(
            world, faults, "deliverer", self._delivery_process, world.random.choice((90_000, 1_800_000))
        )
        every = {
            "events": EventPass(self._event_store, self._delivery_queue, self.clock),
            "deliveries": DeliveryPass(self._delivery_store, self._delivery_queue, self.clock),
            "schedules": SchedulePass(self.schedule_store, self.queue, self.clock),
        }
        others = tuple(every[name] for name in passes)
        tick = self._part("tick", Tick(self.run_store, self.queue, self.clock, others=cast(Any, others)))
        self.ticks = TickFunction(world, faults, tick, earliest_due)

    def advance(self, run_id: str, until: datetime) -> None:
        """As whoever calls does it who is a worker himself, for a while."""
        self._worker.advance(run_id, until)

    def _run_or_fire(self, body: object, until: datetime) -> None:
        if isinstance(body, FireMessage):
            self._firing.fire(body.schedule_id, body.workspace_id, until)
        else:
            self._worker.advance(body, until)

    def _delivery_process(self) -> Handle:
        number = self._world.random.randrange(PROCESSES)
        deliverer = self._deliverers[number]

        def handle(body: Any, until: datetime) -> None:
            try:
                if isinstance(body, EventPlace):
                    self._fanout.tell(body, until)
                else:
                    deliverer.attempt(body, until)
            except KilledError:
                # What the process kept to itself is gone with it.
                self._deliverers[number] = self._new_deliverer()
                raise

        return handle
