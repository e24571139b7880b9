"""Components, sources and accounts over in-memory stores and the real sandbox, for the API's world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.domain.json import Json
from chalicelib.domain.schedules import TargetKind
from chalicelib.nodes import source as source_node
from chalicelib.nodes.code import CodeNodes
from chalicelib.nodes.steps import Handler
from chalicelib.sandbox.runner import ProcessRunner
from chalicelib.services.limits import Limits
from chalicelib.services.sources.accounts import Accounts
from chalicelib.services.sources.code_steps import CodeSteps
from chalicelib.services.sources.component_fetch import ComponentFetcher
from chalicelib.services.sources.components import Components
from chalicelib.services.sources.http import REQUESTS_PER_MINUTE, SourceRequests
from chalicelib.services.sources.runs import SourceRuns
from chalicelib.services.sources.sources import Sources
from chalicelib.services.sources.timers import SourceTarget, SourceTimers
from chalicelib.store.sources.registry import DirectoryRegistry
from tests import fakes
from tests.api.event_half import EventHalf
from tests.schedule_fakes import MemoryScheduleQueue, MemoryScheduleStore
from tests.source_fakes import (
    LabelVault,
    MemoryAccountStore,
    MemoryComponentStore,
    MemorySourceStateStore,
    MemorySourceStore,
)

if TYPE_CHECKING:
    from chalicelib.services.runs.runs import Runs

REGISTRY = Path(__file__).resolve().parents[2] / "chalicelib" / "registry"


@cache
def sandbox() -> ProcessRunner:
    """One for all worlds of a process; it ends with it."""
    return ProcessRunner()


class SourceHalf:
    """`serve` is given what runs need that are made later."""

    def __init__(
        self,
        clock: fakes.FixedClock,
        entropy: fakes.SeededEntropy,
        half: EventHalf,
        sender: fakes.FunctionSender,
        schedules: tuple[MemoryScheduleStore, MemoryScheduleQueue],
    ) -> None:
        self.clock = clock
        self._entropy = entropy
        self._half = half
        self._sender = sender
        self.component_store = MemoryComponentStore()
        self.source_store = MemorySourceStore()
        self.state_store = MemorySourceStateStore()
        self.account_store = MemoryAccountStore()
        self.accounts = Accounts(self.account_store, LabelVault(), clock, entropy)
        self.components = Components(
            self.component_store,
            DirectoryRegistry(REGISTRY),
            ComponentFetcher(sender, clock),
            sandbox,
            clock,
            entropy,
        )
        self.source_runs = SourceRuns(
            sources=self.source_store,
            states=self.state_store,
            load=self.components.load,
            js=sandbox,
            http=sender,
            events=half.events,
            credentials=self._credentials,
            clock=clock,
        )
        self.timers = SourceTimers(*schedules, clock)

    @property
    def stores(self) -> tuple[object, ...]:
        return (self.component_store, self.source_store, self.state_store, self.account_store)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        steps = CodeSteps(self.components, sandbox, self._sender, self._credentials)
        nodes = CodeNodes(lambda: steps, lambda: self._half.events)
        return {**source_node.handlers(lambda: self.source_runs), **nodes.handlers()}

    def targets(self, runs: Runs, run_store: fakes.MemoryRunStore) -> Mapping[TargetKind, SourceTarget]:
        target = SourceTarget(self.source_store, self.components.load, self.timers, runs, run_store, self.clock)
        return {TargetKind.SOURCE: target}

    def sources(self, runs: Runs) -> Sources:
        made = Sources(
            store=self.source_store,
            components=self.components,
            source_runs=self.source_runs,
            runs=runs,
            timers=self.timers,
            subscriptions=self._half.subscriptions,
            events=self._half.events,
            check_account=self.accounts.app_of,
            clock=self.clock,
            entropy=self._entropy,
        )
        self._half.real_sources = made
        return made

    def requests(
        self,
        runs: Runs,
        run_store: fakes.MemoryRunStore,
        counters: fakes.MemoryCounterStore,
        advance: Callable[[str, datetime], None],
    ) -> SourceRequests:
        limits = Limits(counters, self.clock, REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE)
        return SourceRequests(self.source_store, self.components.load, runs, run_store, advance, limits, self.clock)

    def _credentials(self, workspace_id: str, account_id: str) -> Mapping[str, Json]:
        return self.accounts.credentials(workspace_id, account_id)
