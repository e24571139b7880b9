"""Cursors: where the next page of a list begins, as text that callers pass back and do not read."""

from __future__ import annotations

import base64

from chalicelib.api.common.call import Call
from chalicelib.domain.errors import InvalidError

MAX_LENGTH = 4096


def as_cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def cursor(call: Call, name: str) -> str | None:
    """The place that a query parameter names; None without one. Whether it is one, the list's owner judges."""
    text = call.param(name)
    return None if text is None else place_of(text, name)


def place_of(text: str, name: str) -> str:
    """What `as_cursor` made the text of. Raises InvalidError, which names the parameter it came in."""
    try:
        if not 0 < len(text) <= MAX_LENGTH:
            raise ValueError
        # `validate`, or characters that are none of base64 would be skipped, and many texts be the same cursor.
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise InvalidError(f"'{name}' is no cursor", field=name) from error
