"""What the template tests share."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.handlebars import Escape, TemplateError, compile_template

NOW = datetime(2026, 11, 22, 10, 30, 15, 250_000, tzinfo=UTC)


def cases(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return loaded


def render(template: str, context: dict[str, Any] | None = None, **options: Any) -> str:
    usual: dict[str, Any] = {"now": NOW, "random": "seed", **options}
    return compile_template(template).render(context or {}, **usual)


def rendered(case: dict[str, Any]) -> str:
    return render(
        case["template"],
        case["context"],
        escape=Escape(case.get("escape", "none")),
        strict=case.get("strict", False),
    )


def refused(template: str, match: str, context: dict[str, Any] | None = None, **options: Any) -> TemplateError:
    with pytest.raises(TemplateError, match=match) as caught:
        render(template, context, **options)
    return caught.value
