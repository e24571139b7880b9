"""Processes and what they leave behind: kills, a zygote that dies, and many runs of all sorts."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import Limits
from chalicelib.sandbox import zygote
from chalicelib.sandbox.runner import ProcessRunner
from tests.sandbox.house import Host, House, reply

NATIVE_LOOP = "/^(?:a+)+$/; new Array(5e8).join('x'); for (;;) {}"
CPU_BOUND = Limits(cpu_seconds=0.2, wall_seconds=30.0)
WALL_BOUND = Limits(cpu_seconds=30.0, wall_seconds=0.7)


@pytest.fixture
def own() -> Iterator[House]:
    runner = ProcessRunner()
    yield House(runner)
    runner.close()


def children(of: int | None = None) -> list[int]:
    """Processes below this one."""
    found = []
    for task in Path(f"/proc/{of or os.getpid()}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def zygote_of(house: House) -> int:
    house.runner.start()
    process = house.runner._zygote._process
    assert process is not None
    return process.pid


def test_what_was_said_before_a_kill_counts(js: House) -> None:
    code = """export default { props: { db: "$.service.db", http: "$.interface.http" }, async run() {
      this.$emit("kept", { id: 1 }); this.db.set("cursor", 9); this.http.respond({ status: 202 }); console.log("said");
      await null;
      %s
    } }"""

    hard: set[str] = {"TimeoutError", "MemoryLimitExceeded", "InternalError"}
    for body, limits, names in (("for (;;) {}", CPU_BOUND, {"CpuLimitExceeded"}), (NATIVE_LOOP, WALL_BOUND, hard)):
        report = js.run(code % body, limits=limits)

        assert report.error is not None
        assert report.error.name in names
        assert [emit.event for emit in report.emits] == ["kept"]
        assert (report.db, [line.text for line in report.logs]) == ({"cursor": 9}, ["said"])
        assert report.response is not None


def test_a_zygote_that_was_killed_is_started_again(own: House) -> None:
    assert own.run("export default { run() {} }").error is None
    killed = zygote_of(own)
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)

    report = own.run("export default { run() { return 5 } }")

    assert report.returned == 5
    assert zygote_of(own) != killed


def test_runs_end_with_the_host_that_started_them(own: House) -> None:
    began = threading.Event()

    def answer(request: HttpRequest) -> HttpResponse:
        began.set()
        return reply(1)

    host = Host(answer)
    code = "export default { async run() { await fetch('https://a.example'); await new Promise((r) => setTimeout(r, 60000)) } }"
    reports = []
    thread = threading.Thread(target=lambda: reports.append(own.run(code, host=host)))
    thread.start()
    assert began.wait(10.0)
    running = children(zygote_of(own))

    own.runner.close()
    thread.join(10.0)

    assert len(running) == 1
    assert not Path(f"/proc/{running[0]}").exists()
    assert reports[0].error is not None
    assert reports[0].error.name == "SandboxCrashed"


def test_the_processes_have_no_environment_and_no_files_of_ours(own: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_TEST_SECRET", "s3cret")
    with open("/etc/hostname", "rb") as kept:
        os.set_inheritable(kept.fileno(), True)
        zygote = zygote_of(own)

    environment = Path(f"/proc/{zygote}/environ").read_bytes()
    descriptors = [os.readlink(f"/proc/{zygote}/fd/{each}") for each in os.listdir(f"/proc/{zygote}/fd")]

    assert environment.replace(b"\0", b" ").split() == [b"TZ=UTC", b"LANG=C.UTF-8"]
    assert os.readlink(f"/proc/{zygote}/cwd") == "/"
    assert all(name == "/dev/null" or name.startswith(("socket:", "pipe:")) for name in descriptors)


def test_an_engine_that_is_not_installed_is_told_as_unavailable(own: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "engine_path", lambda: "/nowhere/_quickjs.so")

    with pytest.raises(UnavailableError, match="ImportError"):
        own.runner.start()


def test_the_engine_is_not_loaded_into_the_products_process() -> None:
    import sys

    assert "_quickjs" not in sys.modules
    assert "quickjs" not in sys.modules


# -- many runs --------------------------------------------------------------------------------------------------------

PATIENT = Limits(cpu_seconds=5.0, wall_seconds=30.0, memory_bytes=32 * 1024 * 1024)
MIXED: list[tuple[str, str | None]] = [
    ("this.$emit({ a: 1 }); return 1", None),
    ("this.db.set('a', 1); console.log('x')", None),
    ("await fetch('https://a.example/')", None),
    ("await Promise.all([1, 2, 3].map((n) => fetch('https://a.example/' + n)))", None),
    ("await new Promise((r) => setTimeout(r, 2))", None),
    ("throw new Error('x')", "Error"),
    ("for (;;) {}", "CpuLimitExceeded"),
    ("const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1))", "MemoryLimitExceeded"),
    ("await new Promise(() => {})", "DeadlockError"),
]


def mixed_runs(house: House, count: int, threads: int, seed: int) -> list[str]:
    """What went otherwise than expected."""
    wrong: list[str] = []
    chance = random.Random(seed)
    work = [chance.choices(MIXED, weights=[8, 8, 4, 4, 4, 4, 1, 1, 4])[0] for _ in range(count)]
    lock = threading.Lock()

    def go() -> None:
        while True:
            with lock:
                if not work:
                    return
                body, name = work.pop()
            limits = replace(PATIENT, cpu_seconds=0.05) if name == "CpuLimitExceeded" else PATIENT
            report = house.run(
                f"module.exports = {{ props: {{ db: '$.service.db' }}, async run() {{ {body} }} }}", limits=limits
            )
            found = report.error.name if report.error else None
            if found != name:
                wrong.append(f"{body}: {report.error}")

    each = [threading.Thread(target=go) for _ in range(threads)]
    for thread in each:
        thread.start()
    for thread in each:
        thread.join()
    return wrong


def held(house: House) -> tuple[int, int, int]:
    """Open descriptors here, processes below the zygote, threads of calls."""
    gc.collect()
    calls = [thread for thread in threading.enumerate() if thread.name == "sandbox-fetch"]
    for thread in calls:
        thread.join(5.0)
    descriptors = len(os.listdir("/proc/self/fd")) + len(os.listdir(f"/proc/{zygote_of(house)}/fd"))
    return descriptors, len(children(zygote_of(house))), threading.active_count()


def settled(house: House) -> tuple[int, int, int]:
    """A process tells that a run is over just before it forgets it."""
    found = held(house)
    for _ in range(100):
        before, found = found, (threading.Event().wait(0.02), held(house))[1]
        if before == found:
            break
    return found


def resident(process: int | str = "self") -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def check_leaks(house: House, count: int, seed: int, growth: int = 8 * 1024 * 1024) -> None:
    mixed_runs(house, 40, 4, seed)
    before, memory, forked_from = settled(house), resident(), resident(zygote_of(house))

    wrong = mixed_runs(house, count, 4, seed + 1)

    assert wrong == [], wrong[:5]
    assert settled(house) == before
    assert resident() - memory < growth
    assert resident(zygote_of(house)) - forked_from < growth


def test_hundreds_of_mixed_runs_leave_nothing_behind(own: House) -> None:
    check_leaks(own, 250, seed=1)


def main(arguments: list[str], say: Callable[[str], None] = print) -> None:
    """`python -m tests.sandbox.test_processes --runs 2000`: the same with more of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    runner = ProcessRunner()
    check_leaks(House(runner), options.runs, options.seed)
    runner.close()
    say(f"{options.runs} runs as expected; descriptors, processes and memory stayed level")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
