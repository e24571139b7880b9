"""The local stack as `make run` starts it, in a process of its own, seen only through HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from standardwebhooks import Webhook

KEY, OTHER_KEY = "first-user-key", "other-user-key"
PATIENCE_SECONDS = 15.0
STOP_SECONDS = 10  # less than a long poll lasts
_ADDRESS = re.compile(r"API +(http://localhost:\d+)")


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def data(self) -> Any:
        assert 200 <= self.status < 300, self
        return json.loads(self.body)["data"]


class Stack:
    """A running `python -m chalicelib.local`."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"PORT": "0", "PENSTOCK_DEV_KEYS": f"first:{KEY},other:{OTHER_KEY}"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chalicelib.local"], env=environment, stdout=subprocess.PIPE, text=True
        )
        self._overdue = threading.Timer(PATIENCE_SECONDS, self._process.kill)
        self._overdue.start()
        self.base_url = self._greeted()
        self._overdue.cancel()

    def call(self, method: str, target: str, body: Any = None, *, key: str | None = KEY) -> Answer:
        """`target` is a path of the stack, or a whole URL of it."""
        url = urlsplit(target if "://" in target else f"{self.base_url}{target}")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        assert url.hostname is not None
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, url.path + (f"?{url.query}" if url.query else ""), content, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def active_workflow(self, nodes: list[Any], connections: list[Any]) -> str:
        definition = {"name": "Bestellung", "nodes": nodes, "connections": connections}
        workflow_id: str = self.call("POST", "/v1/workflows", definition).data["id"]
        activated = self.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
        assert activated.data["status"] == "active"
        return workflow_id

    def execute(self, workflow_id: str, given: Any = None) -> str:
        started = self.call("POST", f"/v1/workflows/{workflow_id}/execute", {"input": given or {}}).data
        assert started["status"] == "running"
        execution_id: str = started["execution_id"]
        return execution_id

    def execution(self, execution_id: str) -> Any:
        return self.call("GET", f"/v1/executions/{execution_id}").data

    def ended(self, execution_id: str) -> Any:
        return eventually(lambda: self.execution(execution_id), lambda found: found["status"] != "running")

    def received(self, inbox: str, count: int) -> list[Any]:
        """What the inbox got, oldest first, once it got that much."""
        target = f"/_local/inboxes/{inbox}?wait_for={count}&timeout={PATIENCE_SECONDS}"
        requests: list[Any] = json.loads(self.call("GET", target).body)["requests"]
        return requests[::-1]

    def interrupt(self, seconds: float) -> int:
        """Ctrl-C; the exit code, if the process ends in time."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(seconds)

    def close(self) -> None:
        self._overdue.cancel()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _greeted(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := _ADDRESS.search(line):
                return match[1]
        raise AssertionError(f"the stack ended with {self._process.wait()} before it was ready")


def eventually(look: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not is_so(found := look()):
        assert time.monotonic() < deadline, f"still {found}"
        pause.wait(0.02)
    return found


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    running = Stack()
    yield running
    running.close()


def order_workflow(stack: Stack, inbox: str) -> str:
    """Large orders go to stock and to billing at the same time and are then confirmed; small ones are only noted."""

    def post(node_id: str, name: str) -> dict[str, Any]:
        url = f"{stack.base_url}/_local/inbox/{inbox}-{node_id}"
        config = {"method": "POST", "url": url, "body": {"order": "{{ $input.order }}"}}
        return {"id": node_id, "type": "http_request", "name": name, "config": config}

    nodes = [
        {"id": "start", "type": "trigger"},
        {"id": "large", "type": "condition", "config": {"condition": "{{ $input.total > 100 }}"}},
        post("stock", "Lager"),
        post("billing", "Rechnung"),
        {"id": "small", "type": "transform", "config": {"values": {"order": "{{ $input.order }}", "kind": "small"}}},
        {
            "id": "confirm",
            "type": "transform",
            "config": {"values": {"order": "{{ $input.order }}", "stock": "{{ $node.stock.status }}"}},
        },
    ]
    connections = [
        {"from": "start", "to": "large"},
        {"from": "large", "to": "stock", "output": "true"},
        {"from": "large", "to": "billing", "output": "true"},
        {"from": "large", "to": "small", "output": "false"},
        {"from": "stock", "to": "confirm"},
        {"from": "billing", "to": "confirm"},
    ]
    return stack.active_workflow(nodes, connections)


def step(run: Any, node_id: str) -> Any:
    (found,) = (each for each in run["steps"] if each["node_id"] == node_id)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def is_about(duration_ms: int, of: Any) -> bool:
    """Whether a duration fits its ends, which are told in whole seconds."""
    between_ms = (at(of["finished_at"]) - at(of["started_at"])).total_seconds() * 1000
    return isinstance(duration_ms, int) and between_ms - 1000 < duration_ms < between_ms + 1000


def test_a_run_started_by_api_goes_the_way_its_condition_says(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "api")

    run = stack.ended(stack.execute(workflow_id, {"order": 7, "total": 250}))

    assert run["status"] == "success"
    assert run["output"] == {"order": 7, "stock": 200}
    assert [each["node_id"] for each in run["steps"][:2]] == ["start", "large"]
    assert {each["node_id"] for each in run["steps"][2:4]} == {"stock", "billing"}
    assert [each["node_id"] for each in run["steps"][4:]] == ["confirm"]
    assert {each["status"] for each in run["steps"]} == {"success"}
    assert step(run, "stock")["node_name"] == "Lager"
    assert step(run, "billing")["output"]["body"] == {"received": True, "name": "api-billing", "count": 1}


def test_times_of_a_run_fit_together(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "times")

    run = stack.ended(stack.execute(workflow_id, {"order": 8, "total": 101}))

    assert is_about(run["duration"], run)
    for each in run["steps"]:
        assert at(run["started_at"]) <= at(each["started_at"]) <= at(each["finished_at"]) <= at(run["finished_at"])
        assert is_about(each["duration"], each)
        assert 0 <= each["duration"] <= run["duration"]


def test_the_other_port_of_the_condition_leads_elsewhere(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "small")

    run = stack.ended(stack.execute(workflow_id, {"order": 9, "total": 100}))

    assert run["output"] == {"order": 9, "kind": "small"}
    assert [each["node_id"] for each in run["steps"]] == ["start", "large", "small"]
    assert stack.received("small-stock", 0) == []


def test_receivers_get_each_effect_once_with_the_key_of_its_step(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "keys")

    run = stack.ended(stack.execute(workflow_id, {"order": 10, "total": 500}))

    for branch in ("stock", "billing"):
        (request,) = stack.received(f"keys-{branch}", 1)
        headers = {name.lower(): value for name, value in request["headers"].items()}
        assert headers["idempotency-key"].startswith(f"{run['id']}/{branch}")
        assert json.loads(request["body"]) == {"order": 10}


def test_an_inbound_webhook_starts_a_run_with_what_it_was_sent(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "hook")
    hook = stack.call("POST", "/v1/webhooks", {"workflow_id": workflow_id, "name": "Shop"}).data

    started = stack.call("POST", hook["url"], {"order": 11, "total": 300}, key=hook.get("token")).data
    run = stack.ended(started["execution_id"])

    assert run["input"] == {"order": 11, "total": 300}
    assert run["output"] == {"order": 11, "stock": 200}
    assert [json.loads(each["body"]) for each in stack.received("hook-billing", 1)] == [{"order": 11}]


def test_a_registered_webhook_gets_what_a_workflow_emits(stack: Stack) -> None:
    nodes = [
        {"id": "start", "type": "trigger"},
        {"id": "say", "type": "emit", "config": {"event": {"raw_event": "{{ $input }}"}}},
    ]
    workflow_id = stack.active_workflow(nodes, [{"from": "start", "to": "say"}])
    webhook = stack.call("POST", "/v1/webhooks", {"url": f"{stack.base_url}/_local/inbox/events"}).data
    triple = f"emitter_id={workflow_id}&listener_id={webhook['id']}"
    assert stack.call("POST", f"/v1/subscriptions?{triple}").data["event_name"] == ""

    stack.ended(stack.execute(workflow_id, {"order": 13}))

    (request,) = stack.received("events", 1)
    deliveries = f"/v1/webhooks/{webhook['id']}/deliveries"
    (delivery,) = eventually(
        lambda: stack.call("GET", deliveries).data, lambda found: found[0]["status"] == "succeeded"
    )
    (event,) = stack.call("GET", f"/v1/workflows/{workflow_id}/event_summaries&expand=event").data
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert json.loads(request["body"]) == event["event"] == {"raw_event": {"order": 13}}
    assert headers["webhook-id"] == delivery["id"]
    assert headers["x-pd-emit-id"] == delivery["emit_id"] == event["metadata"]["emit_id"]
    assert headers["webhook-signature"].startswith("v1,")


def test_a_webhook_that_rested_gets_what_it_missed_and_the_same_again(stack: Stack) -> None:
    webhook = stack.call("POST", "/v1/webhooks", {"url": f"{stack.base_url}/_local/inbox/rest"}).data["id"]
    target = f"/v1/webhooks/{webhook}"
    stack.call("POST", f"{target}/pause")
    sent = stack.call("POST", f"{target}/test", {"payload": 1}).data["id"]
    eventually(lambda: stack.call("GET", f"{target}/deliveries/{sent}").data["status"], lambda found: found == "held")

    assert stack.call("POST", f"{target}/resume").data["released"] == 1
    stack.received("rest", 1)
    eventually(
        lambda: stack.call("GET", f"{target}/deliveries/{sent}").data["status"], lambda found: found == "succeeded"
    )
    stack.call("POST", f"{target}/deliveries/{sent}/redeliver")

    first, second = stack.received("rest", 2)
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == sent
    assert stack.call("DELETE", target) == Answer(204, b"")
    assert stack.call("GET", target).status == 404


def test_a_receiver_verifies_what_it_gets_with_its_secret(stack: Stack) -> None:
    """An error of a run that nothing but a glob listens for."""
    nodes = [{"id": "start", "type": "trigger"}, {"id": "no", "type": "fail", "config": {"message": "kaputt"}}]
    workflow_id = stack.active_workflow(nodes, [{"from": "start", "to": "no"}])
    webhook = stack.call("POST", "/v1/webhooks", {"url": f"{stack.base_url}/_local/inbox/errors"}).data["id"]
    stack.call("POST", f"/v1/subscriptions?emitter_id=p_*&event_name=%24errors&listener_id={webhook}")
    secret = stack.call("GET", f"/v1/webhooks/{webhook}/secret").data["secret"]

    execution_id = stack.execute(workflow_id, {"order": 14})

    (request,) = stack.received("errors", 1)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    told: Any = Webhook(secret).verify(request["body"], headers)
    assert (told["original_event"], told["run_id"]) == ({"order": 14}, execution_id)
    assert (told["error"]["code"], told["error"]["msg"]) == ("fail", "kaputt")
    assert stack.call("DELETE", f"/v1/webhooks/{webhook}") == Answer(204, b"")


def test_a_wait_of_a_second_takes_a_second(stack: Stack) -> None:
    nodes = [{"id": "start", "type": "trigger"}, {"id": "pause", "type": "wait", "config": {"seconds": 1}}]
    workflow_id = stack.active_workflow(nodes, [{"from": "start", "to": "pause"}])

    run = stack.ended(stack.execute(workflow_id))

    assert run["status"] == "success"
    assert [each["node_id"] for each in run["steps"]] == ["start", "pause"]
    assert 500 < step(run, "pause")["duration"] <= 1000
    assert 1000 <= run["duration"] < 3000


def test_a_cancelled_run_ends_and_does_not_go_on(stack: Stack) -> None:
    nodes = [
        {"id": "start", "type": "trigger"},
        {"id": "pause", "type": "wait", "config": {"seconds": 3600}},
        {"id": "never", "type": "http_request", "config": {"url": f"{stack.base_url}/_local/inbox/never"}},
    ]
    workflow_id = stack.active_workflow(nodes, [{"from": "start", "to": "pause"}, {"from": "pause", "to": "never"}])
    execution_id = stack.execute(workflow_id)
    waiting = eventually(lambda: stack.execution(execution_id), lambda found: len(found["steps"]) == 2)

    cancelled = stack.call("POST", f"/v1/executions/{execution_id}/cancel").data

    assert [(each["node_id"], each["status"]) for each in waiting["steps"]] == [
        ("start", "success"),
        ("pause", "running"),
    ]
    assert cancelled["status"] == "cancelled"
    assert stack.execution(execution_id)["status"] == "cancelled"
    assert stack.call("POST", f"/v1/executions/{execution_id}/cancel").status == 400
    assert stack.received("never", 0) == []


def test_another_user_s_ids_are_refused_byte_for_byte_like_unknown_ones(stack: Stack) -> None:
    workflow_id = order_workflow(stack, "tenant")
    execution_id = stack.execute(workflow_id, {"order": 12, "total": 1})
    targets = [
        ("GET", "/v1/workflows/{}", workflow_id),
        ("POST", "/v1/workflows/{}/execute", workflow_id),
        ("GET", "/v1/executions/{}", execution_id),
        ("GET", "/v1/executions/{}/logs", execution_id),
        ("POST", "/v1/executions/{}/cancel", execution_id),
    ]

    for method, target, own_id in targets:
        unknown_id = own_id[:-6] + "zzzzzz"
        of_another = stack.call(method, target.format(own_id), {}, key=OTHER_KEY)
        unknown = stack.call(method, target.format(unknown_id), {}, key=OTHER_KEY)

        assert of_another.status == 404
        assert of_another == unknown
    assert stack.ended(execution_id)["status"] == "success"


def test_ctrl_c_ends_the_stack_in_good_order_with_work_under_way() -> None:
    stack = Stack()
    try:
        nodes = [
            {"id": "start", "type": "trigger"},
            {"id": "slow", "type": "http_request", "config": {"url": f"{stack.base_url}/_local/stub?delay=0.3"}},
        ]
        workflow_id = stack.active_workflow(nodes, [{"from": "start", "to": "slow"}])
        execution_id = stack.execute(workflow_id)
        eventually(lambda: stack.execution(execution_id), lambda found: len(found["steps"]) == 2)

        begun = time.monotonic()
        code = stack.interrupt(PATIENCE_SECONDS)

        assert code == 0
        assert time.monotonic() - begun < STOP_SECONDS
    finally:
        stack.close()
