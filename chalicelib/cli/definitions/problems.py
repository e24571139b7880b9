"""Every problem of a set of files at once, with the product's own compilers and without a server.

A compiler stops at the first thing that it refuses. So what it refused is noted, replaced by something harmless of the
same name, and the rest compiled again: what is found then is not a consequence of what was found before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from chalicelib.cli.definitions import beside
from chalicelib.cli.definitions.files import File
from chalicelib.cli.definitions.kinds import GIVE_UP, Kind, kind_of
from chalicelib.cli.definitions.places import Path, Problem, at, parse
from chalicelib.domain.errors import DefinitionError
from chalicelib.domain.json import Json

MOST_PER_FILE = 100
STATUSES = ("active", "inactive")
_IDENTITIES = ("id", "_name")


@dataclass(frozen=True, slots=True)
class Definition:
    """A file with a definition whose kind is known. `key` names it in references and in the lock."""

    file: File
    kind: Kind
    key: str

    @property
    def document(self) -> dict[str, Json]:
        return self.file.document


def examine(files: Iterable[File], *, is_whole: bool = True) -> tuple[list[Definition], list[Problem]]:
    """The definitions in an order in which each comes after those that it refers to, and all that is wrong. Unless
    these files are all there are, they may refer to others."""
    definitions: list[Definition] = []
    problems: list[Problem] = []
    for file in files:
        kind = kind_of(file.document)
        if isinstance(kind, str):
            problems.append(file.problem(kind, ("kind",) if "kind" in file.document else ()))
            continue
        key = file.document.get("key", file.key)
        if not isinstance(key, str) or not key or len(key) > 200 or key != key.strip():
            problems.append(file.problem("has to be a text of 1 to 200 characters", ("key",)))
            key = file.key
        definition = Definition(file, kind, key)
        definitions.append(definition)
        problems += _own_problems(definition)
    problems += _twins(definitions)
    ordered, of_references = _in_order(definitions, is_whole)
    return ordered, sorted((*problems, *of_references), key=_position)


def _position(problem: Problem) -> tuple[Any, ...]:
    return PurePosixPath(problem.file), (problem.at.line, problem.at.column) if problem.at else (0, 0), problem.pointer


def _own_problems(definition: Definition) -> Iterator[Problem]:
    file, kind = definition.file, definition.kind
    for path, message in (
        *kind.complaints(file.document),
        *_of_status(definition),
        *(beside.complaints(file.document) if kind.is_workflow else _of_beside(definition)),
        *_of_compiler(kind, file.document),
    ):
        yield file.problem(message, path)


def _of_status(definition: Definition) -> Iterator[tuple[Path, str]]:
    status = definition.document.get("status", STATUSES[0])
    if not definition.kind.has_status and "status" in definition.document:
        yield ("status",), f"a definition of the kind {definition.kind.name} has no status"
    elif status not in STATUSES:
        yield ("status",), f"has to be {' or '.join(STATUSES)}"
    if not isinstance(definition.document.get("id", ""), str):
        yield ("id",), "has to be a text"


def _of_beside(definition: Definition) -> Iterator[tuple[Path, str]]:
    for name in beside.MEMBERS:
        if name in definition.document:
            yield (name,), f"a definition of the kind {definition.kind.name} has no {name}"


def _of_compiler(kind: Kind, document: dict[str, Json]) -> Iterator[tuple[Path, str]]:
    draft = _Draft(copy.deepcopy(document))
    for _ in range(MOST_PER_FILE):
        try:
            kind.compile(draft.document)
        except DefinitionError as error:
            path = parse(error.field or "", draft.document)
            if not (draft.has_lost_connections and path[-1:] == ("on_error",)):
                yield draft.original(path), str(error.facts.get("reason") or error.message)
            if not draft.repair(kind, path):
                return
        else:
            return


@dataclass
class _Draft:
    """A copy that is repaired step by step, and knows where its items stood in the original."""

    document: Any
    has_lost_connections: bool = False
    _indexes: dict[int, list[int]] = field(default_factory=dict)

    def original(self, path: Path) -> Path:
        found: list[str | int] = []
        value = self.document
        for part in path:
            indexes = self._indexes.get(id(value))
            found.append(indexes[part] if indexes and isinstance(part, int) and part < len(indexes) else part)
            value = at(value, (part,))
        return tuple(found)

    def repair(self, kind: Kind, path: Path) -> bool:
        """Whether there is anything left to be compiled."""
        element = kind.element(path)
        if element is None:
            return self._remove(path)
        *before, index = element
        items = at(self.document, before)
        if not isinstance(items, list) or not isinstance(index, int) or index >= len(items):
            return False
        # Whose identity is refused, cannot be what others refer to.
        neutral = None if path in ((*element, name) for name in _IDENTITIES) else kind.neutral(items[index])
        if neutral is GIVE_UP or neutral == items[index]:
            return False
        if neutral is None:
            self._indexes.setdefault(id(items), [*range(len(items))]).pop(index)
            items.pop(index)
            self.has_lost_connections |= before[-1] == "connections"
        else:
            items[index] = neutral
        return True

    def _remove(self, path: Path) -> bool:
        """A member that belongs to no element. Of one that has to be there nothing can take the place."""
        while len(path) > 1 and path[0] in self.document and path[-1] not in {"connections"}:
            path = path[:-1]
        holder = at(self.document, path[:-1])
        if not path or not isinstance(holder, dict) or path[-1] not in holder:
            return False
        del holder[path[-1]]
        self.has_lost_connections |= path[-1] == "connections"
        return True


def _twins(definitions: Sequence[Definition]) -> Iterator[Problem]:
    first: dict[str, Definition] = {}
    for definition in definitions:
        other = first.setdefault(definition.key, definition)
        if other is not definition:
            message = f"the key '{definition.key}' is that of {other.file.path}, too"
            yield definition.file.problem(message, ("key",) if "key" in definition.document else ())


def _in_order(definitions: Sequence[Definition], is_whole: bool) -> tuple[list[Definition], list[Problem]]:
    """Depth first, in the order of the files where nothing else decides."""
    known = {definition.key: definition for definition in definitions}
    ordered: list[Definition] = []
    problems: list[Problem] = []
    done: set[str] = set()

    def visit(definition: Definition, trail: tuple[str, ...]) -> None:
        if definition.key in done:
            return
        for path, key in definition.kind.references(definition.document):
            if key in (*trail, definition.key):
                circle = " → ".join((*(*trail, definition.key)[(*trail, definition.key).index(key) :], key))
                problems.append(definition.file.problem(f"the files refer to one another in a circle: {circle}", path))
            elif key not in known and is_whole:
                problems.append(definition.file.problem(f"there is no file with the key '{key}'", path))
            elif key in known:
                if not definition.kind.may_name(path, known[key].kind):
                    message = f"'{key}' is of the kind {known[key].kind.name}, which cannot stand here"
                    problems.append(definition.file.problem(message, path))
                visit(known[key], (*trail, definition.key))
        if definition.key not in done:
            done.add(definition.key)
            ordered.append(definition)

    for definition in definitions:
        visit(definition, ())
    return ordered, problems
