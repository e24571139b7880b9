"""What is under way: one line that is drawn again on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
from typing import TextIO

from chalicelib.cli.output import clean, width_of

_CLEAR = "\r\x1b[K"


class Progress:
    """`with Progress(err, …) as progress:`; the line is gone at the end, plain lines stay."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._redraws = stream.isatty()
        self._is_drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def happened(self, text: str) -> None:
        """A line that stays."""
        if self._quiet:
            return
        self._clear()
        self._stream.write(clean(text) + "\n")
        self._stream.flush()

    def now(self, text: str) -> None:
        """How things stand; the next call takes its place. Nothing where a line cannot be drawn again."""
        if self._quiet or not self._redraws:
            return
        self._stream.write(_CLEAR + _cut(clean(text), shutil.get_terminal_size().columns - 1))
        self._stream.flush()
        self._is_drawn = True

    def _clear(self) -> None:
        if self._is_drawn:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._is_drawn = False


def _cut(text: str, columns: int) -> str:
    while width_of(text) > max(columns, 1):
        text = text[:-2] + "…"
    return text
