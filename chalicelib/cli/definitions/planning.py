"""From files, the lock and what the API shows to what has to be done, without doing any of it.

A definition that somebody changed after it was last applied is a conflict, unless the file says the same by now: what
was changed would be lost.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from chalicelib.cli.client import Client
from chalicelib.cli.definitions import variables
from chalicelib.cli.definitions.beside import Beside, Op, declared_of
from chalicelib.cli.definitions.differences import Change, changes, holds
from chalicelib.cli.definitions.kinds import Document, Found, Kind, Parted, kinds
from chalicelib.cli.definitions.lock import Item, Lock, digest
from chalicelib.cli.definitions.places import at
from chalicelib.cli.definitions.problems import Definition
from chalicelib.cli.exits import CommandError
from chalicelib.domain.json import Json


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    ORPHANED = "orphaned"
    """Its file is gone; it is deleted where that is asked for."""


CHANGING = (Action.CREATE, Action.UPDATE, Action.DELETE, Action.CONFLICT)


@dataclass(frozen=True, slots=True)
class Step:
    """`shown` is the definition at the API, None if there is none. `ops` are changes beside it."""

    key: str
    kind: Kind
    action: Action
    id: str = ""
    scope: str = ""
    definition: Definition | None = None
    shown: Document | None = None
    changes: tuple[Change, ...] = ()
    ops: tuple[Op, ...] = ()
    reason: str = ""

    @property
    def document(self) -> dict[str, Json]:
        told = [change.document for change in (*self.changes, *(op.change for op in self.ops))]
        return {
            "key": self.key,
            "kind": self.kind.name,
            "action": self.action.value,
            "id": self.id or None,
            "reason": self.reason or None,
            "changes": [*told],
        }


@dataclass
class Planner:
    client: Client
    lock: Lock
    adopt: bool = False
    force: bool = False
    prune: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    beside: Beside = field(init=False)

    def __post_init__(self) -> None:
        self.beside = Beside(self.client)

    def plan(self, definitions: Sequence[Definition]) -> list[Step]:
        """In the order in which they can be carried out; what goes away comes last, each before what it names. Raises
        CommandError for variables that are not set."""
        self._refuse_unset((each, each.kind.parted(each.kind.desired(each.document))[0]) for each in definitions)
        ids = self.known_ids(definitions)
        gone = _namers_first([*self._gone({each.key for each in definitions})])
        steps: list[Step] = []
        for definition in definitions:
            step = _perhaps_renamed(self.step(definition, ids), gone)
            steps.append(step)
            if step.id:
                ids[step.key] = step.id
        return [*steps, *gone]

    def refuse_unset(self, definitions: Iterable[Definition]) -> None:
        """Raises CommandError for variables that are not set, those of secrets included."""
        self._refuse_unset((each, each.document) for each in definitions)

    def _refuse_unset(self, needed: Iterable[tuple[Definition, Json]]) -> None:
        unset = [
            f"{definition.key} needs {', '.join(names)}"
            for definition, value in needed
            if definition.kind.has_variables and (names := variables.missing(value, self.environ))
        ]
        if unset:
            raise CommandError(f"not set in the environment: {'; '.join(unset)}")

    def parted(self, definition: Definition, ids: Mapping[str, str]) -> Parted:
        """What a file wants, as the API would show it, and the secrets that it has."""
        desired, secrets = definition.kind.parted(definition.kind.desired(resolved(definition, ids)))
        if not definition.kind.has_variables:
            return desired, secrets
        return variables.filled(desired, self.environ), variables.filled(dict(secrets), self.environ)

    def whole(self, definition: Definition, ids: Mapping[str, str]) -> dict[str, Json]:
        """What a file wants, with its secrets: for the API alone."""
        desired = definition.kind.desired(resolved(definition, ids))
        filled: dict[str, Json] = variables.filled(desired, self.environ) if definition.kind.has_variables else desired
        return filled

    def known_ids(self, definitions: Iterable[Definition]) -> dict[str, str]:
        """Of definitions that were there when the lock was written; those to be created have none."""
        found = {each.key: str(each.document["id"]) for each in definitions if each.document.get("id")}
        return found | {key: item.id for key, item in self.lock.items.items() if item.id}

    def step(self, definition: Definition, ids: Mapping[str, str]) -> Step:
        key, kind = definition.key, definition.kind
        desired, secrets = self.parted(definition, ids)
        item = self.lock.items.get(key)
        scope = kind.scope(definition.document)
        if item is not None and item.kind != kind.name:
            reason = f"it is of the kind {item.kind} there; give the file another key"
            return Step(key, kind, Action.CONFLICT, item.id, scope, definition, reason=reason)
        id_, reason = self._identity(definition, item, desired)
        shown = kind.get(self.client, id_, (item.scope if item else "") or scope) if id_ else None
        if shown is None:
            reason = f"{id_} is gone" if id_ else reason
            return self._creation(definition, desired, scope, reason)
        found = self._changes(definition, shown, desired, secrets, item)
        ops = (*self._ops(definition, id_, item),)
        action = Action.UPDATE if found or ops else Action.UNCHANGED
        if action is Action.UNCHANGED and (unset := variables.missing(dict(secrets), self.environ)):
            reason = f"{', '.join(unset)} not set: whether a secret changed is not known"
        if item is not None and item.id and self._was_touched(kind, shown, item) and _concerns_definition(found):
            touched = f"somebody changed it ({kind.updated_at(shown)}) since it was applied"
            action, reason = (action, touched) if self.force else (Action.CONFLICT, f"{touched}; --force overwrites it")
        return Step(key, kind, action, id_, scope, definition, shown, found, ops, reason)

    def _identity(self, definition: Definition, item: Item | None, desired: dict[str, Json]) -> tuple[str, str]:
        """The id of the definition that a file stands for, empty if there is none yet; and what is to be said of it."""
        if item is not None and item.id:
            return item.id, ""
        stated = definition.document.get("id")
        if isinstance(stated, str) and stated:
            return stated, ""
        twins = self._of_that_name(definition)
        if item is not None:
            # The lock has the key without an id: a creation began whose answer nobody saw.
            for twin in twins:
                if self._is_that(definition.kind, twin, item, desired):
                    return twin.id, "its creation was interrupted"
        if self.adopt and len(twins) == 1:
            return twins[0].id, "taken over by its name"
        if not twins:
            return "", ""
        listed = ", ".join(twin.id for twin in twins)
        way = "--adopt takes it over" if len(twins) == 1 else 'say "id" in the file to take one over'
        return "", f"there is one of this name: {listed}; {way}"

    def _of_that_name(self, definition: Definition) -> list[Found]:
        kind = definition.kind
        title, scope = kind.title(definition.document), kind.scope(definition.document)
        listed = self._lists.get((kind.name, scope))
        if listed is None:
            listed = self._lists[kind.name, scope] = kind.list(self.client, (scope,))
        return [each for each in listed if each.name == title and self.lock.key_of(each.id) is None]

    @cached_property
    def _lists(self) -> dict[tuple[str, str], list[Found]]:
        return {}

    def _is_that(self, kind: Kind, twin: Found, item: Item, desired: dict[str, Json]) -> bool:
        """Whether a definition is the one whose creation was begun."""
        shown = kind.get(self.client, twin.id, twin.scope)
        if shown is None:
            return False
        comparable = kind.comparable(shown)
        return digest(comparable) == item.source or not [*changes(comparable, desired, mask=kind.mask)]

    def _creation(self, definition: Definition, desired: dict[str, Json], scope: str, reason: str) -> Step:
        added = [Change("add", name, new=value) for name, value in desired.items()]
        if definition.document.get("status") == "active":
            added.append(Change("add", "status", new="active"))
        ops = (*self._ops(definition, "", None),)
        kind = definition.kind
        if kind.has_variables and kind.mask is not None and holds(kind.desired(definition.document), kind.mask):
            reason = f'"{kind.mask}" stands for a secret that is not there; say "${{ENV:NAME}}" and set NAME'
            return Step(definition.key, kind, Action.CONFLICT, "", scope, definition, reason=reason)
        return Step(definition.key, kind, Action.CREATE, "", scope, definition, None, (*added,), ops, reason)

    def _changes(
        self,
        definition: Definition,
        shown: Document,
        desired: dict[str, Json],
        secrets: Mapping[str, Json],
        item: Item | None,
    ) -> tuple[Change, ...]:
        kind = definition.kind
        comparable = kind.comparable(shown)
        found = [*changes(comparable, desired, mask=kind.mask)]
        is_masked = kind.mask is not None and holds(comparable, kind.mask)
        is_other = is_masked and item is not None and item.source and item.source != digest(desired)
        # Behind a mask nothing can be compared but what the file said when it was applied.
        if not found and (is_other or self._are_new(secrets, item)):
            found.append(Change("replace", "(secrets)", kind.mask, kind.mask))
        status = definition.document.get("status")
        if kind.has_status and status is not None and shown.get("status") != status:
            found.append(Change("replace", "status", shown.get("status"), status))
        return (*found,)

    def _are_new(self, secrets: Mapping[str, Json], item: Item | None) -> bool:
        """Whether the API has not been given these; not known where some are not known."""
        if not secrets or variables.missing(dict(secrets), self.environ):
            return False
        return not variables.is_of(item.secrets if item is not None else "", secrets)

    def _ops(self, definition: Definition, id_: str, item: Item | None) -> Iterator[Op]:
        schedules, subscriptions = declared_of(definition.document)
        yield from self.beside.schedule_ops(id_, schedules, item.schedules if item else ())
        yield from self.beside.subscription_ops(id_, subscriptions, item.subscriptions if item else ())

    @staticmethod
    def _was_touched(kind: Kind, shown: Document, item: Item) -> bool:
        return bool(item.remote) and digest(kind.comparable(shown)) != item.remote

    def _gone(self, keys: set[str]) -> Iterator[Step]:
        known = kinds()
        for key, item in sorted(self.lock.items.items()):
            if key in keys or item.kind not in known:
                continue
            kind = known[item.kind]
            shown = kind.get(self.client, item.id, item.scope) if item.id else None
            action = Action.DELETE if self.prune else Action.ORPHANED
            reason = "" if self.prune else "its file is gone; --prune deletes it"
            if self.prune and not self.force and shown is not None and self._was_touched(kind, shown, item):
                action, reason = Action.CONFLICT, "somebody changed it since it was applied; --force deletes it"
            yield Step(key, kind, action, item.id, item.scope, shown=shown, reason=reason)


def _perhaps_renamed(step: Step, gone: Sequence[Step]) -> Step:
    """With a hint where a file is new whose definition lost another one."""
    if step.action is not Action.CREATE or step.definition is None or step.reason:
        return step
    title = step.kind.title(step.definition.document)
    for other in gone:
        if other.kind.name == step.kind.name and other.shown is not None and other.kind.title(other.shown) == title:
            return replace(step, reason=f'if it is {other.key} under a new name, say "key": "{other.key}" in the file')
    return step


def _namers_first(steps: Sequence[Step]) -> list[Step]:
    """Nothing goes while something else names it."""
    namers: dict[str, list[Step]] = {}
    for step in steps:
        for _, id_ in step.kind.named(step.shown or {}):
            namers.setdefault(id_, []).append(step)
    ordered: list[Step] = []
    seen: set[str] = set()

    def visit(step: Step) -> None:
        if step.key in seen:
            return
        seen.add(step.key)
        for namer in namers.get(step.id, ()):
            visit(namer)
        ordered.append(step)

    for step in steps:
        visit(step)
    return ordered


def resolved(definition: Definition, ids: Mapping[str, str]) -> dict[str, Json]:
    """The document with ids in place of the keys that are known."""
    references = [*definition.kind.references(definition.document)]
    if not references:
        return definition.document
    document = copy.deepcopy(definition.document)
    for path, key in references:
        if key in ids:
            holder: Any = at(document, path[:-1])
            holder[path[-1]] = ids[key]
    return document


def _concerns_definition(found: Iterable[Change]) -> bool:
    return any(change.path != "status" for change in found)
