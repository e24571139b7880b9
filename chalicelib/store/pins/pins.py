"""Pins, and a pointer for each, by which a call that does not know its owner finds it.

Only the pin itself makes it exist. Its pointer is written before it and removed after it. A deletion hides the pin
first and puts it into the due index, so that what belongs to it goes even if nobody comes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, PinNotFoundError, StaleWriteError
from chalicelib.domain.json import decode, encode_text
from chalicelib.domain.pins import DataType, DuePin, Pin
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import OptionalTimeAttribute, TimeAttribute
from chalicelib.store.pins.items import (
    DUE,
    POINTER,
    PinItem,
    blocks_of,
    data_of,
    datasets_of,
    owner_and_kind,
    pins_of,
    pointer_to_pin,
    pointer_to_webhook,
    shard_of,
    versions_of,
    webhooks_of_pin,
    webhooks_of_user,
)
from chalicelib.store.pins.values import PinValues
from chalicelib.store.table import ConditionFailedError, Key, RawItem, Table


class PinRecord(PinItem):
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    data_type = UnicodeAttribute()
    title = UnicodeAttribute()
    description = UnicodeAttribute()
    tags = UnicodeAttribute()
    content = UnicodeAttribute()
    is_public = BooleanAttribute()
    is_deleting = BooleanAttribute()
    created_at = TimeAttribute()
    updated_at = OptionalTimeAttribute()
    revision = NumberAttribute()


class PinPointer(PinItem):
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()


class DynamoPinStore:
    """The `PinStore` port on DynamoDB."""

    def __init__(self, table: Table, values: PinValues) -> None:
        self._table = table
        self._values = values

    def create(self, pin: Pin) -> None:
        pointer = PinPointer(pointer_to_pin(pin.id), POINTER, workspace_id=pin.workspace_id, user_id=pin.user_id)
        try:
            self._table.put(pointer, is_free_for(pin.workspace_id, pin.user_id))
            self._table.put(_item(pin), is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(pin_id=pin.id) from failed

    def find(self, pin_id: str) -> Pin:
        raw = self._table.get(pointer_to_pin(pin_id), POINTER)
        if raw is not None:
            pointer = PinPointer.from_raw_data(raw)
            raw = self._table.get(pins_of(pointer.workspace_id, pointer.user_id), pin_id)
        if raw is None:
            raise PinNotFoundError(pin_id=pin_id)
        return _pin(raw)

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pin, ...]:
        found = self._table.query(PinItem.partition == pins_of(workspace_id, user_id), _is_visible())
        return tuple(sorted(map(_pin, found), key=lambda pin: (pin.created_at, pin.id), reverse=True))

    def replace(self, pin: Pin) -> None:
        try:
            self._table.put(_item(pin), _is_at_revision(pin.revision - 1))
        except ConditionFailedError as failed:
            if not failed.item or PinRecord.from_raw_data(failed.item).is_deleting:
                raise PinNotFoundError(pin_id=pin.id) from failed
            raise StaleWriteError(pin_id=pin.id) from failed

    def begin_deletion(self, pin: Pin, due_at: datetime) -> None:
        actions = [
            PinRecord.is_deleting.set(True),
            PinRecord.due_shard.set(shard_of(pin.id)),
            PinRecord.due_at.set(due_at),
        ]
        try:
            self._table.update(pins_of(pin.workspace_id, pin.user_id), pin.id, actions, _exists())
        except ConditionFailedError:
            return

    def finish_deletion(self, pin: Pin, limit: int) -> bool:
        for keys in self._batches(pin, limit):
            self._table.delete_all(keys)
            limit -= len(keys)
            if limit <= 0:
                return False
        # The pin last: as long as it is there, it is due, and what belongs to it is found by it.
        self._table.delete_all([(pins_of(pin.workspace_id, pin.user_id), pin.id), (pointer_to_pin(pin.id), POINTER)])
        return True

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DuePin, ...]:
        keys = (PinItem.due_shard == str(shard)) & (PinItem.due_at <= now)
        found: list[DuePin] = []
        for raw in self._table.query(keys, index=DUE, page_size=limit):
            found.append(_due(raw))
            if len(found) == limit:
                break
        return tuple(found)

    def rearm(self, entry: DuePin, due_at: datetime) -> bool:
        key = _key_of(entry)
        try:
            self._table.update(*key, [PinItem.due_at.set(due_at)], PinItem.due_at == entry.due_at)
        except ConditionFailedError:
            return False
        return True

    def _batches(self, pin: Pin, limit: int) -> Iterator[list[Key]]:
        """What belongs to a pin. A workflow id's newest version goes after those before it, by which they are found."""
        for raw in self._table.query(PinItem.partition == webhooks_of_pin(pin.id)):
            webhook_id = raw["name"]["S"]
            owner = webhooks_of_user(raw["workspace_id"]["S"], raw["user_id"]["S"])
            yield [
                (owner, webhook_id),
                (pointer_to_webhook(webhook_id), POINTER),
                (webhooks_of_pin(pin.id), webhook_id),
            ]
        for raw in self._table.query(PinItem.partition == data_of(pin.id), page_size=limit):
            workflow_id = raw["name"]["S"]
            versions = versions_of(pin.id, workflow_id)
            yield [(versions, old["name"]["S"]) for old in self._table.query(PinItem.partition == versions)]
            # The blob first: a crash in between leaves the item, by which the next pass finds both.
            self._values.drop(pin.id, raw["data"]["S"])
            yield [(data_of(pin.id), workflow_id)]
        for raw in self._table.query(PinItem.partition == datasets_of(pin.id), page_size=limit):
            self._values.drop(pin.id, raw["data"]["S"])
            yield [(datasets_of(pin.id), raw["name"]["S"])]
        for raw in self._table.query(PinItem.partition == blocks_of(pin.id), page_size=limit):
            yield [(blocks_of(pin.id), raw["name"]["S"])]


def is_new() -> Condition:
    """Guards an item against a second one of its key."""
    return PinItem.partition.does_not_exist()


def is_free_for(workspace_id: str, user_id: str) -> Condition:
    """Guards somebody else's pointer against being taken over."""
    condition: Condition = PinPointer.workspace_id.does_not_exist() | (
        (PinPointer.workspace_id == workspace_id) & (PinPointer.user_id == user_id)
    )
    return condition


def _exists() -> Condition:
    """Guards against bringing a deleted pin back."""
    return PinItem.partition.exists()


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the caller has not seen, and a hidden pin against coming back."""
    condition: Condition = (PinRecord.revision == revision) & _is_visible()
    return condition


def _is_visible() -> Condition:
    return PinRecord.is_deleting == False  # noqa: E712 - an expression for DynamoDB


def _item(pin: Pin) -> PinRecord:
    return PinRecord(
        pins_of(pin.workspace_id, pin.user_id),
        pin.id,
        workspace_id=pin.workspace_id,
        user_id=pin.user_id,
        data_type=pin.data_type.value,
        title=pin.title,
        description=pin.description,
        tags=encode_text(list(pin.tags)),
        content=pin.content,
        is_public=pin.is_public,
        is_deleting=pin.is_deleting,
        created_at=pin.created_at,
        updated_at=pin.updated_at,
        revision=pin.revision,
    )


def _pin(raw: RawItem) -> Pin:
    item = PinRecord.from_raw_data(raw)
    tags = decode(item.tags.encode())
    assert isinstance(tags, list)
    return Pin(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        data_type=DataType(item.data_type),
        title=item.title,
        description=item.description,
        tags=tuple(map(str, tags)),
        is_public=item.is_public,
        created_at=item.created_at,
        updated_at=item.updated_at,
        content=item.content,
        revision=int(item.revision),
        is_deleting=item.is_deleting,
    )


def _due(raw: RawItem) -> DuePin:
    due_at = from_epoch_ms(int(raw["due_at"]["N"]))
    workspace_id, owner, kind = owner_and_kind(raw)
    name = raw["name"]["S"]
    return DuePin(name, None, due_at, workspace_id, owner) if kind == "pin" else DuePin(owner, name, due_at)


def _key_of(entry: DuePin) -> tuple[str, str]:
    if entry.workflow_id is None:
        return pins_of(entry.workspace_id, entry.user_id), entry.pin_id
    return data_of(entry.pin_id), entry.workflow_id
