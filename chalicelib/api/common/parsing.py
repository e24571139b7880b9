"""Reading members of bodies and query parameters. Everything refused is an InvalidError that names the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from chalicelib.api.common.call import Call
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

T = TypeVar("T")

MAX_NAME_LENGTH = 255
_PAGE_DIGITS = 9  # more pages than anybody has, and never a number that is slow to read or too large to multiply
IDEMPOTENCY_KEY_PATTERN = r"[\x20-\x7e]{1,255}"
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[Tt](?P<clock>\d\d:\d\d(?::\d\d)?)(?:[.,](?P<fraction>\d{1,9}))?(?P<offset>[Zz]|[ +-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
# What is stored lies within these; beyond them, years have other than four digits and times are negative.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)


def member(body: Mapping[str, Json], name: str, type_: type[T]) -> T | None:
    """A member of a JSON object; None if it is absent. Null, and a boolean for a number, are of no type."""
    if name not in body:
        return None
    value = body[name]
    if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
        raise InvalidError(f"'{name}' has the wrong type", field=name)
    return value


def text_member(body: Mapping[str, Json], name: str, max_length: int) -> str | None:
    """A text of at most `max_length` characters; None if it is absent."""
    value = member(body, name, str)
    if value is not None and len(value) > max_length:
        raise InvalidError(f"'{name}' is longer than {max_length} characters", field=name)
    return value


def name_member(body: Mapping[str, Json], name: str, max_length: int = MAX_NAME_LENGTH) -> str | None:
    """A text, trimmed, that is not empty then; None if it is absent."""
    value = member(body, name, str)
    if value is None:
        return None
    value = value.strip()
    if not 0 < len(value) <= max_length:
        raise InvalidError(f"'{name}' has to have 1 to {max_length} characters", field=name)
    return value


def required(value: T | None, name: str) -> T:
    if value is None:
        raise InvalidError(f"'{name}' is missing", field=name)
    return value


def choice(value: str, name: str, choices: Mapping[str, T]) -> T:
    if value not in choices:
        raise InvalidError(f"'{name}' is none of {', '.join(choices)}", field=name)
    return choices[value]


def one_of(value: str, name: str, choices: Iterable[str]) -> str:
    return choice(value, name, {each: each for each in choices})


def positive_int(call: Call, name: str, default: int) -> int:
    """A query parameter that is a whole number from 1 up."""
    text = call.param(name)
    if text is None:
        return default
    # `isdigit` is true of superscripts and other scripts' digits, and `int` takes signs, blanks and underscores.
    if not (text.isascii() and text.isdigit()) or len(text) > _PAGE_DIGITS or int(text) < 1:
        raise InvalidError(f"'{name}' is not a positive whole number", field=name)
    return int(text)


def idempotency_key(call: Call) -> str | None:
    """The key that the caller chose for this start, if any: 1 to 255 printable ASCII characters."""
    key = call.headers.get("idempotency-key")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise InvalidError("'Idempotency-Key' is not 1 to 255 printable ASCII characters", field="Idempotency-Key")
    return key


def earliest(call: Call, name: str) -> datetime | None:
    """A query parameter as an inclusive lower bound: a date means its first moment."""
    span = _span(call, name)
    return None if span is None else span[0]


def latest(call: Call, name: str) -> datetime | None:
    """A query parameter as an inclusive upper bound: a date, minute or second means its last millisecond."""
    span = _span(call, name)
    return None if span is None else span[1]


def _span(call: Call, name: str) -> tuple[datetime, datetime] | None:
    text = call.param(name)
    return None if text is None else span(text, name)


def span(text: str, name: str) -> tuple[datetime, datetime]:
    """The first and the last millisecond that an ISO 8601 date or time means. Without offset it is UTC."""
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        # An offset may carry the first or last day of all out of the years that there are: OverflowError.
        start = datetime.fromisoformat(_normal(match)).astimezone(UTC)
        end = start + (_precision(match) - timedelta(milliseconds=1))
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"'{name}' is not an ISO 8601 date or time", field=name) from error
    return min(max(start, _EARLIEST), _LATEST), min(max(end, _EARLIEST), _LATEST)


def _normal(match: re.Match[str]) -> str:
    clock = match["clock"] or "00:00:00"
    # Milliseconds are what is stored: finer digits are cut off, and missing ones filled up.
    fraction = f".{match['fraction'][:3]:0<3}" if match["fraction"] else ""
    seconds = ":00" if len(clock) == len("00:00") else ""
    # A "+" that the client did not escape arrives as a space.
    offset = (match["offset"] or "Z").replace(" ", "+").upper()
    return f"{match['date']}T{clock}{seconds}{fraction}{offset}"


def _precision(match: re.Match[str]) -> timedelta:
    if match["clock"] is None:
        return timedelta(days=1)
    if match["fraction"]:
        return timedelta(milliseconds=1)
    return timedelta(minutes=1) if len(match["clock"]) == len("00:00") else timedelta(seconds=1)
