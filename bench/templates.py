"""What rendering a Handlebars template costs for each record of a flow, and compiling it once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from bench.table import Cell, Table
from chalicelib.domain.handlebars import Escape, Template
from chalicelib.domain.json import Json

ROUNDS = 7
_TIMES = 2_000
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_RECORD: dict[str, Json] = {
    "id": "A-1042",
    "name": "Blue parcel, large",
    "quantity": 3,
    "price": 12.5,
    "owner": {"name": "Ada", "mail": "ada@example.com"},
    "address": {"city": "Cologne", "zip": "50667"},
    "tags": ["fragile", "express"],
    "changedAt": "2025-12-31T22:15:00Z",
}
_PATHS = "id name quantity price owner.name owner.mail address.city address.zip tags.[0] changedAt"
_BODY = "{" + ", ".join(f'"f{place}": "{{{{record.{path}}}}}"' for place, path in enumerate(_PATHS.split())) + "}"
_TEMPLATES = {
    "a body with ten values": (_BODY, Escape.NONE),
    "an address with one value": ("/owners/{{record.id}}", Escape.URI),
    "a loop over two elements": ("{{#each record.tags}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", Escape.NONE),
    "a date by another pattern": ('{{{dateFormat "DD.MM.YYYY HH:mm" record.changedAt}}}', Escape.NONE),
    "a regular expression": ('{{regexReplace record.name "" "[^a-z]"}}', Escape.NONE),
}


def measure() -> Iterator[Table]:
    rows: list[list[Cell]] = [_row(name, text, escape) for name, (text, escape) in _TEMPLATES.items()]
    note = f"medians of {ROUNDS} rounds of {_TIMES} renderings; a template is compiled once and kept"
    yield Table("Templates: microseconds of one core", ("template", "render", "compile"), rows, [note])


def _row(name: str, text: str, escape: Escape) -> list[Cell]:
    template = Template(text)
    context: dict[str, Json] = {"record": _RECORD}

    def render() -> object:
        return template.render(context, escape=escape, now=_NOW, random="")

    return [name, _microseconds(render, _TIMES), _microseconds(lambda: Template(text), _TIMES // 10)]


def _microseconds(action: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            action()
        found.append((time.process_time() - start) / times * 1e6)
    return statistics.median(found)
