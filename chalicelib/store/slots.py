"""Slots of concurrency limits, in the table of the counters: one item for a limit, which names who holds a slot and
who waits for one.

A holder that died keeps its slot until somebody gives it back in its stead; nothing here expires, because a slot
that frees itself while its holder goes on would let the limit be exceeded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.listing import Line
from chalicelib.store.attributes import Item, Member, TextMapAttribute, has_fewer_than
from chalicelib.store.table import ConditionFailedError, Table, bounded

# At some 60 bytes each (an id, a time, and what DynamoDB adds), both together stay below an item's 400 KB.
MAX_HOLDERS = 4000
MAX_WAITING = 1000

_LONGEST_NAME = 1024
_ATTEMPTS = 3


class SlotsItem(Item):
    """`holders` and `waiting` tell of each since when, in milliseconds since 1970. Both are there from the first
    write on, so that single members of them can be written."""

    name = UnicodeAttribute(hash_key=True)
    holders = TextMapAttribute()
    waiting = TextMapAttribute()


class DynamoSlotStore:
    """The `SlotStore` port on DynamoDB. A limit above `MAX_HOLDERS` counts as that many, which an item can name."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def take(self, name: str, holder: str, limit: int) -> tuple[str, ...] | None:
        limit = min(limit, MAX_HOLDERS)
        mine = Member(SlotsItem.holders, holder)
        # `|` is if_not_exists: a holder that takes again keeps its time, and so its place in the order.
        actions = [mine.set(mine | self._since()), Member(SlotsItem.waiting, holder).remove()]
        for _ in range(_ATTEMPTS):
            try:
                self._table.update(_slots(name), None, actions, _has_room(limit) | _holds(holder))
            except ConditionFailedError as failed:
                # Refused without an item: the slots have not been made yet, unless nobody may have one anyway.
                if failed.item or limit < 1:
                    return tuple(_oldest_first(SlotsItem.from_raw_data(failed.item).holders))
                self._make(name)
            else:
                return None
        raise UnavailableError("The slots could not be made.", name=name)

    def wait(self, name: str, holder: str, since: datetime | None = None) -> None:
        mine = Member(SlotsItem.waiting, holder)
        at = str(epoch_ms(since or self._now()))
        for _ in range(_ATTEMPTS):
            try:
                self._table.update(_slots(name), None, [mine.set(mine | at)], _may_queue() | _waits(holder))
            except ConditionFailedError as failed:
                # The line is full: who is not noted stands behind all that are, and asks again.
                if failed.item:
                    return
                self._make(name)
            else:
                return

    def line(self, name: str) -> Line:
        raw = self._table.get(_slots(name))
        if raw is None:
            return Line()
        item = SlotsItem.from_raw_data(raw)
        return Line(tuple(_oldest_first(item.holders)), tuple(_oldest_first(item.waiting)))

    def give_back(self, name: str, holder: str, *, in_turn: bool = False) -> str | None:
        actions = [Member(SlotsItem.holders, holder).remove(), Member(SlotsItem.waiting, holder).remove()]
        try:
            raw = self._table.update(_slots(name), None, actions, _is_made(), returns="ALL_NEW")
        except ConditionFailedError:
            return None
        # As of the same write that freed the slot: nobody who began to wait before it is overlooked.
        waiting = _oldest_first(SlotsItem.from_raw_data(raw).waiting)
        if in_turn:
            return next(iter(waiting), None)
        # Who is taken off the line already was called by somebody else; then the next one is.
        return next((next_holder for next_holder in waiting if self._call(name, next_holder)), None)

    def _call(self, name: str, holder: str) -> bool:
        """Takes one off those that wait; False if somebody else has, so that two slots call two holders."""
        waits = Member(SlotsItem.waiting, holder)
        try:
            self._table.update(_slots(name), None, [waits.remove()], waits.exists())
        except ConditionFailedError:
            return False
        return True

    def _make(self, name: str) -> None:
        """Nobody's slots; somebody else making them meanwhile is just as well."""
        try:
            self._table.put(SlotsItem(_slots(name), holders={}, waiting={}), _is_new())
        except ConditionFailedError:
            return

    def _since(self) -> str:
        return str(epoch_ms(self._now()))


def _has_room(limit: int) -> Condition:
    """Guards the limit."""
    condition: Condition = _is_made() & has_fewer_than(limit, SlotsItem.holders)
    return condition


def _holds(holder: str) -> Condition:
    """Lets one that has a slot keep it, whatever the limit is by now."""
    return Member(SlotsItem.holders, holder).exists()


def _may_queue() -> Condition:
    """Guards the item against growing past its limit."""
    condition: Condition = _is_made() & has_fewer_than(MAX_WAITING, SlotsItem.waiting)
    return condition


def _waits(holder: str) -> Condition:
    """Lets one that waits already keep its place, however many others wait."""
    return Member(SlotsItem.waiting, holder).exists()


def _is_made() -> Condition:
    """Guards against writing members of maps that are not there."""
    return SlotsItem.name.exists()


def _is_new() -> Condition:
    """Guards holders against being forgotten."""
    return SlotsItem.name.does_not_exist()


def _oldest_first(since: dict[str, str] | None) -> list[str]:
    since = since or {}
    return sorted(since, key=lambda holder: (int(since[holder]), holder))


def _slots(name: str) -> str:
    """Apart from counters of the same name."""
    return f"slots#{bounded(name, _LONGEST_NAME)}"
