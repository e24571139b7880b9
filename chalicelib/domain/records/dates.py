"""Dates in rules: read by one pattern and zone, written by another. Patterns are those of moment.js."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.moments_format import MAX_PATTERN, format_moment, parse_moment, zone_named
from chalicelib.domain.times import from_epoch_ms, iso_ms

from .values import Unfit

DATE_FIELDS = ("extractDateFormat", "extractDateTimezone", "generateDateFormat", "generateDateTimezone")

_EPOCH = from_epoch_ms(0)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class DateFormats:
    """How a rule reads and writes dates. Without a pattern usual forms are read, and ISO 8601 is written.

    A date that says no offset is in the zone it is read in, else in UTC. It is written in the zone for writing, else
    in the one for reading, so that a date without a time stays the same day.
    """

    read_as: str
    read_zone: tzinfo
    write_as: str
    write_zone: tzinfo

    @classmethod
    def of(cls, rule: Mapping[str, Json]) -> DateFormats | None:
        """Those of a well-formed rule, None for a rule that is not about dates."""
        read_as, read_zone, write_as, write_zone = (_text(rule.get(name)) for name in DATE_FIELDS)
        if not (read_as or read_zone or write_as or write_zone):
            return None
        return cls(read_as, _zone(read_zone), write_as, _zone(write_zone or read_zone))

    def changed(self, value: Json) -> Json:
        """The date rewritten, or each of several; null and blank text as they are. Raises Unfit."""
        if isinstance(value, list):
            return [self.changed(each) for each in value]
        if value is None or (isinstance(value, str) and not value.strip()):
            return value
        at = moment_of(value, self.read_as, self.read_zone)
        try:
            # UTC ends in `Z`, where the pattern of ISO 8601 writes `+00:00`.
            if self.write_as or self.write_zone is not UTC:
                return format_moment(at, self.write_as, self.write_zone)
        except InvalidError as error:
            raise Unfit("a date of its format") from error
        return iso_ms(at)


def moment_of(value: Json, read_as: str = "", zone: tzinfo = UTC) -> datetime:
    """The time that text says, or that a number of milliseconds since 1970 is. Raises Unfit."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return parse_moment(str(value), read_as, zone) if read_as else from_epoch_ms(int(value))
        if isinstance(value, str):
            return parse_moment(value, read_as or None, zone)
    except (InvalidError, OverflowError) as error:
        raise Unfit(f"a date by the pattern {read_as!r}" if read_as else "a date") from error
    raise Unfit("a date")


def epoch_ms(value: Json) -> int | float | None:
    """Milliseconds since 1970 of a date; a number is taken for that, null and blank text give None. Raises Unfit."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and not value.strip():
        return None
    return (moment_of(value) - _EPOCH) // _MILLISECOND


def problem_of_date_field(name: str, value: Json) -> str | None:
    """Why one of DATE_FIELDS cannot be used, or None; what is no text is for others to find."""
    if not isinstance(value, str) or not value:
        return None
    if name.endswith("Timezone"):
        try:
            zone_named(value)
        except InvalidError as error:
            return error.message.rstrip(".")
    return f"a date pattern has at most {MAX_PATTERN} characters" if len(value) > MAX_PATTERN else None


def _zone(name: str) -> tzinfo:
    # The very object, by which it is known above.
    return UTC if name == "UTC" else zone_named(name)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
