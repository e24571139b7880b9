"""Requests that make no sense: refused with a sentence, never a 500, and nothing is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.pipedream.conftest import Owned
from tests.api.world import World

LONG = "x" * 3_000
WEBHOOK = "/v1/webhooks/{webhook}"
EVENTS = "/v1/sources/{source}/events"
SUMMARIES = "/v1/workflows/{workflow}/event_summaries"


def assert_refused(world: World, method: str, target: str, status: int, error: str, **sent: Any) -> None:
    before = world.stored()

    answer = world.call(method, target, **sent)

    assert (answer.status, answer.json) == (status, {"error": error})
    assert world.stored() == before


@pytest.mark.parametrize(
    ("method", "target", "error"),
    [
        ("POST", "/v1/subscriptions", "emitter_id is required"),
        ("POST", "/v1/subscriptions?emitter_id=p_*", "listener_id is required"),
        ("POST", "/v1/subscriptions?emitter_id=&listener_id={webhook}", "emitter_id is required"),
        ("DELETE", "/v1/subscriptions?listener_id={webhook}", "emitter_id is required"),
        ("DELETE", "/v1/subscriptions?emitter_id=p_*", "listener_id is required"),
        ("POST", "/v1/auto_subscriptions?listener_id={webhook}", "event_name is required"),
        ("POST", "/v1/auto_subscriptions?event_name=$logs", "listener_id is required"),
        ("DELETE", "/v1/auto_subscriptions?event_name=&listener_id={webhook}", "event_name is required"),
        ("POST", "/v1/webhooks?url=", "url is required"),
        ("POST", "/v1/webhooks?name=x", "url is required"),
        ("PUT", WEBHOOK + "?url=", "url is required"),
        ("POST", WEBHOOK + "/recover", "since is required"),
    ],
)
def test_a_parameter_that_is_needed_is_named(world: World, owned: Owned, method: str, target: str, error: str) -> None:
    assert_refused(world, method, owned.fill(target), 400, error)


@pytest.mark.parametrize("name", ["start_id", "end_id"])
def test_an_empty_bound_deletes_nothing(world: World, owned: Owned, name: str) -> None:
    world.event_half.emit(owned.source, {"n": 1})

    assert_refused(world, "DELETE", f"/v1/sources/{owned.source}/events?{name}=", 400, "'' is not an event id")


@pytest.mark.parametrize("emitter", ["*", "p*", "dc_**", "wh_*", "o_*", "p_*x", "%2A"])
def test_no_other_pattern_is_an_emitter(world: World, owned: Owned, emitter: str) -> None:
    target = f"/v1/subscriptions?emitter_id={emitter}&listener_id={owned.webhook}"

    assert_refused(world, "POST", target, 400, "emitter_id may be p_* or dc_*, but no other pattern")


@pytest.mark.parametrize(
    "id_", ["wf_none", "p_none", "dc_none", "wh_none", "o_none", "a b", "ä", "%00", LONG, "wf_bulkretry"]
)
def test_what_does_not_exist_neither_emits_nor_listens(world: World, owned: Owned, id_: str) -> None:
    not_found = (404, "record not found")

    assert_refused(world, "POST", f"/v1/subscriptions?emitter_id={id_}&listener_id={owned.webhook}", *not_found)
    assert_refused(world, "POST", f"/v1/subscriptions?emitter_id=p_*&listener_id={id_}", *not_found)
    assert_refused(world, "POST", f"/v1/auto_subscriptions?event_name=$errors&listener_id={id_}", *not_found)
    assert_refused(world, "DELETE", f"/v1/subscriptions?emitter_id=p_*&listener_id={id_}", *not_found)
    assert_refused(world, "DELETE", f"/v1/subscriptions?emitter_id={id_}&listener_id={owned.webhook}", *not_found)
    assert_refused(world, "DELETE", f"/v1/auto_subscriptions?event_name=x&listener_id={id_}", *not_found)


def test_an_inbound_webhook_does_not_listen(world: World, owned: Owned) -> None:
    hook = world.webhook(owned.workflow)["id"]

    assert_refused(world, "POST", f"/v1/subscriptions?emitter_id=p_*&listener_id={hook}", 404, "record not found")


@pytest.mark.parametrize("channel", ["a b", "ä", "x" * 129, "a%00b", "$", "a$b"])
def test_a_channels_name_has_a_form(world: World, owned: Owned, channel: str) -> None:
    listener = f"&listener_id={owned.webhook}"
    error = "event_name cannot be the name of a channel"

    assert_refused(world, "POST", f"/v1/subscriptions?emitter_id=p_*{listener}&event_name={channel}", 400, error)
    assert_refused(world, "POST", f"/v1/auto_subscriptions?event_name={channel}{listener}", 400, error)


def test_channels_with_a_dollar_are_ours(world: World, owned: Owned) -> None:
    target = f"/v1/subscriptions?emitter_id=p_*&listener_id={owned.webhook}&event_name=$audit"

    assert_refused(world, "POST", target, 400, "event_name may be $errors or $logs, but no other name with $")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/workflows/{workflow}/$audit/event_summaries",
        "/v1/workflows/{workflow}/a%20b/event_summaries",
        f"/v1/sources/{{source}}/${LONG}/event_summaries",
        "/v1/sources/{source}/summaries",
    ],
)
def test_a_stream_that_nobody_has_is_not_found(world: World, owned: Owned, target: str) -> None:
    assert_refused(world, "GET", owned.fill(target), 404, "record not found")


@pytest.mark.parametrize("limit", ["", "x", "1.5", "1e3", "0x10", "1" * 30, "%D9%A3"])
@pytest.mark.parametrize(
    "target", ["/v1/users/me/webhooks", SUMMARIES, "/v1/sources/{source}/events", WEBHOOK + "/deliveries"]
)
def test_a_limit_is_an_integer(world: World, owned: Owned, target: str, limit: str) -> None:
    assert_refused(world, "GET", f"{owned.fill(target)}?limit={limit}", 400, "limit must be an integer")


@pytest.mark.parametrize("limit", [True, 1.0, [1], {"n": 1}])
def test_a_limit_in_a_body_is_an_integer_too(world: World, limit: Any) -> None:
    assert_refused(world, "GET", "/v1/users/me/webhooks", 400, "limit must be an integer", body={"limit": limit})


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize(
    ("cursor", "error"),
    [
        ("x", "{name} is not a cursor"),
        ("a!b", "{name} is not a cursor"),
        ("x" * 5000, "{name} is not a cursor"),
        ("_____w", "{name} is not a cursor"),
        ("d2hfYWJjMTIz", "{name} is not a cursor of this list"),
        ("AAAA", "{name} is not a cursor of this list"),
    ],
)
def test_a_cursor_is_one_that_a_page_named(world: World, owned: Owned, name: str, cursor: str, error: str) -> None:
    assert_refused(world, "GET", f"/v1/users/me/webhooks?{name}={cursor}", 400, error.format(name=name))


@pytest.mark.parametrize(
    "id_", ["x", "1-", "-1", "1793611800000-0x", "1e9-0", "1" * 16 + "-0", "1-1-1", "d2hfYWJjMTIz"]
)
def test_an_event_id_has_a_form(world: World, owned: Owned, id_: str) -> None:
    error = f"'{id_[:40]}' is not an event id"

    for name in ("after", "before"):
        assert_refused(world, "GET", f"{owned.fill(SUMMARIES)}?{name}={id_}", 400, error)
    for name in ("start_id", "end_id"):
        assert_refused(world, "DELETE", f"{owned.fill(EVENTS)}?{name}={id_}", 400, error)


@pytest.mark.parametrize(
    "target",
    [
        "GET /v1/workflows/wf_none/event_summaries?after=x",
        "GET /v1/workflows/wf_none/$errors/event_summaries?limit=x",
        "DELETE /v1/sources/dc_none/events?start_id=x",
        "GET /v1/sources/dc_none/events?org_id=o_nobody1",
        "PUT {endpoint}?url=ftp://x",
        "GET {webhook}/deliveries/msg_none?org_id=o_nobody1",
        "POST {webhook}/deliveries/msg_none/redeliver?org_id=o_nobody1",
    ],
)
def test_a_resource_that_does_not_exist_comes_before_wrong_parameters(world: World, owned: Owned, target: str) -> None:
    method, _, path = target.partition(" ")
    # A webhook of the form that this door mints, but another one's.
    other = world.call("POST", "/v1/webhooks?url=https://a.example", key=world.other_key).data["id"]
    path = path.format(webhook=f"/v1/webhooks/{owned.webhook}", endpoint=f"/v1/webhooks/{other}")

    assert_refused(world, method, path, 404, "record not found")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("example.com", "url must be an http(s) URL"),
        ("mysql://user:pass@host:1", "url must be an http(s) URL"),
        ("http://", "url must be an http(s) URL"),
        ("https:///path", "url must be an http(s) URL"),
        ("http://[::1", "url must be an http(s) URL"),
        ("//example.com", "url must be an http(s) URL"),
        ("https://example.com/" + "x" * 2_029, "url has more than 2048 characters"),
    ],
)
def test_a_webhooks_url_has_a_form(world: World, owned: Owned, url: str, error: str) -> None:
    assert_refused(world, "POST", "/v1/webhooks", 400, error, body={"url": url})
    assert_refused(world, "PUT", f"/v1/webhooks/{owned.webhook}", 400, error, body={"url": url})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://10.0.0.7:8080",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/",
        "http://[64:ff9b::a00:1]/",
        "http://0x7f.1/",
        "http://user:secret@example.com/",
        "https://exa mple.com/",
        "https://example.com:99999/",
    ],
)
def test_a_webhooks_url_may_be_called_at_all(world: World, owned: Owned, url: str) -> None:
    before = world.stored()

    for method, target in (("POST", "/v1/webhooks"), ("PUT", f"/v1/webhooks/{owned.webhook}")):
        answer = world.call(method, target, {"url": url})
        assert answer.status == 400
        assert answer.json["error"].startswith("url is not accepted: ")
        assert "secret" not in answer.text

    assert world.stored() == before


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"url": None}, "url is required"),
        ({"url": 1}, "url must be a string"),
        ({"name": 1}, "name must be a string"),
        ({"name": "x" * 256}, "name has more than 255 characters"),
        ({"description": ["x"]}, "description must be a string"),
        ({"description": "x" * 1_025}, "description has more than 1024 characters"),
        ({"event_types": "a"}, "event_types must be a list of texts"),
        ({"event_types": [1]}, "event_types must be a list of texts of 1 to 128 characters"),
        ({"event_types": [""]}, "event_types must be a list of texts of 1 to 128 characters"),
        ({"event_types": ["a"] * 51}, "event_types has more than 50 items"),
        ({"rate_limit": "fast"}, "rate_limit must be an integer"),
        ({"rate_limit": 0}, "rate_limit must be a whole number from 1 to 1000, or null"),
        ({"rate_limit": 1001}, "rate_limit must be a whole number from 1 to 1000, or null"),
        ({"headers": ["X-A"]}, "headers must be an object of texts"),
        ({"headers": {f"X-{n}": "x" for n in range(21)}}, "headers has more than 20 members"),
        ({"headers": {"X A": "x"}}, "headers: 'X A' is not the name of a header"),
        ({"headers": {"": "x"}}, "headers: '' is not the name of a header"),
        ({"headers": {"Webhook-Id": "x"}}, "headers: Webhook-Id is set by the delivery itself"),
        ({"headers": {"content-TYPE": "x"}}, "headers: content-TYPE is set by the delivery itself"),
        ({"headers": {"Host": "x"}}, "headers: Host is set by the delivery itself"),
        ({"headers": {"User-Agent": "x"}}, "headers: User-Agent is set by the delivery itself"),
        ({"headers": {"accept-encoding": "gzip"}}, "headers: accept-encoding is set by the delivery itself"),
        ({"headers": {"X-PD-Emit-Id": "x"}}, "headers: X-PD-Emit-Id is set by the delivery itself"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers: x-a is there twice"),
        ({"headers": {"X-A": 1}}, "headers: X-A must be a text of up to 1024 printable characters"),
        ({"headers": {"X-A": "a\r\nB: c"}}, "headers: X-A must be a text of up to 1024 printable characters"),
        ({"headers": {"X-A": "é"}}, "headers: X-A must be a text of up to 1024 printable characters"),
        ({"headers": {"X-A": "x" * 1025}}, "headers: X-A must be a text of up to 1024 printable characters"),
    ],
)
def test_a_webhooks_settings_have_bounds(world: World, owned: Owned, members: dict[str, Any], error: str) -> None:
    assert_refused(world, "PUT", f"/v1/webhooks/{owned.webhook}", 400, error, body=members)
    if "url" not in members:
        assert_refused(world, "POST", "/v1/webhooks", 400, error, body={"url": "https://a.example", **members})


@pytest.mark.parametrize(
    "secret", ["x", "whsec_", "whsec_AAAA", "whsec_" + "A" * 92, "whsec_" + "é" * 32, "whsec_" + "=" * 44]
)
def test_an_own_secret_has_a_form(world: World, owned: Owned, secret: str) -> None:
    target = f"/v1/webhooks/{owned.webhook}/secret/rotate"
    error = "secret must be whsec_ and the base64 of 24 to 64 bytes"

    assert_refused(world, "POST", target, 400, error, body={"secret": secret})


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("status=lost", "status must be one of pending, held, succeeded, dead, or several with commas"),
        ("since=yesterday", "since must be an ISO 8601 date or time"),
        ("until=2026-13-01", "until must be an ISO 8601 date or time"),
        ("cursor=!", "cursor is not a cursor"),
        ("cursor=AAAA", "The cursor is not one of this list."),
    ],
)
def test_a_list_of_deliveries_is_asked_for_properly(world: World, owned: Owned, query: str, error: str) -> None:
    assert_refused(world, "GET", f"/v1/webhooks/{owned.webhook}/deliveries?{query}", 400, error)


@pytest.mark.parametrize("type_", ["x" * 129, 5, ["a"]])
def test_a_test_events_type_is_a_short_text(world: World, owned: Owned, type_: Any) -> None:
    before = world.stored()

    assert world.call("POST", f"/v1/webhooks/{owned.webhook}/test", {"type": type_}).status == 400
    assert world.stored() == before


BODIES = ["{", "[]", "1", "null", '"x"', '{"a": NaN}', '{"a": 1, "a": 2}', "\ufeff{}", "x=1", '{"a": "\\ud800"}']
WITH_BODIES = [
    ("POST", "/v1/subscriptions?emitter_id=p_*&listener_id={webhook}"),
    ("DELETE", "/v1/subscriptions?emitter_id=p_*&listener_id={webhook}"),
    ("POST", "/v1/auto_subscriptions?event_name=$errors&listener_id={webhook}"),
    ("POST", "/v1/webhooks?url=https://a.example"),
    ("PUT", WEBHOOK),
    ("POST", WEBHOOK + "/pause"),
    ("POST", WEBHOOK + "/test"),
    ("POST", WEBHOOK + "/recover?since=2026-01-01"),
    ("POST", WEBHOOK + "/secret/rotate"),
    ("POST", WEBHOOK + "/deliveries/{delivery}/redeliver"),
    ("DELETE", EVENTS),
    ("DELETE", WEBHOOK),
    ("GET", "/v1/users/me"),
]


@pytest.mark.parametrize(("method", "target"), WITH_BODIES)
@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_a_json_object_or_nothing(world: World, owned: Owned, method: str, target: str, body: str) -> None:
    sent = {"raw": body.encode()}

    assert_refused(world, method, owned.fill(target), 400, "the body is not a JSON object", **sent)


@pytest.mark.parametrize(("method", "target"), WITH_BODIES)
@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
@pytest.mark.parametrize("type_", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_an_empty_body_is_nothing_whatever_its_type(
    world: World, owned: Owned, method: str, target: str, body: bytes, type_: str
) -> None:
    subscribe = f"/v1/subscriptions?emitter_id=p_*&listener_id={owned.webhook}"
    if method == "DELETE":
        assert world.call("POST", subscribe).status == 200

    answer = world.call(method, owned.fill(target), raw=body, headers={"content-type": type_})

    assert answer.status in (200, 202, 204), answer.text


def test_a_payload_that_is_too_large_is_refused_as_such(world: World, owned: Owned) -> None:
    target = f"/v1/webhooks/{owned.webhook}/test"
    raw = json.dumps({"payload": "x" * (6 * 1024 * 1024)}).encode()

    assert_refused(world, "POST", target, 413, "payload too large", raw=raw)


def test_a_repeated_parameters_last_value_counts(world: World) -> None:
    made = world.call("POST", "/v1/webhooks?url=ftp://x&url=https://a.example&name=a&name=b")

    assert (made.data["url"], made.data["name"]) == ("https://a.example", "b")
