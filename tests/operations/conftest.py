"""An empty stage on an emulated AWS, and the operator's commands on it."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib import bootstrap, config, operator
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.resources import create_resources
from chalicelib.store.aws import AwsClients
from tests.fakes import FixedClock

_stages = itertools.count(1)


@dataclass
class Stage:
    """`run` is a command's exit code; what it printed is kept."""

    services: bootstrap.Services
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)

    @property
    def name(self) -> str:
        return self.services.settings.stage

    def run(self, *arguments: str) -> int:
        self.out, self.err = io.StringIO(), io.StringIO()
        return operator.main(arguments, lambda: self.services, self.out, self.err)

    def rows(self, *arguments: str, code: int = 0) -> Any:
        assert self.run("--json", *arguments) == code, self.err.getvalue()
        return json.loads(self.out.getvalue())


@pytest.fixture(scope="module")
def clients() -> Iterator[AwsClients]:
    with EmbeddedAws(remedies=False):
        yield AwsClients(region="eu-central-1")


@pytest.fixture
def stage(clients: AwsClients) -> Stage:
    name = f"op{next(_stages)}"
    resources = create_resources(clients, name)
    environment = {"STAGE": name, "AWS_REGION": "eu-central-1", "BODIES_BUCKET": resources.bucket}
    services = bootstrap.Services(config.from_environment(environment), clients)
    services.clock = FixedClock()  # type: ignore[assignment]
    return Stage(services)
