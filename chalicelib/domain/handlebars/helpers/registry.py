"""How helpers are declared, and what each is called with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from ..runtime import MAX_OUTPUT, Data, Frame, Program, Render, is_same
from ..values import UNDEFINED, Refused, is_number, is_truthy, to_number, to_text, type_name

_Function = TypeVar("_Function", bound=Callable[..., Any])

HELPERS: dict[str, Helper] = {}


class Role(Enum):
    """VALUE gives a value; TEST gives true or false, and as a block chooses a branch; BLOCK writes its own output."""

    VALUE = "value"
    TEST = "test"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class Helper:
    """`shift` says by how many levels the block's content moves away from the context around it."""

    name: str
    function: Callable[..., Any]
    role: Role
    minimum: int
    maximum: int | None
    with_call: bool
    shift: int
    is_language: bool

    def check(self, count: int) -> None:
        if count < self.minimum or (self.maximum is not None and count > self.maximum):
            raise Refused(f"{self.name} takes {self._arity()}, not {count}")

    def _arity(self) -> str:
        few, many = self.minimum, self.maximum
        if many is None:
            return f"{few} or more arguments"
        if few == many:
            return f"{few} argument{'s' * (few != 1)}"
        return f"{few} to {many} arguments"


class Call:
    """One use of a helper: where it stands, its named arguments, and the two branches of its block."""

    __slots__ = ("_inverse", "_program", "frame", "hash")

    def __init__(
        self, frame: Frame, named: Mapping[str, Any], program: Program | None = None, inverse: Program | None = None
    ) -> None:
        self.frame = frame
        self.hash = named
        self._program = program
        self._inverse = inverse

    @property
    def render(self) -> Render:
        return self.frame.render

    def main(self, context: Any, *params: Any) -> None:
        """Writes the block's content with this context."""
        self._run(self._program, context, params)

    def otherwise(self) -> None:
        """Writes what stands after `{{else}}`."""
        self._run(self._inverse, self.frame.context, ())

    def choose(self, outcome: bool) -> None:
        if outcome:
            self.main(self.frame.context)
        else:
            self.otherwise()

    def repeat(self, entries: Iterable[tuple[Any, Any]], count: int) -> None:
        """Writes the block's content for each key with its item, one frame serving them all."""
        program, frame = self._program, self.frame
        if program is None:
            return
        names = dict(frame.data.names)
        inner = Frame(frame.render, None, frame, Data(names, frame.data), frame.params)
        for index, (key, item) in enumerate(entries):
            # In place: what a turn leaves behind is text, and no frame.
            names["key"], names["index"], names["first"], names["last"] = key, index, index == 0, index == count - 1
            inner.context = item
            inner.outer = frame.outer if is_same(item, frame.context) else frame
            if program.takes_params:
                inner.params = ((item, key), frame.params)
            program.run(inner)

    def _run(self, program: Program | None, context: Any, params: tuple[Any, ...]) -> None:
        if program is None:
            return
        frame = self.frame
        chain = (params, frame.params) if program.takes_params else frame.params
        program.run(frame.inner(context, chain))


def helper(
    name: str,
    minimum: int,
    maximum: int | None = None,
    *,
    role: Role = Role.VALUE,
    with_call: bool = False,
    shift: int = 0,
    is_language: bool = False,
    any_number: bool = False,
) -> Callable[[_Function], _Function]:
    """Registers a function of `minimum` to `maximum` arguments (`minimum` alone means exactly so many)."""

    def register(function: _Function) -> _Function:
        most = None if any_number else minimum if maximum is None else maximum
        HELPERS[name] = Helper(name, function, role, minimum, most, with_call, shift, is_language)
        return function

    return register


def text(value: Any) -> str:
    """An argument as text; nothing is the empty text."""
    return to_text(value)


def number(value: Any, name: str) -> int | float:
    """An argument that has to be a number or to read as one."""
    found = to_number(value) if is_number(value) or (type(value) is str and value.strip()) else None
    if found is None or not math.isfinite(found):
        raise Refused(f"{name} takes numbers, not {described(value)}")
    return found


def integer(value: Any, name: str) -> int:
    """An argument that has to be a number, cut to an integer."""
    return int(number(value, name))


def array(value: Any, name: str) -> list[Any]:
    """An argument that has to be a list; nothing is the empty list."""
    if value is None or value is UNDEFINED or value == "":
        return []
    if type(value) is not list:
        raise Refused(f"{name} takes an array, not {described(value)}")
    return value


def bounded(size: int, name: str) -> None:
    """Refuses a result of so many characters before it is built."""
    if size > MAX_OUTPUT:
        raise Refused(f"the result of {name} is too large")


def flag(value: Any) -> bool:
    """A named argument that switches something on: true or "true"."""
    return is_truthy(value) and value != "false"


def described(value: Any) -> str:
    """What an error says that a value is."""
    if type(value) is str:
        return f'"{value[:40]}"'
    if value is None:
        return "null"
    if value is UNDEFINED:
        return "a missing value"
    name = type_name(value)
    return f"an {name}" if name[0] in "ao" else f"a {name}"
