"""Every row of the error table, with its fixed German message, and the order of the checks."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chalicelib.domain.errors import StaleWriteError, UnavailableError
from tests.api.gateway import Answer
from tests.api.world import World


def error(reply: Answer) -> tuple[int, str, str]:
    assert list(reply.json) == ["success", "error"]
    assert reply.json["success"] is False
    assert list(reply.json["error"]) == ["code", "message"]
    return reply.status, reply.json["error"]["code"], reply.json["error"]["message"]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"x"', b"null", b'{"name": NaN}', b'{"name":"a","name":"b"}'])
def test_a_body_that_is_no_json_object_is_refused(world: World, raw: bytes) -> None:
    assert error(world.call("POST", "/v1/workflows", raw=raw)) == (400, "INVALID_JSON", "Ungültiger JSON-Body")


@pytest.mark.parametrize(
    ("method", "target", "body", "field"),
    [
        ("POST", "/v1/workflows", {}, "name"),
        ("POST", "/v1/workflows", {"name": ""}, "name"),
        ("POST", "/v1/workflows", {"name": "x", "nodes": {}}, "nodes"),
        ("GET", "/v1/workflows?status=aktiv", None, "status"),
        ("GET", "/v1/workflows?page=0", None, "page"),
        ("GET", "/v1/workflows?limit=zehn", None, "limit"),
        ("GET", "/v1/executions?from=gestern", None, "from"),
        ("GET", "/v1/executions?to=2026-02-30", None, "to"),
        ("GET", "/v1/executions?status=completed", None, "status"),
        ("POST", "/v1/webhooks", {}, "workflow_id"),
        ("POST", "/v1/webhooks", {"name": "Shop", "authentication": {"enabled": True}}, "workflow_id"),
        ("POST", "/api/v1/webhooks", {"url": "https://receiver.example/"}, "workflow_id"),
        ("POST", "/v1/webhooks", {"workflow_id": "wf_1", "method": "HEAD"}, "method"),
    ],
)
def test_an_invalid_value_is_named(world: World, method: str, target: str, body: Any, field: str) -> None:
    reply = world.call(method, target, body)

    assert error(reply) == (400, "VALIDATION_ERROR", f"Ungültiger Wert für '{field}'")


def test_an_execution_that_has_ended_cannot_be_cancelled(world: World) -> None:
    execution = world.execution(world.workflow())
    world.run_it(execution)

    reply = world.call("POST", f"/v1/executions/{execution}/cancel")

    assert error(reply) == (400, "EXECUTION_NOT_RUNNING", "Ausführung läuft nicht")


def test_a_webhook_of_an_inactive_workflow_starts_nothing(world: World) -> None:
    hook = world.webhook(world.workflow())

    reply = world.call("POST", f"/webhook/{hook['id']}", {}, key=hook["token"])

    assert error(reply) == (400, "WORKFLOW_INACTIVE", "Workflow ist nicht aktiv")
    assert world.call("GET", "/v1/executions").data["executions"] == []


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer unknown",
        "psk_x",
        f"Bearer {'x' * 5000}",
        "Bearer ü",
    ],
)
def test_without_a_known_key_nobody_comes_in(world: World, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}

    reply = world.call("GET", "/v1/workflows", key=None, headers=headers)

    assert error(reply) == (401, "UNAUTHORIZED", "Authentifizierung fehlgeschlagen")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_of_the_authorization_may_be_written_in_any_case(world: World) -> None:
    reply = world.call("GET", "/v1/workflows", key=None, headers={"authorization": f"bearer  {world.key} "})

    assert reply.status == 200


@pytest.mark.parametrize("credentials", ["wrong", "api key", "none"])
def test_a_webhook_takes_its_own_token_only(world: World, credentials: str) -> None:
    hook = world.webhook(world.active_workflow())
    key = {"wrong": "whsec_wrong", "api key": world.key, "none": None}[credentials]

    reply = world.call("POST", f"/webhook/{hook['id']}", {}, key=key)

    assert error(reply) == (401, "UNAUTHORIZED", "Authentifizierung fehlgeschlagen")


def test_a_key_without_the_permission_is_forbidden(world: World) -> None:
    key = world.new_key("ws_one", "workflows:read")

    reply = world.call("POST", "/v1/workflows", {"name": "x"}, key=key)

    assert error(reply) == (403, "FORBIDDEN", "Keine Berechtigung")


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("/v1/workflows/wf_none", "WORKFLOW_NOT_FOUND", "Workflow nicht gefunden"),
        ("/v1/executions/exec_none", "EXECUTION_NOT_FOUND", "Ausführung nicht gefunden"),
        ("/v1/webhooks/wh_none", "WEBHOOK_NOT_FOUND", "Webhook nicht gefunden"),
        ("/webhook/wh_none", "WEBHOOK_NOT_FOUND", "Webhook nicht gefunden"),
        ("/v1/nothing", "NOT_FOUND", "Nicht gefunden"),
        ("/api/v1/nothing", "NOT_FOUND", "Nicht gefunden"),
        ("/nothing", "NOT_FOUND", "Nicht gefunden"),
        ("/", "NOT_FOUND", "Nicht gefunden"),
    ],
)
def test_what_does_not_exist_is_not_found(world: World, target: str, code: str, message: str) -> None:
    assert error(world.call("GET", target)) == (404, code, message)


def test_a_known_path_with_another_verb_says_which_it_takes(world: World) -> None:
    reply = world.call("PATCH", "/v1/workflows")

    assert error(reply) == (405, "METHOD_NOT_ALLOWED", "Methode nicht erlaubt")
    assert reply.headers["Allow"] == "GET, POST"


def test_a_webhook_takes_its_configured_verb_only(world: World) -> None:
    hook = world.webhook(world.active_workflow(), method="put")

    reply = world.call("POST", f"/webhook/{hook['id']}", {}, key=hook["token"])

    assert error(reply) == (405, "METHOD_NOT_ALLOWED", "Methode nicht erlaubt")
    assert reply.headers["Allow"] == "PUT"
    assert world.call("PUT", f"/webhook/{hook['id']}", {}, key=hook["token"]).status == 200


def test_calls_beyond_the_limit_are_told_when_to_come_back() -> None:
    world = World(rate_limit=2)
    world.clock.advance(15)
    remaining = [world.call("GET", "/v1/workflows").headers["X-RateLimit-Remaining"] for _ in range(2)]

    reply = world.call("GET", "/v1/workflows")

    assert remaining == ["1", "0"]
    assert error(reply) == (429, "RATE_LIMIT_EXCEEDED", "Rate-Limit überschritten")
    assert reply.headers["Retry-After"] == "45"
    assert reply.headers["X-RateLimit-Limit"] == "2"
    assert reply.headers["X-RateLimit-Remaining"] == "0"
    assert int(reply.headers["X-RateLimit-Reset"]) == world.clock.now().timestamp() + 45
    world.clock.advance(45)
    assert world.call("GET", "/v1/workflows").status == 200


def test_a_webhook_has_a_limit_of_its_own() -> None:
    world = World(hook_rate_limit=1)
    hook = world.webhook(world.active_workflow())

    statuses = [world.call("POST", f"/webhook/{hook['id']}", key=hook["token"]).status for _ in range(2)]

    assert statuses == [200, 429]


def test_wrong_tokens_do_not_use_up_a_webhooks_limit() -> None:
    world = World(hook_rate_limit=1)
    hook = world.webhook(world.active_workflow())

    world.call("POST", f"/webhook/{hook['id']}", key="wrong")

    assert world.call("POST", f"/webhook/{hook['id']}", key=hook["token"]).status == 200


@pytest.mark.parametrize("failure", [RuntimeError("secret detail"), UnavailableError("secret detail"), KeyError("x")])
def test_an_unexpected_failure_says_nothing_of_its_cause(
    world: World, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise failure

    world.workflow_store.page = fail  # type: ignore[method-assign]

    with caplog.at_level(logging.ERROR, "chalicelib.api"):
        reply = world.call("GET", "/v1/workflows")

    assert error(reply) == (500, "INTERNAL_ERROR", "Serverfehler")
    assert reply.headers["X-RateLimit-Limit"] == "1000000"
    assert caplog.records[0].exc_info
    assert "secret detail" in caplog.text or "KeyError" in caplog.text


def test_a_change_that_loses_every_race_is_a_conflict_in_this_apis_statuses(world: World) -> None:
    workflow = world.workflow()

    def stale(*_: Any) -> None:
        raise StaleWriteError

    world.workflow_store.replace = stale  # type: ignore[assignment,method-assign]

    reply = world.call("PUT", f"/v1/workflows/{workflow}", {"name": "neu"})

    assert error(reply)[:2] == (400, "CONFLICT")


def test_a_large_input_is_refused_as_too_large(world: World) -> None:
    workflow = world.workflow()

    reply = world.call("POST", f"/v1/workflows/{workflow}/execute", {"input": {"x": "y" * 6 * 1024 * 1024}})

    assert error(reply) == (413, "PAYLOAD_TOO_LARGE", "Anfrage zu groß")


def test_a_large_definition_is_refused_as_too_large(world: World) -> None:
    node = {"id": "a", "type": "noop", "note": "x" * 4 * 1024 * 1024}

    reply = world.call("POST", "/v1/workflows", {"name": "x", "nodes": [node]})

    assert error(reply) == (413, "PAYLOAD_TOO_LARGE", "Anfrage zu groß")


class TestOrderOfChecks:
    def test_the_key_comes_before_the_route(self, world: World) -> None:
        assert world.call("GET", "/v1/nothing", key="wrong").status == 401
        assert world.call("PATCH", "/v1/workflows", key="wrong").status == 401

    def test_the_permission_comes_before_the_resource(self, world: World) -> None:
        key = world.new_key("ws_one", "webhooks:read")

        assert world.call("GET", "/v1/workflows/wf_none", key=key).status == 403

    @pytest.mark.parametrize(
        ("method", "target"),
        [
            ("PUT", "/v1/workflows/wf_none"),
            ("POST", "/v1/workflows/wf_none/status"),
            ("POST", "/v1/workflows/wf_none/execute"),
            ("PUT", "/v1/webhooks/wh_none"),
        ],
    )
    def test_the_resource_comes_before_the_body(self, world: World, method: str, target: str) -> None:
        assert world.call(method, target, raw=b"{nonsense").status == 404

    def test_a_webhooks_token_comes_before_its_verb_and_its_workflows_state(self, world: World) -> None:
        hook = world.webhook(world.workflow())

        assert world.call("GET", f"/webhook/{hook['id']}", key="wrong").status == 401
        assert world.call("GET", f"/webhook/{hook['id']}", key=hook["token"]).status == 405
        assert world.call("POST", f"/webhook/{hook['id']}", raw=b"{", key=hook["token"]).status == 400


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/v1/workflows"), ("GET", "/v1/workflows/wf_none"), ("GET", "/v1/nothing"), ("PATCH", "/v1/webhooks")],
)
@pytest.mark.parametrize("key", ["", "wrong"])
def test_every_reply_below_v1_carries_limit_cors_and_request_id(
    world: World, method: str, target: str, key: str
) -> None:
    headers = world.call(method, target, key=key).headers

    for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert headers[name].isdigit()
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "X-RateLimit-Reset" in headers["Access-Control-Expose-Headers"]
    assert headers["X-Request-Id"]
    assert headers["Content-Type"].startswith("application/json")
