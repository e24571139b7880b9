"""Replays documented requests and compares the replies, byte for byte but for ids, secrets and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.gateway import Answer
from tests.api.golden import compare, filled
from tests.api.world import World

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))

PATTERNS = {
    "<pin>": r"p-[a-z0-9]{12}",
    "<board>": r"pb-[a-z0-9]{10}",
    "<block>": r"b-[a-z0-9]{10}",
    "<dataset>": r"d-[a-z0-9]{10}",
    "<wh>": r"wh_[A-Za-z0-9]{7}",
    "<secret>": r"whsec_[A-Za-z0-9+/]{43}=",
    "<apikey>": r"pk_[0-9a-f]{32}",
    "<key>": r"key_[a-z0-9]{12,}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path, world: World) -> None:
    captured: dict[str, str] = {}
    for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
        exchange = filled(exchange, captured)
        if "clock" in exchange:
            world.clock.advance(exchange["clock"])
            continue
        reply = request(world, exchange["request"])
        compare(reply, exchange["reply"], PATTERNS)
        for name, member in exchange.get("capture", {}).items():
            captured[name] = reply.data[member]


def request(world: World, asked: dict[str, Any]) -> Answer:
    key = None if asked.get("public") else ""
    return world.call(asked["method"], asked["path"], asked.get("body"), headers=asked.get("headers"), key=key)
