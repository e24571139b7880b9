"""In-memory implementations of the ports of pins, as strict about every condition as the adapters."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import (
    AlreadyExistsError,
    BlockNotFoundError,
    DatasetNotFoundError,
    PinboardNotFoundError,
    PinNotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.json import Json
from chalicelib.domain.pin_figures import fields_of
from chalicelib.domain.pins import (
    KEPT_VERSIONS,
    Block,
    Dataset,
    DuePin,
    Head,
    Pin,
    Pinboard,
    PinWebhook,
    Point,
    Push,
    Summary,
    Version,
)
from chalicelib.store.pins.items import shard_of


@dataclass(frozen=True)
class _Stored:
    """A version as it is kept: its data as text, so that nobody changes it."""

    version: int
    push: Push

    @property
    def public(self) -> Version:
        return Version(self.version, self.push.at, json.loads(self.push.kept))

    @property
    def head(self) -> Head:
        return Head(self.version, self.push.at, self.push.status, self.push.untold, self)


class _Memory:
    """Two of them are equal that hold the same: they are compared, also inside one another, to tell whether anything
    changed."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class MemoryPinDataStore(_Memory):
    def __init__(self, retention_seconds: int | None = None) -> None:
        self._retention_seconds = retention_seconds
        self._newest: dict[tuple[str, str], _Stored] = {}
        self._older: dict[tuple[str, str], dict[int, _Stored]] = {}

    def keep(self, pin_id: str, data: Mapping[str, Json], unique: str) -> str:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    def drop(self, pin_id: str, kept: str) -> None:
        pass

    def head(self, pin_id: str, workflow_id: str) -> Head | None:
        stored = self._newest.get((pin_id, workflow_id))
        return None if stored is None else stored.head

    def replace(self, pin_id: str, workflow_id: str, before: Head | None, push: Push) -> Head:
        place = pin_id, workflow_id
        newest = self._newest.get(place)
        seen = 0 if before is None else before.version
        if seen != (0 if newest is None else newest.version):
            raise StaleWriteError(pin_id=pin_id, workflow_id=workflow_id)
        if newest is not None:
            self._older.setdefault(place, {})[newest.version % KEPT_VERSIONS] = newest
        self._newest[place] = _Stored(seen + 1, push)
        return self._newest[place].head

    def remove(self, pin_id: str, workflow_id: str) -> None:
        self._newest.pop((pin_id, workflow_id), None)
        self._older.pop((pin_id, workflow_id), None)

    def count(self, pin_id: str, most: int) -> int:
        return min(most, sum(place[0] == pin_id for place in self._newest))

    def settle(self, pin_id: str, workflow_id: str, version: int) -> None:
        stored = self._newest.get((pin_id, workflow_id))
        if stored is not None and stored.version == version:
            self._newest[pin_id, workflow_id] = _Stored(version, replace(stored.push, untold=(), due_at=None))

    def newest(self, pin_id: str, workflow_id: str) -> Version | None:
        stored = self._newest.get((pin_id, workflow_id))
        return None if stored is None else stored.public

    def all_of(self, pin_id: str, max_bytes: int) -> Mapping[str, Version]:
        found = {workflow_id: stored for (pin, workflow_id), stored in self._newest.items() if pin == pin_id}
        if sum(len(stored.push.kept.encode()) for stored in found.values()) > max_bytes:
            raise TooLargeError("The pin's workflow data is too large for one answer.", limit=max_bytes)
        return {workflow_id: stored.public for workflow_id, stored in found.items()}

    def history(
        self, pin_id: str, workflow_id: str, *, limit: int, max_bytes: int, now: datetime
    ) -> tuple[Version, ...]:
        kept: list[Version] = []
        left = max_bytes
        for stored in self._kept(pin_id, workflow_id, now)[:limit]:
            left -= len(stored.push.kept.encode())
            if left < 0 and kept:
                break
            kept.append(stored.public)
        return tuple(kept)

    def summaries(self, pin_id: str) -> tuple[Summary, ...]:
        found = []
        for (pin, workflow_id), stored in self._newest.items():
            if pin == pin_id:
                fields, total = fields_of(stored.public.data)
                found.append(Summary(workflow_id, stored.version, stored.push.at, fields, total, len(stored.push.kept)))
        return tuple(sorted(found, key=lambda each: (each.at, each.workflow_id), reverse=True))

    def points(self, pin_id: str, workflow_id: str, now: datetime) -> tuple[Point, ...]:
        kept = self._kept(pin_id, workflow_id, now)
        return tuple(Point(stored.version, stored.push.at, dict(stored.push.numbers)) for stored in kept)

    def _kept(self, pin_id: str, workflow_id: str, now: datetime) -> list[_Stored]:
        newest = self._newest.get((pin_id, workflow_id))
        if newest is None:
            return []
        older = self._older.get((pin_id, workflow_id), {}).values()
        kept = [old for old in older if newest.version - KEPT_VERSIONS < old.version < newest.version]
        if self._retention_seconds is not None:
            lifetime = timedelta(seconds=self._retention_seconds)
            kept = [old for old in kept if old.push.at + lifetime > now]
        return [newest, *sorted(kept, key=lambda old: old.version, reverse=True)]

    def due_of(self) -> list[DuePin]:
        return [
            DuePin(pin_id, workflow_id, stored.push.due_at)
            for (pin_id, workflow_id), stored in self._newest.items()
            if stored.push.due_at is not None and stored.push.untold
        ]

    def rearm(self, entry: DuePin, due_at: datetime) -> bool:
        assert entry.workflow_id is not None
        place = entry.pin_id, entry.workflow_id
        stored = self._newest.get(place)
        if stored is None or stored.push.due_at != entry.due_at:
            return False
        self._newest[place] = _Stored(stored.version, replace(stored.push, due_at=due_at))
        return True

    def forget(self, pin_id: str) -> None:
        for store in (self._newest, self._older):
            for place in [place for place in store if place[0] == pin_id]:
                del store[place]


class MemoryPinPartStore(_Memory):
    def __init__(self) -> None:
        self._blocks: dict[tuple[str, str], Block] = {}
        self._datasets: dict[tuple[str, str], Dataset] = {}

    def put_block(self, pin_id: str, block: Block) -> None:
        stored = self._blocks.get((pin_id, block.id))
        if block.revision > 1 and stored is None:
            raise BlockNotFoundError(block_id=block.id)
        if (stored.revision if stored is not None else 0) != block.revision - 1:
            raise StaleWriteError(block_id=block.id)
        self._blocks[pin_id, block.id] = block

    def blocks(self, pin_id: str) -> tuple[Block, ...]:
        found = [block for (pin, _), block in self._blocks.items() if pin == pin_id]
        return tuple(sorted(found, key=lambda block: (block.order, block.created_at, block.id)))

    def block(self, pin_id: str, block_id: str) -> Block:
        try:
            return self._blocks[pin_id, block_id]
        except KeyError as error:
            raise BlockNotFoundError(block_id=block_id) from error

    def delete_block(self, pin_id: str, block_id: str) -> None:
        self._blocks.pop((pin_id, block_id), None)

    def put_dataset(self, pin_id: str, dataset: Dataset) -> None:
        stored = self._datasets.get((pin_id, dataset.id))
        if dataset.revision > 1 and stored is None:
            raise DatasetNotFoundError(dataset_id=dataset.id)
        if (stored.revision if stored is not None else 0) != dataset.revision - 1:
            raise StaleWriteError(dataset_id=dataset.id)
        self._datasets[pin_id, dataset.id] = copy.deepcopy(dataset)

    def datasets(self, pin_id: str, max_bytes: int) -> tuple[Dataset, ...]:
        found = [dataset for (pin, _), dataset in self._datasets.items() if pin == pin_id]
        if sum(len(json.dumps(dataset.data)) for dataset in found) > max_bytes:
            raise TooLargeError("The pin's datasets are too large for one answer.")
        return tuple(sorted(copy.deepcopy(found), key=lambda dataset: (dataset.created_at, dataset.id)))

    def count_datasets(self, pin_id: str) -> int:
        return sum(pin == pin_id for pin, _ in self._datasets)

    def dataset(self, pin_id: str, dataset_id: str) -> Dataset:
        try:
            return copy.deepcopy(self._datasets[pin_id, dataset_id])
        except KeyError as error:
            raise DatasetNotFoundError(dataset_id=dataset_id) from error

    def delete_dataset(self, pin_id: str, dataset_id: str) -> bool:
        return self._datasets.pop((pin_id, dataset_id), None) is not None

    def forget(self, pin_id: str) -> None:
        for place in [place for place in self._blocks if place[0] == pin_id]:
            del self._blocks[place]
        for place in [place for place in self._datasets if place[0] == pin_id]:
            del self._datasets[place]


class MemoryPinWebhookStore(_Memory):
    def __init__(self) -> None:
        self._webhooks: dict[str, PinWebhook] = {}

    def create(self, webhook: PinWebhook) -> None:
        if webhook.id in self._webhooks:
            raise AlreadyExistsError(webhook_id=webhook.id)
        self._webhooks[webhook.id] = webhook

    def find(self, webhook_id: str) -> PinWebhook | None:
        return self._webhooks.get(webhook_id)

    def of_pin(self, pin_id: str) -> tuple[PinWebhook, ...]:
        return self._sorted(webhook for webhook in self._webhooks.values() if webhook.pin_id == pin_id)

    def of_user(self, workspace_id: str, user_id: str) -> tuple[PinWebhook, ...]:
        owner = workspace_id, user_id
        return self._sorted(each for each in self._webhooks.values() if (each.workspace_id, each.user_id) == owner)

    def delete(self, webhook: PinWebhook) -> None:
        self._webhooks.pop(webhook.id, None)

    @staticmethod
    def _sorted(webhooks: object) -> tuple[PinWebhook, ...]:
        assert hasattr(webhooks, "__iter__")
        return tuple(sorted(webhooks, key=lambda webhook: (webhook.created_at, webhook.id), reverse=True))


class MemoryPinStore:
    """It knows the stores of what belongs to a pin, because deleting a pin deletes from them."""

    def __init__(self, data: MemoryPinDataStore, parts: MemoryPinPartStore, webhooks: MemoryPinWebhookStore) -> None:
        self._data = data
        self._parts = parts
        self._webhooks = webhooks
        self._pins: dict[str, Pin] = {}
        self._due: dict[str, datetime] = {}

    def create(self, pin: Pin) -> None:
        if pin.id in self._pins:
            raise AlreadyExistsError(pin_id=pin.id)
        self._pins[pin.id] = pin

    def find(self, pin_id: str) -> Pin:
        try:
            return self._pins[pin_id]
        except KeyError as error:
            raise PinNotFoundError(pin_id=pin_id) from error

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pin, ...]:
        owner = workspace_id, user_id
        found = [pin for pin in self._pins.values() if (pin.workspace_id, pin.user_id) == owner and not pin.is_deleting]
        return tuple(sorted(found, key=lambda pin: (pin.created_at, pin.id), reverse=True))

    def replace(self, pin: Pin) -> None:
        stored = self.find(pin.id)
        if stored.is_deleting:
            raise PinNotFoundError(pin_id=pin.id)
        if stored.revision != pin.revision - 1:
            raise StaleWriteError(pin_id=pin.id)
        self._pins[pin.id] = pin

    def begin_deletion(self, pin: Pin, due_at: datetime) -> None:
        if pin.id in self._pins:
            self._pins[pin.id] = replace(self._pins[pin.id], is_deleting=True)
            self._due[pin.id] = due_at

    def finish_deletion(self, pin: Pin, limit: int) -> bool:
        self._data.forget(pin.id)
        self._parts.forget(pin.id)
        for webhook in self._webhooks.of_pin(pin.id):
            self._webhooks.delete(webhook)
        self._pins.pop(pin.id, None)
        self._due.pop(pin.id, None)
        return True

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DuePin, ...]:
        pins = [
            DuePin(pin_id, None, due_at, self._pins[pin_id].workspace_id, self._pins[pin_id].user_id)
            for pin_id, due_at in self._due.items()
        ]
        found = [
            entry
            for entry in (*pins, *self._data.due_of())
            if entry.due_at <= now and shard_of(entry.pin_id, entry.workflow_id or "") == str(shard)
        ]
        return tuple(sorted(found, key=lambda entry: entry.due_at)[:limit])

    def rearm(self, entry: DuePin, due_at: datetime) -> bool:
        if entry.workflow_id is not None:
            return self._data.rearm(entry, due_at)
        if self._due.get(entry.pin_id) != entry.due_at:
            return False
        self._due[entry.pin_id] = due_at
        return True


class MemoryPinboardStore:
    def __init__(self) -> None:
        self._boards: dict[str, Pinboard] = {}

    def create(self, board: Pinboard) -> None:
        if board.id in self._boards:
            raise AlreadyExistsError(board_id=board.id)
        self._boards[board.id] = board

    def find(self, board_id: str) -> Pinboard:
        try:
            return self._boards[board_id]
        except KeyError as error:
            raise PinboardNotFoundError(board_id=board_id) from error

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pinboard, ...]:
        owner = workspace_id, user_id
        found = [board for board in self._boards.values() if (board.workspace_id, board.user_id) == owner]
        return tuple(sorted(found, key=lambda board: (board.created_at, board.id), reverse=True))

    def replace(self, board: Pinboard) -> None:
        stored = self.find(board.id)
        if stored.revision != board.revision - 1:
            raise StaleWriteError(board_id=board.id)
        self._boards[board.id] = replace(board, views=stored.views)

    def count_view(self, board: Pinboard) -> int:
        stored = self._boards.get(board.id)
        if stored is None:
            return board.views
        self._boards[board.id] = replace(stored, views=stored.views + 1)
        return stored.views + 1

    def delete(self, board: Pinboard) -> None:
        self._boards.pop(board.id, None)


class MemoryMomentStore:
    def __init__(self) -> None:
        self._moments: dict[str, tuple[int, tuple[int, ...]]] = {}

    def read(self, name: str) -> tuple[int, tuple[int, ...]]:
        return self._moments.get(name, (0, ()))

    def replace(self, name: str, seen: int, moments: tuple[int, ...], expires_at: datetime) -> int:
        if self.read(name)[0] != seen:
            raise StaleWriteError(name=name)
        self._moments[name] = seen + 1, moments
        return seen + 1

    def forget(self, name: str) -> None:
        """As the table does with what has expired, some time later."""
        del self._moments[name]
