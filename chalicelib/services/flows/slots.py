"""How many calls go through a connection at a time, over all workers.

Slots are leases: whoever dies with some loses them when their time is over, and until then the limit holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.flows.http import Connection
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.ports import LeaseStore
from chalicelib.services.ports import Clock

_SPARE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FlowSlots:
    leases: LeaseStore
    connections: Connections
    clock: Clock

    @contextmanager
    def held(self, connection: Connection, holder: str, wanted: int, seconds: float) -> Iterator[int]:
        """How many of the wanted calls may be made side by side until this ends, for at most the seconds; 0 if the
        connection is busy. Raises UnavailableError."""
        now = self.clock.now()
        name = f"connection#{connection.workspace_id}#{connection.slots_of}"
        granted = self.leases.take(
            name,
            holder,
            wanted,
            self.connections.slots_limit(connection),
            now=now,
            until=now + timedelta(seconds=seconds + _SPARE_SECONDS),
        )
        try:
            yield granted
        finally:
            if granted:
                with suppress(UnavailableError):  # they end by themselves
                    self.leases.give_back(name, holder)
