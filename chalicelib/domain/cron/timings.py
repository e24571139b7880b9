"""Timings: made from what callers write, checked, and made ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.schedules import Timing, TimingKind

from . import quartz, unix
from .fields import refuse
from .plan import Plan
from .zones import zone_of

MAX_EXPRESSION_LENGTH = 1_000
MAX_INTERVAL_SECONDS = 366 * 86_400

_UNIX_FIELDS = (5,)
_QUARTZ_FIELDS = (6, 7)


def cron_timing(expression: str, timezone: str = "UTC") -> Timing:
    """Unix cron or Quartz, told apart by the number of fields, checked. Raises InvalidError."""
    count = len(expression.split())
    is_unix = expression.lstrip().startswith("@") or count in _UNIX_FIELDS
    if not is_unix and count not in _QUARTZ_FIELDS:
        refuse(f"there are {count} fields, not 5, 6 or 7")
    timing = Timing(TimingKind.CRON if is_unix else TimingKind.QUARTZ, expression.strip(), timezone)
    check(timing)
    return timing


def interval_timing(seconds: int, timezone: str = "UTC", anchor: datetime | None = None) -> Timing:
    """Every so many seconds from the anchor, which whoever stores it sets where it is None. Raises InvalidError."""
    timing = Timing(TimingKind.INTERVAL, timezone=timezone, interval_seconds=seconds, anchor=anchor)
    check(timing)
    return timing


def check(timing: Timing) -> None:
    """Raises InvalidError whose `field` is `cron`, `interval_seconds` or `timezone`, with the `reason` as a fact."""
    zone_of(timing.timezone)
    if timing.kind is not TimingKind.INTERVAL:
        plan_of(timing.kind, timing.expression)
        return
    seconds = timing.interval_seconds
    if seconds is None or not 1 <= seconds <= MAX_INTERVAL_SECONDS:
        reason = f"{seconds} is not between 1 and {MAX_INTERVAL_SECONDS}"
        raise InvalidError(f"The interval cannot be used: {reason}.", field="interval_seconds", reason=reason)


def is_same(one: Timing, other: Timing) -> bool:
    """Whether both fire alike; an interval without an anchor is like one that has it."""
    if one.anchor is None or other.anchor is None:
        one, other = replace(one, anchor=None), replace(other, anchor=None)
    return one == other


@lru_cache(maxsize=1024)
def plan_of(kind: TimingKind, expression: str) -> Plan:
    """Raises InvalidError."""
    if len(expression) > MAX_EXPRESSION_LENGTH:
        refuse(f"it is longer than {MAX_EXPRESSION_LENGTH} characters")
    fields = expression.upper().split()
    if kind is TimingKind.QUARTZ:
        if len(fields) not in _QUARTZ_FIELDS:
            refuse(f"there are {len(fields)} fields, not 6 or 7")
        return quartz.parse(fields)
    if len(fields) == 1 and fields[0].startswith("@"):
        fields = unix.fields_of(fields[0])
    if len(fields) not in _UNIX_FIELDS:
        refuse(f"there are {len(fields)} fields, not 5")
    return unix.parse(fields)
