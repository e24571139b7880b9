"""What a parsed template consists of. `at` is a position in the template's text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from .values import Value


@dataclass(frozen=True, slots=True)
class Strip:
    """Whether a tilde stands at the opening or the closing braces."""

    open: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    original: str
    at: int


@dataclass(frozen=True, slots=True)
class Path:
    """`depth` counts `..`, `is_data` says that it began with `@`; `original` is the path as it was written."""

    is_data: bool
    depth: int
    parts: tuple[str, ...]
    original: str
    at: int
    is_scoped: bool = False

    @property
    def is_simple(self) -> bool:
        """Whether it is one bare name, which may be a helper's."""
        return len(self.parts) == 1 and not self.is_scoped and not self.depth


@dataclass(frozen=True, slots=True)
class Call:
    """A name or path with parameters: what stands in a mustache, opens a block, or is in parentheses."""

    path: Path
    params: tuple[Expression, ...]
    hash: tuple[tuple[str, Expression], ...]
    at: int


Expression: TypeAlias = "Literal | Path | Call"


@dataclass(slots=True)
class Content:
    """`value` is what is left of `original` after whitespace control."""

    original: str
    value: str
    left_stripped: bool = False
    right_stripped: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    strip: Strip


@dataclass(frozen=True, slots=True)
class Mustache:
    call: Call
    is_escaped: bool
    strip: Strip


@dataclass(slots=True)
class Program:
    """`is_chained` marks the branch that an `{{else if …}}` opens: it holds that block alone."""

    body: list[Statement] = field(default_factory=list)
    block_params: tuple[str, ...] = ()
    is_chained: bool = False


@dataclass(slots=True)
class Block:
    call: Call
    program: Program | None
    inverse: Program | None
    open_strip: Strip
    inverse_strip: Strip
    close_strip: Strip


Statement: TypeAlias = "Content | Comment | Mustache | Block"
