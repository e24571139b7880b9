"""The tick's pass over pins: deletions that were begun, and versions that webhooks have not been told of.

It does none of the work, but starts a chore for it. The due time is moved on first, so that of two passes one starts
it, and a chore that came to nothing is started again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chalicelib.domain.errors import PinNotFoundError, UnavailableError
from chalicelib.domain.json import Json
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.pins import DuePin
from chalicelib.services.pins.access import PinAccess
from chalicelib.services.pins.data import PinData
from chalicelib.services.pins.pins import Pins
from chalicelib.services.pins.ports import PinStore
from chalicelib.services.ports import Clock

logger = logging.getLogger(__name__)

DELETE_PIN = "delete_pin"
TELL_WEBHOOKS = "tell_webhooks"

_PAGE = 200
_AGAIN_AFTER = timedelta(minutes=15)

Arguments = Mapping[str, Json]


class ChoreStarter(Protocol):
    def start(self, workspace_id: str, kind: str, arguments: Arguments) -> str: ...


@dataclass(frozen=True, slots=True)
class PinChores:
    """The slices of the chores that the pass starts, for `services.chores`."""

    access: PinAccess
    pins: Pins
    data: PinData

    @property
    def slices(self) -> dict[str, Callable[[str, Arguments], bool]]:
        return {DELETE_PIN: self._delete, TELL_WEBHOOKS: self._tell}

    def _delete(self, _workspace_id: str, arguments: Arguments) -> bool:
        pin = self.pins.remains(str(arguments["pin_id"]))
        # True asks for another slice. A pin that is gone was finished by whoever deleted it.
        return pin is not None and not self.pins.finish_deletion(pin)

    def _tell(self, _workspace_id: str, arguments: Arguments) -> bool:
        try:
            pin = self.access.find(str(arguments["pin_id"]))
        except PinNotFoundError:
            return False
        self.data.tell_untold(pin, str(arguments["workflow_id"]))
        return False


@dataclass(frozen=True, slots=True)
class PinPass:
    """Implements `services.tick.Pass`. `chores` is asked for when something is due."""

    store: PinStore
    access: PinAccess
    chores: Callable[[], ChoreStarter]
    clock: Clock

    def run(self) -> int:
        """How many chores were started."""
        now = self.clock.now()
        return sum(self._start(entry) for shard in range(DUE_SHARDS) for entry in self.store.due(shard, now, _PAGE))

    def _start(self, entry: DuePin) -> bool:
        try:
            if not self.store.rearm(entry, self.clock.now() + _AGAIN_AFTER):
                return False
            if entry.workflow_id is None:
                self.chores().start(entry.workspace_id, DELETE_PIN, {"pin_id": entry.pin_id})
            else:
                pin = self.access.find(entry.pin_id)
                arguments: dict[str, Json] = {"pin_id": pin.id, "workflow_id": entry.workflow_id}
                self.chores().start(pin.workspace_id, TELL_WEBHOOKS, arguments)
        except PinNotFoundError:
            return False  # its deletion takes everything with it
        except UnavailableError:
            logger.warning("a pin waits longer", extra={"action": "pin_pass_failed", "pin_id": entry.pin_id})
            return False
        return True
