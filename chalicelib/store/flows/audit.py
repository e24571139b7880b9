"""The audit log: entries, each twice, for the workspace and for what was changed.

They are written in the transaction of the change that they are about, so that there is no change without its entry and
no entry without its change.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.flows.flows import AUDIT_RETENTION_DAYS, AuditEntry, AuditFilter, FieldChange
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.store.attributes import TimeAttribute, unexpired
from chalicelib.store.flows.items import FlowItem, entries_of, entries_of_resource
from chalicelib.store.table import Table
from chalicelib.store.transactions import Write
from chalicelib.store.values import Values

_FIRST, _LAST = "0", "9" * 13  # 13 digits of milliseconds last until 2286
_MOST_AT_ONCE = 1000


class AuditItem(FlowItem):
    entry_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    resource_id = UnicodeAttribute()
    event = UnicodeAttribute()
    at = TimeAttribute()
    user_id = UnicodeAttribute()
    source = UnicodeAttribute()
    changes = UnicodeAttribute()


class AuditLog:
    """Makes the writes of entries, for the transactions of the changes."""

    def __init__(self, table: Table, values: Values) -> None:
        self._table = table
        self._values = values

    def writes(self, entry: AuditEntry) -> list[Write]:
        changes = [[each.path, each.old, each.new] for each in entry.changes]
        packed = self._values.pack(_owner_of(entry.workspace_id), changes)
        places = (
            entries_of(entry.workspace_id),
            entries_of_resource(entry.workspace_id, entry.kind, entry.resource_id),
        )
        # Without conditions: the transaction is refused by its change alone, on whose position callers rely.
        return [self._table.putting(_item(place, entry, packed)) for place in places]


class DynamoAuditStore:
    """The `AuditStore` port on DynamoDB."""

    def __init__(self, table: Table, values: Values, now: Callable[[], datetime]) -> None:
        self._table = table
        self._values = values
        self._now = now

    def page(self, workspace_id: str, where: AuditFilter, *, offset: int, limit: int) -> tuple[AuditEntry, ...]:
        place = entries_of(workspace_id)
        if where.kind is not None and where.resource_id is not None:
            place = entries_of_resource(workspace_id, where.kind, where.resource_id)
        first, last = _bounds(where)
        if last < first:
            return ()
        keys = (FlowItem.hk == place) & FlowItem.rk.between(first, last)
        size = min(offset + limit, _MOST_AT_ONCE)
        # DynamoDB knows no offset: what is before the page is read and dropped.
        found = self._table.query(keys, _is_wanted(where, self._now()), newest_first=True, page_size=size)
        items = [AuditItem.from_raw_data(raw) for raw in islice(found, offset, offset + limit)]
        changes = self._values.unpack(_owner_of(workspace_id), [item.changes for item in items])
        return tuple(map(_entry, items, changes))


def _bounds(where: AuditFilter) -> tuple[str, str]:
    first = _FIRST if where.since is None else f"{epoch_ms(where.since):013}"
    last = _LAST if where.until is None else f"{epoch_ms(where.until):013}"
    # Entries of one millisecond go on after the time, with what is sorted before this character.
    return first, f"{last}~"


def _is_wanted(where: AuditFilter, now: datetime) -> Condition:
    wanted = unexpired(now)
    for attribute, value in (
        (AuditItem.kind, where.kind),
        (AuditItem.resource_id, where.resource_id),
        (AuditItem.user_id, where.user_id),
        (AuditItem.source, where.source),
        (AuditItem.event, where.event),
    ):
        if value is not None:
            wanted &= attribute == value
    return wanted


def _owner_of(workspace_id: str) -> str:
    return f"audits/{workspace_id}"


def _item(place: str, entry: AuditEntry, changes: str) -> AuditItem:
    return AuditItem(
        place,
        f"{epoch_ms(entry.at):013}#{entry.id}",
        entry_id=entry.id,
        workspace_id=entry.workspace_id,
        kind=entry.kind,
        resource_id=entry.resource_id,
        event=entry.event,
        at=entry.at,
        user_id=entry.user_id,
        source=entry.source,
        changes=changes,
        expires_at=entry.at + timedelta(days=AUDIT_RETENTION_DAYS),
    )


def _entry(item: AuditItem, changes: Json) -> AuditEntry:
    assert isinstance(changes, list)
    return AuditEntry(
        id=item.entry_id,
        workspace_id=item.workspace_id,
        kind=item.kind,
        resource_id=item.resource_id,
        event=item.event,
        at=item.at,
        user_id=item.user_id,
        changes=tuple(_change(each) for each in changes),
        source=item.source,
    )


def _change(raw: Json) -> FieldChange:
    assert isinstance(raw, list)
    path, old, new = raw
    return FieldChange(str(path), old, new)
