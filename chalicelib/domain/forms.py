"""Checking an answer against a form: the part of JSON Schema that describes forms.

Known keywords: type, enum, const, properties, required, additionalProperties, items, minItems, maxItems,
minLength, maxLength, minimum, maximum. Others, patterns among them, are passed on to clients and not checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def check_form(form: Json, value: Json) -> None:
    """Raises InvalidError, naming the place, for a value that the form refuses. No form allows everything."""
    if isinstance(form, Mapping):
        _check(form, value, "")


def _check(schema: Mapping[str, Json], value: Json, path: str) -> None:
    _check_type(schema.get("type"), value, path)
    if "const" in schema and not _same(schema["const"], value):
        raise _refused(path, "is not the one allowed value")
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_same(choice, value) for choice in choices):
        raise _refused(path, "is none of the allowed values")
    match value:
        case dict():
            _check_object(schema, value, path)
        case list():
            _check_bounds(schema, len(value), "minItems", "maxItems", path, "has the wrong number of items")
            inner = schema.get("items")
            if isinstance(inner, Mapping):
                for index, item in enumerate(value):
                    _check(inner, item, f"{path}[{index}]")
        case str():
            _check_bounds(schema, len(value), "minLength", "maxLength", path, "has the wrong length")
        case int() | float() if not isinstance(value, bool):
            _check_bounds(schema, value, "minimum", "maximum", path, "is out of range")


def _check_type(wanted: Json, value: Json, path: str) -> None:
    names = wanted if isinstance(wanted, list) else [wanted]
    if wanted is not None and not any(_is(value, name) for name in names):
        raise _refused(path, f"must be of the type {' or '.join(map(str, names))}")


def _is(value: Json, name: Json) -> bool:
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        # JSON Schema takes 1.0 for an integer; that true is an int is Python's view alone.
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    # An unknown type refuses nothing, as an unknown keyword does.
    return isinstance(value, _TYPES.get(str(name), (object,)))


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: true is not 1, however deep."""
    match one, other:
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(inner, other[name]) for name, inner in one.items())
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _check_object(schema: Mapping[str, Json], value: Mapping[str, Json], path: str) -> None:
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            raise _refused(f"{path}.{name}".lstrip("."), "is missing")
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    rest = schema.get("additionalProperties")
    for name, member in value.items():
        place = f"{path}.{name}".lstrip(".")
        inner = known.get(name, rest)
        if name not in known and rest is False:
            raise _refused(place, "is not part of the form")
        if isinstance(inner, Mapping):
            _check(inner, member, place)


def _check_bounds(schema: Mapping[str, Json], amount: float, least: str, most: str, path: str, complaint: str) -> None:
    low, high = schema.get(least), schema.get(most)
    if isinstance(low, (int, float)) and amount < low:
        raise _refused(path, complaint)
    if isinstance(high, (int, float)) and amount > high:
        raise _refused(path, complaint)


def _refused(path: str, complaint: str) -> InvalidError:
    return InvalidError(f"'{path}' {complaint}" if path else f"the answer {complaint}", field=path or "answer")
