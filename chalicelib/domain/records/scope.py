"""What the rules of one record work on, and the three ways in which a rule names its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from chalicelib.domain.json import Json

from .budget import Budget
from .errors import RecordError, Source
from .lookups import Lookups
from .paths import EVERY, MISSING, Missing, Steps, walk
from .surroundings import Surroundings, rendered

Read: TypeAlias = "Callable[[Scope], Json | Missing]"


_DEALING_COST = 8
"""How much more it takes to place a value than to read one."""


class Scope:
    """One record, or what stands for it inside an iteration, then with the current element.

    `source` is whose errors the rules' errors are.
    """

    __slots__ = ("budget", "element", "lookups", "record", "source", "surroundings")

    def __init__(
        self, record: Json, surroundings: Surroundings, lookups: Lookups, source: Source, budget: Budget | None = None
    ) -> None:
        self.record = record
        self.surroundings = surroundings
        self.lookups = lookups
        self.source: Source = source
        self.budget = budget or Budget(source)
        self.element: Json | Missing = MISSING

    def within(self, record: Json, element: Json) -> Scope:
        """The same for one element of an iteration."""
        inner = Scope(record, self.surroundings, self.lookups, self.source, self.budget)
        inner.element = element
        return inner

    def lookup(self, name: str, key: Json | Missing, field: str) -> Json | Missing:
        """The value that the lookup gives for the key; a failure is the field's."""
        try:
            return self.lookups.value(name, key, self.record, self.surroundings)
        except RecordError as error:
            raise RecordError(error.source, error.code, error.message, error.field or field) from error

    def refuse(self, field: str, message: str) -> RecordError:
        """The error for a value that a rule cannot use."""
        code = "transform_error" if self.source == "transformation" else f"{self.source}_error"
        return RecordError(self.source, code, message, field)


def read_path(steps: Steps) -> Read:
    return (lambda scope: walk(scope.record, steps, scope.budget.spend)) if steps else _read_root


def _read_root(scope: Scope) -> Json:
    """The whole record, but in an iteration through plain values the current one, which has no path of its own."""
    element = scope.element
    return scope.record if element is MISSING or isinstance(element, dict) else element


def read_template(template: str, field: str) -> Read:
    def read(scope: Scope) -> Json:
        text = rendered(template, scope.record, scope.surroundings, scope.source, field)
        scope.budget.spend(len(text))
        return text

    return read


def charge_dealt(steps: Steps, target: Json, scope: Scope) -> None:
    """Counts the elements that a value was dealt out to, if the path it was placed at has a wildcard."""
    if EVERY in steps:
        walk(target, steps, lambda cost: scope.budget.spend(_DEALING_COST * cost))


def read_constant(value: Json | Missing) -> Read:
    return lambda _: value


def is_template(extract: str) -> bool:
    return "{{" in extract
