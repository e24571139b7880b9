"""When a wait node lets its run go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.domain.errors import ExpressionError, InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.times import parse_iso

MAX_WAIT = timedelta(days=366)


def wake_at(config: Mapping[str, Json], begun_at: datetime) -> datetime:
    """`until` (ISO 8601), or `begun_at` plus `seconds`; at most a year ahead. Raises ExpressionError."""
    until = config.get("until")
    if until is not None:
        at = _time(until)
    else:
        at = begun_at + timedelta(milliseconds=round(_seconds(config.get("seconds"), "seconds") * 1000))
    if at - begun_at > MAX_WAIT:
        raise ExpressionError(f"a wait may last {MAX_WAIT.days} days at most")
    return max(at, begun_at)


def timeout_at(config: Mapping[str, Json], begun_at: datetime) -> datetime | None:
    """The end of the optional `timeout_seconds` of a step that waits for an answer. Raises ExpressionError."""
    seconds = config.get("timeout_seconds")
    if seconds is None:
        return None
    return begun_at + timedelta(milliseconds=round(_seconds(seconds, "timeout_seconds") * 1000))


def _time(value: Json) -> datetime:
    if not isinstance(value, str):
        raise ExpressionError("'until' must be an ISO 8601 time")
    try:
        return parse_iso(value)
    except InvalidError as error:
        raise ExpressionError(f"'until': {error.message}") from error


def _seconds(value: Json, name: str) -> float:
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    # NaN compares as false with anything, and so is refused as well.
    if not 0 <= seconds <= MAX_WAIT.total_seconds():
        raise ExpressionError(f"'{name}' must be a number from 0 to {int(MAX_WAIT.total_seconds())}")
    return seconds
