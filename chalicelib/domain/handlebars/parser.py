"""Tokens to a tree, by recursive descent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .lexer import Kind, Token, tokens
from .nodes import Block, Call, Comment, Content, Expression, Literal, Mustache, Path, Program, Statement, Strip
from .values import UNDEFINED, Refused, Value, to_number, to_text
from .whitespace import control_whitespace

MAX_NESTING = 64
MAX_CHAIN = 100
"""How many `{{else if …}}` may follow each other."""

_SCOPED = re.compile(r"^\.|this(?![A-Za-z0-9_])")
_ENDS = frozenset({Kind.END, Kind.OPEN_END, Kind.INVERSE, Kind.OPEN_INVERSE_CHAIN})
_LITERALS = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.UNDEFINED, Kind.NULL})
_PARAMS = _LITERALS | {Kind.ID, Kind.DATA, Kind.OPEN_CALL}


def parse(source: str) -> Program:
    """Raises Refused, with the position."""
    parser = _Parser(list(tokens(source)))
    program = parser.program()
    if parser.peek().kind is not Kind.END:
        raise Refused(f"{_said(parser.peek())} belongs to no block", parser.peek().at)
    control_whitespace(program)
    return program


@dataclass(frozen=True, slots=True)
class _Opening:
    call: Call
    block_params: tuple[str, ...]
    strip: Strip


class _Parser:
    def __init__(self, all_tokens: list[Token]) -> None:
        self._tokens = all_tokens
        self._index = 0
        self._depth = 0

    def peek(self) -> Token:
        return self._tokens[self._index]

    def program(self) -> Program:
        self._deeper()
        body: list[Statement] = []
        while self.peek().kind not in _ENDS:
            body.append(self._statement())
        self._depth -= 1
        return Program(body)

    def _statement(self) -> Statement:
        token = self._take()
        match token.kind:
            case Kind.CONTENT:
                return Content(token.text, token.text)
            case Kind.COMMENT:
                return Comment(_strip(token.text, token.text))
            case Kind.OPEN | Kind.OPEN_UNESCAPED:
                return self._mustache(token)
            case Kind.OPEN_BLOCK:
                return self._block(token)
            case Kind.OPEN_INVERSE:
                return self._inverse_block(token)
            case Kind.OPEN_RAW:
                return self._raw_block(token)
            case Kind.OPEN_PARTIAL:
                raise Refused("there are no partials here", token.at)
        raise Refused(f"{_said(token)} cannot stand here", token.at)

    def _mustache(self, opening: Token) -> Mustache:
        _refuse_decorator(opening)
        call = self._call(opening.at)
        is_raw = opening.kind is Kind.OPEN_UNESCAPED
        closing = self._expect(Kind.CLOSE_UNESCAPED if is_raw else Kind.CLOSE)
        return Mustache(call, not is_raw and not opening.text.endswith("&"), _strip(opening.text, closing.text))

    def _block(self, token: Token) -> Block:
        _refuse_decorator(token)
        opening = self._opening(token)
        program = self.program()
        links = self._chain()
        close_strip = self._close(opening.call.path)
        inverse, inverse_strip = _fold(links, close_strip)
        program.block_params = opening.block_params
        return Block(opening.call, program, inverse, opening.strip, inverse_strip, close_strip)

    def _inverse_block(self, token: Token) -> Block:
        opening = self._opening(token)
        inverse = self.program()
        inverse.block_params = opening.block_params
        program, inverse_strip = None, Strip()
        if self.peek().kind is Kind.INVERSE:
            inverse_strip = _own_strip(self._take())
            program = self.program()
        close_strip = self._close(opening.call.path)
        return Block(opening.call, program, inverse, opening.strip, inverse_strip, close_strip)

    def _raw_block(self, token: Token) -> Block:
        call = self._call(token.at)
        self._expect(Kind.CLOSE_RAW)
        body: list[Statement] = []
        while self.peek().kind is Kind.CONTENT:
            text = self._take().text
            body.append(Content(text, text))
        closing = self._expect(Kind.END_RAW)
        if closing.text != call.path.original:
            raise Refused(f"{call.path.original!r} is closed by {closing.text!r}", closing.at)
        return Block(call, Program(body), None, Strip(), Strip(), Strip())

    def _chain(self) -> list[tuple[_Opening | None, Program, Strip]]:
        """The branches after the first: each `{{else if …}}` with its opening, a plain `{{else}}` without."""
        links: list[tuple[_Opening | None, Program, Strip]] = []
        while self.peek().kind is Kind.OPEN_INVERSE_CHAIN:
            if len(links) == MAX_CHAIN:
                raise Refused(f"more than {MAX_CHAIN} branches follow each other", self.peek().at)
            opening = self._opening(self._take())
            links.append((opening, self.program(), opening.strip))
        if self.peek().kind is Kind.INVERSE:
            strip = _own_strip(self._take())
            links.append((None, self.program(), strip))
        return links

    def _opening(self, token: Token) -> _Opening:
        call = self._call(token.at)
        names: list[str] = []
        if self.peek().kind is Kind.OPEN_PARAMS:
            self._take()
            while self.peek().kind is Kind.ID:
                names.append(_unbracketed(self._take().text))
            closing = self._expect(Kind.CLOSE_PARAMS)
            if not names:
                raise Refused("`as` needs a name between its bars", closing.at)
        closing = self._expect(Kind.CLOSE)
        return _Opening(call, tuple(names), _strip(token.text, closing.text))

    def _close(self, opened: Path) -> Strip:
        if self.peek().kind is Kind.END:
            raise Refused(f"the block {opened.original!r} is not closed", opened.at)
        token = self._expect(Kind.OPEN_END)
        closed = _as_path(self._name())
        closing = self._expect(Kind.CLOSE)
        if closed.original != opened.original:
            raise Refused(f"the block {opened.original!r} is closed by {closed.original!r}", token.at)
        return _strip(token.text, closing.text)

    def _call(self, at: int) -> Call:
        path = _as_path(self._name())
        params: list[Expression] = []
        while self.peek().kind in _PARAMS and not self._is_hash():
            params.append(self._param())
        pairs: list[tuple[str, Expression]] = []
        while self._is_hash():
            key = _unbracketed(self._take().text)
            self._take()
            pairs.append((key, self._param()))
        return Call(path, tuple(params), tuple(pairs), at)

    def _is_hash(self) -> bool:
        return self.peek().kind is Kind.ID and self._tokens[self._index + 1].kind is Kind.EQUALS

    def _param(self) -> Expression:
        if self.peek().kind is not Kind.OPEN_CALL:
            return self._name()
        token = self._take()
        self._deeper()
        call = self._call(token.at)
        self._expect(Kind.CLOSE_CALL)
        self._depth -= 1
        return call

    def _name(self) -> Path | Literal:
        token = self._take()
        if token.kind in _LITERALS:
            return _literal(token)
        if token.kind is Kind.DATA:
            return self._path(self._expect(Kind.ID), is_data=True)
        if token.kind is Kind.ID:
            return self._path(token)
        raise Refused(f"a name or a value should stand before {_said(token)}", token.at)

    def _path(self, first: Token, *, is_data: bool = False) -> Path:
        parts: list[str] = []
        depth, token, original = 0, first, "@" * is_data
        while True:
            part = _unbracketed(token.text)
            original += part
            # In brackets, `[this]` is a member's name.
            if part != token.text or part not in ("..", ".", "this"):
                parts.append(part)
            elif parts:
                raise Refused(f"the path {original!r} is invalid", first.at)
            else:
                depth += part == ".."
            if self.peek().kind is not Kind.SEPARATOR:
                break
            original += self._take().text
            token = self._expect(Kind.ID)
        return Path(is_data, depth, tuple(parts), original, first.at, _SCOPED.search(original) is not None)

    def _take(self) -> Token:
        token = self._tokens[self._index]
        if token.kind is not Kind.END:
            self._index += 1
        return token

    def _expect(self, kind: Kind) -> Token:
        token = self._take()
        if token.kind is Kind.CLOSE_UNESCAPED and kind is Kind.CLOSE:
            raise Refused("three braces close what two opened; put a blank before a brace of the text", token.at)
        if token.kind is not kind:
            raise Refused(f"{_said(token)} stands where {_named(kind)} should be", token.at)
        return token

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise Refused(f"the template is nested more than {MAX_NESTING} levels deep", self.peek().at)


def _fold(links: list[tuple[_Opening | None, Program, Strip]], close_strip: Strip) -> tuple[Program | None, Strip]:
    """The branches as one: each `{{else if …}}` is a block of its own inside the branch before it.

    Its tilde to the right is that of the whole block's end for the first, its own for those further down.
    """
    inverse, inverse_strip = None, Strip()
    # From the last one on, because each holds the one behind it.
    for index, (opening, program, strip) in reversed(list(enumerate(links))):
        if opening is None:
            inverse = program
        else:
            program.block_params = opening.block_params
            ends = close_strip if index == 0 else strip
            chained = Block(opening.call, program, inverse, strip, inverse_strip, ends)
            inverse = Program([chained], is_chained=True)
        inverse_strip = strip
    return inverse, inverse_strip


def _literal(token: Token) -> Literal:
    value: Value = token.text
    if token.kind is Kind.NUMBER:
        value = to_number(token.text)
        return Literal(value, to_text(value), token.at)
    if token.kind is Kind.BOOLEAN:
        value = token.text == "true"
    elif token.kind is Kind.NULL:
        value = None
    elif token.kind is Kind.UNDEFINED:
        value = UNDEFINED
    return Literal(value, token.text, token.at)


def _as_path(name: Path | Literal) -> Path:
    """A literal where a name is called for names a member: `{{"with blanks"}}`, `{{12}}`."""
    if isinstance(name, Path):
        return name
    return Path(False, 0, (name.original,), name.original, name.at, _SCOPED.search(name.original) is not None)


def _unbracketed(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _strip(opening: str, closing: str) -> Strip:
    return Strip(opening[2:3] == "~", closing[-3:-2] == "~")


def _own_strip(token: Token) -> Strip:
    return _strip(token.text, token.text)


def _refuse_decorator(token: Token) -> None:
    if token.text.endswith("*"):
        raise Refused("there are no decorators here", token.at)


def _said(token: Token) -> str:
    return repr(token.text[:40]) if token.text and token.kind is not Kind.END else _named(token.kind)


def _named(kind: Kind) -> str:
    name = kind.value
    return name if name[0].isalpha() and " " in name and kind is not Kind.OPEN_PARAMS else repr(name)
