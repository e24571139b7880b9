"""Reading this dialect's bodies and query parameters. Everything refused is an InvalidError with its own sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.api.common.call import Call
from chalicelib.api.common.parsing import choice, member, one_of, required, text_member
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.services.pins.pins import PinChange

__all__ = ["choice", "member", "one_of", "required", "text_member"]

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000
LONGEST_TITLE = 300
LONGEST_DESCRIPTION = 10_000
MOST_TAGS = 100
LONGEST_TAG = 100
LONGEST_ID = 128
MOST_HISTORY = 100

_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)

Body = Mapping[str, Json]


def body_of(call: Call) -> Body:
    """The body, an object; one that is not there is an empty one. Raises MalformedJsonError, TooLargeError."""
    if not call.body().strip():
        return {}
    body = call.json()
    if not isinstance(body, dict):
        raise InvalidError("The body must be an object")
    return body


def paging(call: Call) -> tuple[int, int]:
    """Offset and limit; a limit above the highest is lowered to it."""
    return whole(call, "offset", 0), min(whole(call, "limit", DEFAULT_LIMIT), MAX_LIMIT)


def whole(call: Call, name: str, default: int, least: int = 0) -> int:
    text = call.param(name)
    if text is None:
        return default
    if _DIGITS.fullmatch(text) is None or int(text) < least:
        raise InvalidError(f"'{name}' must be a whole number from {least} up", field=name)
    return int(text)


def named(body: Body, name: str, longest: int) -> str | None:
    """A text of 1 to `longest` characters, one of them no space; None if it is absent."""
    value = text_member(body, name, longest)
    if value is not None and not value.strip():
        raise InvalidError(f"'{name}' must not be empty", field=name)
    return value


def texts(body: Body, name: str, most: int, longest: int) -> tuple[str, ...] | None:
    """A list of texts; None if it is absent."""
    value = member(body, name, list)
    if value is None:
        return None
    found = [each for each in value if isinstance(each, str) and 0 < len(each) <= longest]
    if len(found) != len(value) or len(found) > most:
        raise InvalidError(f"'{name}' must be a list of up to {most} texts of 1 to {longest} characters", field=name)
    return tuple(found)


def metadata(body: Body, *, needed: bool) -> PinChange:
    given = member(body, "metadata", dict)
    if given is None:
        if needed:
            raise InvalidError("'metadata' is missing", field="metadata")
        return PinChange()
    return PinChange(
        title=text_member(given, "title", LONGEST_TITLE),
        description=text_member(given, "description", LONGEST_DESCRIPTION),
        tags=texts(given, "tags", MOST_TAGS, LONGEST_TAG),
        is_public=member(given, "is_public", bool),
    )
