"""What a rendering runs on: its output, its budget, and the frames that names are looked up in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..aws_signatures import Signable
from ..json import Json
from .values import Refused

MAX_STEPS = 500_000
MAX_OUTPUT = 5 * 1024 * 1024
"""In characters."""

_FREE_LENGTH = 256
_LETTERS_PER_STEP = 64

Lookups = Callable[[str, Json], Json]
"""Gives the value that a named table has for a key; raises TemplateError when there is none."""


class Render:
    """One rendering of one template."""

    __slots__ = ("escape", "lookups", "now", "out", "random", "request", "root", "size", "steps")

    def __init__(
        self,
        root: Mapping[str, Any],
        escape: Callable[[str], str] | None,
        now: datetime,
        random: Callable[[], float] | str,
        lookups: Lookups | None,
        request: Signable | None = None,
    ) -> None:
        self.root = root
        self.escape = escape
        self.now = now
        self.random = random if callable(random) else _seeded(random).__next__
        self.lookups = lookups
        self.request = request
        self.out: list[str] = []
        self.steps = MAX_STEPS
        self.size = MAX_OUTPUT

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Refused(f"the rendering takes more than {MAX_STEPS} steps")

    def write(self, text: str) -> None:
        self.size -= len(text)
        if self.size < 0:
            raise Refused(f"the result is larger than {MAX_OUTPUT} characters")
        self.out.append(text)

    def charge(self, value: Any) -> None:
        """Counts steps for going once through a long text or a list."""
        if (type(value) is str or type(value) is list) and len(value) > _FREE_LENGTH:
            self.spend(len(value) // (_LETTERS_PER_STEP if type(value) is str else 4))


def _seeded(seed: str) -> Iterator[float]:
    """Numbers from 0 up to 1, the same ones for the same seed."""
    draws = 0
    while True:
        draws += 1
        drawn = hashlib.sha256(f"{seed}\0{draws}".encode(errors="surrogatepass")).digest()
        yield int.from_bytes(drawn[:7], "big") / 2**56


@dataclass(frozen=True, slots=True)
class Data:
    """The names after `@`; those of the block around are reached by `@../`."""

    names: dict[str, Any]
    outer: Data | None = None


class Frame:
    """Where a name is looked up: the context, the frame that `../` leads to, data and block parameters."""

    __slots__ = ("context", "data", "outer", "params", "render")

    def __init__(
        self,
        render: Render,
        context: Any,
        outer: Frame | None,
        data: Data,
        params: tuple[Any, Any] | None = None,
    ) -> None:
        self.render = render
        self.context = context
        self.outer = outer
        self.data = data
        self.params = params

    def inner(self, context: Any, params: tuple[Any, Any] | None) -> Frame:
        """The frame of a block's content. A block that keeps the context adds nothing for `../` to go through."""
        outer = self.outer if is_same(context, self.context) else self
        return Frame(self.render, context, outer, self.data, params)


def is_same(left: Any, right: Any) -> bool:
    """Whether a context is the one around it, so that the block adds no level."""
    if left is right or type(left) is dict or type(left) is list or isinstance(left, Mapping):
        return left is right
    return type(left) is type(right) and bool(left == right)


class Program:
    """A compiled run of statements. `cost` and `size` are what it takes without what it reads from the context."""

    __slots__ = ("cost", "size", "takes_params", "writers")

    def __init__(self, writers: list[Callable[[Frame], None]], cost: int, size: int, takes_params: bool) -> None:
        self.writers = writers
        self.cost = cost
        self.size = size
        self.takes_params = takes_params

    def run(self, frame: Frame) -> None:
        render = frame.render
        render.steps -= self.cost
        render.size -= self.size
        if render.steps < 0 or render.size < 0:
            # One of the two raises, and knows the words for it.
            render.spend(0)
            render.write("")
        for write in self.writers:
            write(frame)
