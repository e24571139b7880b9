"""Times as texts: ISO 8601 in UTC out, any offset in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.domain.errors import InvalidError


def iso_z(at: datetime) -> str:
    """ISO 8601 in UTC with a whole second and `Z`, such as `2026-03-01T07:15:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`, such as `2026-03-01T07:15:00.250Z`."""
    at = at.astimezone(UTC)
    # Cut and not rounded, as the clock is: rounding up could come to 1000.
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def from_epoch_ms(ms: int) -> datetime:
    """The aware UTC time of whole milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def parse_iso(text: str) -> datetime:
    """An aware UTC time from ISO 8601; a text without offset is UTC. Raises InvalidError."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidError(f"'{text[:40]}' is not an ISO 8601 time") from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    # In the first hours of the year 1 and the last of 9999, UTC may lie outside of what a datetime can be.
    except OverflowError as error:
        raise InvalidError(f"'{text[:40]}' is out of range") from error
