"""The language's own helpers, and those that compare: they choose which part of a block is written, and how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..values import (
    Refused,
    at_path,
    is_filled,
    is_less,
    is_number,
    is_truthy,
    loosely_equal,
    member,
    own_keys,
    strictly_equal,
    to_number,
    to_text,
    type_name,
)
from .registry import Call, Role, array, helper

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": loosely_equal,
    "===": strictly_equal,
    "!=": lambda left, right: not loosely_equal(left, right),
    "!==": lambda left, right: not strictly_equal(left, right),
    "<": is_less,
    ">": lambda left, right: is_less(right, left),
    "<=": lambda left, right: is_less(left, right) or _is_level(left, right),
    ">=": lambda left, right: is_less(right, left) or _is_level(left, right),
    "typeof": lambda value, name: type_name(value) == name,
}
CONDITIONS: dict[str, Callable[[Any], bool]] = {
    "isTruthy": is_truthy,
    "isFalsy": lambda value: not is_truthy(value),
    "isFalsey": lambda value: not is_truthy(value),
    "isArray": lambda value: type(value) is list,
    "isString": lambda value: type(value) is str,
    "isObject": lambda value: isinstance(value, Mapping),
    "isNumber": is_number,
    "isBoolean": lambda value: type(value) is bool,
}


@helper("if", 1, role=Role.BLOCK, is_language=True)
def choose_if(call: Call, condition: Any) -> None:
    call.choose(_holds(call, condition))


@helper("unless", 1, role=Role.BLOCK, is_language=True)
def choose_unless(call: Call, condition: Any) -> None:
    call.choose(not _holds(call, condition))


def _holds(call: Call, condition: Any) -> bool:
    return is_filled(condition) or (is_number(condition) and condition == 0 and is_truthy(call.hash.get("includeZero")))


@helper("with", 1, role=Role.BLOCK, shift=1, is_language=True)
def choose_with(call: Call, context: Any) -> None:
    # To handlebars.js zero is not empty; only `if` and `unless` take it for false.
    if is_filled(context) or (is_number(context) and context == 0):
        call.main(context, context)
    else:
        call.otherwise()


@helper("each", 1, role=Role.BLOCK, shift=1, is_language=True)
def each(call: Call, items: Any) -> None:
    """Writes the block for every element of a list or member of an object."""
    if isinstance(items, Mapping):
        call.repeat([(name, items[name]) for name in own_keys(items)], len(items))
    elif type(items) is list:
        call.repeat(enumerate(items), len(items))
    if not items or not (type(items) is list or isinstance(items, Mapping)):
        call.otherwise()


@helper("lookup", 2, with_call=True, is_language=True)
def lookup(call: Call, source: Any, key: Any) -> Any:
    """A member by a computed name; with a text in place of the object, the value of the table of that name."""
    if type(source) is str and call.render.lookups is not None:
        return call.render.lookups(source, key if key else "")
    if not is_truthy(source):
        return source
    return member(source, to_text(key))


@helper("log", 0, any_number=True, is_language=True)
def log(*values: Any) -> None:
    """Says nothing here: a template has nowhere to write but into its result."""


@helper("compare", 3, role=Role.TEST)
def compare(left: Any, operator: Any, right: Any) -> bool:
    test = _OPERATORS.get(to_text(operator))
    if test is None:
        raise Refused(f"compare knows no operator {to_text(operator)[:20]!r}")
    return test(left, right)


def _is_level(left: Any, right: Any) -> bool:
    # Not the negation of `<`: beside NaN neither holds.
    if type(left) is str and type(right) is str:
        return left == right
    return to_number(left) == to_number(right)


@helper("and", 1, any_number=True, role=Role.TEST)
def all_of(*values: Any) -> bool:
    return all(map(is_truthy, values))


@helper("or", 1, any_number=True, role=Role.TEST)
def any_of(*values: Any) -> bool:
    return any(map(is_truthy, values))


@helper("not", 1, role=Role.TEST)
def is_not(value: Any) -> bool:
    return not is_truthy(value)


@helper("neither", 1, any_number=True, role=Role.TEST)
def none_of(*values: Any) -> bool:
    return not any(map(is_truthy, values))


@helper("contains", 2, role=Role.TEST)
def contains(collection: Any, value: Any) -> bool:
    if type(collection) is str:
        return to_text(value) in collection
    return type(collection) is list and _holds_value(collection, value)


@helper("inArray", 2, role=Role.TEST)
def in_array(values: Any, value: Any) -> bool:
    return _holds_value(array(values, "inArray"), value)


def _holds_value(values: list[Any], value: Any) -> bool:
    return any(strictly_equal(each_value, value) for each_value in values)


@helper("startsWith", 2, role=Role.TEST)
def starts_with(prefix: Any, text: Any) -> bool:
    return type(text) is str and text.startswith(to_text(prefix))


@helper("isEmpty", 1, role=Role.TEST)
def is_empty(value: Any) -> bool:
    """Whether there is nothing: no value, an empty text, list or object."""
    if type(value) in (list, str) or isinstance(value, Mapping):
        return not value
    return not is_number(value) and type(value) is not bool


@helper("ifEven", 1, role=Role.TEST)
def is_even(value: Any) -> bool:
    return to_number(value) % 2 == 0


@helper("some", 2, role=Role.TEST)
def some(values: Any, condition: Any) -> bool:
    """Whether an element meets a condition such as isNumber, which is written as a bare name."""
    test = CONDITIONS.get(condition) if type(condition) is str else None
    if test is None:
        raise Refused(f"some takes one of {', '.join(sorted(CONDITIONS))}")
    return any(map(test, array(values, "some")))


@helper("filter", 2, 3, role=Role.BLOCK, shift=1)
def filter_by(call: Call, values: Any, wanted: Any, path: Any = None) -> None:
    """Writes the block for every element that is the value, or has it at the path."""
    path = to_text(path or call.hash.get("property") or call.hash.get("prop"))
    values = array(values, "filter")
    found = [value for value in values if strictly_equal(at_path(value, path) if path else value, wanted)]
    each(call, found)


@helper("eq", 2, role=Role.TEST)
def equal(left: Any, right: Any) -> bool:
    return loosely_equal(left, right)


@helper("isTruthy", 1, role=Role.TEST)
def truthy(value: Any) -> bool:
    return is_truthy(value)


@helper("isFalsey", 1, role=Role.TEST)
def falsey(value: Any) -> bool:
    return not is_truthy(value)


@helper("hasNoItems", 1, role=Role.TEST)
def has_no_items(value: Any) -> bool:
    return is_empty(value)


@helper("hasOwn", 2, role=Role.TEST)
def has_own(value: Any, key: Any) -> bool:
    return isinstance(value, Mapping) and to_text(key) in value


@helper("typeOf", 1)
def type_of(value: Any) -> str:
    return type_name(value)
