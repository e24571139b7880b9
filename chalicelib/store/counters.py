"""Counters of requests in a period, and the like: forgotten by DynamoDB once they have expired."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.store.attributes import SCHEMA_VERSION, Item
from chalicelib.store.table import Table


class CounterItem(Item):
    name = UnicodeAttribute(hash_key=True)
    amount = NumberAttribute()


def counters_table(client: Any, name: str) -> Table:
    return Table(client, name, "name")


class DynamoCounterStore:
    """The `CounterStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, name: str, amount: int, expires_at: datetime) -> int:
        actions = [
            CounterItem.amount.add(amount),
            CounterItem.expires_at.set(expires_at),
            # An update that makes the item knows no defaults of the schema.
            CounterItem.v.set(SCHEMA_VERSION),
        ]
        # The sum comes from the write itself: of two that add side by side, each is told another one.
        raw = self._table.update(name, None, actions, returns="ALL_NEW")
        return int(CounterItem.from_raw_data(raw).amount)

    def read(self, name: str) -> int:
        raw = self._table.get(name)
        return 0 if raw is None else int(CounterItem.from_raw_data(raw).amount)
