"""What sources add to a deployment: their code in a sandbox that fails, their steps, timers and addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from chalicelib.domain.components import Listed
from chalicelib.domain.errors import AccountNotFoundError, ComponentNotFoundError
from chalicelib.domain.javascript import Bundle
from chalicelib.domain.json import Json
from chalicelib.nodes import source as source_node
from chalicelib.nodes.steps import Handler
from chalicelib.services.limits import Limits
from chalicelib.services.sources.component_fetch import ComponentFetcher
from chalicelib.services.sources.components import Components
from chalicelib.services.sources.http import REQUESTS_PER_MINUTE, SourceRequests
from chalicelib.services.sources.runs import SourceRuns
from chalicelib.services.sources.sources import Sources
from chalicelib.services.sources.timers import SourceTarget, SourceTimers
from tests.fakes import SeededEntropy
from tests.source_fakes import MemoryComponentStore, MemorySourceStateStore, MemorySourceStore, ScriptedRunner


class SourceStores:
    """What is stored of sources, as it is, and the code that their components stand for."""

    def __init__(self) -> None:
        self.sources = MemorySourceStore()
        self.source_states = MemorySourceStateStore()
        self.components = MemoryComponentStore()
        self.runner = ScriptedRunner()


class _Sandbox:
    """The two moments of a call into code at which something may happen to whoever makes it."""

    def starts(self, name: str) -> None:
        return

    def ends(self, name: str) -> None:
        return


class _FaultyRunner:
    """Runs the scripted code between two calls of a port. The code itself takes no time."""

    def __init__(self, runner: ScriptedRunner, sandbox: Any) -> None:
        self._runner = runner
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._runner, name)

        def through(*arguments: Any) -> Any:
            self._sandbox.starts(name)
            report = method(*arguments)
            self._sandbox.ends(name)
            return report

        return through


class _EmptyRegistry:
    def listed(self) -> tuple[Listed, ...]:
        return ()

    def bundle(self, key: str) -> Bundle:
        raise ComponentNotFoundError(key=key)


def components_of(stores: SourceStores, js: Callable[[], Any], clock: Any, entropy: SeededEntropy) -> Components:
    """The use cases of components over what is stored; nothing is ever fetched."""
    nobody: Any = None
    return Components(stores.components, _EmptyRegistry(), ComponentFetcher(nobody, clock), js, clock, entropy)


class SourceWiring:
    """`store` gives the port of a store by its name, `port` one over anything, `part` a part as it is in this world,
    `deployment` the services that there are besides."""

    def __init__(
        self,
        deployment: Any,
        stores: SourceStores,
        store: Callable[[str], Any],
        port: Callable[[str, object], Any],
        part: Callable[[str, Any], Any],
        seed: int,
    ) -> None:
        self._deployment = deployment
        self._stores = stores
        self._part = part
        self._entropy = SeededEntropy(seed + 2)
        self._sources = store("sources")
        self._states = store("source_states")
        self._js = _FaultyRunner(stores.runner, port("sandbox", _Sandbox()))
        self._nobody: Any = None
        self.handlers: Mapping[str, Handler] = source_node.handlers(lambda: self.source_runs)

    @cached_property
    def components(self) -> Components:
        return components_of(self._stores, self._runner, self._deployment.clock, self._entropy)

    def _runner(self) -> Any:
        return self._js

    @cached_property
    def source_runs(self) -> Any:
        source_runs = SourceRuns(
            sources=self._sources,
            states=self._states,
            load=self.components.load,
            js=self._runner,
            http=self._nobody,
            events=self._deployment.events,
            credentials=_no_account,
            clock=self._deployment.clock,
        )
        return self._part("source_runs", source_runs)

    @cached_property
    def timers(self) -> SourceTimers:
        return SourceTimers(self._deployment.schedule_store, self._deployment.queue, self._deployment.clock)

    @cached_property
    def sources(self) -> Sources:
        deployment = self._deployment
        return Sources(
            store=self._sources,
            components=self.components,
            source_runs=self.source_runs,
            runs=deployment.runs,
            timers=self.timers,
            subscriptions=deployment.subscriptions,
            events=deployment.events,
            check_account=lambda _, id_: str(_no_account("", id_)),
            clock=deployment.clock,
            entropy=self._entropy,
        )

    @cached_property
    def target(self) -> Any:
        deployment = self._deployment
        target = SourceTarget(
            self._sources, self.components.load, self.timers, deployment.runs, deployment.run_store, deployment.clock
        )
        return self._part("source_target", target)

    @cached_property
    def requests(self) -> SourceRequests:
        deployment = self._deployment
        limits = Limits(deployment.counters, deployment.clock, REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE)
        return SourceRequests(
            self._sources,
            self.components.load,
            deployment.runs,
            deployment.run_store,
            lambda run_id, until: deployment.advance(run_id, until),
            limits,
            deployment.clock,
        )


def _no_account(_workspace_id: str, id_: str) -> Mapping[str, Json]:
    raise AccountNotFoundError(account_id=id_)
