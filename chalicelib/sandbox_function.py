"""The handler of the function that runs other people's code. It knows no table, no queue and no secret, and its role
may do nothing but write its log: whoever breaks out of the engine finds nothing to take.

The engine is loaded with the first call, into a process of its own; what a call leaves there ends with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from chalicelib.outbound import GuardedClient
from chalicelib.sandbox.runner import ProcessRunner
from chalicelib.sandbox_client.server import answer


def sandbox(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """One call in, its answer out; see `sandbox_client.wire`."""
    found: dict[str, Any] = answer(event, _runner(), _http().send)
    return found


@cache
def _runner() -> ProcessRunner:
    runner = ProcessRunner()
    runner.start()
    return runner


@cache
def _http() -> GuardedClient:
    runtime_api = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    allow = tuple(text.strip() for text in os.environ.get("OUTBOUND_ALLOW", "").split(",") if text.strip())
    return GuardedClient(allow, refuse_hosts=[runtime_api] if runtime_api else [])
