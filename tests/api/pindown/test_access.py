"""Who may do what: two users at every route, keys that may do little, and calls that prove nobody."""

from __future__ import annotations

from typing import Any

import pytest

import app as application
from tests.api.pindown.conftest import Pinned
from tests.api.world import World

FLAT = ("/api/workflow-data", "/api/webhooks")
BY_ID: tuple[tuple[str, str, Any, str, str | None], ...] = (
    # method, path, body, what a stranger is told of a private pin, of a public one (None: it is done)
    ("PUT", "/api/workflow-data/{pin}/nightly", {"data": {"a": 1}}, "push", "push"),
    ("GET", "/api/workflow-data/{pin}/nightly", None, "read_data", None),
    ("GET", "/api/workflow-data/{pin}/nightly?history=2", None, "read_data", None),
    ("GET", "/api/workflow-data/{pin}", None, "read_data", None),
    ("POST", "/api/webhooks", {"pinId": "{pin}"}, "subscribe", "subscribe"),
    ("GET", "/api/pins/{pin}", None, "read", None),
    ("GET", "/api/pins/{pin}/overview", None, "read_data", None),
    ("PUT", "/api/pins/{pin}", {"metadata": {"title": "mine"}}, "update", "update"),
    ("DELETE", "/api/pins/{pin}", None, "delete", "delete"),
    ("POST", "/api/pins/{pin}/publish", None, "update", "update"),
    ("POST", "/api/pins/{pin}/unpublish", None, "update", "update"),
    ("POST", "/api/pins/{pin}/blocks", {"name": "x"}, "update", "update"),
    ("GET", "/api/pins/{pin}/blocks", None, "read", None),
    ("PUT", "/api/pins/{pin}/blocks/{block}", {"name": "mine"}, "update", "update"),
    ("DELETE", "/api/pins/{pin}/blocks/{block}", None, "update", "update"),
    ("POST", "/api/pins/{pin}/datasets", {"name": "x"}, "update", "update"),
    ("GET", "/api/pins/{pin}/datasets", None, "read", None),
    ("GET", "/api/pins/{pin}/datasets/{dataset}", None, "read", None),
    ("PUT", "/api/pins/{pin}/datasets/{dataset}", {"data": {}}, "update", "update"),
    ("DELETE", "/api/pins/{pin}/datasets/{dataset}", None, "update", "update"),
    ("GET", "/api/public/pins/{pin}", None, "missing", None),
    ("GET", "/api/public/pins/{pin}/overview", None, "missing", None),
    ("GET", "/api/pinboards/{board}", None, "read_board", None),
    ("PUT", "/api/pinboards/{board}", {"name": "mine"}, "update_board", "update_board"),
    ("DELETE", "/api/pinboards/{board}", None, "delete_board", "delete_board"),
    ("POST", "/api/pinboards/{board}/publish", None, "update_board", "update_board"),
    ("POST", "/api/pinboards/{board}/unpublish", None, "update_board", "update_board"),
    ("POST", "/api/pinboards/{board}/pins", {"pinId": "{pin}"}, "update_board", "update_board"),
    ("DELETE", "/api/pinboards/{board}/pins/{pin}", None, "update_board", "update_board"),
    ("GET", "/api/public/pinboards/{board}", None, "missing", None),
    ("GET", "/api/webhooks/{webhook}", None, "missing", "missing"),
    ("PUT", "/api/webhooks/{webhook}", {"is_active": False}, "missing", "missing"),
    ("DELETE", "/api/webhooks/{webhook}", None, "missing", "missing"),
    ("DELETE", "/api/auth/api-keys/{key}", None, "missing", "missing"),
)
WITHOUT_ID: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/pins/send", {}),
    ("GET", "/api/pins", None),
    ("POST", "/api/pinboards", {"name": "Logistik"}),
    ("GET", "/api/pinboards", None),
    ("GET", "/api/webhooks", None),
    ("POST", "/api/auth/api-keys", {"name": "n8n", "permissions": ["*"]}),
    ("GET", "/api/auth/api-keys", None),
)
OPEN = (
    ("GET", "/api/health"),
    ("GET", "/pins/{pin}"),
    ("POST", "/api/webhooks/receive/{webhook}"),
)
SENTENCES = {
    "read": "You do not have permission to access this pin",
    "update": "You can only update your own pins",
    "delete": "You can only delete your own pins",
    "read_data": "You do not have permission to access this pin's workflow data",
    "push": "You can only update workflow data for your own pins",
    "subscribe": "You can only create webhooks for your own pins",
    "read_board": "You do not have permission to access this pinboard",
    "update_board": "You can only update your own pinboards",
    "delete_board": "You can only delete your own pinboards",
}
NEEDS = {
    "/api/workflow-data": {"GET": "workflow_data:read", "PUT": "workflow_data:write"},
    "/api/pins": {"GET": "pins:read", "PUT": "pins:write", "POST": "pins:write", "DELETE": "pins:delete"},
    "/api/pinboards": {"GET": "pins:read", "PUT": "pins:write", "POST": "pins:write", "DELETE": "pins:delete"},
}


@pytest.fixture
def things(pinned: Pinned) -> dict[str, str]:
    world, pin = pinned.world, pinned.pin_id
    pinned.push({"status": "running"})
    block = {"name": "Kopf", "type": "text"} | {"type": "markdown", "template": "#"}
    dataset = {"name": "Bestand", "type": "json", "data": "{}"}
    return {
        "pin": pin,
        "block": world.call("POST", f"/api/pins/{pin}/blocks", block).data["blockId"],
        "dataset": world.call("POST", f"/api/pins/{pin}/datasets", dataset).data["datasetId"],
        "board": world.call("POST", "/api/pinboards", {"name": "Logistik", "pins": [pin]}).data["id"],
        "webhook": pinned.webhook("workflow.updated")["id"],
        "key": world.call("POST", "/api/auth/api-keys", {"name": "n8n"}).data["keyId"],
    }


def filled(value: Any, things: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(member, things) for name, member in value.items()}
    return value.format(**things) if isinstance(value, str) and "{" in value else value


def message(answer: Any) -> str:
    error = answer.json["error"]
    text: str = answer.json["message"] if isinstance(error, str) else error["message"]
    return text


def test_the_matrix_names_every_route_of_the_door() -> None:
    served = {
        (verb, path)
        for path, verbs in application.app.routes.items()
        for verb in verbs
        if path.startswith(("/api/", "/pins")) and not path.startswith("/api/v1")
    }
    rows = [row[:2] for row in BY_ID] + [row[:2] for row in WITHOUT_ID] + list(OPEN)
    named = {(method, path.split("?")[0]) for method, path in rows}

    assert len(served) == len(named)


@pytest.mark.parametrize(("method", "path", "body", "private", "public"), BY_ID)
def test_a_stranger_is_told_what_the_documentation_says(
    pinned: Pinned, things: dict[str, str], method: str, path: str, body: Any, private: str, public: str | None
) -> None:
    world = pinned.world
    before = world.stored()

    refused = world.call(method, filled(path, things), filled(body, things), key=world.other_key)

    assert refused.status == (404 if private == "missing" else 403), refused.text
    assert private == "missing" or message(refused) == SENTENCES[private]
    assert world.stored() == before
    world.call("POST", f"/api/pins/{things['pin']}/publish")
    world.call("POST", f"/api/pinboards/{things['board']}/publish")
    answer = world.call(method, filled(path, things), filled(body, things), key=world.other_key)
    if public is None:
        assert answer.status == 200, answer.text
    else:
        assert answer.status == (404 if public == "missing" else 403)


@pytest.mark.parametrize(("method", "path", "body", "private", "public"), BY_ID)
def test_what_does_not_exist_is_not_found_before_anything_is_said_of_the_body(
    world: World, method: str, path: str, body: Any, private: str, public: str | None
) -> None:
    unknown = {name: f"{name}-unknown0" for name in ("pin", "block", "dataset", "board", "webhook", "key")}
    pinned_body = filled(body, unknown) if path == "/api/webhooks" else [1]

    answer = world.call(method, filled(path, unknown), pinned_body if body is not None else None)

    assert answer.status == 404, answer.text


@pytest.mark.parametrize(("method", "path", "body", "private", "public"), BY_ID)
def test_the_owner_may(
    pinned: Pinned, things: dict[str, str], method: str, path: str, body: Any, private: str, public: str | None
) -> None:
    answer = pinned.world.call(method, filled(path, things), filled(body, things))

    # Some of these bodies lack something: whoever is told so was let in.
    assert answer.status in {200, 400}, answer.text


@pytest.mark.parametrize(("method", "path"), [row[:2] for row in BY_ID] + [row[:2] for row in WITHOUT_ID])
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic dTpw", "ApiKey  ", "nonsense"])
def test_who_proves_nothing_is_refused_in_the_shape_of_the_address(
    pinned: Pinned, things: dict[str, str], method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}

    answer = pinned.world.call(method, filled(path, things), key=None, headers=headers)

    if path.startswith("/api/public"):
        assert answer.status == 404
        return
    assert answer.status == 401
    assert message(answer) == "Valid Firebase token or API key required"
    assert isinstance(answer.json["error"], str) == path.startswith(FLAT)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [row[:3] for row in BY_ID if row[1].startswith(tuple(NEEDS))]
    + [row for row in WITHOUT_ID if row[1].startswith(tuple(NEEDS))],
)
def test_a_key_may_do_what_it_was_given_and_nothing_else(
    pinned: Pinned, things: dict[str, str], method: str, path: str, body: Any
) -> None:
    prefix = next(prefix for prefix in NEEDS if path.startswith(prefix))
    needed = NEEDS[prefix][method] if not path.endswith("/overview") else "workflow_data:read"
    if method == "DELETE" and path.count("/") > 3:
        needed = "pins:write"
    others = ("pins:read", "pins:write", "pins:delete", "workflow_data:read", "workflow_data:write")
    world = pinned.world
    able = world.new_key("ws_one", needed)
    unable = world.new_key("ws_one", *(scope for scope in others if scope != needed))

    refused = world.call(method, filled(path, things), filled(body, things), key=unable)
    allowed = world.call(method, filled(path, things), filled(body, things), key=able)

    assert (refused.status, message(refused)) == (403, f"The API key lacks the permission '{needed}'")
    assert allowed.status in {200, 201, 400}, allowed.text


def test_a_webhook_reads_and_pushes_so_it_takes_both_permissions(pinned: Pinned) -> None:
    body = {"url": "https://a.example", "events": ["workflow.updated"], "pinId": pinned.pin_id, "workflowId": "w"}
    world = pinned.world

    for scopes in (["workflow_data:read"], ["workflow_data:write"]):
        assert world.call("POST", "/api/webhooks", body, key=world.new_key("ws_one", *scopes)).status == 403
    key = world.new_key("ws_one", "workflow_data:read", "workflow_data:write")
    assert world.call("POST", "/api/webhooks", body, key=key).status == 201


def test_nobody_gains_anything_by_making_or_ending_keys(pinned: Pinned) -> None:
    world = pinned.world
    small = world.new_key("ws_one", "workflow_data:write")
    full = world.call("POST", "/api/auth/api-keys", {"name": "all", "permissions": ["*"]}).data["keyId"]

    def make(*permissions: str) -> int:
        body = {"name": "n8n", "permissions": list(permissions)}
        return world.call("POST", "/api/auth/api-keys", body, key=small).status

    assert make("workflow_data:write") == 200
    assert make("workflow_data:write", "pins:read") == 403
    assert make("*") == 403
    assert make("pins:everything") == 400
    assert world.call("DELETE", f"/api/auth/api-keys/{full}", key=small).status == 403


def test_a_key_restricted_to_namespaces_makes_and_ends_no_keys(pinned: Pinned) -> None:
    world = pinned.world
    full = world.call("POST", "/api/auth/api-keys", {"name": "all", "permissions": ["*"]}).data["keyId"]
    restricted = world.new_key("ws_one", "*", "namespace:elsewhere")
    before = world.stored()

    made = world.call("POST", "/api/auth/api-keys", {"name": "n8n", "permissions": ["*"]}, key=restricted)
    ended = world.call("DELETE", f"/api/auth/api-keys/{full}", key=restricted)

    assert (made.status, ended.status) == (403, 403)
    assert world.stored() == before


def test_the_last_key_that_may_do_everything_stays(world: World) -> None:
    first = world.call("GET", "/api/auth/api-keys").data[0]["keyId"]

    refused = world.call("DELETE", f"/api/auth/api-keys/{first}")
    second = world.call("POST", "/api/auth/api-keys", {"name": "all", "permissions": ["*"]}).data["keyId"]

    assert refused.status == 409, refused.text
    assert world.call("DELETE", f"/api/auth/api-keys/{first}").status == 200
    assert world.call("DELETE", f"/api/auth/api-keys/{second}", key=world.other_key).status == 404


def test_uses_of_keys_are_counted(pinned: Pinned) -> None:
    world = pinned.world
    made = world.call("POST", "/api/auth/api-keys", {"name": "n8n"}).data
    for _ in range(3):
        pinned.push({"a": 1}, key=made["apiKey"])

    listed = {key["keyId"]: key for key in world.call("GET", "/api/auth/api-keys").data}

    assert listed[made["keyId"]]["usage_count"] == 3
    assert listed[made["keyId"]]["is_active"] is True
    assert "apiKey" not in listed[made["keyId"]]


def test_another_user_of_the_workspace_is_a_stranger_too(pinned: Pinned) -> None:
    world = pinned.world
    colleague = world.services.identity.issue("ws_one", "user_colleague", "test").secret

    assert pinned.push({"a": 1}, key=colleague).status == 403
    assert world.call("GET", "/api/pins", key=colleague).data["total"] == 0


def test_a_public_board_shows_a_stranger_only_the_pins_that_they_may_see(pinned: Pinned) -> None:
    world = pinned.world
    public = pinned.new_pin(is_public=True)
    body = {"name": "Beide", "pins": [pinned.pin_id, public], "is_public": True}
    board = world.call("POST", "/api/pinboards", body).data["id"]

    assert world.call("GET", f"/api/pinboards/{board}").data["pins"] == [pinned.pin_id, public]
    seen = world.call("GET", f"/api/pinboards/{board}", key=world.other_key).data
    assert (seen["pins"], seen["views"]) == ([public], 1)
    pins = world.call("GET", f"/api/public/pinboards/{board}", key=None).data["pinboard"]["pins"]
    assert [pin["id"] for pin in pins] == [public]


def test_a_private_pin_of_somebody_else_does_not_get_onto_a_board(pinned: Pinned) -> None:
    world = pinned.world
    body = {"name": "Fremd", "pins": [pinned.pin_id]}

    assert world.call("POST", "/api/pinboards", body, key=world.other_key).status == 403
    assert world.call("POST", "/api/pinboards", {"name": "Fremd", "pins": ["p-unknown0"]}).status == 404
