"""The free key-value stores: whatever integrations remember from one run to the next, for all of a workspace or with an
export, an import, a flow, a connection or an integration, which is their owner."""

from __future__ import annotations

from chalicelib.domain.errors import ResourceNotFoundError, TooLargeError
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope, require
from chalicelib.services.flows.ports import Owner, StateStore

LONGEST_KEY_BYTES = 512


class FlowState:
    def __init__(self, store: StateStore) -> None:
        self._store = store

    def keys(self, principal: Principal, owner: Owner | None = None) -> tuple[str, ...]:
        """Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return self._store.keys(principal.workspace_id, owner)

    def get(self, principal: Principal, key: str, owner: Owner | None = None) -> Json:
        """Raises ForbiddenError, ResourceNotFoundError."""
        require(principal, Scope.READ_WORKFLOWS)
        found = self._store.get(principal.workspace_id, key, owner) if _may_be_stored(key) else None
        if found is None:
            raise ResourceNotFoundError("There is no value of this key.", key=key)
        return found[0]

    def put(self, principal: Principal, key: str, value: Json, owner: Owner | None = None) -> bool:
        """Whether there was no value before. Raises ForbiddenError, TooLargeError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        if not _may_be_stored(key):
            raise TooLargeError(f"A key has at most {LONGEST_KEY_BYTES} bytes.", limit=LONGEST_KEY_BYTES)
        # Only the wording hangs on it, so two who are the first at once may both be told so.
        is_new = self._store.get(principal.workspace_id, key, owner) is None
        self._store.put(principal.workspace_id, key, value, owner)
        return is_new

    def delete(self, principal: Principal, key: str, owner: Owner | None = None) -> None:
        """Raises ForbiddenError, ResourceNotFoundError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        if not _may_be_stored(key) or not self._store.delete(principal.workspace_id, key, owner):
            raise ResourceNotFoundError("There is no value of this key.", key=key)

    def clear(self, principal: Principal, owner: Owner | None = None) -> None:
        """Raises ForbiddenError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        for key in self._store.keys(principal.workspace_id, owner):
            self._store.delete(principal.workspace_id, key, owner)


def _may_be_stored(key: str) -> bool:
    return 0 < len(key.encode("utf-8", "surrogatepass")) <= LONGEST_KEY_BYTES
