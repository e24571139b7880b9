"""Blocks and datasets of pins, each an item that is written over the revision that its writer saw."""

from __future__ import annotations

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import (
    BlockNotFoundError,
    DatasetNotFoundError,
    NotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.json import Json
from chalicelib.domain.pins import Block, BlockType, Dataset, DatasetKind, DatasetType
from chalicelib.store.attributes import TimeAttribute
from chalicelib.store.pins.items import PinItem, blocks_of, datasets_of
from chalicelib.store.pins.pins import is_new
from chalicelib.store.pins.values import PinValues, size_of
from chalicelib.store.table import ConditionFailedError, RawItem, Table


class PartItem(PinItem):
    title = UnicodeAttribute()
    type = UnicodeAttribute()
    created_at = TimeAttribute()
    updated_at = TimeAttribute()
    revision = NumberAttribute()


class BlockItem(PartItem):
    template = UnicodeAttribute()
    order = NumberAttribute()


class DatasetItem(PartItem):
    kind = UnicodeAttribute()
    description = UnicodeAttribute()
    created_by = UnicodeAttribute()
    data = UnicodeAttribute()


class DynamoPinPartStore:
    """The `PinPartStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: PinValues) -> None:
        self._table = table
        self._values = values

    def put_block(self, pin_id: str, block: Block) -> None:
        item = BlockItem(
            blocks_of(pin_id),
            block.id,
            title=block.name,
            type=block.type.value,
            template=block.template,
            order=block.order,
            created_at=block.created_at,
            updated_at=block.updated_at,
            revision=block.revision,
        )
        self._put(item, block.revision, BlockNotFoundError)

    def blocks(self, pin_id: str) -> tuple[Block, ...]:
        found = map(_block, self._table.query(PinItem.partition == blocks_of(pin_id)))
        return tuple(sorted(found, key=lambda block: (block.order, block.created_at, block.id)))

    def block(self, pin_id: str, block_id: str) -> Block:
        raw = self._table.get(blocks_of(pin_id), block_id)
        if raw is None:
            raise BlockNotFoundError(pin_id=pin_id, block_id=block_id)
        return _block(raw)

    def delete_block(self, pin_id: str, block_id: str) -> None:
        self._table.delete(blocks_of(pin_id), block_id)

    def put_dataset(self, pin_id: str, dataset: Dataset) -> None:
        # For its blob, which nobody refers to once it is replaced.
        before = self._table.get(datasets_of(pin_id), dataset.id)
        item = DatasetItem(
            datasets_of(pin_id),
            dataset.id,
            title=dataset.name,
            type=dataset.type.value,
            kind=dataset.kind.value,
            description=dataset.description,
            created_by=dataset.created_by,
            data=self._values.pack(pin_id, dataset.data, f"{dataset.id}.{dataset.revision}", versions=False),
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
            revision=dataset.revision,
        )
        self._put(item, dataset.revision, DatasetNotFoundError)
        # The same text is the same blob: a repeated write must not drop what it has just stored.
        if before is not None and before["data"] != {"S": item.data}:
            self._values.drop(pin_id, before["data"]["S"])

    def datasets(self, pin_id: str, max_bytes: int) -> tuple[Dataset, ...]:
        items = []
        for raw in self._table.query(PinItem.partition == datasets_of(pin_id)):
            items.append(DatasetItem.from_raw_data(raw))
            max_bytes -= size_of(items[-1].data)
            if max_bytes < 0:
                raise TooLargeError("The pin's datasets are too large for one answer.")
        values = self._values.unpack(pin_id, [item.data for item in items])
        found = [_dataset(item, value) for item, value in zip(items, values, strict=True)]
        return tuple(sorted(found, key=lambda dataset: (dataset.created_at, dataset.id)))

    def count_datasets(self, pin_id: str) -> int:
        return self._table.count(PinItem.partition == datasets_of(pin_id))

    def dataset(self, pin_id: str, dataset_id: str) -> Dataset:
        raw = self._table.get(datasets_of(pin_id), dataset_id)
        if raw is None:
            raise DatasetNotFoundError(pin_id=pin_id, dataset_id=dataset_id)
        item = DatasetItem.from_raw_data(raw)
        return _dataset(item, self._values.unpack(pin_id, [item.data])[0])

    def delete_dataset(self, pin_id: str, dataset_id: str) -> bool:
        raw = self._table.delete(datasets_of(pin_id), dataset_id, returns="ALL_OLD")
        if not raw:
            return False
        self._values.drop(pin_id, raw["data"]["S"])
        return True

    def _put(self, item: PartItem, revision: int, missing: type[NotFoundError]) -> None:
        try:
            self._table.put(item, is_new() if revision == 1 else _is_at_revision(revision - 1))
        except ConditionFailedError as failed:
            if not failed.item:
                raise missing(name=item.name) from failed
            raise StaleWriteError(name=item.name) from failed


def _is_at_revision(revision: int) -> Condition:
    """Guards against overwriting a change that the writer has not seen, and against bringing a deleted part back."""
    return PartItem.revision == revision


def _block(raw: RawItem) -> Block:
    item = BlockItem.from_raw_data(raw)
    return Block(
        id=item.name,
        name=item.title,
        type=BlockType(item.type),
        template=item.template,
        order=int(item.order),
        created_at=item.created_at,
        updated_at=item.updated_at,
        revision=int(item.revision),
    )


def _dataset(item: DatasetItem, data: Json) -> Dataset:
    return Dataset(
        id=item.name,
        name=item.title,
        type=DatasetType(item.type),
        kind=DatasetKind(item.kind),
        description=item.description,
        created_by=item.created_by,
        created_at=item.created_at,
        updated_at=item.updated_at,
        data=data,
        revision=int(item.revision),
    )
