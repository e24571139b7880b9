"""A Twinit definition with every control type, on the local stack, seen only through HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.test_local_stack import Stack, eventually

BASE, NAMESPACE = "/workflowsvc/api/v1", "nsfilter=plant_k8Qw2LzA"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    running = Stack()
    yield running
    running.close()


def call(stack: Stack, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    joined = f"{path}{'&' if '?' in path else '?'}{NAMESPACE}"
    answer = stack.call(method, f"{BASE}{joined}", body)
    assert answer.status == status, answer
    return json.loads(answer.body)


def statuses(run: Any) -> dict[str, str]:
    return {task["_name"]: task["_status"] for task in run["_tasks"]}


def once(stack: Stack, run_id: str, **found: str) -> Any:
    """The run, once its tasks (or `run` itself) stand like this."""

    def look() -> Any:
        return call(stack, "GET", f"/workflows/{run_id}?_includeLoopOverTasks=true")

    def fits(run: Any) -> bool:
        at = {**statuses(run), "run": run["_status"]}
        return all(at.get(name) == status for name, status in found.items())

    return eventually(look, fits)


def definition(stack: Stack) -> dict[str, Any]:
    def rest(name: str, **args: Any) -> dict[str, Any]:
        params = {"_url": f"{stack.base_url}/_local/inbox/twinit-{name}", "_auth": {"_type": "NoAuth"}, "_args": args}
        return {"_name": name, "_type": "REST_CONNECTOR", "_inputParams": params}

    return {
        "_name": "valve_check",
        "_timeoutSeconds": 600,
        "_taskDefs": [
            {
                "_name": "wait_ready",
                "_type": "DO_WHILE",
                "_inputParams": {"max": 3},
                "_loopCondition": "$.wait_ready.iteration < $.max && $.poll.count < 2",
                "_loopOver": [rest("poll")],
            },
            {"_name": "halls", "_type": "FORK_JOIN", "_forkTasks": [[rest("a")], [rest("b"), rest("c")]]},
            {
                "_name": "ask",
                "_type": "USER_INPUT",
                "_sendNotification": "yes",
                "_notificationId": "valve-77",
                "_inputParams": {"_userInput": {"decision": {"type": "string", "enum": ["release", "hold"]}}},
            },
            {
                "_name": "route",
                "_type": "SWITCH",
                "_inputParams": {"_switchCaseValue": "${ask._output._userInput.decision}"},
                "_decisionCases": {
                    "release": [rest("open", method="POST", body={"seen": "${halls._output.c.count}"})],
                    "defaultCase": [],
                },
            },
            rest("last"),
        ],
    }


def test_a_run_goes_through_every_control_type_paused_failed_retried_and_terminated(stack: Stack) -> None:
    definition_id = call(stack, "POST", "/workflowdefs", definition(stack), 201)["_id"]
    run_id = call(stack, "POST", "/workflows", {"_workflowDefId": definition_id}, 201)["_id"]
    stack.call("PUT", "/_local/inboxes/twinit-open/reply", {"status": 503, "times": 1})

    run = once(stack, run_id, run="RUNNING", ask="IN_PROGRESS")
    assert statuses(run) == {
        "wait_ready": "COMPLETED",
        "poll__1": "COMPLETED",
        "poll__2": "COMPLETED",
        **dict.fromkeys(("halls", "a", "b", "c"), "COMPLETED"),
        "ask": "IN_PROGRESS",
        "route": "QUEUED",
        "last": "QUEUED",
    }

    paused = call(stack, "PUT", f"/workflows/{run_id}/status", {"_status": "PAUSED"})
    assert (paused["_status"], statuses(paused)["ask"]) == ("PAUSED", "PAUSED")
    task_id = next(task["_id"] for task in paused["_tasks"] if task["_name"] == "ask")
    answered = call(stack, "POST", f"/workflow/{run_id}/userinput/{task_id}", {"_userInput": {"decision": "release"}})
    assert answered == {"message": "Task updated successfully"}
    assert call(stack, "GET", f"/workflows/{run_id}")["_status"] == "PAUSED"
    assert call(stack, "PUT", f"/workflows{run_id}/status", {"_status": "RESUMED"})["_status"] == "RESUMED"

    failed = once(stack, run_id, run="FAILED", open="FAILED", last="CANCELED")
    assert failed["_output"]["wait_ready"]["iteration"] == 2
    call(stack, "PUT", f"/workflows/{run_id}/status", {"_status": "TERMINATED"})
    assert call(stack, "GET", "/workflows?_status=TERMINATED&_name=valve")["_total"] == 1
    assert call(stack, "PUT", f"/workflows/{run_id}/status", {"_status": "RETRIED"})["_status"] == "RETRIED"

    ended = once(stack, run_id, run="COMPLETED")
    assert ended["_output"]["halls"]["c"] == {"received": True, "name": "twinit-c", "count": 1}
    assert [json.loads(each["body"]) for each in stack.received("twinit-open", 2)] == [{"seen": 1}] * 2
    assert len(stack.received("twinit-a", 1)) == len(stack.received("twinit-last", 1)) == 1
    call(stack, "PUT", f"/workflows/{run_id}/status", {"_status": "TERMINATED"}, 409)


def test_a_schedule_starts_runs_by_itself(stack: Stack) -> None:
    url = f"{stack.base_url}/_local/inbox/twinit-scheduled"
    task = {"_name": "note", "_type": "REST_CONNECTOR", "_inputParams": {}}
    made = call(stack, "POST", "/workflowdefs", {"_name": "each_second", "_taskDefs": [task]}, 201)
    schedule = {
        "_schedule": {"_type": "TIME_BASED", "_runInterval": "* * * ? * *"},
        "_inputParams": {"_url": url},
    }
    path = f"/workflowdefs/{made['_id']}/schedules"
    schedule_id = call(stack, "POST", path, schedule, 201)["_id"]

    stack.received("twinit-scheduled", 1)

    call(stack, "DELETE", f"{path}/{schedule_id}")
    (first, *_) = call(stack, "GET", "/workflows?_name=each_second")["_list"]
    assert first["_inputParams"] == {"_url": url}
    assert first["_createdBy"] == made["_createdBy"]
