"""What users and workspaces are called, in the table of the identities.

None of the attributes is one that the index of keys has, which therefore does not list them.
"""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.store.attributes import Item, OptionalTextAttribute
from chalicelib.store.table import Table, part


class ProfileItem(Item):
    """Of a user or, with `orgname`, of a workspace."""

    identity = UnicodeAttribute(hash_key=True)
    title = UnicodeAttribute()
    orgname = OptionalTextAttribute()
    email = UnicodeAttribute()


class DynamoProfileStore:
    """The `ProfileStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put_user(self, profile: UserProfile) -> None:
        self._table.put(ProfileItem(_user(profile.user_id), title=profile.username, email=profile.email))

    def user(self, user_id: str) -> UserProfile | None:
        item = self._item(_user(user_id))
        return None if item is None else UserProfile(user_id, item.title, item.email)

    def put_workspace(self, profile: WorkspaceProfile) -> None:
        place = _workspace(profile.workspace_id)
        self._table.put(ProfileItem(place, title=profile.name, orgname=profile.orgname, email=profile.email))

    def workspace(self, workspace_id: str) -> WorkspaceProfile | None:
        item = self._item(_workspace(workspace_id))
        return None if item is None else WorkspaceProfile(workspace_id, item.title, item.orgname or "", item.email)

    def _item(self, identity: str) -> ProfileItem | None:
        raw = self._table.get(identity)
        return None if raw is None else ProfileItem.from_raw_data(raw)


def _user(user_id: str) -> str:
    return f"user#{part(user_id)}"


def _workspace(workspace_id: str) -> str:
    return f"workspace#{part(workspace_id)}"
