"""How many calls go through a connection at a time, over all workers.

Slots are leases: whoever dies with some loses them when their time is over, and until then the limit holds. Two runs
of one flow have none of a connection at the same time: a run that was cancelled may still be making its last calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

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
        connection is busy. The holder is `flow/run/…`. Raises UnavailableError."""
        now = self.clock.now()
        # Those that borrow from one connection share its slots.
        name = f"connection#{connection.workspace_id}#{connection.slots_of}"
        granted = self.leases.take(
            name,
            holder,
            wanted,
            self.connections.slots_limit(connection),
            now=now,
            # A little longer than the calls may take, so that no slot is free while one is still under way.
            until=now + timedelta(seconds=seconds + _SPARE_SECONDS),
            is_rival=partial(_is_rival, holder),
        )
        try:
            yield granted
        finally:
            if granted:
                with suppress(UnavailableError):  # they end by themselves
                    self.leases.give_back(name, holder)


def _is_rival(holder: str, other: str) -> bool:
    """Whether another holder is another run of the same flow."""
    flow, run, _ = holder.split("/", 2)
    return other.startswith(f"{flow}/") and not other.startswith(f"{flow}/{run}/")
