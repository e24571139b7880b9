"""Replays documented requests over a made-up depot and compares the replies, but for ids and times.

The order of members is not part of what is documented: the samples themselves differ in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.gateway import Answer
from tests.api.golden import filled, fit
from tests.api.world import World
from tests.flows.depot import Depot

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))

PATTERNS = {
    "<id>": r"[0-9a-f]{24}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<e>": r"e[0-9a-f]{7,10}",
    "<i>": r"i[0-9a-f]{7,10}",
    "<error>": r"[0-9]{25}",
    "<key>": r"[0-9a-f]{21}",
    "<zip>": r"https://flow\.example\.org/v1/flows/template/[0-9a-z]{38}\.zip",
    "<where>": r".*\(line 1, column \d+\)\.",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path, world: World) -> None:
    world.sender.respond = Depot(parcels=3).send
    captured: dict[str, str] = {}
    for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
        if "clock" in exchange:
            world.clock.advance(exchange["clock"])
        elif "work" in exchange:
            world.work()
        else:
            answer = request(world, with_names(exchange["request"], captured))
            compare(answer, with_names(exchange["reply"], captured))
            for name, member in exchange.get("capture", {}).items():
                captured[name] = answer.json[member]


def request(world: World, asked: dict[str, Any]) -> Answer:
    raw = asked["raw"].encode() if "raw" in asked else None
    return world.call(asked["method"], asked["path"], asked.get("body"), raw=raw)


def compare(answer: Answer, expected: dict[str, Any]) -> None:
    assert answer.status == expected["status"], answer.text
    for name, value in expected.get("headers", {}).items():
        assert answer.headers[name] == value
    if "text" in expected:
        assert answer.text == expected["text"]
    if "body" in expected:
        assert fit(answer.json, expected["body"], PATTERNS) == expected["body"]


def with_names(value: Any, captured: dict[str, str]) -> Any:
    """With what was captured, in the names of members, too."""
    if isinstance(value, dict):
        return {filled(name, captured): with_names(inner, captured) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_names(inner, captured) for inner in value]
    return filled(value, captured)
