"""Runs: control flow, expressions, status changes and what tasks show meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.http import HttpRequest
from tests.api.twinit.house import NAMESPACE, Plant, ask, fork, loop, rest, statuses, switch


@pytest.fixture
def plant() -> Plant:
    return Plant()


def bodies(plant: Plant, name: str) -> list[Any]:
    return [json.loads(r.body or b"null") for r in plant.requests if r.url.endswith(f"/{name}")]


def post(name: str, body: Any, **members: Any) -> dict[str, Any]:
    params = {"_url": f"https://plant.example.com/{name}", "_args": {"method": "post", "body": body}}
    return rest(name, params=params, **members)


def counting(states: str) -> Any:
    """Answers that go through the states, one letter a call."""
    left = [*states]

    def answer(_: HttpRequest) -> str:
        return json.dumps({"state": left.pop(0), "left": len(left)})

    return answer


class TestStart:
    def test_a_run_is_queued_with_its_topmost_tasks_before_anything_ran(self, plant: Plant) -> None:
        id_ = plant.define(rest("a"), switch("s", "x", {"x": [rest("b")]}), fork("f", [rest("c")]))

        run = plant.call("POST", "/workflows", {"_workflowDefId": id_}).json

        assert run["_status"] == "QUEUED"
        assert statuses(run) == {"a": "QUEUED", "s": "QUEUED", "f": "QUEUED"}
        assert run["_inputParams"] == {}
        assert run["_output"] is None
        assert plant.get(run["_id"]) == run
        assert plant.requests == []

    def test_the_runs_own_inputs_win_where_a_task_declares_or_its_type_knows_them(self, plant: Plant) -> None:
        tasks = (
            rest("a", params={"_url": "https://x.example/1"}),
            rest("b", params={"_auth": {"_type": "NoAuth"}}),
            post("c", {"key": "${workflow.input.key}"}),
        )
        run = plant.run(*tasks, params={"_url": "https://y.example/2", "key": 7})

        assert run["_status"] == "COMPLETED"
        assert {r.url for r in plant.requests} == {"https://y.example/2"}
        assert json.loads(plant.requests[-1].body or b"") == {"key": 7}
        assert plant.task(run, "a")["_inputParams"] == {"_url": "https://y.example/2"}

    def test_a_url_may_come_from_the_run_alone_and_its_absence_fails_the_task(self, plant: Plant) -> None:
        run = plant.run(rest("a", params={}), params={"_url": "https://y.example/2"})
        assert run["_status"] == "COMPLETED"

        run = plant.run(rest("a", params={}))
        assert (run["_status"], statuses(run)) == ("FAILED", {"a": "FAILED"})
        assert "'_url' is missing" in plant.task(run, "a")["_reasonForIncompletion"]

    def test_the_order_is_that_of_sequence_numbers_then_of_positions(self, plant: Plant) -> None:
        tasks = (
            rest("third", _sequenceno=9),
            rest("first"),
            rest("second", _sequenceno=2),
            rest("last", _sequenceno=9),
        )
        run = plant.run(*tasks)

        assert [task["_name"] for task in run["_tasks"]] == ["first", "second", "third", "last"]
        assert [r.url.rpartition("/")[2] for r in plant.requests] == ["first", "second", "third", "last"]

    def test_a_definition_without_tasks_runs(self, plant: Plant) -> None:
        run = plant.run()

        assert (run["_status"], run["_tasks"], run["_output"]) == ("COMPLETED", [], {})

    def test_a_run_does_not_notice_that_its_definition_changes(self, plant: Plant) -> None:
        id_ = plant.define(rest("a"))
        run_id = plant.start(id_)
        plant.call("PUT", f"/workflowdefs/{id_}", {"_taskDefs": [rest("b")]})
        plant.world.work()

        assert statuses(plant.get(run_id)) == {"a": "COMPLETED"}

    def test_a_repeated_start_with_one_key_is_one_run(self, plant: Plant) -> None:
        id_ = plant.define(rest("a"))
        path = f"/workflowsvc/api/v1/workflows?nsfilter={NAMESPACE}"
        started = [
            plant.world.call("POST", path, {"_workflowDefId": id_}, headers={"idempotency-key": "k"}).json["_id"]
            for _ in range(2)
        ]

        assert started[0] == started[1]


class TestControlFlow:
    @pytest.mark.parametrize(
        ("value", "ran"),
        [
            ("release", "open"),
            ("hold", "other"),
            (True, "yes"),
            (3, "three"),
            (None, "other"),
            ("Release", "other"),
            ("defaultCase", "other"),
            ("main", "main"),
            ("default", "other"),
        ],
    )
    def test_a_switch_compares_as_text(self, plant: Plant, value: Any, ran: str) -> None:
        cases = {"release": "open", "true": "yes", "3": "three", "main": "main", "defaultCase": "other"}
        route = switch("route", "${workflow.input.way}", {case: [rest(name)] for case, name in cases.items()})

        run = plant.run(route, rest("after"), params={"way": value})

        assert run["_status"] == "COMPLETED"
        assert statuses(run) == {"route": "COMPLETED", ran: "COMPLETED", "after": "COMPLETED"}
        assert run["_output"]["route"] == {"evaluationResult": [value], "selectedCase": value}

    def test_a_switch_without_a_match_lets_the_flow_go_on(self, plant: Plant) -> None:
        run = plant.run(switch("route", "x", {"y": [rest("a")], "z": []}), rest("after"))

        assert statuses(run) == {"route": "COMPLETED", "after": "COMPLETED"}

    def test_a_default_beside_the_cases_is_taken_too(self, plant: Plant) -> None:
        run = plant.run(switch("route", "x", {"y": []}, _defaultCase=[fork("f", [rest("a")], [rest("b")])]))

        assert statuses(run) == dict.fromkeys(("route", "f", "a", "b"), "COMPLETED")

    def test_switches_nest(self, plant: Plant) -> None:
        inner = switch("inner", "${outer._output.selectedCase}", {"x": [rest("deep")]})
        run = plant.run(switch("outer", "x", {"x": [inner, rest("next")]}), rest("after"))

        assert statuses(run) == dict.fromkeys(("outer", "inner", "deep", "next", "after"), "COMPLETED")

    def test_a_fork_joins_all_branches(self, plant: Plant) -> None:
        plant.answers |= {"a": '{"n": 1}', "b": '{"n": 2}', "c": '{"n": 3}'}
        tasks = (fork("f", [rest("a")], [rest("b"), rest("c")], []), post("sum", ["${f._output}", "${b.output.n}"]))

        run = plant.run(*tasks)

        joined = {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 3}}
        assert run["_output"]["f"] == joined
        assert bodies(plant, "sum") == [[joined, 2]]

    def test_a_failing_branch_fails_the_fork_and_cancels_the_rest(self, plant: Plant) -> None:
        plant.answers["a"] = 404
        run = plant.run(fork("f", [rest("a")], [rest("b"), ask(), rest("c")]), rest("after"))

        assert run["_status"] == "FAILED"
        found = statuses(run)
        assert (found["a"], found["f"], found["after"], found["c"]) == ("FAILED", "FAILED", "CANCELED", "CANCELED")
        assert set(found.values()) <= {"FAILED", "CANCELED", "COMPLETED"}

    def test_a_loop_condition_is_tested_after_the_body_and_counts_from_one(self, plant: Plant) -> None:
        run = plant.run(loop("again", "$.again.iteration <= $.value", rest("a"), value=2))

        assert len(plant.requests) == 3
        assert run["_output"]["again"]["iteration"] == 3

    def test_an_unnamed_loop_is_called_by_its_type(self, plant: Plant) -> None:
        unnamed = loop("", "if ($.DO_WHILE['iteration'] < 2) { true; } else { false; }", rest("a"))
        del unnamed["_name"]
        run = plant.run(unnamed)

        assert statuses(run) == {"DO_WHILE": "COMPLETED"}
        assert len(plant.requests) == 2

    @pytest.mark.parametrize(
        "condition",
        [
            "$.poll.state !== 'c' && $.l.iteration < 9",
            '!($.poll["state"] === "c")',
            "if ($.poll.state == 'c') { false; } else if ($.poll.left > 0) { return true; } else { false; };",
            "$.poll.left * 2 - 1 >= 1 + 1",
            "$.poll.left % 5 != 1 || $.poll.missing != null",
        ],
    )
    def test_conditions_read_the_bodys_tasks_of_this_round(self, plant: Plant, condition: str) -> None:
        plant.answers["poll"] = counting("abcd")

        run = plant.run(loop("l", condition, rest("poll")))

        assert run["_status"] == "COMPLETED", plant.task(run, "l")
        assert len(plant.requests) == 3

    def test_a_condition_that_cannot_be_evaluated_fails_the_loop(self, plant: Plant) -> None:
        run = plant.run(loop("l", "$.poll.nothing < 3", rest("poll")), rest("after"))

        assert (run["_status"], statuses(run)) == ("FAILED", {"l": "FAILED", "after": "CANCELED"})
        assert len(plant.requests) == 1

    def test_a_thousand_rounds_are_the_most(self, plant: Plant) -> None:
        run = plant.run(loop("l", "true", switch("s", "x", {})))

        assert run["_status"] == "FAILED"
        assert "1000" in plant.task(run, "l")["_reasonForIncompletion"]

    def test_the_tasks_of_a_loop_are_listed_when_asked_for_and_by_their_own_call(self, plant: Plant) -> None:
        plant.answers["poll"] = counting("ab")
        run = plant.run(loop("l", "$.l.iteration < 2", rest("poll"), switch("s", "${poll._output.state}", {"b": []})))
        loop_id = run["_tasks"][0]["_id"]

        assert statuses(run) == {"l": "COMPLETED"}
        with_them = plant.get(run["_id"], _includeLoopOverTasks="true")
        assert [*statuses(with_them)] == ["l", "poll__1", "s__1", "poll__2", "s__2"]
        for path in ("workflow/{}/task/{}", "workflows/{}/tasks/{}"):
            page = plant.call("GET", f"/{path.format(run['_id'], loop_id)}/loopovertasks", _pageSize=2, _offset=2)
            assert page.json["_total"] == 4
            shown = [(task["_name"], task["_iteration"], task["_output"]) for task in page.json["_list"]]
            assert shown[0] == ("poll__2", 2, {"state": "b", "left": 0})
            assert shown[1][:2] == ("s__2", 2)
        assert run["_output"]["l"] == {
            "iteration": 2,
            "1": {"poll": {"state": "a", "left": 1}, "s": {"evaluationResult": ["a"], "selectedCase": "a"}},
            "2": {"poll": {"state": "b", "left": 0}, "s": {"evaluationResult": ["b"], "selectedCase": "b"}},
        }

    def test_a_loop_waits_in_its_body_and_goes_on_in_the_same_round(self, plant: Plant) -> None:
        run = plant.run(loop("l", "$.ask._userInput.decision == 'hold'", rest("a"), ask()), post("b", "${l._output}"))
        assert statuses(plant.get(run["_id"], _includeLoopOverTasks="1")) == {
            "l": "IN_PROGRESS",
            "a__1": "COMPLETED",
            "ask__1": "IN_PROGRESS",
            "b": "QUEUED",
        }

        for number, decision in enumerate(("hold", "release"), 1):
            waiting = plant.get(run["_id"], _includeLoopOverTasks="1")
            id_ = next(task["_id"] for task in waiting["_tasks"] if task["_name"] == f"ask__{number}")
            answer = {"_userInput": {"decision": decision}}
            assert plant.call("POST", f"/workflows/{run['_id']}/userinput/{id_}", answer).status == 200
            plant.world.work()

        assert plant.get(run["_id"])["_status"] == "COMPLETED"
        assert len(plant.requests) == 3
        (told,) = bodies(plant, "b")
        assert told["2"]["ask"] == {"_userInput": {"decision": "release"}}
        assert told["iteration"] == 2

    def test_a_loops_failure_is_retried_from_its_first_round(self, plant: Plant) -> None:
        plant.answers["a"] = lambda _: 500 if len(plant.requests) == 2 else "{}"
        run = plant.run(loop("l", "$.l.iteration < 3", rest("a")))
        assert (run["_status"], statuses(run)) == ("FAILED", {"l": "FAILED"})

        plant.command(run["_id"], "RETRIED")
        plant.world.work()

        assert plant.get(run["_id"])["_status"] == "COMPLETED"
        assert len(plant.requests) == 5
        assert plant.get(run["_id"])["_output"]["l"]["iteration"] == 3

    def test_a_failure_that_was_retried_does_not_count_once_more(self, plant: Plant) -> None:
        plant.answers["a"] = lambda _: 500 if len(plant.requests) == 2 else "{}"
        run = plant.run(loop("l", "$.l.iteration < 3", rest("a")), ask())
        plant.command(run["_id"], "RETRIED")
        plant.world.work()
        plant.command(run["_id"], "TERMINATED")

        plant.command(run["_id"], "RETRIED")
        plant.world.work()

        assert statuses(plant.get(run["_id"])) == {"l": "COMPLETED", "ask": "IN_PROGRESS"}
        assert len(plant.requests) == 5

    def test_a_loop_that_was_begun_anew_and_terminated_goes_on_where_it_was(self, plant: Plant) -> None:
        plant.answers["a"] = lambda _: 500 if len(plant.requests) == 1 else "{}"
        run = plant.run(loop("l", "$.l.iteration < 2", rest("a"), ask()))
        plant.command(run["_id"], "RETRIED")
        plant.world.work()
        plant.command(run["_id"], "TERMINATED")

        plant.command(run["_id"], "RETRIED")
        plant.world.work()

        assert len(plant.requests) == 2
        shown = statuses(plant.get(run["_id"], _includeLoopOverTasks="true"))
        assert shown == {"l": "IN_PROGRESS", "a__1": "COMPLETED", "ask__1": "IN_PROGRESS"}

    def test_an_optional_task_may_fail(self, plant: Plant) -> None:
        plant.answers["a"] = 500
        run = plant.run(rest("a", _optional=True), post("b", "${a._output.x}"))

        assert (run["_status"], statuses(run)) == ("COMPLETED", {"a": "FAILED", "b": "COMPLETED"})

    def test_a_task_is_tried_again_as_often_as_it_says(self, plant: Plant) -> None:
        plant.answers["a"] = lambda _: 404 if len(plant.requests) < 3 else "{}"
        run = plant.run(rest("a", _retryCount=2, _retryDelaySeconds=0.5, _retryLogic="FIXED"))

        assert run["_status"] == "COMPLETED"
        assert len(plant.requests) == 3

    def test_a_script_fails_clearly_while_nothing_runs_scripts(self, plant: Plant) -> None:
        run = plant.run({"_name": "s", "_type": "SCRIPT_EXECUTION", "_inputParams": {"_scriptName": "normalise"}})

        assert statuses(run) == {"s": "FAILED"}
        assert "script" in plant.task(run, "s")["_reasonForIncompletion"]


class TestExpressions:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("${fetch._output.rows[1]['a b']}", 2),
            ("${fetch.output.rows[0]}", {"a b": 1}),
            ('${fetch._output["rows"][-1]["a b"]}', 2),
            ("${ fetch._output.flag }", True),
            ("${fetch._output.nothing.at.all}", None),
            ("${fetch._output}", {"rows": [{"a b": 1}, {"a b": 2}], "flag": True}),
            ("${nobody._output.x}", None),
            ("${fetch._status}", None),
            ("${later._output.x}", None),
            ("${odd name.v1._output.x}", 5),
            ("${workflow.input.meter.id}", "m-7"),
            ("${workflow._inputParams.meter}", {"id": "m-7"}),
            ("${workflow.input}", {"meter": {"id": "m-7"}}),
            ("${workflow.variables.x}", None),
            ("${fetch._inputParams._url}", "https://plant.example.com/fetch"),
            ("${fetch.input._auth._type}", "NoAuth"),
            ("${told.input._args.body}", "id m-7!"),
            ("a ${fetch._output.flag} b ${nobody._output.x}c", "a true b c"),
            ("$${fetch._output.flag}", "${fetch._output.flag}"),
            ("cost $5 {{ 1 + 1 }} \\{{ ${workflow.input.meter.id}", "cost $5 {{ 1 + 1 }} \\{{ m-7"),
            ("{${workflow.input.meter.id}}", "{m-7}"),
            ("\\{${workflow.input.meter.id}", "\\{m-7"),
            ("{{ $input }}", "{{ $input }}"),
            ("${open", "${open"),
            ("", ""),
        ],
    )
    def test_each_family_of_paths_leads_where_it_says(self, plant: Plant, text: str, value: Any) -> None:
        plant.answers["fetch"] = '{"rows": [{"a b": 1}, {"a b": 2}], "flag": true}'
        plant.answers["odd"] = '{"x": 5}'
        odd = rest("odd name.v1", params={"_url": "https://plant.example.com/odd"})
        tasks = (
            rest("fetch"),
            odd,
            post("told", "id ${workflow.input.meter.id}!"),
            post("shown", [text]),
            rest("later"),
        )

        run = plant.run(*tasks, params={"meter": {"id": "m-7"}})

        assert run["_status"] == "COMPLETED", [plant.task(run, "shown")]
        assert bodies(plant, "shown") == [[value]]

    def test_a_run_knows_its_id_and_definition(self, plant: Plant) -> None:
        text = "${workflow.workflowId} ${workflow._workflowDefId} ${workflow._name} ${workflow.status}"
        run = plant.run(post("shown", [text]))

        assert bodies(plant, "shown") == [[f"{run['_id']} {run['_workflowDefId']} meter_sync RUNNING"]]

    def test_rounds_of_a_loop_are_reached_from_behind_it(self, plant: Plant) -> None:
        plant.answers["poll"] = counting("abc")
        texts = ["${poll._output.state}", "${poll__2._output.state}", "${poll__9._output}", "${l._output.1.poll.state}"]
        plant.run(loop("l", "$.l.iteration < 3", rest("poll")), post("shown", texts))

        assert bodies(plant, "shown") == [["c", "b", None, "a"]]

    def test_a_body_names_its_own_round(self, plant: Plant) -> None:
        plant.answers["poll"] = counting("ab")
        plant.run(loop("l", "$.l.iteration < 2", rest("poll"), post("shown", ["${poll._output.state}"])))

        assert bodies(plant, "shown") == [["a"], ["b"]]

    def test_inputs_that_go_round_in_circles_are_null(self, plant: Plant) -> None:
        plant.run(post("a", "${b.input._args.body}"), post("b", "${a.input._args.body}"))

        assert bodies(plant, "a") == [None]


class TestStatusChanges:
    def test_pausing_shows_on_every_task_that_has_not_finished(self, plant: Plant) -> None:
        run = plant.run(rest("a"), ask(), rest("b"))

        answer = plant.command(run["_id"], "PAUSED")

        assert answer.status == 200
        assert answer.json["_status"] == "PAUSED"
        assert statuses(answer.json) == {"a": "COMPLETED", "ask": "PAUSED", "b": "PAUSED"}
        assert plant.get(run["_id"]) == answer.json

    def test_an_answer_to_a_paused_run_is_kept_until_it_goes_on(self, plant: Plant) -> None:
        run = plant.run(ask(), rest("b"))
        plant.command(run["_id"], "PAUSED")

        assert plant.reply(run, "ask", {"decision": "hold"}).status == 200
        plant.world.work()
        assert statuses(plant.get(run["_id"])) == {"ask": "COMPLETED", "b": "PAUSED"}
        assert plant.requests == []

        resumed = plant.command(run["_id"], "RESUMED").json
        assert (resumed["_status"], statuses(resumed)["b"]) == ("RESUMED", "QUEUED")
        plant.world.work()
        assert plant.get(run["_id"])["_status"] == "COMPLETED"

    def test_a_run_that_never_began_can_be_paused_and_goes_on(self, plant: Plant) -> None:
        run_id = plant.start(plant.define(rest("a"), switch("s", "x", {"x": [rest("b")]})))

        assert statuses(plant.command(run_id, "PAUSED").json) == {"a": "PAUSED", "s": "PAUSED"}
        plant.world.work()
        assert plant.requests == []
        plant.command(run_id, "RESUMED")
        plant.world.work()
        assert plant.get(run_id)["_status"] == "COMPLETED"

    def test_terminating_cancels_what_has_not_finished(self, plant: Plant) -> None:
        run = plant.run(rest("a"), ask(), rest("b"))

        answer = plant.command(run["_id"], "TERMINATED").json

        assert answer["_status"] == "TERMINATED"
        assert statuses(answer) == {"a": "COMPLETED", "ask": "CANCELED", "b": "CANCELED"}
        assert answer["_output"] == {"a": {}}
        assert plant.reply(run, "ask", {"decision": "hold"}).status == 409

    @pytest.mark.parametrize("how", ["FAILED", "TIMED_OUT"])
    def test_a_run_that_was_given_up_can_be_terminated_and_shows_it(self, plant: Plant, how: str) -> None:
        run = given_up(plant, how)
        requests = len(plant.requests)

        answer = plant.command(run["_id"], "TERMINATED")

        assert (answer.status, answer.json["_status"]) == (200, "TERMINATED")
        plant.world.work()
        assert plant.get(run["_id"])["_status"] == "TERMINATED"
        assert plant.call("GET", "/workflows", _status="TERMINATED").json["_total"] == 1
        assert len(plant.requests) == requests

    @pytest.mark.parametrize("how", ["FAILED", "TIMED_OUT", "TERMINATED"])
    def test_retrying_goes_on_under_the_same_id_and_keeps_what_is_done(self, plant: Plant, how: str) -> None:
        run = given_up(plant, how)
        plant.answers["b"] = '{"ok": true}'

        retried = plant.command(run["_id"], "RETRIED")
        assert (retried.status, retried.json["_status"]) == (200, "RETRIED")
        assert retried.json["_output"] is None
        plant.world.work()
        if how != "FAILED":
            plant.reply(run, "ask", {"decision": "hold"})
            plant.world.work()

        found = plant.get(run["_id"])
        assert (found["_id"], found["_status"]) == (run["_id"], "COMPLETED")
        assert found["_createdAt"] == run["_createdAt"]
        assert [r.url.rpartition("/")[2] for r in plant.requests].count("a") == 1

    def test_a_failure_leaves_later_tasks_cancelled_and_outputs_so_far(self, plant: Plant) -> None:
        plant.answers |= {"a": '{"n": 1}', "b": 503}
        run = plant.run(rest("a"), rest("b"), rest("c"))

        assert statuses(run) == {"a": "COMPLETED", "b": "FAILED", "c": "CANCELED"}
        assert run["_output"] == {"a": {"n": 1}}
        task = plant.task(run, "b")
        assert task["_reasonForIncompletion"] == "the receiver answered 503"
        assert task["_output"] is None

    def test_the_time_limit_ends_a_run_that_waits(self, plant: Plant) -> None:
        run = given_up(plant, "TIMED_OUT")

        assert (run["_status"], statuses(run)) == ("TIMED_OUT", {"a": "COMPLETED", "ask": "CANCELED", "b": "CANCELED"})
        assert run["_timeoutSeconds"] == 60

    @pytest.mark.parametrize(
        "members", [{"_timeoutSeconds": 0}, {"_timeoutSeconds": 60, "_timeoutPolicy": "ALERT_ONLY"}]
    )
    def test_no_limit_or_one_that_only_alerts_ends_nothing(self, plant: Plant, members: Any) -> None:
        run = plant.run(ask(), **members)
        plant.world.clock.advance(61)
        plant.world.work_on(run["_id"])

        found = plant.get(run["_id"])
        assert found["_status"] == "RUNNING"
        assert (found["_timeoutSeconds"], found["_timeoutPolicy"]) == (
            members["_timeoutSeconds"],
            members.get("_timeoutPolicy"),
        )

    def test_each_retry_has_the_whole_time_limit_and_no_more(self, plant: Plant) -> None:
        run = given_up(plant, "TIMED_OUT")
        for _ in range(2):
            plant.world.clock.advance(500)
            plant.command(run["_id"], "RETRIED")
            plant.world.work()
            plant.world.clock.advance(59)
            plant.world.work_on(run["_id"])
            assert plant.get(run["_id"])["_status"] == "RUNNING"
            plant.world.clock.advance(2)
            plant.world.work_on(run["_id"])
            assert plant.get(run["_id"])["_status"] == "TIMED_OUT"

    def test_a_worker_in_between_does_not_keep_a_failed_run_from_being_terminated(
        self, plant: Plant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = given_up(plant, "FAILED")
        store = plant.world.run_store
        restart, left = store.restart, [2]

        def taken_up(*arguments: Any, **named: Any) -> Any:
            restarted = restart(*arguments, **named)
            if left[0]:
                left[0] -= 1
                plant.world.work_on(run["_id"])
            return restarted

        monkeypatch.setattr(store, "restart", taken_up)
        requests = len(plant.requests)

        assert plant.command(run["_id"], "TERMINATED").json["_status"] == "TERMINATED"
        assert len(plant.requests) == requests

    def test_commands_refresh_when_and_by_whom(self, plant: Plant) -> None:
        run = plant.run(ask())
        other = plant.world.services.identity.issue("ws_one", "user_two", "second").secret
        plant.world.clock.advance(2)

        path = f"/workflows/{run['_id']}/status"
        changed = plant.call("PUT", path, {"_status": "PAUSED"}, key=other).json

        assert changed["_updatedAt"] == "2026-11-02T09:30:02.000000000Z"
        assert changed["_createdBy"] == run["_createdBy"] != changed["_updatedBy"]
        assert changed["_createdAt"] == run["_createdAt"]


def given_up(plant: Plant, how: str) -> Any:
    """A run of a, ask, b that ended as said: at b if it failed, else at ask."""
    plant.answers["b"] = 500
    run = plant.run(rest("a"), ask(), rest("b"), _timeoutSeconds=60)
    match how:
        case "FAILED":
            plant.reply(run, "ask", {"decision": "hold"})
        case "TIMED_OUT":
            plant.world.clock.advance(61)
            plant.world.work_on(run["_id"])
        case "TERMINATED":
            plant.command(run["_id"], "TERMINATED")
    plant.world.work()
    found = plant.get(run["_id"])
    assert found["_status"] == how
    return found


ENDED = ("COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT")
LEGAL = {
    "PAUSED": {"RUNNING", "PAUSED"},
    "RESUMED": {"PAUSED"},
    "RETRIED": {"FAILED", "TERMINATED", "TIMED_OUT"},
    "TERMINATED": {"RUNNING", "PAUSED", "FAILED", "TERMINATED", "TIMED_OUT"},
}


@pytest.mark.parametrize("command", sorted(LEGAL))
@pytest.mark.parametrize("status", ["RUNNING", "PAUSED", *ENDED])
def test_every_command_from_every_status(plant: Plant, status: str, command: str) -> None:
    if status in ENDED[1:]:
        run = given_up(plant, status)
    elif status == "COMPLETED":
        run = plant.run(rest("a"))
    else:
        run = plant.run(ask())
        if status == "PAUSED":
            plant.command(run["_id"], "PAUSED")

    answer = plant.command(run["_id"], command)

    assert answer.status == (200 if status in LEGAL[command] else 409), answer.text
    if answer.status == 409:
        assert plant.get(run["_id"])["_status"] == status


def test_a_whole_definition_is_paused_resumed_failed_retried_and_terminated(plant: Plant) -> None:
    """Every control type in one run, as a worker, a user and an operator see it."""
    plant.answers |= {"poll": counting("aab"), "hall_a": '{"a": 1}', "open": 500}
    run = plant.run(
        rest("fetch"),
        loop("wait", "$.wait.iteration < $.max && $.poll.state != 'b'", rest("poll"), max=4),
        fork("halls", [rest("hall_a")], [rest("hall_b"), rest("post")]),
        ask(),
        switch("route", "${ask._output._userInput.decision}", {"release": [rest("open")], "defaultCase": []}),
        loop("ever", "true", ask("again", fields={})),
    )
    run_id = run["_id"]
    assert statuses(run)["ask"] == "IN_PROGRESS"

    plant.command(run_id, "PAUSED")
    plant.reply(run, "ask", {"decision": "release"})
    plant.command(run_id, "RESUMED")
    plant.world.work()
    failed = plant.get(run_id)
    assert (failed["_status"], statuses(failed)["open"], statuses(failed)["ever"]) == ("FAILED", "FAILED", "CANCELED")

    plant.answers["open"] = "{}"
    plant.command(run_id, "RETRIED")
    plant.world.work()
    waiting = plant.get(run_id, _includeLoopOverTasks="true")
    assert (waiting["_status"], statuses(waiting)["again__1"]) == ("RUNNING", "IN_PROGRESS")

    ended = plant.command(run_id, "TERMINATED").json
    assert (ended["_status"], statuses(ended)["ever"]) == ("TERMINATED", "CANCELED")
    assert ended["_output"]["halls"]["hall_a"] == {"a": 1}
    assert ended["_output"]["wait"]["iteration"] == 3
    urls = [request.url.rpartition("/")[2] for request in plant.requests]
    assert urls == ["fetch", *["poll"] * 3, "hall_a", "hall_b", "post", "open", "open"]


def test_credentials_that_a_run_was_given_are_masked_at_every_door(plant: Plant) -> None:
    auth = {"_type": "BasicAuth", "username": "svc", "password": "hunter2-plant"}
    definition = plant.define(rest("meter", params={"_url": "${workflow.input._url}"}))
    given = {"_url": "https://plant.example.com/meter", "_auth": auth, "apiKey": "k-7719", "valve": 7}
    run_id = plant.start(definition, given)
    plant.world.work()

    own = plant.get(run_id)["_inputParams"]
    for path in ("", "/input", "/steps", "/logs", "/graph", "/timeline"):
        answer = plant.world.call("GET", f"/v1/executions/{run_id}{path}")
        assert answer.status == 200
        assert not [secret for secret in ("hunter2-plant", "k-7719") if secret in answer.text], path

    assert plant.world.call("GET", f"/v1/executions/{run_id}/input").data["input"] == own
    assert (own["valve"], own["_auth"]["username"]) == (7, "svc")


def test_what_callers_give_to_the_other_dialect_comes_back_as_it_was(plant: Plant) -> None:
    given = {"token": "t-1", "customer": "K-4471"}
    execution = plant.world.execution(plant.world.active_workflow(), given)

    assert plant.world.call("GET", f"/v1/executions/{execution}/input").data["input"] == given
