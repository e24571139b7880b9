"""Documented exchanges kept as JSON: filling in what earlier replies brought, and comparing replies with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.api.gateway import Answer

Patterns = Mapping[str, str]
"""Regular expressions by the placeholder that stands for whatever they match."""


def filled(value: Any, captured: Mapping[str, str]) -> Any:
    """`value` with what was captured in place of `{its name}`."""
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: captured.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [filled(item, captured) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, captured) for name, item in value.items()}
    return value


def compare(reply: Answer, expected: Mapping[str, Any], patterns: Patterns) -> None:
    assert reply.status == expected["status"], reply.text
    for name, value in expected.get("headers", {}).items():
        assert reply.headers[name] == value
    if "text" in expected:
        assert reply.text == expected["text"]
    if "body" in expected:
        fitted = fit(reply.json, expected["body"], patterns)
        # As text, because the order of members is part of what is documented.
        assert json.dumps(fitted, ensure_ascii=False) == json.dumps(expected["body"], ensure_ascii=False)


def fit(actual: Any, expected: Any, patterns: Patterns) -> Any:
    """`actual` with the placeholder in place of every value that fits it."""
    if expected == "<any>":
        return expected
    if isinstance(expected, str) and expected in patterns:
        fits = isinstance(actual, str | int) and re.fullmatch(patterns[expected], str(actual))
        return expected if fits else actual
    if isinstance(actual, dict) and isinstance(expected, dict):
        return {name: fit(value, expected.get(name), patterns) for name, value in actual.items()}
    if isinstance(actual, list) and isinstance(expected, list) and len(actual) == len(expected):
        return [fit(*pair, patterns) for pair in zip(actual, expected, strict=True)]
    return actual
