from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.domain.javascript import DESCRIBE_LIMITS
from chalicelib.sandbox.runner import ProcessRunner
from tests.sandbox.house import House


@pytest.fixture(scope="session")
def runner() -> Iterator[ProcessRunner]:
    """One process that all tests' runs are forked from, as in production."""
    runner = ProcessRunner(replace(DESCRIBE_LIMITS, cpu_seconds=1.0))
    runner.start()
    yield runner
    runner.close()


@pytest.fixture
def js(runner: ProcessRunner) -> House:
    return House(runner)
