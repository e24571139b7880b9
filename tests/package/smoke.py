"""`make smoke`: the package deployed as a whole, and driven from outside.

Real HTTP through the gateway to the API function, real messages from the queue to the run function, every call to
AWS under the role's own policy.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from infra import package, targets
from infra.destroy import destroy
from infra.stacks import Aws
from tests.package.deployed import REGION, STAGE, Deployed, Ministack, eventually


class Receiver(BaseHTTPRequestHandler):
    """What a workflow calls: answers with the body that came in."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def receiver_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    ministack = Ministack(tmp_path_factory.mktemp("ministack"))
    try:
        ministack.await_answer()
        built = package.build(targets.of_this_process(), package.DIST / "local")
        yield Deployed(ministack, built, OutboundAllow="127.0.0.0/8", RateLimitPerMinute="100000")
    finally:
        ministack.stop()


@pytest.fixture(scope="module")
def workflow_id(stage: Deployed, receiver_url: str) -> str:
    definition = {
        "nodes": [
            {"id": "start", "type": "trigger", "config": {"kind": "webhook"}},
            {"id": "wait", "type": "wait", "config": {"seconds": 1}},
            {
                "id": "call",
                "type": "http_request",
                "config": {"url": receiver_url, "method": "POST", "body": "{{ $input }}"},
            },
        ],
        "connections": [{"from": "start", "to": "wait"}, {"from": "wait", "to": "call"}],
    }
    status, made = stage.call("POST", "/v1/workflows", {"name": "smoke", "definition": definition})
    assert status == 201, made
    workflow_id: str = made["data"]["id"]
    status, _ = stage.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
    assert status == 200
    return workflow_id


def start(stage: Deployed, workflow_id: str, given: dict[str, Any]) -> str:
    status, started = stage.call("POST", f"/v1/workflows/{workflow_id}/execute", {"input": given})
    assert status in {200, 202}, started
    return str(started["data"]["execution_id"])


def end_of(stage: Deployed, run_id: str) -> Any:
    def look() -> Any:
        status, found = stage.call("GET", f"/v1/executions/{run_id}")
        assert status == 200, found
        return found["data"] if found["data"]["status"] not in {"pending", "running"} else None

    return eventually(look, f"the end of {run_id}")


def test_a_call_without_a_valid_key_is_refused_by_the_api_function(stage: Deployed) -> None:
    status, refused = stage.call("GET", "/v1/workflows", secret="psk_nobodys")

    assert (status, refused["error"]["code"]) == (401, "UNAUTHORIZED")


def test_a_started_run_waits_calls_out_and_succeeds(stage: Deployed, workflow_id: str) -> None:
    run = end_of(stage, start(stage, workflow_id, {"n": 1}))

    assert run["status"] == "success", run


def test_an_inbound_webhook_starts_a_run(stage: Deployed, workflow_id: str) -> None:
    status, made = stage.call("POST", "/v1/webhooks", {"workflow_id": workflow_id})
    assert status == 201, made
    hook_url = made["data"]["url"]
    assert hook_url.endswith(f"/webhook/{made['data']['id']}")

    status, accepted = stage.call("POST", f"/webhook/{made['data']['id']}", {"n": 2}, secret=made["data"]["token"])

    assert status in {200, 202}, accepted
    assert end_of(stage, accepted["data"]["execution_id"])["status"] == "success"


def test_a_value_too_large_for_an_item_goes_through_the_bucket(stage: Deployed, workflow_id: str) -> None:
    run = end_of(stage, start(stage, workflow_id, {"text": "x" * 500_000}))

    assert run["status"] == "success", run
    s3 = stage.ministack.client("s3")
    assert s3.list_objects_v2(Bucket=stage.outputs["BlobsBucketName"])["KeyCount"] > 0


def test_runs_are_listed_and_counted(stage: Deployed, workflow_id: str) -> None:
    status, listed = stage.call("GET", f"/v1/executions?workflow_id={workflow_id}")

    assert status == 200
    assert listed["data"]["pagination"]["total"] >= 3


def test_the_end_of_a_run_is_delivered_to_a_webhook(stage: Deployed, workflow_id: str, receiver_url: str) -> None:
    status, made = stage.call("POST", "/v1/webhooks", {"url": receiver_url, "name": "smoke"})
    assert status == 200, made
    endpoint_id = made["data"]["id"]
    wanted = {"emitter_id": workflow_id, "listener_id": endpoint_id}
    status, subscribed = stage.call("POST", "/v1/subscriptions", wanted)
    assert status == 200, subscribed

    run_id = start(stage, workflow_id, {"n": 7})

    def look() -> Any:
        _, listed = stage.call("GET", f"/v1/webhooks/{endpoint_id}/deliveries")
        return [each for each in listed["data"] if each["status"] == "succeeded"] or None

    (delivery,) = eventually(look, "the delivery")
    status, shown = stage.call("GET", f"/v1/webhooks/{endpoint_id}/deliveries/{delivery['id']}")
    assert (status, shown["data"]["payload"]["data"]["run_id"]) == (200, run_id), shown


def test_a_source_runs_its_code_in_the_sandbox_function(stage: Deployed) -> None:
    code = (
        'export default { name: "Counter", version: "0.0.1", key: "counter",'
        ' props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 3600 } } },'
        " run() { this.$emit({ n: 1 }); } };"
    )
    status, made = stage.call("POST", "/v1/sources", {"component_code": code})
    assert status == 200, made
    source_id = made["data"]["id"]

    def look() -> Any:
        _, page = stage.call("GET", f"/v1/sources/{source_id}/event_summaries?expand=event")
        return page["data"] or None

    (event,) = eventually(look, "the event of the source")
    assert event["event"] == {"n": 1}
    assert stage.call("DELETE", f"/v1/sources/{source_id}")[0] == 204


def test_the_tick_runs_under_its_own_role(stage: Deployed) -> None:
    done = stage.ministack.client("lambda").invoke(FunctionName=stage.resource("Tick"), Payload=b"{}")

    assert "FunctionError" not in done, done["Payload"].read()


def test_a_poison_message_reaches_the_dead_letter_queue_alone(stage: Deployed, workflow_id: str) -> None:
    sqs = stage.ministack.client("sqs")
    queue = sqs.get_queue_url(QueueName="penstock-smoke-runs")["QueueUrl"]
    # Five deliveries at the deployed visibility timeout would take hours.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    runs = [start(stage, workflow_id, {"n": n}) for n in range(3)]

    sqs.send_message(QueueUrl=queue, MessageBody="poison")

    assert {end_of(stage, run)["status"] for run in runs} == {"success"}
    dead = eventually(lambda: stage.operator("dead-letters", "list"), "a dead letter")
    assert [row["body"] for row in dead] == ["poison"]
    assert _waiting(sqs, queue) == 0


def test_dead_letters_are_deleted_by_the_operator(stage: Deployed) -> None:
    stage.operator("dead-letters", "delete", "--all")

    assert stage.operator("dead-letters", "list") == []


def test_without_its_policy_a_function_can_do_nothing(stage: Deployed) -> None:
    """Late, because it breaks the stage: it shows that the tests before ran under the policies."""
    role = stage.resource("TickRole")
    nothing = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    stage.ministack.client("iam").put_role_policy(
        RoleName=role, PolicyName="nothing", PolicyDocument=json.dumps(nothing)
    )

    done = stage.ministack.client("lambda").invoke(FunctionName=stage.resource("Tick"), Payload=b"{}")

    assert "AccessDenied" in done["Payload"].read().decode()


def test_a_destroyed_stage_leaves_its_data(stage: Deployed) -> None:
    told: list[str] = []
    aws = Aws(stage.ministack.client, REGION, lambda _: time.sleep(0.05), told.append)

    destroy(aws, STAGE, lambda _: STAGE)

    tables = stage.ministack.client("dynamodb").list_tables()["TableNames"]
    kept = ("definitions", "deliveries", "events", "flows", "identities", "pins", "runs")
    assert tables == [f"penstock-smoke-{name}" for name in kept]
    assert all(any(table in line for line in told) for table in tables)
    assert stage.ministack.client("lambda").list_functions()["Functions"] == []


def _waiting(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
