"""What cron expressions name, found by looking at every minute: slow, plain, and written without the product's code.

A time fires if its local reading fits the expression's text and did not fire the moment before, which is how long a
second reading of the same local time can be away. Nothing is parsed beforehand: each question is put to the text.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
LONGEST_OVERLAP = timedelta(hours=1)
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if number}
_FROM_SUNDAY = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def fires(expression: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every due time after `start` and before `end`, of a Quartz or Unix expression."""
    fields = expression.upper().split()
    is_unix = len(fields) == 5
    if is_unix:
        fields = ["0", *fields]
    seconds = [second for second in range(60) if _fits(fields[0], second, 0, 59)]
    seen: set[datetime] = set()
    minute = (start - LONGEST_OVERLAP).replace(second=0, microsecond=0)
    while minute < end:
        local = _reading(zone, minute)
        if local not in seen and _fits_minute(fields, local, is_unix=is_unix):
            seen.add(local)
            for second in seconds:
                at = minute + timedelta(seconds=second)
                if start < at < end:
                    yield at
        minute += MINUTE


def fits_day(expression: str, day: date) -> bool:
    """Of a Quartz expression."""
    fields = expression.upper().split()
    return _fits_day(*fields[3:6], day)


@lru_cache(maxsize=100_000)
def _reading(zone: ZoneInfo, at: datetime) -> datetime:
    return (at + (zone.utcoffset(at.astimezone(zone)) or timedelta())).replace(tzinfo=None)


def _fits_minute(fields: list[str], local: datetime, *, is_unix: bool) -> bool:
    if not _fits(fields[1], local.minute, 0, 59) or not _fits(fields[2], local.hour, 0, 23):
        return False
    if len(fields) == 7 and not _fits(fields[6], local.year, 1970, 2099):
        return False
    return _fits_day(fields[3], fields[4], fields[5], local.date(), is_unix=is_unix)


@lru_cache(maxsize=10_000)
def _fits_day(of_month: str, month: str, of_week: str, day: date, *, is_unix: bool = False) -> bool:
    if not _fits(month, day.month, 1, 12, _MONTHS):
        return False
    weekday = (day.weekday() + 1) % 7
    if is_unix:
        in_month = _fits(of_month, day.day, 1, 31)
        names = {name: number for number, name in enumerate(_FROM_SUNDAY)}
        in_week = any(_fits_weekday(each, weekday, names) for each in of_week.split(","))
        if of_month[0] != "*" and of_week[0] != "*":
            return in_month or in_week
        return in_month and in_week
    if of_week == "?":
        return _fits_day_of_month(of_month, day)
    return _fits_day_of_week(of_week, day, weekday + 1)


def _fits_weekday(element: str, weekday: int, names: dict[str, int]) -> bool:
    """Sunday may be written as 7, but a step without an end runs up to Saturday, as a week does."""
    is_open = "/" in element and "-" not in element and not element.startswith("7")
    return _fits(element, weekday, 0, 7, names) or (weekday == 0 and not is_open and _fits(element, 7, 0, 7, names))


def _fits_day_of_month(text: str, day: date) -> bool:
    last = calendar.monthrange(day.year, day.month)[1]
    if text.startswith("L"):
        before, _, _ = text[1:].lstrip("-").partition("W")
        wanted = last - int(before or 0)
        return wanted >= 1 and day.day == (_workday_near(day, wanted, last) if text.endswith("W") else wanted)
    if text.endswith("W"):
        return int(text[:-1]) <= last and day.day == _workday_near(day, int(text[:-1]), last)
    return _fits(text, day.day, 1, 31)


def _workday_near(day: date, wanted: int, last: int) -> int:
    """The workday of the month that fewest days lie before or after the wanted one."""
    workdays = [number for number in range(1, last + 1) if day.replace(day=number).weekday() < 5]
    return min(workdays, key=lambda number: abs(number - wanted))


def _fits_day_of_week(text: str, day: date, number: int) -> bool:
    names = {name: place for place, name in enumerate(_FROM_SUNDAY, 1)}
    if text == "L":
        return number == 7
    if text.endswith("L"):
        in_next_month = (day + timedelta(days=7)).month != day.month
        return in_next_month and number == _number(text[:-1], names)
    if "#" in text:
        wanted, nth = text.split("#")
        return number == _number(wanted, names) and (day.day - 1) // 7 + 1 == int(nth)
    return _fits(text, number, 1, 7, names)


def _fits(text: str, value: int, low: int, high: int, names: dict[str, int] | None = None) -> bool:
    if names is None:
        return _fits_numbers(text, value, low, high)
    return any(_fits_element(element, value, low, high, names) for element in text.split(","))


@lru_cache(maxsize=100_000)
def _fits_numbers(text: str, value: int, low: int, high: int) -> bool:
    return any(_fits_element(element, value, low, high, {}) for element in text.split(","))


def _fits_element(element: str, value: int, low: int, high: int, names: dict[str, int]) -> bool:
    base, _, step_text = element.partition("/")
    step = int(step_text or 1)
    if base in {"*", ""}:
        return (value - low) % step == 0
    if "-" not in base:
        start = _number(base, names)
        return value == start if not step_text else value >= start and (value - start) % step == 0
    at, end = (_number(part, names) for part in base.split("-"))
    walked = 0
    while True:
        if at == value and walked % step == 0:
            return True
        if at == end:
            return False
        at, walked = (low if at == high else at + 1), walked + 1


def _number(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """When the zone's clocks are changed in a year, to the minute."""
    found = []
    at = datetime(year, 1, 1, tzinfo=UTC)
    while at.year == year:
        hour = at + timedelta(hours=1)
        if at.astimezone(zone).utcoffset() != hour.astimezone(zone).utcoffset():
            minute = at
            while minute.astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset():
                minute += MINUTE
            found.append(minute)
        at = hour
    return found
