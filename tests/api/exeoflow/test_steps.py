"""What an execution's steps show, and the paged list of everything that was recorded of them."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.run import LogLine, RunStatus, StepError, StepStatus
from chalicelib.services.runs import steps as step_views
from tests.api.world import World, step_error

FETCH = {
    "id": "fetch",
    "name": "Konto abrufen",
    "type": "http_request",
    "config": {"url": "https://bank.example/"},
    "retry": {"max_attempts": 3, "delay_seconds": 60, "jitter": 0},
}


def everything(world: World, execution: str, limit: int = 2) -> list[dict[str, Any]]:
    """All pages; each but the last is full."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = world.call("GET", f"/v1/executions/{execution}/steps?limit={limit}{cursor}").data
        assert list(page) == ["steps", "next_cursor"]
        found += page["steps"]
        if page["next_cursor"] is None:
            return found
        assert len(page["steps"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def answer(world: World, *statuses: int) -> None:
    left = list(statuses)

    def respond(request: HttpRequest) -> HttpResponse:
        return HttpResponse(left.pop(0), {}, b"busy", request.url, 0.01)

    world.sender.respond = respond


def test_a_step_between_two_attempts_shows_those_made_and_why(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    answer(world, 503)
    world.work_on(execution)

    (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]

    assert (step["status"], step["state"], step["attempts"], step["finished_at"]) == ("running", "waiting", 1, None)
    assert step["error"] == {
        "type": "http_status",
        "message": "the receiver answered 503",
        "status": 503,
        "body": "busy",
    }


def test_an_execution_shows_a_step_once_and_the_list_every_attempt_of_it(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    answer(world, 503, 500, 200)
    for _ in range(3):
        world.work_on(execution)
        world.clock.advance(600)

    (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]
    attempts = everything(world, execution)

    assert (step["node_name"], step["status"], step["attempts"], step["error"]) == ("Konto abrufen", "success", 3, None)
    assert sorted((each["attempt"], each["status"], each["state"]) for each in attempts) == [
        (1, "failed", "failed"),
        (2, "failed", "failed"),
        (3, "success", "succeeded"),
    ]
    first = next(each for each in attempts if each["attempt"] == 1)
    assert list(first) == [
        *("node_id", "node_name", "status", "started_at", "finished_at", "duration"),
        *("attempt", "input", "output", "error", "state", "key", "logs"),
    ]
    assert first["error"]["status"] == 503
    assert first["logs"][0] == {
        "timestamp": "2026-11-02T09:30:00Z",
        "level": "info",
        "message": "GET https://bank.example/ -> 503",
    }
    logged = world.call("GET", f"/v1/executions/{execution}/logs").data["logs"]
    assert [line["message"] for line in logged if line["level"] == "info"] == [
        f"GET https://bank.example/ -> {status}" for status in (503, 500, 200)
    ]


def test_an_attempt_of_unknown_outcome_is_failed_and_says_that_it_is_unknown(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    world.run_it(execution, world.outcome("fetch", StepStatus.UNKNOWN), status=RunStatus.FAILED)

    for step in (world.call("GET", f"/v1/executions/{execution}").data["steps"][0], everything(world, execution)[0]):
        assert (step["status"], step["state"], step["error"]["type"]) == ("failed", "unknown", "unknown")


def test_steps_in_rounds_are_listed_with_their_keys(world: World) -> None:
    body = {"nodes": [{"id": "fetch", "type": "http_request", "config": {"url": "https://bank.example/{{ $item }}"}}]}
    each = {"id": "each", "type": "map", "config": {"items": [1, 2, 3], "body": body}}
    execution = world.execution(world.workflow(nodes=[each]))
    answer(world, *[200] * 3)
    world.work()

    listed = everything(world, execution)

    fetched = [step for step in listed if step["node_id"] == "fetch"]
    assert {step["key"] for step in fetched} == {f"each.{index}/fetch" for index in range(3)}
    assert "each" in {step["node_id"] for step in listed}


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_bring_everything_once_whatever_their_size(world: World, limit: int) -> None:
    nodes = [FETCH, *({"id": f"n{number}", "type": "noop"} for number in range(5))]
    names = ["fetch", *(f"n{number}" for number in range(5))]
    connections = [{"from": one, "to": other} for one, other in pairwise(names)]
    execution = world.execution(world.workflow(nodes=nodes, connections=connections))
    answer(world, 200)
    world.work()

    assert sorted(step["key"] for step in everything(world, execution, limit)) == sorted(names)


def test_a_retried_step_shows_its_new_outcome_and_the_list_both(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[{**FETCH, "retry": {"max_attempts": 1}}]))
    answer(world, 404, 200)
    world.work()
    world.call("POST", f"/v1/executions/{execution}/retry", {"mode": "failed"})
    assert world.call("GET", f"/v1/executions/{execution}").data["steps"] == []
    world.work()

    (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]

    assert (step["status"], step["attempts"]) == ("success", 2)
    assert [each["attempt"] for each in everything(world, execution)] == [1, 2]


def test_a_step_that_waits_for_a_child_execution_is_shown(world: World) -> None:
    child = world.workflow(nodes=[{"id": "ask", "type": "user_input", "config": {}}])
    call = {"id": "call", "type": "sub_workflow", "config": {"workflow_id": child}}
    execution = world.execution(world.workflow(nodes=[call]))
    world.work()
    assert world.run_store.get(execution).status is RunStatus.WAITING

    (step,) = world.call("GET", f"/v1/executions/{execution}").data["steps"]

    assert (step["node_id"], step["state"]) == ("call", "waiting")


def test_an_execution_with_very_many_steps_shows_the_first_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_views, "MOST_SHOWN_STEPS", 2)
    execution = world.execution(world.workflow(nodes=[FETCH]))
    world.run_it(execution, *(world.outcome(f"n{number}") for number in range(3)))

    shown = world.call("GET", f"/v1/executions/{execution}").data

    assert [step["node_id"] for step in shown["steps"]] == ["n0", "n1"]
    assert shown["truncated"] is True


def test_a_page_too_large_for_one_answer_comes_without_its_values(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    outcomes = [world.outcome(f"n{number}", output="y" * 2_500_000, error=step_error("x")) for number in range(2)]
    world.run_it(execution, *outcomes)

    page = world.call("GET", f"/v1/executions/{execution}/steps").data

    assert page["truncated"] is True
    assert [(step["key"], step["output"]) for step in page["steps"]] == [("n0", None), ("n1", None)]


def test_secrets_are_masked_in_the_list_too(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    line = LogLine(world.clock.now(), "info", "sent")
    world.run_it(execution, world.outcome("fetch", input={"password": "geheim"}, logs=(line,)))

    assert "geheim" not in world.call("GET", f"/v1/executions/{execution}/steps").text


def test_an_error_without_a_receivers_answer_has_no_status_and_no_body(world: World) -> None:
    execution = world.execution(world.workflow(nodes=[FETCH]))
    error = StepError("timeout", "the receiver did not answer")
    world.run_it(execution, world.outcome("fetch", StepStatus.FAILED, error=error), status=RunStatus.FAILED)

    assert everything(world, execution)[0]["error"] == {"type": "timeout", "message": "the receiver did not answer"}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=viele",
        "limit=1.5",
        "limit=",
        "cursor=",
        "cursor=%00",
        "cursor=%FF",
        "cursor=!!!",
        "cursor=a",
        "cursor=ä",
        f"cursor={'A' * 5000}",
        f"cursor={encoded('x')}",
        f"cursor={encoded('r')}",
        f"cursor={encoded('r-1')}",
        f"cursor={encoded('r9999999999999')}",
        f"cursor={encoded('r²')}",
        f"cursor={encoded('snonsense')}",
        f"cursor={encoded('s[]')}",
    ],
)
def test_a_page_that_there_cannot_be_is_refused(world: World, query: str) -> None:
    execution = world.execution(world.workflow())

    reply = world.call("GET", f"/v1/executions/{execution}/steps?{quote(query, safe='=%!&')}")

    name = query.split("=")[0]
    assert (reply.status, reply.json["error"]["message"]) == (400, f"Ungültiger Wert für '{name}'")


def test_a_limit_above_a_hundred_becomes_a_hundred(world: World) -> None:
    execution = world.execution(world.workflow())
    world.run_it(execution, *(world.outcome(f"n{number:03}") for number in range(120)))

    page = world.call("GET", f"/v1/executions/{execution}/steps?limit=1000").data

    assert len(page["steps"]) == 100
    assert page["next_cursor"]


def test_a_cursor_shows_nothing_of_another_execution(world: World) -> None:
    workflow = world.workflow(nodes=[FETCH])
    mine, other = world.execution(workflow), world.execution(workflow)
    for execution in (mine, other):
        world.run_it(execution, *(world.outcome(f"n{number}", output=execution) for number in range(3)))
    cursor = world.call("GET", f"/v1/executions/{other}/steps?limit=1").data["next_cursor"]

    page = world.call("GET", f"/v1/executions/{mine}/steps?cursor={cursor}").data

    assert {step["output"] for step in page["steps"]} == {mine}


def test_an_input_and_output_too_large_for_the_whole_reply_are_read_by_themselves(world: World) -> None:
    echo = {"id": "echo", "type": "transform", "config": {"values": {"text": "{{ $input.text }}"}}}
    text = "a" * 2_800_000
    execution = world.execution(world.workflow(nodes=[echo]), {"text": text})
    world.work_on(execution)

    assert world.call("GET", f"/v1/executions/{execution}").data["truncated"] is True
    assert world.call("GET", f"/v1/executions/{execution}/input").data == {"input": {"text": text}}
    assert world.call("GET", f"/v1/executions/{execution}/output").data == {"output": {"text": text}}
