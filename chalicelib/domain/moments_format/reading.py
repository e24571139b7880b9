"""Texts to times, and names to zones."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from ..errors import InvalidError
from .tokens import EPOCH, MAX_PATTERN, MONTHS, tokens_of

MAX_TEXT = 100
"""In characters."""
# ZoneInfo takes a name for a path in its database, so there are no dots in it.
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_MAILED = re.compile(
    r"(?:[A-Za-z]{3},\s*)?([0-9]{1,2})\s+([A-Za-z]{3})\s+([0-9]{4})\s+([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
    r"\s*([+-][0-9]{4}|GMT|UTC|UT|Z)"
)
"""RFC 2822, as in headers of mail and HTTP."""
_AMERICAN = re.compile(
    r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?:,?\s+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*([AaPp][Mm])?)?"
)


def parse_moment(text: str, tokens: str | None = None, zone: tzinfo = UTC) -> datetime:
    """The aware UTC time that the text says, by the pattern, or as ISO 8601, RFC 2822 or `M/D/YYYY h:mm A`.

    A pattern need not name everything: what it leaves out is the start of the year, month or day. Punctuation and
    blanks may differ from the pattern, as they may in moment.js. Raises InvalidError.
    """
    text = text.strip()
    if len(text) > MAX_TEXT or len(tokens or "") > MAX_PATTERN:
        raise InvalidError("The date is too long.")
    try:
        at = _by_pattern(text, tokens, zone) if tokens else _recognised(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        by = f" by the pattern '{tokens}'" if tokens else ""
        raise InvalidError(f"'{text[:40]}' is not a date{by}.") from error


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo:
    """The zone of a name such as `America/New_York`; an empty one is UTC. Raises InvalidError."""
    if not name:
        return UTC
    # "localtime" is whatever the machine is set to.
    if _ZONE_NAME.fullmatch(name) and name != "localtime":
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise InvalidError(f"'{name[:40]}' is not a time zone.")


def _recognised(text: str) -> datetime:
    """A time without a pattern, by the usual forms."""
    try:
        # Basic forms and weeks of ISO 8601 are read, too.
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if american := _AMERICAN.fullmatch(text):
        month, day, year, hour, minute, second = (int(part or 0) for part in american.groups()[:6])
        return datetime(year, month, day, _hour(hour, american[7]), minute, second)  # noqa: DTZ001
    if mailed := _MAILED.fullmatch(text):
        offset, month = mailed[7], _month({"month_name": mailed[2]})
        day, year, hour, minute, second = (int(mailed[number] or 0) for number in (1, 3, 4, 5, 6))
        at = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001
        return at.replace(tzinfo=_offset_zone(offset) if offset[0] in "+-" else UTC)
    raise ValueError


def _hour(hour: int, half: str | None) -> int:
    """The hour of the day; one above 12 is that already, whatever half is said."""
    if half is not None and hour <= 12:
        return hour % 12 + 12 * (half.lower() == "pm")
    return hour


_SIGNED = r"[+-]?[0-9]"
_PUNCTUATION = r"[^0-9A-Za-z]{0,20}?"
_READABLE = {
    "YYYYYY": ("year", rf"{_SIGNED}{{1,6}}"),
    "YYYYY": ("year", rf"{_SIGNED}{{1,6}}"),
    "YYYY": ("year", "[0-9]{1,4}"),
    "YY": ("short_year", "[0-9]{2}"),
    "Y": ("year", "[0-9]{1,4}"),
    "yyyy": ("year", "[0-9]{1,4}"),
    "y": ("year", "[0-9]{1,4}"),
    "Q": ("quarter", "[1-4]"),
    "M": ("month", "[0-9]{1,2}"),
    "MM": ("month", "[0-9]{1,2}"),
    "MMM": ("month_name", "[A-Za-z]{3,9}"),
    "MMMM": ("month_name", "[A-Za-z]{3,9}"),
    "D": ("day", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{1,2}"),
    "Do": ("day_ordinal", "[0-9]{1,2}(?:st|nd|rd|th)"),
    "DDD": ("day_of_year", "[0-9]{1,3}"),
    "DDDD": ("day_of_year", "[0-9]{3}"),
    "dd": ("weekday", "[A-Za-z]{2,9}"),
    "ddd": ("weekday", "[A-Za-z]{2,9}"),
    "dddd": ("weekday", "[A-Za-z]{2,9}"),
    "GGGG": ("week_year", "[0-9]{4}"),
    "W": ("week", "[0-9]{1,2}"),
    "WW": ("week", "[0-9]{1,2}"),
    "E": ("week_day", "[1-7]"),
    "H": ("hour", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{1,2}"),
    "k": ("hour", "[0-9]{1,2}"),
    "kk": ("hour", "[0-9]{1,2}"),
    "h": ("hour", "[0-9]{1,2}"),
    "hh": ("hour", "[0-9]{1,2}"),
    "m": ("minute", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{1,2}"),
    "s": ("second", "[0-9]{1,2}"),
    "ss": ("second", "[0-9]{1,2}"),
    "A": ("half", "[AaPp]\\.?[Mm]\\.?"),
    "a": ("half", "[AaPp]\\.?[Mm]\\.?"),
    "Z": ("offset", "Z|z|[+-][0-9]{2}:?[0-9]{2}"),
    "ZZ": ("offset", "Z|z|[+-][0-9]{2}:?[0-9]{2}"),
    "X": ("seconds", "-?[0-9]{1,11}(?:\\.[0-9]{1,3})?"),
    "x": ("milliseconds", "-?[0-9]{1,14}"),
}


def _by_pattern(text: str, tokens: str, zone: tzinfo) -> datetime:
    found = _reader(tokens).match(text)
    if found is None:
        raise ValueError
    parts = {name: value for name, value in found.groupdict().items() if value is not None}
    if "milliseconds" in parts:
        return EPOCH + timedelta(milliseconds=int(parts["milliseconds"]))
    if "seconds" in parts:
        return EPOCH + timedelta(seconds=float(parts["seconds"]))
    day = _day(parts)
    hour = _hour(int(parts.get("hour", 0)), parts["half"].replace(".", "") if "half" in parts else None)
    at = datetime(day.year, day.month, day.day, 0, int(parts.get("minute", 0)), int(parts.get("second", 0)))  # noqa: DTZ001
    # Added and not set, because 24:00 is midnight of the day after.
    at += timedelta(hours=hour, microseconds=int(parts.get("fraction", "0")[:6].ljust(6, "0")))
    if hour > 24:
        raise ValueError
    return at.replace(tzinfo=_offset_zone(parts["offset"]) if "offset" in parts else zone)


def _day(parts: dict[str, str]) -> date:
    if "week_year" in parts:
        return date.fromisocalendar(int(parts["week_year"]), int(parts.get("week", 1)), int(parts.get("week_day", 1)))
    short = int(parts.get("short_year", 0))
    # The turn that moment.js makes: 68 is 2068, 69 is 1969.
    year = int(parts["year"]) if "year" in parts else short + (2000 if short <= 68 else 1900)
    if "year" not in parts and "short_year" not in parts:
        raise ValueError
    if "day_of_year" in parts:
        found = date(year, 1, 1) + timedelta(days=int(parts["day_of_year"]) - 1)
        if found.year != year:
            raise ValueError
        return found
    day = int(parts.get("day") or parts.get("day_ordinal", "1st")[:-2])
    return date(year, _month(parts), day)


def _month(parts: dict[str, str]) -> int:
    if "month_name" in parts:
        wanted = parts["month_name"].lower()
        for number, name in enumerate(MONTHS, 1):
            if wanted in (name.lower(), name[:3].lower()) or (wanted == "sept" and number == 9):
                return number
        raise ValueError
    if "month" in parts:
        return int(parts["month"])
    return 3 * int(parts.get("quarter", 1)) - 2


def _offset_zone(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


@lru_cache(maxsize=256)
def _reader(pattern: str) -> re.Pattern[str]:
    """An expression in which punctuation and the rest take turns, so that it cannot backtrack for long."""
    expression, seen = "", set[str]()
    tokens = tokens_of(pattern)
    for token, following in zip(tokens, (*tokens[1:], ""), strict=True):
        name, digits = ("fraction", "[0-9]{1,9}") if token[0] == "S" else _READABLE.get(token, ("", ""))
        if not name:
            expression = _literally(expression, token)
        elif name in seen:
            raise ValueError(token)
        else:
            seen.add(name)
            # Between digits and digits nothing but their number tells the parts from each other.
            expression += f"(?P<{name}>{_packed(token, digits) if _starts_with_digits(following) else digits})"
    return re.compile(expression)


def _literally(expression: str, token: str) -> str:
    """The expression with text that is no token; all punctuation in a row is one stretch of any punctuation."""
    if token[0] in "[\\" and len(token) > 1:
        token = token[1:-1] if token[0] == "[" else token[1:]
    elif len(token) > 1:
        raise ValueError(token)
    for letter in token:
        if letter.isalnum():
            expression += re.escape(letter)
        elif not expression.endswith(_PUNCTUATION):
            expression += _PUNCTUATION
    return expression


def _starts_with_digits(token: str) -> bool:
    return token.startswith("S") or _READABLE.get(token, ("", ""))[1].startswith("[0-9]")


def _packed(token: str, digits: str) -> str:
    return f"[0-9]{{{len(token)}}}" if digits.startswith("[0-9]{1,") and len(token) > 1 else digits
