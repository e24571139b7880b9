"""What a command says: results to the one stream, everything else to the other.

With `--json` a result is one JSON document, or one a line where results come as they happen. What other people wrote
never reaches a terminal with its control characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import msgspec

from chalicelib.domain.json import Json

_COLORS: Mapping[str, str] = {
    "success": "32",
    "succeeded": "32",
    "active": "32",
    "create": "32",
    "failed": "31",
    "error": "31",
    "delete": "31",
    "conflict": "31",
    "timed_out": "31",
    "cancelled": "33",
    "warn": "33",
    "update": "33",
    "running": "36",
}
_WIDE = frozenset({"W", "F"})


class Output:
    def __init__(
        self, out: TextIO, err: TextIO, *, json: bool = False, quiet: bool = False, color: bool = False
    ) -> None:
        self._out = out
        self._err = err
        self.json = json
        self.quiet = quiet
        self._color = color

    def record(self, document: Json, fields: Mapping[str, Any]) -> None:
        """One thing: lines of names and values, unless JSON is wanted."""
        if self.json:
            self._document(document)
            return
        width = max((len(name) for name in fields), default=0)
        for name, value in fields.items():
            lines = [self._painted(line) for line in shown(value).split("\n")] if value is not None else ["-"]
            self.text(f"{name.ljust(width)}  " + f"\n{' ' * (width + 2)}".join(lines))

    def table(self, document: Json, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Many things: a line each, below the names of the columns. None at all is a note, and nothing on stdout."""
        if self.json:
            self._document(document)
            return
        texts = [[shown(value).replace("\n", " ") for value in row] for row in rows]
        if not texts:
            self.note("none")
            return
        widths = [max(map(width_of, column)) for column in zip(columns, *texts, strict=True)]
        self.text(_line(columns, widths))
        for row in texts:
            self.text(_line([*map(self._painted, row)], widths, plain=row))

    def line(self, document: Json, text: str) -> None:
        """Something that happened just now."""
        self.text(msgspec.json.encode(document).decode() if self.json else text)
        self._out.flush()

    def text(self, text: str) -> None:
        self._out.write(text + "\n")

    def note(self, text: str) -> None:
        """Something about the command that a user may want to know."""
        if not self.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        self._err.write(clean(text) + "\n")
        self._err.flush()

    def paint(self, word: str, text: str | None = None) -> str:
        """`text` in the color that belongs to the word."""
        text = word if text is None else text
        code = _COLORS.get(word)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code else text

    def _document(self, document: Json) -> None:
        self.text(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())

    def _painted(self, text: str) -> str:
        return self.paint(text)


def shown(value: Any) -> str:
    """A value as a text for people."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clean(value)
    return clean(msgspec.json.encode(value).decode() if isinstance(value, dict | list) else str(value))


def clean(text: str) -> str:
    """Without control characters but line ends: they are commands to a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or not _is_control(c) else f"\\x{ord(c):02x}" for c in text)


def _is_control(character: str) -> bool:
    # Format characters (Cf) turn the direction of what follows or hide in a name; one of them also joins emoji.
    return unicodedata.category(character) in {"Cc", "Cf"} and character != "\u200d"


def width_of(text: str) -> int:
    """How many columns of a terminal it takes."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in _WIDE else 1 for c in text)


def _line(cells: Sequence[str], widths: Sequence[int], plain: Sequence[str] | None = None) -> str:
    padded = [
        cell + " " * (width - width_of(bare)) for cell, bare, width in zip(cells, plain or cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()
