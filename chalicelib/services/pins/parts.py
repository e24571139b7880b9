"""Blocks and datasets: what clients render a pin from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chalicelib.domain.errors import (
    BlockNotFoundError,
    DatasetNotFoundError,
    InvalidError,
    MalformedJsonError,
    TooLargeError,
)
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.pins import (
    MAX_DATA_BYTES,
    Block,
    BlockType,
    Dataset,
    DatasetKind,
    DatasetType,
    Pin,
    short_id,
)
from chalicelib.services.access import Scope, is_id
from chalicelib.services.pins.access import PinAccess
from chalicelib.services.pins.pins import until_fresh
from chalicelib.services.pins.ports import PinPartStore
from chalicelib.services.ports import Clock, Entropy

MOST_PARTS = 200
MAX_BLOCKS_BYTES = 2 * 1024 * 1024
"""How much a pin's templates may be: they are read all at once."""

MAX_ANSWER_BYTES = 5 * 1024 * 1024
_MAX_DEPTH = 48  # less than bodies may have: what is stored is wrapped when it is shown


@dataclass(frozen=True, slots=True)
class BlockChange:
    """What is set of a block; None leaves it as it is."""

    name: str | None = None
    type: BlockType | None = None
    template: str | None = None
    order: int | None = None


class PinParts:
    def __init__(self, access: PinAccess, store: PinPartStore, clock: Clock, entropy: Entropy) -> None:
        self._access = access
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def add_block(self, pin: Pin, name: str, type_: BlockType, template: str, order: int) -> Block:
        """Raises InvalidError where the pin has too many, TooLargeError where they are too large together."""
        present = self._store.blocks(pin.id)
        _check_count(len(present))
        now = self._clock.now()
        block = Block(self._new_id("b-"), name, type_, template, order, now, now)
        _check_together((*present, block))
        self._store.put_block(pin.id, block)
        return block

    def blocks(self, principal: Principal, pin_id: str) -> tuple[Block, ...]:
        """By `order`. Raises PinNotFoundError, ForbiddenError."""
        return self._store.blocks(self._access.readable(principal, pin_id, Scope.READ_PINS).id)

    def blocks_of(self, pin: Pin) -> tuple[Block, ...]:
        return self._store.blocks(pin.id)

    def update_block(self, pin: Pin, block_id: str, change: BlockChange) -> Block:
        """Raises BlockNotFoundError, TooLargeError where the pin's are too large together."""
        if change.template is not None:
            others = (block for block in self._store.blocks(pin.id) if block.id != block_id)
            _check_together(others, change.template)

        def attempt(current: Block) -> Block:
            changed = replace(
                current,
                name=current.name if change.name is None else change.name,
                type=current.type if change.type is None else change.type,
                template=current.template if change.template is None else change.template,
                order=current.order if change.order is None else change.order,
                updated_at=self._clock.now(),
                revision=current.revision + 1,
            )
            self._store.put_block(pin.id, changed)
            return changed

        def again() -> Block:
            return self._block(pin, block_id)

        return until_fresh(again(), attempt, again, self._clock, self._entropy)

    def delete_block(self, pin: Pin, block_id: str) -> None:
        """Nothing happens if there is none."""
        if is_id(block_id):
            self._store.delete_block(pin.id, block_id)

    def add_dataset(
        self, pin: Pin, name: str, type_: DatasetType, kind: DatasetKind, text: str, description: str
    ) -> Dataset:
        """From the text form of its data. Raises InvalidError, TooLargeError."""
        data = _parsed(type_, text)
        _check_count(self._store.count_datasets(pin.id))
        now = self._clock.now()
        dataset = Dataset(self._new_id("d-"), name, type_, kind, description, pin.user_id, now, now, data)
        self._store.put_dataset(pin.id, dataset)
        return dataset

    def datasets(self, principal: Principal, pin_id: str) -> tuple[Dataset, ...]:
        """Oldest first. Raises PinNotFoundError, ForbiddenError, TooLargeError."""
        pin = self._access.readable(principal, pin_id, Scope.READ_PINS)
        return self._store.datasets(pin.id, MAX_ANSWER_BYTES)

    def dataset(self, principal: Principal, pin_id: str, dataset_id: str) -> Dataset:
        """Raises PinNotFoundError, ForbiddenError, DatasetNotFoundError."""
        return self._dataset(self._access.readable(principal, pin_id, Scope.READ_PINS), dataset_id)

    def update_dataset(
        self, pin: Pin, dataset_id: str, data: Json, name: str | None = None, description: str | None = None
    ) -> Dataset:
        """`data` as a value, or in its text form. Raises DatasetNotFoundError, InvalidError, TooLargeError."""

        def attempt(current: Dataset) -> Dataset:
            changed = replace(
                current,
                # By the stored type, which an update cannot change: a text means something else for each.
                data=_parsed(current.type, data) if isinstance(data, str) else _checked(data),
                name=current.name if name is None else name,
                description=current.description if description is None else description,
                updated_at=self._clock.now(),
                revision=current.revision + 1,
            )
            self._store.put_dataset(pin.id, changed)
            return changed

        def again() -> Dataset:
            return self._dataset(pin, dataset_id)

        return until_fresh(again(), attempt, again, self._clock, self._entropy)

    def delete_dataset(self, pin: Pin, dataset_id: str) -> None:
        """Raises DatasetNotFoundError."""
        if not is_id(dataset_id) or not self._store.delete_dataset(pin.id, dataset_id):
            raise DatasetNotFoundError(pin_id=pin.id, dataset_id=dataset_id)

    def _block(self, pin: Pin, block_id: str) -> Block:
        if not is_id(block_id):
            raise BlockNotFoundError(pin_id=pin.id, block_id=block_id)
        return self._store.block(pin.id, block_id)

    def _dataset(self, pin: Pin, dataset_id: str) -> Dataset:
        if not is_id(dataset_id):
            raise DatasetNotFoundError(pin_id=pin.id, dataset_id=dataset_id)
        return self._store.dataset(pin.id, dataset_id)

    def _new_id(self, prefix: str) -> str:
        return short_id(prefix, self._entropy.bytes(ENTROPY_BYTES))


def _parsed(type_: DatasetType, text: str) -> Json:
    if type_ is DatasetType.MARKDOWN:
        return _checked({"content": text})
    try:
        return _checked(decode(text.encode(), max_depth=_MAX_DEPTH, max_bytes=MAX_DATA_BYTES))
    except MalformedJsonError as error:
        raise InvalidError(f"'data' is not JSON: {error.message}", field="data") from error


def _checked(data: Json) -> Json:
    if len(encode(data)) > MAX_DATA_BYTES:
        raise TooLargeError(f"'data' is larger than {MAX_DATA_BYTES} bytes.", limit=MAX_DATA_BYTES)
    return data


def size_of_blocks(blocks: Iterable[Block]) -> int:
    """In bytes."""
    return sum(len(block.template.encode()) for block in blocks)


def _check_together(blocks: Iterable[Block], template: str = "") -> None:
    if size_of_blocks(blocks) + len(template.encode()) > MAX_BLOCKS_BYTES:
        raise TooLargeError(f"A pin's blocks have at most {MAX_BLOCKS_BYTES} bytes together.", limit=MAX_BLOCKS_BYTES)


def _check_count(count: int) -> None:
    if count >= MOST_PARTS:
        raise InvalidError(f"A pin has at most {MOST_PARTS} of these", field="pid")
