"""API keys and counters, on every backend."""

from __future__ import annotations

from tests.store.backends import Stores
from tests.store.samples import after, key


def test_a_key_is_found_by_the_hash_of_its_secret(stores: Stores) -> None:
    stores.keys.put(key())

    assert stores.keys.find("0" * 64) == key()
    assert stores.keys.find("1" * 64) is None


def test_a_key_without_scopes_is_read_back(stores: Stores) -> None:
    stores.keys.put(key(scopes=(), name=""))

    assert stores.keys.find("0" * 64) == key(scopes=(), name="")


def test_putting_a_key_again_replaces_it(stores: Stores) -> None:
    stores.keys.put(key())

    stores.keys.put(key(revoked_at=after(5), scopes=("*",)))

    assert stores.keys.find("0" * 64) == key(revoked_at=after(5), scopes=("*",))
    assert stores.keys.list("ws_a") == (key(revoked_at=after(5), scopes=("*",)),)


def test_a_workspaces_keys_are_listed_newest_first(stores: Stores) -> None:
    keys = [key(id=f"key_{n}", secret_hash=str(n) * 64, created_at=after(n % 3)) for n in range(3)]
    for each in (*keys, key(workspace_id="ws_b", secret_hash="9" * 64)):
        stores.keys.put(each)

    assert stores.keys.list("ws_a") == tuple(reversed(keys))
    assert stores.keys.list("ws_none") == ()


def test_a_counter_starts_at_nothing_and_adds_up(stores: Stores) -> None:
    assert stores.counters.add("minute/key_1", 1, after(60)) == 1
    assert stores.counters.add("minute/key_1", 1, after(60)) == 2
    assert stores.counters.add("minute/key_1", 5, after(60)) == 7
    assert stores.counters.add("minute/key_2", 2, after(60)) == 2
    assert stores.counters.add("minute/key_2", -3, after(60)) == -1
