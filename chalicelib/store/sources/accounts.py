"""Accounts: their credentials are sealed before they come here."""

from __future__ import annotations

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.accounts import Account
from chalicelib.domain.errors import AccountNotFoundError, AlreadyExistsError, StaleWriteError
from chalicelib.store.attributes import TimeAttribute
from chalicelib.store.definition_items import DefinitionItem
from chalicelib.store.sources.items import accounts_of
from chalicelib.store.table import ConditionFailedError, RawItem, Table


class AccountItem(DefinitionItem):
    """`fields` are names, one a line."""

    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    title = UnicodeAttribute()
    app = UnicodeAttribute()
    fields = UnicodeAttribute()
    sealed = UnicodeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    revision = NumberAttribute()


class DynamoAccountStore:
    """The `AccountStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, account: Account) -> None:
        try:
            self._table.put(_item(account), AccountItem.partition.does_not_exist())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(account_id=account.id) from failed

    def get(self, workspace_id: str, account_id: str) -> Account:
        raw = self._table.get(accounts_of(workspace_id), account_id)
        if raw is None:
            raise AccountNotFoundError(account_id=account_id)
        return _account(raw)

    def replace(self, account: Account) -> None:
        try:
            self._table.put(_item(account), _is_at_revision(account.revision - 1))
        except ConditionFailedError as failed:
            if not failed.item:
                raise AccountNotFoundError(account_id=account.id) from failed
            raise StaleWriteError(account_id=account.id) from failed

    def delete(self, workspace_id: str, account_id: str) -> None:
        self._table.delete(accounts_of(workspace_id), account_id)

    def list(self, workspace_id: str) -> tuple[Account, ...]:
        found = map(_account, self._table.query(AccountItem.partition == accounts_of(workspace_id)))
        return tuple(sorted(found, key=lambda each: (each.created_at, each.id), reverse=True))


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a deleted account's return."""
    condition: Condition = AccountItem.revision == revision
    return condition


def _item(account: Account) -> AccountItem:
    return AccountItem(
        accounts_of(account.workspace_id),
        account.id,
        workspace_id=account.workspace_id,
        user_id=account.user_id,
        title=account.name,
        app=account.app,
        fields="\n".join(account.fields),
        sealed=account.sealed,
        created_at=account.created_at,
        updated_at=account.updated_at,
        revision=account.revision,
    )


def _account(raw: RawItem) -> Account:
    item = AccountItem.from_raw_data(raw)
    return Account(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        name=item.title,
        app=item.app,
        created_at=item.created_at,
        updated_at=item.updated_at,
        fields=tuple(item.fields.split("\n")) if item.fields else (),
        sealed=item.sealed,
        revision=int(item.revision),
    )
