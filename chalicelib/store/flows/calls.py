"""Calls of connections that are being debugged, an item each, gone after a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.flows.calls import KEPT, CallRecord
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import decode, encode_text
from chalicelib.store.attributes import TimeAttribute, unexpired
from chalicelib.store.flows.items import FlowItem, calls_of
from chalicelib.store.table import Table

_PAGE = 100


class CallItem(FlowItem):
    call_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    resource_id = UnicodeAttribute()
    began_at = TimeAttribute()
    ended_at = TimeAttribute()
    request = UnicodeAttribute()
    response = UnicodeAttribute()


class DynamoCallLogStore:
    """The `CallLogStore` port on DynamoDB."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def add(self, workspace_id: str, connection_id: str, record: CallRecord) -> None:
        self._table.put(
            CallItem(
                calls_of(workspace_id, connection_id),
                f"{epoch_ms(record.began_at):013}#{record.id}",
                call_id=record.id,
                kind=record.kind,
                resource_id=record.resource_id,
                began_at=record.began_at,
                ended_at=record.ended_at,
                request=encode_text(dict(record.request)),
                response=encode_text(dict(record.response)),
                expires_at=record.began_at + KEPT,
            )
        )

    def latest(self, workspace_id: str, connection_id: str, limit: int) -> list[CallRecord]:
        keys = FlowItem.hk == calls_of(workspace_id, connection_id)
        found = self._table.query(keys, unexpired(self._now()), newest_first=True, page_size=min(limit, _PAGE))
        return [_record(CallItem.from_raw_data(raw)) for raw in islice(found, limit)]

    def clear(self, workspace_id: str, connection_id: str) -> None:
        keys = FlowItem.hk == calls_of(workspace_id, connection_id)
        found = self._table.query(keys, attributes=[FlowItem.hk, FlowItem.rk])
        # All keys are read first: it deletes in batches, which need to know how many there are.
        self._table.delete_all([(raw["hk"]["S"], raw["rk"]["S"]) for raw in found])


def _record(item: CallItem) -> CallRecord:
    request: Any = decode(item.request.encode())
    response: Any = decode(item.response.encode())
    return CallRecord(item.call_id, item.kind, item.resource_id, item.began_at, item.ended_at, request, response)
