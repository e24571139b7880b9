"""What values mean to rules: their text, number and truth, whether they are empty, equal or in order.

A conversion that is not possible raises Unfit, for the caller to say where.
"""

from __future__ import annotations

import re

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.json import MAX_INTEGER_DIGITS, Json, decode, encode_text

from .paths import MISSING, Missing

_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(rf"[+-]?[0-9]{{1,{MAX_INTEGER_DIGITS}}}")
_TRUE = frozenset({"true", "t", "1"})
_FALSE = frozenset({"false", "f", "0"})
# From here on JavaScript writes an exponent.
_PLAIN_BOUND = 1e21


class Unfit(Exception):
    """The value cannot be made into what is wanted; the message says into what."""


def is_empty(value: Json | Missing) -> bool:
    """Nothing, null, no text, and containers without members. Zero and false are values."""
    return value is MISSING or value is None or value == "" or (isinstance(value, list | dict) and not value)


def text_of(value: Json) -> str:
    """The value as text: null as none, lists of plain values with commas, other containers as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _PLAIN_BOUND:
            return str(int(value))
        # JavaScript writes `1e-7` where Python writes `1e-07`.
        return repr(value).replace("e-0", "e-").replace("e+0", "e+")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and not any(isinstance(element, list | dict) for element in value):
        return ",".join(map(text_of, value))
    try:
        return encode_text(value)
    except PenstockError as error:
        raise Unfit("text") from error


def number_of(value: Json) -> int | float | None:
    """The number that the value is or reads as; None for null and blank text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return read_number(value)
    if value is None:
        return None
    raise Unfit("a number")


def read_number(text: str) -> int | float | None:
    """The number that the text spells in decimal; None for blank text."""
    text = text.strip()
    if not text:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else float("inf")
    # True of infinity and NaN alone: what is no number, and what is too large for a float.
    if number - number != 0.0:
        raise Unfit("a number")
    return number


def boolean_of(value: Json) -> bool | None:
    """The truth that the value is or spells: true, t, 1 or false, f, 0 in any case; None for null and blank text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if not word:
            return None
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise Unfit("a boolean")


def container_in(text: str) -> Json:
    """The object or list that the text says in JSON, which is what templates produce."""
    try:
        return decode(text.encode())
    except (PenstockError, UnicodeEncodeError) as error:
        raise Unfit("an object or a list") from error


def is_true(value: Json) -> bool:
    """Truth as scripts see it: null, false, zero and no text are false, every container is true."""
    return isinstance(value, list | dict) or bool(value)


def same(one: Json, other: Json) -> bool:
    """Equal as JSON, and a number or boolean also equals the text that spells it. No number equals a boolean."""
    if isinstance(one, str) and isinstance(other, int | float):
        return _spells(one, other)
    if isinstance(other, str) and isinstance(one, int | float):
        return _spells(other, one)
    # In Python True equals 1.
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    if isinstance(one, list | dict) and isinstance(other, list | dict):
        return _same_containers(one, other)
    return one == other


def precedes(one: Json, other: Json) -> bool | None:
    """Whether one comes before the other, None if the two have no order.

    Two texts are ordered as text, which is right for ISO dates; a text and a number as numbers.
    """
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    try:
        left, right = _ordinal(one), _ordinal(other)
    except Unfit:
        return None
    return None if left is None or right is None else left < right


def _ordinal(value: Json) -> int | float | None:
    return int(value) if isinstance(value, bool) else number_of(value)


def _spells(text: str, value: int | float) -> bool:
    if isinstance(value, bool):
        return text.strip().lower() == ("true" if value else "false")
    try:
        return read_number(text) == value
    except Unfit:
        return False


def _same_containers(one: list[Json] | dict[str, Json], other: list[Json] | dict[str, Json]) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same_strictly, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same_strictly(one[name], other[name]) for name in one)
    return False


def _same_strictly(one: Json, other: Json) -> bool:
    if isinstance(one, list | dict) and isinstance(other, list | dict):
        return _same_containers(one, other)
    return one == other and isinstance(one, bool) is isinstance(other, bool)
