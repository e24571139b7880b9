"""Remedies for moto's expressions, which it lexes, parses, copies and walks anew for every call."""

from __future__ import annotations

import copy
from collections import deque
from functools import lru_cache
from typing import Any, NamedTuple

from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.parsing.ast_nodes import (  # type: ignore[attr-defined]
    DepthFirstTraverser,
    Expression,
    Node,
    UpdateExpressionFunction,
)
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

from chalicelib.local.patches import Patches


def apply(patches: Patches) -> None:
    _parse_update_expressions_once(patches)
    _lex_conditions_once(patches)
    _keep_the_syntax_of_conditions(patches)
    _parse_a_call_s_condition_once(patches)
    _copy_syntax_trees_plainly(patches)
    _walk_syntax_trees_by_class(patches)
    _find_clauses_by_class(patches)


def _parse_update_expressions_once(patches: Patches) -> None:
    """Safe to share: moto validates and executes a deep copy of the syntax tree."""
    parse = UpdateExpressionParser.make

    @lru_cache(maxsize=512)
    def parse_once(expression: str) -> Any:
        tree = parse(expression)
        tree._clauses_found = {}
        return tree

    patches.replace(UpdateExpressionParser, "make", staticmethod(parse_once))


def _lex_conditions_once(patches: Patches) -> None:
    """Tokens are immutable; only the queue that holds them is consumed, so each parse gets its own."""
    lex = ConditionExpressionParser._lex_condition_expression

    @lru_cache(maxsize=512)
    def tokens(expression: str) -> tuple[Any, ...]:
        return tuple(lex(ConditionExpressionParser(expression, None, None)))

    def lex_once(parser: ConditionExpressionParser) -> deque[Any]:
        return deque(tokens(parser.condition_expression or ""))

    patches.replace(ConditionExpressionParser, "_lex_condition_expression", lex_once)


class _AnyValue:
    def __getitem__(self, _name: str) -> dict[str, Any]:
        return {}


@lru_cache(maxsize=512)
def _syntax(expression: str, names: tuple[tuple[str, str], ...]) -> tuple[Any, list[str], list[str]]:
    """A condition's tree, as moto's parser makes it, and the names and values that it asks for."""
    parser = ConditionExpressionParser(expression, dict(names), _AnyValue())  # type: ignore[arg-type]
    nodes = parser._parse_paths(parser._lex_condition_expression())
    nodes = parser._apply_between(parser._apply_in(parser._apply_comparator(parser._apply_functions(nodes))))
    root = parser._apply_parens_and_booleans(nodes)[0]
    parser._assert_no_redundant_parentheses(root)
    return root, parser._find_literals(root), parser._find_expr_attr_values(root)


def _keep_the_syntax_of_conditions(patches: Patches) -> None:
    """A condition's tree depends on its text and names alone; the values are put in when it becomes operations."""
    parse = ConditionExpressionParser.parse
    make_operand = ConditionExpressionParser._make_operand

    def parse_kept(parser: ConditionExpressionParser) -> Any:
        expression, values = parser.condition_expression, parser.expression_attribute_values or {}
        if not expression:
            return parse(parser)
        root, names_found, values_found = _syntax(expression, tuple((parser.expression_attribute_names or {}).items()))
        # The tree was made without values, so nobody has asked yet whether this call has them all.
        if any(name not in values for name in values_found):
            return parse(parser)  # which refuses it
        parser.expr_attr_names_found.extend(names_found)
        parser.expr_attr_values_found.extend(values_found)
        return parser._make_op_condition(root)

    def make_bound_operand(parser: ConditionExpressionParser, node: Any) -> Any:
        if node.kind == parser.Kind.EXPRESSION_ATTRIBUTE_VALUE:
            return AttributeValue(parser._lookup_expression_attribute_value(node.text))
        return make_operand(parser, node)

    patches.replace(ConditionExpressionParser, "parse", parse_kept)
    patches.replace(ConditionExpressionParser, "_make_operand", make_bound_operand)


def _parse_a_call_s_condition_once(patches: Patches) -> None:
    """A handler parses a condition to check it, and then its backend the very same to judge it.

    Names and values of two calls are never the same objects: those of the last call are kept until the next.
    """
    last: _Parsed | None = None
    parse = ConditionExpressionParser.parse

    def parse_once(parser: ConditionExpressionParser) -> Any:
        nonlocal last
        if last is None or not last.is_of(parser):
            condition = parse(parser)
            found = (tuple(parser.expr_attr_names_found), tuple(parser.expr_attr_values_found))
            last = _Parsed(_parts_of(parser), condition, *found)
            return condition
        parser.expr_attr_names_found.extend(last.names_found)
        parser.expr_attr_values_found.extend(last.values_found)
        return last.condition

    patches.replace(ConditionExpressionParser, "parse", parse_once)


class _Parsed(NamedTuple):
    parts: tuple[Any, ...]
    condition: Any
    names_found: tuple[str, ...]
    values_found: tuple[str, ...]

    def is_of(self, parser: ConditionExpressionParser) -> bool:
        return all(one is other for one, other in zip(self.parts, _parts_of(parser), strict=True))


def _parts_of(parser: ConditionExpressionParser) -> tuple[Any, ...]:
    return parser.condition_expression, parser.expression_attribute_names, parser.expression_attribute_values


def _copy_syntax_trees_plainly(patches: Patches) -> None:
    def deepcopy(node: Any, memo: dict[int, Any]) -> Any:
        copied = object.__new__(type(node))
        copied.__dict__.update(node.__dict__)
        copied.__dict__.pop("_clauses_found", None)  # a copy is there to be changed
        memo[id(node)] = copied
        # The copy's parent, not the original's: a walk that replaces a node would write into the shared tree.
        copied.parent = memo.get(id(node.parent))
        if node.children is not None:
            copied.children = [copy.deepcopy(child, memo) for child in node.children]
        return copied

    patches.replace(Node, "__deepcopy__", deepcopy)


# Asking an abstract base class about each instance is what makes moto's walks slow.
_NODES = (Node,)
_PARENTS_OF_CLAUSES = (Expression, UpdateExpressionFunction)


_matches: dict[tuple[type, tuple[type, ...]], int | None] = {}


def _first_match(node: object, classes: tuple[type, ...]) -> int | None:
    key = (type(node), classes)
    if key not in _matches:
        _matches[key] = next((at for at, base in enumerate(classes) if isinstance(node, base)), None)
    return _matches[key]


def _walk_syntax_trees_by_class(patches: Patches) -> None:
    """moto asks a traverser for its whole table of processors at each node, twice."""
    prepare = DepthFirstTraverser.pre_processing_of_child

    def traverse(traverser: Any, root: Any) -> Any:
        table = traverser._processing_map()
        classes, processors = tuple(table), list(table.values())
        before = traverser.pre_processing_of_child
        hooked = type(traverser).pre_processing_of_child is not prepare

        def walk(node: Any, child_id: int) -> Any:
            if _first_match(node, _NODES) is None:
                return node
            parent = node.parent
            for at, child in enumerate(node.children or ()):
                if hooked:
                    before(node, at)
                walk(child, at)
            match = _first_match(node, classes)
            if match is None:
                return node
            node = processors[match](node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
            return node

        return walk(root, -1)

    patches.replace(DepthFirstTraverser, "traverse", traverse)


def _find_clauses_by_class(patches: Patches) -> None:
    def find_clauses(node: Any, clause_types: list[type]) -> list[Any]:
        found: dict[tuple[type, ...], list[Any]] | None = node.__dict__.get("_clauses_found")
        if found is None:
            return find(node, clause_types)
        wanted = tuple(clause_types)
        if wanted not in found:
            found[wanted] = find(node, clause_types)
        return list(found[wanted])

    def find(node: Any, clause_types: list[type]) -> list[Any]:
        clauses: list[Any] = []
        for child in node.children or ():
            if type(child) in clause_types:
                clauses.append(child)
            elif _first_match(child, _PARENTS_OF_CLAUSES) is not None:
                clauses.extend(child.find_clauses(clause_types))
        return clauses

    patches.replace(Node, "find_clauses", find_clauses)
