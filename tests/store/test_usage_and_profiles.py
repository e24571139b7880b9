"""What workspaces use, and what they and their users are called."""

from __future__ import annotations

from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.domain.usage import Usage
from tests.store.backends import Stores
from tests.store.samples import key


def test_what_is_used_adds_up(stores: Stores) -> None:
    assert stores.usage.of("ws_a", "2026-11-02") == Usage()

    for number in range(20):
        stores.usage.add("ws_a", "2026-11-02", Usage(1, number, 2))

    assert stores.usage.of("ws_a", "2026-11-02") == Usage(20, 190, 40)


def test_days_and_workspaces_are_apart(stores: Stores) -> None:
    stores.usage.add("ws_a", "2026-11-02", Usage(1, 1, 1))

    assert stores.usage.of("ws_a", "2026-11-03") == stores.usage.of("ws_b", "2026-11-02") == Usage()
    assert stores.usage.of("ws_a#2026-11-02", "") == Usage()


def test_who_was_never_put_has_no_profile(stores: Stores) -> None:
    assert stores.profiles.user("user_1") is None
    assert stores.profiles.workspace("ws_a") is None


def test_profiles_are_read_as_they_were_last_put(stores: Stores) -> None:
    user = UserProfile("user_1", "mia", "mia@example.com")
    workspace = WorkspaceProfile("ws_a", "Größe & Co", "groesse", "")
    stores.profiles.put_user(UserProfile("user_1", "m", "m@example.com"))
    stores.profiles.put_workspace(WorkspaceProfile("ws_a", "x", "y", "z"))

    stores.profiles.put_user(user)
    stores.profiles.put_workspace(workspace)

    assert (stores.profiles.user("user_1"), stores.profiles.workspace("ws_a")) == (user, workspace)
    assert (stores.profiles.user("ws_a"), stores.profiles.workspace("user_1")) == (None, None)


def test_a_profile_is_not_listed_among_keys(stores: Stores) -> None:
    stores.keys.put(key())
    stores.profiles.put_workspace(WorkspaceProfile("ws_a", "A", "a", "a@example.com"))

    assert stores.keys.list("ws_a") == (key(),)
