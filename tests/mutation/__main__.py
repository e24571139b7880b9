"""`python -m tests.mutation --sample 300`: runs the engine's tests against mutants of it, each in a process of its own.

The tests are collected once, and of each it is noted which functions it reaches; a mutant is then judged by the tests
that reach its function. It is killed when one of them fails, or does not come to an end.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from tests.mutation import mutants
from tests.mutation.mutants import Mutant

_NAMES = ("engine", "recorded", "containers", "retry", "program", "tasks", "waits", "run", "parts")
MODULES = tuple(f"chalicelib.domain.{name}" for name in _NAMES)
TESTS = (
    "tests/unit/test_engine.py",
    "tests/unit/test_engine_collect.py",
    "tests/unit/test_engine_more.py",
    "tests/unit/test_engine_resuming.py",
    "tests/unit/test_program.py",
    "tests/unit/test_run.py",
    "tests/unit/test_tasks.py",
    "tests/flows/test_budget.py",
    "tests/flows/test_children.py",
    "tests/flows/test_control.py",
    "tests/flows/test_worker.py",
)
TOO_SLOW = "test_a_hundred_thousand_rounds_keep_nothing_of_those_behind_them"
SECONDS = 20
SECONDS_OF_WAITING = 600
_OPTIONS = (
    *("-o", "addopts=--import-mode=importlib"),
    *("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:xdist"),
    *("--assert=plain", "--capture=no"),
)


class Judge:
    """A plugin that runs the collected tests not once, but against each mutant."""

    def __init__(self, sample: int | None, seed: int, jobs: int) -> None:
        self._sample = sample
        self._seed = seed
        self._jobs = jobs
        self._failed = False
        self.total = 0
        self.judged: list[Mutant] = []
        self.survivors: list[Mutant] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        modules = {name: importlib.import_module(name) for name in MODULES}
        reached = self._reached(session.items)
        everything = [mutant for module in modules.values() for mutant in mutants.of(module)]
        self.total = len(everything)
        chosen = everything
        if self._sample is not None and self._sample < self.total:
            chosen = random.Random(self._seed).sample(everything, self._sample)
        self._judge(sorted(chosen, key=str), modules, reached)
        return True

    def _reached(self, items: Sequence[pytest.Item]) -> dict[CodeType, list[pytest.Item]]:
        """By function of the engine, the tests that call it."""
        reached: dict[CodeType, list[pytest.Item]] = defaultdict(list)
        for item in items:
            seen: set[CodeType] = set()

            def note(frame: FrameType, event: str, _: Any, seen: set[CodeType] = seen) -> None:
                if event == "call":
                    seen.add(frame.f_code)

            sys.setprofile(note)
            threading.setprofile(note)
            self._run(item)
            sys.setprofile(None)
            threading.setprofile(None)
            if self._failed:
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
            for code in seen:
                reached[code].append(item)
        return reached

    @staticmethod
    def _run(item: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def _judge(
        self, chosen: Sequence[Mutant], modules: dict[str, ModuleType], reached: dict[CodeType, list[pytest.Item]]
    ) -> None:
        running: dict[int, Mutant] = {}
        waiting: Iterator[Mutant] = iter(chosen)
        while True:
            while len(running) < self._jobs and (mutant := next(waiting, None)) is not None:
                original = mutants.function_of(modules[mutant.module], mutant.function).__code__
                running[self._started(mutant, modules[mutant.module], reached.get(original, []))] = mutant
            if not running:
                return
            pid, status = os.wait()
            mutant = running.pop(pid)
            self.judged.append(mutant)
            if status == 0:
                self.survivors.append(mutant)

    def _started(self, mutant: Mutant, module: ModuleType, items: Sequence[pytest.Item]) -> int:
        """The process that tries it; its status is 0 if the mutant survives."""
        pid = os.fork()
        if pid:
            return pid
        # By computing time, so that a busy machine kills no mutant; one that waits for ever computes nothing.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(SECONDS_OF_WAITING)
        mutants.put_in_place(mutant, module)
        for item in items:
            self._run(item)
            if self._failed:
                os._exit(1)
        os._exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="how many mutants to try; all of them unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=0.0, help="the share to be killed, in percent")
    given = parser.parse_args()
    judge = Judge(given.sample, given.seed, given.jobs)
    tests = [path for path in TESTS if os.path.exists(path)]
    pytest.main([*_OPTIONS, f"--deselect={TESTS[0]}::TestContainers::{TOO_SLOW}", *tests], plugins=[judge])
    judged = len(judge.judged)
    if not judged:
        sys.stdout.write("no mutant was judged\n")
        return 2
    score = 100 * (judged - len(judge.survivors)) / judged
    sys.stdout.write(f"{judge.total} mutants, {judged} tried, {len(judge.survivors)} survived: {score:.1f} % killed\n")
    for mutant in sorted(judge.survivors, key=lambda mutant: (mutant.module, mutant.line)):
        sys.stdout.write(f"  {mutant}\n")
    return 0 if score >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
