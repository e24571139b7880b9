"""The Twinit door over in-memory stores: calls in one namespace, and a worker."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.api.gateway import Answer
from tests.api.world import World

BASE = "/workflowsvc/api/v1"
NAMESPACE = "plant_k8Qw2LzA"


def rest(name: str, **members: Any) -> dict[str, Any]:
    """A REST_CONNECTOR whose answer the test decides by its name."""
    params = members.pop("params", {"_url": f"https://plant.example.com/{name}", "_auth": {"_type": "NoAuth"}})
    return {"_name": name, "_type": "REST_CONNECTOR", "_inputParams": params, **members}


def ask(name: str = "ask", **members: Any) -> dict[str, Any]:
    fields = members.pop("fields", {"decision": {"type": "string", "enum": ["release", "hold"]}})
    task = {"_name": name, "_type": "USER_INPUT", "_sendNotification": "no", "_notificationId": "valve-77"}
    return {**task, "_inputParams": {"_userInput": fields}, **members}


def switch(name: str, value: str, cases: dict[str, Any], **members: Any) -> dict[str, Any]:
    params = {"_switchCaseValue": value}
    return {"_name": name, "_type": "SWITCH", "_inputParams": params, "_decisionCases": cases, **members}


def fork(name: str, *branches: list[Any]) -> dict[str, Any]:
    return {"_name": name, "_type": "FORK_JOIN", "_inputParams": {}, "_forkTasks": list(branches)}


def loop(name: str, condition: str, *body: Any, **params: Any) -> dict[str, Any]:
    return {
        "_name": name,
        "_type": "DO_WHILE",
        "_inputParams": params,
        "_loopCondition": condition,
        "_loopOver": list(body),
    }


def json_answer(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, text.encode(), "https://plant.example.com", 0.01)


class Plant:
    """A world seen from one namespace of its first workspace."""

    def __init__(self) -> None:
        self.world = World()
        self.answers: dict[str, Any] = {}
        self.world.sender.respond = self._respond

    @property
    def requests(self) -> list[HttpRequest]:
        return self.world.sender.requests

    def _respond(self, request: HttpRequest) -> HttpResponse:
        """By the last part of the path: a text, a status, or a function of the request."""
        answer = self.answers.get(request.url.rpartition("/")[2], "{}")
        if callable(answer):
            answer = answer(request)
        return json_answer("{}", answer) if isinstance(answer, int) else json_answer(answer)

    def call(self, method: str, path: str, body: Any = None, *, key: str = "", **query: Any) -> Answer:
        named = {"nsfilter": NAMESPACE, **query}
        text = urlencode({name: value for name, value in named.items() if value is not None}, quote_via=quote)
        return self.world.call(method, f"{BASE}{path}?{text}" if text else f"{BASE}{path}", body, key=key)

    def define(self, *tasks: Any, **members: Any) -> str:
        query = members.pop("query", {})
        body = {"_name": "meter_sync", "_userType": "energy_jobs", "_taskDefs": list(tasks), **members}
        made = self.call("POST", "/workflowdefs", body, **query)
        assert made.status == 201, made.text
        id_: str = made.json["_id"]
        return id_

    def start(self, definition_id: str, params: Any = None, **query: Any) -> str:
        body = {"_workflowDefId": definition_id} | ({} if params is None else {"_inputParams": params})
        started = self.call("POST", "/workflows", body, **query)
        assert started.status == 201, started.text
        id_: str = started.json["_id"]
        return id_

    def run(self, *tasks: Any, params: Any = None, **members: Any) -> Any:
        """A run of these tasks, worked off as far as it gets."""
        run_id = self.start(self.define(*tasks, **members), params)
        self.world.work()
        return self.get(run_id)

    def get(self, run_id: str, **query: Any) -> Any:
        found = self.call("GET", f"/workflows/{run_id}", **query)
        assert found.status == 200, found.text
        return found.json

    def command(self, run_id: str, status: str) -> Answer:
        return self.call("PUT", f"/workflows/{run_id}/status", {"_status": status})

    def task(self, run: Any, name: str, **query: Any) -> Any:
        id_ = next(task["_id"] for task in self.get(run["_id"], **query)["_tasks"] if task["_name"] == name)
        found = self.call("GET", f"/workflows/{run['_id']}/tasks/{id_}")
        assert found.status == 200, found.text
        return found.json

    def reply(self, run: Any, name: str, answer: Any, *, key: str = "") -> Answer:
        id_ = next(task["_id"] for task in self.get(run["_id"])["_tasks"] if task["_name"] == name)
        return self.call("POST", f"/workflow/{run['_id']}/userinput/{id_}", {"_userInput": answer}, key=key)


def statuses(run: Any) -> dict[str, str]:
    return {task["_name"]: task["_status"] for task in run["_tasks"]}
