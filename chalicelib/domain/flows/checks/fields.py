"""Checks of single members of a document. Each adds what is wrong, worded alike, and never stops at the first."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from chalicelib.domain.flows.flows import is_object_id
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems, member

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 10_240
MEDIA_TYPES = ("json", "xml", "urlencoded", "form-data", "plaintext", "csv")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")


class Fields:
    """The members of one object of a document, which stands at `where`. A member that is null counts as absent."""

    def __init__(self, members: Mapping[str, Json], problems: Problems, where: str = "") -> None:
        self.members = members
        self.problems = problems
        self.where = where

    def path(self, name: str) -> str:
        return member(self.where, name)

    def has(self, name: str) -> bool:
        return self.members.get(name) is not None

    def invalid(self, name: str, message: str) -> None:
        self.problems.invalid(self.path(name), message)

    def missing(self, name: str) -> None:
        self.problems.missing(self.path(name))

    def text(self, name: str, *, longest: int | None = None, required: bool = False) -> str | None:
        value = self.members.get(name)
        if required and (value is None or value == "" or (isinstance(value, str) and not value.strip())):
            self.missing(name)
            return None
        if not self._is(name, value, str, "a string"):
            return None
        if isinstance(value, str) and longest is not None and len(value) > longest:
            self.invalid(name, f"Path `{self.path(name)}` is longer than the maximum allowed length ({longest}).")
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> None:
        self._is(name, self.members.get(name), bool, "a boolean")

    def whole(self, name: str, least: int | None = None, most: int | None = None) -> None:
        value = self.members.get(name)
        if value is None:
            return
        # True is an int in Python, and no number in JSON.
        if isinstance(value, bool) or not isinstance(value, int):
            self.invalid(name, f"Path `{self.path(name)}` must be a whole number.")
        elif (least is not None and value < least) or (most is not None and value > most):
            bounds = f"from {least} to {most}" if most is not None else f"{least} or more"
            self.invalid(name, f"Path `{self.path(name)}` must be {bounds}.")

    def choice(self, name: str, choices: Collection[str], *, required: bool = False) -> str | None:
        value = self.text(name, required=required)
        if value is not None and value not in choices:
            self.invalid(name, f"`{value[:100]}` is not a valid enum value for path `{self.path(name)}`.")
            return None
        return value

    def inner(self, name: str, *, required: bool = False) -> Fields | None:
        """The object that a member is; None if it is absent or something else."""
        value = self.members.get(name)
        if value is None and required:
            self.missing(name)
        if not self._is(name, value, dict, "an object") or not isinstance(value, dict):
            return None
        return Fields(value, self.problems, self.path(name))

    def items(self, name: str) -> list[Json]:
        """The elements of a list; none if it is absent or something else."""
        value = self.members.get(name)
        self._is(name, value, list, "an array")
        return value if isinstance(value, list) else []

    def objects(self, name: str) -> Iterator[Fields]:
        for index, each in enumerate(self.items(name)):
            at = f"{self.path(name)}[{index}]"
            if isinstance(each, dict):
                yield Fields(each, self.problems, at)
            else:
                self.problems.invalid(at, f"Path `{at}` must be an object.")

    def headers(self, name: str = "headers") -> None:
        for header in self.objects(name):
            given = header.text("name", required=True)
            if given is not None and _HEADER_NAME.fullmatch(given) is None:
                header.invalid("name", f"Path `{header.path('name')}` is not the name of a header.")
            value = header.text("value")
            if value is not None and any(mark in value for mark in "\r\n\0"):
                header.invalid("value", f"Path `{header.path('value')}` has to be a single line.")

    def reference(self, name: str, *, required: bool = False) -> None:
        """An id, which may be of something that exists."""
        value = self.members.get(name)
        if value is None or value == "":
            if required:
                self.missing(name)
        elif not (isinstance(value, str) and is_object_id(value)):
            self.problems.unknown(self.path(name))

    def named(self) -> None:
        """What every document has."""
        self.text("name", longest=LONGEST_NAME, required=True)
        self.text("description", longest=LONGEST_DESCRIPTION)

    def _is(self, name: str, value: Json, kind: type, called: str) -> bool:
        return self.problems.expect(self.path(name), value, kind, called)


def distinct(problems: Collection[Problem]) -> tuple[Problem, ...]:
    """The first problem of each field."""
    found: dict[str, Problem] = {}
    for problem in problems:
        found.setdefault(problem.field, problem)
    return tuple(found.values())
