"""Text to tokens. Linear in the text, and never past the length limit of one expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..json import MAX_INTEGER_DIGITS
from .runtime import Refused

MAX_EXPRESSION_LENGTH = 8192

_SPACE = re.compile(r"\s*")
# Without a sign, which is an operator: else `a-1` would be two values in a row.
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NAME = re.compile(r"\$?[^\W\d]\w*")
_OPERATOR = re.compile(r"\?\?|\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}]")
_STRING = {quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL) for quote in "\"'"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"} | {same: same for same in "\\/\"'"}


class TokenKind(Enum):
    NUMBER = "number"
    STRING = "string"
    NAME = "name"
    OPERATOR = "operator"
    END = "end"


class Token(NamedTuple):
    kind: TokenKind
    value: str | int | float
    position: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """One expression's tokens, closed by an END token; `end` is where the text continues."""

    items: list[Token]
    end: int


def tokenize(text: str, start: int = 0, close: str | None = None) -> Tokens:
    """Reads up to the closing delimiter, or to the end of the text when there is none."""
    # The text goes on behind the closing delimiter: no more of it is read than one expression may have.
    limit = min(len(text), start + MAX_EXPRESSION_LENGTH + len(close or ""))
    items: list[Token] = []
    position, braces = _skip_space(text, start, limit), 0
    while position < limit:
        # Inside of an object, `}` and `}}` are ends of objects.
        if close and not braces and text.startswith(close, position):
            if position - start > MAX_EXPRESSION_LENGTH:
                raise _too_long(start)
            items.append(Token(TokenKind.END, close, position))
            return Tokens(items, position + len(close))
        token, after = _token(text, position, limit)
        braces += (token.value == "{") - (token.value == "}") if token.kind is TokenKind.OPERATOR else 0
        items.append(token)
        position = _skip_space(text, after, limit)
    if limit < len(text):
        raise _too_long(start)
    if close:
        raise Refused(f"the closing {close} is missing", start)
    items.append(Token(TokenKind.END, "", position))
    return Tokens(items, position)


def _skip_space(text: str, position: int, limit: int) -> int:
    space = _SPACE.match(text, position, limit)
    return space.end() if space else position


def _token(text: str, position: int, limit: int) -> tuple[Token, int]:
    if text[position] in _STRING:
        return _string(text, position, limit)
    if match := _NUMBER.match(text, position, limit):
        return Token(TokenKind.NUMBER, _number(match, position), position), match.end()
    if match := _NAME.match(text, position, limit):
        return Token(TokenKind.NAME, match[0], position), match.end()
    if match := _OPERATOR.match(text, position, limit):
        return Token(TokenKind.OPERATOR, match[0], position), match.end()
    raise Refused(f"the character {text[position]!r} has no meaning here", position)


def _number(match: re.Match[str], position: int) -> int | float:
    if match[1] or match[2]:
        number = float(match[0])
        # True of infinity and NaN alone, which JSON has no words for.
        if number - number != 0.0:
            raise Refused("this number is out of range", position)
        return number
    if len(match[0]) > MAX_INTEGER_DIGITS:
        raise Refused(f"an integer has at most {MAX_INTEGER_DIGITS} digits", position)
    return int(match[0])


def _string(text: str, position: int, limit: int) -> tuple[Token, int]:
    match = _STRING[text[position]].match(text, position, limit)
    if match is None:
        raise _too_long(position) if limit < len(text) else Refused("this string is not closed", position)
    try:
        value = _ESCAPE.sub(_unescape, match[1])
        # Joins the halves of an escaped surrogate pair; one half alone cannot be stored as UTF-8.
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except Refused as refused:
        raise refused.at(position) from None
    except UnicodeDecodeError as error:
        raise Refused("this string holds a lone surrogate", position) from error
    return Token(TokenKind.STRING, value, position), match.end()


def _unescape(match: re.Match[str]) -> str:
    if len(match[1]) == 5:
        return chr(int(match[1][1:], 16))
    if match[1] not in _ESCAPED:
        raise Refused(f"\\{match[1]} is not an escape sequence")
    return _ESCAPED[match[1]]


def _too_long(position: int) -> Refused:
    return Refused(f"an expression has at most {MAX_EXPRESSION_LENGTH} characters", position)
