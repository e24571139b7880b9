"""Replays documented requests and compares the replies, byte for byte but for ids and times."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.twinit.house import BASE, Plant

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_SECOND = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
PATTERNS = {
    "<uuid>": _UUID,
    "<time 9>": rf"{_SECOND}\.\d{{9}}Z",
    "<time 6>": rf"{_SECOND}\.\d{{6}}Z",
    "<time 3>": rf"{_SECOND}\.\d{{3}}Z",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_documented_requests_get_the_documented_replies(path: Path) -> None:
    plant, captured = Plant(), dict[str, str]()
    fixture = json.loads(path.read_text(encoding="utf-8"))
    plant.answers |= {name: json.dumps(answer) for name, answer in fixture.get("receivers", {}).items()}
    for exchange in fixture["exchanges"]:
        exchange = filled(exchange, captured)
        if "work" in exchange:
            plant.world.work()
            continue
        asked = exchange["request"]
        answer = plant.world.call(asked["method"], BASE + asked["path"], asked.get("body"))
        assert answer.status == exchange["reply"]["status"], answer.text
        for name, place in exchange.get("capture", {}).items():
            captured[name] = found(answer.json, place)
        fitted = fit(answer.json, filled(exchange["reply"]["body"], captured))
        # As text, because the order of members is part of what is documented.
        assert json.dumps(fitted, ensure_ascii=False) == json.dumps(
            filled(exchange["reply"]["body"], captured), ensure_ascii=False
        )


def filled(value: Any, captured: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: captured.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [filled(item, captured) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, captured) for name, item in value.items()}
    return value


def found(value: Any, place: str) -> str:
    """The text at a place such as `_tasks.0._id`."""
    for key in place.split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    assert isinstance(value, str)
    return value


def fit(actual: Any, expected: Any) -> Any:
    """`actual` with the placeholder in place of every value that fits it."""
    if isinstance(expected, str) and expected in PATTERNS:
        fits = isinstance(actual, str) and re.fullmatch(PATTERNS[expected], actual)
        return expected if fits else actual
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {name: fit(value, expected.get(name)) for name, value in actual.items()}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [fit(*pair) for pair in zip(actual, expected, strict=True)]
    return actual
