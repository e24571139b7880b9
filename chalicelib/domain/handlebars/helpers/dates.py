"""Helpers on dates. Patterns are those of moment.js; a time that says no offset is UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from ...errors import InvalidError
from ...moments_format import ISO, format_moment, parse_moment, zone_named
from ...times import from_epoch_ms, iso_ms
from ..values import UNDEFINED, Refused, is_number
from .registry import Call, described, helper, number, text


@helper("dateFormat", 2, 4)
def date_format(out: Any, date: Any, pattern: Any = "", zone: Any = "") -> str:
    """A date by another pattern. A third argument that names a zone is one, where a fourth is missing."""
    if _is_nothing(date):
        return ""
    if not text(zone) and _is_zone(text(pattern)):
        pattern, zone = "", pattern
    return _shown(_date("dateFormat", date, text(pattern)), text(out), _zone(zone))


@helper("dateAdd", 1, 3)
def date_add(date: Any, offset: Any = 0, zone: Any = "") -> str:
    """So many milliseconds later, as ISO 8601: in UTC with `Z`, in another zone with its offset."""
    if _is_nothing(date):
        return ""
    milliseconds = 0 if _is_nothing(offset) else number(offset, "dateAdd")
    # What overflows here raises an ArithmeticError, which is the template's failure like a Refused.
    at = _date("dateAdd", date, "") + timedelta(milliseconds=milliseconds)
    return _shown(at, "", _zone(zone))


@helper("timestamp", 0, 2, with_call=True)
def timestamp(call: Call, pattern: Any = "", zone: Any = "") -> str:
    return _shown(call.render.now, text(pattern), _zone(zone))


def _date(name: str, value: Any, pattern: str) -> datetime:
    try:
        if is_number(value) and not pattern:
            return from_epoch_ms(int(value))
        if is_number(value) or type(value) is str:
            return parse_moment(text(value), pattern or None)
    except (InvalidError, ValueError) as error:
        raise Refused(f"{name}: {_reason(error)}") from error
    raise Refused(f"{name} takes a date, not {described(value)}")


def _shown(at: datetime, pattern: str, zone: tzinfo) -> str:
    if not pattern and zone is UTC:
        return iso_ms(at)
    try:
        return format_moment(at, pattern or ISO, zone)
    except InvalidError as error:
        raise Refused(_reason(error)) from error


def _zone(zone: Any) -> tzinfo:
    try:
        return zone_named(text(zone))
    except InvalidError as error:
        raise Refused(_reason(error)) from error


@lru_cache(maxsize=256)
def _is_zone(name: str) -> bool:
    try:
        return bool(name) and zone_named(name) is not None
    except InvalidError:
        return False


def _is_nothing(value: Any) -> bool:
    return value is None or value is UNDEFINED or value == ""


def _reason(error: Exception) -> str:
    return error.message.rstrip(".") if isinstance(error, InvalidError) else "the date is out of range"
