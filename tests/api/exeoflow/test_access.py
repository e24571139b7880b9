"""Nobody sees or touches another workspace's things, and a key does only what it was made for."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.domain.identity import SCOPES
from chalicelib.domain.run import RunStatus
from chalicelib.services.access import Scope
from tests.api.world import World

ID = {
    "workflow_id": "wf",
    "execution_id": "exec",
    "paused_id": "exec",
    "asking_id": "exec",
    "failed_id": "exec",
    "bulk_retry_id": "exec",
    "webhook_id": "wh",
    "schedule_id": "sch",
}
EXECUTIONS = {"paused_id", "asking_id", "failed_id"}

ROUTES: list[tuple[str, str, str, Any]] = [
    ("GET", "/workflows", "workflows:read", None),
    ("POST", "/workflows", "workflows:write", {"name": "x"}),
    ("GET", "/workflows/{workflow_id}", "workflows:read", None),
    ("PUT", "/workflows/{workflow_id}", "workflows:write", {"name": "x"}),
    ("DELETE", "/workflows/{workflow_id}", "workflows:write", None),
    ("POST", "/workflows/{workflow_id}/status", "workflows:write", {"status": "active"}),
    ("POST", "/workflows/{workflow_id}/execute", "executions:write", {}),
    ("GET", "/workflows/{workflow_id}/graph", "workflows:read", None),
    ("GET", "/overview", "executions:read", None),
    ("GET", "/executions", "executions:read", None),
    ("GET", "/executions/{execution_id}/graph", "executions:read", None),
    ("GET", "/executions/{execution_id}/timeline", "executions:read", None),
    ("GET", "/executions/{execution_id}", "executions:read", None),
    ("GET", "/executions/{execution_id}/logs", "executions:read", None),
    ("POST", "/executions/{execution_id}/cancel", "executions:write", None),
    ("GET", "/executions/{execution_id}/steps", "executions:read", None),
    ("GET", "/executions/{execution_id}/input", "executions:read", None),
    ("GET", "/executions/{execution_id}/output", "executions:read", None),
    ("POST", "/executions/{execution_id}/pause", "executions:write", None),
    ("POST", "/executions/{paused_id}/resume", "executions:write", None),
    ("POST", "/executions/{asking_id}/input", "executions:write", {"node_id": "ask", "value": "ja"}),
    ("POST", "/executions/{execution_id}/retry", "executions:write", None),
    ("POST", "/executions/{failed_id}/rerun", "executions:write", {"node_id": "ask"}),
    ("POST", "/executions/{execution_id}/replay", "executions:write", None),
    ("POST", "/executions/bulk-retry", "executions:write", {"workflow_id": "{workflow_id}", "since": "2026-11-01"}),
    ("GET", "/executions/bulk-retry/{bulk_retry_id}", "executions:read", None),
    ("GET", "/webhooks", "webhooks:read", None),
    ("POST", "/webhooks", "webhooks:write", {"workflow_id": "{workflow_id}"}),
    ("GET", "/webhooks/{webhook_id}", "webhooks:read", None),
    ("PUT", "/webhooks/{webhook_id}", "webhooks:write", {"name": "x"}),
    ("DELETE", "/webhooks/{webhook_id}", "webhooks:write", None),
    ("GET", "/schedules", "schedules:read", None),
    ("POST", "/schedules", "schedules:write", {"workflow_id": "{workflow_id}", "cron": "@daily"}),
    ("POST", "/schedules/preview", "schedules:read", {"cron": "@daily"}),
    ("GET", "/schedules/{schedule_id}", "schedules:read", None),
    ("PUT", "/schedules/{schedule_id}", "schedules:write", {"name": "x"}),
    ("DELETE", "/schedules/{schedule_id}", "schedules:write", None),
    ("POST", "/schedules/{schedule_id}/pause", "schedules:write", None),
    ("POST", "/schedules/{schedule_id}/resume", "schedules:write", None),
    ("GET", "/schedules/{schedule_id}/upcoming", "schedules:read", None),
]
WITH_ID = [(method, path, body) for method, path, _, body in ROUTES if re.search(r"{\w+}", f"{path}{body}")]


def things(world: World, key: str = "") -> dict[str, str]:
    workflow = world.workflow(key, nodes=[{"id": "ask", "type": "user_input", "config": {}}])
    paused, asking, failed = (world.execution(workflow, key=key) for _ in range(3))
    world.run_store.pause(paused)
    world.work_on(asking)
    world.run_it(failed, status=RunStatus.FAILED)
    bulk = {"workflow_id": workflow, "since": "2026-11-01"}
    return {
        "workflow_id": workflow,
        "execution_id": world.execution(workflow, key=key),
        "paused_id": paused,
        "asking_id": asking,
        "failed_id": failed,
        "bulk_retry_id": world.call("POST", "/v1/executions/bulk-retry", bulk, key=key).data["id"],
        "webhook_id": world.webhook(workflow, key)["id"],
        "schedule_id": world.schedule(workflow, key)["id"],
    }


def filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(item, ids) for name, item in value.items()}
    return re.sub(r"{(\w+)}", lambda match: ids[match[1]], value) if isinstance(value, str) else value


def test_the_table_names_every_route(world: World) -> None:
    # Of the two prefixes, this one is shared with nobody.
    table = world.app.routes.items()
    served = {(verb, path) for path, verbs in table for verb in verbs if path.startswith("/api/v1")}

    # What may be done to keys follows from the caller's own; see test_keys.
    served = {(verb, path) for verb, path in served if not path.startswith("/api/v1/keys")}
    named = {(method, re.sub("|".join(EXECUTIONS), "execution_id", f"/api/v1{path}")) for method, path, _, _ in ROUTES}
    assert served == named
    assert set(Scope) == SCOPES


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize(("method", "path", "body"), WITH_ID)
def test_another_workspaces_id_answers_exactly_like_an_unknown_one(
    world: World, prefix: str, method: str, path: str, body: Any
) -> None:
    theirs = things(world, world.other_key)
    unknown = {name: f"{kind}_doesnotexist0" for name, kind in ID.items()}
    before = world.stored()

    answers = [world.call(method, prefix + filled(path, ids), filled(body, ids)) for ids in (theirs, unknown)]

    assert answers[0].status == answers[1].status == 404
    assert answers[0].text == answers[1].text
    headers = [{name: v for name, v in answer.headers.items() if name != "X-RateLimit-Remaining"} for answer in answers]
    assert headers[0] == headers[1]
    assert world.stored() == before


@pytest.mark.parametrize("path", ["/v1/workflows", "/v1/executions", "/v1/webhooks", "/v1/schedules"])
def test_lists_show_the_callers_workspace_only(world: World, path: str) -> None:
    things(world, world.other_key)
    mine = things(world)

    listed = world.call("GET", path).data

    items = next(iter(listed.values()))
    kind = path.split("/")[-1][:-1]
    names = ["execution_id", "bulk_retry_id", *EXECUTIONS] if kind == "execution" else [f"{kind}_id"]
    assert {item["id"] for item in items} == {mine[name] for name in names}


@pytest.mark.parametrize("path", ["/v1/executions", "/v1/webhooks", "/v1/schedules"])
def test_filtering_by_another_workspaces_workflow_finds_nothing(world: World, path: str) -> None:
    theirs = things(world, world.other_key)

    listed = world.call("GET", f"{path}?workflow_id={theirs['workflow_id']}").data

    assert next(iter(listed.values())) == []


@pytest.mark.parametrize(("method", "path", "scope", "body"), ROUTES)
def test_a_route_needs_exactly_its_own_scope(world: World, method: str, path: str, scope: str, body: Any) -> None:
    ids = things(world)
    allowed = world.new_key("ws_one", scope)
    others = world.new_key("ws_one", *sorted(SCOPES - {scope}))
    before = world.stored()

    refused = world.call(method, f"/v1{filled(path, ids)}", filled(body, ids), key=others)

    assert refused.status == 403
    assert world.stored() == before
    assert world.call(method, f"/v1{filled(path, ids)}", filled(body, ids), key=allowed).status in {200, 201}
