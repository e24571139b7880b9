"""Functions on arrays. Each costs a step per element; none changes its argument."""

from __future__ import annotations

from typing import Any

import msgspec

from ...json import Json
from ..runtime import Refused, Render, is_number, type_name
from .objects import path_keys, read_path
from .registry import ANY, ENDS, INTEGER, LIST, SEQUENCE, TEXT, function

_MAX_RANGE = 10_000
_MAX_FLATTEN = 50


@function("first", ENDS)
def first(sequence: list[Json] | str) -> Json:
    return sequence[0] if sequence else None


@function("last", ENDS)
def last(sequence: list[Json] | str) -> Json:
    return sequence[-1] if sequence else None


@function("slice", LIST, INTEGER, optional=[INTEGER])
def slice_(items: list[Json], start: int, end: int | None = None) -> list[Json]:
    return items[start:end]


@function("indexOf", SEQUENCE, ANY, with_render=True)
def index_of(render: Render, sequence: list[Json] | str, sought: Json) -> int:
    if isinstance(sequence, str):
        return sequence.find(render.text(sought))
    return next((index for index, item in enumerate(sequence) if render.same(item, sought)), -1)


@function("concat", LIST, rest=LIST)
def concat(*lists: list[Json]) -> list[Json]:
    return [item for items in lists for item in items]


@function("compact", LIST)
def compact(items: list[Json]) -> list[Json]:
    return [item for item in items if item is not None and item != ""]


@function("flatten", LIST, optional=[INTEGER], with_render=True)
def flatten(render: Render, items: list[Json], depth: int = 1) -> list[Json]:
    for _ in range(min(depth, _MAX_FLATTEN)):
        if not any(isinstance(item, list) for item in items):
            break
        flat: list[Json] = []
        for item in items:
            parts = item if isinstance(item, list) else [item]
            render.spend(len(parts))
            flat.extend(parts)
        items = flat
    return items


@function("range", INTEGER, optional=[INTEGER, INTEGER], with_render=True)
def range_(render: Render, start: int, end: int | None = None, step: int = 1) -> list[int]:
    if step == 0:
        raise Refused("range takes a step other than 0")
    numbers = range(start) if end is None else range(start, end, step)
    # len() of a range beyond sys.maxsize overflows, slicing does not.
    if numbers[_MAX_RANGE:]:
        raise Refused(f"range gives at most {_MAX_RANGE} numbers")
    render.spend(len(numbers))
    return list(numbers)


@function("chunk", LIST, INTEGER)
def chunk(items: list[Json], size: int) -> list[list[Json]]:
    if size < 1:
        raise Refused("chunk takes a size of at least 1")
    return [items[start : start + size] for start in range(0, len(items), min(size, len(items) or 1))]


@function("unique", LIST, with_render=True)
def unique(render: Render, items: list[Json]) -> list[Json]:
    render.measure(items)
    kept: dict[bytes, Json] = {}
    for item in items:
        kept.setdefault(_canonical(item), item)
    return list(kept.values())


def _canonical(value: Json) -> bytes:
    """Equal for equal values. As bytes, so that their hash cannot be foreseen and made to collide."""
    return msgspec.json.encode(_with_whole_integers(value), order="deterministic")


def _with_whole_integers(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_with_whole_integers(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_whole_integers(item) for key, item in value.items()}
    return value


@function("sort", LIST, optional=[TEXT])
def sort(items: list[Json], direction: str = "asc") -> list[Json]:
    return _sorted(items, items, direction)


@function("sortBy", LIST, TEXT, optional=[TEXT], with_render=True)
def sort_by(render: Render, items: list[Json], path: str, direction: str = "asc") -> list[Json]:
    return _sorted(items, _plucked(render, items, path), direction)


def _sorted(items: list[Json], keys: list[Any], direction: str) -> list[Json]:
    if direction not in ("asc", "desc"):
        raise Refused(f'the direction is "asc" or "desc", not {direction[:40]!r}')
    present = [(key, index) for index, key in enumerate(keys) if key is not None]
    comparable = all(is_number(key) for key, _ in present) or all(isinstance(key, str) for key, _ in present)
    if not comparable:
        kinds = ", ".join(sorted({type_name(key) for key, _ in present}))
        raise Refused(f"only numbers or only strings can be sorted, not {kinds}")
    present.sort(key=lambda pair: pair[0], reverse=direction == "desc")
    # What is null comes last in both directions.
    order = [index for _, index in present] + [index for index, key in enumerate(keys) if key is None]
    return [items[index] for index in order]


@function("pluck", LIST, TEXT, with_render=True)
def pluck(render: Render, items: list[Json], path: str) -> list[Json]:
    return _plucked(render, items, path)


@function("where", LIST, TEXT, ANY, with_render=True)
def where(render: Render, items: list[Json], path: str, wanted: Json) -> list[Json]:
    found = _plucked(render, items, path)
    return [item for item, value in zip(items, found, strict=True) if render.same(value, wanted)]


@function("count", LIST, optional=[TEXT, ANY], with_render=True)
def count(render: Render, items: list[Json], path: str | None = None, *wanted: Json) -> int:
    if path is None:
        return len(items)
    values = _plucked(render, items, path)
    if not wanted:
        return sum(value is not None for value in values)
    return sum(render.same(value, wanted[0]) for value in values)


@function("groupBy", LIST, TEXT, with_render=True)
def group_by(render: Render, items: list[Json], path: str) -> dict[str, list[Json]]:
    groups: dict[str, list[Json]] = {}
    for item, value in zip(items, _plucked(render, items, path), strict=True):
        name = render.text(value)
        render.produce(len(name))
        groups.setdefault(name, []).append(item)
    return groups


def _plucked(render: Render, items: list[Json], path: str) -> list[Json]:
    keys = path_keys(path)
    render.spend(len(keys) * len(items))
    return [read_path(item, keys) for item in items]
