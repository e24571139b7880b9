"""The free key-value stores of a workspace and of what is in it: a value is one item, whole."""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.json import Json, decode, encode
from chalicelib.store.flows.items import FlowItem, states_of
from chalicelib.store.table import MAX_RANGE_BYTES, Table, can_be_key

MAX_STATE_BYTES = 256 * 1024

Owner = tuple[str, str]
"""Kind and id of what values are kept with."""


class ValueItem(FlowItem):
    content = UnicodeAttribute()


class DynamoStateStore:
    """The `StateStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, workspace_id: str, key: str, value: Json, owner: Owner | None = None) -> None:
        content = encode(value)
        if not can_be_key(key):
            raise TooLargeError(f"A key has 1 to {MAX_RANGE_BYTES} bytes.", limit=MAX_RANGE_BYTES)
        if len(content) > MAX_STATE_BYTES:
            raise TooLargeError(f"The value is larger than {MAX_STATE_BYTES} bytes.", limit=MAX_STATE_BYTES)
        self._table.put(ValueItem(states_of(workspace_id, owner), key, content=content.decode()))

    def get(self, workspace_id: str, key: str, owner: Owner | None = None) -> tuple[Json] | None:
        raw = self._table.get(states_of(workspace_id, owner), key)
        # In a tuple, because null is a value like any other.
        return None if raw is None else (decode(ValueItem.from_raw_data(raw).content.encode()),)

    def delete(self, workspace_id: str, key: str, owner: Owner | None = None) -> bool:
        return bool(self._table.delete(states_of(workspace_id, owner), key, returns="ALL_OLD"))

    def keys(self, workspace_id: str, owner: Owner | None = None) -> tuple[str, ...]:
        found = self._table.query(FlowItem.hk == states_of(workspace_id, owner), attributes=[FlowItem.rk])
        return tuple(raw["rk"]["S"] for raw in found)
