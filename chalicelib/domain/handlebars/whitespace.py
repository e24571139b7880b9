"""Whitespace control: tildes eat the blanks beside them, and a tag alone on its line takes the line with it."""

from __future__ import annotations

import re

from .nodes import Block, Comment, Content, Mustache, Program, Statement, Strip
from .values import WHITESPACE

_REST_OF_LINE = re.compile(r"\A[ \t]*\r?\n?")


def control_whitespace(program: Program) -> None:
    """Strips the contents of a whole template, in place."""
    _program(program, is_root=True)


def _program(program: Program, *, is_root: bool = False) -> None:
    body = program.body
    for index, statement in enumerate(body):
        if isinstance(statement, Mustache):
            _tildes(body, index, statement.strip)
        elif isinstance(statement, Comment):
            _tildes(body, index, statement.strip, after=_line(body, index, is_root))
        elif isinstance(statement, Block):
            _block_in(body, index, statement, is_root)


def _line(body: list[Statement], index: int, is_root: bool) -> bool:
    return _blank_before(body, index, is_root) and _blank_after(body, index, is_root)


def _tildes(body: list[Statement], index: int, strip: Strip, *, after: bool = False) -> None:
    if strip.close:
        _omit_right(body, index + 1, everything=True)
    if strip.open:
        _omit_left(body, index - 1, everything=True)
    if after:
        _omit_right(body, index + 1)
        _omit_left(body, index - 1)


def _block_in(body: list[Statement], index: int, block: Block, is_root: bool) -> None:
    opens_line, closes_line = _block(block)
    opens_line = opens_line and _blank_before(body, index, is_root)
    closes_line = closes_line and _blank_after(body, index, is_root)
    _tildes(body, index, Strip(block.open_strip.open, block.close_strip.close))
    first, last = block.program or block.inverse, block.inverse or block.program
    if opens_line and first is not None:
        _omit_right(first.body, 0)
        _omit_left(body, index - 1)
    if closes_line and last is not None:
        _omit_right(body, index + 1)
        _omit_left(last.body, len(last.body) - 1)


def _block(block: Block) -> tuple[bool, bool]:
    """Whether the opening tag ends its line, and the closing tag begins one, seen from inside."""
    # Inner blocks first, as handlebars.js goes: what a tag may take depends on what others have taken.
    for branch in (block.program, block.inverse):
        if branch is not None:
            _program(branch)
    program = block.program or block.inverse or Program()
    inverse = block.inverse if block.program else None
    first, last = inverse, inverse
    if inverse is not None and inverse.is_chained:
        first = _chained(inverse.body[0])
        while last is not None and last.is_chained:
            last = _chained(last.body[-1])
    ends_line = _blank_after(program.body, -1)
    begins_line = _blank_before((first or program).body, len((first or program).body))
    if block.open_strip.close:
        _omit_right(program.body, 0, everything=True)
    if first is not None and last is not None:
        _between(block, program.body, first.body, last.body)
    elif block.close_strip.open:
        _omit_left(program.body, len(program.body) - 1, everything=True)
    return ends_line, begins_line


def _between(block: Block, before: list[Statement], after: list[Statement], last: list[Statement]) -> None:
    """Strips around `{{else}}`."""
    if block.inverse_strip.open:
        _omit_left(before, len(before) - 1, everything=True)
    if block.inverse_strip.close:
        _omit_right(after, 0, everything=True)
    if block.close_strip.open:
        _omit_left(last, len(last) - 1, everything=True)
    if _blank_before(before, len(before)) and _blank_after(after, -1):
        _omit_left(before, len(before) - 1)
        _omit_right(after, 0)


def _chained(statement: Statement) -> Program | None:
    return statement.program if isinstance(statement, Block) else None


def _blank_before(body: list[Statement], index: int, is_root: bool = False) -> bool:
    """Whether nothing but blanks stands between the start of the line and the statement."""
    if index == 0:
        return is_root
    previous = body[index - 1]
    if not isinstance(previous, Content):
        return False
    # By the original: what is left of it tells no more whether the tag was alone on its line.
    visible = previous.original.rstrip(WHITESPACE)
    if is_root and index == 1 and not visible:
        return True
    return "\n" in previous.original[len(visible) :]


def _blank_after(body: list[Statement], index: int, is_root: bool = False) -> bool:
    """Whether nothing but blanks stands between the statement and the end of the line."""
    if index + 1 >= len(body):
        return is_root
    following = body[index + 1]
    if not isinstance(following, Content):
        return False
    visible = following.original.lstrip(WHITESPACE)
    if is_root and index + 2 == len(body) and not visible:
        return True
    return "\n" in following.original[: len(following.original) - len(visible)]


def _omit_right(body: list[Statement], index: int, *, everything: bool = False) -> None:
    """Takes the blanks from the start of a content: all of them, or those up to the end of the line."""
    content = body[index] if index < len(body) else None
    if not isinstance(content, Content) or (content.right_stripped and not everything):
        return
    before = content.value
    content.value = before.lstrip(WHITESPACE) if everything else _REST_OF_LINE.sub("", before, count=1)
    content.right_stripped = content.value != before


def _omit_left(body: list[Statement], index: int, *, everything: bool = False) -> None:
    """Takes the blanks from the end of a content: all of them, or those on its last line."""
    content = body[index] if 0 <= index < len(body) else None
    if not isinstance(content, Content) or (content.left_stripped and not everything):
        return
    before = content.value
    content.value = before.rstrip(WHITESPACE if everything else " \t")
    content.left_stripped = content.value != before
