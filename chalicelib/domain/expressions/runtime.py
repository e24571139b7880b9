"""What an evaluation runs on: its scope, its budget, and the meaning of equality, truth and text.

Nothing here reads a clock, entropy or the environment: time and randomness come from the scope, so that
rendering a template again after a crash gives the same value. Every cost that depends on values (not on
the expression's length, which is charged beforehand) goes through `Render`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec

from ..errors import ExpressionError
from ..json import MAX_DEPTH, MAX_INTEGER_DIGITS, Json

Value: TypeAlias = "Json | Mapping[str, Json]"
"""What a scope may answer: JSON, or a mapping that fetches its members only when they are read."""

INTEGER_BOUND = 10**MAX_INTEGER_DIGITS
_MEMBER_SIZE = 4
_JSON_TYPES = frozenset({type(None), bool, int, float, str, list, dict})
_TYPE_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class Refused(Exception):
    """Why an expression cannot be compiled or evaluated; a template makes it an ExpressionError."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def at(self, position: int) -> Refused:
        """Itself, with a position unless one closer to the cause is known."""
        if self.position is None:
            self.position = position
        return self


class Scope(Protocol):
    """What the names in an expression stand for during one render.

    `now` is an aware time; `seed` decides uuid() and random(), and should name the step it is used for.
    """

    @property
    def now(self) -> datetime: ...

    @property
    def seed(self) -> str: ...

    def lookup(self, name: str) -> Value:
        """The value of a root name such as `$input`; raises ExpressionError when there is none."""


class MappingScope:
    """A scope over given values; a callable is called when its name is first read, and only once."""

    def __init__(self, mapping: Mapping[str, Value | Callable[[], Value]], now: datetime, seed: str) -> None:
        self._values = dict(mapping)
        self.now = now
        self.seed = seed

    def lookup(self, name: str) -> Value:
        if name not in self._values:
            raise ExpressionError(f"There is nothing called {name} here.", name=name)
        value = self._values[name]
        if callable(value):
            value = self._values[name] = value()
        return value


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds of one render: evaluation steps, and the size in characters of what it builds and returns."""

    steps: int = 100_000
    size: int = 8_000_000


class Render:
    """One rendering of one template."""

    __slots__ = ("_draws", "lookup", "now", "seed", "size", "steps")

    def __init__(self, scope: Scope, budget: Budget) -> None:
        self.lookup = scope.lookup
        self.now = scope.now
        self.seed = scope.seed
        self.steps = budget.steps
        self.size = budget.size
        self._draws = 0

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Refused("the evaluation takes too many steps")

    def produce(self, size: int) -> None:
        self.size -= size
        if self.size < 0:
            raise Refused("the values are too large")

    def draw(self) -> bytes:
        """The next 32 pseudo-random bytes, the same ones on every replay of this render."""
        self._draws += 1
        return hashlib.sha256(f"{self.seed}\0{self._draws}".encode()).digest()

    def measure(self, value: list[Json] | dict[str, Json], depth: int = 0) -> None:
        """Charges a whole value, counting a part as often as it is referred to, and bounds its depth.

        Without this a few characters that name one large input many times would fill the memory.
        """
        level: list[list[Json] | dict[str, Json]] = [value]
        while level:
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"the value is nested more than {MAX_DEPTH} levels deep")
            level = [inner for container in level for inner in self._charge(container)]

    def _charge(self, container: list[Json] | dict[str, Json]) -> list[list[Json] | dict[str, Json]]:
        size = _MEMBER_SIZE * len(container) + 2
        if type(container) is dict:
            size += sum(map(len, container))
        inner = []
        for member in container.values() if isinstance(container, dict) else container:
            if isinstance(member, str):
                size += len(member)
            elif isinstance(member, (list, dict)):
                inner.append(member)
        self.produce(size)
        return inner

    def text(self, value: Json) -> str:
        """The value as it reads inside a text."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, (list, dict)):
            self.measure(value)
        return json_text(value)

    def same(self, left: Json, right: Json) -> bool:
        """JSON equality: 1 equals 1.0, and no number equals a boolean."""
        if not isinstance(left, (list, dict)):
            return left == right and (type(left) is bool) is (type(right) is bool)
        pairs: list[tuple[Json, Json]] = [(left, right)]
        while pairs:
            one, other = pairs.pop()
            if isinstance(one, list) and isinstance(other, list):
                if len(one) != len(other):
                    return False
                self.spend(len(one))
                pairs.extend(zip(one, other, strict=True))
            elif isinstance(one, dict) and isinstance(other, dict):
                if one.keys() != other.keys():
                    return False
                self.spend(len(one))
                pairs.extend((one[key], other[key]) for key in one)
            elif one != other or (type(one) is bool) is not (type(other) is bool):
                return False
        return True


def json_text(value: Json) -> str:
    return msgspec.json.encode(value).decode()


def type_name(value: object) -> str:
    """The JSON name of a value's type."""
    return _TYPE_NAMES.get(type(value), "unknown")


def bounded(number: int | float) -> int | float:
    """The number, unless it left the range that JSON can carry."""
    if isinstance(number, int):
        if not -INTEGER_BOUND < number < INTEGER_BOUND:
            raise Refused("the integer is out of range")
    # True of infinity and NaN alone.
    elif number - number != 0.0:
        raise Refused("the number is out of range")
    return number


def is_number(value: Json) -> bool:
    # By the very type, because bool is a kind of int to isinstance.
    return type(value) is int or type(value) is float


def member(value: Any, key: Json) -> Any:
    """`value[key]`; null for anything that is not there."""
    if type(key) is float and key.is_integer():
        key = int(key)
    if type(key) is int:
        if isinstance(value, (list, str)):
            return value[key] if -len(value) <= key < len(value) else None
        key = str(key) if -INTEGER_BOUND < key < INTEGER_BOUND else None
    if type(key) is not str:
        return None
    if type(value) is dict:
        return value.get(key)
    if isinstance(value, Mapping):
        # Asking first would fetch a lazy member twice.
        try:
            return value[key]
        except KeyError:
            return None
    return None


def plain(value: Any) -> Json:
    """JSON from what a scope answered, with every lazy mapping in it read."""
    if type(value) in _JSON_TYPES:
        result: Json = value
        return result
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    raise Refused(f"a {type(value).__name__} is not a JSON value")
