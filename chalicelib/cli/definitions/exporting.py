"""Writing a workspace's definitions into files, and into the lock, so that a plan that follows has nothing to do."""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chalicelib.cli.client import Client
from chalicelib.cli.definitions import files, variables
from chalicelib.cli.definitions.beside import SCHEDULE_DEFAULTS, Beside, owned_of
from chalicelib.cli.definitions.differences import holds
from chalicelib.cli.definitions.kinds import Kind, kind_of, kinds
from chalicelib.cli.definitions.lock import Item, Lock, digest
from chalicelib.cli.definitions.places import at
from chalicelib.cli.exits import CommandError
from chalicelib.domain.json import Json

_OUTSIDE = re.compile(r"[^a-z0-9]+")
_LONGEST_STEM = 60


@dataclass(slots=True)
class Pulled:
    """A definition as it will be written. `notes` say what its file could not hold."""

    kind: Kind
    id: str
    scope: str
    shown: dict[str, Json]
    key: str = ""
    document: dict[str, Json] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Exporter:
    client: Client
    directory: Path
    lock: Lock
    suffix: str = files.JSON_SUFFIX
    environ: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def beside(self) -> Beside:
        return Beside(self.client)

    def export(self, namespaces: tuple[str, ...], *, overwrite: bool) -> list[Pulled]:
        """Raises CommandError before anything is written if a file would be overwritten that may not be."""
        pulled = [*self._pull(namespaces)]
        paths = self._name(pulled)
        there = [str(path) for path in paths.values() if path.exists()]
        if there and not overwrite:
            raise CommandError(f"would overwrite {', '.join(there[:5])}{' …' if there[5:] else ''}; --force does")
        keys = {each.id: each.key for each in pulled}
        # The lock comes last: until it names a file, that file is no definition's, and an export may be repeated.
        for each in pulled:
            self._fill(each, keys)
            self._keep_variables(each, paths[each.key])
            files.write(paths[each.key], each.document)
            self._note(each)
        self.lock.save()
        return pulled

    def _pull(self, namespaces: tuple[str, ...]) -> Iterator[Pulled]:
        for kind in kinds().values():
            for found in sorted(kind.list(self.client, namespaces), key=lambda each: (each.name, each.id)):
                shown = kind.get(self.client, found.id, found.scope)
                if shown is not None:
                    yield Pulled(kind, found.id, found.scope, shown)

    def _name(self, pulled: Iterable[Pulled]) -> dict[str, Path]:
        """Files by key: one that the lock knows keeps its key, and its file where there is one."""
        present = {files.key_of(path, self.directory): path for path in self._present()}
        paths: dict[str, Path] = {}
        taken = {key.casefold() for key in self.lock.items}
        for each in pulled:
            each.key = self.lock.key_of(each.id) or _free(each.kind.folder + _stem(each.kind.title(each.shown)), taken)
            taken.add(each.key.casefold())
            paths[each.key] = present.get(each.key) or self.directory / f"{each.key}{self.suffix}"
        return paths

    def _present(self) -> list[Path]:
        return files.found_in(self.directory) if self.directory.exists() else []

    def _fill(self, each: Pulled, keys: dict[str, str]) -> None:
        kind = each.kind
        document = copy.deepcopy(kind.comparable(each.shown))
        if kind.has_status:
            document["status"] = each.shown["status"]
        for path, id_ in kind.named(document):
            # Files may not refer to one another in a circle; workflows may.
            if id_ in keys and not self._leads(id_, each.id):
                self._callees.setdefault(each.id, set()).add(id_)
                at(document, path[:-1])[path[-1]] = f"@{keys[id_]}"
        if kind.mask is not None and holds(document, kind.mask):
            way = '; elsewhere "${ENV:NAME}" takes one from the environment' if kind.has_variables else ""
            each.notes.append(f"holds masked secrets, which stay what they are here and are of no use elsewhere{way}")
        told = kind_of(document)
        if isinstance(told, str) or told.name != kind.name:
            document = {"kind": kind.name, **document}
        each.document = {**document, **(self._beside(each) if kind.is_workflow else {})}

    def _keep_variables(self, each: Pulled, path: Path) -> None:
        """What the file takes from the environment is not replaced by what that is, or by a mask."""
        there = files.read(path, each.key) if each.kind.has_variables and path.exists() else None
        if not isinstance(there, files.File):
            return
        for place, text in variables.places(there.document):
            if at(each.document, place) in (each.kind.mask, variables.filled(text, self.environ)):
                at(each.document, place[:-1])[place[-1]] = text

    @cached_property
    def _callees(self) -> dict[str, set[str]]:
        """Which workflows' files refer to which."""
        return {}

    def _leads(self, caller: str, callee: str) -> bool:
        return caller == callee or any(self._leads(each, callee) for each in self._callees.get(caller, ()))

    def _beside(self, each: Pulled) -> dict[str, Json]:
        found: dict[str, Json] = {}
        schedules = self.beside.schedules(each.id)
        names = [schedule["name"] for schedule in schedules]
        known = [schedule for schedule in schedules if schedule["name"] and names.count(schedule["name"]) == 1]
        if len(known) < len(schedules):
            left = len(schedules) - len(known)
            told = "1 schedule without a name of its own was" if left == 1 else f"{left} schedules without names were"
            each.notes.append(f"{told} left out")
        if known:
            found["schedules"] = [_schedule(schedule) for schedule in known]
        subscriptions = [key for key, _ in self.beside.subscriptions(each.id)]
        if subscriptions:
            found["subscriptions"] = [{"url": url, "channel": channel} for url, channel in subscriptions]
        return found

    def _note(self, each: Pulled) -> None:
        schedules, subscriptions = owned_of(each.document)
        comparable = each.kind.comparable(each.shown)
        before = self.lock.items.get(each.key)
        self.lock.items[each.key] = Item(
            kind=each.kind.name,
            id=each.id,
            scope=each.scope or each.kind.scope(each.document),
            remote=digest(comparable),
            source=digest(comparable),
            updated_at=each.kind.updated_at(each.shown),
            schedules=schedules,
            subscriptions=subscriptions,
            secrets=before.secrets if before is not None else "",
        )


def _schedule(schedule: Any) -> Json:
    return {
        "name": schedule["name"],
        **{name: schedule[name] for name, default in SCHEDULE_DEFAULTS.items() if schedule[name] != default},
    }


def _stem(title: str) -> str:
    """A file's name that every system takes."""
    plain = unicodedata.normalize("NFKD", title.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return _OUTSIDE.sub("-", plain.lower()).strip("-")[:_LONGEST_STEM].strip("-") or "workflow"


def _free(stem: str, taken: set[str]) -> str:
    candidate, number = stem, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem}-{number}"
    return candidate
