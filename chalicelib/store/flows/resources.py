"""Exports, imports, connections and integrations.

Every change is one transaction with its audit entry, over the revision that it was made from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, ResourceNotFoundError, StaleWriteError, TooLargeError
from chalicelib.domain.flows.flows import AuditEntry, Resource, ResourceKind
from chalicelib.domain.json import Json
from chalicelib.store.attributes import OptionalTextAttribute, TimeAttribute
from chalicelib.store.flows.audit import AuditLog
from chalicelib.store.flows.items import FlowItem, is_new, resources_of
from chalicelib.store.table import RawItem, Table, can_be_key
from chalicelib.store.transactions import TransactionRefusedError, Write
from chalicelib.store.values import Values

MAX_DOCUMENT_BYTES = 1024 * 1024
MAX_SEALED_BYTES = 128 * 1024
_CHANGE = 0  # the position in each transaction of what the entry is about


class ResourceItem(FlowItem):
    workspace_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    document = UnicodeAttribute()
    sealed = OptionalTextAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    created_by = UnicodeAttribute()
    revision = NumberAttribute()


class DynamoResourceStore:
    """The `ResourceStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values, log: AuditLog) -> None:
        self._table = table
        self._values = values
        self._log = log

    def create(self, resource: Resource, entry: AuditEntry) -> None:
        try:
            self._change(self._table.putting(self._item(resource), is_new()), entry)
        except TransactionRefusedError as refused:
            raise AlreadyExistsError(resource_id=resource.id) from refused

    def get(self, workspace_id: str, kind: ResourceKind, resource_id: str) -> Resource:
        raw = self._table.get(resources_of(workspace_id, kind), resource_id)
        if raw is None:
            raise ResourceNotFoundError(kind=kind.value, resource_id=resource_id)
        return self._resources(workspace_id, (raw,))[0]

    def get_all(self, workspace_id: str, kind: ResourceKind, ids: Collection[str]) -> Mapping[str, Resource]:
        place = resources_of(workspace_id, kind)
        found = self._table.get_all([(place, each) for each in set(ids) if can_be_key(each)])
        return {each.id: each for each in self._resources(workspace_id, found)}

    def replace(self, resource: Resource, entry: AuditEntry | None) -> None:
        write = self._table.putting(self._item(resource), _is_at_revision(resource.revision - 1))
        self._change_present(write, resource, entry)

    def delete(self, resource: Resource, entry: AuditEntry) -> None:
        place = resources_of(resource.workspace_id, resource.kind)
        write = self._table.deleting(place, resource.id, _is_at_revision(resource.revision))
        self._change_present(write, resource, entry)

    def page(
        self, workspace_id: str, kind: ResourceKind, *, after: str | None = None, limit: int
    ) -> tuple[Resource, ...]:
        keys = FlowItem.hk == resources_of(workspace_id, kind)
        if after is not None:
            keys &= FlowItem.rk > after
        found = islice(self._table.query(keys, page_size=limit), limit)
        return tuple(self._resources(workspace_id, found))

    def _change_present(self, write: Write, resource: Resource, entry: AuditEntry | None) -> None:
        try:
            self._change(write, entry)
        except TransactionRefusedError as refused:
            # Only the change has a condition. No item behind its refusal: what was to be changed is gone.
            if not refused.failed.get(_CHANGE):
                raise ResourceNotFoundError(kind=resource.kind.value, resource_id=resource.id) from refused
            raise StaleWriteError(resource_id=resource.id) from refused

    def _change(self, write: Write, entry: AuditEntry | None) -> None:
        self._table.transact([write, *([] if entry is None else self._log.writes(entry))])

    def _item(self, resource: Resource) -> ResourceItem:
        """Raises TooLargeError."""
        if resource.sealed is not None and len(resource.sealed.encode()) > MAX_SEALED_BYTES:
            raise TooLargeError("The secrets are too large.", limit=MAX_SEALED_BYTES)
        owner = _owner_of(resource.workspace_id)
        return ResourceItem(
            resources_of(resource.workspace_id, resource.kind),
            resource.id,
            workspace_id=resource.workspace_id,
            kind=resource.kind.value,
            document=self._values.pack(owner, resource.document, most_bytes=MAX_DOCUMENT_BYTES),
            sealed=resource.sealed,
            created_at=resource.created_at,
            updated_at=resource.updated_at,
            created_by=resource.created_by,
            revision=resource.revision,
        )

    def _resources(self, workspace_id: str, found: Iterable[RawItem]) -> list[Resource]:
        items = [ResourceItem.from_raw_data(raw) for raw in found]
        documents = self._values.unpack(_owner_of(workspace_id), [item.document for item in items])
        return list(map(_resource, items, documents))


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting or deleting a change that the caller has not seen."""
    return ResourceItem.revision == revision


def _owner_of(workspace_id: str) -> str:
    return f"resources/{workspace_id}"


def _resource(item: ResourceItem, document: Json) -> Resource:
    assert isinstance(document, dict)
    return Resource(
        id=item.rk,
        workspace_id=item.workspace_id,
        kind=ResourceKind(item.kind),
        document=document,
        created_at=item.created_at,
        updated_at=item.updated_at,
        created_by=item.created_by,
        sealed=item.sealed,
        revision=int(item.revision),
    )
