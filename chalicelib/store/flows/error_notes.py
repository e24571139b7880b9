"""Notes on errors: their tags and who they are assigned to, which stay on them when they are resolved or opened."""

from __future__ import annotations

from collections.abc import Callable, Collection

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.update import Action

from chalicelib.domain.flows.tags import ErrorNotes
from chalicelib.store.attributes import OptionalTextAttribute, assign
from chalicelib.store.flows.items import FlowItem, is_there
from chalicelib.store.table import Table
from chalicelib.store.transactions import TransactionRefusedError

_AT_ONCE = 100

Present = Callable[[Collection[str], bool], list[str]]
"""Which of these errors are open, or resolved."""
Place = Callable[[bool], str]
"""The partition of the open errors of a step, or of the resolved ones."""


class NotedItem(FlowItem):
    """The part of an error's item that notes are; `revision` counts them as a change of it."""

    tags = OptionalTextAttribute()
    assigned_to = OptionalTextAttribute()
    revision = NumberAttribute()


def annotate(table: Table, place: Place, present: Present, ids: Collection[str], notes: ErrorNotes) -> set[str]:
    """Which of them there were."""
    left = list(dict.fromkeys(ids))
    noted: set[str] = set()
    # Open again at last: one may be moved to the side that was tried before.
    for resolved in (False, True, False):
        found = present(left, resolved) if left else []
        for start in range(0, len(found), _AT_ONCE):
            noted |= _annotate(table, place(resolved), found[start : start + _AT_ONCE], notes)
        left = [each for each in left if each not in noted]
    return noted


def _annotate(table: Table, place: str, ids: list[str], notes: ErrorNotes) -> set[str]:
    actions: list[Action] = [NotedItem.revision.add(1)]
    if notes.tags is not None:
        actions.append(assign(NotedItem.tags, " ".join(notes.tags) or None))
    if notes.assigned_to is not None:
        actions.append(assign(NotedItem.assigned_to, notes.assigned_to or None))
    while ids:
        try:
            table.transact([table.updating(place, each, actions, is_there()) for each in ids])
        # Some were moved or deleted since they were read; the others are written without them.
        except TransactionRefusedError as refused:
            ids = [each for position, each in enumerate(ids) if position not in refused.failed]
        else:
            break
    return set(ids)


def tags_of_item(text: str | None) -> tuple[str, ...]:
    return tuple(text.split()) if text else ()
