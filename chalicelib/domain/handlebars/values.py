"""What values mean in a template: text, number, truth, equality and members, as JavaScript has them.

Two things differ, so that nothing which came in is lost: integers beyond 2^53 keep their digits, and texts count
characters, not halves of surrogate pairs (but for `length`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from ..json import MAX_INTEGER_DIGITS, Json

# Spelled out, because `strip` takes characters, and no ranges of them.
WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff".replace(
    "\u2000-\u200a", "".join(map(chr, range(0x2000, 0x200B)))
)
"""The characters that JavaScript takes for blanks."""


class Undefined(Enum):
    """The one value that stands for a member that is not there."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined.UNDEFINED

Value: TypeAlias = "Json | Undefined"

_SAFE_FLOATS = 2.0**53
_EXPONENT_FROM = 21
_ZEROS_UNTIL = -6
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BASED = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_MAX_NUMBER_LENGTH = 400


class Refused(Exception):
    """Why a template cannot be compiled or rendered; what is told outside is a TemplateError."""

    def __init__(self, reason: str, at: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


def to_text(value: Any) -> str:
    """The value as it reads inside a text."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None or value is UNDEFINED:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return number_text(value)
    if kind is list:
        return ",".join(map(to_text, value))
    return "[object Object]"


def number_text(number: int | float) -> str:
    """The shortest digits that give the number again; an exponent from 1e21 up and below 1e-6."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < _SAFE_FLOATS:
        return str(int(number))
    if not math.isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    sign, digits, point = _digits(number)
    count = len(digits)
    if count <= point <= _EXPONENT_FROM:
        return sign + digits + "0" * (point - count)
    if 0 < point <= _EXPONENT_FROM:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _ZEROS_UNTIL < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return sign + exponential(digits, point - 1)


def exponential(digits: str, exponent: int) -> str:
    """Digits with the point behind the first: `1.5e+21`."""
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent)}"


def _digits(number: float) -> tuple[str, str, int]:
    """The sign, the significant digits, and where the point stands among them."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    return "-" * (number < 0), digits.rstrip("0"), len(whole) - leading + int(exponent or 0)


def to_number(value: Any) -> int | float:
    """What Number(value) gives; NaN where there is no number in it."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return int(value)
    if value is None:
        return 0
    if kind is list:
        value, kind = to_text(value), str
    if kind is not str:
        return math.nan
    return _parsed(value.strip(WHITESPACE))


def _parsed(text: str) -> int | float:
    if not text:
        return 0
    if len(text) > _MAX_NUMBER_LENGTH:
        return math.nan
    if _INTEGER.fullmatch(text):
        # More digits than an integer of ours may have make a float, as all numbers are to JavaScript.
        return int(text) if len(text.lstrip("+-")) <= MAX_INTEGER_DIGITS else float(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if text.lstrip("+-") == "Infinity" and len(text) <= len("+Infinity"):
        return -math.inf if text[0] == "-" else math.inf
    return math.nan


def is_number(value: object) -> bool:
    return type(value) is int or type(value) is float


def is_truthy(value: Any) -> bool:
    """Truth in JavaScript, where empty lists and objects are true and NaN is not."""
    if type(value) is list or isinstance(value, Mapping):
        return True
    # NaN alone is not equal to itself.
    return bool(value) and value == value


def is_filled(value: Any) -> bool:
    """What `if` goes by: true as in JavaScript, and no empty list."""
    return is_truthy(value) and value != []


def strictly_equal(left: Any, right: Any) -> bool:
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if type(left) in (list, dict):
        return left is right
    return bool(left == right)


def loosely_equal(left: Any, right: Any) -> bool:
    """`==`: null and undefined are one, and different types meet as numbers or as texts."""
    if left is None or left is UNDEFINED:
        return right is None or right is UNDEFINED
    if right is None or right is UNDEFINED:
        return False
    if type(left) is type(right) or (is_number(left) and is_number(right)):
        return strictly_equal(left, right)
    left, right = _primitive(left), _primitive(right)
    if type(left) is str and type(right) is str:
        return left == right
    return bool(to_number(left) == to_number(right))


def is_less(left: Any, right: Any) -> bool:
    """`<`: texts in the order of their characters, anything else as numbers."""
    left, right = _primitive(left), _primitive(right)
    if type(left) is str and type(right) is str:
        return left < right
    return bool(to_number(left) < to_number(right))


def _primitive(value: Any) -> Any:
    return to_text(value) if type(value) is list or isinstance(value, Mapping) else value


def type_name(value: Any) -> str:
    """The kind of a value as JavaScript names it, but for lists, which are an `array`."""
    if value is UNDEFINED:
        return "undefined"
    if type(value) is bool:
        return "boolean"
    if is_number(value):
        return "number"
    if type(value) is str:
        return "string"
    return "array" if type(value) is list else "object"


def member(value: Any, name: str) -> Any:
    """An own member of an object, an element of a list, a character of a text, or the length of the two."""
    if isinstance(value, Mapping):
        return value.get(name, UNDEFINED)
    if value is None:
        return None
    if isinstance(value, (list, str)):
        if name == "length":
            return len(value) if isinstance(value, list) else _utf16_length(value)
        if _INDEX.fullmatch(name) and int(name) < len(value):
            return value[int(name)]
    return UNDEFINED


def at_path(value: Any, path: str) -> Any:
    """Follows `a.b[0].c` or `a.[0].c` from the value."""
    for name in re.split(r"[.\[\]]+", path.strip(".[]")):
        value = member(value, name)
    return value


def own_keys(value: Mapping[str, Any]) -> list[str]:
    """Member names in the order in which JavaScript goes through them: indexes first, ascending."""
    names = list(value)
    # 2^32 - 2 is the largest index of an array; a longer number is a name like any other.
    indexes = [name for name in names if name.isdigit() and _INDEX.fullmatch(name) and int(name) < 2**32 - 1]
    if not indexes:
        return names
    first = set(indexes)
    return sorted(indexes, key=int) + [name for name in names if name not in first]


def _utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(letter > "\uffff" for letter in text)
