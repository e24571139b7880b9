"""Kinds of definitions: one per dialect that has any. A kind knows how its documents look in a file and at the API.

Another dialect joins by a `Kind` of its own in `KINDS`; nothing else asks what a definition is written in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from chalicelib.cli.client import Client
from chalicelib.cli.definitions.places import Path
from chalicelib.domain.json import Json

Document = Mapping[str, Json]
Parted = tuple[dict[str, Json], Mapping[str, Json]]
"""A definition as the API shows it, with masks in place of secrets; and the secrets, by their paths."""

FILE_MEMBERS = frozenset({"$schema", "kind", "key", "id", "status", "schedules", "subscriptions"})
"""What a file may say beside the definition, whatever its kind."""

GIVE_UP = object()
"""In place of an element: nothing after it can be judged without it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A definition in a list of the API."""

    id: str
    name: str
    scope: str = ""


class Kind(ABC):
    """`scope` is what the API needs to find a definition beside its id, such as a namespace; empty where nothing."""

    name: ClassVar[str]
    has_status: ClassVar[bool] = False
    is_workflow: ClassVar[bool] = True
    """Whether it can be run, and so have schedules and subscriptions."""
    has_variables: ClassVar[bool] = False
    """Whether its texts may come from the environment."""
    mask: ClassVar[str | None] = None
    """What the API shows in place of a secret."""

    @abstractmethod
    def fits(self, document: Document) -> bool:
        """Whether a document that does not say its kind is of this one."""

    @abstractmethod
    def title(self, document: Document) -> str:
        """What people call it; empty where the document does not say."""

    @abstractmethod
    def complaints(self, document: Document) -> Iterator[tuple[Path, str]]:
        """What is wrong outside of what the compiler reads."""

    @abstractmethod
    def compile(self, document: Document) -> None:
        """Raises DefinitionError."""

    def element(self, path: Path) -> Path | None:
        """The innermost part of the definition (a node, a connection, a task) that the path leads into."""
        return None

    def neutral(self, element: Any) -> Any:
        """An element that others may refer to as to this one, and with which nothing is wrong; None if it can be left
        out, GIVE_UP if nothing can take its place."""
        return GIVE_UP

    def references(self, document: Document) -> Iterator[tuple[Path, str]]:
        """Keys of other files, and where they stand."""
        yield from ()

    def named(self, document: Document) -> Iterator[tuple[Path, str]]:
        """Ids of other definitions, and where they stand."""
        yield from ()

    def may_name(self, path: Path, other: Kind) -> bool:
        """Whether a reference at this path may lead to a definition of that kind."""
        return other.is_workflow

    @property
    def folder(self) -> str:
        """Where an export writes its files: empty, or with a slash at its end."""
        return ""

    def scope(self, document: Document) -> str:
        return ""

    @abstractmethod
    def desired(self, document: Document) -> dict[str, Json]:
        """A file's definition in the form in which it is compared."""

    def parted(self, desired: dict[str, Json]) -> Parted:
        """Secrets are those that a file has and the API masks; a mask is none."""
        return desired, {}

    @abstractmethod
    def comparable(self, shown: Document) -> dict[str, Json]:
        """The API's answer in the same form."""

    @abstractmethod
    def updated_at(self, shown: Document) -> str: ...

    @abstractmethod
    def list(self, client: Client, scopes: tuple[str, ...]) -> list[Found]: ...

    @abstractmethod
    def get(self, client: Client, id_: str, scope: str) -> dict[str, Json] | None:
        """None if it does not exist."""

    @abstractmethod
    def create(self, client: Client, desired: dict[str, Json], scope: str) -> str:
        """The new definition's id."""

    @abstractmethod
    def update(self, client: Client, id_: str, desired: dict[str, Json], shown: Document, scope: str) -> None:
        """Makes it what is desired; members that are no longer there are taken away."""

    @abstractmethod
    def delete(self, client: Client, id_: str, scope: str) -> None: ...


def kinds() -> Mapping[str, Kind]:
    from chalicelib.cli.definitions.celigo import KINDS as CELIGO
    from chalicelib.cli.definitions.exeoflow import Exeoflow
    from chalicelib.cli.definitions.twinit import Twinit

    return {kind.name: kind for kind in (Exeoflow(), Twinit(), *CELIGO)}


def kind_of(document: Document) -> Kind | str:
    """The kind, or why there is none."""
    known = kinds()
    named = document.get("kind")
    if named is not None:
        return known.get(str(named)) or f"'{named}' is none of the kinds {', '.join(known)}"
    fitting = [kind for kind in known.values() if kind.fits(document)]
    if len(fitting) == 1:
        return fitting[0]
    return f'what is this? say "kind": one of {", ".join(known)}'
