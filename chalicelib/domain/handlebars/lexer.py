"""Template text to tokens: literal text, the braces in all their forms, and what stands between them.

The rules and their order are those of the language's own grammar, so that text which merely looks like a mustache is
split at the same places.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum

from .values import WHITESPACE, Refused


class Kind(Enum):
    CONTENT = "text"
    COMMENT = "a comment"
    OPEN = "{{"
    OPEN_UNESCAPED = "{{{"
    OPEN_BLOCK = "{{#"
    OPEN_INVERSE = "{{^"
    OPEN_INVERSE_CHAIN = "{{else"
    INVERSE = "{{else}}"
    OPEN_END = "{{/"
    OPEN_RAW = "{{{{"
    END_RAW = "the end of a raw block"
    OPEN_PARTIAL = "{{>"
    CLOSE = "}}"
    CLOSE_UNESCAPED = "}}}"
    CLOSE_RAW = "}}}}"
    OPEN_CALL = "("
    CLOSE_CALL = ")"
    EQUALS = "="
    SEPARATOR = "."
    DATA = "@"
    ID = "a name"
    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    UNDEFINED = "undefined"
    NULL = "null"
    OPEN_PARAMS = "as |"
    CLOSE_PARAMS = "|"
    END = "the end of the template"


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    at: int


_S = f"[{WHITESPACE}]"
_NAME = rf"""[^{WHITESPACE}!"\#%-,./;->@\[-\^`{{-~]+"""
_AFTER_NAME = rf"(?=[=~}}{WHITESPACE}/.)|])"
_AFTER_LITERAL = rf"(?=[~}}{WHITESPACE})])"
_BLANKS = "blanks"
_COMMENT = "comment"

# The order decides: the first rule that fits wins, not the longest one.
_RULES: tuple[tuple[Kind | str, str], ...] = (
    (Kind.OPEN_CALL, r"\("),
    (Kind.CLOSE_CALL, r"\)"),
    (Kind.OPEN_RAW, r"\{\{\{\{"),
    (Kind.CLOSE_RAW, r"\}\}\}\}"),
    (Kind.OPEN_PARTIAL, r"\{\{~?\#?>"),
    (Kind.OPEN_BLOCK, r"\{\{~?\#\*?"),
    (Kind.OPEN_END, r"\{\{~?/"),
    (Kind.INVERSE, rf"\{{\{{~?\^{_S}*~?\}}\}}|\{{\{{~?{_S}*else{_S}*~?\}}\}}"),
    (Kind.OPEN_INVERSE, r"\{\{~?\^"),
    (Kind.OPEN_INVERSE_CHAIN, rf"\{{\{{~?{_S}*else(?![A-Za-z0-9_])"),
    (Kind.OPEN_UNESCAPED, r"\{\{~?\{"),
    (Kind.OPEN, r"\{\{~?&"),
    (_COMMENT, r"\{\{~?!"),
    (Kind.OPEN, r"\{\{~?\*?"),
    (Kind.EQUALS, r"="),
    (Kind.ID, r"\.\."),
    (Kind.ID, rf"\.{_AFTER_NAME}"),
    (Kind.SEPARATOR, r"[/.]"),
    (_BLANKS, rf"{_S}+"),
    (Kind.CLOSE_UNESCAPED, r"\}~?\}\}"),
    (Kind.CLOSE, r"~?\}\}"),
    (Kind.STRING, r'"(?:\\"|[^"])*"'),
    (Kind.STRING, r"'(?:\\'|[^'])*'"),
    (Kind.DATA, r"@"),
    (Kind.BOOLEAN, rf"(?:true|false){_AFTER_LITERAL}"),
    (Kind.UNDEFINED, rf"undefined{_AFTER_LITERAL}"),
    (Kind.NULL, rf"null{_AFTER_LITERAL}"),
    (Kind.NUMBER, rf"-?[0-9]+(?:\.[0-9]+)?{_AFTER_LITERAL}"),
    (Kind.OPEN_PARAMS, rf"as{_S}+\|"),
    (Kind.CLOSE_PARAMS, r"\|"),
    (Kind.ID, rf"{_NAME}{_AFTER_NAME}"),
    (Kind.ID, r"\[(?:\\\]|[^\]])*\]"),
)
_MUSTACHE = re.compile("|".join(f"(?P<r{number}>{pattern})" for number, (_, pattern) in enumerate(_RULES)))
_ESCAPED_END = re.compile(r"\\{0,2}\{\{")
_RAW_END = re.compile(rf"\{{\{{\{{\{{/({_NAME})(?=[=}}{WHITESPACE}/.])\}}\}}\}}\}}")
_LONG_COMMENT = re.compile(r".*?--~?\}\}", re.DOTALL)
_SHORT_COMMENT = re.compile(r"\{\{~?!.*?\}\}", re.DOTALL)
_LONG_START = re.compile(r"\{\{~?!--")
_BRACKET_ESCAPE = re.compile(r"\\([\\\]])")


def tokens(source: str) -> Iterator[Token]:
    """Raises Refused where the text fits no rule, for one at a brace that is never closed."""
    position, end = 0, len(source)
    while position < end:
        opening = source.find("{{", position)
        if opening < 0:
            yield Token(Kind.CONTENT, source[position:], position)
            break
        literal, escaped = _before_braces(source[position:opening])
        if literal:
            yield Token(Kind.CONTENT, literal, position)
        if escaped:
            found = _ESCAPED_END.search(source, opening + 2)
            position = found.start() if found else end
            yield Token(Kind.CONTENT, source[opening:position], opening)
        else:
            position = yield from _mustache(source, opening)
    yield Token(Kind.END, "", end)


def _before_braces(literal: str) -> tuple[str, bool]:
    """The text before braces, and whether its last backslash takes their meaning away."""
    if literal.endswith("\\\\"):
        return literal[:-1], False
    if literal.endswith("\\"):
        return literal[:-1], True
    return literal, False


def _mustache(source: str, position: int) -> Generator[Token, None, int]:
    """The tokens up to and with the closing braces; gives back where they end."""
    while True:
        found = _MUSTACHE.match(source, position)
        if found is None:
            raise Refused(_misfit(source, position), position)
        kind = _RULES[found.lastindex - 1][0] if found.lastindex else _BLANKS
        if kind == _COMMENT:
            return (yield from _comment(source, position))
        start, position = position, found.end()
        if isinstance(kind, Kind):
            yield Token(kind, _value(kind, found[0]), start)
            if kind is Kind.CLOSE_RAW:
                return (yield from _raw(source, position))
            if kind in (Kind.CLOSE, Kind.CLOSE_UNESCAPED, Kind.INVERSE):
                return position


def _value(kind: Kind, text: str) -> str:
    if kind is Kind.STRING:
        return text[1:-1].replace("\\" + text[0], text[0])
    if kind is Kind.ID and text.startswith("["):
        return _BRACKET_ESCAPE.sub(r"\1", text)
    return text


def _comment(source: str, position: int) -> Generator[Token, None, int]:
    pattern = _LONG_COMMENT if _LONG_START.match(source, position) else _SHORT_COMMENT
    found = pattern.match(source, position)
    if found is None:
        raise Refused("the comment is not closed", position)
    yield Token(Kind.COMMENT, found[0], position)
    return found.end()


def _raw(source: str, position: int) -> Generator[Token, None, int]:
    """The text of a raw block, raw blocks inside it included, and its end."""
    start, depth = position, 1
    while True:
        position = source.find("{{{{", position)
        if position < 0:
            raise Refused("the raw block is not closed", start)
        closing = _RAW_END.match(source, position)
        if closing is None:
            # Four braces with a name behind them open another raw block; those of an end that fits none are text.
            depth += source[position + 4 : position + 5] not in ("", "/")
            position += 4
            continue
        depth -= 1
        if depth == 0:
            if position > start:
                yield Token(Kind.CONTENT, source[start:position], start)
            yield Token(Kind.END_RAW, closing[1], position)
            return closing.end()
        position = closing.end()


def _misfit(source: str, position: int) -> str:
    if position >= len(source):
        return "the braces are not closed"
    return f"{source[position]!r} cannot stand here"
