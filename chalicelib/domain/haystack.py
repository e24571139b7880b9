"""Project Haystack's grids in JSON, version 4 (`_kind`) and version 3 (prefixed texts), as plain JSON.

A marker becomes true, a reference its id, a number with a unit `{"val", "unit"}`; what is not available becomes null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chalicelib.domain.json import MAX_INTEGER_DIGITS, Json


class NotAGridError(Exception):
    """The JSON value is no grid."""


@dataclass(frozen=True, slots=True)
class Grid:
    """`problem` is what an error grid says instead of having rows; None for any other."""

    rows: tuple[dict[str, Json], ...]
    meta: Mapping[str, Json] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        if "err" not in self.meta:
            return None
        said = self.meta.get("dis")
        return said if isinstance(said, str) and said else "it does not say why"


def grid(value: Json) -> Grid:
    """Raises NotAGridError."""
    if not isinstance(value, Mapping):
        raise NotAGridError
    meta, rows = value.get("meta"), value.get("rows", [])
    if not isinstance(meta, Mapping) or not isinstance(rows, list):
        raise NotAGridError
    plain = _plain_4 if value.get("_kind") == "grid" else _plain_3
    return Grid(tuple(_members(row, plain) for row in rows), _members(meta, plain))


def _members(value: Json, plain: Callable[[Json], Json]) -> dict[str, Json]:
    if not isinstance(value, Mapping):
        raise NotAGridError
    return {name: plain(inner) for name, inner in value.items() if name != "_kind"}


def _plain_4(value: Json) -> Json:
    if isinstance(value, list):
        return [_plain_4(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    match value.get("_kind", "dict"):
        case "marker":
            return True
        case "na" | "remove":
            return None
        case "number":
            return _measured(value.get("val"), value.get("unit"))
        case "ref" | "symbol" | "uri" | "date" | "time" | "dateTime":
            return value.get("val")
        case "grid":
            return {name: _plain_4(value.get(name)) for name in ("meta", "rows")}
    return _members(value, _plain_4)


def _plain_3(value: Json) -> Json:
    if isinstance(value, list):
        return [_plain_3(inner) for inner in value]
    if isinstance(value, Mapping):
        return _members(value, _plain_3)
    if not isinstance(value, str) or value[1:2] != ":":
        return value
    kind, text = value[0], value[2:]
    match kind:
        case "m":
            return True
        case "z" | "-":
            return None
        case "n":
            number, _, unit = text.partition(" ")
            return _measured(_number(number), unit or None)
        case "r" | "t":
            return text.partition(" ")[0]
        case "s" | "u" | "d" | "h" | "b" | "y":
            return text
    # Coordinates, vendors' own kinds, and texts that only look like a kind stay as they came.
    return value


def _measured(number: Json, unit: Json) -> Json:
    return number if unit is None else {"val": number, "unit": unit}


def _number(text: str) -> Json:
    if text.removeprefix("-").isdecimal() and len(text) <= MAX_INTEGER_DIGITS:
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    # JSON has no such numbers; they stay the texts that they are: NaN, INF, -INF.
    return number if math.isfinite(number) else text
