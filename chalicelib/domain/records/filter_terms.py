"""What stands in the rules of a filter: operators, accessors, casts and functions, and how many operands each takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from chalicelib.domain.json import Json

from .dates import epoch_ms
from .values import Unfit, boolean_of, is_empty, number_of, precedes, same, text_of

Binary = Callable[[Json, Json], bool]
Unary = Callable[[Json], Json]

MANY = 1_000
_MAX_COMPARISONS = 1_000_000


def _contains(whole: Json, part: Json) -> bool:
    if isinstance(whole, list):
        return any(same(element, part) for element in whole)
    return whole is not None and text_of(part) in text_of(whole)


def _starts(whole: Json, part: Json) -> bool:
    return whole is not None and text_of(whole).startswith(text_of(part))


def _ends(whole: Json, part: Json) -> bool:
    return whole is not None and text_of(whole).endswith(text_of(part))


def _any_of(value: Json, choices: Json) -> bool:
    wanted = choices if isinstance(choices, list) else [choices]
    values = value if isinstance(value, list) else [value]
    # Every value meets every choice, and a record may bring both lists.
    if len(wanted) * len(values) > _MAX_COMPARISONS:
        raise Unfit("a list that is short enough to be compared")
    return any(same(each, choice) for each in values for choice in wanted)


def _at_most(one: Json, other: Json) -> bool:
    # Not `not`: None says that the two have no order, and then nothing holds between them.
    return precedes(other, one) is False


BINARY: Mapping[str, Binary] = {
    "equals": same,
    "notequals": lambda one, other: not same(one, other),
    "greaterthan": lambda one, other: precedes(other, one) is True,
    "greaterthanequals": lambda one, other: _at_most(other, one),
    "lessthan": lambda one, other: precedes(one, other) is True,
    "lessthanequals": _at_most,
    "contains": _contains,
    "doesnotcontain": lambda whole, part: not _contains(whole, part),
    "startswith": _starts,
    "endswith": _ends,
    "anyof": _any_of,
}


def _number(value: Json) -> int | float | None:
    return int(value) if isinstance(value, bool) else number_of(value)


def _boolean(value: Json) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value != 0
    return boolean_of(value) is True


def _rounded(round_to: Callable[[float], int]) -> Unary:
    def rounded(value: Json) -> Json:
        number = _number(value)
        return None if number is None else round_to(number)

    return rounded


def _abs(value: Json) -> Json:
    number = _number(value)
    return None if number is None else abs(number)


UNARY: Mapping[str, Unary] = {
    "number": _number,
    "string": text_of,
    "boolean": _boolean,
    "epochtime": epoch_ms,
    "lowercase": lambda value: text_of(value).lower(),
    "uppercase": lambda value: text_of(value).upper(),
    "floor": _rounded(math.floor),
    "ceiling": _rounded(math.ceil),
    "abs": _abs,
    "empty": is_empty,
    "notempty": lambda value: not is_empty(value),
    "isempty": is_empty,
    "isnotempty": lambda value: not is_empty(value),
}

ACCESSORS = ("extract", "settings", "context")

OPERANDS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(BINARY, (2, 2)),
    **dict.fromkeys(UNARY, (1, 1)),
    **dict.fromkeys(ACCESSORS, (1, 1)),
    "matches": (2, 2),
    "and": (1, MANY),
    "or": (1, MANY),
    "not": (1, 1),
}
"""The least and the most operands of everything that may stand first in a rule."""
