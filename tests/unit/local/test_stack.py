"""The stack as a whole, with a tiny product in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.backend import BackendStartError, start_backend
from chalicelib.local.http_server import PortInUseError
from chalicelib.local.settings import LocalSettings
from chalicelib.local.stack import LocalStack
from tests.unit.local.tiny import assemble
from tests.unit.local.wire import request

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 10  # less than a long poll lasts
KEY = {"Authorization": "Bearer penstock-dev-key"}


def eventually(check: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline


def aws_environment() -> dict[str, str]:
    # Chalice notes each app that it makes in AWS_EXECUTION_ENV.
    return {name: value for name, value in os.environ.items() if "AWS" in name and name != "AWS_EXECUTION_ENV"}


def found(port: int, order_id: str) -> bool:
    answer = request(port, "GET", f"/orders/{order_id}", headers=KEY).json
    return bool(answer["found"])


def test_an_order_travels_from_the_api_through_the_queue_into_the_table() -> None:
    with LocalStack(assemble, LocalSettings(port=0, tick_seconds=0.05)) as stack:
        port = stack.settings.port
        accepted = request(port, "POST", "/orders", b'{"id":"o-1"}', {"Content-Type": "application/json", **KEY})

        assert accepted.json == {"user": "dev", "base_url": f"http://localhost:{port}"}
        eventually(lambda: found(port, "o-1"))
        eventually(lambda: request(port, "GET", "/orders/o-1").json["ticks"] > 0)
        assert request(port, "POST", "/orders", b"{}").status == 401
        assert request(port, "GET", "/nowhere").status == 403
        assert request(port, "POST", "/_local/inbox/a").json["count"] == 1
        assert stack.inbox.store.wait_for("a", 1, 1)


def test_a_stopped_stack_leaves_nothing_behind() -> None:
    before = aws_environment()
    stack = LocalStack(assemble, LocalSettings(port=0))
    stack.start()
    port = stack.settings.port
    started = time.monotonic()
    stack.stop()
    stack.stop()

    assert time.monotonic() - started < STOP_SECONDS
    assert aws_environment() == before
    with pytest.raises(ConnectionRefusedError):
        request(port, "GET", "/")
    with pytest.raises(RuntimeError):
        stack.backend.client("sqs")


def test_a_port_in_use_stops_the_start_before_anything_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stack = LocalStack(lambda _: pytest.fail("must not be built"), LocalSettings(port=taken.getsockname()[1]))

        with pytest.raises(PortInUseError):
            stack.start()


def test_what_fails_to_assemble_is_taken_down_again() -> None:
    def fail(_backend: Any) -> Any:
        raise RuntimeError("broken on purpose")

    stack = LocalStack(fail, LocalSettings(port=0))
    with pytest.raises(RuntimeError, match="broken on purpose"):
        stack.start()

    with pytest.raises(ConnectionRefusedError):
        request(stack.settings.port, "GET", "/")
    start_backend(LocalSettings()).close()


class Running:
    """The command in a process of its own."""

    def __init__(self, **environment: str) -> None:
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
        command = [sys.executable, "-m", "tests.unit.local.tiny"]
        self.process = subprocess.Popen(
            command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.greeting = ""

    def await_greeting(self) -> None:
        assert self.process.stdout is not None
        while "curl" not in self.greeting:
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            self.greeting += line

    @property
    def port(self) -> int:
        return int(self.greeting.split("http://localhost:")[1].split()[0])

    def end(self, number: int | None = None) -> tuple[int, str]:
        if number is not None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=15)
        return self.process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_greets_serves_and_ends_cleanly(number: int) -> None:
    running = Running(PORT="0", PENSTOCK_DEV_KEYS="ann:key-of-ann")
    running.await_greeting()

    headers = {"Content-Type": "application/json", "Authorization": "Bearer key-of-ann"}
    assert request(running.port, "POST", "/orders", b'{"id":"1"}', headers).json["user"] == "ann"
    assert "key-of-ann" in running.greeting
    assert running.end(number) == (0, "")


def test_the_command_says_in_one_line_why_it_cannot_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, errors = Running(PORT=str(port)).end()
    assert (code, errors) == (1, f"Port {port} is in use. Try another one: PORT={port + 1} make run\n")

    code, errors = Running(PORT="many").end()
    assert (code, errors.count("\n")) == (1, 1)
    assert "PORT" in errors


def test_ministack_keeps_its_state_between_starts(tmp_path: Path) -> None:
    settings = LocalSettings(port=0, backend="ministack", state_dir=tmp_path)
    with LocalStack(assemble, settings) as stack:
        body = json.dumps({"id": "kept"}).encode()
        request(stack.settings.port, "POST", "/orders", body, {"Content-Type": "application/json", **KEY})
        eventually(lambda: found(stack.settings.port, "kept"))

    with LocalStack(assemble, settings) as stack:
        assert found(stack.settings.port, "kept")


def test_a_backend_that_does_not_come_up_says_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(BackendStartError, match=r"ministack\.log"):
        start_backend(LocalSettings(backend="ministack", state_dir=tmp_path))


_KEEPS_STATE = """
import sys, time
from pathlib import Path
from chalicelib.local.backend import start_backend
from chalicelib.local.settings import LocalSettings
backend = start_backend(LocalSettings(backend="ministack", state_dir=Path(sys.argv[1])))
backend.client("sqs").create_queue(QueueName="kept")
print("ready", flush=True)
time.sleep(60)
"""


def test_what_a_killed_stack_kept_is_there_for_the_next(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", _KEEPS_STATE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "ready\n"
    with pytest.raises(BackendStartError, match="in use by another stack"):
        start_backend(LocalSettings(backend="ministack", state_dir=tmp_path))

    killed.kill()
    killed.wait()
    killed.stdout.close()
    backend = start_backend(LocalSettings(backend="ministack", state_dir=tmp_path))

    try:
        assert backend.client("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
    finally:
        backend.close()


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BackendStartError, match="No state can be kept in"):
        start_backend(LocalSettings(backend="ministack", state_dir=tmp_path / "file" / "state"))
