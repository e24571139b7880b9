"""The examples in the user documentation are the contract of every function."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.expressions import (
    FUNCTIONS,
    MAX_EXPRESSION_LENGTH,
    MAX_NESTING,
    Budget,
    MappingScope,
    compile_expression,
    compile_template,
)

PAGE = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text(encoding="utf-8")
JSON_BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
EXAMPLES = [
    tuple(part.strip() for part in line.split(" => "))
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def scope():
    return MappingScope(JSON_BLOCKS[1], datetime(2026, 11, 3, 10, 30, tzinfo=UTC), "documentation")


@pytest.mark.parametrize(("expression", "result"), EXAMPLES)
def test_the_documented_example_gives_the_documented_result(scope, expression, result):
    expected = json.loads(result)

    value = compile_expression(expression).render(scope)

    assert value == expected
    assert type(value) is type(expected)


def test_the_introductory_template_gives_its_documented_value(scope):
    assert compile_template(JSON_BLOCKS[0]).render(scope) == {
        "count": 2,
        "greeting": "Hello Ada, you have 2 items",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_described_and_shown(name):
    assert re.search(rf"`{name}\(", PAGE)
    assert any(f"{name}(" in expression for expression, _ in EXAMPLES)


def test_the_documented_limits_are_the_real_ones():
    assert f"| {MAX_EXPRESSION_LENGTH:,} characters |" in PAGE
    assert f"conditions | {MAX_NESTING} |" in PAGE
    assert f"| {Budget().steps:,};" in PAGE
    assert f"| {Budget().size:,} characters" in PAGE
