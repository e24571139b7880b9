"""Paths into records: reading what is there, and placing values where they are to be.

`a.b`, `a[0].b`, `a.0.b`, `a[-1]`, `a[0:2]`, `a[*].b` and `*.b`, `[With Space]`, `['With.Dot']`, and `$` or `$.` in
front of any of them for the root. A path that cannot be read as one of these names a member literally, so reading
never fails; `path_problem` says what is wrong with such a path before it is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias

from chalicelib.domain.json import Json

from .errors import RecordError, Source


class Missing(Enum):
    """There is nothing at the path; null is something."""

    MISSING = "missing"


class Every(Enum):
    """The step from a list to each of its elements."""

    EVERY = "*"


MISSING: Final = Missing.MISSING
EVERY: Final = Every.EVERY

Step: TypeAlias = "str | int | slice | Every"
Steps: TypeAlias = "tuple[Step, ...]"

MAX_PATH_LENGTH = 1_000
MAX_STEPS = 64
MAX_WILDCARDS = 16
MAX_PLACED_INDEX = 9_999

_ELEMENT_COST = 4

_STEP = re.compile(
    r"""\.?\[(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bracket>[^\]'"][^\]]*))\]"""
    r"""|\.?(?P<name>[^.\[\]]+)"""
)
# No list is longer than nine digits tell, and int() takes longer than linear time.
_INDEX = re.compile(r"-?[0-9]{1,9}")
_SLICE = re.compile(r"(-?[0-9]{1,9})?:(-?[0-9]{1,9})?")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def extract(value: Json, path: str) -> Json | Missing:
    """What is at the path, a list of all that was found if the path has a wildcard, or MISSING."""
    return walk(value, steps_of(path))


def place(target: dict[str, Json], path: str, value: Json, source: Source = "mapping") -> None:
    """Puts the value at the path, making objects on the way, and lists for `[n]`.

    Containers that are already in the target are replaced by changed copies, never changed: they may be shared. A
    wildcard deals a list's values out to elements, and any other value to every element there is. Raises RecordError
    for a name in a list, and for places that no list should be filled up to.
    """
    place_at(target, steps_of(path), value, source, path)


def place_at(target: dict[str, Json], steps: Steps, value: Json, source: Source = "mapping", path: str = "") -> None:
    """`place` for a path that was read before; `path` is its text, for the error."""
    try:
        changed = placed(target, steps, value)
    except NoPlaceError as error:
        raise RecordError(source, "invalid_path", f"{error} (path {path[:100]!r}).", path) from None
    if not isinstance(changed, dict):
        raise RecordError(source, "invalid_path", f"Only an object can replace the record (path {path[:100]!r}).", path)
    # The caller holds the target itself, so it is made to be what the copy is.
    if changed is not target:
        target.clear()
        target.update(changed)


@lru_cache(maxsize=4096)
def steps_of(path: str) -> Steps:
    """The steps of the path, the root left off."""
    return _read(path) or ((path,) if path and path != "$" else ())


def path_problem(path: str, placing: bool = False) -> str | None:
    """Why the path cannot be read as one (or not be placed at), or None."""
    steps = _read(path)
    if steps is None:
        return f"{path[:100]!r} is not a path that can be read"
    if placing:
        if not steps:
            return "a path to place a value at must name a member"
        if any(isinstance(step, slice) for step in steps):
            return "a value cannot be placed at a range"
        if any(isinstance(step, int) and not 0 <= step <= MAX_PLACED_INDEX for step in steps):
            return f"an index to place a value at is between 0 and {MAX_PLACED_INDEX}"
    return None


def walk(value: Json, steps: Sequence[Step], spend: Callable[[int], None] | None = None) -> Json | Missing:
    """`extract` for a path that was read before. `spend` is told what wildcards cost, 4 for each element."""
    for at, step in enumerate(steps):
        if isinstance(step, str):
            # Most steps are names in objects, and come without a call.
            if isinstance(value, dict):
                if step not in value:
                    return MISSING
                value = value[step]
                continue
            found = _member(value, step)
        elif isinstance(step, int):
            found = _member(value, str(step)) if isinstance(value, dict) else _element(value, step)
        else:
            return _every(value, step, steps[at + 1 :], spend)
        if found is MISSING:
            return MISSING
        value = found
    return value


def relative(steps: Steps, prefix: Steps) -> Steps | None:
    """The steps that remain after the prefix, or None for a path that leads elsewhere."""
    return steps[len(prefix) :] if steps[: len(prefix)] == prefix else None


def placed(container: Json | Missing, steps: Sequence[Step], value: Json) -> Json:
    """A copy of the container that has the value at the steps; only containers on the way are copied.

    Raises NoPlaceError.
    """
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if step is EVERY:
        return _placed_in_every(container, rest, value)
    if isinstance(step, slice):
        raise NoPlaceError("Nothing is placed at a range")
    if isinstance(container, list) and isinstance(step, str) and not step.isdecimal():
        raise NoPlaceError(f"A list has no member {step[:50]!r}")
    if isinstance(container, list) or (isinstance(step, int) and not isinstance(container, dict)):
        return _placed_in_list(container, step, rest, value)
    members = dict(container) if isinstance(container, dict) else {}
    name = str(step)
    members[name] = placed(members.get(name, MISSING), rest, value)
    return members


class NoPlaceError(Exception):
    """Nothing can be placed here."""


def _placed_in_list(container: Json | Missing, step: Step, rest: Sequence[Step], value: Json) -> Json:
    index = step if isinstance(step, int) else int(step) if isinstance(step, str) and len(step) < 6 else -1
    if not 0 <= index <= MAX_PLACED_INDEX:
        raise NoPlaceError(f"A list is filled up to index {MAX_PLACED_INDEX} only")
    elements = list(container) if isinstance(container, list) else []
    elements.extend([None] * (index + 1 - len(elements)))
    elements[index] = placed(elements[index], rest, value)
    return elements


def _placed_in_every(container: Json | Missing, rest: Sequence[Step], value: Json) -> Json:
    if isinstance(container, dict):
        return placed(container, rest, value)
    elements = list(container) if isinstance(container, list) else []
    values = value if isinstance(value, list) else [value] * max(len(elements), 1)
    for index, each in enumerate(values):
        if index < len(elements):
            elements[index] = placed(elements[index], rest, each)
        else:
            elements.append(placed(MISSING, rest, each))
    return elements


def _every(
    value: Json, step: slice | Every, rest: Sequence[Step], spend: Callable[[int], None] | None
) -> Json | Missing:
    """What the rest finds in each element. Something else than a list counts as a list of itself."""
    if value is None:
        return MISSING
    elements = value if isinstance(value, list) else [value]
    if isinstance(step, slice):
        elements = elements[step]
    if spend is not None:
        spend(_ELEMENT_COST * len(elements))
    if not rest:
        return list(elements)
    # Lists of lists become one, a level for each wildcard.
    deeper = any(isinstance(each, slice | Every) for each in rest)
    found: list[Json] = []
    for element in elements:
        inner = walk(element, rest, spend)
        if deeper and isinstance(inner, list):
            found.extend(inner)
        elif inner is not MISSING:
            found.append(inner)
    return found


def _member(value: Json, name: str) -> Json | Missing:
    if isinstance(value, list):
        return _element(value, int(name)) if name.isdecimal() and len(name) < 10 else MISSING
    # Settings and contexts may be mappings that fetch their members when they are read.
    if isinstance(value, Mapping) and name in value:
        return value[name]
    return MISSING


def _element(value: Json, index: int) -> Json | Missing:
    if isinstance(value, list) and -len(value) <= index < len(value):
        return value[index]
    return MISSING


def _read(path: str) -> Steps | None:
    text = path[1:] if path == "$" or path.startswith(("$.", "$[")) else path
    if len(text) > MAX_PATH_LENGTH or (text.startswith(".") and text is path):
        return None
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        # A name that follows a bracket needs its dot, and only the root may come before the first one.
        if match is None or (position and text[position] not in ".["):
            return None
        step = _step(match)
        if step is None:
            return None
        steps.append(step)
        position = match.end()
    if len(steps) > MAX_STEPS or sum(step is EVERY or isinstance(step, slice) for step in steps) > MAX_WILDCARDS:
        return None
    return tuple(steps)


def _step(match: re.Match[str]) -> Step | None:
    quoted = match["single"] if match["single"] is not None else match["double"]
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted)
    inside = match["bracket"]
    if inside is None:
        return EVERY if match["name"] == "*" else match["name"]
    if inside == "*":
        return EVERY
    if _INDEX.fullmatch(inside):
        return int(inside)
    if bounds := _SLICE.fullmatch(inside):
        return slice(*(int(bound) if bound else None for bound in bounds.groups()))
    return None if inside.startswith(("?", "(")) else inside
