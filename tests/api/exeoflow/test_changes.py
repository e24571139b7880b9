"""Changing an execution: what each call does in each state, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.run import Failure, RunStatus
from tests.api.world import World

ASK = {
    "id": "ask",
    "type": "user_input",
    "config": {
        "form": {
            "type": "object",
            "required": ["betrag"],
            "properties": {"betrag": {"type": "number", "maximum": 100}, "art": {"enum": ["bar", "karte"]}},
            "additionalProperties": False,
        }
    },
}
LIVE = ("queued", "running", "waiting", "paused")
ENDED = ("succeeded", "failed", "cancelled", "timed_out")
NOT_RUNNING = (400, "EXECUTION_NOT_RUNNING", "Ausführung läuft nicht")
NOT_PAUSED = (400, "EXECUTION_NOT_PAUSED", "Ausführung ist nicht pausiert")
NOT_RETRYABLE = (
    400,
    "EXECUTION_NOT_RETRYABLE",
    "Ausführung kann in ihrem jetzigen Zustand nicht wiederholt werden",
)
BODIES: dict[str, Any] = {
    "cancel": None,
    "pause": None,
    "resume": None,
    "input": {"node_id": "ask", "value": {"betrag": 5}},
    "retry": {"mode": "failed"},
    "rerun": {"node_id": "ask"},
    "replay": None,
}
BECOMES: dict[str, dict[str, str]] = {
    "cancel": dict.fromkeys(LIVE, "cancelled"),
    "pause": dict.fromkeys(LIVE, "paused"),
    "resume": {"paused": "queued"},
    "input": {state: state for state in LIVE},
    "retry": dict.fromkeys(("failed", "cancelled", "timed_out"), "queued"),
    "rerun": dict.fromkeys(ENDED, "queued"),
    "replay": {state: state for state in (*LIVE, *ENDED)},
}


def refusal(action: str, state: str) -> tuple[int, str, str]:
    if action in {"retry", "rerun"}:
        return NOT_RETRYABLE
    return NOT_PAUSED if action == "resume" and state in LIVE else NOT_RUNNING


def execution_in(world: World, state: str) -> str:
    execution = world.execution(world.workflow(nodes=[ASK]), {"kunde": "K-1"})
    match state:
        case "running":
            world.run_store.claim(execution, now=world.clock.now(), lease_expires_at=world.clock.now())
        case "waiting":
            world.work_on(execution)
        case "paused":
            world.run_store.pause(execution)
        case "cancelled":
            assert world.call("POST", f"/v1/executions/{execution}/cancel").status == 200
        case "succeeded" | "failed" | "timed_out":
            world.run_it(execution, status=RunStatus(state), failure=Failure("x", "y"))
    assert world.run_store.get(execution).status == state
    return execution


def change(world: World, execution: str, action: str, body: Any = None) -> Any:
    return world.call("POST", f"/v1/executions/{execution}/{action}", body)


@pytest.mark.parametrize("state", [*LIVE, *ENDED])
@pytest.mark.parametrize("action", BODIES)
def test_a_call_changes_exactly_the_states_it_may(world: World, action: str, state: str) -> None:
    execution = execution_in(world, state)
    before = world.stored()

    reply = change(world, execution, action, BODIES[action])

    becomes = BECOMES[action].get(state)
    if becomes is not None:
        assert reply.status == 200, reply.text
        assert world.run_store.get(execution).status == becomes
    else:
        shown = reply.json["error"]
        assert (reply.status, shown["code"], shown["message"]) == refusal(action, state)
        assert world.stored() == before


class TestPausing:
    def test_a_paused_execution_shows_as_running_and_says_that_it_is_paused(self, world: World) -> None:
        execution = execution_in(world, "waiting")

        reply = change(world, execution, "pause").data

        assert reply == {
            "id": execution,
            "status": "running",
            "message": "Ausführung wurde pausiert",
            "state": "paused",
        }
        shown = world.call("GET", f"/v1/executions/{execution}").data
        assert (shown["status"], shown["state"]) == ("running", "paused")
        (listed,) = world.call("GET", "/v1/executions?status=running").data["executions"]
        assert list(listed)[-2:] == ["duration", "state"]
        assert listed["state"] == "paused"

    def test_a_resumed_execution_goes_on(self, world: World) -> None:
        execution = world.execution(world.workflow(nodes=[{"id": "a", "type": "noop"}]))
        change(world, execution, "pause")
        world.work()
        assert world.run_store.get(execution).status is RunStatus.PAUSED

        assert change(world, execution, "resume").data["state"] == "queued"
        world.work()

        assert world.call("GET", f"/v1/executions/{execution}").data["status"] == "success"


class TestAnswering:
    def test_an_answer_is_the_steps_output(self, world: World) -> None:
        execution = execution_in(world, "waiting")

        reply = change(world, execution, "input", {"node_id": "ask", "value": {"betrag": 5, "art": "bar"}})
        world.work()

        assert reply.data["message"] == "Eingabe wurde übernommen"
        shown = world.call("GET", f"/v1/executions/{execution}").data
        assert (shown["status"], shown["output"]) == ("success", {"betrag": 5, "art": "bar"})

    def test_an_answer_during_a_pause_is_kept_for_later(self, world: World) -> None:
        execution = execution_in(world, "waiting")
        change(world, execution, "pause")

        assert change(world, execution, "input", BODIES["input"]).data["state"] == "paused"
        world.work()
        change(world, execution, "resume")
        world.work()

        assert world.run_store.get(execution).status is RunStatus.SUCCEEDED

    def test_the_first_answer_counts(self, world: World) -> None:
        execution = execution_in(world, "waiting")
        change(world, execution, "input", {"node_id": "ask", "value": {"betrag": 1}})

        second = change(world, execution, "input", {"node_id": "ask", "value": {"betrag": 2}})

        assert second.json["error"]["code"] == "EXECUTION_NOT_WAITING"
        world.work()
        assert world.run_store.get(execution).output == {"betrag": 1}

    @pytest.mark.parametrize("node_id", ["other", "ask/x", "end", "%00", "a" * 2000])
    def test_a_node_that_waits_for_nothing_takes_no_answer(self, world: World, node_id: str) -> None:
        nodes = [ASK, {"id": "end", "type": "noop"}]
        execution = world.execution(world.workflow(nodes=nodes, connections=[{"from": "ask", "to": "end"}]))
        world.work()

        reply = change(world, execution, "input", {"node_id": node_id, "value": 1})

        assert reply.status == 400
        assert reply.json["error"] == {
            "code": "EXECUTION_NOT_WAITING",
            "message": "Ausführung wartet an diesem Knoten auf keine Eingabe",
        }

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ({}, "'betrag' fehlt"),
            ({"betrag": "5"}, "'betrag' muss vom Typ number sein"),
            ({"betrag": True}, "'betrag' muss vom Typ number sein"),
            ({"betrag": 101}, "'betrag' liegt außerhalb der Grenzen"),
            ({"betrag": 1, "art": "scheck"}, "'art' ist keiner der erlaubten Werte"),
            ({"betrag": 1, "neu": 1}, "'neu' gehört nicht zum Formular"),
            (None, "die Eingabe muss vom Typ object sein"),
            ([], "die Eingabe muss vom Typ object sein"),
        ],
    )
    def test_a_value_that_the_form_refuses_is_named(self, world: World, value: Any, message: str) -> None:
        execution = execution_in(world, "waiting")
        before = world.stored()

        reply = change(world, execution, "input", {"node_id": "ask", "value": value})

        assert reply.status == 400
        assert reply.json["error"] == {"code": "INPUT_REJECTED", "message": f"Eingabe abgelehnt: {message}"}
        assert world.stored() == before

    def test_one_of_several_steps_of_a_node_is_answered_by_its_key(self, world: World) -> None:
        body = {"nodes": [{"id": "ask", "type": "user_input", "config": {}}]}
        each = {"id": "each", "type": "map", "config": {"items": ["a", "b"], "body": body}}
        execution = world.execution(world.workflow(nodes=[each]))
        world.work()
        shown = world.call("GET", f"/v1/executions/{execution}").data["steps"]
        keys = [step["key"] for step in shown if step["node_id"] == "ask"]
        assert len(keys) == 2

        for key in reversed(keys):
            assert change(world, execution, "input", {"node_id": key, "value": key}).status == 200
        world.work()

        assert world.run_store.get(execution).output == keys


class TestDoingAgain:
    NODES = [
        {"id": "one", "type": "http_request", "config": {"url": "https://bank.example/1", "method": "POST"}},
        {"id": "two", "type": "http_request", "config": {"url": "https://bank.example/2", "method": "POST"}},
    ]
    CONNECTIONS = [{"from": "one", "to": "two"}]

    def failed(self, world: World) -> str:
        self.answer(world, {"/2": 400})
        execution = world.execution(world.workflow(nodes=self.NODES, connections=self.CONNECTIONS), {"kunde": "K"})
        world.work()
        assert world.run_store.get(execution).status is RunStatus.FAILED
        world.sender.requests.clear()
        self.answer(world, {})
        return execution

    @staticmethod
    def answer(world: World, statuses: dict[str, int]) -> None:
        def respond(request: HttpRequest) -> HttpResponse:
            return HttpResponse(statuses.get(request.url[-2:], 200), {}, b"", request.url, 0.01)

        world.sender.respond = respond

    def test_a_retry_of_what_failed_goes_on_under_the_same_id(self, world: World) -> None:
        execution = self.failed(world)

        reply = change(world, execution, "retry", {"mode": "failed"}).data
        world.work()

        assert reply == {
            "execution_id": execution,
            "status": "running",
            "started_at": "2026-11-02T09:30:00Z",
            "state": "queued",
        }
        assert [request.url for request in world.sender.requests] == ["https://bank.example/2"]
        shown = world.call("GET", f"/v1/executions/{execution}").data
        assert shown["status"] == "success"
        assert [(step["node_id"], step["attempts"], step["status"]) for step in shown["steps"]] == [
            ("one", 1, "success"),
            ("two", 2, "success"),
        ]

    @pytest.mark.parametrize("body", [None, {}, {"mode": "new"}, {"other": 1}])
    def test_a_retry_without_a_mode_is_a_new_execution(self, world: World, body: Any) -> None:
        execution = self.failed(world)

        reply = change(world, execution, "retry", body).data

        assert list(reply) == ["execution_id", "status", "started_at"]
        assert reply["execution_id"] != execution
        assert world.run_store.get(reply["execution_id"]).input == {"kunde": "K"}
        assert world.run_store.get(execution).status is RunStatus.FAILED

    def test_of_two_retries_at_the_same_moment_one_is_refused(self, world: World) -> None:
        execution = self.failed(world)
        restart = world.run_store.restart
        replies = []

        def interleaved(*args: Any, **kwargs: Any) -> Any:
            world.run_store.restart = restart  # type: ignore[method-assign]
            replies.append(change(world, execution, "retry", {"mode": "failed"}))
            return restart(*args, **kwargs)

        world.run_store.restart = interleaved  # type: ignore[method-assign]
        replies.append(change(world, execution, "retry", {"mode": "failed"}))
        world.work()

        assert [reply.status for reply in replies] == [200, 400]
        assert replies[1].json["error"]["code"] == "EXECUTION_NOT_RETRYABLE"
        assert len(world.sender.requests) == 1

    def test_a_rerun_does_the_chosen_step_and_what_follows_again(self, world: World) -> None:
        execution = self.failed(world)
        change(world, execution, "retry", {"mode": "failed"})
        world.work()
        world.sender.requests.clear()

        reply = change(world, execution, "rerun", {"node_id": "two"}).data
        world.work()

        assert reply["execution_id"] == execution
        assert [request.url for request in world.sender.requests] == ["https://bank.example/2"]

    def test_a_rerun_from_a_node_that_the_graph_has_not_is_refused(self, world: World) -> None:
        execution = self.failed(world)

        reply = change(world, execution, "rerun", {"node_id": "three"})

        assert reply.json["error"] == {"code": "VALIDATION_ERROR", "message": "Ungültiger Wert für 'node_id'"}

    @pytest.mark.parametrize(("body", "version"), [(None, 2), ({"version": "newest"}, 2), ({"version": "same"}, 1)])
    def test_a_replay_takes_the_newest_version_or_the_same(self, world: World, body: Any, version: int) -> None:
        execution = self.failed(world)
        workflow = world.run_store.get(execution).workflow_id
        world.call("PUT", f"/v1/workflows/{workflow}", {"nodes": []})

        reply = change(world, execution, "replay", body).data

        replayed = world.run_store.get(reply["execution_id"])
        assert (replayed.version, replayed.input) == (version, {"kunde": "K"})
        assert replayed.id != execution


BAD: list[tuple[str, Any]] = [
    ("retry", {"mode": "all"}),
    ("retry", {"mode": None}),
    ("retry", {"mode": 1}),
    ("retry", []),
    ("retry", "new"),
    ("replay", {"version": "oldest"}),
    ("replay", {"version": 3}),
    ("replay", [1]),
    ("rerun", None),
    ("rerun", {}),
    ("rerun", {"node_id": None}),
    ("rerun", {"node_id": ""}),
    ("rerun", {"node_id": 1}),
    ("rerun", {"node_id": "x" * 5000}),
    ("input", None),
    ("input", {}),
    ("input", {"node_id": "ask"}),
    ("input", {"value": 1}),
    ("input", {"node_id": ["ask"], "value": 1}),
    ("input", {"node_id": "", "value": 1}),
    ("input", [{"node_id": "ask", "value": 1}]),
]


@pytest.mark.parametrize(("action", "body"), BAD, ids=lambda value: repr(value)[:40])
def test_a_body_that_says_nothing_sensible_is_refused(world: World, action: str, body: Any) -> None:
    execution = execution_in(world, "waiting" if action == "input" else "failed")
    before = world.stored()

    reply = change(world, execution, action, body)

    assert reply.status == 400
    assert reply.json["error"]["code"] in {"VALIDATION_ERROR", "INVALID_JSON"}
    assert world.stored() == before


@pytest.mark.parametrize("action", [name for name in BODIES if name not in {"cancel", "pause", "resume"}])
def test_the_execution_comes_before_the_body(world: World, action: str) -> None:
    assert world.call("POST", f"/v1/executions/exec_none/{action}", raw=b"{nonsense").status == 404
