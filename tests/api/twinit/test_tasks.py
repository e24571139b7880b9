"""Single tasks: what is shown of them, their logs, and answers of users."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chalicelib.domain.ids import uuid_of
from tests.api.twinit.house import NAMESPACE, Plant, ask, loop, rest, switch

ME = uuid_of("user_ws_one")
UNKNOWN = "9a6e77b0-54d2-4f7c-8f0b-1d2c3b4a5968"


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_a_task_shows_what_went_in_and_came_out(plant: Plant) -> None:
    plant.answers["a"] = '{"kwh": 44.1, "password": "p"}'
    auth = {"_type": "Bearer", "_params": {"_token": "geheim"}}
    run = plant.run(rest("a", _sequenceno=7, params={"_url": "https://plant.example.com/a", "_auth": auth}))

    task = plant.task(run, "a")

    assert task == {
        "_id": run["_tasks"][0]["_id"],
        "_name": "a",
        "_type": "REST_CONNECTOR",
        "_sequenceno": 7,
        "_status": "COMPLETED",
        "_inputParams": {
            "_url": "https://plant.example.com/a",
            "_auth": {"_type": "Bearer", "_params": {"_token": "***"}},
        },
        "_output": {"kwh": 44.1, "password": "p"},
        "_reasonForIncompletion": None,
        "_startedAt": "2026-11-02T09:30:00.000000000Z",
        "_endedAt": "2026-11-02T09:30:00.000000000Z",
        "_statusCode": 200,
        "_headers": {"content-type": "application/json"},
    }
    assert run["_output"] == {"a": {"kwh": 44.1, "password": "p"}}


def test_ids_of_tasks_are_uuids_that_stay(plant: Plant) -> None:
    run_id = plant.start(plant.define(rest("a"), ask()))
    before = [task["_id"] for task in plant.get(run_id)["_tasks"]]
    plant.world.work()

    assert [task["_id"] for task in plant.get(run_id)["_tasks"]] == before
    assert {uuid.UUID(id_).version for id_ in (run_id, *before)} == {4}
    assert all(id_ == id_.lower() for id_ in before)


def test_a_switch_shows_the_value_that_it_compared(plant: Plant) -> None:
    run = plant.run(switch("route", "${workflow.input.n}", {"3": [rest("a")]}), params={"n": 3})

    assert plant.task(run, "route")["_inputParams"] == {"_switchCaseValue": 3}


def test_the_tasks_of_a_loop_know_which_round_they_are_in(plant: Plant) -> None:
    poll = rest("poll", params={"_url": "https://plant.example.com/${l._output.iteration}"})
    plant.run(loop("l", "$.l.iteration < 2", poll))

    assert [request.url.rpartition("/")[2] for request in plant.requests] == ["1", "2"]


def test_logs_tell_of_each_attempt_without_secrets(plant: Plant) -> None:
    plant.answers["a?token=geheim"] = lambda _: 503 if len(plant.requests) == 1 else "{}"
    url = "https://plant.example.com/a?token=geheim"
    run = plant.run(rest("a", params={"_url": url}, _retryCount=1, _retryDelaySeconds=0.1))

    page = plant.call("GET", f"/workflows/{run['_id']}/tasks/{run['_tasks'][0]['_id']}/logs").json

    assert (page["_total"], page["_pageSize"], page["_offset"]) == (3, 10, 0)
    assert [(line["_level"], line["_message"]) for line in page["_list"]] == [
        ("INFO", "GET https://plant.example.com/a?token=*** -> 503"),
        ("ERROR", "the receiver answered 503"),
        ("INFO", "GET https://plant.example.com/a?token=*** -> 200"),
    ]
    assert page["_list"][0]["_timestamp"] == "2026-11-02T09:30:00.000000000Z"


class TestUserInput:
    def test_a_user_input_task_waits_in_progress_while_its_run_runs(self, plant: Plant) -> None:
        run = plant.run(ask())

        task = plant.task(run, "ask")

        assert (run["_status"], task["_status"]) == ("RUNNING", "IN_PROGRESS")
        assert task["_userInputId"] == task["_id"]
        assert task["_inputParams"] == {"_userInput": {"decision": {"type": "string", "enum": ["release", "hold"]}}}

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            ({"decision": "release"}, 200),
            ({"decision": "hold", "note": "Zähler geprüft", "more": [1]}, 200),
            ({"decision": "open"}, 400),
            ({"decision": 1}, 400),
            ({}, 400),
            ({"note": "x"}, 400),
        ],
    )
    def test_an_answer_has_to_fit_the_declared_fields(self, plant: Plant, answer: Any, status: int) -> None:
        run = plant.run(ask())

        given = plant.reply(run, "ask", answer)

        assert given.status == status, given.text
        plant.world.work()
        found = plant.get(run["_id"])
        if status == 200:
            assert given.json == {"message": "Task updated successfully"}
            assert found["_output"] == {"ask": {"_userInput": answer}}
        else:
            assert found["_status"] == "RUNNING"

    @pytest.mark.parametrize(
        ("type_", "fits", "fails"),
        [("number", 1.5, "1"), ("Boolean", True, 1), ("array", [], {}), ("object", {}, []), ("integer", 3, 3.5)],
    )
    def test_each_type_of_a_field_is_checked(self, plant: Plant, type_: str, fits: Any, fails: Any) -> None:
        run = plant.run(ask(fields={"x": {"type": type_}}))

        assert plant.reply(run, "ask", {"x": fails}).status == 400
        assert plant.reply(run, "ask", {"x": fits}).status == 200

    def test_only_permitted_users_may_answer(self, plant: Plant) -> None:
        other = plant.world.services.identity.issue("ws_one", "user_two", "second").secret
        run = plant.run(ask(_userInputPermissions=[{"_userType": "user", "_id": ME.upper()}]))

        refused = plant.reply(run, "ask", {"decision": "hold"}, key=other)
        assert (refused.status, refused.json["error"]) == (403, "Forbidden")
        body = {"node_id": "ask", "value": {"_userInput": {"decision": "hold"}}}
        assert plant.world.call("POST", f"/v1/executions/{run['_id']}/input", body, key=other).status == 403
        assert plant.reply(run, "ask", {"decision": "hold"}).status == 200

    def test_a_second_answer_is_refused(self, plant: Plant) -> None:
        run = plant.run(ask(), ask("next"))
        plant.reply(run, "ask", {"decision": "hold"})

        assert plant.reply(run, "ask", {"decision": "hold"}).status == 409
        plant.world.work()
        assert plant.reply(run, "ask", {"decision": "hold"}).status == 409
        plant.reply(run, "next", {"decision": "hold"})
        plant.world.work()
        assert plant.reply(run, "ask", {"decision": "hold"}).status == 409
        assert plant.get(run["_id"])["_status"] == "COMPLETED"

    def test_only_a_waiting_task_of_its_type_takes_an_answer(self, plant: Plant) -> None:
        run = plant.run(rest("a"), ask(), ask("later"))

        assert plant.reply(run, "a", {}).status == 400
        assert plant.reply(run, "later", {"decision": "hold"}).status == 409
        path = f"/workflow/{run['_id']}/userinput/{UNKNOWN}"
        assert plant.call("POST", path, {"_userInput": {}}).status == 404

    def test_nobody_answering_in_time_shows_on_the_task(self, plant: Plant) -> None:
        run = plant.run(ask(_timeoutSeconds=30))
        plant.world.clock.advance(31)
        plant.world.work_on(run["_id"])

        task = plant.task(run, "ask")
        assert (task["_status"], task["_reasonForIncompletion"]) == ("TIMED_OUT", "nobody answered in time")

    def test_an_answer_decides_a_switch(self, plant: Plant) -> None:
        path = "${ask_release._output._userInput.decision}"
        run = plant.run(ask("ask_release"), switch("route", path, {"hold": [rest("note")], "release": [rest("open")]}))
        plant.reply(run, "ask_release", {"decision": "release"})
        plant.world.work()

        assert [request.url for request in plant.requests] == ["https://plant.example.com/open"]


class TestOtherApis:
    """Runs of workflows that another API made are read and changed here by their ids."""

    def foreign(self, plant: Plant) -> str:
        nodes = [{"id": "ask", "type": "user_input", "name": "Freigabe", "config": {}}, {"id": "end", "type": "noop"}]
        workflow_id = plant.world.active_workflow(nodes=nodes, connections=[{"from": "ask", "to": "end"}])
        run_id = plant.world.execution(workflow_id, {"order": 1})
        plant.world.work()
        return run_id

    def test_they_are_shown_with_what_there_is(self, plant: Plant) -> None:
        run = plant.get(self.foreign(plant))

        assert (run["_status"], run["_namespaces"], run["_userType"]) == ("RUNNING", [], None)
        assert run["_inputParams"] == {"order": 1}
        (task,) = run["_tasks"]
        assert (task["_name"], task["_type"], task["_status"]) == ("Freigabe", "user_input", "IN_PROGRESS")

    def test_they_are_paused_answered_and_resumed(self, plant: Plant) -> None:
        run = plant.get(self.foreign(plant))

        paused = plant.command(run["_id"], "PAUSED").json
        assert (paused["_status"], paused["_tasks"][0]["_status"]) == ("PAUSED", "PAUSED")
        assert plant.reply(run, "Freigabe", {"ok": True}).status == 200
        assert plant.command(run["_id"], "RESUMED").json["_status"] == "RESUMED"
        plant.world.work()
        found = plant.get(run["_id"])
        assert (found["_status"], found["_output"]) == ("COMPLETED", {"ok": True})

    def test_who_is_restricted_to_namespaces_does_not_see_them(self, plant: Plant) -> None:
        run_id = self.foreign(plant)
        restricted = plant.world.new_key("ws_one", "*", f"namespace:{NAMESPACE}")

        assert plant.call("GET", f"/workflows/{run_id}", key=restricted).status == 404

    def test_runs_of_ours_are_seen_from_the_other_api(self, plant: Plant) -> None:
        run = plant.run(rest("a"), loop("l", "$.l.iteration < 2", rest("b")))

        execution = plant.world.call("GET", f"/v1/executions/{run['_id']}").data
        assert (execution["status"], execution["workflow_name"]) == ("success", "meter_sync")
        assert plant.world.call("GET", "/v1/executions").data["pagination"]["total"] == 1
