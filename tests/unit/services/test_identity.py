"""Keys: issued once, proven, remembered for a moment, revoked."""

from __future__ import annotations

import pytest

from chalicelib.domain.errors import InvalidError, UnauthenticatedError
from chalicelib.domain.identity import ApiKey, Principal
from chalicelib.services.identity import (
    Identity,
    KeyNotFoundError,
    UserNotFoundError,
    WorkspaceNotFoundError,
)
from tests.fakes import FixedClock, MemoryKeyStore, SeededEntropy


class CountingKeys(MemoryKeyStore):
    finds = 0

    def find(self, secret_hash: str) -> ApiKey | None:
        self.finds += 1
        return super().find(secret_hash)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keys() -> CountingKeys:
    return CountingKeys()


@pytest.fixture
def identity(keys: CountingKeys, clock: FixedClock) -> Identity:
    return Identity(keys, clock, SeededEntropy(), cache_seconds=5.0)


def test_a_secret_tells_who_calls(identity: Identity) -> None:
    issued = identity.create_workspace("ci", ["workflows:read"])

    principal = identity.authenticate(issued.secret)

    key = issued.key
    assert principal == Principal(key.user_id, key.workspace_id, key.id, frozenset({"workflows:read"}))
    assert principal.may("workflows:read")
    assert not principal.may("workflows:write")


def test_the_secret_is_long_and_kept_nowhere(identity: Identity, keys: CountingKeys) -> None:
    issued = identity.create_workspace()

    assert len(issued.secret) >= 40
    assert issued.secret not in repr(vars(keys))


@pytest.mark.parametrize("secret", ["", "psk_unknown", "x" * 100_000, "\ud800", "ü\x00"])
def test_an_unknown_secret_is_nobodys(identity: Identity, secret: str) -> None:
    with pytest.raises(UnauthenticatedError):
        identity.authenticate(secret)


def test_a_proven_key_is_looked_up_once_in_five_seconds(
    identity: Identity, keys: CountingKeys, clock: FixedClock
) -> None:
    secret = identity.create_workspace().secret

    for _ in range(10):
        identity.authenticate(secret)
    clock.advance(5)
    identity.authenticate(secret)

    assert keys.finds == 2


def test_without_a_cache_every_call_is_looked_up(keys: CountingKeys, clock: FixedClock) -> None:
    identity = Identity(keys, clock, SeededEntropy(), cache_seconds=0)
    secret = identity.create_workspace().secret

    for _ in range(3):
        identity.authenticate(secret)

    assert keys.finds == 3


def test_a_new_key_works_at_once_although_it_was_refused_before(identity: Identity) -> None:
    with pytest.raises(UnauthenticatedError):
        identity.authenticate("dev-key")

    identity.issue("ws", "user", "", secret="dev-key")

    assert identity.authenticate("dev-key").workspace_id == "ws"


def test_a_revocation_works_here_at_once_and_elsewhere_within_the_cache_time(
    identity: Identity, keys: CountingKeys, clock: FixedClock
) -> None:
    elsewhere = Identity(keys, clock, SeededEntropy(1), cache_seconds=5.0)
    issued = identity.create_workspace()
    identity.authenticate(issued.secret)
    elsewhere.authenticate(issued.secret)

    identity.revoke(issued.key.workspace_id, issued.key.id)

    with pytest.raises(UnauthenticatedError):
        identity.authenticate(issued.secret)
    assert elsewhere.authenticate(issued.secret)
    clock.advance(5)
    with pytest.raises(UnauthenticatedError):
        elsewhere.authenticate(issued.secret)


def test_revoking_twice_keeps_the_first_time(identity: Identity, clock: FixedClock) -> None:
    key = identity.create_workspace().key
    first = identity.revoke(key.workspace_id, key.id)
    clock.advance(60)

    assert identity.revoke(key.workspace_id, key.id) == first


def test_the_cache_is_bounded(identity: Identity) -> None:
    for n in range(1100):
        identity.authenticate(identity.issue("ws", "user", "", secret=f"key {n}").secret)

    assert len(identity._proven) == 1024


def test_a_key_of_another_workspace_cannot_be_revoked(identity: Identity) -> None:
    theirs, mine = identity.create_workspace().key, identity.create_workspace().key

    with pytest.raises(KeyNotFoundError):
        identity.revoke(mine.workspace_id, theirs.id)


def test_users_belong_to_a_workspace_that_exists(identity: Identity) -> None:
    first = identity.create_workspace().key

    second = identity.create_user(first.workspace_id).key

    assert second.workspace_id == first.workspace_id
    assert second.user_id != first.user_id
    with pytest.raises(WorkspaceNotFoundError):
        identity.create_user("ws_unknown")


def test_a_user_may_have_several_keys_and_only_in_its_workspace(identity: Identity) -> None:
    first, other = identity.create_workspace().key, identity.create_workspace().key

    second = identity.create_key(first.workspace_id, first.user_id).key

    assert {key.id for key in identity.keys(first.workspace_id)} == {first.id, second.id}
    with pytest.raises(UserNotFoundError):
        identity.create_key(other.workspace_id, first.user_id)


def test_a_scope_that_does_not_exist_is_refused(identity: Identity) -> None:
    with pytest.raises(InvalidError):
        identity.create_workspace(scopes=["workflows:destroy"])
