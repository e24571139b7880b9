"""What the console's driver finds: workflows of two APIs, runs that succeeded, failed, wait, and loop.

Everything is made through the API, as a user would make it.
"""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

HOSTILE = "<img src=x onerror=alert(1)>"
PATIENCE_SECONDS = 20.0


class Client:
    def __init__(self, base_url: str, key: str) -> None:
        self.base_url = base_url
        self._key = key

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def workflow(self, name: str, nodes: list[Any], connections: list[Any], **members: Any) -> str:
        body = {"name": name, "nodes": nodes, "connections": connections, **members}
        workflow_id: str = self.call("POST", "/v1/workflows", body)["data"]["id"]
        self.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
        return workflow_id

    def run(self, workflow_id: str, run_input: Any, until: str | None = None) -> str:
        started = self.call("POST", f"/v1/workflows/{workflow_id}/execute", {"input": run_input})
        run_id: str = started["data"]["execution_id"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while until is not None and self.call("GET", f"/v1/executions/{run_id}")["data"]["state"] != until:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run_id} did not become {until}")
            time.sleep(0.1)
        return run_id

    def inbox(self, name: str) -> str:
        return f"{self.base_url}/_local/inbox/{name}"

    def break_inbox(self, name: str, times: int) -> None:
        self.call("PUT", f"/_local/inboxes/{name}/reply", {"status": 503, "times": times})


def order_workflow(client: Client) -> str:
    retry = {"max_attempts": 2, "backoff": "fixed", "delay_seconds": 0.4, "jitter": 0}
    nodes = [
        {"id": "start", "type": "trigger", "name": "Order comes in", "config": {"kind": "webhook"}},
        {"id": "large", "type": "condition", "name": "Is it large?", "config": {"condition": "$input.total > 100"}},
        _call(client, "stock", "Reserve stock", {"order": "{{ $input.id }}"}, retry=retry),
        _call(client, "books", "Book it", {"total": "{{ $input.total }}"}),
        {
            "id": "lines",
            "type": "map",
            "name": "Each line",
            "config": {
                "items": "{{ $input.lines }}",
                "body": {
                    "nodes": [
                        {"id": "price", "type": "transform", "config": {"values": {"sum": "{{ $item * 2 }}"}}},
                        _call(client, "label", "Print the label", {"line": "{{ $index }}"}),
                    ],
                    "connections": [{"from": "price", "to": "label"}],
                },
            },
        },
        {"id": "small", "type": "noop", "name": "Nothing to do"},
        {"id": "done", "type": "transform", "name": "Confirm", "config": {"values": {"order": "{{ $input.id }}"}}},
    ]
    connections = [
        {"from": "start", "to": "large"},
        {"from": "large", "to": "stock", "output": "true"},
        {"from": "large", "to": "books", "output": "true"},
        {"from": "large", "to": "small", "output": "false"},
        {"from": "stock", "to": "lines"},
        {"from": "books", "to": "done"},
        {"from": "lines", "to": "done", "condition": "$prev != null"},
    ]
    return client.workflow("Check an order", nodes, connections, description="Stock, books and labels")


def _call(client: Client, node_id: str, name: str, body: Any, **members: Any) -> dict[str, Any]:
    config = {"method": "POST", "url": client.inbox(node_id), "body": body}
    return {"id": node_id, "type": "http_request", "name": name, "config": config, **members}


def nested_workflow(client: Client) -> str:
    """A fork whose branches do different things, one of them a loop."""
    again = {
        "body": {"nodes": [_call(client, "probe", "Probe", {"round": "{{ $loop.index }}"})], "connections": []},
        "while": "$loop.index < 3",
    }
    branches = {
        "north": {"nodes": [{"id": "again", "type": "loop", "name": "Until it answers", "config": again}]},
        "south": {
            "nodes": [
                {"id": "read", "type": "noop", "name": "Read the meter"},
                {"id": "pause", "type": "wait", "name": "Let it settle", "config": {"seconds": 0.2}},
            ],
            "connections": [{"from": "read", "to": "pause"}],
        },
    }
    fork = {"id": "sites", "type": "fork", "name": "Both sites", "config": {"branches": branches}}
    nodes = [{"id": "start", "type": "trigger"}, fork, {"id": "sum", "type": "noop", "name": "Sum it up"}]
    connections = [{"from": "start", "to": "sites"}, {"from": "sites", "to": "sum"}]
    return client.workflow("Nightly checks", nodes, connections)


def approval_workflow(client: Client) -> str:
    form = {
        "type": "object",
        "required": ["approved"],
        "properties": {
            "approved": {"type": "boolean", "title": "Approved"},
            "level": {"type": "string", "enum": ["low", "high"], "title": "Level"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 500},
            "comment": {"type": "string", "maxLength": 500, "description": "Shown to the customer"},
        },
    }
    nodes = [
        {"id": "ask", "type": "user_input", "name": "Approve the refund", "config": {"form": form}},
        {"id": "pay", "type": "transform", "name": "Pay", "config": {"values": {"by": "{{ $prev }}"}}},
    ]
    return client.workflow("Approve a refund", nodes, [{"from": "ask", "to": "pay"}])


def busy_question(client: Client) -> str:
    """A run that waits for an answer while another branch goes on, round after round; its form is no schema."""
    nap = {"id": "nap", "type": "wait", "name": "Nap", "config": {"seconds": 0.5}}
    nodes = [
        {"id": "start", "type": "trigger"},
        {
            "id": "ask",
            "type": "user_input",
            "name": "Ask",
            "config": {"form": {"type": "object", "properties": {"x": {"type": "string"}}}},
        },
        {
            "id": "odd",
            "type": "user_input",
            "name": "Odd",
            "config": {"form": {"type": "object", "properties": {"x": None}}},
        },
        {
            "id": "busy",
            "type": "loop",
            "name": "Busy",
            "config": {"body": {"nodes": [nap]}, "while": "$loop.index < 200"},
        },
    ]
    return client.workflow("Ask meanwhile", nodes, [{"from": "start", "to": to} for to in ("ask", "odd", "busy")])


def meter_definition(client: Client) -> str:
    tasks = [
        {
            "_name": "ask",
            "_type": "USER_INPUT",
            "_sendNotification": "no",
            "_notificationId": "valve-77",
            "_inputParams": {"_userInput": {"decision": {"type": "string", "enum": ["release", "hold"]}}},
        }
    ]
    body = {"_name": "meter_sync", "_userType": "energy_jobs", "_taskDefs": tasks}
    made: str = client.call("POST", "/workflowsvc/api/v1/workflowdefs?nsfilter=plant", body)["_id"]
    return made


def build(client: Client) -> dict[str, str]:
    """The ids of what the driver visits, by name."""
    order, approval = order_workflow(client), approval_workflow(client)
    good = [
        client.run(order, {"id": f"B-{number}", "total": 20 + 30 * number, "lines": [1, 2, 3]}, "succeeded")
        for number in range(12)
    ]
    client.break_inbox("stock", 2)
    failed = client.run(order, {"id": HOSTILE, "total": 500, "lines": [4, 5]}, "failed")
    client.break_inbox("stock", 4)
    for number in range(2):
        client.run(order, {"id": f"F-{number}", "total": 700, "lines": []}, "failed")
    nested = nested_workflow(client)
    hostile = client.workflow(HOSTILE, [{"id": "x", "type": "noop", "name": HOSTILE}], [])
    return {
        "order": order,
        "succeeded": good[-1],
        "failed": failed,
        "approval": approval,
        "waiting": client.run(approval, {"refund": 40}, "waiting"),
        "nested": nested,
        "nested_run": client.run(nested, {}, "succeeded"),
        "busy": busy_question(client),
        "meter": meter_definition(client),
        "hostile": hostile,
        "hostile_run": client.run(hostile, {HOSTILE: HOSTILE}, "succeeded"),
    }
