"""What pins need from the outside.

As in `services.ports`: every store method may raise UnavailableError, reads are consistent, and conditions are
evaluated by the store, atomically.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from chalicelib.domain.json import Json
from chalicelib.domain.pins import (
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


class PinStore(Protocol):
    def create(self, pin: Pin) -> None:
        """Raises AlreadyExistsError if any user has a pin of this id."""

    def find(self, pin_id: str) -> Pin:
        """Whoever owns it; one that is being deleted too. Raises PinNotFoundError."""

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pin, ...]:
        """Newest first (created_at, then id), without those being deleted."""

    def replace(self, pin: Pin) -> None:
        """Stores it over the revision before its own. Raises StaleWriteError, PinNotFoundError."""

    def begin_deletion(self, pin: Pin, due_at: datetime) -> None:
        """Hides the pin, which is due from then on. Nothing happens if it is gone."""

    def finish_deletion(self, pin: Pin, limit: int) -> bool:
        """Removes up to about `limit` things of a hidden pin, itself last; False if there is more."""

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DuePin, ...]:
        """Entries of one shard of the due index with `due_at` up to `now`, earliest first."""

    def rearm(self, entry: DuePin, due_at: datetime) -> bool:
        """Moves the due time, if it still is the entry's; False otherwise."""


class PinboardStore(Protocol):
    def create(self, board: Pinboard) -> None:
        """Raises AlreadyExistsError if any user has a board of this id."""

    def find(self, board_id: str) -> Pinboard:
        """Whoever owns it. Raises PinboardNotFoundError."""

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pinboard, ...]:
        """Newest first (created_at, then id)."""

    def replace(self, board: Pinboard) -> None:
        """Stores all but the views over the revision before its own. Raises StaleWriteError, PinboardNotFoundError."""

    def count_view(self, board: Pinboard) -> int:
        """One more view; how many there are. Nothing happens if the board is gone."""

    def delete(self, board: Pinboard) -> None: ...


class PinDataStore(Protocol):
    """Workflow data: of each workflow id of a pin the newest version, and those before it for a while."""

    def keep(self, pin_id: str, data: Mapping[str, Json], unique: str) -> str:
        """Puts data where a push can refer to it, under a name that nothing else has."""

    def drop(self, pin_id: str, kept: str) -> None:
        """Forgets data that no push refers to."""

    def head(self, pin_id: str, workflow_id: str) -> Head | None: ...

    def replace(self, pin_id: str, workflow_id: str, before: Head | None, push: Push) -> Head:
        """Makes the push the version after `before`, which is filed with the older ones first; returns it as it is
        now. Raises StaleWriteError if the newest version is another."""

    def remove(self, pin_id: str, workflow_id: str) -> None:
        """With all its versions. Nothing happens if there is none."""

    def count(self, pin_id: str, most: int) -> int:
        """How many workflow ids there are; `most` if there are more."""

    def settle(self, pin_id: str, workflow_id: str, version: int) -> None:
        """Notes that webhooks were told of this version; nothing happens if there is a newer one."""

    def newest(self, pin_id: str, workflow_id: str) -> Version | None: ...

    def all_of(self, pin_id: str, max_bytes: int) -> Mapping[str, Version]:
        """The newest version of every workflow id. Raises TooLargeError."""

    def history(
        self, pin_id: str, workflow_id: str, *, limit: int, max_bytes: int, now: datetime
    ) -> tuple[Version, ...]:
        """The newest versions that are kept, newest first; fewer than `limit` where they would be more than
        `max_bytes`, but one at least."""

    def summaries(self, pin_id: str) -> tuple[Summary, ...]:
        """Of every workflow id, most recently pushed first, without reading what is not in its item."""

    def points(self, pin_id: str, workflow_id: str, now: datetime) -> tuple[Point, ...]:
        """The numbers of the versions that are kept."""


class PinPartStore(Protocol):
    """Blocks and datasets of pins."""

    def put_block(self, pin_id: str, block: Block) -> None:
        """Stores it over the revision before its own, revision 1 over none. Raises StaleWriteError,
        BlockNotFoundError."""

    def blocks(self, pin_id: str) -> tuple[Block, ...]:
        """By `order`, then age."""

    def block(self, pin_id: str, block_id: str) -> Block:
        """Raises BlockNotFoundError."""

    def delete_block(self, pin_id: str, block_id: str) -> None: ...

    def put_dataset(self, pin_id: str, dataset: Dataset) -> None:
        """As `put_block`, with DatasetNotFoundError."""

    def datasets(self, pin_id: str, max_bytes: int) -> tuple[Dataset, ...]:
        """Oldest first. Raises TooLargeError."""

    def count_datasets(self, pin_id: str) -> int: ...

    def dataset(self, pin_id: str, dataset_id: str) -> Dataset:
        """Raises DatasetNotFoundError."""

    def delete_dataset(self, pin_id: str, dataset_id: str) -> bool:
        """False if there was none."""


class PinWebhookStore(Protocol):
    def create(self, webhook: PinWebhook) -> None:
        """Raises AlreadyExistsError if any user has a webhook of this id."""

    def find(self, webhook_id: str) -> PinWebhook | None: ...

    def of_pin(self, pin_id: str) -> tuple[PinWebhook, ...]:
        """Newest first (created_at, then id)."""

    def of_user(self, workspace_id: str, user_id: str) -> tuple[PinWebhook, ...]:
        """Newest first (created_at, then id)."""

    def delete(self, webhook: PinWebhook) -> None: ...


class MomentStore(Protocol):
    """The moments of the last calls of somebody, in milliseconds since 1970, oldest first."""

    def read(self, name: str) -> tuple[int, tuple[int, ...]]:
        """The revision, 0 if there is none yet, and the moments."""

    def replace(self, name: str, seen: int, moments: tuple[int, ...], expires_at: datetime) -> int:
        """Stores them over this revision and returns their own. Raises StaleWriteError."""
