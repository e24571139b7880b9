"""The binary operators on JSON values."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from ..json import Json
from .runtime import Refused, Render, bounded, is_number, type_name

Operator: TypeAlias = Callable[[Render, Json, Json], Json]


def _equal(render: Render, left: Json, right: Json) -> Json:
    return render.same(left, right)


def _unequal(render: Render, left: Json, right: Json) -> Json:
    return not render.same(left, right)


def _ordering(symbol: str, compare: Callable[[Any, Any], bool]) -> Operator:
    def ordered(_: Render, left: Json, right: Json) -> Json:
        if (is_number(left) and is_number(right)) or (type(left) is str and type(right) is str):
            return compare(left, right)
        raise Refused(f"{type_name(left)} {symbol} {type_name(right)} cannot be compared")

    return ordered


def contains(render: Render, left: Json, right: Json) -> bool:
    """`left in right`: a part of a text, a member name of an object, an element of an array."""
    if right is None:
        return False
    if isinstance(right, list):
        render.spend(len(right))
        return any(render.same(left, item) for item in right)
    if isinstance(left, str) and isinstance(right, dict):
        return left in right
    if isinstance(left, str) and isinstance(right, str):
        render.spend(len(right) >> 10)
        return left in right
    raise Refused(f"{type_name(left)} in {type_name(right)} has no meaning")


def _not_contains(render: Render, left: Json, right: Json) -> Json:
    return not contains(render, left, right)


def _add(render: Render, left: Json, right: Json) -> Json:
    if type(left) is str or type(right) is str:
        first, second = render.text(left), render.text(right)
        render.produce(len(first) + len(second))
        return first + second
    return bounded(operator.add(*_numbers("+", left, right)))


def _subtract(_: Render, left: Json, right: Json) -> Json:
    return bounded(operator.sub(*_numbers("-", left, right)))


def _multiply(_: Render, left: Json, right: Json) -> Json:
    return bounded(operator.mul(*_numbers("*", left, right)))


def _divide(_: Render, left: Json, right: Json) -> Json:
    dividend, divisor = _numbers("/", left, right)
    if divisor == 0:
        raise Refused("division by zero")
    if isinstance(dividend, int) and isinstance(divisor, int) and dividend % divisor == 0:
        return dividend // divisor
    return bounded(dividend / divisor)


def _remainder(_: Render, left: Json, right: Json) -> Json:
    dividend, divisor = _numbers("%", left, right)
    if divisor == 0:
        raise Refused("division by zero")
    if isinstance(dividend, int) and isinstance(divisor, int):
        # With the sign of the dividend, like `fmod` below; Python's own has that of the divisor.
        size = abs(dividend) % abs(divisor)
        return -size if dividend < 0 else size
    return math.fmod(dividend, divisor)


def _numbers(symbol: str, left: Any, right: Any) -> tuple[int | float, int | float]:
    if is_number(left) and is_number(right):
        return left, right
    raise Refused(f"{type_name(left)} {symbol} {type_name(right)} has no meaning")


OPERATORS: dict[str, Operator] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordering("<", operator.lt),
    "<=": _ordering("<=", operator.le),
    ">": _ordering(">", operator.gt),
    ">=": _ordering(">=", operator.ge),
    "in": contains,
    "not in": _not_contains,
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _remainder,
}
