"""Lists of mappings 1.0 and of response mappings: rows made of a list's elements, each by the same fields.

A field whose path goes through the list (`items[*].sku`) reads the current element, other fields read the record, so
that every row can carry what stands outside the list. Where the list is named apart from the fields, their paths are
relative: they read the element if it has such a member, else the record.
"""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.domain.json import Json

from .paths import EVERY, MISSING, Missing, Steps, relative, walk
from .scope import Read, Scope


def source_of_rows(paths: Iterable[Steps]) -> Steps | None:
    """The list that the paths go through: up to the first wildcard of the first path that has one."""
    for steps in paths:
        if EVERY in steps:
            return steps[: steps.index(EVERY)]
    return None


def rows_in(record: Json, source: Steps | None) -> list[Json] | Missing:
    """The elements to make rows of; without a list, one row of the record itself."""
    if source is None:
        return [record]
    found = walk(record, source)
    if found is MISSING or found is None:
        return MISSING
    return found if isinstance(found, list) else [found]


def read_in_row(steps: Steps, source: Steps | None, is_relative: bool) -> Read:
    """How a field of a row is read; the scope's record is the whole record and its element is the row's."""
    inner = relative(steps, (*source, EVERY)) if source is not None else None
    if inner is not None:
        return lambda scope: MISSING if scope.element is MISSING else walk(scope.element, inner, scope.budget.spend)
    if not is_relative:
        return lambda scope: walk(scope.record, steps, scope.budget.spend)

    def read(scope: Scope) -> Json | Missing:
        found = walk(scope.element, steps, scope.budget.spend) if isinstance(scope.element, dict) else MISSING
        return walk(scope.record, steps, scope.budget.spend) if found is MISSING else found

    return read
