"""What workspaces use in a day, in the table of the counters: several items for each day, so that a busy workspace's
runs do not all wait for the same one. They are added up when somebody looks."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.domain.usage import Usage
from chalicelib.store.attributes import SCHEMA_VERSION, Item
from chalicelib.store.table import RawItem, Table, part

SHARDS = 8
_KEPT = timedelta(days=40)


class UsageItem(Item):
    name = UnicodeAttribute(hash_key=True)
    invocations = NumberAttribute()
    compute_ms = NumberAttribute()
    credits = NumberAttribute()


class DynamoUsageStore:
    """The `UsageStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, workspace_id: str, day: str, used: Usage) -> None:
        actions = [
            UsageItem.invocations.add(used.invocations),
            UsageItem.compute_ms.add(used.compute_ms),
            UsageItem.credits.add(used.credits),
            UsageItem.expires_at.set(datetime.fromisoformat(day).replace(tzinfo=UTC) + _KEPT),
            UsageItem.v.set(SCHEMA_VERSION),
        ]
        # By chance, not by run: nothing is to be found again, only added up.
        shard = random.randrange(SHARDS)
        self._table.update(_name(workspace_id, day, shard), None, actions)

    def of(self, workspace_id: str, day: str) -> Usage:
        keys = [(_name(workspace_id, day, shard), None) for shard in range(SHARDS)]
        return sum(map(_usage, self._table.get_all(keys)), Usage())


def _usage(raw: RawItem) -> Usage:
    item = UsageItem.from_raw_data(raw)
    return Usage(int(item.invocations), int(item.compute_ms), int(item.credits))


def _name(workspace_id: str, day: str, shard: int) -> str:
    """Apart from counters of the same name."""
    return f"usage#{part(workspace_id)}#{day}#{shard}"
