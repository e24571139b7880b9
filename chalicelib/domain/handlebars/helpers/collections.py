"""Helpers on lists, and those that reach for values by computed paths."""

from __future__ import annotations

import math
from typing import Any

from ..values import UNDEFINED, at_path, to_number, to_text
from .registry import Call, array, flag, helper, integer


@helper("after", 2)
def after(values: Any, count: Any) -> list[Any]:
    return array(values, "after")[max(0, integer(count, "after")) :]


@helper("before", 2)
def before(values: Any, count: Any) -> list[Any]:
    found = array(values, "before")
    # From the front, because `[:-0]` is nothing.
    return found[: max(0, len(found) - max(0, integer(count, "before")))]


@helper("first", 1, 2)
def first(values: Any, count: Any = None) -> Any:
    """The first element, or a list of the first so many."""
    found = array(values, "first")
    if count is not None:
        return found[: max(0, integer(count, "first"))]
    return found[0] if found else UNDEFINED


@helper("last", 1, 2)
def last(values: Any, count: Any = None) -> Any:
    """The last element, or a list of the last so many."""
    found = array(values, "last")
    if count is not None:
        return found[max(0, len(found) - max(0, integer(count, "last"))) :]
    return found[-1] if found else UNDEFINED


@helper("arrayify", 1)
def arrayify(value: Any) -> list[Any]:
    if value is None or value is UNDEFINED:
        return []
    return value if type(value) is list else [value]


@helper("pluck", 2)
def pluck(values: Any, path: Any) -> list[Any]:
    """What the elements have at the path; those that have nothing there are left out."""
    found = (at_path(value, to_text(path)) for value in array(values, "pluck"))
    return [value for value in found if value is not UNDEFINED]


@helper("sort", 1, with_call=True)
def sort(call: Call, values: Any) -> list[Any]:
    """In the order of the texts, or of the numbers; what is no number comes last."""
    found = array(values, "sort")
    call.render.spend(len(found))
    key = _numeric if flag(call.hash.get("number")) else to_text
    return sorted(found, key=key, reverse=flag(call.hash.get("reverse")))


def _numeric(value: Any) -> tuple[bool, int | float]:
    number = to_number(value)
    return (True, 0) if math.isnan(number) else (False, number)


@helper("unique", 1)
def unique(values: Any) -> list[Any]:
    """Without repetitions; lists and objects are all different."""
    seen: dict[Any, Any] = {}
    for index, value in enumerate(array(values, "unique")):
        is_plain = type(value) not in (list, dict)
        # To Python 1, 1.0 and True are one key, to JavaScript the first two alone.
        kind = "number" if type(value) is int or type(value) is float else type(value).__name__
        seen.setdefault((kind, value) if is_plain else (index,), value)
    return list(seen.values())


@helper("getValue", 1, 2, with_call=True)
def get_value(call: Call, path: Any, default: Any = UNDEFINED) -> Any:
    """What is at a computed path, from here or else from the root; the default where that is nothing."""
    for start in (call.frame.context, call.render.root):
        value = at_path(start, to_text(path))
        if value is not None and value is not UNDEFINED:
            return value
    return default
