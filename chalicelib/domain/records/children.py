"""One record that stands for many: the children that a step is to work on one by one."""

from __future__ import annotations

from chalicelib.domain.json import Json

from .paths import MISSING, extract


def children_of(record: Json, path: str | None) -> list[Json]:
    """The elements of the list at the path, or of the record itself when there is no path.

    A single object counts as a list of one; nothing or null at the path means no children.
    """
    found = extract(record, path) if path else record
    if found is MISSING or found is None:
        return []
    return list(found) if isinstance(found, list) else [found]
