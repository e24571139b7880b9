"""What can be shown of an object that nobody described: its scalars, its numbers, and how they changed.

Everything is bounded, whatever the object is: how many paths, how long, how deep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from chalicelib.domain.json import Json
from chalicelib.domain.pins import Point

MAX_FIELDS = 60
MAX_NUMBERS = 24
MAX_DEPTH = 6
LONGEST_PATH = 120
LONGEST_TEXT = 300
GREATEST_NUMBER = 1e300


def fields_of(data: Mapping[str, Json]) -> tuple[dict[str, Json], int]:
    """The first scalars by their path (`metrics.cpu`), long texts cut and lists counted; and how many there are."""
    shown: dict[str, Json] = {}
    total = 0
    for path, value in _leaves(data):
        total += 1
        if len(shown) < MAX_FIELDS:
            shown[path] = _shown(value)
    return shown, total


def numbers_of(data: Mapping[str, Json]) -> dict[str, float]:
    """The first numbers by their path."""
    numbers = (
        (path, value)
        for path, value in _leaves(data)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= GREATEST_NUMBER
    )
    return dict(islice(numbers, MAX_NUMBERS))


def series_of(points: Iterable[Point], paths: Iterable[str]) -> dict[str, list[tuple[int, float]]]:
    """Of each path its numbers with their versions, oldest first; a path that never had two has none."""
    in_order = sorted(points, key=lambda point: point.version)
    found = {path: [(p.version, p.numbers[path]) for p in in_order if path in p.numbers] for path in paths}
    return {path: values for path, values in found.items() if len(values) > 1}


def _leaves(data: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Depth first, in the order of the members. What lies too deep, or under too long a path, is not gone into."""
    waiting: list[tuple[str, Json, int]] = [(name, value, 1) for name, value in reversed(list(data.items()))]
    while waiting:
        path, value, depth = waiting.pop()
        if len(path) > LONGEST_PATH:
            continue
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            # Reversed, because a stack gives back first what was put on last.
            waiting.extend((f"{path}.{name}", member, depth + 1) for name, member in reversed(list(value.items())))
        else:
            yield path, value


def _shown(value: Json) -> Json:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT - 1]}…"
    if isinstance(value, list):
        return f"[{len(value)}]"
    return "{…}" if isinstance(value, dict) and value else "{}" if isinstance(value, dict) else value
