"""Functions on dates. A date is ISO 8601 text (without a zone: UTC) or a number of seconds since 1970.

Results are UTC text with milliseconds, `2026-11-03T10:00:00.000Z`; only dateInZone gives another offset.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..runtime import Refused, Render
from .registry import INTEGER, NUMBER, TEXT, Kind, Unfit, function

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DATE_LENGTH = 64
_MAX_PATTERN_LENGTH = 100
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_TOKEN = re.compile(r"\[([^\]]*)\]|YYYY|YY|M{1,4}|DD?|d{3,4}|HH?|hh?|mm?|SSS|ss?|A|a|ZZ?")
_READABLE = {
    "YYYY": ("year", "[0-9]{4}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{2}"),
    "D": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "m": ("minute", "[0-9]{1,2}"),
    "ss": ("second", "[0-9]{2}"),
    "s": ("second", "[0-9]{1,2}"),
    "SSS": ("millisecond", "[0-9]{3}"),
}


def _date(_: Render, value: Any) -> datetime:
    try:
        if isinstance(value, str) and len(value) <= _MAX_DATE_LENGTH:
            date = datetime.fromisoformat(value.strip())
            return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        if type(value) is int or type(value) is float:
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    raise Unfit


def _zone(_: Render, value: Any) -> ZoneInfo:
    # "localtime" is whatever the machine is set to.
    if isinstance(value, str) and _ZONE_NAME.fullmatch(value) and value != "localtime":
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            pass
    raise Unfit


DATE = Kind("a date (ISO 8601 text or seconds since 1970)", _date)
ZONE = Kind('a time zone such as "Europe/Berlin"', _zone)


@function("now", with_render=True)
def now(render: Render) -> str:
    return _text(render.now)


@function("today", optional=[ZONE], with_render=True)
def today(render: Render, zone: Any = UTC) -> str:
    return render.now.astimezone(zone).date().isoformat()


@function("formatDate", DATE, optional=[TEXT, ZONE])
def format_date(date: datetime, pattern: str = "YYYY-MM-DD", zone: Any = UTC) -> str:
    local = date.astimezone(zone)
    return _TOKEN.sub(lambda match: _formatted(match, local), _checked(pattern))


@function("parseDate", TEXT, optional=[TEXT, ZONE], with_render=True)
def parse_date(render: Render, text: str, pattern: str | None = None, zone: Any = UTC) -> str:
    if pattern is not None:
        return _text(_read(text.strip(), _checked(pattern), zone))
    try:
        return _text(_date(render, text))
    except Unfit:
        raise Refused(f"{text[:40]!r} is not an ISO 8601 date") from None


@function("dateInZone", DATE, ZONE)
def date_in_zone(date: datetime, zone: Any) -> str:
    return date.astimezone(zone).isoformat(timespec="milliseconds")


@function("addSeconds", DATE, NUMBER)
def add_seconds(date: datetime, seconds: int | float) -> str:
    return _text(date + timedelta(seconds=seconds))


@function("addMinutes", DATE, NUMBER)
def add_minutes(date: datetime, minutes: int | float) -> str:
    return _text(date + timedelta(minutes=minutes))


@function("addHours", DATE, NUMBER)
def add_hours(date: datetime, hours: int | float) -> str:
    return _text(date + timedelta(hours=hours))


@function("addDays", DATE, NUMBER)
def add_days(date: datetime, days: int | float) -> str:
    return _text(date + timedelta(days=days))


@function("addMonths", DATE, INTEGER)
def add_months(date: datetime, months: int) -> str:
    """The same day of a later month, or that month's last day."""
    years, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    if not 1 <= years <= 9999:
        raise OverflowError
    last_day = calendar.monthrange(years, month + 1)[1]
    return _text(date.replace(year=years, month=month + 1, day=min(date.day, last_day)))


@function("diffSeconds", DATE, DATE)
def diff_seconds(start: datetime, end: datetime) -> int | float:
    return _seconds(end - start)


@function("toEpoch", DATE)
def to_epoch(date: datetime) -> int | float:
    return _seconds(date - _EPOCH)


@function("fromEpoch", NUMBER)
def from_epoch(seconds: int | float) -> str:
    return _text(_EPOCH + timedelta(seconds=seconds))


def _text(date: datetime) -> str:
    return date.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(duration: timedelta) -> int | float:
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _checked(pattern: str) -> str:
    if len(pattern) > _MAX_PATTERN_LENGTH:
        raise Refused(f"a date pattern has at most {_MAX_PATTERN_LENGTH} characters")
    return pattern


def _formatted(match: re.Match[str], date: datetime) -> str:
    token = match[0]
    if token.startswith("["):
        return match[1]
    if token in ("A", "a"):
        half = "AM" if date.hour < 12 else "PM"
        return half if token == "A" else half.lower()
    if token in ("Z", "ZZ"):
        # Old local times have offsets with seconds, which no pattern shows.
        offset = f"{date:%z}"[:5]
        return offset if token == "ZZ" else f"{offset[:3]}:{offset[3:]}"
    if token in ("MMM", "MMMM"):
        return _MONTHS[date.month - 1][: 3 if token == "MMM" else None]
    if token in ("ddd", "dddd"):
        return _DAYS[date.weekday()][: 3 if token == "ddd" else None]
    return str(_number(token[0], date)).zfill(len(token))[-len(token) if token == "YY" else 0 :]


def _number(letter: str, date: datetime) -> int:
    match letter:
        case "Y":
            return date.year
        case "M":
            return date.month
        case "D":
            return date.day
        case "H":
            return date.hour
        case "h":
            return date.hour % 12 or 12
        case "m":
            return date.minute
        case "s":
            return date.second
    return date.microsecond // 1000


def _read(text: str, pattern: str, zone: Any) -> datetime:
    match = re.fullmatch(_reader(pattern), text) if len(text) <= _MAX_PATTERN_LENGTH else None
    if match is None:
        raise Refused(f"{text[:40]!r} does not fit the pattern {pattern!r}")
    parts = {name: int(digits) for name, digits in match.groupdict().items()}
    try:
        return datetime(
            parts["year"],
            parts.get("month", 1),
            parts.get("day", 1),
            parts.get("hour", 0),
            parts.get("minute", 0),
            parts.get("second", 0),
            parts.get("millisecond", 0) * 1000,
            tzinfo=zone,
        )
    except ValueError as error:
        raise Refused(f"{text[:40]!r} is not a date: {error}") from error


def _reader(pattern: str) -> str:
    """A regular expression of fixed parts, each at most once, so that it cannot backtrack for long."""
    expression, position, read = "", 0, set()
    for match in _TOKEN.finditer(pattern):
        expression += re.escape(pattern[position : match.start()])
        position = match.end()
        if match[0].startswith("["):
            expression += re.escape(match[1])
            continue
        part, digits = _READABLE.get(match[0], ("", ""))
        if not part or part in read:
            raise Refused(f"parseDate cannot read {match[0]} here")
        read.add(part)
        expression += f"(?P<{part}>{digits})"
    if "year" not in read:
        raise Refused("parseDate needs YYYY in its pattern")
    return expression + re.escape(pattern[position:])
