"""JSON values with expressions in their strings, compiled once and rendered for every step.

Parts without expressions are returned as they were given, not copied: a rendered value is not to be
changed in place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..errors import ExpressionError
from ..json import MAX_DEPTH, Json
from .evaluate import Evaluator, evaluator
from .parser import parse
from .runtime import Budget, Refused, Render, Scope
from .syntax import Expression

_EXCERPT_LENGTH = 60
_USUAL_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Delimiters:
    """How a dialect marks expressions; with `bare_names` a root is written without a dollar sign."""

    open: str
    close: str
    bare_names: bool = False


EXEOFLOW = Delimiters("{{", "}}")
CONDUCTOR = Delimiters("${", "}", bare_names=True)

_Slot: TypeAlias = Callable[[Render], Json]


class Template:
    """A compiled value. `names` are the roots it reads, `node_references` the ids written after `$node`."""

    __slots__ = ("_slot", "_value", "is_constant", "names", "node_references")

    def __init__(self, value: Json, slot: _Slot | None, names: frozenset[str], node_references: frozenset[str]) -> None:
        self._value = value
        self._slot = slot
        self.is_constant = slot is None
        self.names = names
        self.node_references = node_references

    def render(self, scope: Scope, budget: Budget | None = None) -> Json:
        """The value in this scope; the same scope gives the same value every time.

        Raises ExpressionError, with the facts `path` and `position`.
        """
        if self._slot is None:
            return self._value
        return self._slot(Render(scope, budget or _USUAL_BUDGET))


def compile_template(value: Json, delimiters: Delimiters = EXEOFLOW) -> Template:
    """Every string in the value may hold expressions; member names are taken literally.

    Raises ExpressionError with the facts `path` (of the string in the value) and `position` (in it).
    """
    compiler = _Compiler(delimiters)
    compiled = compiler.compile(value, _Place())
    return compiler.template(compiled)


def compile_expression(text: str, delimiters: Delimiters = EXEOFLOW) -> Template:
    """One expression without delimiters, or with them around all of it, as in a condition."""
    compiler = _Compiler(delimiters)
    place = _Place()
    start = len(text) - len(text.lstrip())
    if text.startswith(delimiters.open, start):
        expression = compiler.parse(text.rstrip(), start + len(delimiters.open), delimiters.close, place)
        if expression.end < len(text.rstrip()):
            raise _located(Refused("there is text after the expression", expression.end), text, place)
    else:
        expression = compiler.parse(text, 0, None, place)
    return compiler.template(_Compiled(None, _expression_slot(expression, text, place)))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a string stands in the whole value; the path is spelled out only when an error needs it."""

    parent: _Place | None = None
    step: str | int = ""
    depth: int = 0

    def inside(self, step: str | int) -> _Place:
        return _Place(self, step, self.depth + 1)

    @property
    def path(self) -> str:
        if self.parent is None:
            return ""
        before = self.parent.path
        if isinstance(self.step, int):
            return f"{before}[{self.step}]"
        if not self.step.isidentifier():
            return f'{before}["{self.step[:_EXCERPT_LENGTH]}"]'
        return f"{before}{'.' * bool(before)}{self.step[:_EXCERPT_LENGTH]}"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A part of the value: constant, unless it has a slot."""

    value: Json
    slot: _Slot | None = None


@dataclass(slots=True)
class _Compiler:
    delimiters: Delimiters
    names: set[str] = field(default_factory=set)
    node_references: set[str] = field(default_factory=set)

    def template(self, compiled: _Compiled) -> Template:
        names, references = frozenset(self.names), frozenset(self.node_references)
        return Template(compiled.value, compiled.slot, names, references)

    def compile(self, value: Json, place: _Place) -> _Compiled:
        if isinstance(value, str):
            return self._string(value, place)
        if not isinstance(value, (list, dict)):
            return _Compiled(value)
        if place.depth >= MAX_DEPTH:
            raise ExpressionError(
                f"The value is nested more than {MAX_DEPTH} levels deep.", path=place.path, position=0
            )
        if isinstance(value, list):
            return _array(value, [self.compile(item, place.inside(index)) for index, item in enumerate(value)])
        return _object(value, {name: self.compile(item, place.inside(name)) for name, item in value.items()})

    def parse(self, text: str, start: int, close: str | None, place: _Place) -> Expression:
        try:
            expression = parse(text, start, close, bare_names=self.delimiters.bare_names)
        except Refused as refused:
            raise _located(refused, text, place) from refused
        except RecursionError as error:
            raise _located(Refused("the expression is nested too deeply", start), text, place) from error
        self.names |= expression.names
        self.node_references |= expression.node_references
        return expression

    def _string(self, text: str, place: _Place) -> _Compiled:
        opening = self.delimiters.open
        if opening not in text:
            return _Compiled(text)
        parts: list[str | _Slot] = []
        position = 0
        while (found := text.find(opening, position)) >= 0:
            literal, escaped = _unescaped(text[position:found])
            position = found + len(opening)
            if escaped:
                parts.append(literal + opening)
                continue
            parts.append(literal)
            expression = self.parse(text, position, self.delimiters.close, place)
            slot = _expression_slot(expression, text, place)
            # An expression that is all of the string keeps its type; within text it becomes text.
            if found == 0 and expression.end == len(text):
                return _Compiled(None, slot)
            parts.append(slot)
            position = expression.end
        parts.append(text[position:])
        return _text(parts, text, place)


def _unescaped(literal: str) -> tuple[str, bool]:
    """Halves the backslashes before a delimiter; an odd one takes away the delimiter's meaning."""
    kept = literal.rstrip("\\")
    backslashes = len(literal) - len(kept)
    return kept + "\\" * (backslashes // 2), backslashes % 2 == 1


def _text(parts: list[str | _Slot], source: str, place: _Place) -> _Compiled:
    pieces = [part for part in parts if part != ""]
    if not any(callable(piece) for piece in pieces):
        return _Compiled("".join(piece for piece in pieces if isinstance(piece, str)))

    def text(render: Render) -> Json:
        try:
            built = "".join([part if isinstance(part, str) else render.text(part(render)) for part in pieces])
            render.produce(len(built))
        except Refused as refused:
            raise _located(refused, source, place) from refused
        return built

    return _Compiled(None, text)


def _array(value: list[Json], parts: list[_Compiled]) -> _Compiled:
    slots = [(index, part.slot) for index, part in enumerate(parts) if part.slot]
    constant = [part.value for part in parts]
    if not slots:
        # The given value itself where it can be, so that large constants are not held twice.
        unchanged = all(map(operator.is_, value, constant))
        return _Compiled(value if unchanged else constant)

    def array(render: Render) -> Json:
        built = constant.copy()
        for index, slot in slots:
            built[index] = slot(render)
        return built

    return _Compiled(None, array)


def _object(value: dict[str, Json], parts: dict[str, _Compiled]) -> _Compiled:
    slots = [(name, part.slot) for name, part in parts.items() if part.slot]
    constant = {name: part.value for name, part in parts.items()}
    if not slots:
        unchanged = all(map(operator.is_, value.values(), constant.values()))
        return _Compiled(value if unchanged else constant)

    def built_object(render: Render) -> Json:
        built = constant.copy()
        for name, slot in slots:
            built[name] = slot(render)
        return built

    return _Compiled(None, built_object)


def _expression_slot(expression: Expression, source: str, place: _Place) -> _Slot:
    try:
        evaluate: Evaluator = evaluator(expression.node)
    except RecursionError as error:
        raise _located(Refused("the expression is nested too deeply", 0), source, place) from error
    cost, depth = expression.cost, place.depth

    def slot(render: Render) -> Json:
        try:
            render.steps -= cost
            # The usual way does without a call; `spend`, and `produce` below, raise what is to be told.
            if render.steps < 0:
                render.spend(0)
            value = evaluate(render)
            if isinstance(value, str):
                render.size -= len(value)
                if render.size < 0:
                    render.produce(0)
            elif isinstance(value, (list, dict)):
                render.measure(value, depth)
        except Refused as refused:
            raise _located(refused, source, place) from refused
        except (RecursionError, UnicodeError, OverflowError) as error:
            raise _located(Refused(f"the value cannot be computed ({error})"), source, place) from error
        return value

    return slot


def _located(refused: Refused, source: str, place: _Place) -> ExpressionError:
    position = refused.position or 0
    start = max(0, min(position - _EXCERPT_LENGTH // 3, len(source) - _EXCERPT_LENGTH))
    end = start + _EXCERPT_LENGTH
    excerpt = f"{'…' * (start > 0)}{source[start:end]}{'…' * (end < len(source))}"
    where = f"{place.path}: " if place.path else ""
    return ExpressionError(
        f"{where}{refused.message}, at position {position} of `{excerpt}`.",
        position=position,
        path=place.path,
    )
