"""Helpers that calculate, and write numbers in other forms."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from ..values import Refused, exponential, number_text, to_text
from .registry import Call, helper, integer, number

_WHOLE_FLOATS = 2.0**53
_MAX_DIGITS = 100
_MAX_DRAWN = 1_024
_USUAL_DRAWN = 32
# Floats are exact as decimals, with up to 767 digits: nothing is rounded but where that is asked for.
_EXACT = Context(prec=1_200, rounding=ROUND_HALF_UP)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@helper("abs", 1)
def absolute(value: Any) -> int | float:
    return abs(number(value, "abs"))


@helper("add", 2, any_number=True)
def add(*values: Any) -> int | float:
    return _result(sum(number(value, "add") for value in values), "add")


@helper("subtract", 2)
def subtract(left: Any, right: Any) -> int | float:
    return _result(number(left, "subtract") - number(right, "subtract"), "subtract")


@helper("multiply", 2)
def multiply(left: Any, right: Any) -> int | float:
    return _result(number(left, "multiply") * number(right, "multiply"), "multiply")


@helper("divide", 2)
def divide(left: Any, right: Any) -> int | float:
    divisor = number(right, "divide")
    if divisor == 0:
        raise Refused("divide cannot divide by zero")
    # Where it comes out even, integers stay integers, however large.
    quotient, remainder = divmod(number(left, "divide"), divisor)
    return _result(quotient if remainder == 0 else number(left, "divide") / divisor, "divide")


@helper("modulo", 2)
def modulo(left: Any, right: Any) -> int | float:
    """The remainder, with the sign of the first number."""
    dividend, divisor = number(left, "modulo"), number(right, "modulo")
    if divisor == 0:
        raise Refused("modulo cannot divide by zero")
    # Python's own remainder has the sign of the divisor.
    remainder = abs(dividend) % abs(divisor)
    return -remainder if dividend < 0 else remainder


@helper("round", 1)
def round_half_up(value: Any) -> int | float:
    found = number(value, "round")
    # Halves go up below zero, too, as with Math.round.
    return found if _is_whole(found) else math.floor(found + 0.5)


@helper("ceil", 1)
def ceil(value: Any) -> int | float:
    found = number(value, "ceil")
    return found if _is_whole(found) else math.ceil(found)


@helper("floor", 1)
def floor(value: Any) -> int | float:
    found = number(value, "floor")
    return found if _is_whole(found) else math.floor(found)


@helper("sum", 1, any_number=True)
def total(*values: Any) -> int | float:
    return _result(sum(_numbers("sum", values)), "sum")


@helper("avg", 1, any_number=True)
def average(*values: Any) -> int | float:
    found = _numbers("avg", values)
    if not found:
        raise Refused("avg takes at least one number")
    return divide(_result(sum(found), "avg"), len(found))


def _numbers(name: str, values: tuple[Any, ...]) -> list[int | float]:
    """All the numbers among the arguments and the elements of arrays; those without a value are left out."""
    flat: list[Any] = []
    for value in values:
        flat.extend(value if type(value) is list else [value])
    return [number(value, name) for value in flat if to_text(value).strip()]


def _result(value: int | float, name: str) -> int | float:
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(f"the result of {name} is out of range")
    return value


def _is_whole(value: int | float) -> bool:
    return isinstance(value, int) or abs(value) >= _WHOLE_FLOATS


@helper("toFixed", 1, 2)
def to_fixed(value: Any, digits: Any = 0) -> str:
    found, places = number(value, "toFixed"), _count("toFixed", digits, 0)
    if abs(found) >= 1e21:
        # From here on JavaScript writes an exponent, whatever digits it is asked for.
        return number_text(found)
    fixed = Decimal(found).quantize(Decimal(1).scaleb(-places), context=_EXACT)
    return f"{fixed:f}" if fixed else f"{abs(fixed):f}"


@helper("toExponential", 1, 2)
def to_exponential(value: Any, digits: Any = None) -> str:
    found = number(value, "toExponential")
    if digits is None:
        exact = Decimal(repr(found)).normalize(_EXACT)
    else:
        exact = _significant(found, _count("toExponential", digits, 0) + 1)
    sign, numerals, exponent = exact.as_tuple()
    shown = "".join(map(str, numerals))
    if not exact:
        return exponential("0" * (1 if digits is None else integer(digits, "toExponential") + 1), 0)
    return "-" * sign + exponential(shown, len(shown) - 1 + int(exponent))


@helper("toPrecision", 1, 2)
def to_precision(value: Any, digits: Any = None) -> str:
    found = number(value, "toPrecision")
    if digits is None:
        return number_text(found)
    precision = _count("toPrecision", digits, 1)
    exact = _significant(found, precision)
    point = exact.adjusted() if exact else 0
    if exact and (point < -6 or point >= precision):
        return to_exponential(found, precision - 1)
    return f"{exact.quantize(Decimal(1).scaleb(point - precision + 1), context=_EXACT):f}"


def _significant(value: int | float, digits: int) -> Decimal:
    return Context(prec=digits, rounding=ROUND_HALF_UP).plus(
        Decimal(value).quantize(Decimal(1).scaleb(Decimal(value).adjusted() - digits + 1), context=_EXACT)
        if value
        else Decimal(0)
    )


def _count(name: str, value: Any, least: int) -> int:
    count = integer(value, name)
    if not least <= count <= _MAX_DIGITS:
        raise Refused(f"{name} takes {least} to {_MAX_DIGITS} digits")
    return count


@helper("addCommas", 1)
def add_commas(value: Any) -> str:
    whole, point, fraction = number_text(number(value, "addCommas")).partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole.lstrip("-").isdigit() else whole


@helper("bytes", 1, 2)
def readable_bytes(value: Any, precision: Any = 2) -> str:
    """A size with a decimal unit, cut to so many decimals; of a text that is no number, its length."""
    try:
        size = number(value, "bytes")
    except Refused:
        size = len(to_text(value))
    # By counting digits: logarithms of powers of ten are not exact.
    power = min(len(_UNITS) - 1, max(0, (len(str(int(abs(size)))) - 1) // 3))
    places = _count("bytes", precision, 0)
    scaled = Decimal(repr(size)).scaleb(-3 * power)
    cut = scaled.quantize(Decimal(1).scaleb(-places), rounding="ROUND_DOWN", context=_EXACT)
    return f"{number_text(float(cut))} {_UNITS[power]}"


@helper("ordinalize", 1)
def ordinalize(value: Any) -> str:
    found = integer(value, "ordinalize")
    teens = 10 < abs(found) % 100 < 14
    return f"{found}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(found) % 10, 'th')}"


@helper("random", 1, 2, with_call=True)
def random(call: Call, method: Any, length: Any = None) -> str:
    """Letters and digits (crypto), digits (number), or a UUID (uuid), cut to the length."""
    count = _USUAL_DRAWN if length is None else integer(length, "random")
    if not 0 <= count <= _MAX_DRAWN:
        raise Refused(f"random draws up to {_MAX_DRAWN} characters")
    call.render.spend(count)
    match to_text(method):
        case "crypto":
            return _drawn(call, _LETTERS, count)
        case "number":
            return _drawn(call, "0123456789", count)
        case "uuid":
            hexes = _drawn(call, "0123456789abcdef", 32)
            variant = _drawn(call, "89ab", 1)
            # The version, 4, and the variant have fixed places (RFC 9562).
            uuid = f"{hexes[:8]}-{hexes[8:12]}-4{hexes[13:16]}-{variant}{hexes[17:20]}-{hexes[20:]}"
            return uuid if length is None else uuid[:count]
    raise Refused("random takes crypto, number or uuid")


def _drawn(call: Call, letters: str, count: int) -> str:
    draw = call.render.random
    # What is drawn may be 1.0: the largest of 56 bits are rounded up to it.
    return "".join(letters[min(int(draw() * len(letters)), len(letters) - 1)] for _ in range(count))
