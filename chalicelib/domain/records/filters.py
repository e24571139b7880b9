"""Filters: whether a record passes rules in prefix notation, such as `["equals", ["extract", "state"], "open"]`.

Nothing at a path is null. Null is in no order and contains nothing; a number equals the text that spells it. Dates in
ISO form are in order as text; `epochtime` makes milliseconds of them. A cast of null or blank text to a number gives
null, every other cast that is not possible fails the record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.regexes import Regex, compile_regex

from .errors import RecordError, Source
from .filter_terms import ACCESSORS, BINARY, OPERANDS, UNARY
from .paths import MISSING, path_problem, steps_of, walk
from .problems import Problem, Problems, member, refuse
from .surroundings import Surroundings
from .values import Unfit, is_true, text_of

MAX_NESTING = 32
MAX_RULES = 500

Evaluate: TypeAlias = "Callable[[Json, Surroundings], Json]"


@dataclass(frozen=True, slots=True)
class Filter:
    """Compiled once, asked about many records. `where` is the path of the rules in their document."""

    evaluate: Evaluate | None
    where: str

    def passes(self, record: Json, surroundings: Surroundings, source: Source = "output_filter") -> bool:
        """Whether the record passes; raises RecordError for a value that a rule cannot use."""
        if self.evaluate is None:
            return True
        try:
            return is_true(self.evaluate(record, surroundings))
        except _UnfitAt as error:
            raise RecordError(source, "invalid_cast", error.message, error.where) from None


def compile_filter(document: Json, where: str = "filter") -> Filter:
    """The filter that the document describes; raises InvalidError for a malformed one. Null passes everything."""
    check_filter(document, where)
    place, rules = _rules_of(document, where)
    return Filter(_compile(rules, place) if rules else None, place)


def passes(document: Json | Filter, record: Json, surroundings: Surroundings, source: Source = "output_filter") -> bool:
    """`Filter.passes` of the document, or of a filter that was compiled before."""
    compiled = document if isinstance(document, Filter) else compile_filter(document)
    return compiled.passes(record, surroundings, source)


def check_filter(document: Json, where: str = "filter") -> None:
    """Raises InvalidError for the first problem, with all of them in its fact `problems`."""
    refuse(problems_of_filter(document, where))


def problems_of_filter(document: Json, where: str = "filter") -> list[Problem]:
    """What is wrong with a filter: `{type, expression: {version, rules}}` or `{version, rules}`."""
    problems = Problems()
    if not problems.expect(where, document, dict, "an object") or not isinstance(document, dict):
        return problems.found
    kind = document.get("type")
    if kind == "script":
        problems.invalid(member(where, "type"), "A script cannot take the place of this filter.")
        return problems.found
    if kind not in (None, "expression"):
        problems.invalid(member(where, "type"), f"`{str(kind)[:100]}` is not a valid value for path `{where}.type`.")
    expression = document.get("expression")
    problems.expect(member(where, "expression"), expression, dict, "an object")
    for place, holder in ((where, document), (member(where, "expression"), expression)):
        if isinstance(holder, dict) and holder.get("version") not in (None, "", "1", 1):
            problems.invalid(member(place, "version"), "The version of a filter must be 1.")
    place, rules = _rules_of(document, where)
    if problems.expect(place, rules, list, "an array") and rules:
        _Check(problems).rule(rules, place, 1)
    return problems.found


def _rules_of(document: Json, where: str) -> tuple[str, Json]:
    """The rules of the expression if it has any, else those of the document itself, and their path."""
    if not isinstance(document, dict):
        return where, None
    expression = document.get("expression")
    if isinstance(expression, dict) and expression.get("rules") is not None:
        return f"{member(where, 'expression')}.rules", expression["rules"]
    return member(where, "rules"), document.get("rules")


class _Check:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._count = 0

    def rule(self, rule: Json, where: str, nesting: int) -> None:
        if isinstance(rule, dict):
            self._problems.invalid(where, f"Path `{where}` must be a value or a rule.")
        if not isinstance(rule, list):
            return
        self._count += 1
        if nesting > MAX_NESTING or self._count > MAX_RULES:
            limit = f"{MAX_NESTING} levels" if nesting > MAX_NESTING else f"{MAX_RULES} rules"
            self._problems.invalid(where, f"A filter has at most {limit}.")
            return
        name = rule[0] if rule else None
        if not isinstance(name, str) or name not in OPERANDS:
            self._problems.invalid(where, f"{str(name)[:100]!r} is not an operator of filters.")
            return
        self._operands(name, rule[1:], where, nesting)

    def _operands(self, name: str, operands: list[Json], where: str, nesting: int) -> None:
        least, most = OPERANDS[name]
        if not least <= len(operands) <= most:
            count = str(least) if least == most else f"at least {least}"
            self._problems.invalid(where, f"The operator {name!r} takes {count} operand{'s' * (count != '1')}.")
        elif name in ACCESSORS:
            self._accessor(operands[0], f"{where}[1]")
        # A list of choices is data unless it begins like a rule, as `["extract", …]` does.
        elif name == "anyof" and isinstance(operands[1], list) and not _is_rule(operands[1]):
            self.rule(operands[0], f"{where}[1]", nesting + 1)
        else:
            for index, operand in enumerate(operands, 1):
                self.rule(operand, f"{where}[{index}]", nesting + 1)
            if name == "matches" and isinstance(operands[1], str):
                self._pattern(operands[1], f"{where}[2]")

    def _pattern(self, pattern: str, where: str) -> None:
        try:
            compile_regex(pattern)
        except InvalidError as error:
            self._problems.invalid(where, error.message)

    def _accessor(self, path: Json, where: str) -> None:
        if not isinstance(path, str) or not path:
            self._problems.invalid(where, f"Path `{where}` must be the path of a field.")
        elif problem := path_problem(path):
            self._problems.invalid(where, f"Path `{where}`: {problem}.")


def _is_rule(operand: list[Json]) -> bool:
    return bool(operand) and isinstance(operand[0], str) and operand[0] in OPERANDS


class _UnfitAt(Exception):
    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.message = message
        self.where = where


def _compile(rule: Json, where: str) -> Evaluate:
    if not isinstance(rule, list):
        return lambda _record, _surroundings: rule
    name, operands = str(rule[0]), rule[1:]
    if name in ACCESSORS:
        return _accessor(name, str(operands[0]))
    if name == "anyof" and isinstance(operands[1], list) and not _is_rule(operands[1]):
        choices = operands[1]
        compiled = [_compile(operands[0], f"{where}[1]"), lambda _record, _surroundings: choices]
    else:
        compiled = [_compile(operand, f"{where}[{index}]") for index, operand in enumerate(operands, 1)]
    if name in ("and", "or", "not"):
        # Unguarded, for its operands are guarded themselves: a failure is told where it happens.
        return _logical(name, compiled)
    return _guarded(_applied(name, compiled, operands), name, where)


def _accessor(name: str, path: str) -> Evaluate:
    steps = steps_of(path)

    def evaluate(record: Json, surroundings: Surroundings) -> Json:
        if name == "extract":
            found = walk(record, steps)
        else:
            root = surroundings.settings if name == "settings" else surroundings.context
            found = walk(cast(Json, root), steps)
        return None if found is MISSING else found

    return evaluate


def _logical(name: str, operands: Sequence[Evaluate]) -> Evaluate:
    if name == "and":
        return lambda record, surroundings: all(is_true(each(record, surroundings)) for each in operands)
    if name == "or":
        return lambda record, surroundings: any(is_true(each(record, surroundings)) for each in operands)
    (operand,) = operands
    return lambda record, surroundings: not is_true(operand(record, surroundings))


def _applied(name: str, operands: Sequence[Evaluate], documents: Sequence[Json]) -> Evaluate:
    if name in UNARY:
        unary, (operand,) = UNARY[name], operands
        return lambda record, surroundings: unary(operand(record, surroundings))
    left, right = operands
    if name == "matches":
        return _matching(left, right, documents[1])
    binary = BINARY[name]
    return lambda record, surroundings: binary(left(record, surroundings), right(record, surroundings))


def _matching(left: Evaluate, right: Evaluate, pattern: Json) -> Evaluate:
    """A pattern that stands in the rule is compiled with it; one that a record or a setting gives, when it is met."""
    known = compile_regex(pattern) if isinstance(pattern, str) else None

    def evaluate(record: Json, surroundings: Surroundings) -> Json:
        value = left(record, surroundings)
        return value is not None and _is_in(text_of(value), known or text_of(right(record, surroundings)))

    return evaluate


def _is_in(text: str, pattern: Regex | str) -> bool:
    try:
        regex = compile_regex(pattern) if isinstance(pattern, str) else pattern
        return regex.search(text) is not None
    except InvalidError as error:
        raise Unfit(f"the subject of a pattern: {error.message.rstrip('.')}") from error


def _guarded(evaluate: Evaluate, name: str, where: str) -> Evaluate:
    def guarded(record: Json, surroundings: Surroundings) -> Json:
        try:
            return evaluate(record, surroundings)
        except Unfit as error:
            raise _UnfitAt(f"A value at {where} cannot be made into {error} (rule {name!r}).", where) from None

    return guarded
