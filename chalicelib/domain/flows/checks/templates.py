"""Whether the templates of a document can be read, so that nobody learns of a missing brace from a failing run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.domain.errors import TemplateError
from chalicelib.domain.handlebars import compile_template
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems, member

_BLOCKS = ("http", "rest", "traceKeyTemplate", "dataURITemplate")
_TEMPLATES = frozenset(
    {
        "baseURI",
        "body",
        "relativeURI",
        "refreshBody",
        "refreshRelativeURI",
        "traceKeyTemplate",
        "dataURITemplate",
        "value",
    }
)
"""Members that are templates, or lists of them, wherever they stand below those."""


def problems_of_templates(document: Mapping[str, Json]) -> list[Problem]:
    """What cannot be read at all; a helper that does not exist is told when it is called for."""
    problems = Problems()
    for block in _BLOCKS:
        for place, text in _templates(document.get(block), block, block in _TEMPLATES):
            try:
                compile_template(text)
            except TemplateError as error:
                problems.invalid(place, f"Path `{place}` is not a valid template: {error.message}")
    return problems.found


def _templates(value: Json, place: str, is_template: bool) -> Iterator[tuple[str, str]]:
    match value:
        case str() if is_template:
            yield place, value
        case list():
            for index, each in enumerate(value):
                yield from _templates(each, f"{place}[{index}]", is_template)
        case dict():
            for name, each in value.items():
                yield from _templates(each, member(place, name), name in _TEMPLATES)
