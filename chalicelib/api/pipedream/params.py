"""Parameters, wherever a client puts them: in the query or in a JSON body. Where both have one, the query's counts.

A body may be empty whatever its content type, and JSON may come as `curl -d` sends it, under the type of a form; a form
under that type is understood as well. Everything refused is an InvalidError with a sentence that names the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs

from chalicelib.api.common.call import MAX_BODY_DEPTH, Call
from chalicelib.api.common.parsing import span
from chalicelib.api.pipedream.ids import is_own_workspace
from chalicelib.domain.errors import ForbiddenError, InvalidError, MalformedJsonError
from chalicelib.domain.json import MAX_BYTES, Json, decode

DEFAULT_LIMIT = 10
MAX_LIMIT = 100

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)  # within 64 bits
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
_FORM = "application/x-www-form-urlencoded"
_WORKSPACE_NAMES = ("workspace_id", "org_id")


class Params:
    def __init__(self, call: Call, tail: str = "") -> None:
        """`tail` is a query that came without its question mark; the real one counts more. Raises MalformedJsonError,
        TooLargeError, and InvalidError for what shapes the reply, as that is too late once something was done."""
        self._call = call
        # The last one wins: the body first, then a tail, then the query.
        self._members = {**body_of(call), **_lasts(parse_qs(tail, keep_blank_values=True)), **_lasts(call.query)}
        # Read now, so that a wrong one is refused before anything is done.
        self.include = self.names("include")
        self.exclude = self.names("exclude")

    def has(self, name: str) -> bool:
        return name in self._members

    def value(self, name: str) -> Json:
        return self._members.get(name)

    def text(self, name: str) -> str | None:
        """None if it is absent or null."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidError(f"{name} must be a string", field=name)
        return value

    def required(self, name: str) -> str:
        """A text that is not empty."""
        value = self.text(name)
        if not value:
            raise InvalidError(f"{name} is required", field=name)
        return value

    def integer(self, name: str) -> int | None:
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise InvalidError(f"{name} must be an integer", field=name)

    def number(self, name: str) -> float | None:
        value = self._members.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            return float(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise InvalidError(f"{name} must be a number", field=name)

    def boolean(self, name: str) -> bool | None:
        value = self._members.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise InvalidError(f"{name} must be true or false", field=name)

    def limit(self, *synonyms: str) -> int:
        """How many rows, within the bounds."""
        for name in ("limit", *synonyms):
            limit = self.integer(name)
            if limit is not None:
                return min(max(limit, 1), MAX_LIMIT)
        return DEFAULT_LIMIT

    def names(self, name: str) -> frozenset[str]:
        """Of a comma-separated list; empty if there is none."""
        texts = (self.text(name) or "").split(",")
        return frozenset(text.strip() for text in texts) - {""}

    def wants(self, member: str) -> bool:
        """Whether the reply is to have this member."""
        return (not self.include or member in self.include) and member not in self.exclude

    def names_workspace(self) -> bool:
        return any(self.text(name) for name in _WORKSPACE_NAMES)

    def span(self, name: str) -> tuple[datetime, datetime] | None:
        """The first and the last millisecond that an ISO 8601 date or time means."""
        text = self.text(name)
        try:
            return None if text is None else span(text, name)
        except InvalidError as error:
            raise InvalidError(f"{name} must be an ISO 8601 date or time", field=name) from error

    def check_workspace(self) -> None:
        """Raises ForbiddenError if the call is for a workspace that is not the caller's."""
        for name in _WORKSPACE_NAMES:
            workspace = self.text(name)
            if workspace and not is_own_workspace(self._call.principal, workspace):
                raise ForbiddenError(workspace_id=workspace)


def body_of(call: Call, max_bytes: int = MAX_BYTES) -> dict[str, Json]:
    """The body's members. Raises MalformedJsonError, TooLargeError."""
    raw = call.body()
    if not raw.strip():
        return {}
    if call.headers.get("content-type", "").lower().startswith(_FORM) and raw.lstrip()[:1] not in b"{[":
        return _lasts(parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True))
    value = decode(raw, max_depth=MAX_BODY_DEPTH, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise MalformedJsonError("The body is not a JSON object.")
    return value


def _lasts(query: Mapping[str, list[str]]) -> dict[str, Json]:
    return {name: values[-1] for name, values in query.items() if values}
