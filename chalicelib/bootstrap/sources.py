"""The services of components and of the sources made of them; code of users runs only here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.bootstrap.runs import RunServices

if TYPE_CHECKING:
    from chalicelib.domain.json import Json
    from chalicelib.nodes.code import CodeNodes
    from chalicelib.nodes.steps import Handler
    from chalicelib.services.sources.accounts import Accounts
    from chalicelib.services.sources.code_steps import CodeSteps
    from chalicelib.services.sources.components import Components
    from chalicelib.services.sources.runs import SourceRuns
    from chalicelib.services.sources.scripts import Scripts
    from chalicelib.services.sources.sources import Sources
    from chalicelib.services.sources.timers import SourceTimers

REGISTRY = Path(__file__).resolve().parent.parent / "registry"
"""The components that everybody has, unless the settings name another directory."""


class SourceServices(RunServices):
    @cached_property
    def components(self) -> Components:
        # Few functions have to do with components; what those need the others do not load.
        from chalicelib.services.sources.component_fetch import ComponentFetcher
        from chalicelib.services.sources.components import Components
        from chalicelib.store.sources.registry import DirectoryRegistry

        configured = self.settings.component_registry
        registry = DirectoryRegistry(Path(configured) if configured else REGISTRY)
        fetcher = ComponentFetcher(self.http, self.clock)
        return Components(self.stores.components, registry, fetcher, lambda: self.js, self.clock, self.entropy)

    @cached_property
    def scripts(self) -> Scripts:
        from chalicelib.services.sources.scripts import Scripts

        return Scripts(self.components)

    @cached_property
    def code_nodes(self) -> CodeNodes:
        from chalicelib.nodes.code import CodeNodes

        return CodeNodes(lambda: self.code_steps, lambda: self.events)

    @cached_property
    def code_steps(self) -> CodeSteps:
        from chalicelib.services.sources.code_steps import CodeSteps

        return CodeSteps(self.components, lambda: self.js, self.http, self._credentials)

    def _credentials(self, workspace_id: str, account_id: str) -> Mapping[str, Json]:
        return self.accounts.credentials(workspace_id, account_id)

    @cached_property
    def accounts(self) -> Accounts:
        from chalicelib.services.sources.accounts import Accounts
        from chalicelib.store.vault import KmsVault

        vault = KmsVault(self.clients, self.settings.accounts_kms_key)
        return Accounts(self.stores.accounts, vault, self.clock, self.entropy)

    @cached_property
    def source_timers(self) -> SourceTimers:
        from chalicelib.services.sources.timers import SourceTimers

        return SourceTimers(self.stores.schedules, self.queue, self.clock)

    @cached_property
    def source_handler(self) -> Handler:
        from chalicelib.nodes import source

        return source.handlers(lambda: self.source_runs)["source"]

    @cached_property
    def source_runs(self) -> SourceRuns:
        from chalicelib.services.sources.runs import SourceRuns

        return SourceRuns(
            sources=self.stores.sources,
            states=self.stores.source_states,
            load=self.components.load,
            js=lambda: self.js,
            http=self.http,
            events=self.events,
            credentials=self._credentials,
            clock=self.clock,
        )

    @cached_property
    def sources(self) -> Sources:
        from chalicelib.services.sources.sources import Sources

        return Sources(
            store=self.stores.sources,
            components=self.components,
            source_runs=self.source_runs,
            runs=self.runs,
            timers=self.source_timers,
            subscriptions=self.subscriptions,
            events=self.events,
            check_account=lambda principal, id_: self.accounts.app_of(principal, id_),
            clock=self.clock,
            entropy=self.entropy,
        )
