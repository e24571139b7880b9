"""Pairs of paths, `{extract, generate}`: what transforms 1.0 and response mappings consist of.

With wildcards in both paths, elements stay in their places: `lines[*].id` to `items[*].lineId` gives the third item
the third line's id even if the second line has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.json import Json

from .errors import RecordError
from .paths import EVERY, MISSING, Missing, NoPlaceError, Steps, path_problem, place_at, placed, steps_of, walk
from .problems import Problems
from .scope import Scope, charge_dealt, is_template, read_template


@dataclass(frozen=True, slots=True)
class Pair:
    extract: str
    source: Steps
    generate: str
    target: Steps

    def copy(self, record: Json, target: dict[str, Json], scope: Scope) -> None:
        """Copies what is there; the target's containers are replaced, not changed. Raises RecordError."""
        if is_template(self.extract):
            value: Json | Missing = read_template(self.extract, self.generate)(scope)
        elif EVERY in self.source and EVERY in self.target:
            self._copy_aligned(record, target, scope)
            return
        else:
            value = walk(record, self.source, scope.budget.spend)
        if value is not MISSING:
            scope.budget.charge(value, len(self.target))
            place_at(target, self.target, value, scope.source, self.generate)
            charge_dealt(self.target, target, scope)

    def _copy_aligned(self, record: Json, target: dict[str, Json], scope: Scope) -> None:
        try:
            aligned = _aligned(record, self.source, target, self.target)
        except NoPlaceError as error:
            message = f"{error} (path {self.generate[:100]!r})."
            raise RecordError(scope.source, "invalid_path", message, self.generate) from None
        if aligned is not MISSING:
            scope.budget.charge(aligned)
            place_at(target, self.target[: self.target.index(EVERY)], aligned, scope.source, self.generate)


def compile_pair(document: Mapping[str, Json]) -> Pair:
    """The pair that a well-formed document describes."""
    extract, generate = str(document.get("extract")), str(document.get("generate"))
    return Pair(extract, steps_of(extract), generate, steps_of(generate))


def check_pair(document: Json, where: str, problems: Problems, templates: bool = False) -> None:
    """Finds what is wrong with a pair at that path, whose `extract` may also be a template where they are allowed."""
    if not isinstance(document, dict):
        problems.invalid(where, f"Path `{where}` must be an object.")
        return
    for name, placing in (("extract", False), ("generate", True)):
        place, path = f"{where}.{name}", document.get(name)
        if path is None or path == "":
            problems.missing(place)
        elif not isinstance(path, str):
            problems.invalid(place, f"Path `{place}` must be a string.")
        elif not placing and is_template(path):
            if not templates:
                problems.invalid(place, f"Path `{place}` must not be a template.")
        elif problem := path_problem(path, placing):
            problems.invalid(place, f"Path `{place}`: {problem}.")


def _aligned(record: Json, source: Steps, target: Json, goal: Steps) -> Json | Missing:
    """The list at the goal's first wildcard with what the source's list gives each of its elements."""
    at, to = source.index(EVERY), goal.index(EVERY)
    found = walk(record, source[:at])
    if found is MISSING or found is None:
        return MISSING
    present = walk(target, goal[:to])
    elements = list(present) if isinstance(present, list) else []
    for index, each in enumerate(found if isinstance(found, list) else [found]):
        # The list has grown along with the index, so this is its end and never a place beyond.
        if index == len(elements):
            elements.append({} if goal[to + 1 :] else None)
        elements[index] = _element(each, source[at + 1 :], elements[index], goal[to + 1 :])
    return elements


def _element(record: Json, source: Steps, target: Json, goal: Steps) -> Json:
    if EVERY in source and EVERY in goal:
        inner = _aligned(record, source, target, goal)
        return target if inner is MISSING else placed(target, goal[: goal.index(EVERY)], inner)
    value = walk(record, source)
    return target if value is MISSING else placed(target, goal, value)
