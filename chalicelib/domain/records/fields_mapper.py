"""Mappings 1.0: fields that are placed at paths, and lists of rows of fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.json import Json

from .fields import Field, field_of
from .paths import EVERY, MISSING, Steps, place_at, steps_of, walk
from .rows import read_in_row, rows_in, source_of_rows
from .scope import Read, Scope, charge_dealt, is_template, read_constant, read_template
from .values import is_empty

_RULE_COST = 8
"""What it takes of the budget, in characters, to apply a field to a row."""


@dataclass(frozen=True, slots=True)
class PlacedField:
    field: Field
    steps: Steps
    discards_empty: bool

    def put(self, target: dict[str, Json], scope: Scope) -> None:
        value = self.field.value(scope)
        if value is MISSING or (self.discards_empty and is_empty(value)):
            return
        place_at(target, self.steps, value, scope.source, self.field.where)
        charge_dealt(self.steps, target, scope)


@dataclass(frozen=True, slots=True)
class FieldList:
    """`source` is the list that the rows come from, None for one row of the record itself."""

    where: str
    steps: Steps
    source: Steps | None
    fields: Sequence[PlacedField]

    def put(self, target: dict[str, Json], scope: Scope) -> None:
        """Appends the rows to those that another list has placed there."""
        elements = rows_in(scope.record, self.source)
        if elements is MISSING:
            return
        present = walk(target, self.steps)
        rows = list(present) if isinstance(present, list) else []
        rows.extend(self._row(scope.within(scope.record, element)) for element in elements)
        place_at(target, self.steps, rows, scope.source, self.where)

    def _row(self, scope: Scope) -> Json:
        row: dict[str, Json] = {}
        scope.budget.spend(_RULE_COST * len(self.fields))
        for field in self.fields:
            field.put(row, scope)
        return row


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """A whole mapping. Of grouped records the fields read the first, the lists all (`*.sku`)."""

    fields: Sequence[PlacedField]
    lists: Sequence[FieldList]

    def apply(self, scope: Scope) -> dict[str, Json]:
        target: dict[str, Json] = {}
        record = scope.record
        first = record[0] if isinstance(record, list) and record else record
        for field in self.fields:
            field.put(target, scope.within(record, first))
        for rows in self.lists:
            rows.put(target, scope)
        return target


def compile_mapping(document: Mapping[str, Json]) -> FieldMapping:
    """The mapping that a well-formed document describes."""
    return FieldMapping(
        fields=[_field(rule, None, True) for rule in _rules(document, "fields")],
        lists=[_list(rule) for rule in _rules(document, "lists")],
    )


def _list(document: dict[str, Json]) -> FieldList:
    generate, path = document.get("generate"), document.get("jsonPath")
    rules = _rules(document, "fields")
    source = _rows_at(path) if isinstance(path, str) and path else source_of_rows(_path(rule) for rule in rules)
    # An empty source is the record itself, as in `*.sku`; None is no list at all.
    is_relative = bool(path) or not source
    where = generate if isinstance(generate, str) else ""
    return FieldList(where, steps_of(where), source, [_field(rule, source, is_relative, where) for rule in rules])


def _rows_at(path: str) -> Steps:
    steps = steps_of(path)
    return steps[:-1] if steps and steps[-1] is EVERY else steps


def _field(rule: dict[str, Json], source: Steps | None, is_relative: bool, where: str = "") -> PlacedField:
    generate = rule.get("generate")
    name = generate if isinstance(generate, str) else ""
    path = f"{where}.{name}" if where else name
    return PlacedField(
        field=field_of(rule, path, _read(rule, source, is_relative, path), len(steps_of(path))),
        steps=steps_of(name),
        discards_empty=rule.get("discardIfEmpty") is True,
    )


def _read(rule: dict[str, Json], source: Steps | None, is_relative: bool, where: str) -> Read:
    extract = rule.get("extract")
    if not isinstance(extract, str) or not extract:
        return read_constant(MISSING)
    if is_template(extract):
        return read_template(extract, where)
    return read_in_row(steps_of(extract), source, is_relative)


def _path(rule: dict[str, Json]) -> Steps:
    extract = rule.get("extract")
    return steps_of(extract) if isinstance(extract, str) and not is_template(extract) else ()


def _rules(document: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    rules = document.get(name)
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
