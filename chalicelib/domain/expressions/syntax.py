"""The tree that an expression is parsed into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..json import Json


@dataclass(frozen=True, slots=True)
class Literal:
    value: Json


@dataclass(frozen=True, slots=True)
class Name:
    """A root of the scope, such as `$input`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Access:
    """`base.a[0]["b"]`: the keys in order."""

    base: Node
    keys: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator with its right side."""

    operator: str
    right: Node
    position: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence level, applied from the left; flat, so that its length is no depth."""

    first: Node
    rest: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Not:
    operand: Node


@dataclass(frozen=True, slots=True)
class Negate:
    operand: Node
    position: int


@dataclass(frozen=True, slots=True)
class Conditional:
    test: Node
    chosen: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class ArrayLiteral:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    members: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]
    position: int


Node: TypeAlias = Literal | Name | Access | Chain | Not | Negate | Conditional | ArrayLiteral | ObjectLiteral | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression; `cost` is the steps that one evaluation takes at most, functions' work aside."""

    node: Node
    names: frozenset[str]
    node_references: frozenset[str]
    cost: int
    end: int
