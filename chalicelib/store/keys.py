"""API keys, by the hash of their secret."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.identity import ApiKey
from chalicelib.store.attributes import Item, OptionalTimeAttribute, TimeAttribute
from chalicelib.store.table import RawItem, Table

BY_WORKSPACE = "by_workspace"


class KeyItem(Item):
    identity = UnicodeAttribute(hash_key=True)
    key_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute()
    title = UnicodeAttribute()
    scopes = UnicodeAttribute()
    created_at = TimeAttribute()
    revoked_at = OptionalTimeAttribute()


def identities_table(client: Any, name: str) -> Table:
    return Table(client, name, "identity")


class DynamoKeyStore:
    """The `KeyStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, key: ApiKey) -> None:
        self._table.put(
            KeyItem(
                _identity(key.secret_hash),
                key_id=key.id,
                user_id=key.user_id,
                workspace_id=key.workspace_id,
                title=key.name,
                scopes=" ".join(key.scopes),  # no scope has a space, and DynamoDB has no empty sets
                created_at=key.created_at,
                revoked_at=key.revoked_at,
            )
        )

    def find(self, secret_hash: str) -> ApiKey | None:
        """Read consistently: a key that was just revoked opens nothing."""
        raw = self._table.get(_identity(secret_hash))
        return None if raw is None else _key(raw)

    def list(self, workspace_id: str) -> tuple[ApiKey, ...]:
        """Newest first. On AWS the index follows the table within a fraction of a second."""
        found = self._table.query(KeyItem.workspace_id == workspace_id, index=BY_WORKSPACE, newest_first=True)
        return tuple(_key(raw) for raw in found)


def _identity(secret_hash: str) -> str:
    return f"key#{secret_hash}"


def _key(raw: RawItem) -> ApiKey:
    item = KeyItem.from_raw_data(raw)
    return ApiKey(
        id=item.key_id,
        secret_hash=item.identity.removeprefix("key#"),
        user_id=item.user_id,
        workspace_id=item.workspace_id,
        name=item.title,
        scopes=tuple(item.scopes.split()),
        created_at=item.created_at,
        revoked_at=item.revoked_at,
    )
