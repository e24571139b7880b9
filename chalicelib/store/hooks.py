"""Inbound hooks, and a pointer for each, by which a call that names no workspace finds it.

Only the hook itself makes it exist. Its pointer is written before it and removed after it, so a crash in
between leaves a pointer to nothing, which nobody sees and which repeating the call puts right.
"""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, HookNotFoundError
from chalicelib.domain.workflow import Hook
from chalicelib.store.attributes import OptionalTextAttribute, TimeAttribute
from chalicelib.store.definition_items import POINTER, DefinitionItem, hooks_of, pointer_to
from chalicelib.store.table import ConditionFailedError, RawItem, Table


class HookItem(DefinitionItem):
    workspace_id = UnicodeAttribute()
    workflow_id = UnicodeAttribute()
    title = UnicodeAttribute()
    method = UnicodeAttribute()
    token_hash = OptionalTextAttribute()
    created_at = TimeAttribute()


class PointerItem(DefinitionItem):
    workspace_id = UnicodeAttribute()


class DynamoHookStore:
    """The `HookStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, hook: Hook) -> None:
        pointer = PointerItem(pointer_to(hook.id), POINTER, workspace_id=hook.workspace_id)
        try:
            # A pointer that a crash has left is this workspace's own, and may be written again.
            self._table.put(pointer, _is_free_for(hook.workspace_id))
            self._table.put(_item(hook), _is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(hook_id=hook.id) from failed

    def find(self, hook_id: str) -> Hook:
        pointer = self._table.get(pointer_to(hook_id), POINTER)
        if pointer is None:
            raise HookNotFoundError(hook_id=hook_id)
        raw = self._table.get(hooks_of(PointerItem.from_raw_data(pointer).workspace_id), hook_id)
        if raw is None:
            raise HookNotFoundError(hook_id=hook_id)
        return _hook(raw)

    def replace(self, hook: Hook) -> None:
        try:
            self._table.put(_item(hook), _exists())
        except ConditionFailedError as failed:
            raise HookNotFoundError(hook_id=hook.id) from failed

    def delete(self, workspace_id: str, hook_id: str) -> None:
        # The hook first: while it is there, its pointer is to lead to it.
        self._table.delete(hooks_of(workspace_id), hook_id)
        try:
            self._table.delete(pointer_to(hook_id), POINTER, _is_free_for(workspace_id))
        except ConditionFailedError:
            return

    def list(self, workspace_id: str, workflow_id: str | None = None) -> tuple[Hook, ...]:
        where = None if workflow_id is None else HookItem.workflow_id == workflow_id
        hooks = map(_hook, self._table.query(HookItem.partition == hooks_of(workspace_id), where))
        return tuple(sorted(hooks, key=lambda hook: (hook.created_at, hook.id), reverse=True))


def _is_new() -> Condition:
    """Guards a hook against a second one of its id."""
    return HookItem.partition.does_not_exist()


def _exists() -> Condition:
    """Guards against bringing a deleted hook back."""
    return HookItem.partition.exists()


def _is_free_for(workspace_id: str) -> Condition:
    """Guards another workspace's pointer against being taken over or removed."""
    condition: Condition = PointerItem.workspace_id.does_not_exist() | (PointerItem.workspace_id == workspace_id)
    return condition


def _item(hook: Hook) -> HookItem:
    return HookItem(
        hooks_of(hook.workspace_id),
        hook.id,
        workspace_id=hook.workspace_id,
        workflow_id=hook.workflow_id,
        title=hook.name,
        method=hook.method,
        token_hash=hook.token_hash,
        created_at=hook.created_at,
    )


def _hook(raw: RawItem) -> Hook:
    item = HookItem.from_raw_data(raw)
    return Hook(
        id=item.name,
        workspace_id=item.workspace_id,
        workflow_id=item.workflow_id,
        name=item.title,
        method=item.method,
        token_hash=item.token_hash,
        created_at=item.created_at,
    )
