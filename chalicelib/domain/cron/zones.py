"""Time zones: when a local time is, and where the clocks are changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from chalicelib.domain.errors import InvalidError

_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_NOT_ZONES = ("localtime", "posix/", "right/", "posixrules", "Factory")
"""What the database has beside zones: the machine's own setting, and copies that count leap seconds."""
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=128)
def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name. UTC is known even where the database is missing. Raises InvalidError."""
    if name == "UTC":
        return UTC
    if _NAME.fullmatch(name) and not name.startswith(_NOT_ZONES):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    reason = f"'{name[:64]}' is no known time zone"
    raise InvalidError(f"The time zone cannot be used: {reason}.", field="timezone", reason=reason)


def first_occurrence(zone: tzinfo, local: datetime) -> datetime | None:
    """When a local time is for the first time, in UTC; None where the clocks are put forward over it."""
    # There and back: a local time that is left out comes back as another one.
    at = local.replace(tzinfo=zone).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None, fold=0) == local else None


def is_doubled(zone: tzinfo, local: datetime) -> bool:
    """Whether a local time that exists comes twice, because the clocks are put back over it."""
    return local.replace(tzinfo=zone).utcoffset() != local.replace(tzinfo=zone, fold=1).utcoffset()


def end_of_gap(zone: tzinfo, local: datetime) -> datetime:
    """The first local time after the gap that `local` lies in."""
    # PEP 495: inside a gap fold=1 takes the offset from after it, which makes the earlier moment.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = local.replace(tzinfo=zone).astimezone(UTC)
    return _change_between(zone, before, after).astimezone(zone).replace(tzinfo=None, fold=0)


def end_of_overlap(zone: tzinfo, local: datetime) -> datetime:
    """The first local time after those that come twice, of which `local` is one."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    change = _change_between(zone, first, second)
    # By the clock as it went before the change; after it the same hour begins again.
    return change.replace(tzinfo=None) + _offset(zone, change - _SECOND)


def _change_between(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The first second of the offset that holds at `after`, where another one holds at `before`."""
    wanted = _offset(zone, after)
    # By halving, because ZoneInfo does not tell when it changes.
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + middle * _SECOND) == wanted:
            high = middle
        else:
            low = middle
    return before + high * _SECOND


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
