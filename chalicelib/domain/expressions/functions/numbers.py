"""Functions on numbers. Whole results are integers; nothing leaves the range that JSON carries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from ...json import MAX_INTEGER_DIGITS, Json
from ..runtime import Refused, Render, bounded, is_number, type_name
from .registry import ANY, INTEGER, LIST, NUMBER, TEXT, function

_MAX_DECIMALS = 15
_WHOLE_FLOATS = 2**53
_ROUNDING = Context(prec=60, rounding=ROUND_HALF_UP)
_NUMBER = re.compile(r"[+-]?([0-9]{1,400})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?")
_RANDOM_BITS = 53


@function("round", NUMBER, optional=[INTEGER])
def round_half_up(number: int | float, decimals: int = 0) -> int | float:
    if not 0 <= decimals <= _MAX_DECIMALS:
        raise Refused(f"round takes 0 to {_MAX_DECIMALS} decimals")
    if isinstance(number, int):
        return number
    if abs(number) >= _WHOLE_FLOATS:
        return number if decimals else bounded(int(number))
    # The shortest decimal form is what people see: 2.675 becomes 2.68, though its double is below.
    rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-decimals), context=_ROUNDING)
    return float(rounded) if decimals else int(rounded)


@function("floor", NUMBER)
def floor(number: int | float) -> int | float:
    return bounded(math.floor(number))


@function("ceil", NUMBER)
def ceil(number: int | float) -> int | float:
    return bounded(math.ceil(number))


@function("abs", NUMBER)
def absolute(number: int | float) -> int | float:
    return abs(number)


@function("min", ANY, rest=ANY, with_render=True)
def minimum(render: Render, *values: Json) -> Json:
    return _extreme("min", min, render, values)


@function("max", ANY, rest=ANY, with_render=True)
def maximum(render: Render, *values: Json) -> Json:
    return _extreme("max", max, render, values)


def _extreme(
    name: str, choose: Callable[..., int | float], render: Render, values: tuple[Json, ...]
) -> int | float | None:
    numbers = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    render.spend(len(numbers))
    return choose(_numbers(name, numbers)) if numbers else None


@function("sum", LIST)
def total(items: list[Json]) -> int | float:
    return bounded(sum(_numbers("sum", items)))


@function("avg", LIST)
def average(items: list[Json]) -> int | float | None:
    if not items:
        return None
    whole = bounded(sum(_numbers("avg", items)))
    exact = isinstance(whole, int) and whole % len(items) == 0
    return whole // len(items) if exact else whole / len(items)


def _numbers(name: str, items: list[Json]) -> list[Any]:
    for item in items:
        if not is_number(item):
            raise Refused(f"{name} takes numbers, not {type_name(item)}")
    return items


@function("toNumber", ANY, optional=[ANY])
def to_number(value: Json, *otherwise: Json) -> Json:
    if is_number(value):
        return value
    if isinstance(value, bool):
        return int(value)
    number = _parsed(value.strip()) if isinstance(value, str) else None
    if number is not None:
        return number
    if otherwise:
        return otherwise[0]
    shown = repr(value[:40]) if isinstance(value, str) else type_name(value)
    raise Refused(f"{shown} is not a number; a second argument of toNumber would be taken instead")


def _parsed(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    if match[2] or match[3]:
        number = float(text)
        return number if math.isfinite(number) else None
    return int(text) if len(match[1]) <= MAX_INTEGER_DIGITS else None


@function("formatNumber", NUMBER, optional=[INTEGER, TEXT, TEXT])
def format_number(number: int | float, decimals: int = 0, thousands: str = ",", point: str = ".") -> str:
    if not 0 <= decimals <= _MAX_DECIMALS:
        raise Refused(f"formatNumber takes 0 to {_MAX_DECIMALS} decimals")
    if max(len(thousands), len(point)) > 10:
        raise Refused("formatNumber takes separators of at most 10 characters")
    digits = f"{Decimal(repr(round_half_up(number, decimals))):,.{decimals}f}"
    whole, _, fraction = digits.partition(".")
    return whole.replace(",", thousands) + (point + fraction if fraction else "")


@function("random", with_render=True)
def random_number(render: Render) -> float:
    """At least 0, below 1."""
    # 53 bits, which a float below 1 holds exactly: more would be rounded, up to 1 itself.
    return (int.from_bytes(render.draw()[:8]) >> (64 - _RANDOM_BITS)) / (1 << _RANDOM_BITS)
