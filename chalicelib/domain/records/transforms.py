"""Transforms of whole records: by mappings that create or modify, or by pairs of paths.

Version 2 (`rulesTwoDotZero`) has mappings 2.0; `create` makes a new record of them, `modify` lays them over the record
and merges objects that have rules of their own. Version 1 (`rules`) copies from path to path into a new record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.json import Json

from .errors import RecordError
from .lookups import Lookups, lookup_names, problems_of_lookups
from .mapper import Rule, compile_rules
from .mapping_checks import MAX_RULES, MappingCheck
from .mappings import built
from .pairs import Pair, check_pair, compile_pair
from .problems import Problem, Problems, member, refuse
from .scope import Scope
from .surroundings import Surroundings

_MODES = ("create", "modify")


@dataclass(frozen=True, slots=True)
class Transform:
    """Compiled once, applied to many records. One without rules and pairs changes nothing."""

    rules: Sequence[Rule]
    pairs: Sequence[Pair]
    lookups: Lookups
    modifies: bool

    def apply(self, record: Json, surroundings: Surroundings) -> Json:
        """The transformed record; raises RecordError."""
        if not self.rules and not self.pairs:
            return record
        scope = Scope(record, surroundings, self.lookups, "transformation")
        target: dict[str, Json] = {}
        if self.modifies:
            if not isinstance(record, dict):
                raise RecordError("transformation", "transform_error", "Only an object can be modified.")
            # The record's inner containers are shared: rules replace those, and never change them.
            target.update(record)
        for pair in self.pairs:
            pair.copy(record, target, scope)
        return built(self.rules, scope, target) if self.rules else target


def compile_transform(document: Json, where: str = "transform") -> Transform:
    """The transform that the document describes; raises InvalidError for a malformed one. Null changes nothing."""
    check_transform(document, where)
    expression = _expression(document)
    rules = expression.get("rulesTwoDotZero") if _is_second(expression) else None
    if isinstance(rules, dict):
        modifies = rules.get("mode") == "modify"
        return Transform(compile_rules(rules.get("mappings")), (), Lookups.of(rules), modifies)
    pairs = [compile_pair(pair) for _, pair in _pairs(expression.get("rules"), "") if isinstance(pair, dict)]
    return Transform((), () if _is_second(expression) else pairs, Lookups({}), False)


def transform(document: Json | Transform, record: Json, surroundings: Surroundings) -> Json:
    """`Transform.apply` of the document, or of a transform that was compiled before."""
    compiled = document if isinstance(document, Transform) else compile_transform(document)
    return compiled.apply(record, surroundings)


def check_transform(document: Json, where: str = "transform") -> None:
    """Raises InvalidError for the first problem, with all of them in its fact `problems`."""
    refuse(problems_of_transform(document, where))


def problems_of_transform(document: Json, where: str = "transform") -> list[Problem]:
    """What is wrong with `{type, expression: {version, rulesTwoDotZero | rules}}`."""
    problems = Problems()
    if not problems.expect(where, document, dict, "an object") or not isinstance(document, dict):
        return problems.found
    kind = document.get("type")
    if kind == "script":
        problems.invalid(member(where, "type"), "A script cannot take the place of this transform.")
        return problems.found
    if kind not in (None, "expression"):
        problems.invalid(member(where, "type"), f"`{str(kind)[:100]}` is not a valid value for path `{where}.type`.")
    place = member(where, "expression") if isinstance(document.get("expression"), dict) else where
    problems.expect(member(where, "expression"), document.get("expression"), dict, "an object")
    expression = _expression(document)
    if expression.get("version") not in (None, "", "1", "2", 1, 2):
        problems.invalid(member(place, "version"), "The version of a transform is 1 or 2.")
    if _is_second(expression):
        return problems.found + _problems_of_rules(expression.get("rulesTwoDotZero"), f"{place}.rulesTwoDotZero")
    _check_pairs(expression.get("rules"), f"{place}.rules", problems)
    return problems.found


def _problems_of_rules(rules: Json, where: str) -> list[Problem]:
    check = MappingCheck(lookup_names(rules))
    if check.problems.expect(where, rules, dict, "an object") and isinstance(rules, dict):
        mode = rules.get("mode")
        if mode not in (None, "", *_MODES):
            check.problems.invalid(
                f"{where}.mode", f"`{str(mode)[:100]}` is not a valid value for path `{where}.mode`."
            )
        check.rules(rules.get("mappings"), f"{where}.mappings")
    return [*check.problems.found, *problems_of_lookups(rules, where)]


def _check_pairs(rules: Json, where: str, problems: Problems) -> None:
    if not problems.expect(where, rules, list, "an array"):
        return
    pairs = _pairs(rules, where)
    if len(pairs) > MAX_RULES:
        problems.invalid(where, f"Transforms have at most {MAX_RULES} rules.")
        return
    for place, pair in pairs:
        check_pair(pair, place, problems, templates=True)


def _pairs(rules: Json, where: str) -> list[tuple[str, Json]]:
    """The pairs of all groups, each with its path; a list of pairs without groups is one group."""
    pairs: list[tuple[str, Json]] = []
    for index, group in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(group, list):
            pairs.extend((f"{where}[{index}][{inner}]", pair) for inner, pair in enumerate(group))
        else:
            pairs.append((f"{where}[{index}]", group))
    return pairs


def _expression(document: Json) -> dict[str, Json]:
    """The part that has the rules, which may be the document itself."""
    if not isinstance(document, dict):
        return {}
    expression = document.get("expression")
    return expression if isinstance(expression, dict) else document


def _is_second(expression: dict[str, Json]) -> bool:
    version = expression.get("version")
    return version in ("2", 2) or (version in (None, "") and expression.get("rulesTwoDotZero") is not None)
