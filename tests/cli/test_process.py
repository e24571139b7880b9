"""The command line as a process, against the local stack as `make run` starts it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.exits import Exit
from tests.cli.house import calls, graph
from tests.flows.test_local_stack import KEY, OTHER_KEY, PATIENCE_SECONDS, Stack, eventually

Done = subprocess.CompletedProcess[str]

COMMAND = (sys.executable, "-m", "chalicelib.cli")
WAIT = {"id": "pause", "type": "wait", "config": {"seconds": 3600}}
SAY = {"id": "say", "type": "emit", "config": {"event": {"n": "{{ $input.n }}"}}}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    running = Stack()
    yield running
    running.close()


@dataclass
class Machine:
    stack: Stack
    home: Path
    key: str = KEY
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK", "XDG", "LC_"))}
        named = {"PENSTOCK_URL": self.stack.base_url, "PENSTOCK_KEY": self.key}
        return {**kept, **named, "XDG_CONFIG_HOME": str(self.home)}

    def run(
        self, *arguments: str, given: str = "", without: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        merged = {**self.environment, **environment}
        return subprocess.run(
            [*COMMAND, *arguments],
            input=given,
            env={name: value for name, value in merged.items() if name not in without},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=4 * PATIENCE_SECONDS,
        )

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        # Whoever runs these tests in the background may have had it ignored, which a process hands down.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            started = subprocess.Popen([*COMMAND, *arguments], env=self.environment, text=True, **streams)
        finally:
            signal.signal(signal.SIGINT, before)
        self.started.append(started)
        return started

    def close(self) -> None:
        for started in self.started:
            started.kill()
            started.wait()
            for stream in (started.stdout, started.stderr):
                if stream is not None:
                    stream.close()

    def json(self, *arguments: str) -> Any:
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def machine(stack: Stack, tmp_path: Path) -> Iterator[Machine]:
    used = Machine(stack, tmp_path)
    yield used
    used.close()


def active(machine: Machine, *nodes: Any) -> str:
    document = graph("Flow", *nodes)
    return machine.stack.active_workflow(document["nodes"], document["connections"])


def test_a_day_with_the_command_line(machine: Machine) -> None:
    """Logged in with a key from a pipe, to a run that was waited for."""
    alone = ("PENSTOCK_URL", "PENSTOCK_KEY")
    login = machine.run("login", "--url", machine.stack.base_url, given=f"{KEY}\n", without=alone)
    assert (login.returncode, KEY in login.stdout + login.stderr) == (0, False)
    assert stat.S_IMODE((machine.home / "penstock/config.json").stat().st_mode) == 0o600
    assert "development" in machine.run("whoami", without=alone).stdout
    path = machine.home / "greet.json"
    values = {"id": "greet", "type": "transform", "config": {"values": {"hello": "{{ $input.name }}"}}}
    path.write_text(json.dumps(graph("Größe", values, status="active")))

    pushed = json.loads(machine.run("--json", "workflows", "push", str(path), without=alone).stdout)
    ran = machine.run(
        "workflows", "run", pushed["id"], "--input", '{"name": "Jürgen"}', "--wait", "--json", without=alone
    )

    assert ran.returncode == Exit.DONE
    assert json.loads(ran.stdout)["output"] == {"hello": "Jürgen"}
    assert "greet  succeeded" in ran.stderr
    shown = machine.run("workflows", "list", without=alone)
    assert "Größe" in shown.stdout


def test_definitions_go_in_once_and_come_out_again(machine: Machine) -> None:
    machine.key = OTHER_KEY
    directory = machine.home / "defs"
    directory.mkdir()
    (directory / "a.json").write_text(json.dumps(calls("A", "b")))
    (directory / "b.json").write_text(
        json.dumps(graph("B", status="active", schedules=[{"name": "x", "cron": "@daily"}]))
    )

    assert machine.run("plan", str(directory), "--exit-code").returncode == Exit.HAS_CHANGES
    applied = machine.run("apply", str(directory), "--yes", "--json")
    assert (applied.returncode, len(json.loads(applied.stdout)["applied"])) == (Exit.DONE, 2)
    again = machine.run("plan", str(directory), "--exit-code")
    assert (again.returncode, again.stdout) == (Exit.DONE, "Plan: 2 unchanged\n")
    exported = machine.json("export", str(machine.home / "out"))
    assert {each["key"] for each in exported} == {"a", "b"}
    assert machine.run("plan", str(machine.home / "out"), "--exit-code").returncode == Exit.DONE


def test_flows_and_their_secrets_go_in_from_files(machine: Machine) -> None:
    examples = Path(__file__).resolve().parents[2] / "docs/examples/definitions/depot"
    directory = machine.home / "defs"
    shutil.copytree(examples, directory / "depot")
    secrets = {"DEPOT_TOKEN": "dp-1", "SHOP_PASSWORD": "pw-1"}

    applied = machine.run("apply", str(directory), "--yes", "--json", **secrets)
    assert (applied.returncode, len(json.loads(applied.stdout)["applied"])) == (Exit.DONE, 6), applied.stderr
    again = machine.run("plan", str(directory), "--exit-code", **secrets)
    assert (again.returncode, again.stdout) == (Exit.DONE, "Plan: 6 unchanged\n")
    rotated = machine.run("plan", str(directory), "--exit-code", **{**secrets, "SHOP_PASSWORD": "pw-2"})
    assert rotated.returncode == Exit.HAS_CHANGES
    assert "Plan: 1 update, 5 unchanged" in rotated.stdout
    for path in (directory / "depot").iterdir():
        path.unlink()
    assert machine.run("apply", str(directory), "--yes", "--prune").returncode == Exit.DONE
    assert machine.run("plan", str(directory)).stdout == "Plan: nothing\n"


def test_ctrl_c_stops_waiting_and_not_the_run(machine: Machine) -> None:
    workflow_id = active(machine, WAIT)
    waiting = machine.start("workflows", "run", workflow_id, "--wait", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert waiting.stderr is not None
    while "pause  waiting" not in waiting.stderr.readline():
        assert waiting.poll() is None

    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=PATIENCE_SECONDS)

    (run,) = machine.json("runs", "list", "--workflow", workflow_id)
    assert (waiting.returncode, out) == (Exit.INTERRUPTED, "")
    assert err.splitlines()[-1] == f"{run['id']} goes on. See: penstock tail {run['id']}"
    assert run["status"] == "running"
    assert machine.run("runs", "cancel", run["id"]).returncode == Exit.DONE


def test_who_closes_the_pipe_ends_a_tail(machine: Machine) -> None:
    workflow_id = active(machine, SAY)
    machine.stack.ended(machine.stack.execute(workflow_id, {"n": 0}))
    tail = machine.start("--json", "tail", "--stream", workflow_id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert tail.stdout is not None
    assert tail.stderr is not None
    assert json.loads(tail.stdout.readline())["event"] == {"n": 0}

    tail.stdout.close()
    machine.stack.execute(workflow_id, {"n": 1})

    assert tail.wait(PATIENCE_SECONDS) == Exit.BROKEN_PIPE
    assert tail.stderr.read() == ""


def test_a_list_into_a_closed_pipe_says_nothing(machine: Machine) -> None:
    active(machine)
    read, write = os.pipe()
    os.close(read)
    done = machine.start("workflows", "list", stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    _, err = done.communicate(timeout=PATIENCE_SECONDS)
    assert (done.returncode, err) == (Exit.BROKEN_PIPE, "")


def test_streams_that_the_parent_has_closed_do_no_harm(machine: Machine) -> None:
    command = f"exec {sys.executable} -m chalicelib.cli workflows list <&- >&- 2>&-"

    assert subprocess.run(["sh", "-c", command], env=machine.environment, check=False).returncode == Exit.DONE


def test_a_tail_goes_on_with_what_is_emitted(machine: Machine) -> None:
    workflow_id = active(machine, SAY)
    tail = machine.start("--json", "tail", "--stream", workflow_id, "--count", "2", stdout=subprocess.PIPE)

    for number in range(2):
        machine.stack.execute(workflow_id, {"n": number})

    out, _ = tail.communicate(timeout=PATIENCE_SECONDS)
    assert tail.returncode == Exit.DONE
    assert {json.loads(line)["event"]["n"] for line in out.splitlines()} == {0, 1}


def test_a_run_that_failed_is_told_by_the_exit_code(machine: Machine) -> None:
    workflow_id = active(machine, {"id": "no", "type": "fail", "config": {"message": "kaputt"}})

    waited = machine.run("workflows", "run", workflow_id, "--wait", "--quiet")
    (run,) = machine.json("runs", "list", "--workflow", workflow_id)
    tailed = machine.run("tail", run["id"])

    assert (waited.returncode, waited.stderr) == (Exit.RUN_FAILED, "")
    assert (tailed.returncode, "kaputt" in tailed.stdout) == (Exit.RUN_FAILED, True)


def test_a_server_that_is_not_there_has_an_exit_code_of_its_own(machine: Machine) -> None:
    done = machine.run("runs", "list", PENSTOCK_URL="http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (Exit.UNREACHABLE, "")
    assert done.stderr.startswith("penstock: http://127.0.0.1:9 cannot be reached: ")


def test_a_wrong_key_is_a_refusal(machine: Machine) -> None:
    done = machine.run("runs", "list", PENSTOCK_KEY="psk_wrong")

    assert done.returncode == Exit.REFUSED
    assert done.stderr == (
        "penstock: GET /v1/executions: 401 UNAUTHORIZED: Authentifizierung fehlgeschlagen; "
        "is the key right? see: penstock whoami, penstock login\n"
    )


def test_a_terminal_without_such_letters_gets_their_numbers(machine: Machine) -> None:
    machine.stack.call("POST", "/v1/workflows", {"name": "日本"})

    done = machine.run("workflows", "list", PYTHONIOENCODING="ascii:strict")

    assert done.returncode == Exit.DONE
    assert "\\u65e5\\u672c" in done.stdout


def test_on_a_terminal_a_key_is_typed_unseen(machine: Machine) -> None:
    environment = {name: value for name, value in machine.environment.items() if name != "PENSTOCK_KEY"}
    ours, theirs = pty.openpty()
    asked = subprocess.Popen([*COMMAND, "login"], env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    overdue = threading.Timer(PATIENCE_SECONDS, asked.kill)
    overdue.start()
    seen = b""
    while b"API key for" not in seen:
        seen += os.read(ours, 1024)

    # Only once the echo is off: what is typed before may be shown.
    eventually(lambda: _echoes(ours), lambda echoes: not echoes)
    os.write(ours, f"{KEY}\n".encode())
    seen += _rest(ours)

    assert asked.wait(PATIENCE_SECONDS) == Exit.DONE
    overdue.cancel()
    os.close(ours)
    assert KEY.encode() not in seen
    assert b"\x1b[" not in seen


def _echoes(terminal: int) -> bool:
    import termios

    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def _rest(terminal: int) -> bytes:
    found = b""
    while True:
        try:
            more = os.read(terminal, 1024)
        except OSError:  # the other end is closed
            return found
        if not more:
            return found
        found += more
