"""Tokens to a tree, by precedence climbing. The nesting limit bounds every recursion over the tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .functions import FUNCTIONS, SPELLINGS
from .lexer import Token, TokenKind, tokenize
from .runtime import Refused
from .syntax import (
    Access,
    ArrayLiteral,
    Call,
    Chain,
    Conditional,
    Expression,
    Literal,
    Name,
    Negate,
    Node,
    Not,
    ObjectLiteral,
    Operation,
)

MAX_NESTING = 50

LEVELS = {
    "??": 1,
    "||": 2,
    "or": 2,
    "&&": 3,
    "and": 3,
    "==": 4,
    "!=": 4,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    "in": 5,
    "not in": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
}
_LOWEST = 1
_EQUALITY = 4
_CONSTANTS = {"true": True, "false": False, "null": None}
_RESERVED = {"and", "or", "not", "in"}

_Item = TypeVar("_Item")


def parse(text: str, start: int = 0, close: str | None = None, *, bare_names: bool = False) -> Expression:
    """The expression that starts there. Raises Refused with a position in the text."""
    tokens = tokenize(text, start, close)
    parser = _Parser(tokens.items, bare_names)
    node = parser.expression()
    parser.expect_end()
    return Expression(node, frozenset(parser.names), frozenset(parser.node_references), len(tokens.items), tokens.end)


class _Parser:
    def __init__(self, tokens: list[Token], bare_names: bool) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0
        self._bare_names = bare_names
        self.names: set[str] = set()
        self.node_references: set[str] = set()

    def expression(self) -> Node:
        return self._nested(self._conditional)

    def expect_end(self) -> None:
        token = self._peek()
        if token.kind is not TokenKind.END:
            raise Refused(f"expected an operator or the end, not {_shown(token)}", token.position)

    def _conditional(self) -> Node:
        test = self._binary(_LOWEST)
        if not self._accept("?"):
            return test
        chosen = self.expression()
        self._expect(":")
        return Conditional(test, chosen, self.expression())

    def _binary(self, minimum: int) -> Node:
        left = self._unary()
        while (level := LEVELS.get(self._operator(), 0)) >= minimum:
            left = self._chain(left, level)
        return left

    def _chain(self, first: Node, level: int) -> Node:
        def right_side() -> Node:
            # One level up: operators of this one are left to the loop, which takes them from the left.
            return self._binary(level + 1)

        rest = []
        while LEVELS.get(operator := self._operator()) == level:
            position = self._advance().position
            if operator == "not in":
                self._advance()
            rest.append(Operation(operator, self._nested(right_side), position))
        return Chain(first, tuple(rest))

    def _operator(self) -> str:
        token = self._peek()
        if token.kind is TokenKind.NAME and token.value == "not":
            # There is always one more, for END closes the tokens.
            following = self._tokens[self._next + 1]
            return "not in" if following.kind is TokenKind.NAME and following.value == "in" else ""
        return str(token.value) if token.kind in (TokenKind.OPERATOR, TokenKind.NAME) else ""

    def _unary(self) -> Node:
        token = self._peek()
        if self._accept("!"):
            return Not(self._nested(self._unary))
        if self._accept("-"):
            return _negative(self._nested(self._unary), token.position)
        if token.kind is TokenKind.NAME and token.value == "not":
            self._advance()
            # Weaker than comparisons: `not a == b` is `not (a == b)`.
            return Not(self._nested(lambda: self._binary(_EQUALITY)))
        return self._postfix()

    def _postfix(self) -> Node:
        base = self._primary()
        keys: list[Node] = []
        while True:
            if self._accept("."):
                keys.append(Literal(self._member_name()))
            elif self._accept("["):
                keys.append(self.expression())
                self._expect("]")
            else:
                break
        if not keys:
            return base
        if isinstance(base, Name) and base.name == "$node" and isinstance(keys[0], Literal):
            self.node_references.add(str(keys[0].value))
        return Access(base, tuple(keys))

    def _primary(self) -> Node:
        token = self._advance()
        if token.kind in (TokenKind.NUMBER, TokenKind.STRING):
            return Literal(token.value)
        if token.kind is TokenKind.NAME:
            return self._named(token)
        if token.kind is TokenKind.OPERATOR and token.value == "(":
            inner = self.expression()
            self._expect(")")
            return inner
        if token.kind is TokenKind.OPERATOR and token.value == "[":
            return ArrayLiteral(tuple(self._until("]", self.expression)))
        if token.kind is TokenKind.OPERATOR and token.value == "{":
            return self._object(token)
        raise Refused(f"expected a value, not {_shown(token)}", token.position)

    def _named(self, token: Token) -> Node:
        name = str(token.value)
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        if name in _RESERVED:
            raise Refused(f"expected a value, not the operator {name}", token.position)
        if self._accept("("):
            return self._call(name, token.position)
        if not name.startswith("$") and not self._bare_names:
            raise Refused(
                f"unknown name {name} (roots start with $, texts are quoted, and a member whose name "
                f'holds a dash is written ["like-this"])',
                token.position,
            )
        self.names.add(name)
        return Name(name, token.position)

    def _call(self, name: str, position: int) -> Node:
        if name not in FUNCTIONS:
            likely = SPELLINGS.get(name.lower())
            raise Refused(f"there is no function {name}" + (f"; did you mean {likely}?" if likely else ""), position)
        arguments = tuple(self._until(")", self.expression))
        complaint = FUNCTIONS[name].arity_complaint(len(arguments))
        if complaint:
            raise Refused(complaint, position)
        return Call(name, arguments, position)

    def _object(self, opening: Token) -> Node:
        members = self._until("}", self._object_member)
        if len({name for name, _ in members}) != len(members):
            raise Refused("this object has the same member twice", opening.position)
        return ObjectLiteral(tuple(members))

    def _object_member(self) -> tuple[str, Node]:
        token = self._advance()
        if token.kind not in (TokenKind.NAME, TokenKind.STRING):
            raise Refused(f"expected a member name, not {_shown(token)}", token.position)
        self._expect(":")
        return str(token.value), self.expression()

    def _member_name(self) -> str:
        token = self._advance()
        if token.kind is not TokenKind.NAME:
            raise Refused(f"expected a member name after the dot, not {_shown(token)}", token.position)
        return str(token.value)

    def _until(self, close: str, item: Callable[[], _Item]) -> list[_Item]:
        items: list[_Item] = []
        if self._accept(close):
            return items
        while True:
            items.append(item())
            if not self._accept(","):
                self._expect(close)
                return items

    def _nested(self, part: Callable[[], _Item]) -> _Item:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise Refused(f"the expression is nested more than {MAX_NESTING} levels deep", self._peek().position)
        parsed = part()
        self._nesting -= 1
        return parsed

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        if token.kind is not TokenKind.END:
            self._next += 1
        return token

    def _accept(self, operator: str) -> bool:
        token = self._tokens[self._next]
        if token.kind is TokenKind.OPERATOR and token.value == operator:
            self._next += 1
            return True
        return False

    def _expect(self, operator: str) -> None:
        token = self._peek()
        if not self._accept(operator):
            raise Refused(f"expected {operator} and not {_shown(token)}", token.position)


def _negative(operand: Node, position: int) -> Node:
    if isinstance(operand, Literal) and type(operand.value) in (int, float):
        return Literal(-operand.value)  # type: ignore[operator]
    return Negate(operand, position)


def _shown(token: Token) -> str:
    if token.kind is TokenKind.END:
        return "the end"
    return f"the string {str(token.value)[:40]!r}" if token.kind is TokenKind.STRING else str(token.value)[:40]
