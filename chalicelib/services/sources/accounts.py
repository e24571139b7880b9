"""Accounts: credentials that callers hand over once, and that only the code which needs them ever sees again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain.accounts import ID_ENTROPY_BYTES, Account, account_id
from chalicelib.domain.errors import AccountNotFoundError, InvalidError
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json, decode, encode
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.ports import Clock, Entropy
from chalicelib.services.sources.ports import AccountStore, Vault

_LONGEST_TEXT = 200


class Accounts:
    """The use cases of accounts. Another workspace's is refused exactly like one that does not exist."""

    def __init__(self, store: AccountStore, vault: Vault, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._entropy = entropy

    def create(self, principal: Principal, name: str, app: str, credentials: Mapping[str, Json]) -> Account:
        """`credentials` are the members of `$auth`. Raises ForbiddenError, InvalidError, TooLargeError."""
        require(principal, Scope.WRITE_ACCOUNTS)
        now = self._clock.now()
        account = Account(
            id=account_id(self._entropy.bytes(ID_ENTROPY_BYTES)),
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            name=_text("name", name),
            app=_text("app", app),
            created_at=now,
            updated_at=now,
        )
        account = self._sealed(account, credentials)
        self._store.create(account)
        return account

    def get(self, principal: Principal, id_: str) -> Account:
        """Without its credentials. Raises ForbiddenError, AccountNotFoundError."""
        return self._own(principal, id_, Scope.READ_ACCOUNTS)

    def list(self, principal: Principal, app: str | None = None) -> tuple[Account, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_ACCOUNTS)
        found = self._store.list(principal.workspace_id)
        return tuple(each for each in found if app is None or each.app == app)

    def update(
        self, principal: Principal, id_: str, name: str | None = None, credentials: Mapping[str, Json] | None = None
    ) -> Account:
        """Sets what is not None; credentials are replaced as a whole. Raises as `create` does, AccountNotFoundError and
        StaleWriteError."""
        account = self._own(principal, id_, Scope.WRITE_ACCOUNTS)
        changed = replace(account, updated_at=self._clock.now(), revision=account.revision + 1)
        if name is not None:
            changed = replace(changed, name=_text("name", name))
        if credentials is not None:
            changed = self._sealed(changed, credentials)
        self._store.replace(changed)
        return changed

    def delete(self, principal: Principal, id_: str) -> None:
        """What uses it fails from now on. Raises ForbiddenError, AccountNotFoundError."""
        account = self._own(principal, id_, Scope.WRITE_ACCOUNTS)
        self._store.delete(account.workspace_id, account.id)

    def app_of(self, principal: Principal, id_: str) -> str:
        """For whoever configures something with it. Raises AccountNotFoundError."""
        return self._found(principal.workspace_id, id_).app

    def credentials(self, workspace_id: str, id_: str) -> Mapping[str, Json]:
        """For the one run that needs them. Raises AccountNotFoundError, InvalidError, UnavailableError."""
        account = self._found(workspace_id, id_)
        found = decode(self._vault.open(account.sealed, _context(account)))
        return found if isinstance(found, dict) else {}

    def _sealed(self, account: Account, credentials: Mapping[str, Json]) -> Account:
        if not credentials:
            raise InvalidError("credentials is to be an object with at least one member", field="credentials")
        # The names stay readable beside the sealed values, so that a list needs no key; they are stored line by line.
        sealed = self._vault.seal(encode(dict(credentials)), _context(account))
        return replace(account, sealed=sealed, fields=tuple(name.replace("\n", " ") for name in credentials))

    def _own(self, principal: Principal, id_: str, scope: Scope) -> Account:
        require(principal, scope)
        return self._found(principal.workspace_id, id_)

    def _found(self, workspace_id: str, id_: str) -> Account:
        if not is_id(id_):
            raise AccountNotFoundError(account_id=id_)
        return self._store.get(workspace_id, id_)


def _context(account: Account) -> dict[str, str]:
    """What the credentials are bound to: copied elsewhere in the database, they cannot be opened."""
    return {"workspace": account.workspace_id, "account": account.id}


def _text(field: str, value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_TEXT:
        raise InvalidError(f"{field} is to be a text of 1 to {_LONGEST_TEXT} characters", field=field)
    return value
