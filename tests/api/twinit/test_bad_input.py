"""What is refused: with 400, in this dialect's words, and nothing stored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.twinit.house import BASE, NAMESPACE, Plant, ask, fork, loop, rest, switch

NESTED_FORK = fork("f", [switch("s", "x", {"x": [fork("g", [rest("a")])]})])
NESTED_LOOP = loop("l", "true", fork("f", [loop("m", "true", rest("a"))]))
TASKS: dict[str, tuple[Any, str]] = {
    "no array": ({"a": 1}, "_taskDefs"),
    "no object": ([1], "_taskDefs[0]"),
    "no type": ([{"_name": "a"}], "_taskDefs[0]._type"),
    "unknown type": ([{"_type": "JOIN"}], "_taskDefs[0]._type"),
    "type in small letters": ([{"_type": "rest_connector"}], "_taskDefs[0]._type"),
    "a name that is no text": ([rest("a", _name=1)], "_taskDefs[0]._name"),
    "an empty name": ([rest("a", _name=" ")], "_taskDefs[0]._name"),
    "a name that means the run": ([rest("workflow")], "_taskDefs[0]._name"),
    "two of one name": ([rest("a"), switch("s", "x", {"x": [rest("a")]})], "'a' is used twice"),
    "two without names": ([{"_type": "REST_CONNECTOR"}] * 2, "'REST_CONNECTOR' is used twice"),
    "a sequence number that is none": ([rest("a", _sequenceno="1")], "_taskDefs[0]._sequenceno"),
    "inputs that are no object": ([rest("a", _inputParams=[])], "_taskDefs[0]._inputParams"),
    "a switch without a value": ([{**switch("s", "", {}), "_inputParams": {}}], "_inputParams._switchCaseValue"),
    "a switch without cases": ([{**switch("s", "x", {}), "_decisionCases": None}], "_decisionCases"),
    "a case that is no array": ([switch("s", "x", {"x": {}})], "_decisionCases.x"),
    "a fork without branches": ([fork("f")], "_forkTasks"),
    "a branch that is no array": ([{**fork("f"), "_forkTasks": [1]}], "_forkTasks[0]"),
    "a fork in a fork": ([NESTED_FORK], "a FORK_JOIN inside a FORK_JOIN is not supported"),
    "a loop in a loop": ([NESTED_LOOP], "a DO_WHILE inside a DO_WHILE is not supported"),
    "a loop without a body": ([loop("l", "true")], "_loopOver"),
    "a loop without a condition": ([loop("l", " ", rest("a"))], "_loopCondition"),
    "a condition with a name": ([loop("l", "state == 1", rest("a"))], "_loopCondition: cannot be read"),
    "a condition with a call": ([loop("l", "$.a.b()", rest("a"))], "_loopCondition"),
    "a condition with a statement": ([loop("l", "while (true) {}", rest("a"))], "_loopCondition"),
    "a condition that is cut off": ([loop("l", "if ($.a.b) { true;", rest("a"))], "_loopCondition"),
    "a condition with too many brackets": ([loop("l", "($.a.b))", rest("a"))], "_loopCondition"),
    "a bare dollar": ([loop("l", "$ == 1", rest("a"))], "_loopCondition"),
    "a condition with a template": ([loop("l", "`x` == 1", rest("a"))], "_loopCondition"),
    "user input without a notification": ([{**ask(), "_sendNotification": None}], "_sendNotification"),
    "user input without an id of it": ([{**ask(), "_notificationId": 7}], "_notificationId"),
    "fields that are no objects": ([ask(fields={"a": "string"})], "_inputParams._userInput"),
    "permissions that are no array": ([ask(_userInputPermissions={})], "_userInputPermissions"),
    "an expression that is no path": ([rest("a", params={"_url": "${a..b}"})], "'${a..b}' is no path"),
    "a deep one": ([rest("a", params={"_args": {"headers": {"x": "${.y}"}}})], "_inputParams._args.headers.x"),
    "a retry count that is none": ([rest("a", _retryCount=1.5)], "_retryCount"),
    "a negative retry count": ([rest("a", _retryCount=-1)], "_retryCount"),
    "a retry logic that is none": ([rest("a", _retryLogic="SOMETIMES")], "_retryLogic"),
    "a limit of a task that is none": ([rest("a", _timeoutSeconds="5")], "_timeoutSeconds"),
    "an option that is none": ([rest("a", _optional="yes")], "_optional"),
    "too many tasks": ([rest(f"t{number}") for number in range(1001)], "more than 1000 tasks"),
}
DEFINITIONS: dict[str, tuple[Any, str]] = {
    "no name": ({"_taskDefs": []}, "'_name' is missing"),
    "an empty name": ({"_name": "", "_taskDefs": []}, "_name"),
    "whitespace in the name": ({"_name": "meter sync", "_taskDefs": []}, "without whitespace"),
    "a name that is no text": ({"_name": 5, "_taskDefs": []}, "_name"),
    "no tasks": ({"_name": "n"}, "_taskDefs"),
    "namespaces that are no array": ({"_name": "n", "_taskDefs": [], "_namespaces": NAMESPACE}, "_namespaces"),
    "no namespace": ({"_name": "n", "_taskDefs": [], "_namespaces": []}, "_namespaces"),
    "other namespaces": ({"_name": "n", "_taskDefs": [], "_namespaces": ["other"]}, "_namespaces"),
    "a namespace that is no text": ({"_name": "n", "_taskDefs": [], "_namespaces": [NAMESPACE, 1]}, "_namespaces"),
    "a user type that is no text": ({"_name": "n", "_taskDefs": [], "_userType": 1}, "_userType"),
    "a description that is no text": ({"_name": "n", "_taskDefs": [], "_description": 1}, "_description"),
    "a limit that is none": ({"_name": "n", "_taskDefs": [], "_timeoutSeconds": "1"}, "_timeoutSeconds"),
    "a negative limit": ({"_name": "n", "_taskDefs": [], "_timeoutSeconds": -1}, "_timeoutSeconds"),
    "a policy that is none": ({"_name": "n", "_taskDefs": [], "_timeoutPolicy": "RETRY"}, "_timeoutPolicy"),
}


@pytest.fixture
def plant() -> Plant:
    return Plant()


def refused(plant: Plant, method: str, path: str, body: Any, **query: Any) -> str:
    before = plant.world.stored()
    answer = plant.call(method, path, body, **query)
    assert answer.status == 400, answer.text
    assert [*answer.json] == ["status", "error", "message", "path", "timestamp"]
    assert (answer.json["status"], answer.json["error"]) == (400, "Bad Request")
    assert answer.json["path"] == f"{BASE}{path}"
    assert plant.world.stored() == before
    message: str = answer.json["message"]
    return message


@pytest.mark.parametrize("name", sorted(TASKS))
def test_tasks_that_cannot_run_are_refused_at_once(plant: Plant, name: str) -> None:
    tasks, complaint = TASKS[name]
    assert complaint in refused(plant, "POST", "/workflowdefs", {"_name": "n", "_taskDefs": tasks})

    id_ = plant.define(rest("a"))
    assert complaint in refused(plant, "PUT", f"/workflowdefs/{id_}", {"_taskDefs": tasks})


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_definitions_that_break_a_rule_are_refused(plant: Plant, name: str) -> None:
    body, complaint = DEFINITIONS[name]

    assert complaint in refused(plant, "POST", "/workflowdefs", body)


def test_inputs_that_name_one_another_over_and_over_are_refused_at_once(plant: Plant) -> None:
    def naming(other: str) -> dict[str, str]:
        return {f"p{number}": f"${{{other}._inputParams}}" for number in range(20)}

    tasks = [rest("a", params=naming("b")), rest("b", params=naming("a"))]

    assert "too often" in refused(plant, "POST", "/workflowdefs", {"_name": "n", "_taskDefs": tasks})


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'"x"', b"{", b'{"_name": "n", // a comment\n "_taskDefs": []}', b'{"a": 1, "a": 2}', b"\xff", b"NaN"],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/workflowdefs"), ("POST", "/workflows"), ("PUT", "/workflowdefs/{def}")]
)
def test_a_body_has_to_be_a_json_object(plant: Plant, method: str, path: str, raw: bytes) -> None:
    path = path.replace("{def}", plant.define(rest("a")))
    answer = plant.world.call(method, f"{BASE}{path}?nsfilter={NAMESPACE}", raw=raw)

    assert answer.status == 400
    assert answer.json["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_workflowDefId": 7},
        {"_workflowDefId": None},
        {"_workflowDefId": "{def}", "_inputParams": []},
        {"_workflowDefId": "{def}", "_inputParams": "x"},
    ],
)
def test_a_start_that_says_too_little_is_refused(plant: Plant, body: Any) -> None:
    id_ = plant.define(rest("a"))
    if body.get("_workflowDefId") == "{def}":
        body = {**body, "_workflowDefId": id_}

    refused(plant, "POST", "/workflows", body)


@pytest.mark.parametrize("body", [{}, {"_status": None}, {"_status": "RUNNING"}, {"_status": "paused"}, {"_status": 1}])
def test_a_status_that_is_no_command_is_refused(plant: Plant, body: Any) -> None:
    run = plant.run(ask())

    refused(plant, "PUT", f"/workflows/{run['_id']}/status", body)


@pytest.mark.parametrize("body", [{}, {"_userInput": None}, {"_userInput": "x"}, {"decision": "hold"}])
def test_an_answer_without_its_object_is_refused(plant: Plant, body: Any) -> None:
    run = plant.run(ask())

    refused(plant, "POST", f"/workflow/{run['_id']}/userinput/{run['_tasks'][0]['_id']}", body)


@pytest.mark.parametrize("path", ["/workflows", "/workflowdefs"])
@pytest.mark.parametrize(
    "query",
    [
        {"_pageSize": "-1"},
        {"_pageSize": "ten"},
        {"_pageSize": "1.5"},
        {"_pageSize": ""},
        {"_offset": "-1"},
        {"_offset": "9" * 40},
        {"_count": "x"},
        {"sort": "_name"},
        {"sort": "[]"},
        {"sort": '{"_name":0}'},
        {"sort": '{"_name":true}'},
        {"sort": '{"_name":"1"}'},
        {"sort": '{"_name":1'},
    ],
)
def test_paging_and_order_that_make_no_sense_are_refused(plant: Plant, path: str, query: dict[str, str]) -> None:
    refused(plant, "GET", path, None, **query)


@pytest.mark.parametrize("name", ["startDate", "endDate", "enddate"])
@pytest.mark.parametrize("date", ["today", "2026-13-01", "2026-00-10", "2026-02-00", "2026-02-32", "26-02-01", ""])
def test_dates_that_are_none_are_refused(plant: Plant, name: str, date: str) -> None:
    refused(plant, "GET", "/workflows", None, **{name: date})


def test_a_flag_that_is_none_is_refused(plant: Plant) -> None:
    run = plant.run(rest("a"))

    refused(plant, "GET", f"/workflows/{run['_id']}", None, _includeLoopOverTasks="yes")


@pytest.mark.parametrize("id_", ["9a6e77b0-54d2-4f7c-8f0b-1d2c3b4a5968", "7", "a%20b", "x" * 300, "wf_bulkretry"])
def test_an_unknown_id_is_not_found_wherever_it_stands(plant: Plant, id_: str) -> None:
    run = plant.run(ask())
    definition = run["_workflowDefId"]
    calls: list[tuple[str, str, Any]] = [
        ("GET", f"/workflows/{id_}", None),
        ("PUT", f"/workflows/{id_}/status", {"_status": "PAUSED"}),
        ("GET", f"/workflows/{run['_id']}/tasks/{id_}", None),
        ("GET", f"/workflows/{id_}/tasks/{id_}", None),
        ("GET", f"/workflow/{run['_id']}/task/{id_}/loopovertasks", None),
        ("GET", f"/workflows/{run['_id']}/tasks/{id_}/logs", None),
        ("POST", f"/workflow/{run['_id']}/userinput/{id_}", {"_userInput": {}}),
        ("GET", f"/workflowdefs/{id_}", None),
        ("PUT", f"/workflowdefs/{id_}", {}),
        ("DELETE", f"/workflowdefs/{id_}", None),
        ("GET", f"/workflowdefs/{definition}/schedules/{id_}", None),
        ("GET", f"/workflowdefs/{definition}/jobs/{id_}", None),
        ("GET", f"/workflowdefs/{id_}/schedules", None),
    ]
    for method, path, body in calls:
        answer = plant.call(method, path, body)
        assert answer.status == 404, (method, path, answer.text)
        assert "not found" in answer.json["message"]
    assert plant.call("POST", "/workflows", {"_workflowDefId": id_}).status == 404


def test_an_address_or_verb_that_is_not_served_is_worded_like_everything_else(plant: Plant) -> None:
    missing = plant.call("GET", "/nothing/here")
    assert (missing.status, missing.json["error"], missing.json["path"]) == (404, "Not Found", f"{BASE}/nothing/here")
    wrong = plant.call("DELETE", "/workflows")
    assert (wrong.status, wrong.json["error"]) == (405, "Method Not Allowed")
    assert plant.call("PUT", "/definitions/status", {"_status": "PAUSED"}).status == 404


def test_too_many_calls_are_told_when_to_come_back() -> None:
    plant = Plant()
    plant.world.services.limits._per_key = 1
    plant.call("GET", "/workflows")

    answer = plant.call("GET", "/workflows")
    assert (answer.status, answer.json["error"]) == (429, "Too Many Requests")
    assert int(answer.headers["Retry-After"]) > 0
