"""Pins: making, changing, showing and deleting them.

A deletion hides the pin at once. What belongs to it goes then, or, if that is much or somebody dies over it, by and
by with the tick.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from chalicelib.domain.errors import (
    AlreadyExistsError,
    PinboardNotFoundError,
    PinNotFoundError,
    StaleWriteError,
    UnavailableError,
)
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES
from chalicelib.domain.pins import DataType, Pin, PinWebhook, pin_id
from chalicelib.services.access import Scope, require
from chalicelib.services.pins.access import Act, PinAccess
from chalicelib.services.pins.ports import PinboardStore, PinStore, PinWebhookStore
from chalicelib.services.ports import Clock, Entropy, Page

logger = logging.getLogger(__name__)

T = TypeVar("T")

TRIES = 12
AT_ONCE = 400
"""How many things of a deleted pin one call removes."""

RESEND = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class PinChange:
    """What is set of a pin; None leaves it as it is."""

    title: str | None = None
    description: str | None = None
    tags: tuple[str, ...] | None = None
    is_public: bool | None = None


class Pins:
    """`remove_endpoint` removes a webhook's endpoint with what is to be delivered to it."""

    def __init__(
        self,
        access: PinAccess,
        store: PinStore,
        boards: PinboardStore,
        webhooks: PinWebhookStore,
        remove_endpoint: Callable[[PinWebhook], None],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._access = access
        self._store = store
        self._boards = boards
        self._webhooks = webhooks
        self._remove_endpoint = remove_endpoint
        self._clock = clock
        self._entropy = entropy

    def create(self, principal: Principal, data_type: DataType, given: PinChange) -> Pin:
        """Raises ForbiddenError."""
        require(principal, Scope.WRITE_PINS)
        for _ in range(TRIES):
            pin = Pin(
                id=pin_id(self._entropy.bytes(ENTROPY_BYTES)),
                workspace_id=principal.workspace_id,
                user_id=principal.user_id,
                data_type=data_type,
                title=given.title or "Untitled Pin",
                description=given.description or "",
                tags=given.tags or (),
                is_public=given.is_public or False,
                created_at=self._clock.now(),
            )
            try:
                self._store.create(pin)
            except AlreadyExistsError:
                continue
            return pin
        raise AlreadyExistsError

    def get(self, principal: Principal, pin_id: str) -> Pin:
        """Raises PinNotFoundError, ForbiddenError."""
        return self._access.readable(principal, pin_id, Scope.READ_PINS)

    def page(self, principal: Principal, offset: int, limit: int) -> Page[Pin]:
        """The caller's, newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_PINS)
        pins = self._store.of_user(principal.workspace_id, principal.user_id)
        return Page(pins[offset : offset + limit], len(pins))

    def own(self, principal: Principal, pin_id: str) -> Pin:
        """One that the caller may change. Raises PinNotFoundError, ForbiddenError."""
        return self._access.own(principal, pin_id, Scope.WRITE_PINS, Act.UPDATE)

    def update(self, pin: Pin, change: PinChange) -> Pin:
        """Raises PinNotFoundError."""

        def attempt(current: Pin) -> Pin:
            changed = replace(
                current,
                title=current.title if change.title is None else change.title,
                description=current.description if change.description is None else change.description,
                tags=current.tags if change.tags is None else change.tags,
                is_public=current.is_public if change.is_public is None else change.is_public,
            )
            if changed == current:
                return current
            changed = replace(changed, updated_at=self._clock.now(), revision=current.revision + 1)
            self._store.replace(changed)
            return changed

        return until_fresh(pin, attempt, lambda: self._access.find(pin.id), self._clock, self._entropy)

    def delete(self, principal: Principal, pin_id: str) -> None:
        """With its data, webhooks and places on boards. Raises PinNotFoundError, ForbiddenError."""
        pin = self._access.own(principal, pin_id, Scope.DELETE_PINS, Act.DELETE)
        # Hidden and due in one write: whoever dies from here on, the tick finishes it.
        self._store.begin_deletion(pin, self._clock.now() + RESEND)
        try:
            self.finish_deletion(pin)
        except UnavailableError:
            logger.warning("the pin's data goes later", extra={"action": "pin_deletion_late", "pin_id": pin.id})

    def finish_deletion(self, pin: Pin) -> bool:
        """Removes what belongs to a hidden pin, or a part of it; False if there is more. May be repeated."""
        for webhook in self._webhooks.of_pin(pin.id):
            # The endpoints belong to another store: they go while the pin's items still name them.
            self._remove_endpoint(webhook)
        for board in self._boards.of_user(pin.workspace_id, pin.user_id):
            if pin.id in board.pins:
                self._take_off(board.id, pin.id)
        return self._store.finish_deletion(pin, AT_ONCE)

    def remains(self, pin_id: str) -> Pin | None:
        """A pin that is being deleted; None if it is gone."""
        try:
            pin = self._store.find(pin_id)
        except PinNotFoundError:
            return None
        return pin if pin.is_deleting else None

    def _take_off(self, board_id: str, pin_id: str) -> None:
        for _ in range(TRIES):
            try:
                board = self._boards.find(board_id)
                rest = tuple(each for each in board.pins if each != pin_id)
                self._boards.replace(replace(board, pins=rest, revision=board.revision + 1))
            except PinboardNotFoundError:
                return
            # After so many it is left on the board: a name of nothing, which is not shown.
            except StaleWriteError:
                continue
            return


def until_fresh(thing: T, attempt: Callable[[T], T], again: Callable[[], T], clock: Clock, entropy: Entropy) -> T:
    """`attempt` on a thing as it is stored now, read `again` while others change it in between."""
    for tried in range(TRIES):
        try:
            return attempt(thing)
        except StaleWriteError:
            # Longer with each try, and different by chance, so that those who collided do not meet again.
            clock.sleep((1 + tried) * 0.005 * (1 + entropy.bytes(1)[0] / 256))
            thing = again()
    raise UnavailableError("Too many others change the same thing.")
