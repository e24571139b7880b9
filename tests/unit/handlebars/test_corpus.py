"""Templates of the corpora: the language as handlebars.js has it, and the helpers as they are documented.

What is expected of the language was written by the library itself, and `python -m tests.npm` has it checked again.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.handlebars import HELPERS, MAX_STEPS, MAX_TEMPLATE, TemplateError
from chalicelib.domain.handlebars.parser import MAX_CHAIN, MAX_NESTING
from chalicelib.domain.regexes import MAX_PATTERN, MAX_SUBJECT

from .support import cases, rendered

LANGUAGE = cases("language.json")
VENDOR = cases("helpers.json")


@pytest.mark.parametrize("case", LANGUAGE, ids=range(len(LANGUAGE)))
def test_a_template_renders_as_the_library_renders_it(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(TemplateError):
            rendered(case)
    else:
        assert rendered(case) == case["expected"]


@pytest.mark.parametrize("case", VENDOR, ids=range(len(VENDOR)))
def test_a_helper_gives_what_is_documented(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(TemplateError) as caught:
            rendered(case)
        assert case["error"] in caught.value.reason
    else:
        assert rendered(case) == case["expected"]


@pytest.mark.parametrize("name", sorted(HELPERS))
def test_every_helper_is_documented_and_has_a_case(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")

    assert re.search(rf"`{name}[ `]", page)
    assert name == "random" or any(re.search(rf"[{{(#]{name}[ }}]", case["template"]) for case in (*VENDOR, *LANGUAGE))


def test_the_documented_limits_are_the_real_ones() -> None:
    page = (Path(__file__).parents[3] / "docs" / "templates.md").read_text(encoding="utf-8")

    for limit in (MAX_TEMPLATE, MAX_NESTING, MAX_CHAIN, MAX_STEPS, MAX_PATTERN, MAX_SUBJECT):
        assert f"| {limit:,} |" in page
