"""API keys that callers make for their automations, and how often each key was used.

What may be done to a key follows from the caller's own, as wherever keys are made and ended (`services.keys`). Uses are
counted apart from the key, spread over several counters that are added up when somebody asks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.domain.identity import ALL_SCOPES, SCOPES, ApiKey, Principal
from chalicelib.services.identity import Identity, IssuedKey, KeyNotFoundError
from chalicelib.services.keys import Keys, check_reach
from chalicelib.services.ports import CounterStore, Entropy

logger = logging.getLogger(__name__)

_SECRET_BYTES = 16
_SHARDS = 8  # a counter is one item, which takes a thousand writes a second at most
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # counters expire, but not these


@dataclass(frozen=True, slots=True)
class CountedKey:
    key: ApiKey
    uses: int


class PinKeys:
    def __init__(self, identity: Identity, counters: CounterStore, entropy: Entropy) -> None:
        self._identity = identity
        self._counters = counters
        self._entropy = entropy

    def create(self, principal: Principal, name: str, scopes: Iterable[str]) -> IssuedKey:
        """A key of the caller's. Raises ForbiddenError for a scope that the caller's key lacks, InvalidError for one
        that does not exist."""
        scopes = tuple(scopes)
        for scope in scopes:
            if scope != ALL_SCOPES and scope not in SCOPES:
                raise InvalidError(f"'{scope[:60]}' is not a permission", field="permissions")
        check_reach(principal, scopes)
        secret = f"pk_{self._entropy.bytes(_SECRET_BYTES).hex()}"
        return self._identity.issue(principal.workspace_id, principal.user_id, name, scopes, secret)

    def list(self, principal: Principal) -> tuple[CountedKey, ...]:
        """All of the caller's, ended ones too, newest first."""
        keys = (key for key in self._identity.keys(principal.workspace_id) if key.user_id == principal.user_id)
        return tuple(CountedKey(key, self._uses(key.id)) for key in keys)

    def revoke(self, principal: Principal, key_id: str) -> None:
        """Raises KeyNotFoundError, ForbiddenError, LastKeyError."""
        # Somebody else's key is not found, rather than forbidden: nobody learns that it is there.
        for key in self._identity.keys(principal.workspace_id):
            if (key.id, key.user_id) == (key_id, principal.user_id):
                Keys(self._identity).end(principal, key)
                return
        raise KeyNotFoundError(key_id=key_id)

    def note_use(self, principal: Principal) -> None:
        """A use that cannot be counted now is made nevertheless."""
        shard = self._entropy.bytes(1)[0] % _SHARDS
        try:
            self._counters.add(_counter(principal.key_id, shard), 1, _NEVER)
        except UnavailableError:
            logger.warning("a use was not counted", extra={"action": "use_not_counted", "key_id": principal.key_id})

    def _uses(self, key_id: str) -> int:
        return sum(self._counters.read(_counter(key_id, shard)) for shard in range(_SHARDS))


def _counter(key_id: str, shard: int) -> str:
    return f"uses:{key_id}:{shard}"
