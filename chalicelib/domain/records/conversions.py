"""The data types that a mapping can make, and what each accepts.

Text is made of everything, a number of numbers and text that spells one, a boolean of booleans, true, t, 1, false, f
and 0 in any case. Arrays convert element by element, and a single value is an array of one. Null stays null, and
blank text holds no number and no boolean: MISSING.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.domain.json import Json

from .paths import MISSING, Missing
from .values import Unfit, boolean_of, container_in, number_of, text_of

Convert = Callable[[Json], "Json | Missing"]

SCALARS = ("string", "number", "boolean")
ARRAYS = ("stringarray", "numberarray", "booleanarray", "objectarray", "arrayarray")
DATA_TYPES = (*SCALARS, "date", "object", *ARRAYS)


def as_it_is(value: Json) -> Json:
    return value


def _text(value: Json) -> Json:
    return None if value is None else text_of(value)


def _number(value: Json) -> Json | Missing:
    number = number_of(value)
    return MISSING if number is None and value is not None else number


def _boolean(value: Json) -> Json | Missing:
    truth = boolean_of(value)
    return MISSING if truth is None and value is not None else truth


def _object(value: Json) -> Json:
    found = container_in(value) if isinstance(value, str) else value
    if found is None or isinstance(found, dict):
        return found
    raise Unfit("an object")


def _element_object(value: Json) -> Json:
    """An object; a plain value becomes one with the member `value`."""
    if isinstance(value, list):
        raise Unfit("an object")
    return value if value is None or isinstance(value, dict) else {"value": value}


def _row(value: Json) -> Json:
    return value if value is None or isinstance(value, list) else [value]


def _list_of(convert: Convert) -> Convert:
    def converted(value: Json) -> Json | Missing:
        if value is None:
            return None
        elements = map(convert, value if isinstance(value, list) else [value])
        # Null where nothing could be made, so that the others keep their places.
        return [None if element is MISSING else element for element in elements]

    return converted


def _containers_of(convert: Convert) -> Convert:
    each = _list_of(convert)

    def converted(value: Json) -> Json | Missing:
        return each(container_in(value) if isinstance(value, str) and value.lstrip()[:1] in ("[", "{") else value)

    return converted


ELEMENTS: Mapping[str, Convert] = {
    "stringarray": _text,
    "numberarray": _number,
    "booleanarray": _boolean,
    "objectarray": _element_object,
    "arrayarray": _row,
}
"""What an array's data type makes of each of its elements."""

CONVERSIONS: Mapping[str, Convert] = {
    "string": _text,
    "date": _text,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "stringarray": _list_of(_text),
    "numberarray": _list_of(_number),
    "booleanarray": _list_of(_boolean),
    "objectarray": _containers_of(_element_object),
    "arrayarray": _containers_of(_row),
}
