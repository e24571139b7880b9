"""API keys that callers make, see and end themselves.

Nobody gains anything by a key: one may be given, and ended, only by a key that may do all that it may. A full key (one
that may do everything, everywhere) sees the keys of its whole workspace, any other those of its own user; what it does
not see is refused like what does not exist. The last full key of a workspace stays, so that nobody locks all out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chalicelib.domain.errors import ForbiddenError, InvalidError, LastKeyError
from chalicelib.domain.identity import ALL_SCOPES, NAMESPACE_SCOPE, ApiKey, Principal, is_scope
from chalicelib.services.identity import Identity, IssuedKey, KeyNotFoundError

CURRENT = "current"
"""In place of an id: the key that asks."""
_LONGEST_SHOWN_SCOPE = 60


class Keys:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def create(self, principal: Principal, name: str, scopes: Sequence[str]) -> IssuedKey:
        """Another key of the caller's user. Raises InvalidError for a scope that does not exist, ForbiddenError for
        one that the caller's key lacks."""
        for scope in scopes:
            if not is_scope(scope):
                raise InvalidError(f"'{scope[:_LONGEST_SHOWN_SCOPE]}' is not a scope", field="scopes")
        check_reach(principal, scopes)
        return self._identity.issue(principal.workspace_id, principal.user_id, name, scopes)

    def visible(self, principal: Principal) -> tuple[ApiKey, ...]:
        """Newest first, ended ones too."""
        keys = self._identity.keys(principal.workspace_id)
        return keys if _is_full(principal.scopes) else tuple(key for key in keys if key.user_id == principal.user_id)

    def get(self, principal: Principal, key_id: str) -> ApiKey:
        """Raises KeyNotFoundError."""
        wanted = principal.key_id if key_id == CURRENT else key_id
        for key in self.visible(principal):
            if key.id == wanted:
                return key
        raise KeyNotFoundError(key_id=key_id)

    def revoke(self, principal: Principal, key_id: str) -> ApiKey:
        """Ends a key; one that was ended stays as it is. Raises KeyNotFoundError, ForbiddenError, LastKeyError."""
        return self.end(principal, self.get(principal, key_id))

    def end(self, principal: Principal, key: ApiKey) -> ApiKey:
        """As `revoke`, of a key of the workspace that is at hand. Raises ForbiddenError, LastKeyError."""
        check_reach(principal, key.scopes)
        if _is_live_and_full(key):
            others = (other for other in self._identity.keys(principal.workspace_id) if other.id != key.id)
            if not any(map(_is_live_and_full, others)):
                raise LastKeyError(key_id=key.id)
        return self._identity.revoke(principal.workspace_id, key.id)


def check_reach(principal: Principal, scopes: Iterable[str]) -> None:
    """Raises ForbiddenError unless the principal may do, wherever it may, all that a key with these scopes may."""
    named = frozenset(scopes)
    for scope in sorted(named):
        if not scope.startswith(NAMESPACE_SCOPE) and not principal.may(scope):
            raise ForbiddenError(scope=scope)
    if principal.namespaces is not None:
        namespaces = {scope.removeprefix(NAMESPACE_SCOPE) for scope in named if scope.startswith(NAMESPACE_SCOPE)}
        if not namespaces or not namespaces <= principal.namespaces:
            raise ForbiddenError


def _is_live_and_full(key: ApiKey) -> bool:
    return key.revoked_at is None and _is_full(key.scopes)


def _is_full(scopes: Iterable[str]) -> bool:
    named = frozenset(scopes)
    return ALL_SCOPES in named and not any(scope.startswith(NAMESPACE_SCOPE) for scope in named)
