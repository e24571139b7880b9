"""Who may do what where: scopes, namespaces and workspaces, for every route."""

from __future__ import annotations

from typing import Any

import pytest

import app as application
from tests.api.twinit.house import BASE, NAMESPACE, Plant, ask, rest

READ_DEFS, WRITE_DEFS = "workflows:read", "workflows:write"
READ_RUNS, WRITE_RUNS = "executions:read", "executions:write"
READ_SCHEDULES, WRITE_SCHEDULES = "schedules:read", "schedules:write"
SCHEDULE = {"_schedule": {"_type": "TIME_BASED", "_runInterval": "0 0 6 ? * *"}}
ROWS: list[tuple[str, str, str, Any]] = [
    ("GET", "/workflows", READ_RUNS, None),
    ("GET", "/workflows/{run}", READ_RUNS, None),
    ("POST", "/workflows", WRITE_RUNS, {"_workflowDefId": "{def}"}),
    ("PUT", "/workflows/{run}/status", WRITE_RUNS, {"_status": "PAUSED"}),
    ("PUT", "/workflows{run}/status", WRITE_RUNS, {"_status": "PAUSED"}),
    ("GET", "/workflows/{run}/tasks/{task}", READ_RUNS, None),
    ("GET", "/workflows/{run}/tasks/{task}/logs", READ_RUNS, None),
    ("GET", "/workflows/{run}/tasks/{task}/loopovertasks", READ_RUNS, None),
    ("GET", "/workflow/{run}/task/{task}/loopovertasks", READ_RUNS, None),
    ("POST", "/workflows/{run}/userinput/{task}", WRITE_RUNS, {"_userInput": {"decision": "hold"}}),
    ("POST", "/workflow/{run}/userinput/{task}", WRITE_RUNS, {"_userInput": {"decision": "hold"}}),
    ("GET", "/workflowdefs", READ_DEFS, None),
    ("POST", "/workflowdefs", WRITE_DEFS, {"_name": "n", "_taskDefs": []}),
    ("GET", "/workflowdefs/{def}", READ_DEFS, None),
    ("PUT", "/workflowdefs/{def}", WRITE_DEFS, {}),
    ("DELETE", "/workflowdefs/{def}", WRITE_DEFS, None),
    ("POST", "/workflowdefs/{def}/schedules", WRITE_SCHEDULES, SCHEDULE),
    ("GET", "/workflowdefs/{def}/schedules", READ_SCHEDULES, None),
    ("GET", "/workflowdefs/{def}/schedules/{schedule}", READ_SCHEDULES, None),
    ("PUT", "/workflowdefs/{def}/schedules/{schedule}", WRITE_SCHEDULES, {}),
    ("DELETE", "/workflowdefs/{def}/schedules/{schedule}", WRITE_SCHEDULES, None),
    ("GET", "/workflowdefs/{def}/jobs", READ_SCHEDULES, None),
    ("GET", "/workflowdefs/{def}/jobs/{job}", READ_SCHEDULES, None),
    ("DELETE", "/workflowdefs/{def}/jobs/{job}", WRITE_SCHEDULES, None),
    ("GET", "/workflowdefs/{def}/jobs/{job}/triggers", READ_SCHEDULES, None),
    ("POST", "/workflowdefs/{def}/jobs/{job}/triggers", WRITE_SCHEDULES, {"_runInterval": "0 0 7 ? * *"}),
    ("GET", "/workflowdefs/{def}/jobs/{job}/triggers/{trigger}", READ_SCHEDULES, None),
    ("PUT", "/workflowdefs/{def}/jobs/{job}/triggers/{trigger}", WRITE_SCHEDULES, {}),
    ("DELETE", "/workflowdefs/{def}/jobs/{job}/triggers/{trigger}", WRITE_SCHEDULES, None),
]
IDS = [f"{method} {path}" for method, path, _, _ in ROWS]
LISTS = {"/workflows", "/workflowdefs"}
every_row = pytest.mark.parametrize(("method", "path", "scope", "body"), ROWS, ids=IDS)


class House(Plant):
    """A definition with a schedule, and a run of it that waits."""

    def __init__(self) -> None:
        super().__init__()
        definition = self.define(ask(), rest("b"))
        run = self.get(self.start(definition))
        self.world.work()
        schedule = self.call("POST", f"/workflowdefs/{definition}/schedules", SCHEDULE).json
        self.ids = {
            "{def}": definition,
            "{run}": run["_id"],
            "{task}": run["_tasks"][0]["_id"],
            "{schedule}": schedule["_id"],
            "{job}": schedule["_jobId"],
            "{trigger}": schedule["_triggerId"],
        }

    def send(self, method: str, path: str, body: Any, *, key: str = "", **query: Any) -> int:
        for name, id_ in self.ids.items():
            path = path.replace(name, id_)
        if isinstance(body, dict) and body.get("_workflowDefId"):
            body = {"_workflowDefId": self.ids["{def}"]}
        return self.call(method, path, body, key=key, **query).status


@pytest.fixture
def house() -> House:
    return House()


def test_the_table_names_every_route() -> None:
    served = {
        (verb, path.removeprefix(BASE).count("/"), path.rpartition("/")[2].partition("{")[0])
        for path, verbs in application.app.routes.items()
        if path.startswith(BASE)
        for verb in verbs
    }
    named = {(method, path.count("/"), path.rpartition("/")[2].partition("{")[0]) for method, path, _, _ in ROWS}

    assert served == named
    assert sum(len(verbs) for path, verbs in application.app.routes.items() if path.startswith(BASE)) == len(ROWS)


@every_row
def test_the_right_scope_is_enough_and_any_other_too_little(
    house: House, method: str, path: str, scope: str, body: Any
) -> None:
    others = {READ_DEFS, WRITE_DEFS, READ_RUNS, WRITE_RUNS, READ_SCHEDULES, WRITE_SCHEDULES} - {scope}
    before = house.world.stored()

    assert house.send(method, path, body, key=house.world.new_key("ws_one", *sorted(others))) == 403
    assert house.world.stored()[1:] == before[1:]
    assert house.send(method, path, body, key=house.world.new_key("ws_one", scope)) in (200, 201)


@every_row
def test_nobody_comes_in_without_a_key(house: House, method: str, path: str, scope: str, body: Any) -> None:
    answer = house.world.call(method, f"{BASE}{path}?nsfilter=x", body, key=None)

    assert answer.status == 401
    assert answer.json["error"] == "Unauthorized"


@every_row
def test_every_call_needs_a_namespace(house: House, method: str, path: str, scope: str, body: Any) -> None:
    assert house.send(method, path, body, nsfilter=None) == 400
    assert house.send(method, path, body, nsfilter="") == 400
    assert house.send(method, path, body, nsfilter=None, NSFilter=NAMESPACE) in (200, 201)


@every_row
def test_another_namespace_or_workspace_does_not_have_it(
    house: House, method: str, path: str, scope: str, body: Any
) -> None:
    is_open = path in LISTS and not (method == "POST" and path == "/workflows")
    missing = {200, 201} if is_open else {404}

    assert house.send(method, path, body, nsfilter="elsewhere") in missing
    assert house.send(method, path, body, key=house.world.other_key) in missing


@every_row
def test_a_key_may_be_restricted_to_namespaces(house: House, method: str, path: str, scope: str, body: Any) -> None:
    elsewhere = house.world.new_key("ws_one", "*", "namespace:elsewhere")
    here = house.world.new_key("ws_one", "*", "namespace:elsewhere", f"namespace:{NAMESPACE}")

    assert house.send(method, path, body, key=elsewhere) == 403
    assert house.send(method, path, body, key=here) in (200, 201)


def test_a_restricted_key_cannot_put_anything_into_other_namespaces(house: House) -> None:
    here = house.world.new_key("ws_one", "*", f"namespace:{NAMESPACE}")
    both = {"_namespaces": [NAMESPACE, "elsewhere"]}

    assert house.send("POST", "/workflowdefs", {"_name": "n", "_taskDefs": [], **both}, key=here) == 403
    assert house.send("PUT", "/workflowdefs/{def}", both, key=here) == 403
    assert house.send("POST", "/workflowdefs/{def}/schedules", {**SCHEDULE, **both}, key=here) == 403


@pytest.mark.parametrize("path", ["/v1/executions", "/v1/workflows", "/v1/schedules", "/v1/users/me"])
def test_a_restricted_key_is_refused_where_nobody_asks_for_namespaces(house: House, path: str) -> None:
    here = house.world.new_key("ws_one", "*", f"namespace:{NAMESPACE}")

    assert house.world.call("GET", path, key=here).status == 403
    assert house.world.call("GET", path).status != 403


def test_a_namespace_alone_allows_nothing(house: House) -> None:
    bare = house.world.new_key("ws_one", f"namespace:{NAMESPACE}")

    assert house.send("GET", "/workflowdefs", None, key=bare) == 403
