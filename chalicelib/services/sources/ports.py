"""What components, sources and accounts need from the outside. Every method may raise UnavailableError."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from chalicelib.domain.accounts import Account
from chalicelib.domain.components import Component, ComponentFiles, Listed
from chalicelib.domain.javascript import Bundle
from chalicelib.domain.source_state import SourceState
from chalicelib.domain.sources import Source


class ComponentStore(Protocol):
    """Components never change. Reads are consistent."""

    def create(self, component: Component, files: ComponentFiles) -> None:
        """Raises AlreadyExistsError."""

    def get(self, workspace_id: str, component_id: str) -> Component:
        """Raises ComponentNotFoundError."""

    def files(self, workspace_id: str, component_id: str) -> ComponentFiles:
        """Raises ComponentNotFoundError."""

    def latest(self, workspace_id: str, key: str) -> Component:
        """The one with this key that was created last. Raises ComponentNotFoundError."""

    def script(self, workspace_id: str, name: str) -> Component:
        """The script of this name that was created last. Raises ComponentNotFoundError."""

    def list(self, workspace_id: str) -> tuple[Component, ...]:
        """Newest first (created_at, then id), scripts left out."""

    def scripts(self, workspace_id: str) -> tuple[Component, ...]:
        """Newest first, those too that were replaced."""


class Registry(Protocol):
    """Public components, which every workspace has."""

    def listed(self) -> tuple[Listed, ...]: ...

    def bundle(self, key: str) -> Bundle:
        """The component's files, with those that it imports. Raises ComponentNotFoundError."""


class SourceStore(Protocol):
    """Reads are consistent."""

    def create(self, source: Source) -> None:
        """Raises AlreadyExistsError."""

    def get(self, workspace_id: str, source_id: str) -> Source:
        """Also one that is being deleted. Raises SourceNotFoundError."""

    def replace(self, source: Source) -> None:
        """Stores the source over the revision before its own. Raises StaleWriteError, SourceNotFoundError."""

    def delete(self, workspace_id: str, source_id: str) -> None: ...

    def list(self, workspace_id: str) -> tuple[Source, ...]:
        """Newest first (created_at, then id), those of every owner and those that are being deleted too."""

    def find(self, endpoint_key: str) -> Source:
        """The source whose HTTP prop has this key, in whichever workspace. Raises SourceNotFoundError."""

    def claim_slug(
        self, workspace_id: str, owner_id: str, slug: str, source_id: str, at: datetime, instead_of: str | None = None
    ) -> tuple[str, datetime]:
        """Claims a slug among those of its owner, if nobody has it but `instead_of`; returns who has it now, and since
        when."""

    def release_slug(self, workspace_id: str, owner_id: str, slug: str, source_id: str) -> None:
        """Nothing happens if somebody else has it."""


class SourceStateStore(Protocol):
    """Reads are consistent."""

    def get(self, workspace_id: str, source_id: str) -> SourceState:
        """One of version 0 if none is stored."""

    def put(self, state: SourceState) -> None:
        """Stores the state over the version before its own. Raises StaleWriteError."""

    def delete(self, workspace_id: str, source_id: str) -> None: ...


class AccountStore(Protocol):
    """Reads are consistent."""

    def create(self, account: Account) -> None:
        """Raises AlreadyExistsError."""

    def get(self, workspace_id: str, account_id: str) -> Account:
        """Raises AccountNotFoundError."""

    def replace(self, account: Account) -> None:
        """Stores the account over the revision before its own. Raises StaleWriteError, AccountNotFoundError."""

    def delete(self, workspace_id: str, account_id: str) -> None: ...

    def list(self, workspace_id: str) -> tuple[Account, ...]:
        """Newest first (created_at, then id)."""


class Vault(Protocol):
    """Keeps secrets unreadable to whoever has the database alone. What was sealed for one context cannot be opened for
    another."""

    def seal(self, plain: bytes, context: Mapping[str, str]) -> str:
        """Raises TooLargeError."""

    def open(self, sealed: str, context: Mapping[str, str]) -> bytes:
        """Raises InvalidError for what was not sealed for this context."""
