from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.unit.outbound.fakes import FakeNetwork

NetworkFactory = Callable[..., FakeNetwork]


@pytest.fixture
def network_of() -> Iterator[NetworkFactory]:
    """Builds a fake network that plays the given answers, and closes its sockets afterwards."""
    built: list[FakeNetwork] = []

    def build(*scripts: bytes) -> FakeNetwork:
        built.append(FakeNetwork(*scripts))
        return built[-1]

    yield build
    for network in built:
        network.close()
