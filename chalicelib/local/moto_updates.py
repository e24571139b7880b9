"""A remedy for moto's updates: one that only sets, removes or counts whole attributes is carried out as it is read.

moto walks and rebuilds an update's syntax tree seven times before it changes anything. An update expression whose
every action names one attribute by a placeholder of its own needs none of that. Where a name or a value gives the
least cause for one of moto's complaints, nothing is done here and moto goes its own way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import moto.dynamodb.models as dynamodb_models
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.executors import UpdateExpressionExecutor
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.dynamodb.parsing.validators import UpdateExpressionValidator

from chalicelib.local.patches import Patches

# Anchored where each ends: what these do not cover to the last character is left to moto.
_VERB = re.compile(r"\s*(SET|REMOVE|ADD)\s+")
_MORE = r"\s*(?P<more>,?)\s*"
_DEFAULT = r"if_not_exists\s*\(\s*(?P=name)\s*,\s*(?P<default>:\w+)\s*\)"
_ACTIONS = {
    "SET": re.compile(rf"(?P<name>#\w+)\s*=\s*(?:(?P<value>:\w+)|{_DEFAULT}){_MORE}"),
    "REMOVE": re.compile(rf"(?P<name>#\w+){_MORE}"),
    "ADD": re.compile(rf"(?P<name>#\w+)\s+(?P<value>:\w+){_MORE}"),
}


class Action(NamedTuple):
    """`verb` is SET, REMOVE, ADD, or DEFAULT, which sets what is absent; `value` a placeholder, empty for a removal."""

    verb: str
    name: str
    value: str


@lru_cache(maxsize=512)
def plain_actions(expression: str) -> tuple[Action, ...] | None:
    """None for an expression that is anything but plain."""
    actions: list[Action] = []
    verbs: set[str] = set()
    at = 0
    while at < len(expression):
        clause = _VERB.match(expression, at)
        if clause is None or clause[1] in verbs:
            return None
        verbs.add(clause[1])
        listed, at = _listed(clause[1], expression, clause.end())
        if not listed:
            return None
        actions += listed
    return tuple(actions) or None


def _listed(verb: str, expression: str, at: int) -> tuple[list[Action], int]:
    """The actions of one clause, and where it ends; none if one of them is not plain."""
    actions: list[Action] = []
    more = True
    while more:
        match = _ACTIONS[verb].match(expression, at)
        if match is None:
            return [], at
        parts = match.groupdict()
        default = parts.get("default")
        actions.append(Action("DEFAULT" if default else verb, match["name"], default or parts.get("value") or ""))
        more, at = bool(match["more"]), match.end()
    return actions, at


class PlainUpdate:
    """In place of a validated syntax tree and of the executor that would follow it."""

    def __init__(self, item: Item, changes: Mapping[str, DynamoType | None]) -> None:
        self._item = item
        self._changes = changes

    def validate(self) -> PlainUpdate:
        return self

    def normalize(self) -> None:
        """Nothing is nested."""

    def execute(self) -> None:
        attributes = self._item.attrs
        for name, value in self._changes.items():
            if value is None:
                attributes.pop(name, None)
            else:
                attributes[name] = value


def apply(patches: Patches) -> None:
    """After the remedies for expressions, whose shared syntax trees these are."""
    parse = UpdateExpressionParser.make

    def make(expression: str) -> Any:
        tree = parse(expression)
        tree._plain_actions = plain_actions(expression)
        return tree

    def validator(
        tree: Any,
        expression_attribute_names: Mapping[str, str],
        expression_attribute_values: Mapping[str, Any],
        item: Item,
        table: Table,
    ) -> Any:
        actions = tree.__dict__.get("_plain_actions")
        names, values = expression_attribute_names, expression_attribute_values
        changes = None if actions is None else _changes(actions, names, values, item, table)
        if changes is None:
            return UpdateExpressionValidator(tree, names, values, item, table)  # type: ignore[arg-type]
        return PlainUpdate(item, changes)

    def executor(tree: Any, item: Item, expression_attribute_names: dict[str, str]) -> Any:
        if isinstance(tree, PlainUpdate):
            return tree
        return UpdateExpressionExecutor(tree, item, expression_attribute_names)

    patches.replace(UpdateExpressionParser, "make", staticmethod(make))
    patches.replace(dynamodb_models, "UpdateExpressionValidator", validator)
    patches.replace(dynamodb_models, "UpdateExpressionExecutor", executor)


def _changes(
    actions: tuple[Action, ...],
    names: Mapping[str, str],
    values: Mapping[str, Any],
    item: Item,
    table: Table,
) -> dict[str, DynamoType | None] | None:
    """The attributes' new values, None for those that go; None altogether where moto is to have its say."""
    changes: dict[str, DynamoType | None] = {}
    try:
        for verb, name, value in actions:
            attribute = names[name]
            # moto refuses both, in words of its own.
            if attribute in changes or attribute in table.table_key_attrs:
                return None
            given = DynamoType(values[value]) if value else None
            known = item.attrs.get(attribute)
            if verb == "ADD" and not (_is_number(given) and (known is None or _is_number(known))):
                return None
            changes[attribute] = _new(verb, known, given)
    except (LookupError, TypeError, AttributeError):
        return None
    return changes if all(_fits(table, name, value) for name, value in changes.items()) else None


def _is_number(value: DynamoType | None) -> bool:
    return value is not None and value.is_number()


def _new(verb: str, known: DynamoType | None, given: DynamoType | None) -> DynamoType | None:
    if known is None or given is None or verb == "SET":
        return given
    return known if verb == "DEFAULT" else known + given


def _fits(table: Table, name: str, value: DynamoType | None) -> bool:
    """Whether an index could take the value as its key."""
    declared = next((each["AttributeType"] for each in table.attr if each["AttributeName"] == name), None)
    return value is None or declared is None or (value.type == declared and value.value != "")
