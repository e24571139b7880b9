"""Replies that pass a gateway: what would be too large is left out and says so."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from chalicelib.api.common.call import Reply
from chalicelib.api.twinit.documents import Members
from chalicelib.api.twinit.query import Paging
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

# A function's whole answer may have 6 MB, its body escaped once more.
MAX_REPLY_BYTES = 4_500_000
_LARGE = ("_output", "_inputParams")
_TOO_LARGE: Json = {"_message": "Too large for one answer"}


def bounded(members: Members) -> Members:
    """A run or task; its output goes first, then what went in."""
    for name in _LARGE:
        if _size(members) <= MAX_REPLY_BYTES:
            break
        if members.get(name) is not None:
            members = {**members, name: _TOO_LARGE}
    return members


def page(asked: Paging, total: int, items: Iterable[Members]) -> Reply:
    """A page of runs, tasks, definitions, schedules or jobs. Raises InvalidError if it is too large even so."""
    shown: list[Members] = []
    left = MAX_REPLY_BYTES
    for item in items:
        size = _size(item)
        if size > left:
            item = {name: _TOO_LARGE if name in _LARGE and value is not None else value for name, value in item.items()}
            size = _size(item)
        left -= size
        if left < 0:
            raise InvalidError("The page is too large for one answer; ask for fewer by '_pageSize'.", field="_pageSize")
        shown.append(item)
    return asked.reply(total, shown)


def _size(members: Members) -> int:
    return len(msgspec.json.encode(members))
