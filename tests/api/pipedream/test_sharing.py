"""`/v1/webhooks` is an address of two dialects: a call says by its looks which of them it is for."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.endpoints import endpoint_id, is_endpoint_id
from tests.api.pipedream.conftest import Owned
from tests.api.world import World


def speaks(body: Any) -> str:
    return "exeoflow" if "success" in body else "pipedream"


@pytest.mark.parametrize(
    ("target", "body", "dialect"),
    [
        ("", {"workflow_id": "{workflow}"}, "exeoflow"),
        ("", {"workflow_id": "{workflow}", "url": "https://a.example"}, "exeoflow"),
        ("?url=https://a.example", {"workflow_id": "{workflow}"}, "exeoflow"),
        ("", {"workflow_id": 5}, "exeoflow"),
        ("", {}, "exeoflow"),
        ("", {"name": "x"}, "exeoflow"),
        ("", None, "exeoflow"),
        ("", [], "exeoflow"),
        ("", {"url": "https://a.example"}, "pipedream"),
        ("", {"url": "https://a.example", "name": "x"}, "pipedream"),
        ("", {"url": None}, "pipedream"),
        ("?url=https://a.example", None, "pipedream"),
        ("?url=https://a.example", {}, "pipedream"),
        ("?url=https://a.example", {"name": "x"}, "pipedream"),
        ("?url=", None, "pipedream"),
        ("?name=x", None, "pipedream"),
        ("/?description=x", None, "pipedream"),
    ],
)
@pytest.mark.parametrize("authenticated", [True, False])
def test_registering_is_for_whom_it_names(
    world: World, owned: Owned, target: str, body: Any, dialect: str, authenticated: bool
) -> None:
    if isinstance(body, dict) and isinstance(body.get("workflow_id"), str):
        body = {**body, "workflow_id": owned.workflow}

    answer = world.call("POST", f"/v1/webhooks{target}", body, key="" if authenticated else None)

    assert speaks(answer.json) == dialect
    assert answer.status == 401 or authenticated


def test_a_body_that_cannot_be_read_is_exeoflows(world: World) -> None:
    answers = [world.call("POST", "/v1/webhooks", raw=raw) for raw in (b"{", b"\xff", b'{"url": "' + b"x" * 70_000)]

    assert [speaks(answer.json) for answer in answers] == ["exeoflow"] * 3
    assert [answer.status for answer in answers] == [400] * 3


@pytest.mark.parametrize("key", ["", None])
def test_a_stored_webhook_answers_in_the_words_it_was_registered_in(
    world: World, owned: Owned, key: str | None
) -> None:
    hook = world.webhook(owned.workflow)["id"]

    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None), ("GET", None), ("DELETE", None)):
        inbound = world.call(method, f"/v1/webhooks/{hook}", body, key=key)
        outbound = world.call(method, f"/v1/webhooks/{owned.webhook}/", body, key=key)

        assert speaks(inbound.json) == "exeoflow"
        assert outbound.status == 204 or speaks(outbound.json) == "pipedream"


def test_each_list_shows_its_own(world: World, owned: Owned) -> None:
    hook = world.webhook(owned.workflow)["id"]

    assert [shown["id"] for shown in world.call("GET", "/v1/webhooks").data["webhooks"]] == [hook]
    assert [shown["id"] for shown in world.call("GET", "/v1/users/me/webhooks").data] == [owned.webhook]


def test_the_other_prefix_is_exeoflows_alone(world: World, owned: Owned) -> None:
    registered = world.call("POST", "/api/v1/webhooks?url=https://a.example", {"url": "https://a.example"})
    read = world.call("GET", f"/api/v1/webhooks/{owned.webhook}")

    assert (registered.status, speaks(registered.json)) == (400, "exeoflow")
    assert (read.status, speaks(read.json)) == (404, "exeoflow")
    assert world.call("GET", "/api/v1/users/me").status == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "dialect"),
    [
        ("PATCH", "/v1/webhooks", 405, "exeoflow"),
        ("PATCH", "/v1/webhooks/wh_j2v7ra", 405, "exeoflow"),
        ("PATCH", "/v1/webhooks/{webhook}", 405, "pipedream"),
        ("GET", "/v1/webhooks/{webhook}/pause", 405, "pipedream"),
        ("GET", "/v1/webhooks/{webhook}/nothing", 404, "pipedream"),
        ("GET", "/v1/workflows/{workflow}/nothing", 404, "exeoflow"),
        ("GET", "/v1/workflows/{workflow}/$errors/nothing", 404, "exeoflow"),
        ("GET", "/v1/workflows/{workflow}/event_summaries_of", 404, "exeoflow"),
        ("POST", "/v1/workflows/{workflow}/event_summaries", 405, "pipedream"),
        ("POST", "/v1/workflows/{workflow}/$errors/event_summaries", 405, "pipedream"),
        ("GET", "/v1/workflows/{workflow}/execute", 405, "exeoflow"),
        ("GET", "/v1/components", 405, "pipedream"),
        ("GET", "/v1/accounts/x", 404, "pipedream"),
        ("GET", "/v1/nothing", 404, "exeoflow"),
    ],
)
def test_what_is_refused_at_the_border_is_refused_in_the_right_words(
    world: World, owned: Owned, method: str, path: str, status: int, dialect: str
) -> None:
    answer = world.call(method, owned.fill(path))

    assert (answer.status, speaks(answer.json)) == (status, dialect)


def test_an_endpoints_id_is_known_by_its_last_character(world: World) -> None:
    ids = [endpoint_id(bytes([0, number, 7, 200, 3, number, 9, 1, 77])) for number in range(200)]

    assert all(map(is_endpoint_id, ids))
    assert len(set(ids)) == 200
    changed = [id_[:-1] + ("0" if id_[-1] != "0" else "1") for id_ in ids]
    assert not any(map(is_endpoint_id, changed))
    known_elsewhere = ["wh_j2v7ra", "wh_abc123", "wh_unknown", "wh_none", "wh_0mwr8cztg0mvw82ibbfwsd", "", "wh_"]
    assert not any(map(is_endpoint_id, known_elsewhere))
