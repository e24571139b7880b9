"""Marks: small facts that the first one to know them writes, in the table of the counters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.store.attributes import Item, TimeAttribute
from chalicelib.store.table import ConditionFailedError, Table, bounded

_LONGEST_NAME = 1024


class MarkItem(Item):
    """`holds_until` is exact; `expires_at`, by which DynamoDB forgets the item, is in whole seconds."""

    name = UnicodeAttribute(hash_key=True)
    text = UnicodeAttribute()
    holds_until = TimeAttribute()


class DynamoMarkStore:
    """The `MarkStore` port on DynamoDB."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def put(self, name: str, value: str, expires_at: datetime) -> str:
        # Twice the same time: one to be compared here to the millisecond, one for DynamoDB's expiry.
        item = MarkItem(_mark(name), text=value, holds_until=expires_at, expires_at=expires_at)
        try:
            self._table.put(item, _is_free_at(self._now()))
        except ConditionFailedError as failed:
            return MarkItem.from_raw_data(failed.item).text
        return value

    def get(self, name: str) -> str | None:
        raw = self._table.get(_mark(name))
        item = None if raw is None else MarkItem.from_raw_data(raw)
        return None if item is None or item.holds_until <= self._now() else item.text


def _is_free_at(now: datetime) -> Condition:
    """Guards a mark that holds against a second one of its name; an expired one may be there for days."""
    condition: Condition = MarkItem.name.does_not_exist() | (MarkItem.holds_until <= now)
    return condition


def _mark(name: str) -> str:
    """Apart from counters of the same name."""
    return f"mark#{bounded(name, _LONGEST_NAME)}"
