"""Replays documented requests about jobs and errors and compares the replies, but for ids and times byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api import golden
from tests.api.celigo.jobs_house import Jobs
from tests.api.world import World

FIXTURES = sorted((Path(__file__).parent / "fixtures" / "jobs").glob("*.json"))
PATTERNS = {
    "<id>": r"[0-9a-f]{24}",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<file>": r"https://flow\.example\.org/v1/jobs/errorFile/[A-Za-z0-9]+\.(csv|zip)",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path, world: World) -> None:
    house = Jobs(world)
    names = house.names(house.whole())

    for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]:
        exchange = golden.filled(exchange, names)
        asked = exchange["request"]
        reply = house.call(asked["method"], asked["path"], asked.get("body"))
        golden.compare(reply, exchange["reply"], PATTERNS)
