"""Where in a file something is: paths of a document's members, and lines and columns of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

Path = tuple["str | int", ...]

_DECODER = JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    line: int
    column: int


Locate = Callable[[Path], Place]
"""Of the value at a path; where there is none, of the innermost around it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file. `path` leads to the member, `at` is where that is in the text."""

    file: str
    message: str
    path: Path = ()
    at: Place | None = None

    @property
    def pointer(self) -> str:
        """A JSON pointer (RFC 6901)."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.path)

    def __str__(self) -> str:
        place = f"{self.file}:{self.at.line}:{self.at.column}" if self.at else self.file
        return f"{place}: {self.pointer + ': ' if self.path else ''}{self.message}"


def in_json(text: str) -> Locate:
    """For a text that is known to be JSON."""

    def locate(path: Path) -> Place:
        return place_of(text, _offset(text, path))

    return locate


def place_of(text: str, offset: int) -> Place:
    begin = text.rfind("\n", 0, offset) + 1
    return Place(text.count("\n", 0, offset) + 1, offset - begin + 1)


def _offset(text: str, path: Path) -> int:
    at = _skip(text, 0)
    for part in path:
        inner = _member(text, at, part) if text[at] == "{" else _item(text, at, part) if text[at] == "[" else None
        if inner is None:
            return at
        at = inner
    return at


def _member(text: str, at: int, name: str | int) -> int | None:
    at = _skip(text, at + 1)
    while text[at] != "}":
        found, at = scanstring(text, at + 1)
        at = _skip(text, _skip(text, at) + 1)
        if found == name:
            return at
        at = _next(text, at)
    return None


def _item(text: str, at: int, index: str | int) -> int | None:
    at = _skip(text, at + 1)
    number = 0
    while text[at] != "]":
        if number == index:
            return at
        number += 1
        at = _next(text, at)
    return None


def _next(text: str, at: int) -> int:
    """Where the next member begins, or the end of the object or list stands."""
    _, at = _DECODER.raw_decode(text, at)
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def parse(field: str, document: Any) -> Path:
    """A path as a compiler writes it, such as `nodes[0].config.url`. Names with dots are known by the document."""
    path: list[str | int] = []
    value, rest = document, field
    while rest:
        name = _known_name(rest.removeprefix("."), value)
        if name is not None:
            part: str | int = name
            rest = rest.removeprefix(".")[len(name) :]
        else:
            match = _PLAIN.match(rest)
            if match is None:
                break
            part = int(match[2]) if match[2] else match[1]
            rest = rest[match.end() :]
        path.append(part)
        value = at(value, (part,))
    return tuple(path)


def _known_name(rest: str, value: Any) -> str | None:
    names = [name for name in value if rest.startswith(name)] if isinstance(value, dict) else []
    fitting = [name for name in names if name and rest[len(name) : len(name) + 1] in {"", ".", "["}]
    return max(fitting, key=len, default=None)


def at(document: Any, path: Sequence[str | int]) -> Any:
    """The value at a path; None if there is none."""
    for part in path:
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return None
    return document
