"""Components: what describes them in one item, their code in another, and entries by which they are found.

Only the component's own item makes it exist. It is written last, so that a crash in between leaves code and entries of
nothing, which nobody sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.components import Component, ComponentFiles
from chalicelib.domain.dedupe import Strategy
from chalicelib.domain.errors import AlreadyExistsError, ComponentNotFoundError
from chalicelib.domain.javascript import Bundle
from chalicelib.store.attributes import OptionalTextAttribute, TimeAttribute
from chalicelib.store.definition_items import DefinitionItem
from chalicelib.store.sources.items import (
    FILES,
    begin_of,
    component_keys_of,
    components_of,
    components_owner,
    entry,
    files_of,
    scripts_of,
)
from chalicelib.store.table import ConditionFailedError, RawItem, Table, can_be_key
from chalicelib.store.values import Values


class ComponentItem(DefinitionItem):
    """`about` is what nobody selects by: props, description, modules and the like."""

    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    title = UnicodeAttribute()
    version = UnicodeAttribute()
    code_hash = UnicodeAttribute()
    key = OptionalTextAttribute()
    script = OptionalTextAttribute()
    about = UnicodeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()


class FilesItem(DefinitionItem):
    code = UnicodeAttribute()
    compiled = UnicodeAttribute()


class EntryItem(DefinitionItem):
    """That a component has a key, or is a script."""

    component_id = UnicodeAttribute()


class DynamoComponentStore:
    """The `ComponentStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values) -> None:
        self._table = table
        self._values = values

    def create(self, component: Component, files: ComponentFiles) -> None:
        owner, compiled = components_owner(component.workspace_id), files.compiled
        bundle = {"entry": compiled.entry, "files": dict(compiled.files)}
        item = FilesItem(
            files_of(component.workspace_id, component.id),
            FILES,
            code=self._values.pack(owner, files.code),
            compiled=self._values.pack(owner, bundle),
        )
        try:
            self._table.put(item, _is_new())
            #     code ──► entries ──► component       what is before the last exists for nobody
            for partition, name in self._entries(component):
                self._table.put(EntryItem(partition, name, component_id=component.id))
            self._table.put(self._item(component), _is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(component_id=component.id) from failed

    def get(self, workspace_id: str, component_id: str) -> Component:
        raw = self._table.get(components_of(workspace_id), component_id)
        if raw is None:
            raise ComponentNotFoundError(component_id=component_id)
        return self._all(workspace_id, [raw])[0]

    def files(self, workspace_id: str, component_id: str) -> ComponentFiles:
        raw = self._table.get(files_of(workspace_id, component_id), FILES)
        if raw is None:
            raise ComponentNotFoundError(component_id=component_id)
        item = FilesItem.from_raw_data(raw)
        unpacked: list[Any] = self._values.unpack(components_owner(workspace_id), (item.code, item.compiled))
        code, bundle = unpacked
        return ComponentFiles(code, Bundle(bundle["entry"], bundle["files"], compiled=True))

    def latest(self, workspace_id: str, key: str) -> Component:
        return self._newest(workspace_id, component_keys_of(workspace_id), key)

    def script(self, workspace_id: str, name: str) -> Component:
        return self._newest(workspace_id, scripts_of(workspace_id), name)

    def list(self, workspace_id: str) -> tuple[Component, ...]:
        return self._listed(workspace_id, ComponentItem.script.does_not_exist())

    def scripts(self, workspace_id: str) -> tuple[Component, ...]:
        return self._listed(workspace_id, ComponentItem.script.exists())

    def _listed(self, workspace_id: str, where: Condition) -> tuple[Component, ...]:
        found = self._table.query(ComponentItem.partition == components_of(workspace_id), where)
        return tuple(sorted(self._all(workspace_id, list(found)), key=lambda c: (c.created_at, c.id), reverse=True))

    def _newest(self, workspace_id: str, partition: str, name: str) -> Component:
        """Of entries whose component was never stored, those behind them are tried."""
        if can_be_key(begin_of(name)):
            keys = (EntryItem.partition == partition) & EntryItem.name.startswith(begin_of(name))
            # Few at a time, because the first is nearly always it, and not without end, whatever crashes have left.
            for raw in islice(self._table.query(keys, newest_first=True, page_size=5), 50):
                try:
                    return self.get(workspace_id, EntryItem.from_raw_data(raw).component_id)
                except ComponentNotFoundError:
                    continue
        raise ComponentNotFoundError(key=name)

    def _entries(self, component: Component) -> Sequence[tuple[str, str]]:
        workspace_id, at = component.workspace_id, component.created_at
        if component.script is not None:
            return [(scripts_of(workspace_id), entry(component.script, at, component.id))]
        if component.key is not None:
            return [(component_keys_of(workspace_id), entry(component.key, at, component.id))]
        return []

    def _item(self, component: Component) -> ComponentItem:
        about = {
            "description": component.description,
            "type": component.type,
            "kind": component.kind,
            "dedupe": component.dedupe.value,
            "props": list(component.configurable_props),
            "has": sorted(component.has),
            "missing": list(component.missing_modules),
            "url": component.component_url,
        }
        return ComponentItem(
            components_of(component.workspace_id),
            component.id,
            workspace_id=component.workspace_id,
            user_id=component.user_id,
            title=component.name,
            version=component.version,
            code_hash=component.code_hash,
            key=component.key,
            script=component.script,
            about=self._values.pack(components_owner(component.workspace_id), about),
            created_at=component.created_at,
            updated_at=component.updated_at,
        )

    def _all(self, workspace_id: str, found: Sequence[RawItem]) -> tuple[Component, ...]:
        """Spilled members are fetched side by side."""
        items = [ComponentItem.from_raw_data(raw) for raw in found]
        abouts: list[Any] = self._values.unpack(components_owner(workspace_id), [item.about for item in items])
        return tuple(_component(item, about) for item, about in zip(items, abouts, strict=True))


def _is_new() -> Condition:
    """Guards a component against a second one of its id."""
    return DefinitionItem.partition.does_not_exist()


def _component(item: ComponentItem, about: dict[str, Any]) -> Component:
    return Component(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        name=item.title,
        version=item.version,
        code_hash=item.code_hash,
        created_at=item.created_at,
        updated_at=item.updated_at,
        key=item.key,
        description=about["description"],
        type=about["type"],
        kind=about["kind"],
        dedupe=Strategy(about["dedupe"]),
        configurable_props=tuple(about["props"]),
        has=frozenset(about["has"]),
        missing_modules=tuple(about["missing"]),
        component_url=about["url"],
        script=item.script,
    )
