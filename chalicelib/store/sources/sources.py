"""Sources, a pointer for each of their HTTP endpoints, and the slugs that they have.

Only the source itself makes it exist. Pointers are written before it and removed after it, so a crash in between
leaves a pointer to nothing, which nobody sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, SourceNotFoundError, StaleWriteError
from chalicelib.domain.sources import HttpPlace, Source
from chalicelib.store.attributes import TimeAttribute
from chalicelib.store.definition_items import POINTER, DefinitionItem
from chalicelib.store.sources.items import endpoint_pointer, slugs_of, sources_of, sources_owner
from chalicelib.store.table import ConditionFailedError, RawItem, Table
from chalicelib.store.values import Values


class SourceItem(DefinitionItem):
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    component_id = UnicodeAttribute()
    title = UnicodeAttribute()
    slug = UnicodeAttribute()
    props = UnicodeAttribute()
    endpoints = UnicodeAttribute()
    active = BooleanAttribute()
    of_workspace = BooleanAttribute()
    deleting = BooleanAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    revision = NumberAttribute()


class PlaceItem(DefinitionItem):
    workspace_id = UnicodeAttribute()
    source_id = UnicodeAttribute()


class SlugItem(DefinitionItem):
    source_id = UnicodeAttribute()
    claimed_at = TimeAttribute()


class DynamoSourceStore:
    """The `SourceStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values) -> None:
        self._table = table
        self._values = values

    def create(self, source: Source) -> None:
        # Before the source: a call that comes as soon as it is there finds it by its pointer.
        self._point_to(source)
        try:
            self._table.put(self._item(source), _is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(source_id=source.id) from failed

    def get(self, workspace_id: str, source_id: str) -> Source:
        raw = self._table.get(sources_of(workspace_id), source_id)
        if raw is None:
            raise SourceNotFoundError(source_id=source_id)
        return self._all(workspace_id, [raw])[0]

    def replace(self, source: Source) -> None:
        """Pointers of endpoints that the source has no more stay, and lead to one that does not have them."""
        self._point_to(source)
        try:
            self._table.put(self._item(source), _is_at_revision(source.revision - 1))
        except ConditionFailedError as failed:
            if not failed.item:
                raise SourceNotFoundError(source_id=source.id) from failed
            raise StaleWriteError(source_id=source.id) from failed

    def delete(self, workspace_id: str, source_id: str) -> None:
        removed = self._table.delete(sources_of(workspace_id), source_id, returns="ALL_OLD")
        if removed:
            for place in self._all(workspace_id, [removed])[0].endpoints.values():
                self._table.delete(endpoint_pointer(place.key), POINTER)

    def list(self, workspace_id: str) -> tuple[Source, ...]:
        found = list(self._table.query(SourceItem.partition == sources_of(workspace_id)))
        return tuple(sorted(self._all(workspace_id, found), key=lambda s: (s.created_at, s.id), reverse=True))

    def find(self, endpoint_key: str) -> Source:
        raw = self._table.get(endpoint_pointer(endpoint_key), POINTER)
        if raw is None:
            raise SourceNotFoundError(endpoint_key=endpoint_key)
        place = PlaceItem.from_raw_data(raw)
        source = self.get(place.workspace_id, place.source_id)
        # A pointer may outlive its endpoint, as `replace` leaves it.
        if endpoint_key not in {each.key for each in source.endpoints.values()}:
            raise SourceNotFoundError(endpoint_key=endpoint_key)
        return source

    def claim_slug(
        self, workspace_id: str, owner_id: str, slug: str, source_id: str, at: datetime, instead_of: str | None = None
    ) -> tuple[str, datetime]:
        item = SlugItem(slugs_of(workspace_id, owner_id), slug, source_id=source_id, claimed_at=at)
        try:
            self._table.put(item, _may_be_claimed(source_id, instead_of))
        except ConditionFailedError as failed:
            held = SlugItem.from_raw_data(failed.item)
            return held.source_id, held.claimed_at
        return source_id, at

    def release_slug(self, workspace_id: str, owner_id: str, slug: str, source_id: str) -> None:
        try:
            self._table.delete(slugs_of(workspace_id, owner_id), slug, _is_held_by(source_id))
        except ConditionFailedError:
            return

    def _point_to(self, source: Source) -> None:
        for place in source.endpoints.values():
            partition = endpoint_pointer(place.key)
            self._table.put(
                PlaceItem(partition, POINTER, workspace_id=source.workspace_id, source_id=source.id),
                PlaceItem.source_id.does_not_exist() | (PlaceItem.source_id == source.id),
            )

    def _item(self, source: Source) -> SourceItem:
        owner = sources_owner(source.workspace_id)
        endpoints = {name: [place.key, place.url] for name, place in source.endpoints.items()}
        return SourceItem(
            sources_of(source.workspace_id),
            source.id,
            workspace_id=source.workspace_id,
            user_id=source.user_id,
            component_id=source.component_id,
            title=source.name,
            slug=source.name_slug,
            props=self._values.pack(owner, source.props),
            endpoints=self._values.pack(owner, endpoints),
            active=source.active,
            of_workspace=source.of_workspace,
            deleting=source.deleting,
            created_at=source.created_at,
            updated_at=source.updated_at,
            revision=source.revision,
        )

    def _all(self, workspace_id: str, found: Sequence[RawItem]) -> tuple[Source, ...]:
        """Spilled members are fetched side by side."""
        items = [SourceItem.from_raw_data(raw) for raw in found]
        texts = [text for item in items for text in (item.props, item.endpoints)]
        values: list[Any] = self._values.unpack(sources_owner(workspace_id), texts)
        return tuple(_source(item, values[2 * at], values[2 * at + 1]) for at, item in enumerate(items))


def _is_new() -> Condition:
    """Guards a source against a second one of its id."""
    return SourceItem.partition.does_not_exist()


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a deleted source's return."""
    condition: Condition = SourceItem.revision == revision
    return condition


def _may_be_claimed(source_id: str, instead_of: str | None) -> Condition:
    """Guards a slug that another source has."""
    condition: Condition = SlugItem.source_id.does_not_exist() | (SlugItem.source_id == source_id)
    return condition if instead_of is None else condition | (SlugItem.source_id == instead_of)


def _is_held_by(source_id: str) -> Condition:
    """Guards a slug that another source has."""
    condition: Condition = SlugItem.source_id.does_not_exist() | (SlugItem.source_id == source_id)
    return condition


def _source(item: SourceItem, props: dict[str, Any], endpoints: dict[str, Any]) -> Source:
    return Source(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        component_id=item.component_id,
        name=item.title,
        name_slug=item.slug,
        created_at=item.created_at,
        updated_at=item.updated_at,
        props=props,
        active=item.active,
        endpoints={name: HttpPlace(*place) for name, place in endpoints.items()},
        of_workspace=item.of_workspace,
        deleting=item.deleting,
        revision=int(item.revision),
    )
