"""Whatever comes in, the answer is a clear 4xx in the door's shape, at once, and nothing is stored."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import pytest

from tests.api.world import World
from tests.timing import assert_cheap

MEDIAN_LIMIT_SECONDS = 0.05
LIMIT_SECONDS = 0.5  # far above the few milliseconds it takes, so that a busy machine does not fail the test

NODE = {"id": "a", "type": "noop"}
LONG = "x" * 129


def nested(depth: int) -> bytes:
    return b'{"name":"x","nodes":' + b"[" * depth + b"]" * depth + b"}"


RAW: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n\t ",
    "a word": b"name=x",
    "half an object": b'{"name": "x"',
    "a second value": b'{"name": "x"} {}',
    "a trailing comma": b'{"name": "x",}',
    "single quotes": b"{'name': 'x'}",
    "a comment": b'{"name": "x" /* y */}',
    "not a number": b'{"name": "x", "nodes": [NaN]}',
    "infinity": b'{"name": "x", "nodes": [Infinity]}',
    "a number without bounds": b'{"name": "x", "nodes": [1e999]}',
    "an integer of 5000 digits": b'{"name": "x", "nodes": [' + b"9" * 5000 + b"]}",
    "a member twice": b'{"name": "x", "name": "y"}',
    "a member of a node twice": b'{"name": "x", "nodes": [{"id": "a", "id": "b", "type": "noop"}]}',
    "deep lists": nested(100_000),
    "deep lists within the decoder's stack": nested(60),
    "latin-1": '{"name": "für"}'.encode("latin-1"),
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a raw control character": b'{"name": "a\x00b"}',
    "an array": b"[]",
    "a text": b'"x"',
    "a number": b"1",
    "true": b"true",
    "null": b"null",
}

WORKFLOWS: dict[str, Any] = {
    "no name": {},
    "an empty name": {"name": ""},
    "a blank name": {"name": " \t "},
    "a null name": {"name": None},
    "a number as name": {"name": 1},
    "a list as name": {"name": ["x"]},
    "an object as name": {"name": {}},
    "a true name": {"name": True},
    "a long name": {"name": "x" * 256},
    "a null description": {"name": "x", "description": None},
    "a number as description": {"name": "x", "description": 1},
    "an endless description": {"name": "x", "description": "y" * 10_001},
    "null nodes": {"name": "x", "nodes": None},
    "nodes as object": {"name": "x", "nodes": {}},
    "nodes as text": {"name": "x", "nodes": "[]"},
    "a text as node": {"name": "x", "nodes": ["a"]},
    "null as node": {"name": "x", "nodes": [None]},
    "a list as node": {"name": "x", "nodes": [[]]},
    "a node without id": {"name": "x", "nodes": [{"type": "noop"}]},
    "a node with an empty id": {"name": "x", "nodes": [{"id": "", "type": "noop"}]},
    "a node with a number as id": {"name": "x", "nodes": [{"id": 1, "type": "noop"}]},
    "a node with null as id": {"name": "x", "nodes": [{"id": None, "type": "noop"}]},
    "a node with a long id": {"name": "x", "nodes": [{"id": LONG, "type": "noop"}]},
    "a node with a line break in its id": {"name": "x", "nodes": [{"id": "a\nb", "type": "noop"}]},
    "a node with a zero in its id": {"name": "x", "nodes": [{"id": "a\x00", "type": "noop"}]},
    "an id twice": {"name": "x", "nodes": [NODE, NODE]},
    "a node without type": {"name": "x", "nodes": [{"id": "a"}]},
    "a node with an empty type": {"name": "x", "nodes": [{"id": "a", "type": ""}]},
    "a node with a number as type": {"name": "x", "nodes": [{"id": "a", "type": 7}]},
    "a list as config": {"name": "x", "nodes": [{**NODE, "config": []}]},
    "null as config": {"name": "x", "nodes": [{**NODE, "config": None}]},
    "a text as config": {"name": "x", "nodes": [{**NODE, "config": "{}"}]},
    "a list as retry": {"name": "x", "nodes": [{**NODE, "retry": [3]}]},
    "a number as retry": {"name": "x", "nodes": [{**NODE, "retry": 3}]},
    "no attempts": {"name": "x", "nodes": [{**NODE, "retry": {"max_attempts": 0}}]},
    "half an attempt": {"name": "x", "nodes": [{**NODE, "retry": {"max_attempts": 1.5}}]},
    "a thousand attempts": {"name": "x", "nodes": [{**NODE, "retry": {"max_attempts": 1000}}]},
    "attempts as text": {"name": "x", "nodes": [{**NODE, "retry": {"max_attempts": "3"}}]},
    "true attempts": {"name": "x", "nodes": [{**NODE, "retry": {"max_attempts": True}}]},
    "an unknown backoff": {"name": "x", "nodes": [{**NODE, "retry": {"backoff": "random"}}]},
    "a negative delay": {"name": "x", "nodes": [{**NODE, "retry": {"delay_seconds": -1}}]},
    "jitter beyond one": {"name": "x", "nodes": [{**NODE, "retry": {"jitter": 2}}]},
    "no timeout": {"name": "x", "nodes": [{**NODE, "timeout_seconds": 0}]},
    "a negative timeout": {"name": "x", "nodes": [{**NODE, "timeout_seconds": -5}]},
    "an endless timeout": {"name": "x", "nodes": [{**NODE, "timeout_seconds": 10**39}]},
    "a timeout as text": {"name": "x", "nodes": [{**NODE, "timeout_seconds": "5"}]},
    "an unknown on_error": {"name": "x", "nodes": [{**NODE, "on_error": "explode"}]},
    "a number as on_error": {"name": "x", "nodes": [{**NODE, "on_error": 1}]},
    "at_most_once as text": {"name": "x", "nodes": [{**NODE, "at_most_once": "yes"}]},
    "at_most_once as number": {"name": "x", "nodes": [{**NODE, "at_most_once": 1}]},
    "a list as loop body": {"name": "x", "nodes": [{"id": "a", "type": "loop", "config": {"body": []}}]},
    "a body with a broken node": {
        "name": "x",
        "nodes": [{"id": "a", "type": "loop", "config": {"while": "false", "body": {"nodes": [{}]}}}],
    },
    "a text as branches": {"name": "x", "nodes": [{"id": "a", "type": "fork", "config": {"branches": "b"}}]},
    "a list as branch": {"name": "x", "nodes": [{"id": "a", "type": "fork", "config": {"branches": {"b": []}}}]},
    "an expression that does not parse": {
        "name": "x",
        "nodes": [{"id": "a", "type": "transform", "config": {"values": {"v": "{{ 1 + }}"}}}],
    },
    "too many nodes": {"name": "x", "nodes": [{"id": str(n), "type": "noop"} for n in range(2001)]},
    "too many connections": {"name": "x", "nodes": [NODE], "connections": [{"from": "a", "to": "a"}] * 5001},
    "null connections": {"name": "x", "connections": None},
    "connections as object": {"name": "x", "connections": {}},
    "a text as connection": {"name": "x", "nodes": [NODE], "connections": ["a"]},
    "a connection from nowhere": {"name": "x", "nodes": [NODE], "connections": [{"to": "a"}]},
    "a connection to nowhere": {"name": "x", "nodes": [NODE], "connections": [{"from": "a"}]},
    "a connection to an unknown node": {"name": "x", "nodes": [NODE], "connections": [{"from": "a", "to": "b"}]},
    "a number as end": {"name": "x", "nodes": [NODE], "connections": [{"from": "a", "to": 1}]},
    "a connection to itself": {"name": "x", "nodes": [NODE], "connections": [{"from": "a", "to": "a"}]},
    "a number as output": {
        "name": "x",
        "nodes": [NODE, {"id": "b", "type": "noop"}],
        "connections": [{"from": "a", "to": "b", "output": 1}],
    },
    "a list as condition": {
        "name": "x",
        "nodes": [NODE, {"id": "b", "type": "noop"}],
        "connections": [{"from": "a", "to": "b", "condition": []}],
    },
    "a condition that does not parse": {
        "name": "x",
        "nodes": [NODE, {"id": "b", "type": "noop"}],
        "connections": [{"from": "a", "to": "b", "condition": "{{ ( }}"}],
    },
    "a text as workflow timeout": {"name": "x", "timeout_seconds": "60"},
    "a number as concurrency": {"name": "x", "concurrency": 3},
    "a concurrency without limit": {"name": "x", "concurrency": {"on_limit": "skip"}},
    "a concurrency of nothing": {"name": "x", "concurrency": {"limit": 0}},
    "an unknown on_limit": {"name": "x", "concurrency": {"limit": 1, "on_limit": "explode"}},
    "a concurrency key that does not parse": {"name": "x", "concurrency": {"limit": 1, "key": "{{ ( }}"}},
    "a type of our own": {"name": "x", "nodes": [{"id": "a", "type": "bulk_retry_list"}]},
}

QUERIES = [
    "/v1/workflows?page=0",
    "/v1/workflows?page=-1",
    "/v1/workflows?page=+1",
    "/v1/workflows?page=1.0",
    "/v1/workflows?page=1e3",
    "/v1/workflows?page=",
    "/v1/workflows?page=%D9%A1",
    "/v1/workflows?page=99999999999999999999",
    "/v1/workflows?limit=0",
    "/v1/workflows?limit=-20",
    "/v1/workflows?limit=viele",
    "/v1/workflows?limit=%00",
    "/v1/workflows?status=",
    "/v1/workflows?status=ACTIVE",
    "/v1/workflows?status=deleting",
    "/v1/executions?page=0",
    "/v1/executions?limit=ten",
    "/v1/executions?status=queued",
    "/v1/executions?status=succeeded",
    "/v1/executions?from=",
    "/v1/executions?from=2026",
    "/v1/executions?from=2026-13-01",
    "/v1/executions?from=2026-01-01T25:00:00Z",
    "/v1/executions?from=20260101",
    "/v1/executions?from=1700000000",
    "/v1/executions?from=2026-01-01T00:00:00%2B99:00",
    "/v1/executions?to=0000-01-01",
    "/v1/executions?to=morgen",
    "/v1/executions?to=2026-01-01T00:00:00Zulu",
]

STATUSES: list[Any] = [{}, {"status": None}, {"status": "deleting"}, {"status": True}, {"status": ["active"]}, []]
INPUTS: list[Any] = [{"input": None}, {"input": []}, {"input": "x"}, {"input": 0}, {"input": True}, [], "x", None, 1]
HOOKS: list[dict[str, Any]] = [
    {"workflow_id": None},
    {"workflow_id": 1},
    {"workflow_id": ""},
    {"workflow_id": "../../etc"},
    {"workflow_id": "x" * 5000},
    {"name": 1},
    {"name": "x" * 256},
    {"method": "TRACE"},
    {"method": 1},
    {"method": ""},
    {"authentication": True},
    {"authentication": {"type": "basic"}},
    {"authentication": {"type": 1}},
    {"authentication": {"enabled": "true"}},
    {"authentication": {"enabled": None}},
]
IDS = ["%00", "..", "a%2Fb", "%2e%2e%2f", "x" * 3000, "%FF%FE", "wf_%F0%9F%92%A9", "$errors", "wf 1", "'; --"]


def assert_refused(world: World, method: str, target: str, raw: bytes, statuses: tuple[int, ...] = (400,)) -> None:
    before = world.stored()

    reply = world.call(method, target, raw=raw)

    assert_cheap(LIMIT_SECONDS, lambda: world.call(method, target, raw=raw))
    assert reply.status in statuses, reply.text
    assert set(reply.json) == {"success", "error"}
    assert reply.json["success"] is False
    assert set(reply.json["error"]) == {"code", "message"}
    assert reply.json["error"]["message"]
    assert world.stored() == before


def test_a_refusal_takes_a_few_milliseconds(world: World) -> None:
    """Over every body that is refused; printed, and bounded generously for machines that are busy."""
    took = []
    for raw in (*RAW.values(), *(json.dumps(body).encode() for body in WORKFLOWS.values())):
        started = time.perf_counter()
        assert world.call("POST", "/v1/workflows", raw=raw).status == 400
        took.append(time.perf_counter() - started)

    median = statistics.median(took)
    print(f"refusals: median {median * 1000:.2f} ms, slowest {max(took) * 1000:.1f} ms of {len(took)}")  # noqa: T201
    assert median < MEDIAN_LIMIT_SECONDS


@pytest.mark.parametrize("name", RAW)
def test_a_body_that_cannot_be_read_is_refused(world: World, name: str) -> None:
    assert_refused(world, "POST", "/v1/workflows", RAW[name])


@pytest.mark.parametrize("name", RAW)
def test_an_update_that_cannot_be_read_is_refused(world: World, name: str) -> None:
    assert_refused(world, "PUT", f"/v1/workflows/{world.workflow()}", RAW[name])


@pytest.mark.parametrize("name", sorted(set(RAW) - {"nothing", "blank"}))
def test_a_webhook_body_that_cannot_be_read_starts_nothing(world: World, name: str) -> None:
    if name in {"an array", "a text", "a number", "true", "null"}:
        return  # these are payloads
    hook = world.webhook(world.active_workflow(), authentication={"enabled": False})

    assert_refused(world, "POST", f"/webhook/{hook['id']}", RAW[name])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_that_breaks_a_rule_is_refused(world: World, name: str) -> None:
    assert_refused(world, "POST", "/v1/workflows", json.dumps(WORKFLOWS[name]).encode())


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name != "no name"])
def test_an_update_that_breaks_a_rule_is_refused(world: World, name: str) -> None:
    workflow = world.workflow()

    assert_refused(world, "PUT", f"/v1/workflows/{workflow}", json.dumps(WORKFLOWS[name]).encode())


@pytest.mark.parametrize("target", QUERIES)
def test_a_query_that_says_nothing_sensible_is_refused(world: World, target: str) -> None:
    assert_refused(world, "GET", target, b"")


@pytest.mark.parametrize("body", STATUSES, ids=repr)
def test_a_status_that_is_none_is_refused(world: World, body: Any) -> None:
    workflow = world.workflow()

    assert_refused(world, "POST", f"/v1/workflows/{workflow}/status", json.dumps(body).encode())


@pytest.mark.parametrize("body", INPUTS, ids=repr)
def test_an_input_that_is_no_object_is_refused(world: World, body: Any) -> None:
    workflow = world.workflow()

    assert_refused(world, "POST", f"/v1/workflows/{workflow}/execute", json.dumps(body).encode())


@pytest.mark.parametrize("members", HOOKS, ids=lambda members: repr(members)[:60])
def test_a_webhook_that_breaks_a_rule_is_refused(world: World, members: dict[str, Any]) -> None:
    body = {"workflow_id": world.workflow(), **members}

    assert_refused(world, "POST", "/v1/webhooks", json.dumps(body).encode(), (400, 404))


@pytest.mark.parametrize("members", [m for m in HOOKS if "workflow_id" not in m], ids=lambda m: repr(m)[:60])
def test_a_webhook_update_that_breaks_a_rule_is_refused(world: World, members: dict[str, Any]) -> None:
    hook = world.webhook(world.workflow())

    assert_refused(world, "PUT", f"/v1/webhooks/{hook['id']}", json.dumps(members).encode())


@pytest.mark.parametrize("strange", IDS)
@pytest.mark.parametrize(
    "target",
    [
        "/v1/workflows/{}",
        "/v1/executions/{}",
        "/v1/executions/{}/steps",
        "/v1/executions/{}/input",
        "/v1/executions/{}/output",
        "/v1/executions/bulk-retry/{}",
        "/v1/webhooks/{}",
        "/webhook/{}",
    ],
)
def test_an_id_that_nothing_could_have_is_not_found(world: World, target: str, strange: str) -> None:
    assert_refused(world, "GET", target.format(strange), b"", (404,))


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", "APPLICATION/JSON", "", "x"]
)
def test_the_content_type_does_not_matter_where_the_body_is_json(world: World, content_type: str) -> None:
    reply = world.call("POST", "/v1/workflows", {"name": "x"}, headers={"content-type": content_type})

    assert reply.status == 201
