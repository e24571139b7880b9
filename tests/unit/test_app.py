"""The wiring: handlers hand over to the services, and starting the module costs little."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import app as application

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Recorder:
    """Stands for the services, and for those of its members that a handler calls."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def worker(self) -> Recorder:
        return self

    @property
    def tick(self) -> Recorder:
        return self

    def handle_batch(self, event: Any, remaining_ms: int) -> dict[str, Any]:
        self.calls.append(("batch", event, remaining_ms))
        return {"batchItemFailures": [{"itemIdentifier": "m2"}]}

    def run(self) -> None:
        self.calls.append(("tick",))


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 12_345


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(application, "services", lambda: recorder)
    return recorder


def test_the_queues_handler_passes_the_batch_and_the_time_left(recorder: Recorder) -> None:
    event = {"Records": [{"messageId": "m1", "body": "{}", "receiptHandle": "r"}]}

    answer = application.runs_worker(event, Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    assert recorder.calls == [("batch", event, 12_345)]


def test_the_schedules_handler_ticks(recorder: Recorder) -> None:
    event = {
        "version": "0",
        "account": "1",
        "region": "r",
        "detail": {},
        "detail-type": "",
        "source": "",
        "time": "",
        "id": "",
        "resources": [],
    }

    application.tick(event, Context())

    assert recorder.calls == [("tick",)]


def test_the_sandboxs_handler_runs_code() -> None:
    bundle = {"entry": "a.mjs", "files": {"a.mjs": "export default ({ input }) => input + 1;"}, "compiled": False}
    call = {"method": "run_step", "bundle": bundle, "event": 1, "name": "", "invocation": {}, "limits": {}}

    answer = application.sandbox({"plain": call}, Context())

    assert answer["report"]["plain"]["returned"] == 2


def test_the_fallback_answers_in_bytes() -> None:
    status, headers, body = application.fallback("GET", "/nothing", {})

    assert status == 404
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body)["error"]["code"] == "NOT_FOUND"


def test_importing_the_app_loads_no_aws_library() -> None:
    program = "import sys, app; print([m for m in ('botocore', 'boto3', 'pynamodb', 'urllib3') if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
