"""Reading what callers send: bodies that may be left out, and the forms in which they write a moment."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.api.common.call import Call
from chalicelib.api.common.parsing import span
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems, member
from chalicelib.domain.times import from_epoch_ms, iso_ms

# The end of the year 9999, beyond which datetime has nothing.
_LATEST_MS = 253_402_300_799_999
_MS_DIGITS = range(11, 16)
"""Digits of milliseconds since 1970; fewer would be a date written without its dashes."""


def optional_object(call: Call) -> dict[str, Json]:
    """The body, an empty object where there is none. Raises MalformedJsonError."""
    return {} if not call.body().strip() else call.json_object()


def moment(members: Mapping[str, Json], name: str, where: str, problems: Problems) -> str | None:
    """A time as ISO 8601 in UTC; None if it is absent. It may come as an ISO date or time, which is UTC without an
    offset, or as milliseconds since 1970."""
    value = members.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) in _MS_DIGITS:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LATEST_MS:
            return iso_ms(from_epoch_ms(value))
        if isinstance(value, str):
            return iso_ms(span(value.strip(), name)[0])
    except InvalidError:
        pass
    field = member(where, name)
    problems.invalid(field, f"Path `{field}` is not an ISO 8601 date or milliseconds since 1970.")
    return None
