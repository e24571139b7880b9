from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.sandbox.runner import ProcessRunner
from tests.flows.source_house import SourceHouse
from tests.sources.api import FakeApi


@pytest.fixture(scope="session")
def runner() -> Iterator[ProcessRunner]:
    """One process that all tests' runs are forked from, as in production."""
    runner = ProcessRunner()
    runner.start()
    yield runner
    runner.close()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def house(runner: ProcessRunner, api: FakeApi) -> SourceHouse:
    house = SourceHouse(js=runner)
    house.answers(api)
    return house
