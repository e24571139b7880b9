"""The tick's passes over events that were not told to everybody and deliveries that are due.

Like the pass over runs they change nothing but due times: whoever is hinted at checks again what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from chalicelib.domain.deliveries import DeliveryPlace, DueDelivery
from chalicelib.domain.events import DueEvent
from chalicelib.domain.hints import whole_delay
from chalicelib.services.events.ports import DeliveryQueue, DeliveryStore, EventStore
from chalicelib.services.ports import DUE_SHARDS, Clock
from chalicelib.services.tick import TickSettings

_USUAL = TickSettings()


class _Due(Protocol):
    @property
    def place(self) -> object: ...


Entry = TypeVar("Entry", bound=_Due)


@dataclass(frozen=True, slots=True)
class EventPass:
    events: EventStore
    queue: DeliveryQueue
    clock: Clock
    settings: TickSettings = _USUAL

    def run(self) -> int:
        """Hints at events whose first hint brought nothing; how many."""
        return sum(self._hint(entry) for entry in _every(self.events.due, self.clock.now(), self.settings.page))

    def _hint(self, entry: DueEvent) -> bool:
        again_at = self.clock.now() + timedelta(seconds=self.settings.resend)
        # Moved on before it is sent: of two passes at once one sends, and a lost hint is sent by a later one.
        if not self.events.rearm(entry.place, entry.due_at, again_at):
            return False
        self.queue.send_event(entry.place)
        return True


@dataclass(frozen=True, slots=True)
class DeliveryPass:
    deliveries: DeliveryStore
    queue: DeliveryQueue
    clock: Clock
    settings: TickSettings = _USUAL

    def run(self) -> int:
        """Hints, with an exact delay, at attempts that are due until the next pass; how many. Hints go together where
        their delays are the same."""
        horizon = self.clock.now() + timedelta(seconds=self.settings.horizon)
        sent = 0
        together: dict[int, list[DeliveryPlace]] = {}
        for entry in _every(self.deliveries.due, horizon, self.settings.page):
            delay = self._rearm(entry)
            if delay is None:
                continue
            sent += 1
            places = together.setdefault(delay, [])
            places.append(entry.place)
            # Sent on the way, so that a pass over very many keeps few of them and dies with few unsent.
            if len(places) == self.settings.page:
                self.queue.send_deliveries(tuple(together.pop(delay)), delay)
        for delay, places in together.items():
            self.queue.send_deliveries(tuple(places), delay)
        return sent

    def _rearm(self, entry: DueDelivery) -> int | None:
        """Moves the due time on before sending, so that a hint that is lost here is sent by a later pass. Returns the
        hint's delay in seconds; None where a hint or claim is still good."""
        now = self.clock.now()
        # Due behind the attempt's time: it was hinted at or claimed, and neither a minute nor the lease is over.
        if entry.due_at > now and entry.next_attempt_at < entry.due_at:
            return None
        again_at = max(entry.next_attempt_at, now) + timedelta(seconds=self.settings.resend)
        if not self.deliveries.rearm(entry.place, entry.due_at, again_at):
            return None
        return whole_delay(max((entry.next_attempt_at - now).total_seconds(), 0.0))


def _every(due: Callable[[int, datetime, int], tuple[Entry, ...]], until: datetime, page_size: int) -> Iterator[Entry]:
    """The entries of all shards, each once. The index may be stale: entries seen before are skipped, and a page of
    nothing else ends a shard."""
    for shard in range(DUE_SHARDS):
        seen: set[object] = set()
        while True:
            # From the beginning each time: what was moved on is out of the way by then.
            page = due(shard, until, page_size)
            fresh = [entry for entry in page if entry.place not in seen]
            seen.update(entry.place for entry in fresh)
            yield from fresh
            if not fresh or len(page) < page_size:
                break
