"""Surroundings for tests, and tables of cases beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalicelib.domain.errors import TemplateError
from chalicelib.domain.json import Json
from chalicelib.domain.records.paths import MISSING, extract
from chalicelib.domain.records.surroundings import Surroundings
from chalicelib.domain.records.values import text_of

_MUSTACHE = re.compile(r"\{\{([^{}]*)\}\}")


def render(template: str, context: Mapping[str, Json]) -> str:
    """Paths in double braces and nothing else; `{{fail}}` cannot be rendered."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "fail":
            raise TemplateError("This fails", line=1, column=1)
        found = extract(dict(context), match[1].strip())
        return "" if found is MISSING else text_of(found)

    return _MUSTACHE.sub(value, template)


def surroundings(
    *,
    settings: Mapping[str, Json] | None = None,
    context: Mapping[str, Json] | None = None,
    dynamic_lookup: Callable[[str, Json], Json] | None = None,
    is_new: bool | None = None,
) -> Surroundings:
    return Surroundings(settings or {}, context or {}, render, dynamic_lookup, is_new)


AROUND = surroundings(
    settings={"flow": {"least": 3, "state": "open"}, "integration": {"vip": ["a", "b"]}},
    context={"lastExportDateTime": "2024-01-01T00:00:00.000Z", "import": {"name": "Push"}},
)


def table(name: str) -> Any:
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))


def titles(cases: list[Any]) -> list[str]:
    return [case["title"] for case in cases]
