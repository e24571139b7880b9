"""API keys: issuing, revoking, and telling who calls.

A user belongs to one workspace, and both come into being with their first key. A secret is shown once; only
its hash is kept. A proven key is remembered for a few seconds, so a revocation takes effect everywhere after at
most that time; an unknown secret is never remembered, so a new key works at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from chalicelib.domain.errors import InvalidError, NotFoundError, UnauthenticatedError
from chalicelib.domain.identity import ALL_SCOPES, ApiKey, Principal, is_scope, secret_hash
from chalicelib.domain.ids import ENTROPY_BYTES, base36, mint
from chalicelib.services.ports import Clock, Entropy, KeyStore

_SECRET_BYTES = 24
_SECRET_DIGITS = 38
_MAX_SECRET_LENGTH = 512
_REMEMBERED_KEYS = 1024


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its secret, which nobody can read again."""

    key: ApiKey
    secret: str


class KeyNotFoundError(NotFoundError):
    """The API key does not exist."""


class UserNotFoundError(NotFoundError):
    """The user does not exist in this workspace."""


class WorkspaceNotFoundError(NotFoundError):
    """The workspace does not exist."""


class Identity:
    def __init__(self, keys: KeyStore, clock: Clock, entropy: Entropy, cache_seconds: float = 5.0) -> None:
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._cache_time = timedelta(seconds=cache_seconds)
        self._proven: dict[str, tuple[Principal, datetime]] = {}
        self._lock = Lock()

    def authenticate(self, secret: str) -> Principal:
        """Whose secret it is. Raises UnauthenticatedError if it is nobody's, or was revoked."""
        if not 0 < len(secret) <= _MAX_SECRET_LENGTH:
            raise UnauthenticatedError
        hashed = secret_hash(secret)
        now = self._clock.now()
        # Without the lock: a single look-up in a dict is atomic, and this is on the path of every call.
        proven = self._proven.get(hashed)
        if proven is not None and now < proven[1]:
            return proven[0]
        key = self._keys.find(hashed)
        if key is None or key.revoked_at is not None:
            raise UnauthenticatedError
        principal = Principal(key.user_id, key.workspace_id, key.id, frozenset(key.scopes))
        self._remember(hashed, principal, now)
        return principal

    def _remember(self, hashed: str, principal: Principal, now: datetime) -> None:
        if not self._cache_time:
            return
        with self._lock:
            # Taken out first, so that it stands last, and the oldest is the first to go.
            self._proven.pop(hashed, None)
            while len(self._proven) >= _REMEMBERED_KEYS:
                del self._proven[next(iter(self._proven))]
            self._proven[hashed] = (principal, now + self._cache_time)

    def create_workspace(self, key_name: str = "", scopes: Iterable[str] = (ALL_SCOPES,)) -> IssuedKey:
        """A new workspace with its first user and that user's first key."""
        return self.issue(self._new_id("ws_"), self._new_id("user_"), key_name, scopes)

    def create_user(self, workspace_id: str, key_name: str = "", scopes: Iterable[str] = (ALL_SCOPES,)) -> IssuedKey:
        """A new user of a workspace, with a first key. Raises WorkspaceNotFoundError."""
        if not self._keys.list(workspace_id):
            raise WorkspaceNotFoundError(workspace_id=workspace_id)
        return self.issue(workspace_id, self._new_id("user_"), key_name, scopes)

    def create_key(
        self, workspace_id: str, user_id: str, key_name: str = "", scopes: Iterable[str] = (ALL_SCOPES,)
    ) -> IssuedKey:
        """Another key of a user. Raises UserNotFoundError."""
        if all(key.user_id != user_id for key in self._keys.list(workspace_id)):
            raise UserNotFoundError(workspace_id=workspace_id, user_id=user_id)
        return self.issue(workspace_id, user_id, key_name, scopes)

    def issue(
        self,
        workspace_id: str,
        user_id: str,
        name: str,
        scopes: Iterable[str] = (ALL_SCOPES,),
        secret: str | None = None,
    ) -> IssuedKey:
        """A key of this user, whether or not the user has one already; `secret` is minted unless given.

        Raises InvalidError for a scope that does not exist.
        """
        granted = tuple(dict.fromkeys(scopes))
        for scope in granted:
            if not is_scope(scope):
                raise InvalidError(f"'{scope}' is not a scope", field="scopes")
        if secret is None:
            secret = f"psk_{random_token(self._entropy)}"
        key = ApiKey(
            id=self._new_id("key_"),
            secret_hash=secret_hash(secret),
            user_id=user_id,
            workspace_id=workspace_id,
            name=name,
            scopes=granted,
            created_at=self._clock.now(),
        )
        self._keys.put(key)
        return IssuedKey(key, secret)

    def keys(self, workspace_id: str) -> tuple[ApiKey, ...]:
        """Every key of the workspace, revoked ones too."""
        return self._keys.list(workspace_id)

    def revoke(self, workspace_id: str, key_id: str) -> ApiKey:
        """Ends a key; one that is revoked stays as it is. Raises KeyNotFoundError."""
        for key in self._keys.list(workspace_id):
            if key.id == key_id:
                break
        else:
            raise KeyNotFoundError(key_id=key_id)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self._clock.now())
            self._keys.put(key)
            with self._lock:
                self._proven.pop(key.secret_hash, None)
        return key

    def _new_id(self, prefix: str) -> str:
        return mint(prefix, self._clock.now(), self._entropy.bytes(ENTROPY_BYTES))


def random_token(entropy: Entropy) -> str:
    """Lower-case letters and digits that carry 192 random bits."""
    return base36(int.from_bytes(entropy.bytes(_SECRET_BYTES), "big"), _SECRET_DIGITS)
