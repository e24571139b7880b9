"""How a function is declared: its name, what it takes, and what an argument costs to walk over.

Arguments are checked before the function runs, so a function's body deals with Python values of the kinds
that it declares. A text that a function returns is charged here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...json import Json
from ..runtime import Refused, Render, json_text, type_name

Invoke: TypeAlias = Callable[[Render, list[Json]], Json]


class Unfit(Exception):
    """The argument is not of the kind that the function takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument has to be. `convert` charges for its size and raises Unfit."""

    description: str
    convert: Callable[[Render, Any], Any]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    apply: Callable[..., Any]
    required: Sequence[Kind]
    optional: Sequence[Kind]
    rest: Kind | None
    with_render: bool

    def arity_complaint(self, count: int) -> str | None:
        least, most = len(self.required), len(self.required) + len(self.optional)
        if count >= least and (count <= most or self.rest):
            return None
        range_ = str(least) if least == most else f"{least} to {most}"
        expected = f"at least {least}" if self.rest else range_
        return f"{self.name} takes {expected} argument{'' if expected == '1' else 's'}, not {count}"

    def bind(self, count: int) -> Invoke:
        """The function for calls with that many arguments."""
        kinds = [*self.required, *self.optional][:count]
        if self.rest:
            kinds += [self.rest] * (count - len(kinds))
        converters = [kind.convert for kind in kinds]
        apply = self.apply if self.with_render else _without_render(self.apply)

        def invoke(render: Render, arguments: list[Json]) -> Json:
            values: list[Any] = []
            try:
                for convert, argument in zip(converters, arguments, strict=True):
                    values.append(convert(render, argument))
                result: Json = apply(render, *values)
            except Unfit:
                raise self._unfit(kinds, values, arguments) from None
            except OverflowError:
                raise Refused(f"the result of {self.name} is out of range") from None
            if type(result) is str:
                render.produce(len(result))
            return result

        return invoke

    def _unfit(self, kinds: list[Kind], values: list[Any], arguments: list[Json]) -> Refused:
        # Those before it were converted.
        index = len(values)
        given = arguments[index]
        what = f"{given[:40]!r}" if isinstance(given, str) else type_name(given)
        return Refused(f"{self.name} takes {kinds[index].description} as argument {index + 1}, not {what}")


def _without_render(apply: Callable[..., Any]) -> Callable[..., Any]:
    return lambda render, *values: apply(*values)


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str,
    *required: Kind,
    optional: Sequence[Kind] = (),
    rest: Kind | None = None,
    with_render: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function of the expression language; `with_render` passes the Render first."""

    def register(apply: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = Function(name, apply, required, optional, rest, with_render)
        return apply

    return register


def _any(_: Render, value: Any) -> Any:
    return value


def _text(render: Render, value: Any) -> str:
    if isinstance(value, str):
        render.spend(len(value) >> 10)
        return value
    if type(value) is int or type(value) is float:
        return json_text(value)
    raise Unfit


def _integer(_: Render, value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise Unfit


def _number(_: Render, value: Any) -> int | float:
    if type(value) is int or type(value) is float:
        return value
    raise Unfit


def _list(render: Render, value: Any) -> list[Json]:
    if isinstance(value, list):
        render.spend(len(value))
        return value
    raise Unfit


def _object(render: Render, value: Any) -> dict[str, Json]:
    if isinstance(value, dict):
        render.spend(len(value))
        return value
    raise Unfit


def _sequence(render: Render, value: Any) -> list[Json] | str:
    return _list(render, value) if isinstance(value, list) else _text(render, value)


def _ends(_: Render, value: Any) -> list[Json] | str:
    if isinstance(value, (list, str)):
        return value
    raise Unfit


ANY = Kind("any value", _any)
TEXT = Kind("a string", _text)
INTEGER = Kind("a whole number", _integer)
NUMBER = Kind("a number", _number)
LIST = Kind("an array", _list)
OBJECT = Kind("an object", _object)
SEQUENCE = Kind("an array or a string", _sequence)
ENDS = Kind("an array or a string", _ends)
"""A sequence of which only one element is read, whatever its length."""
