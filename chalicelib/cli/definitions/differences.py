"""What differs between two documents, member by member. Items that have ids are followed by them, not by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.json import Json, encode

_IDENTITIES = ("id", "_name", "name")
_ENDS = (("from", "source"), ("to", "target"))


@dataclass(frozen=True, slots=True)
class Change:
    """`op` is `add`, `remove`, `replace` or `move`; `path` is for people, such as `nodes[stock].config.url`."""

    op: str
    path: str
    old: Json = None
    new: Json = None

    @property
    def document(self) -> dict[str, Json]:
        members: dict[str, Json] = {"op": self.op, "path": self.path}
        if self.op in {"remove", "replace"}:
            members["old"] = self.old
        if self.op in {"add", "replace"}:
            members["new"] = self.new
        return members


def changes(old: Json, new: Json, *, mask: str | None = None, path: str = "") -> Iterator[Change]:
    """What makes `new` of `old`. A value that `old` masks may be anything."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _members(old, new, mask, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _items(old, new, mask, path)
    elif not is_same(old, new) and not (mask is not None and old == mask and new is not None):
        yield Change("replace", path, old, new)


def is_same(old: Json, new: Json) -> bool:
    """As JSON: in Python 1 == 1.0 == True."""
    return encode(old) == encode(new)


def holds(value: Json, wanted: str) -> bool:
    """Whether the text stands anywhere in the value."""
    if isinstance(value, dict):
        return any(holds(inner, wanted) for inner in value.values())
    if isinstance(value, list):
        return any(holds(inner, wanted) for inner in value)
    return value == wanted


def _members(old: Mapping[str, Json], new: Mapping[str, Json], mask: str | None, path: str) -> Iterator[Change]:
    for name in (*new, *(name for name in old if name not in new)):
        inner = f"{path}.{name}" if path else name
        if name not in old:
            yield Change("add", inner, new=new[name])
        elif name not in new:
            yield Change("remove", inner, old=old[name])
        else:
            yield from changes(old[name], new[name], mask=mask, path=inner)


def _items(old: list[Json], new: list[Json], mask: str | None, path: str) -> Iterator[Change]:
    # By their names, an item that was put in first is one addition, and not a change of every item behind it.
    before, after = _named(old), _named(new)
    if before is None or after is None:
        before, after = ({str(index): value for index, value in enumerate(items)} for items in (old, new))
    for name, value in after.items():
        if name not in before:
            yield Change("add", f"{path}[{name}]", new=value)
        else:
            yield from changes(before[name], value, mask=mask, path=f"{path}[{name}]")
    for name, value in before.items():
        if name not in after:
            yield Change("remove", f"{path}[{name}]", old=value)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Change("move", path)


def _named(items: list[Json]) -> dict[str, Json] | None:
    """Items by what tells them apart; None if nothing does."""
    found: dict[str, Json] = {}
    for item in items:
        name = _identity(item)
        if name is None or name in found:
            return None
        found[name] = item
    return found


def _identity(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    ends = [next((item[name] for name in names if name in item), None) for names in _ENDS]
    if all(isinstance(end, str) for end in ends):
        return f"{ends[0]} → {ends[1]}" + (f" ({item['output']})" if item.get("output") else "")
    return next((item[name] for name in _IDENTITIES if isinstance(item.get(name), str) and item[name]), None)
