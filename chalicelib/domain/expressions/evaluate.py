"""The tree as nested closures, made once when a definition is read and called for every step.

A closure runs at most once per render, since the language has no loops; so an expression's own cost is
known beforehand, and only functions charge for the values they walk over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import ExpressionError
from ..json import Json
from .functions import FUNCTIONS
from .operators import OPERATORS
from .runtime import Refused, Render, is_number, member, plain, type_name
from .syntax import (
    Access,
    ArrayLiteral,
    Call,
    Chain,
    Conditional,
    Literal,
    Name,
    Negate,
    Node,
    Not,
    ObjectLiteral,
    Operation,
)

Evaluator: TypeAlias = Callable[[Render], Json]

_SCALARS = frozenset({str, int, bool, float, type(None)})


def evaluator(node: Node) -> Evaluator:
    """What computes the node's value; raises Refused with a position."""
    match node:
        case Literal(value):
            return lambda render: value
        case Name(name, position):
            return _whole(_root(name, position))
        case Access(base, keys):
            return _access(base, keys)
        case Chain(first, rest):
            return _chain(first, rest)
        case Not(operand):
            negated = evaluator(operand)
            return lambda render: not negated(render)
        case Negate(operand, position):
            return _negate(evaluator(operand), position)
        case Conditional(test, chosen, otherwise):
            return _conditional(evaluator(test), evaluator(chosen), evaluator(otherwise))
        case ArrayLiteral(items):
            return _array([evaluator(item) for item in items])
        case ObjectLiteral(members):
            return _object([(name, evaluator(value)) for name, value in members])
        case Call():
            return _call(node)


def _root(name: str, position: int) -> Callable[[Render], Any]:
    def root(render: Render) -> Any:
        try:
            return render.lookup(name)
        except ExpressionError as error:
            raise Refused(error.message, position) from error

    return root


def _whole(read: Callable[[Render], Any]) -> Evaluator:
    return lambda render: plain(read(render))


def _access(base: Node, keys: tuple[Node, ...]) -> Evaluator:
    # The root is not made plain: that would fetch all that lies in it, for the sake of one member.
    read = _root(base.name, base.position) if isinstance(base, Name) else evaluator(base)
    constant = [key.value for key in keys if isinstance(key, Literal)]
    if len(constant) == len(keys):
        return _constant_path(read, tuple(constant))
    dynamic = [evaluator(key) for key in keys]

    def access(render: Render) -> Json:
        value = read(render)
        for key in dynamic:
            value = member(value, key(render))
        return plain(value)

    return access


def _constant_path(read: Callable[[Render], Any], keys: tuple[Json, ...]) -> Evaluator:
    def path(render: Render) -> Json:
        value = read(render)
        for key in keys:
            value = value.get(key) if type(value) is dict and type(key) is str else member(value, key)
        return value if type(value) in _SCALARS else plain(value)

    return path


def _chain(first: Node, rest: tuple[Operation, ...]) -> Evaluator:
    operator = rest[0].operator
    operands = [evaluator(node) for node in (first, *(operation.right for operation in rest))]
    if operator in ("||", "or"):
        return _until(operands, bool)
    if operator in ("&&", "and"):
        return _until(operands, _is_false)
    if operator == "??":
        return _until(operands, _is_present)
    if len(rest) == 1:
        return _pair(rest[0], *operands)
    return _fold(operands[0], rest, operands[1:])


def _is_false(value: Json) -> bool:
    return not value


def _is_present(value: Json) -> bool:
    return value is not None


def _until(operands: list[Evaluator], decides: Callable[[Json], bool]) -> Evaluator:
    """The first value that decides, or else the last; what comes after it is not evaluated."""
    *heads, last = operands

    def decided(render: Render) -> Json:
        for operand in heads:
            value = operand(render)
            if decides(value):
                return value
        return last(render)

    return decided


def _pair(operation: Operation, left: Evaluator, right: Evaluator) -> Evaluator:
    apply, position = OPERATORS[operation.operator], operation.position

    def pair(render: Render) -> Json:
        try:
            return apply(render, left(render), right(render))
        except Refused as refused:
            raise refused.at(position) from None

    return pair


def _fold(first: Evaluator, rest: tuple[Operation, ...], operands: list[Evaluator]) -> Evaluator:
    steps = [
        (OPERATORS[operation.operator], operand, operation.position)
        for operation, operand in zip(rest, operands, strict=True)
    ]

    def fold(render: Render) -> Json:
        value = first(render)
        for apply, operand, position in steps:
            try:
                value = apply(render, value, operand(render))
            except Refused as refused:
                raise refused.at(position) from None
        return value

    return fold


def _negate(operand: Evaluator, position: int) -> Evaluator:
    def negate(render: Render) -> Json:
        value: Any = operand(render)
        if not is_number(value):
            raise Refused(f"-{type_name(value)} has no meaning", position)
        negative: Json = -value
        return negative

    return negate


def _conditional(test: Evaluator, chosen: Evaluator, otherwise: Evaluator) -> Evaluator:
    return lambda render: chosen(render) if test(render) else otherwise(render)


def _array(items: list[Evaluator]) -> Evaluator:
    return lambda render: [item(render) for item in items]


def _object(members: list[tuple[str, Evaluator]]) -> Evaluator:
    return lambda render: {name: value(render) for name, value in members}


def _call(node: Call) -> Evaluator:
    invoke = FUNCTIONS[node.function].bind(len(node.arguments))
    arguments = [evaluator(argument) for argument in node.arguments]
    position = node.position

    def call(render: Render) -> Json:
        try:
            return invoke(render, [argument(render) for argument in arguments])
        except Refused as refused:
            raise refused.at(position) from None

    return call
