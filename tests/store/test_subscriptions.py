"""Subscriptions: who matches, what is idempotent, what goes with the things that are named."""

from __future__ import annotations

import pytest

from chalicelib.domain.subscriptions import EVERY_SOURCE, EVERY_WORKFLOW, EVERYTHING, ListenerKind
from tests.store.backends import Stores
from tests.store.event_samples import SOURCE, WORKFLOW, auto, subscription
from tests.store.samples import after


def create(stores: Stores, id_: str, **changes: object) -> None:
    stores.subscriptions.create(subscription(id=id_, **changes))


def matching(stores: Stores, kind: object = WORKFLOW, emitter_id: str = "p_1", channel: str = "") -> list[str]:
    found = stores.subscriptions.matching("ws_a", kind, emitter_id, channel)  # type: ignore[arg-type]
    return sorted(each.id for each in found)


def listed(stores: Stores) -> list[str]:
    return [each.id for each in stores.subscriptions.list("ws_a")]


def test_a_subscription_is_read_as_it_was_created(stores: Stores) -> None:
    wanted = subscription(channel="a/b:c.d-e_F", listener_kind=ListenerKind.SOURCE)

    assert stores.subscriptions.create(wanted) == wanted
    assert stores.subscriptions.list("ws_a") == (wanted,)
    assert stores.subscriptions.matching("ws_a", WORKFLOW, "p_1", wanted.channel) == (wanted,)


def test_a_triple_has_one_subscription(stores: Stores) -> None:
    first = stores.subscriptions.create(subscription())

    again = stores.subscriptions.create(subscription(id="sub_2", user_id="user_2", created_at=after(9)))

    assert again == first
    assert listed(stores) == ["sub_1"]


def test_other_triples_and_workspaces_are_apart(stores: Stores) -> None:
    create(stores, "sub_1")
    create(stores, "sub_2", emitter="p_2")
    create(stores, "sub_3", channel="$errors")
    create(stores, "sub_4", listener_id="wh_2")
    create(stores, "sub_5", workspace_id="ws_b")

    assert matching(stores) == ["sub_1", "sub_4"]
    assert sorted(listed(stores)) == ["sub_1", "sub_2", "sub_3", "sub_4"]


def test_globs_match_by_kind(stores: Stores) -> None:
    create(stores, "workflows", emitter=EVERY_WORKFLOW)
    create(stores, "sources", emitter=EVERY_SOURCE)
    create(stores, "everything", emitter=EVERYTHING)
    create(stores, "other channel", emitter=EVERYTHING, channel="$errors")

    assert matching(stores) == ["everything", "workflows"]
    assert matching(stores, SOURCE, "dc_1") == ["everything", "sources"]
    assert matching(stores, channel="$errors") == ["other channel"]


@pytest.mark.parametrize("emitter", ["p_1", EVERY_WORKFLOW, EVERYTHING])
def test_there_may_be_listeners_where_something_matches(stores: Stores, emitter: str) -> None:
    assert not stores.subscriptions.any_for("ws_a", WORKFLOW, "p_1", "")

    create(stores, "sub_1", emitter=emitter)

    assert stores.subscriptions.any_for("ws_a", WORKFLOW, "p_1", "")
    assert not stores.subscriptions.any_for("ws_a", WORKFLOW, "p_1", "$errors")
    assert not stores.subscriptions.any_for("ws_b", WORKFLOW, "p_1", "")


def test_nobody_hears_of_what_only_others_subscribed_to(stores: Stores) -> None:
    create(stores, "sub_1", emitter="p_11")

    assert not stores.subscriptions.any_for("ws_a", WORKFLOW, "p_1", "")
    assert matching(stores) == []


@pytest.mark.parametrize("made_up", ["p_1#", "p_1#x", "*", "=p_1", "p_1%23", "#"])
def test_a_made_up_id_matches_itself_alone(stores: Stores, made_up: str) -> None:
    create(stores, "sub_1", channel="x")
    create(stores, "sub_2", channel="x", emitter=EVERY_SOURCE)

    assert matching(stores, WORKFLOW, made_up, "") == matching(stores, WORKFLOW, "p_1#", "x") == []
    assert matching(stores, WORKFLOW, "p_1", "x") == ["sub_1"]


def test_ids_that_are_too_long_for_a_key_are_told_apart(stores: Stores) -> None:
    create(stores, "sub_1", emitter="x" * 2000, listener_id="y" * 2000)
    create(stores, "sub_2", emitter="x" * 2001, listener_id="y" * 2000)

    assert matching(stores, WORKFLOW, "x" * 2000) == ["sub_1"]
    stores.subscriptions.delete_of("ws_a", "y" * 2000)
    assert listed(stores) == []


def test_more_subscriptions_match_than_one_answer_can_hold(stores: Stores) -> None:
    emitters = ("p_1", EVERYTHING)
    for number in range(120):
        user_id = "x" * 20_000
        create(stores, f"sub_{number:03}", listener_id=f"wh_{number}", emitter=emitters[number % 2], user_id=user_id)

    assert matching(stores) == [f"sub_{number:03}" for number in range(120)]
    assert len(listed(stores)) == 120


def test_lists_are_newest_first(stores: Stores) -> None:
    for id_, seconds in (("sub_b", 1), ("sub_a", 1), ("sub_c", 0), ("sub_d", 2)):
        create(stores, id_, emitter=id_, created_at=after(seconds))

    assert listed(stores) == ["sub_d", "sub_b", "sub_a", "sub_c"]


def test_deleting_takes_the_triple_alone(stores: Stores) -> None:
    create(stores, "sub_1")
    create(stores, "sub_2", channel="$errors")

    assert stores.subscriptions.delete("ws_a", "p_1", "", "wh_1") is True
    assert stores.subscriptions.delete("ws_a", "p_1", "", "wh_1") is False
    assert stores.subscriptions.delete("ws_b", "p_1", "$errors", "wh_1") is False
    assert listed(stores) == ["sub_2"]
    assert matching(stores) == []


def test_a_deleted_subscription_can_be_created_again(stores: Stores) -> None:
    create(stores, "sub_1")
    stores.subscriptions.delete("ws_a", "p_1", "", "wh_1")

    create(stores, "sub_2")

    assert listed(stores) == matching(stores) == ["sub_2"]
    stores.subscriptions.delete_of("ws_a", "wh_1")
    assert listed(stores) == []


def test_a_resource_takes_along_what_it_emits_and_hears(stores: Stores) -> None:
    create(stores, "emits", emitter="p_1", listener_id="wh_1")
    create(stores, "emits errors", emitter="p_1", channel="$errors", listener_id="wh_2")
    create(stores, "hears", emitter="p_2", listener_id="p_1")
    create(stores, "hears everything", emitter=EVERYTHING, listener_id="p_1")
    create(stores, "hears itself", emitter="p_1", listener_id="p_1")
    create(stores, "similar", emitter="p_11", listener_id="p_12")
    create(stores, "foreign", workspace_id="ws_b")
    stores.subscriptions.create_auto(auto(listener_id="p_1"))
    stores.subscriptions.create_auto(auto(id="sub_8", listener_id="p_11"))

    stores.subscriptions.delete_of("ws_a", "p_1")
    stores.subscriptions.delete_of("ws_a", "p_1")

    assert listed(stores) == ["similar"]
    assert [each.id for each in stores.subscriptions.list("ws_b")] == ["foreign"]
    assert [each.id for each in stores.subscriptions.list_auto("ws_a")] == ["sub_8"]


def test_globs_outlive_a_resource_that_is_called_like_one(stores: Stores) -> None:
    create(stores, "sub_1", emitter=EVERYTHING)

    stores.subscriptions.delete_of("ws_a", "wh_2")

    assert listed(stores) == ["sub_1"]


def test_of_a_channel_and_listener_there_is_one_auto_subscription(stores: Stores) -> None:
    first = stores.subscriptions.create_auto(auto())

    assert stores.subscriptions.create_auto(auto(id="sub_8")) == first == auto()
    stores.subscriptions.create_auto(auto(id="sub_7", channel="$logs", created_at=after(1)))
    stores.subscriptions.create_auto(auto(id="sub_6", workspace_id="ws_b"))
    assert [each.id for each in stores.subscriptions.list_auto("ws_a")] == ["sub_7", "sub_9"]
    assert listed(stores) == []


def test_an_auto_subscription_is_deleted_once(stores: Stores) -> None:
    stores.subscriptions.create_auto(auto())

    assert stores.subscriptions.delete_auto("ws_a", "$logs", "wh_1") is False
    assert stores.subscriptions.delete_auto("ws_a", "$errors", "wh_1") is True
    assert stores.subscriptions.delete_auto("ws_a", "$errors", "wh_1") is False
    assert stores.subscriptions.list_auto("ws_a") == ()
