"""Events, subscriptions, endpoints and deliveries over in-memory stores, for the API's world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.domain.errors import OutboundError, SourceNotFoundError
from chalicelib.domain.events import Emission, Emitter, EmitterKind, Event, emit_id
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.domain.workflow import is_source
from chalicelib.outbound import GuardedClient
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.events.attempts import Deliverer
from chalicelib.services.events.deliveries import Deliveries
from chalicelib.services.events.endpoints import Endpoints
from chalicelib.services.events.events import DELETE_EVENTS, Events
from chalicelib.services.events.fanout import Fanout
from chalicelib.services.events.subscriptions import Subscriptions
from chalicelib.services.profiles import Profiles, Quotas
from chalicelib.services.runs.chores import Chores, Slice
from tests import event_fakes, fakes

if TYPE_CHECKING:
    from chalicelib.services.runs.runs import Runs
    from chalicelib.services.sources.sources import Sources

QUOTAS = Quotas(invocations=333, compute_ms=1_800_000, credits=100)


@dataclass
class Receiver:
    """Stands for every registered URL: answers 200 until told otherwise, and remembers what it was sent."""

    status: int = 200

    def __post_init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        if self.status == 0:
            raise OutboundError
        return HttpResponse(self.status, {}, b"noted", request.url, 0.01)


class EventHalf:
    def __init__(
        self,
        clock: fakes.FixedClock,
        entropy: fakes.SeededEntropy,
        access: Access,
        workflow_store: fakes.MemoryWorkflowStore,
        mark_store: fakes.MemoryMarkStore,
        counter_store: fakes.MemoryCounterStore,
        runs: Callable[[], Runs],
    ) -> None:
        self.clock = clock
        self.event_store = event_fakes.MemoryEventStore(clock)
        self.subscription_store = event_fakes.MemorySubscriptionStore()
        self.endpoint_store = event_fakes.MemoryEndpointStore()
        self.delivery_store = event_fakes.MemoryDeliveryStore(clock)
        self.usage_store = event_fakes.MemoryUsageStore()
        self.profile_store = event_fakes.MemoryProfileStore()
        self.queue = event_fakes.MemoryDeliveryQueue(clock)
        self.receiver = Receiver()
        self.sources: set[tuple[str, str]] = set()
        self.real_sources: Sources | None = None
        self.events = Events(
            store=self.event_store,
            subscriptions=self.subscription_store,
            queue=self.queue,
            emitters={EmitterKind.WORKFLOW: access.workflow, EmitterKind.SOURCE: self._source},
            chores=lambda: self.chores,
            clock=clock,
        )
        self.subscriptions = Subscriptions(
            self.subscription_store, self.endpoint_store, access, clock, entropy, self._check_source
        )
        self.deliveries = Deliveries(
            self.delivery_store,
            self.endpoint_store,
            self.queue,
            lambda: self.chores,
            clock,
            entropy,
        )
        self.endpoints = Endpoints(
            self.endpoint_store,
            self.subscription_store,
            self.deliveries,
            mark_store,
            clock,
            entropy,
            GuardedClient().check_url,
        )
        self.profiles = Profiles(self.profile_store, self.usage_store, clock, QUOTAS)
        self.deliverer = Deliverer(
            deliveries=self.delivery_store,
            endpoints=self.endpoint_store,
            queue=self.queue,
            counters=counter_store,
            sender=self.receiver,
            emitting=self.events,
            clock=clock,
        )
        self.more_chores: dict[str, Slice] = {}
        self._workflow_store = workflow_store
        self._runs = runs

    @property
    def stores(self) -> tuple[object, ...]:
        return (
            self.event_store,
            self.subscription_store,
            self.endpoint_store,
            self.delivery_store,
            self.usage_store,
            self.profile_store,
        )

    def _source(self, principal: Principal, source_id: str, scope: Scope) -> None:
        require(principal, scope)
        self._check_source(principal.workspace_id, source_id)

    def _check_source(self, workspace_id: str, source_id: str) -> None:
        if (workspace_id, source_id) in self.sources:
            return
        if self.real_sources is None:
            raise SourceNotFoundError(source_id=source_id)
        self.real_sources.check(workspace_id, source_id)

    def emit(
        self, emitter_id: str, payload: Json, channel: str = "", workspace: str = "ws_one", **words: Json
    ) -> Event:
        """What a step of a workflow does that emits, or a source of the world's (`sources`)."""
        kind = EmitterKind.SOURCE if is_source(emitter_id) else EmitterKind.WORKFLOW
        emitter = Emitter(workspace, kind, emitter_id)
        name = f"{emitter_id}/{sum(map(len, self.event_store._streams.values()))}"
        emission = Emission(emitter, channel, payload, emit_id(self.clock.now(), name), **words)  # type: ignore[arg-type]
        return self.events.emit(emission)

    def deliver(self) -> None:
        """Works off every hint that is visible, and those that come of it."""
        until = self.clock.now() + timedelta(seconds=300)
        while (hint := self.queue.receive()) is not None:
            if hint.event is not None:
                self._fanout().tell(hint.event, until)
            for place in hint.deliveries:
                self.deliverer.attempt(place, until)

    def _fanout(self) -> Fanout:
        return Fanout(
            events=self.event_store,
            subscriptions=self.subscription_store,
            endpoints=self.endpoint_store,
            deliveries=self.delivery_store,
            queue=self.queue,
            workflows=self._workflow_store,
            runs=self._runs(),
            emitting=self.events,
            clock=self.clock,
            spawner=fakes.InlineSpawner(),
            others={} if self.real_sources is None else {ListenerKind.SOURCE: self.real_sources.tell},
        )

    @cached_property
    def chores(self) -> Chores:
        kinds = {DELETE_EVENTS: self.events.delete_slice, **self.deliveries.slices, **self.more_chores}
        return Chores(workflows=self._workflow_store, runs=self._runs(), clock=self.clock, kinds=kinds)
