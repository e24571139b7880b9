"""Schedules of flows: six fields, of which the first stands for the seconds and says nothing.

`? minute hour day-of-month month day-of-week`, Sunday being 0 or 7; a `?` for a day is as good as a `*`.
"""

from __future__ import annotations

from chalicelib.domain.cron import cron_timing
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.schedules import Timing

_FIELDS = 6
_NO_SECONDS = frozenset({"?", "0"})
_INVALID = "Invalid cron expression"


def cron_of(schedule: str) -> str:
    """The five fields of Unix cron that say the same. Raises InvalidError."""
    fields = schedule.split()
    if len(fields) != _FIELDS or fields[0] not in _NO_SECONDS:
        raise InvalidError(_INVALID, field="schedule")
    minute, hour, *rest = fields[1:]
    # The month; the two days beside it may be left open.
    if "?" in (minute, hour, rest[1]):
        raise InvalidError(_INVALID, field="schedule")
    return " ".join([minute, hour, *("*" if field == "?" else field for field in rest)])


def timing_of(schedule: str, timezone: str = "UTC") -> Timing:
    """Raises InvalidError, whose `field` is `schedule` or `timezone`."""
    cron = cron_of(schedule)
    try:
        return cron_timing(cron, timezone)
    except InvalidError as error:
        if error.field == "timezone":
            raise
        raise InvalidError(_INVALID, field="schedule") from error
