"""Profiles: names that nobody chose, and what a day has used."""

from __future__ import annotations

from chalicelib.domain.identity import Principal
from chalicelib.domain.usage import Usage
from chalicelib.services.profiles import Profiles, Quotas
from tests.event_fakes import MemoryProfileStore, MemoryUsageStore
from tests.fakes import FixedClock

CALLER = Principal("user_0mwr8", "ws_0MwR8", "key_1", frozenset())


class House:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.usage = MemoryUsageStore()
        self.store = MemoryProfileStore()
        self.profiles = Profiles(self.store, self.usage, self.clock, Quotas(10, 20, 30))


def test_names_follow_from_the_ids_until_somebody_chooses_others() -> None:
    house = House()
    before = house.profiles.user(CALLER)

    house.profiles.name_user(CALLER.user_id, username="rkalinin")
    house.profiles.name_workspace(CALLER.workspace_id, name="Northwind Ops")

    after = house.profiles.user(CALLER)
    assert (before.profile.username, before.profile.email) == ("0mwr8", "0mwr8@penstock.invalid")
    assert (before.workspace.profile.name, before.workspace.profile.orgname) == ("0MwR8", "0mwr8")
    assert (after.profile.username, after.profile.email) == ("rkalinin", "0mwr8@penstock.invalid")
    assert (after.workspace.profile.name, after.workspace.profile.orgname) == ("Northwind Ops", "0mwr8")


def test_usage_is_that_of_the_day_and_the_workspace() -> None:
    house = House()
    house.usage.add("ws_0MwR8", "2026-11-02", Usage(2, 700, 3))
    house.usage.add("ws_0MwR8", "2026-11-01", Usage(9, 9, 9))
    house.usage.add("ws_other", "2026-11-02", Usage(9, 9, 9))

    assert house.profiles.workspace(CALLER).used == Usage(2, 700, 3)

    house.clock.advance(86_400)
    assert house.profiles.workspace(CALLER).used == Usage()


def test_asking_stores_nothing() -> None:
    house = House()

    house.profiles.user(CALLER)
    house.profiles.name_user(CALLER.user_id)
    house.profiles.name_workspace(CALLER.workspace_id)

    assert (house.store.user(CALLER.user_id), house.store.workspace(CALLER.workspace_id)) == (None, None)
