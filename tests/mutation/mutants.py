"""Small changes of a module's functions, each of which should be noticed by a test.

A mutant is the code object of one outermost function, or method of a class, with one change somewhere in it; putting
it in place needs no import. What stands outside of functions is left alone, and so are annotations, docstrings,
messages and assertions.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
}
Change = tuple[str, ast.AST]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`function` is `Class.method` or the name of a function of the module; `code` is what it becomes."""

    module: str
    function: str
    line: int
    change: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function}: {self.change}"


def of(module: ModuleType) -> Iterator[Mutant]:
    """Every mutant of the module, in the order of its lines."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for path, function in _functions(tree, ()):
        for node in _inside(function):
            for change, replacement in _changes(node):
                yield _mutant(module, tree, path, node, change, replacement)


def put_in_place(mutant: Mutant, module: ModuleType) -> None:
    """Makes the module behave as the mutant, in this process, for good."""
    function_of(module, mutant.function).__code__ = mutant.code


def function_of(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    assert isinstance(found, FunctionType)
    return found


def _functions(parent: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef):
            yield (*path, node.name), node
        elif isinstance(node, ast.ClassDef) and not any(_name(base) == "Protocol" for base in node.bases):
            yield from _functions(node, (*path, node.name))


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """What may be changed in a function, from the outside in."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "args"} and not isinstance(node, ast.Call):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.Assert | ast.JoinedStr) or not isinstance(child, ast.AST):
                continue
            yield child
            yield from _inside(child)


def _changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARED:
            yield from _replaced(node, "ops", [_COMPARED[type(op)]()])
        case ast.BoolOp():
            yield from _replaced(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for index in range(len(node.values)):
                rest = node.values[:index] + node.values[index + 1 :]
                yield f"{_text(node)} -> without {_text(node.values[index])}", _joined(node, rest)
        case ast.UnaryOp(op=ast.Not()):
            yield f"{_text(node)} -> {_text(node.operand)}", node.operand
        case ast.BinOp() if type(node.op) in _COMPUTED:
            yield from _replaced(node, "op", _COMPUTED[type(node.op)]())
        case ast.AugAssign() if type(node.op) in _COMPUTED:
            yield from _replaced(node, "op", _COMPUTED[type(node.op)]())
        case ast.Constant(value=bool() as value):
            yield f"{value} -> {not value}", ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield f"{value} -> {value + 1}", ast.Constant(value + 1)
        case ast.IfExp() | ast.If() | ast.While():
            for value in (True, False):
                if not (isinstance(node, ast.While) and value):
                    yield from _replaced(node, "test", ast.Constant(value), f"if {_text(node.test)} -> {value}")
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield f"{_text(node)} -> return None", ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Delete() | ast.Raise():
            yield f"{_text(node)} -> pass", ast.Pass()
        case ast.Continue():
            yield "continue -> break", ast.Break()
        case ast.Break():
            yield "break -> continue", ast.Continue()


def _replaced(node: ast.AST, field: str, value: Any, change: str = "") -> Iterator[Change]:
    changed = copy.copy(node)
    setattr(changed, field, value)
    yield change or f"{_text(node)} -> {_text(changed)}", changed


def _joined(node: ast.BoolOp, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:100]


def _mutant(
    module: ModuleType, tree: ast.Module, path: tuple[str, ...], node: ast.AST, change: str, replacement: ast.AST
) -> Mutant:
    changed = _With(node, replacement).visit(copy.copy(tree))
    code = compile(ast.fix_missing_locations(changed), str(module.__file__), "exec", dont_inherit=True)
    for name in path:
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == name)
    return Mutant(module.__name__, ".".join(path), getattr(node, "lineno", 0), change, code)


class _With(ast.NodeTransformer):
    """A copy of a tree with one node replaced; what is on the way to it is copied, the rest is shared."""

    def __init__(self, node: ast.AST, replacement: ast.AST) -> None:
        self._node = node
        self._replacement = replacement

    def visit(self, node: ast.AST) -> Any:
        if node is self._node:
            return ast.copy_location(self._replacement, node)
        return self.generic_visit(copy.copy(node))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, name, [self.visit(each) if isinstance(each, ast.AST) else each for each in value])
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node
