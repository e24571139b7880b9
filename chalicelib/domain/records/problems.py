"""What is wrong with a document of rules: all of it, each with the path of the field it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

ProblemCode = Literal["invalid_field", "missing_required_field", "invalid_ref"]

_MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """`field` is a path in the document that was judged, such as `filter.expression.rules[1]`."""

    field: str
    code: ProblemCode
    message: str


class Problems:
    """The problems found so far; of a hostile document's thousands the first hundred are kept."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def invalid(self, field: str, message: str) -> None:
        self._add(Problem(field, "invalid_field", message))

    def missing(self, field: str) -> None:
        self._add(Problem(field, "missing_required_field", f"Path `{field}` is required."))

    def unknown(self, field: str) -> None:
        """For a reference to something that is not there."""
        self._add(Problem(field, "invalid_ref", f"Path `{field}` does not refer to an existing resource."))

    def expect(self, field: str, value: Json, kind: type, name: str) -> bool:
        """Whether the value is absent or of the kind; it is a problem when it is something else."""
        if value is None or isinstance(value, kind):
            return True
        self.invalid(field, f"Path `{field}` must be {name}.")
        return False

    def _add(self, problem: Problem) -> None:
        if len(self.found) < _MAX_PROBLEMS:
            self.found.append(problem)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises InvalidError for the first of the problems, with all of them in its fact `problems`."""
    if problems:
        first = problems[0]
        raise InvalidError(first.message, field=first.field, code=first.code, problems=tuple(problems))


def member(where: str, name: str) -> str:
    """The path of a member of the thing at `where`."""
    return f"{where}.{name}" if where else name
