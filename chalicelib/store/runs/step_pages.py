"""All that was recorded of a run's steps, a page at a time in the order of the places.

A cursor names the item where the next page begins, and how many of its outcomes are on pages before: pages are
exact, although a record carries other outcomes with it. A step without effect that several records carry is listed
with each of them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import islice

import msgspec

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.run import Outcome
from chalicelib.store.attributes import unexpired
from chalicelib.store.runs.items import StepItem
from chalicelib.store.runs.places import FIRST_STATIC
from chalicelib.store.runs.step_records import StepRecords
from chalicelib.store.table import can_be_key

_Entry = tuple[str, int, Outcome]


class StepPages(StepRecords):
    def steps(self, run_id: str, *, after: str | None, limit: int) -> tuple[tuple[Outcome, ...], str | None]:
        place, skipped = (FIRST_STATIC, 0) if after is None else _parse(after)
        limit = max(limit, 1)
        keys = (StepItem.run_id == run_id) & (StepItem.place >= place)
        outcomes_only = StepItem.outcome.exists() | StepItem.also.exists()
        where = unexpired(self._runs.now()) & outcomes_only
        # Each item holds at least one outcome, so one more than the page needs tells whether there is another page.
        found = islice(self._runs.table.query(keys, where, page_size=limit + 1), limit + 1)
        entries = self._entries(run_id, [StepItem.from_raw_data(raw) for raw in found])
        # The first item is the one that the cursor names, and some of its outcomes are on the page before.
        entries = [entry for entry in entries if entry[:2] >= (place, skipped)]
        following = entries[limit] if len(entries) > limit else None
        return tuple(outcome for _, _, outcome in entries[:limit]), following and _cursor(following)

    def _entries(self, run_id: str, items: Sequence[StepItem]) -> list[_Entry]:
        entries: list[_Entry] = []
        for item, (outcome, also) in zip(items, self._recorded(run_id, items), strict=True):
            own = () if outcome is None else (outcome,)
            entries.extend((item.place, number, each) for number, each in enumerate((*also, *own)))
        return entries


def _cursor(entry: _Entry) -> str:
    place, number, _ = entry
    return base64.urlsafe_b64encode(msgspec.json.encode((place, number))).decode()


def _parse(cursor: str) -> tuple[str, int]:
    """Raises InvalidError."""
    try:
        place, number = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode("ascii")), type=tuple[str, int])
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidError("The cursor is not one of this list.") from error
    if place < FIRST_STATIC or not can_be_key(place):
        raise InvalidError("The cursor is not one of this list.")
    return place, number
