"""Replays documented requests and compares the replies, byte for byte but for ids, tokens and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.run import Failure, LogLine, RunStatus, StepError, StepStatus
from tests.api.gateway import Answer
from tests.api.golden import compare, filled
from tests.api.world import World

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))

PATTERNS = {
    "<wf>": r"wf_[a-z0-9]{12,}",
    "<exec>": r"exec_[a-z0-9]{12,}",
    "<wh>": r"wh_[a-z0-9]{12,}",
    "<sch>": r"sch_[a-z0-9]{12,}",
    "<token>": r"whsec_[a-z0-9]{12,}",
    "<webhook url>": r"https://flow\.example\.org/webhook/wh_[a-z0-9]{12,}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path, world: World) -> None:
    captured: dict[str, str] = {}
    for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
        exchange = filled(exchange, captured)
        if "clock" in exchange:
            world.clock.advance(exchange["clock"])
        elif "work" in exchange:
            world.work()
        elif "worker" in exchange:
            work(world, exchange["worker"])
        else:
            reply = request(world, exchange["request"])
            compare(reply, exchange["reply"], PATTERNS)
            for name, member in exchange.get("capture", {}).items():
                captured[name] = reply.data[member]


def request(world: World, asked: dict[str, Any]) -> Answer:
    return world.call(asked["method"], asked["path"], asked.get("body"), headers=asked.get("headers"))


def work(world: World, done: dict[str, Any]) -> None:
    outcomes = []
    for described in done["outcomes"]:
        members = dict(described)
        error, logs = members.pop("error", None), members.pop("logs", [])
        outcomes.append(
            world.outcome(
                members.pop("node_id"),
                StepStatus(members.pop("status", "succeeded")),
                error=StepError(**error) if error else None,
                logs=tuple(LogLine(world.clock.now(), "info", line) for line in logs),
                **members,
            )
        )
    failure = done.get("failure")
    world.run_it(
        done["execution"],
        *outcomes,
        status=RunStatus(done["status"]),
        failure=Failure(**failure) if failure else None,
        seconds=done["seconds"],
    )
