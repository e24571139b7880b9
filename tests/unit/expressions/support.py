"""What the expression tests share."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.expressions import Budget, MappingScope, compile_expression, compile_template

NOW = datetime(2026, 11, 3, 10, 30, tzinfo=UTC)


def scope_of(seed: str = "run/step", **roots: Any) -> MappingScope:
    return MappingScope({f"${name}": value for name, value in roots.items()}, NOW, seed)


def evaluate(expression: str, budget: Budget | None = None, **roots: Any) -> Any:
    return compile_expression(expression).render(scope_of(**roots), budget)


def render(value: Any, budget: Budget | None = None, **roots: Any) -> Any:
    return compile_template(value).render(scope_of(**roots), budget)


def refused(expression: str, match: str, budget: Budget | None = None, **roots: Any) -> ExpressionError:
    with pytest.raises(ExpressionError, match=match) as caught:
        evaluate(expression, budget, **roots)
    return caught.value
