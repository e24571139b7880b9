"""Response mappings: what a step's answer adds to the record that it was for.

The answer of a lookup is `{data, errors, statusCode}`, of an import `{id, statusCode, ignored, errors, headers,
_json}`. What the answer lacks leaves the record as it is. A list's rows come from the list that its paths go through;
when none of them has a wildcard, paths are relative to the elements of `data`, or of `_json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from chalicelib.domain.errors import TemplateError
from chalicelib.domain.json import Json

from .lookups import Lookups
from .mapping_checks import MAX_RULES
from .pairs import Pair, check_pair, compile_pair
from .paths import MISSING, Steps, path_problem, place_at, steps_of, walk
from .problems import Problem, Problems, refuse
from .rows import read_in_row, rows_in, source_of_rows
from .scope import Scope
from .surroundings import Surroundings

_ANSWERS = ("data", "_json")
"""The members of an answer that may be the list of rows, the first one first."""
_RULE_COST = 8
"""What it takes of the budget, in characters, to apply a field to a row."""


@dataclass(frozen=True, slots=True)
class RowList:
    generate: str
    steps: Steps
    source: Steps | None
    fields: Sequence[Pair]

    def put(self, target: dict[str, Json], scope: Scope) -> None:
        """Makes the list anew: one row for each element of the answer's list."""
        source = self.source if self.source is not None else _list_in(scope.record)
        elements = MISSING if source is None else rows_in(scope.record, source)
        if elements is not MISSING:
            rows: list[Json] = [self._row(scope.within(scope.record, element), source) for element in elements]
            place_at(target, self.steps, rows, scope.source, self.generate)

    def _row(self, scope: Scope, source: Steps | None) -> Json:
        row: dict[str, Json] = {}
        scope.budget.spend(_RULE_COST * len(self.fields))
        for field in self.fields:
            # Made here and not once for all, because which list the rows come from may be told by the answer alone.
            value = read_in_row(field.source, source, self.source is None)(scope)
            if value is not MISSING:
                scope.budget.charge(value, len(self.steps) + 1 + len(field.target))
                place_at(row, field.target, value, scope.source, field.generate)
        return row


@dataclass(frozen=True, slots=True)
class ResponseMapping:
    """Compiled once, applied to many answers."""

    fields: Sequence[Pair]
    lists: Sequence[RowList]

    def apply(self, record: Mapping[str, Json], response: Mapping[str, Json]) -> dict[str, Json]:
        """A new record; raises RecordError for a value that has no place in it."""
        target = dict(record)
        scope = Scope(dict(response), _NOTHING_AROUND, Lookups({}), "response_mapping")
        for pair in self.fields:
            pair.copy(scope.record, target, scope)
        for rows in self.lists:
            rows.put(target, scope)
        return target


def compile_response_mapping(document: Json, where: str = "responseMapping") -> ResponseMapping:
    """The mapping that the document describes; raises InvalidError for a malformed one. Null maps nothing."""
    check_response_mapping(document, where)
    fields = [compile_pair(pair) for pair in _objects(document, "fields")]
    return ResponseMapping(fields, [_row_list(rows) for rows in _objects(document, "lists")])


def apply_response_mapping(
    document: Json | ResponseMapping, record: Mapping[str, Json], response: Mapping[str, Json]
) -> dict[str, Json]:
    """`ResponseMapping.apply` of the document, or of a mapping that was compiled before."""
    compiled = document if isinstance(document, ResponseMapping) else compile_response_mapping(document)
    return compiled.apply(record, response)


def check_response_mapping(document: Json, where: str = "responseMapping") -> None:
    """Raises InvalidError for the first problem, with all of them in its fact `problems`."""
    refuse(problems_of_response_mapping(document, where))


def problems_of_response_mapping(document: Json, where: str = "responseMapping") -> list[Problem]:
    """What is wrong with `{fields: [{extract, generate}], lists: [{generate, fields: […]}]}`."""
    problems = Problems()
    if not problems.expect(where, document, dict, "an object") or not isinstance(document, dict):
        return problems.found
    _check_pairs(document.get("fields"), f"{where}.fields", problems)
    lists = document.get("lists")
    if problems.expect(f"{where}.lists", lists, list, "an array") and isinstance(lists, list):
        for index, rows in enumerate(lists[:MAX_RULES]):
            _check_list(rows, f"{where}.lists[{index}]", problems)
    return problems.found


def _check_list(rows: Json, where: str, problems: Problems) -> None:
    if not isinstance(rows, dict):
        problems.invalid(where, f"Path `{where}` must be an object.")
        return
    generate = rows.get("generate")
    if not generate:
        problems.missing(f"{where}.generate")
    elif not isinstance(generate, str):
        problems.invalid(f"{where}.generate", f"Path `{where}.generate` must be a string.")
    elif problem := path_problem(generate, placing=True):
        problems.invalid(f"{where}.generate", f"Path `{where}.generate`: {problem}.")
    _check_pairs(rows.get("fields"), f"{where}.fields", problems)


def _check_pairs(pairs: Json, where: str, problems: Problems) -> None:
    if problems.expect(where, pairs, list, "an array") and isinstance(pairs, list):
        if len(pairs) > MAX_RULES:
            problems.invalid(where, f"Response mappings have at most {MAX_RULES} fields.")
            return
        for index, pair in enumerate(pairs):
            check_pair(pair, f"{where}[{index}]", problems)


def _row_list(document: dict[str, Json]) -> RowList:
    fields = [compile_pair(pair) for pair in _objects(document, "fields")]
    generate = str(document.get("generate"))
    return RowList(generate, steps_of(generate), source_of_rows(field.source for field in fields), fields)


def _list_in(response: Json) -> Steps | None:
    return next(((name,) for name in _ANSWERS if isinstance(walk(response, (name,)), list)), None)


def _objects(document: Json, name: str) -> list[dict[str, Json]]:
    found = document.get(name) if isinstance(document, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _no_templates(template: str, context: Mapping[str, Json]) -> str:
    raise TemplateError("Response mappings have no templates")


_NOTHING_AROUND = Surroundings(MappingProxyType({}), MappingProxyType({}), _no_templates)
