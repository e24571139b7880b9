"""What those see who look at an installation: graphs of every dialect, timelines, the overview."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.listing import QueueDepth
from chalicelib.domain.run import Failure, RunStatus, StepStatus
from chalicelib.services.overview import MOST_READ
from tests.api.world import World, step_error

LOOP: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "trigger"},
        {
            "id": "call",
            "type": "http_request",
            "name": "Ask the shop",
            "config": {"url": "https://shop.example/", "headers": {"Authorization": "Bearer secret"}},
            "retry": {"max_attempts": 3},
            "on_error": "error",
        },
        {"id": "each", "type": "map", "config": {"items": [1], "body": {"nodes": [{"id": "in", "type": "noop"}]}}},
        {"id": "repair", "type": "noop"},
    ],
    "connections": [
        {"from": "start", "to": "call"},
        {"from": "call", "to": "each", "condition": "$prev.status == 200"},
        {"from": "call", "to": "repair", "output": "error"},
    ],
}


def test_a_graph_shows_what_its_nodes_are_and_how_they_hang_together(world: World) -> None:
    graph = world.call("GET", f"/v1/workflows/{world.workflow(**LOOP)}/graph").data

    call, each = graph["nodes"][1:3]
    assert (call["name"], call["max_attempts"], call["on_error"]) == ("Ask the shop", 3, "error")
    assert each["bodies"] == {"body": {"nodes": [{"id": "in", "type": "noop", "name": "in"}], "edges": []}}
    assert graph["edges"] == [
        {"source": "start", "target": "call"},
        {"source": "call", "target": "each", "condition": "$prev.status == 200"},
        {"source": "call", "target": "repair", "port": "error"},
    ]
    assert (graph["dialect"], graph["version"], graph["status"]) == ("exeoflow", 1, "inactive")


def test_a_graph_masks_secrets(world: World) -> None:
    answer = world.call("GET", f"/v1/workflows/{world.workflow(**LOOP)}/graph")

    assert "Bearer secret" not in answer.text
    assert answer.data["nodes"][1]["config"]["headers"] == {"Authorization": "***"}


def test_workflows_of_every_dialect_have_a_graph_and_stand_in_one_list(world: World) -> None:
    mine = world.workflow(**LOOP)
    ask = {"_name": "ask", "_type": "USER_INPUT", "_sendNotification": "no", "_notificationId": "valve-77"}
    task = {**ask, "_inputParams": {"_userInput": {"ok": {"type": "boolean"}}}}
    definition = {"_name": "meter_sync", "_userType": "energy_jobs", "_taskDefs": [task]}
    theirs = world.call("POST", "/workflowsvc/api/v1/workflowdefs?nsfilter=plant", definition).json["_id"]

    listed = world.call("GET", "/v1/workflows?dialect=all").data["workflows"]
    graph = world.call("GET", f"/v1/workflows/{theirs}/graph").data

    assert {item["id"]: item["dialect"] for item in listed} == {mine: "exeoflow", theirs: "twinit"}
    assert [node["id"] for node in graph["nodes"]] == ["ask"]
    assert [item["id"] for item in world.call("GET", "/v1/workflows?dialect=twinit").data["workflows"]] == [theirs]


def test_the_list_is_as_documented_unless_it_is_asked_for_other_dialects(world: World) -> None:
    world.workflow()

    (item,) = world.call("GET", "/v1/workflows").data["workflows"]

    assert set(item) == {"id", "name", "description", "status", "created_at", "updated_at"}
    assert world.call("GET", "/v1/workflows?dialect=cobol").status == 400


def test_a_run_shows_the_graph_that_it_runs_even_when_the_workflow_has_another_by_now(world: World) -> None:
    workflow = world.workflow(**LOOP)
    run = world.execution(workflow)
    world.call("PUT", f"/v1/workflows/{workflow}", {"nodes": [{"id": "only", "type": "noop"}], "connections": []})

    graph = world.call("GET", f"/v1/executions/{run}/graph").data

    assert [node["id"] for node in graph["nodes"]] == ["start", "call", "each", "repair"]
    assert (graph["version"], graph["trigger"], graph["dialect"]) == (1, "manual", "exeoflow")
    assert world.call("GET", f"/v1/workflows/{workflow}/graph").data["version"] == 2


def test_a_key_that_may_not_read_workflows_sees_no_configuration_but_forms(world: World) -> None:
    form = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    ask = {"id": "ask", "type": "user_input", "config": {"form": form, "timeout_seconds": 60}}
    run = world.execution(world.workflow(nodes=[*LOOP["nodes"], ask], connections=LOOP["connections"]))
    key = world.new_key("ws_one", "executions:read")

    nodes = {node["id"]: node for node in world.call("GET", f"/v1/executions/{run}/graph", key=key).data["nodes"]}

    assert "config" not in nodes["call"]
    assert nodes["ask"]["config"] == {"form": form}


def test_a_timeline_has_every_attempt_to_the_millisecond(world: World) -> None:
    run = world.execution(world.workflow(**LOOP))
    error = step_error("the receiver answered 503", status=503)
    world.run_store.record_attempt(run, world.outcome("call", StepStatus.FAILED, 0.25, error=error))
    world.run_it(run, world.outcome("call", seconds=0.04, attempt=2), seconds=1)

    line = world.call("GET", f"/v1/executions/{run}/timeline").data

    assert (line["state"], line["finished_ms"] - line["started_ms"]) == ("succeeded", 1000)
    spans = [(s["attempt"], s["state"], s["finished_ms"] - s["started_ms"]) for s in line["steps"]]
    assert spans == [(2, "succeeded", 40), (1, "failed", 250)]
    assert line["steps"][1]["superseded"] is True
    assert line["steps"][1]["error"] == "the receiver answered 503"


def test_a_timeline_tells_which_steps_wait_for_an_answer(world: World) -> None:
    run = world.execution(world.workflow(nodes=[{"id": "ask", "type": "user_input", "config": {}}]))
    world.work_on(run)

    line = world.call("GET", f"/v1/executions/{run}/timeline").data

    assert line["waits_for_answer"] == ["ask"]


def test_a_timeline_shows_the_rounds_of_a_container(world: World) -> None:
    run = world.execution(world.workflow(nodes=[LOOP["nodes"][2]]))
    world.work_on(run)

    (step,) = world.call("GET", f"/v1/executions/{run}/timeline?container=each").data["steps"]

    assert (step["key"], step["node_id"]) == ("each.0/in", "in")
    assert world.call("GET", f"/v1/executions/{run}/timeline?container=").status == 400
    assert world.call("GET", f"/v1/executions/{run}/timeline?container=none").data["steps"] == []


def test_the_overview_counts_the_runs_of_a_day_by_the_hour(world: World) -> None:
    workflow = world.workflow()
    world.execution(workflow)
    world.clock.advance(-3600)
    failed = world.execution(workflow)
    world.run_it(failed, status=RunStatus.TIMED_OUT, failure=Failure("timeout", "too slow"), seconds=1)
    world.clock.advance(3599)

    view = world.call("GET", "/v1/overview").data

    assert len(view["hours"]) == 24
    assert view["hours"][-1] == {"at": "2026-11-02T09:00:00Z", "running": 1, "success": 0, "failed": 0, "cancelled": 0}
    assert (view["hours"][-2]["at"], view["hours"][-2]["failed"]) == ("2026-11-02T08:00:00Z", 1)
    assert [run["id"] for run in view["failures"]] == [failed]
    assert (view["counted_from"], view["truncated"]) == ("2026-11-01T10:00:00Z", False)


def test_the_overview_says_from_when_on_it_counted_where_there_is_too_much(world: World) -> None:
    workflow = world.workflow()
    world.clock.advance(-60)
    world.execution(workflow)
    world.clock.advance(60)
    for _ in range(MOST_READ):
        world.services.runs.start(world.workflow_store.get("ws_one", workflow), {})

    view = world.call("GET", "/v1/overview").data

    assert view["truncated"] is True
    assert view["counted_from"] == "2026-11-02T09:30:00Z"
    assert sum(hour["running"] for hour in view["hours"]) == MOST_READ


def test_the_overview_tells_how_far_work_lags(world: World) -> None:
    world.execution(world.workflow())
    world.queue_depths.depths["runs"] = QueueDepth(waiting=3, in_flight=1, delayed=2, dead=4)
    world.clock.advance(90)

    view = world.call("GET", "/v1/overview").data["installation"]

    assert view["runs"] == {
        "overdue_seconds": 30.0,
        "messages": {"waiting": 3, "in_flight": 1, "delayed": 2},
        "dead_letters": 4,
    }
    assert view["deliveries"] == {"overdue_seconds": 0.0, "messages": None, "dead_letters": None}


@pytest.mark.parametrize(
    ("scopes", "sees"),
    [(("executions:read",), False), (("executions:read", "installation:read"), True), (("*",), True)],
)
def test_only_a_key_that_may_sees_how_the_installation_fares(world: World, scopes: tuple[str, ...], sees: bool) -> None:
    view = world.call("GET", "/v1/overview", key=world.new_key("ws_one", *scopes)).data

    assert (view["installation"] is not None) is sees


def test_the_overview_shows_nothing_of_another_workspace(world: World) -> None:
    theirs = world.execution(world.workflow(world.other_key), key=world.other_key)
    world.run_it(theirs, status=RunStatus.FAILED)

    view = world.call("GET", "/v1/overview").data

    assert view["failures"] == []
    assert not any(count for hour in view["hours"] for name, count in hour.items() if name != "at")
