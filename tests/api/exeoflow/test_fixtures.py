"""Replays documented requests and compares the replies, byte for byte but for ids, tokens and times."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.run import Failure, LogLine, RunStatus, StepError, StepStatus
from tests.api.gateway import Answer
from tests.api.world import World

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))

PATTERNS = {
    "<wf>": r"wf_[a-z0-9]{12,}",
    "<exec>": r"exec_[a-z0-9]{12,}",
    "<wh>": r"wh_[a-z0-9]{12,}",
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
            compare(reply, exchange["reply"])
            for name, member in exchange.get("capture", {}).items():
                captured[name] = reply.data[member]


def filled(value: Any, captured: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: captured.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [filled(item, captured) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, captured) for name, item in value.items()}
    return value


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


def compare(reply: Answer, expected: dict[str, Any]) -> None:
    assert reply.status == expected["status"], reply.text
    for name, value in expected.get("headers", {}).items():
        assert reply.headers[name] == value
    if "body" in expected:
        fitted = fit(reply.json, expected["body"])
        # As text, because the order of members is part of what is documented.
        assert json.dumps(fitted, ensure_ascii=False) == json.dumps(expected["body"], ensure_ascii=False)


def fit(actual: Any, expected: Any) -> Any:
    """`actual` with the placeholder in place of every value that fits it."""
    if expected == "<any>":
        return expected
    if isinstance(expected, str) and expected in PATTERNS:
        fits = isinstance(actual, str) and re.fullmatch(PATTERNS[expected], actual)
        return expected if fits else actual
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {name: fit(value, expected.get(name)) for name, value in actual.items()}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [fit(*pair) for pair in zip(actual, expected, strict=True)]
    return actual
