"""This dialect's timestamps: UTC with `Z`, nine digits of a second for runs and tasks, six for definitions and
schedules, three in errors. Ours have three; the rest are zeros."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)


def with_nanoseconds(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"


def with_microseconds(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z"


def with_milliseconds(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def optional(at: datetime | None) -> str | None:
    return None if at is None else with_nanoseconds(at)


def clamped(text: str) -> str:
    """A date or time whose day is not in its month, such as 29 February of 2026, on the month's last day."""
    match = _DAY.match(text)
    if match is None:
        return text
    year, month, day = map(int, match.groups())
    # Every other text is either right or wrong in a way that whoever parses it tells; year 0 has no calendar.
    if not (1 <= month <= 12 and 28 < day <= 31 and 1 <= year <= 9999):
        return text
    last = calendar.monthrange(year, month)[1]
    return f"{year:04d}-{month:02d}-{min(day, last):02d}{text[match.end() :]}"
