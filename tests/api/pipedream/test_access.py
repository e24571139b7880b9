"""Who may do what: keys, scopes, and a second workspace to which nothing of the first exists."""

from __future__ import annotations

import pytest

from chalicelib.api.pipedream.ids import shown_workspace
from chalicelib.domain.endpoints import endpoint_id
from tests.api.pipedream.conftest import Owned
from tests.api.world import World

WEBHOOK = "/webhooks/{webhook}"
SOURCE = "/sources/{source}"

# Method, target, the scope that it needs (if any), whether another workspace's resource is named in it.
ROUTES = [
    ("GET", "/users/me", None, False),
    ("GET", "/users/me/workspaces", None, False),
    ("GET", "/workspaces/ws_one", None, True),
    ("GET", "/orgs/ws_one", None, True),
    ("GET", "/users/me/subscriptions", "events:read", False),
    ("GET", "/workspaces/ws_one/subscriptions", "events:read", True),
    ("GET", "/orgs/ws_one/subscriptions", "events:read", True),
    ("POST", "/subscriptions?emitter_id={workflow}&listener_id={webhook}", "events:write", True),
    ("POST", "/subscriptions?emitter_id=p_*&listener_id={workflow}", "events:write", True),
    ("POST", "/subscriptions?emitter_id={source}&listener_id={source}", "events:write", True),
    ("POST", "/subscriptions?emitter_id=ws_one&listener_id={webhook}", "events:write", True),
    ("DELETE", "/subscriptions?emitter_id=p_*&listener_id={webhook}&event_name=kept", "events:write", True),
    ("GET", "/auto_subscriptions", "events:read", False),
    ("POST", "/auto_subscriptions?event_name=$errors&listener_id={webhook}", "events:write", True),
    ("DELETE", "/auto_subscriptions?event_name=kept&listener_id={webhook}", "events:write", True),
    ("GET", "/workflows/{workflow}/event_summaries", "events:read", True),
    ("GET", "/workflows/{workflow}/event_summaries&expand=event", "events:read", True),
    ("GET", "/workflows/{workflow}/$errors/event_summaries", "events:read", True),
    ("GET", "/workflows/{workflow}/%24errors/event_summaries&limit=1", "events:read", True),
    ("GET", "/sources/{source}/event_summaries", "events:read", True),
    ("GET", "/sources/{source}/event_summaries&limit=1", "events:read", True),
    ("GET", "/sources/{source}/$logs/event_summaries", "events:read", True),
    ("GET", "/sources/{source}/$logs/event_summaries&limit=1", "events:read", True),
    ("GET", "/sources/{source}/events", "events:read", True),
    ("DELETE", "/sources/{source}/events", "events:write", True),
    ("GET", "/users/me/webhooks", "webhooks:read", False),
    ("POST", "/webhooks?url=https://other.example", "webhooks:write", False),
    ("GET", WEBHOOK, "webhooks:read", True),
    ("PUT", f"{WEBHOOK}?name=x", "webhooks:write", True),
    ("POST", f"{WEBHOOK}/pause", "webhooks:write", True),
    ("POST", f"{WEBHOOK}/resume", "webhooks:write", True),
    ("POST", f"{WEBHOOK}/test", "webhooks:write", True),
    ("POST", f"{WEBHOOK}/recover?since=2026-01-01", "webhooks:write", True),
    ("GET", f"{WEBHOOK}/secret", "webhooks:write", True),
    ("POST", f"{WEBHOOK}/secret/rotate", "webhooks:write", True),
    ("GET", f"{WEBHOOK}/deliveries", "webhooks:read", True),
    ("GET", f"{WEBHOOK}/deliveries/{{delivery}}", "webhooks:read", True),
    ("POST", f"{WEBHOOK}/deliveries/{{delivery}}/redeliver", "webhooks:write", True),
    ("DELETE", WEBHOOK, "webhooks:write", True),
    ("POST", "/components?component_code=export%20default%20{{name:%22x%22,version:%221%22}}", "sources:write", False),
    ("GET", "/components/{component}", "sources:read", True),
    ("GET", "/components/ping-counter", "sources:read", True),
    ("GET", "/components/registry/http-new-requests", "sources:read", False),
    ("GET", "/components/search?query=http", "sources:read", False),
    ("GET", "/users/me/components", "sources:read", False),
    ("POST", "/sources?component_id={component}", "sources:write", True),
    ("POST", "/sources?key=http-new-requests", "sources:write", False),
    ("GET", SOURCE, "sources:read", True),
    ("PUT", f"{SOURCE}?name=x", "sources:write", True),
    ("PUT", f"{SOURCE}?active=false", "sources:write", True),
    ("POST", f"{SOURCE}/test", "sources:write", True),
    ("GET", "/users/me/sources", "sources:read", False),
    ("GET", "/orgs/ws_one/sources", "sources:read", True),
    ("GET", "/workspaces/ws_one/sources", "sources:read", True),
    ("DELETE", SOURCE, "sources:write", True),
    ("GET", "/accounts", "accounts:read", False),
    ("GET", "/accounts/{account}", "accounts:read", True),
    ("PUT", "/accounts/{account}?name=x", "accounts:write", True),
    ("GET", "/workspaces/ws_one/accounts", "accounts:read", True),
    ("GET", "/orgs/ws_one/accounts", "accounts:read", True),
    ("DELETE", "/accounts/{account}", "accounts:write", True),
]
IDS = [f"{method} {target}" for method, target, _, _ in ROUTES]
ALL = {
    "workflows:read",
    "workflows:write",
    "executions:read",
    "executions:write",
    "webhooks:read",
    "webhooks:write",
    "events:read",
    "events:write",
    "sources:read",
    "sources:write",
    "accounts:read",
    "accounts:write",
}


@pytest.fixture
def kept(world: World, owned: Owned) -> Owned:
    """Also with subscriptions that can be deleted."""
    for target in ("/v1/subscriptions?emitter_id=p_*", "/v1/auto_subscriptions?"):
        made = world.call("POST", f"{target}&event_name=kept&listener_id={owned.webhook}")
        assert made.status == 200
    return owned


@pytest.mark.parametrize(("method", "target", "scope", "names"), ROUTES, ids=IDS)
def test_a_key_with_just_the_scope_is_let_in(
    world: World, kept: Owned, method: str, target: str, scope: str | None, names: bool
) -> None:
    key = world.new_key("ws_one", scope or "schedules:read")

    answer = world.call(method, "/v1" + kept.fill(target), key=key)

    assert answer.status in (200, 202, 204), answer.text


@pytest.mark.parametrize(("method", "target", "scope", "names"), [route for route in ROUTES if route[2]])
def test_a_key_with_every_other_scope_is_not(
    world: World, kept: Owned, method: str, target: str, scope: str, names: bool
) -> None:
    key = world.new_key("ws_one", *sorted(ALL - {scope}))
    before = world.stored()

    answer = world.call(method, "/v1" + kept.fill(target), key=key)

    assert (answer.status, answer.json) == (403, {"error": "forbidden"})
    assert world.stored() == before


@pytest.mark.parametrize(("method", "target", "scope", "names"), [route for route in ROUTES if route[3]])
def test_a_foreign_id_is_answered_like_an_unknown_one(
    world: World, kept: Owned, method: str, target: str, scope: str | None, names: bool
) -> None:
    before = world.stored()
    unknown_endpoint = endpoint_id(b"nobody")
    nobody = Owned("wf_0000000000000000000000", "dc_0000000", unknown_endpoint, "msg_0", "sc_0000000", "apn_0000000")
    unknown_target = nobody.fill(target.replace("ws_one", "ws_nobody").replace("ping-counter", "no-such"))

    foreign = world.call(method, "/v1" + kept.fill(target), key=world.other_key)
    unknown = world.call(method, "/v1" + unknown_target, key=world.other_key)

    assert (foreign.status, foreign.json) == (404, {"error": "record not found"})
    assert (unknown.status, unknown.text) == (404, foreign.text)
    assert world.stored() == before


@pytest.mark.parametrize(("method", "target", "scope", "names"), ROUTES, ids=IDS)
@pytest.mark.parametrize("key", [None, "psk_nobody"])
def test_nobody_is_let_in_without_a_key(
    world: World, kept: Owned, method: str, target: str, scope: str | None, names: bool, key: str | None
) -> None:
    answer = world.call(method, "/v1" + kept.fill(target), key=key)

    assert (answer.status, answer.json) == (401, {"error": "unauthorized"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "target", "scope", "names"), ROUTES, ids=IDS)
@pytest.mark.parametrize("name", ["workspace_id", "org_id"])
def test_another_workspace_cannot_be_named(
    world: World, kept: Owned, method: str, target: str, scope: str | None, names: bool, name: str
) -> None:
    path = kept.fill(target)
    if "event_summaries&" in path:
        path = path.split("&")[0]
    before = world.stored()

    for workspace in (shown_workspace("ws_two"), "ws_two", "o_nobody1"):
        separator = "&" if "?" in path else "?"
        answer = world.call(method, f"/v1{path}{separator}{name}={workspace}")
        assert (answer.status, answer.json) == (403, {"error": "forbidden"})

    assert world.stored() == before


@pytest.mark.parametrize("spelling", [shown_workspace("ws_one"), "ws_one"])
def test_the_callers_own_workspace_may_be_named_by_either_id(world: World, owned: Owned, spelling: str) -> None:
    assert world.call("GET", f"/v1/workspaces/{spelling}").status == 200
    assert world.call("GET", f"/v1/users/me/webhooks?org_id={spelling}").status == 200
    assert world.call("POST", f"/v1/webhooks?url=https://a.example&workspace_id={spelling}").status == 200

    made = world.call("POST", f"/v1/subscriptions?emitter_id={spelling}&listener_id={owned.webhook}")
    assert made.data["emitter_id"] == shown_workspace("ws_one")

    gone = world.call("DELETE", f"/v1/subscriptions?emitter_id={spelling}&listener_id={owned.webhook}")
    assert gone.status == 204


def test_a_key_can_call_so_often_and_is_told_so() -> None:
    world = World(rate_limit=2)

    answers = [world.call("GET", "/v1/users/me") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json == {"error": "rate limit exceeded"}
    assert int(answers[2].headers["Retry-After"]) > 0
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
