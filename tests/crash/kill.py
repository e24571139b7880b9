"""`python -m tests.crash.kill --rounds 20`: the application is killed under load, again and again, while AWS lives on.

Runs of three steps (read, reshape, write) are started through the API for as long as it answers. At the end every run
that was accepted has to have succeeded, and every effect that the receiver saw twice has to have said so, by the key
of the first.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.session

from chalicelib.local.ministack_process import MinistackProcess

KEY = "key-of-the-kill-test"
CLIENTS = 8
MOST_UNDER_WAY = 48
PATIENCE_SECONDS = 90.0
_ANSWER_SECONDS = 10.0
_ADDRESS = re.compile(r"API +(http://localhost:\d+)")
_SETTINGS = {
    "PORT": "0",
    "PENSTOCK_DEV_KEYS": f"dev:{KEY}",
    "TICK_SECONDS": "0.5",
    "WORKER_LEASE_SECONDS": "3",
}
_REDELIVERY_SECONDS = "5"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A caller was killed while it spoke; who else has an error is noticed by what is missing in the end."""


class Receiver:
    """What the runs read from and write to, on loopback. Keeps the keys that came for every step of every run."""

    def __init__(self, seed: int) -> None:
        self.keys: dict[str, list[str]] = defaultdict(list)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def note(self, path: str, key: str) -> float:
        """How long this answer takes; the effect has happened by then."""
        with self._lock:
            self.keys[path].append(key)
            return self._random.uniform(0.0, 0.03)

    def written(self) -> int:
        with self._lock:
            return sum(path.startswith("/write/") for path in self.keys)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                time.sleep(receiver.note(self.path, self.headers["Idempotency-Key"]))
                answer = b'{"value": 20}'
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class Application:
    """A running `python -m chalicelib.local`."""

    def __init__(self, endpoint_url: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {**_SETTINGS, "AWS_ENDPOINT_URL": endpoint_url}
        command = [sys.executable, "-m", "chalicelib.local"]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.base_url = self._greeted()

    def kill(self) -> None:
        """SIGKILL: nothing of it has a chance to end in order."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _greeted(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if match := _ADDRESS.search(line.decode()):
                return match[1]
        self.kill()
        raise RuntimeError("the application did not start")


class Client:
    """One connection to the API. Raises OSError or HTTPException when nobody answers."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=_ANSWER_SECONDS)

    def call(self, method: str, target: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        self._connection.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        raw = answer.read()
        if answer.status not in {200, 201}:
            raise http.client.HTTPException(f"{method} {target}: {answer.status} {raw[:200]!r}")
        return json.loads(raw)["data"]

    def close(self) -> None:
        self._connection.close()


@dataclass
class Load:
    """Starts runs as long as the application answers, and keeps the ids of those it accepted."""

    workflow_id: str
    receiver: Receiver
    accepted: list[str] = field(default_factory=list)

    @contextmanager
    def on(self, base_url: str) -> Iterator[None]:
        """Until the block ends, which is when the application is gone."""
        stopping = threading.Event()
        threads = [threading.Thread(target=self._run, args=(base_url, stopping)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            for thread in threads:
                thread.join()

    def _run(self, base_url: str, stopping: threading.Event) -> None:
        client = Client(base_url)
        before = len(self.accepted) - self.receiver.written()
        while not stopping.is_set():
            if len(self.accepted) - self.receiver.written() - before > MOST_UNDER_WAY:
                stopping.wait(0.02)
                continue
            try:
                started = client.call("POST", f"/v1/workflows/{self.workflow_id}/execute", {"input": {}})
            except (OSError, http.client.HTTPException, ValueError):
                break
            self.accepted.append(started["execution_id"])
        client.close()


@dataclass(frozen=True)
class Report:
    """`repeated` counts effects beyond the first of their step, `wrong` those that came with another key."""

    rounds: int
    accepted: int
    effects: int
    repeated: int
    wrong: tuple[str, ...]
    lost: tuple[str, ...]
    recovery_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills, {self.accepted} runs accepted, {len(self.lost)} lost; {self.effects} effects, "
            f"{self.repeated} of them repeated, {len(self.wrong)} with a wrong key; "
            f"everything done {self.recovery_seconds:.1f} s after the last start"
        )


def kill_again_and_again(rounds: int, state_dir: Path, seed: int, seconds: tuple[float, float] = (0.2, 1.5)) -> Report:
    """`seconds` is how long a life under load lasts, at least and at most."""
    rng = random.Random(seed)
    receiver = Receiver(seed)
    aws = MinistackProcess(state_dir)
    application = Application(aws.url)
    try:
        _redeliver_soon(aws.url)
        load = Load(_workflow(application.base_url, receiver.url), receiver)
        for _ in range(rounds):
            with load.on(application.base_url):
                time.sleep(rng.uniform(*seconds))
                application.kill()
            application = Application(aws.url)
        started_at = time.monotonic()
        lost = _not_done(application.base_url, load.accepted)
        return _report(rounds, load, lost, time.monotonic() - started_at)
    finally:
        application.kill()
        aws.stop()
        receiver.close()


def _redeliver_soon(endpoint_url: str) -> None:
    """What a killed process had received comes again within seconds rather than the half an hour of a stage."""
    sqs = botocore.session.get_session().create_client(
        "sqs",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    url = sqs.get_queue_url(QueueName="penstock-local-runs")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": _REDELIVERY_SECONDS})


def _workflow(base_url: str, receiver_url: str) -> str:
    nodes = [
        _request("read", "GET", f"{receiver_url}/read/{{{{ $run.id }}}}"),
        {"id": "add", "type": "transform", "config": {"values": {"sum": "{{ $node.read.body.value + 1 }}"}}},
        _request("write", "POST", f"{receiver_url}/write/{{{{ $run.id }}}}", body="{{ $prev }}"),
    ]
    connections = [{"from": "read", "to": "add"}, {"from": "add", "to": "write"}]
    client = Client(base_url)
    made = client.call("POST", "/v1/workflows", {"name": "Three steps", "nodes": nodes, "connections": connections})
    client.call("POST", f"/v1/workflows/{made['id']}/status", {"status": "active"})
    client.close()
    workflow_id: str = made["id"]
    return workflow_id


def _request(node_id: str, method: str, url: str, **config: Any) -> dict[str, Any]:
    retry = {"max_attempts": 5, "delay_seconds": 0.2}
    return {
        "id": node_id,
        "type": "http_request",
        "retry": retry,
        "config": {"url": url, "method": method, **config},
    }


def _not_done(base_url: str, run_ids: list[str]) -> tuple[str, ...]:
    """The runs that have not succeeded by the time that patience ends."""
    client = Client(base_url)
    until = time.monotonic() + PATIENCE_SECONDS
    pending = list(run_ids)
    while pending and time.monotonic() < until:
        pending = [each for each in pending if client.call("GET", f"/v1/executions/{each}")["status"] != "success"]
        time.sleep(0.1 if pending else 0.0)
    client.close()
    return tuple(pending)


def _report(rounds: int, load: Load, lost: tuple[str, ...], seconds: float) -> Report:
    keys = load.receiver.keys
    wrong = tuple(path for path, used in keys.items() if set(used) != {_key_of(path)})
    effects = sum(map(len, keys.values()))
    return Report(rounds, len(load.accepted), effects, effects - len(keys), wrong, lost, seconds)


def _key_of(path: str) -> str:
    """The one key that the step of this path may ever use."""
    _, step, run_id = path.split("/")
    return f"{run_id}/{step}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as state_dir:
        report = kill_again_and_again(given.rounds, Path(state_dir), given.seed)
    sys.stdout.write(f"seed {given.seed}: {report}\n")
    for problem in (*report.lost, *report.wrong):
        sys.stdout.write(f"  {problem}\n")
    return 1 if report.lost or report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
