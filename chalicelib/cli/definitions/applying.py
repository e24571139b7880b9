"""Carrying a plan out, one definition after the other, each noted in the lock before the next is begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.cli.client import segment
from chalicelib.cli.definitions import variables
from chalicelib.cli.definitions.beside import owned_of
from chalicelib.cli.definitions.kinds import Document
from chalicelib.cli.definitions.lock import Item, digest
from chalicelib.cli.definitions.planning import CHANGING, Action, Planner, Step
from chalicelib.cli.exits import ApiError, CommandError
from chalicelib.domain.json import Json


@dataclass
class Applier:
    planner: Planner
    told: Callable[[Step, str], None]
    """Called when a step is done, with the definition's id."""

    def apply(self, steps: Sequence[Step]) -> int:
        """How many definitions were changed. Raises CommandError before anything is done if there is a conflict or a
        variable is not set, and in the middle where the API refuses; then the next apply goes on."""
        conflicts = [step for step in steps if step.action is Action.CONFLICT]
        if conflicts:
            raise CommandError("; ".join(f"{step.key}: {step.reason}" for step in conflicts))
        made = (Action.CREATE, Action.UPDATE)
        self.planner.refuse_unset(step.definition for step in steps if step.definition and step.action in made)
        ids = self.planner.known_ids(step.definition for step in steps if step.definition is not None)
        done = 0
        for step in steps:
            if step.action is Action.DELETE:
                self._delete(step)
            elif step.definition is not None:
                ids[step.key] = self._make(step, ids)
            if step.action in CHANGING:
                done += 1
                self.told(step, ids.get(step.key, step.id))
        return done

    def _make(self, step: Step, ids: dict[str, str]) -> str:
        """Creates or changes what the step says, and notes it."""
        assert step.definition is not None
        desired, secrets = self.planner.parted(step.definition, ids)
        whole = self.planner.whole(step.definition, ids)
        lock = self.planner.lock
        if step.action is Action.CREATE:
            # Before the call: should its answer be lost, the next apply knows by the digest what to look for.
            lock.items[step.key] = Item(step.kind.name, scope=step.scope, source=digest(desired))
            lock.save()
            id_ = step.kind.create(self.planner.client, whole, step.scope)
            lock.items[step.key].id = id_
            lock.save()
        else:
            id_ = step.id
            self._change(step, whole)
        # After the definition: nothing may start by itself that is not yet what the file says.
        self._set_status(step, id_)
        for op in step.ops:
            op.perform(id_)
        self._note(step, id_, desired, secrets)
        return id_

    def _change(self, step: Step, whole: dict[str, Json]) -> None:
        if all(change.path == "status" for change in step.changes):
            return
        shown = step.kind.get(self.planner.client, step.id, self._present_scope(step))
        assert step.shown is not None
        if shown is None or step.kind.comparable(shown) != step.kind.comparable(step.shown):
            raise CommandError(f"{step.key}: somebody changed {step.id} just now; plan again")
        step.kind.update(self.planner.client, step.id, whole, shown, self._present_scope(step))

    def _present_scope(self, step: Step) -> str:
        """Where the definition is found before it is changed."""
        item = self.planner.lock.items.get(step.key)
        return (item.scope if item else "") or step.scope

    def _set_status(self, step: Step, id_: str) -> None:
        for change in step.changes:
            if change.path == "status":
                self.planner.client.post(f"/v1/workflows/{segment(id_)}/status", {"status": change.new})

    def _note(self, step: Step, id_: str, desired: dict[str, Json], secrets: Mapping[str, Json]) -> None:
        """What the API shows now, so that a later change by somebody else is noticed."""
        assert step.definition is not None
        lock, kind = self.planner.lock, step.kind
        shown = step.shown if step.action is Action.UNCHANGED else kind.get(self.planner.client, id_, step.scope)
        if shown is None:
            raise CommandError(f"{step.key}: {id_} was deleted just now; apply again")
        schedules, subscriptions = owned_of(step.definition.document)
        item = noted(step, id_, shown, desired)
        item.schedules, item.subscriptions = schedules, subscriptions
        item.secrets = self._fingerprint(step, secrets)
        if lock.items.get(step.key) != item:
            lock.items[step.key] = item
            lock.save()

    def _fingerprint(self, step: Step, secrets: Mapping[str, Json]) -> str:
        known = self.planner.lock.items.get(step.key)
        if step.action is Action.UNCHANGED or (known and known.secrets and variables.is_of(known.secrets, secrets)):
            return known.secrets if known else ""
        return variables.fingerprint(secrets) if secrets else ""

    def _delete(self, step: Step) -> None:
        if step.shown is not None:
            try:
                step.kind.delete(self.planner.client, step.id, step.scope)
            except ApiError as error:
                # Gone is what it should be, whoever did it.
                if error.status != 404:
                    raise
        del self.planner.lock.items[step.key]
        self.planner.lock.save()


def noted(step: Step, id_: str, shown: Document, desired: dict[str, Json]) -> Item:
    return Item(
        kind=step.kind.name,
        id=id_,
        scope=step.scope,
        remote=digest(step.kind.comparable(shown)),
        source=digest(desired),
        updated_at=step.kind.updated_at(shown),
    )
