"""Node types that need more of an installation: all wired, none loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

from chalicelib.bootstrap import Services
from chalicelib.config import from_environment
from chalicelib.domain.node_types import NODE_TYPES

TYPES = {"http_request", "mqtt_publish", "haystack", "ai_converse", "script_execution"}


def test_every_installation_has_them() -> None:
    services = Services(from_environment({"RUNS_QUEUE_URL": "https://sqs.example/runs"}))

    assert NODE_TYPES.keys() >= TYPES
    assert services.performer._handlers.keys() >= TYPES


def test_a_function_that_publishes_nothing_loads_no_client_for_it() -> None:
    loaded = "import sys, chalicelib.bootstrap; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()

    late = ("outbound.mqtt", "nodes.mqtt_publish", "nodes.haystack", "nodes.ai_converse", "domain.scram")
    assert [name for name in modules if name.removeprefix("chalicelib.") in late] == []
