"""Keys that keys make, see and end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World


def minted(world: World, *scopes: str, key: str = "") -> Any:
    made = world.call("POST", "/v1/keys", {"name": "CI", "scopes": [*scopes]}, key=key)
    assert made.status == 201, made.text
    return made.data


def listed(world: World, key: str = "") -> list[Any]:
    found: list[Any] = world.call("GET", "/v1/keys", key=key).data["keys"]
    return found


def test_a_key_is_made_with_its_secret_shown_this_once(world: World) -> None:
    made = minted(world, "workflows:read", "executions:read")

    assert list(made) == ["id", "name", "user_id", "scopes", "created_at", "revoked_at", "current", "secret"]
    assert (made["name"], made["scopes"], made["revoked_at"]) == ("CI", ["workflows:read", "executions:read"], None)
    assert world.call("GET", "/v1/workflows", key=made["secret"]).status == 200
    assert world.call("POST", "/v1/workflows", {"name": "x"}, key=made["secret"]).status == 403
    assert made["secret"] not in world.call("GET", f"/v1/keys/{made['id']}").text


def test_a_key_makes_only_what_it_may_do_itself(world: World) -> None:
    limited = world.new_key("ws_one", "workflows:read", "events:read")
    before = world.stored()

    for scopes in (["*"], ["workflows:write"], ["workflows:read", "pins:read"]):
        refused = world.call("POST", "/v1/keys", {"name": "x", "scopes": scopes}, key=limited)
        assert (refused.status, refused.json["error"]["code"]) == (403, "FORBIDDEN")

    assert world.stored() == before
    assert minted(world, "events:read", key=limited)["scopes"] == ["events:read"]


def test_a_full_key_may_make_one_for_a_namespace_alone(world: World) -> None:
    made = minted(world, "*", "namespace:plant_1")

    assert world.call("GET", "/v1/keys", key=made["secret"]).status == 403
    assert world.call("GET", "/workflowsvc/api/v1/workflowdefs?nsfilter=plant_1", key=made["secret"]).status == 200
    assert world.call("GET", "/workflowsvc/api/v1/workflowdefs?nsfilter=plant_2", key=made["secret"]).status == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "  ", "scopes": ["*"]}, "name"),
        ({"name": 1, "scopes": ["*"]}, "name"),
        ({"name": "x"}, "scopes"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": "*"}, "scopes"),
        ({"name": "x", "scopes": [1]}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": ["*"] * 101}, "scopes"),
    ],
)
def test_a_body_that_does_not_say_what_key_makes_none(world: World, body: Any, field: str) -> None:
    before = world.stored()

    refused = world.call("POST", "/v1/keys", body)

    assert (refused.status, refused.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert f"'{field}'" in refused.json["error"]["message"]
    assert world.stored() == before


def test_a_full_key_sees_its_workspace_and_any_other_its_own_user(world: World) -> None:
    limited = world.services.identity.issue("ws_one", "user_other", "theirs", ("workflows:read",))
    minted(world, "pins:read")

    assert {key["user_id"] for key in listed(world)} == {"user_ws_one", "user_other"}
    assert [key["id"] for key in listed(world, limited.secret)] == [limited.key.id]
    assert [key["current"] for key in listed(world, limited.secret)] == [True]
    assert {key["user_id"] for key in listed(world, world.other_key)} == {"user_ws_two"}


def test_keys_come_in_pages_without_anybodys_secret(world: World) -> None:
    made = [minted(world, "pins:read")["id"] for _ in range(3)]

    first = world.call("GET", "/v1/keys?limit=2")
    second = world.call("GET", "/v1/keys?limit=2&page=2")

    assert first.data["pagination"] == {"page": 1, "limit": 2, "total": 4, "pages": 2}
    assert set(made) < {key["id"] for key in (*first.data["keys"], *second.data["keys"])}
    assert "psk_" not in first.text + second.text
    assert "hash" not in first.text


def test_current_is_the_key_that_asks(world: World) -> None:
    made = minted(world, "pins:read")

    shown = world.call("GET", "/v1/keys/current", key=made["secret"]).data

    assert (shown["id"], shown["current"]) == (made["id"], True)


def test_an_ended_key_opens_nothing_and_ending_it_again_changes_nothing(world: World) -> None:
    made = minted(world, "workflows:read")

    ended = world.call("DELETE", f"/v1/keys/{made['id']}").data
    world.clock.advance(60)

    assert ended["revoked_at"]
    assert world.call("GET", "/v1/workflows", key=made["secret"]).status == 401
    assert world.call("DELETE", f"/v1/keys/{made['id']}").data == ended


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_a_key_may_not_see_is_refused_like_what_does_not_exist(world: World, method: str) -> None:
    theirs = world.services.identity.issue("ws_two", "user_ws_two", "theirs").key.id
    colleague = world.services.identity.issue("ws_one", "user_other", "colleague", ("pins:read",)).key.id
    limited = world.new_key("ws_one", "pins:read")
    before = world.stored()

    answers = [
        world.call(method, f"/v1/keys/{theirs}"),
        world.call(method, "/v1/keys/key_doesnotexist"),
        world.call(method, f"/v1/keys/{colleague}", key=limited),
    ]

    assert {answer.status for answer in answers} == {404}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json["error"]["code"] == "KEY_NOT_FOUND"
    assert world.stored() == before


def test_a_key_ends_none_that_may_do_more(world: World) -> None:
    limited = world.new_key("ws_one", "pins:read")
    (own,) = (key for key in listed(world, limited) if key["current"])
    (full,) = (key for key in listed(world, limited) if key["scopes"] == ["*"])

    assert world.call("DELETE", f"/v1/keys/{full['id']}", key=limited).status == 403
    assert world.call("DELETE", f"/v1/keys/{own['id']}", key=limited).status == 200


def test_the_last_full_key_of_a_workspace_stays(world: World) -> None:
    minted(world, "workflows:write")
    minted(world, "*", "namespace:plant_1")
    ended = minted(world, "*")
    world.call("DELETE", f"/v1/keys/{ended['id']}")

    refused = world.call("DELETE", "/v1/keys/current")
    second = minted(world, "*")

    assert (refused.status, refused.json["error"]["code"]) == (400, "LAST_FULL_KEY")
    assert world.call("DELETE", "/v1/keys/current").status == 200
    assert world.call("GET", "/v1/keys", key=second["secret"]).status == 200
