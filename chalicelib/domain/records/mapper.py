"""Mappings 2.0: trees of rules, each of which makes one member of the object it stands in.

Paths start at the record's root, in nested rules too. Where a rule goes through a list, rules below it see a record in
which the current element stands in the list's place: inside `$.orders[*].items[*]` the path `$.orders.items.sku`,
or `$.orders[*].items[*].sku`, is the current item's, and `$.orders.id` its order's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from chalicelib.domain.json import Json

from .conversions import ARRAYS, ELEMENTS, Convert, as_it_is
from .fields import field_of, inside, is_barred, is_hard_coded, is_rooted, reader
from .paths import EVERY, MISSING, Missing, Step, Steps, steps_of
from .scope import Scope
from .values import is_empty

Make: TypeAlias = "Callable[[Scope, Json | Missing], Json | Missing]"
"""A rule's member of the object, given what the object holds there so far."""
Part: TypeAlias = "Callable[[Scope], list[Json] | Missing]"
"""Elements that one helper adds to an array; MISSING if it has no source."""

_NO_LOOPS: tuple[Steps, ...] = ()
_RULE_COST = 8
_COPY_COST = 16
"""What it takes of the budget, in characters, to apply a rule or to copy an object."""


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    make: Make


def compile_rules(documents: Json, where: str = "", loops: tuple[Steps, ...] = _NO_LOOPS, depth: int = 1) -> list[Rule]:
    """The active rules of a list that was found well-formed. `loops` are the iterations around them."""
    rules = []
    for rule in documents if isinstance(documents, list) else ():
        if isinstance(rule, dict) and rule.get("status", "Active") in (None, "Active"):
            name = rule.get("generate")
            text = name if isinstance(name, str) else ""
            path = f"{where}.{text}" if where and text else where or text
            rules.append(Rule(text, _compile(rule, path, loops, depth)))
    return rules


def fill(rules: Sequence[Rule], target: dict[str, Json], scope: Scope) -> None:
    """Adds what the rules make to the target, which nobody else may hold."""
    scope.budget.spend(_RULE_COST * len(rules))
    for rule in rules:
        made = rule.make(scope, target.get(rule.name, MISSING))
        if made is not MISSING:
            scope.budget.spend(len(rule.name))
            target[rule.name] = made


def _compile(rule: dict[str, Json], where: str, loops: tuple[Steps, ...], depth: int) -> Make:
    data_type = rule.get("dataType")
    is_array = data_type in ARRAYS or (not data_type and bool(rule.get("buildArrayHelper")))
    if is_array and rule.get("buildArrayHelper"):
        return _array(rule, where, loops, depth)
    if rule.get("mappings") and data_type in (None, "", "object"):
        return _object(rule, where, loops, depth)
    field = field_of(rule, where, reader(rule.get("extract"), where, loops), depth)
    return field.value


def _object(rule: dict[str, Json], where: str, loops: tuple[Steps, ...], depth: int) -> Make:
    children = compile_rules(rule.get("mappings"), where, loops, depth + 1)
    # A type that is not said follows from the rules below.
    field = field_of(rule | {"dataType": "object"}, where, reader(rule.get("extract"), where, loops), depth)
    reads = bool(rule.get("extract")) or is_hard_coded(rule)

    def make(scope: Scope, present: Json | Missing) -> Json | Missing:
        if is_barred(field.when, scope):
            return field.value(scope, present)
        # A rule that reads nothing adds to what others have made in its place.
        base = field.value(scope) if reads else present
        if reads and field.when == "extract_not_empty" and is_empty(base):
            return base
        made = dict(base) if isinstance(base, dict) else {}
        fill(children, made, scope)
        if made or isinstance(base, dict):
            return made
        return field.default if field.default is MISSING else field.value(scope)

    return make


def _array(rule: dict[str, Json], where: str, loops: tuple[Steps, ...], depth: int) -> Make:
    helpers = rule.get("buildArrayHelper")
    parts = [
        _part(rule, helper, where, loops, depth)
        for helper in (helpers if isinstance(helpers, list) else ())
        if isinstance(helper, dict)
    ]
    # The rule's own field stands for its condition and its default; what it reads are its helpers.
    field = field_of(rule | {"lookupName": None}, where, reader(rule.get("extract"), where, loops), depth)

    def make(scope: Scope, present: Json | Missing) -> Json | Missing:
        if is_barred(field.when, scope):
            return field.value(scope, present)
        found = [elements for part in parts if (elements := part(scope)) is not MISSING]
        made = [element for elements in found for element in elements]
        # No source makes nothing, an empty one an empty array; a default takes the place of both.
        if not found or (not made and (field.default is not MISSING or field.when == "extract_not_empty")):
            return field.value(scope, present)
        return made

    return make


def _part(rule: dict[str, Json], helper: dict[str, Json], where: str, loops: tuple[Steps, ...], depth: int) -> Part:
    extract, data_type = helper.get("extract"), rule.get("dataType") or "objectarray"
    element_depth = depth + 1
    if not helper.get("mappings"):
        return _plain_part(rule, helper, where, loops, element_depth, ELEMENTS.get(str(data_type), as_it_is))
    if not (isinstance(extract, str) and is_rooted(extract)):
        return _single_part(compile_rules(helper["mappings"], where, loops, element_depth + 1), str(data_type))
    steps = inside(steps_of(extract), loops)
    # A path to the list itself means its elements.
    loop = steps if steps and not isinstance(steps[-1], str) else (*steps, EVERY)
    rules = compile_rules(helper["mappings"], where, (*loops, loop), element_depth + 1)
    return _loop_part(rules, loop, str(data_type))


def _plain_part(
    rule: dict[str, Json],
    helper: dict[str, Json],
    where: str,
    loops: tuple[Steps, ...],
    depth: int,
    convert: Convert,
) -> Part:
    """Values as they are, each converted."""
    names = {name: rule[name] for name in rule if name == "lookupName" or name.endswith(("DateFormat", "DateTimezone"))}
    field = field_of(helper | names, where, reader(helper.get("extract"), where, loops), depth, convert)

    def part(scope: Scope) -> list[Json] | Missing:
        value = field.plain(scope)
        if value is MISSING or value is None:
            return MISSING
        elements = value if isinstance(value, list) else [value]
        made = (element if element is None else field.converted(element, scope) for element in elements)
        return [None if element is MISSING else element for element in made]

    return part


def _single_part(rules: list[Rule], data_type: str) -> Part:
    """One element that the rules make from the record, unless they make nothing."""

    def part(scope: Scope) -> list[Json] | Missing:
        return _elements(rules, data_type, scope) or MISSING

    return part


def _loop_part(rules: list[Rule], loop: Steps, data_type: str) -> Part:
    """One element for each element of the source; null elements are passed over."""

    def part(scope: Scope) -> list[Json] | Missing:
        made: list[Json] = []
        is_missing = True
        for record, element in _composites(scope.record, loop, scope):
            is_missing = False
            if element is not MISSING and element is not None:
                made.extend(_elements(rules, data_type, scope.within(record, element), keeps_empty=True))
        return MISSING if is_missing else made

    return part


def _elements(rules: list[Rule], data_type: str, scope: Scope, keeps_empty: bool = False) -> list[Json]:
    """The object that the rules make; for an array of arrays, the rows that they make."""
    if data_type == "arrayarray":
        return [row for rule in rules if (row := rule.make(scope, MISSING)) is not MISSING]
    made: dict[str, Json] = {}
    fill(rules, made, scope)
    return [made] if made or keeps_empty else []


def _composites(value: Json, loop: Sequence[Step], scope: Scope) -> Iterator[tuple[Json, Json | Missing]]:
    """For each element at the end of the path: the value with that element in place of the lists, and the element.

    A list without elements gives MISSING once, so that an empty source and an absent one can be told apart.
    """
    if not loop:
        yield value, value
        return
    step, rest = loop[0], loop[1:]
    if isinstance(step, str):
        if isinstance(value, dict) and step in value:
            for inner, element in _composites(value[step], rest, scope):
                # Each element costs a copy of all that is around it, so lists in lists multiply.
                scope.budget.spend(_COPY_COST + len(value))
                yield {**value, step: inner}, element
        return
    if value is None:
        return
    elements = value if isinstance(value, list) else [value]
    if isinstance(step, int):
        # For -1 the end would be 0, before which there is nothing.
        elements = elements[step : step + 1 or None]
    elif isinstance(step, slice):
        elements = elements[step]
    if not elements:
        yield value, MISSING
    for element in elements:
        yield from _composites(element, rest, scope)
