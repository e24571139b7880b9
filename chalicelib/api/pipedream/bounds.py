"""Replies that a function may give: whole events as far as they fit, and excerpts of what would never fit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chalicelib.api.common.pipeline import MAX_ANSWER_BYTES, sent_bytes
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.excerpts import excerpt
from chalicelib.api.pipedream.paging import Shown
from chalicelib.domain.events import Event, EventPage, EventQuery
from chalicelib.domain.json import Json

READ_BYTES = 16 * 1024 * 1024
"""How much of events a call reads, whatever of it is shown."""

_ROOM_BYTES = MAX_ANSWER_BYTES - 64 * 1024
"""Less what stands around events and payloads."""


def event_rows(page: EventPage, query: EventQuery, *, whole: bool) -> list[Shown]:
    """The page's events, or those of them, at the end that it was asked for from, that fit into one reply."""
    if not whole:
        return [wire.event_summary(event, whole=False) for event in page.items]
    rows = _fitting(page.items[::-1] if query.from_oldest else page.items)
    return rows[::-1] if query.from_oldest else rows


def _fitting(events: Sequence[Event]) -> list[Shown]:
    rows: list[Shown] = []
    left = _ROOM_BYTES
    for event in events:
        row = wire.event_summary(event, whole=True)
        left -= _sent(row)
        # The first one is shown in any case, cut if need be: a page without rows would look like the end of the list.
        if left < 0 and rows:
            break
        rows.append(row if left >= 0 else wire.event_summary(event, whole=False))
    return rows


def payload(value: Json) -> Json:
    """A delivery's payload, cut if nothing else would fit beside it."""
    return value if _sent(value) <= _ROOM_BYTES else excerpt(value)


def _sent(value: Json) -> int:
    return sent_bytes(msgspec.json.encode(value).decode())
