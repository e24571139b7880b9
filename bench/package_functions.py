"""Starts packaged functions as Lambda does: each in a fresh process that sees the package and nothing else.

AWS is a stand-in on loopback that knows nothing: no item, no run, an empty index. The events are real ones.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_CONDITION_FAILED = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"})
_ANSWERS = {
    "GetItem": (200, {}),
    "Query": (200, {"Items": [], "Count": 0, "ScannedCount": 0}),
    "UpdateItem": _CONDITION_FAILED,
    "PutItem": _CONDITION_FAILED,
    "SendMessage": (200, {"MessageId": "m", "MD5OfMessageBody": "0" * 32}),
}

# -I and -S keep this machine's own packages out; the standard library is all that Lambda adds.
_CHILD = """
import sys
from time import perf_counter
started = perf_counter()
sys.path.insert(0, sys.argv[1])
import importlib, json
job = json.load(sys.stdin)

class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    function_name = "penstock"
    def get_remaining_time_in_millis(self):
        return 30000

begun = perf_counter()
module, _, name = job["handler"].rpartition(".")
handler = getattr(importlib.import_module(module), name) if name else importlib.import_module(job["handler"])
imported = perf_counter()
answer = handler(job["event"], Context()) if job["event"] is not None else None
answered = perf_counter()
print(json.dumps({
    "answer": answer, "import_ms": (imported - begun) * 1000, "first_event_ms": (answered - imported) * 1000,
    "modules": sorted(sys.modules),
}))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a function, and its first event."""

    answer: Any
    import_ms: float
    first_event_ms: float
    modules: frozenset[str]

    @property
    def total_ms(self) -> float:
        return self.import_ms + self.first_event_ms


@dataclass
class Nowhere:
    """The stand-in: where it is, and what it was asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def nowhere() -> Iterator[Nowhere]:
    stand_in = Nowhere()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            stand_in.asked.append(operation)
            status, body = _ANSWERS[operation]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(task_root: Path, handler: str, event: Any, aws: Nowhere) -> Start:
    """`handler` is a template's handler string, or with no event just a module."""
    environment = {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_REGION": "eu-central-1",
        "RUNS_QUEUE_URL": f"{aws.url}/000000000000/penstock-dev-runs",
        "DELIVERIES_QUEUE_URL": f"{aws.url}/000000000000/penstock-dev-deliveries",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", _CHILD, str(task_root)],
        input=json.dumps({"handler": handler, "event": event}),
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{handler} did not start:\n{done.stderr}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Start(told["answer"], told["import_ms"], told["first_event_ms"], frozenset(told["modules"]))


def api_event(method: str, resource: str, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """As a REST API's proxy integration sends it."""
    names = resource.replace("{", "").replace("}", "").split("/")
    variables = {
        name: value
        for name, value, part in zip(names, path.split("/"), resource.split("/"), strict=True)
        if part.startswith("{")
    }
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers or {},
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": variables or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "domainName": "abc123.execute-api.eu-central-1.amazonaws.com",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None,
        "isBase64Encoded": False,
    }


def queue_event(*bodies: str) -> dict[str, Any]:
    records = [
        {
            "messageId": f"m{number}",
            "receiptHandle": f"r{number}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:penstock-dev-runs",
            "awsRegion": "eu-central-1",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def run_message(run_id: str) -> str:
    return json.dumps({"v": 1, "run_id": run_id, "workspace_id": "ws_a"})


def delivery_message(delivery_id: str) -> str:
    place = {"workspace_id": "ws_a", "endpoint_id": "wh_1", "created_at": 1_700_000_000_000, "id": delivery_id}
    return json.dumps({"type": "delivery", "v": 1, **place})


SCHEDULE_EVENT = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-01T12:00:00Z",
    "region": "eu-central-1",
    "resources": ["arn:aws:events:eu-central-1:000000000000:rule/penstock-dev-tick"],
    "detail": {},
}

_CODE = """
export default { name: "Ping", version: "1.0.0", props: { db: "$.service.db" },
  async run(event) { this.db.set("seen", event.n); this.$emit({ n: event.n }, { id: event.n }); } };
"""


def sandbox_call(method: str, *, event: Any = None, code: str = _CODE) -> dict[str, Any]:
    """As `sandbox_client` sends it."""
    bundle = {"entry": "component.mjs", "files": {"component.mjs": code}, "compiled": False}
    return {
        "plain": {"method": method, "bundle": bundle, "event": event, "name": "", "invocation": {}, "limits": {}},
    }


FIRST_EVENTS = {
    "app.app": api_event("POST", "/webhook/{webhook_id}", "/webhook/wh_unknown"),
    "chalicelib.handlers.runs_worker": queue_event(run_message("exec_unknown")),
    "chalicelib.handlers.deliveries_worker": queue_event(delivery_message("msg_unknown")),
    "chalicelib.sandbox_function.sandbox": sandbox_call("describe"),
    "chalicelib.handlers.tick": SCHEDULE_EVENT,
}
"""For each function an event that takes it to AWS and back."""
