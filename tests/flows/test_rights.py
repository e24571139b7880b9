"""What functions do off the beaten path, done under the rights that they are deployed with.

The local stack holds every function to its policy. The other tests of the stack go where users go every day; here is
what only a late schedule, a bulk retry, a chore or a recovery asks of AWS, which nobody would miss before it matters.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.local import rights
from tests.flows.flow_stack import FlowStack, running
from tests.flows.test_local_stack import eventually

NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(scope="module")
def stack() -> Iterator[FlowStack]:
    with running() as running_stack:
        yield running_stack


@pytest.fixture(autouse=True)
def nothing_is_refused(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR, logger=rights.__name__)
    yield
    assert [record.getMessage() for record in caplog.records if record.name == rights.__name__] == []


def active_workflow(stack: FlowStack, *nodes: dict[str, Any], **members: Any) -> str:
    body = {"name": "w", "nodes": [{"id": "start", "type": "trigger"}, *nodes], **members}
    body["connections"] = [{"from": "start", "to": node["id"]} for node in nodes]
    workflow_id: str = stack.got("POST", "/v1/workflows", body)["data"]["id"]
    stack.got("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
    return workflow_id


def ended(stack: FlowStack, workflow_id: str, how_many: int, status: str) -> None:
    target = f"/v1/executions?workflow_id={workflow_id}&status={status}"
    eventually(
        lambda: stack.got("GET", target)["data"]["pagination"]["total"],
        lambda total: total >= how_many,
    )


def calls(url: str) -> dict[str, Any]:
    return {"id": "call", "type": "http_request", "config": {"url": url, "method": "POST"}}


def test_failed_runs_are_retried_in_bulk(stack: FlowStack) -> None:
    workflow_id = active_workflow(stack, {"id": "fail", "type": "fail", "config": {"message": "no"}})
    for _ in range(2):
        stack.got("POST", f"/v1/workflows/{workflow_id}/execute", {})
    ended(stack, workflow_id, 2, "failed")

    wanted = {"workflow_id": workflow_id, "since": "2026-01-01"}
    bulk_id = stack.got("POST", "/v1/executions/bulk-retry", wanted)["data"]["id"]

    done = eventually(
        lambda: stack.got("GET", f"/v1/executions/bulk-retry/{bulk_id}")["data"],
        lambda found: found["status"] != "running",
    )
    assert (done["status"], done["retried"]) == ("success", 2), done


@pytest.mark.parametrize("overlap", ["allow", "queue", "skip"])
def test_a_schedule_that_is_late_is_caught_up_with(stack: FlowStack, overlap: str) -> None:
    workflow_id = active_workflow(stack, {"id": "rest", "type": "noop"})
    schedule = {"workflow_id": workflow_id, "interval_seconds": 3600, "overlap": overlap, "catch_up": "last"}
    stack.got("POST", "/v1/schedules", schedule)

    stack.clock.ahead += timedelta(hours=3)
    stack.tick()

    ended(stack, workflow_id, 1, "success")


def test_deliveries_are_attempted_recovered_and_forgotten(stack: FlowStack) -> None:
    workflow_id = active_workflow(stack, {"id": "rest", "type": "noop"})
    endpoint_id = stack.got("POST", f"/v1/webhooks?url={quote(NOWHERE, safe='')}&name=gone")["data"]["id"]
    stack.got("POST", f"/v1/subscriptions?emitter_id={workflow_id}&listener_id={endpoint_id}")
    stack.got("POST", f"/v1/workflows/{workflow_id}/execute", {})
    deliveries = f"/v1/webhooks/{endpoint_id}/deliveries"
    eventually(
        lambda: stack.got("GET", deliveries)["data"],
        lambda found: found and found[0]["last_attempt"] is not None,
    )

    stack.got("POST", f"/v1/webhooks/{endpoint_id}/recover", {"since": "2020-01-01T00:00:00Z"})
    stack.clock.ahead += timedelta(hours=1)
    stack.tick()
    stack.got("DELETE", f"/v1/webhooks/{endpoint_id}")

    assert stack.call("GET", f"/v1/webhooks/{endpoint_id}").status == 404
    all_chores_done(stack)


def test_events_are_deleted(stack: FlowStack) -> None:
    code = (
        'export default { name: "C", version: "0.0.1", key: "c",'
        ' props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 3600 } } },'
        " run() { this.$emit({ n: 1 }); } };"
    )
    source_id = stack.got("POST", "/v1/sources", {"component_code": code})["data"]["id"]
    summaries = f"/v1/sources/{source_id}/event_summaries"
    eventually(lambda: stack.got("GET", summaries)["data"], bool)

    stack.call("DELETE", f"/v1/sources/{source_id}/events")

    eventually(lambda: stack.got("GET", summaries)["data"] == [], bool)
    assert stack.call("DELETE", f"/v1/sources/{source_id}").status == 204
    all_chores_done(stack)


def test_pins_are_written_to_by_runs_told_of_and_deleted(stack: FlowStack) -> None:
    pin_id = stack.got("POST", "/api/pins/send", {"metadata": {"title": "t"}})["pid"]
    hook = {"url": NOWHERE, "events": ["workflow.updated"], "pinId": pin_id, "workflowId": "nightly"}
    stack.call("POST", "/api/webhooks", hook)
    tell = {"id": "tell", "type": "pin_data", "config": {"pin_id": pin_id, "workflow_id": "nightly", "data": {"n": 1}}}
    workflow_id = active_workflow(stack, tell, mirror_to_pin={"pin_id": pin_id, "workflow_id": "nightly"})

    stack.got("POST", f"/v1/workflows/{workflow_id}/execute", {})
    ended(stack, workflow_id, 1, "success")
    stack.got("GET", f"/api/workflow-data/{pin_id}/nightly")
    stack.got("DELETE", f"/api/pins/{pin_id}")
    stack.clock.ahead += timedelta(hours=1)
    stack.tick()

    assert stack.call("GET", f"/api/pins/{pin_id}").status == 404
    all_chores_done(stack)


def all_chores_done(stack: FlowStack) -> None:
    eventually(
        lambda: stack.got("GET", "/v1/overview")["data"],
        lambda found: not found.get("runs", {}).get("running"),
    )
