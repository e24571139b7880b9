"""The house with components and sources, whose code is Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.components import Component, Listed
from chalicelib.domain.errors import AccountNotFoundError, ComponentNotFoundError
from chalicelib.domain.events import Emitter, EmitterKind, Event, EventQuery
from chalicelib.domain.http_events import HttpAnswer, HttpEvent
from chalicelib.domain.identity import Principal
from chalicelib.domain.javascript import Bundle
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import TargetKind
from chalicelib.domain.source_state import SourceState
from chalicelib.domain.sources import Source
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.nodes import chore, emit
from chalicelib.nodes import source as source_node
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.events.subscriptions import Subscriptions
from chalicelib.services.limits import Limits
from chalicelib.services.sources.component_fetch import ComponentFetcher
from chalicelib.services.sources.components import Choice, Components
from chalicelib.services.sources.http import REQUESTS_PER_MINUTE, SourceRequests
from chalicelib.services.sources.runs import SourceRuns
from chalicelib.services.sources.sandbox import JsRunner
from chalicelib.services.sources.sources import Amendment, Draft, Sources
from chalicelib.services.sources.timers import SourceTarget, SourceTimers
from tests.fakes import SeededEntropy
from tests.flows.house import OWNER, WORKSPACE, House
from tests.source_fakes import (
    Code,
    MemoryComponentStore,
    MemorySourceStateStore,
    MemorySourceStore,
    ScriptedRunner,
)

BASE_URL = "https://penstock.example"


class EmptyRegistry:
    def listed(self) -> tuple[Listed, ...]:
        return ()

    def bundle(self, key: str) -> Bundle:
        raise ComponentNotFoundError(key=key)


@dataclass
class SourceHouse(House):
    js: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.js = self.js or ScriptedRunner()
        self.component_store = MemoryComponentStore()
        self.source_store = MemorySourceStore()
        self.states = MemorySourceStateStore()
        self.secrets: dict[str, tuple[str, Mapping[str, Json]]] = {}
        self._build()

    def _build(self) -> None:
        """The services over the stores as they are now."""
        handlers = {**emit.handlers(lambda: self.events, self.clock), **chore.handlers(lambda: self.chores)}
        handlers |= source_node.handlers(lambda: self.source_runs)
        self.performer = NodeRegistry(self.clock, self.sender, handlers)
        self.worker = replace(self.worker, performer=self.performer)
        fetcher = ComponentFetcher(self.sender, self.clock)
        self.components = Components(
            self.component_store, EmptyRegistry(), fetcher, self._js, self.clock, SeededEntropy(3)
        )
        self.source_runs = SourceRuns(
            sources=self.source_store,
            states=self.states,
            load=self.components.load,
            js=self._js,
            http=self.sender,
            events=self.events,
            credentials=lambda _, id_: self._account(id_)[1],
            clock=self.clock,
        )
        self.timers = SourceTimers(self.schedule_store, self.schedule_queue, self.clock)
        self.sources = Sources(
            store=self.source_store,
            components=self.components,
            source_runs=self.source_runs,
            runs=self.service,
            timers=self.timers,
            subscriptions=Subscriptions(self.subscriptions, self.endpoints, self.access, self.clock, SeededEntropy(4)),
            events=self.events,
            check_account=lambda _, id_: self._account(id_)[0],
            clock=self.clock,
            entropy=SeededEntropy(5),
        )
        self.emitters[EmitterKind.SOURCE] = self.sources.get
        target = SourceTarget(self.source_store, self.components.load, self.timers, self.service, self.runs, self.clock)
        self.firing = replace(self.firing, targets={**self.firing.targets, TargetKind.SOURCE: target})
        self.fanout = replace(self.fanout, others={ListenerKind.SOURCE: self.sources.tell})
        self.requests = SourceRequests(
            self.source_store,
            self.components.load,
            self.service,
            self.runs,
            self.worker.advance,
            Limits(self.counters, self.clock, REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE),
            self.clock,
        )

    def _js(self) -> JsRunner:
        runner: JsRunner = self.js
        return runner

    def _account(self, id_: str) -> tuple[str, Mapping[str, Json]]:
        if id_ not in self.secrets:
            raise AccountNotFoundError(account_id=id_)
        return self.secrets[id_]

    def component(self, run: Code | None = None, **members: Any) -> Component:
        code = members.pop("code", "export default {}")
        return self.components.create(OWNER, code=self.js.add(code, run, **members))

    def deploy(
        self,
        run: Code | None = None,
        *,
        configured: Mapping[str, Json] | None = None,
        name: str | None = None,
        principal: Principal = OWNER,
        **members: Any,
    ) -> Source:
        """A source of a new component; by default one with a timer and a database."""
        members.setdefault("props", {"timer": "$.interface.timer", "db": "$.service.db"})
        component = self.component(run, **members)
        draft = Draft(Choice(component_id=component.id), BASE_URL, name, configured)
        return self.sources.create(principal, draft)

    def amend(self, source: Source, **members: Any) -> Source:
        return self.sources.update(OWNER, source.id, Amendment(BASE_URL, **members))

    def emitted(self, source: Source, stream: str = "") -> list[Event]:
        """The newest, oldest first."""
        emitter = Emitter(WORKSPACE, EmitterKind.SOURCE, source.id)
        return list(reversed(self.event_store.page(emitter, stream, EventQuery(limit=100)).items))

    def payloads(self, source: Source, stream: str = "") -> list[Json]:
        return [event.emission.payload for event in self.emitted(source, stream)]

    def state(self, source: Source) -> SourceState:
        return self.states.get(WORKSPACE, source.id)

    def request(self, source: Source, prop: str = "http", **members: Any) -> HttpAnswer:
        request = HttpEvent(members.pop("method", "POST"), **members)
        return self.requests.receive(source.endpoints[prop].key, request)

    def minutes(self, count: float) -> None:
        self.pass_time(count * 60)

    def until(self, seconds: float = 300.0) -> Any:
        return self.clock.now() + timedelta(seconds=seconds)


Build = Callable[[], SourceHouse]
