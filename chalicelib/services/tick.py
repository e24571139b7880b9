"""The scheduled pass: finds whatever is due and hints at it again.

It changes nothing but due times, so that it may run late, twice at once, or not at all for hours without doing
harm: everything it finds is checked again by whoever is hinted at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.hints import RESEND_SECONDS, whole_delay
from chalicelib.domain.run import RunStatus
from chalicelib.domain.schedules import DueSchedule
from chalicelib.services.ports import DUE_SHARDS, Clock, DueRun, RunQueue, RunStore
from chalicelib.services.schedules.ports import ScheduleQueue, ScheduleStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TickSettings:
    """In seconds: how far ahead a pass looks (its period, so that what falls due until the next one is hinted at
    with an exact delay), when a hint that brought nothing is repeated, and how long after its due time a schedule that
    was hinted at may take to be fired."""

    horizon: float = 60.0
    resend: float = RESEND_SECONDS
    patience: float = 10.0
    page: int = 200


class Pass(Protocol):
    def run(self) -> int:
        """One pass over a due index; how many hints were sent."""


@dataclass(frozen=True, slots=True)
class Tick:
    """`others` are the passes over what is due besides runs."""

    runs: RunStore
    queue: RunQueue
    clock: Clock
    settings: TickSettings = TickSettings()
    others: tuple[Pass, ...] = ()

    def run(self) -> int:
        """One pass over every due index; how many hints were sent. What one index cannot do keeps no other from it."""
        sent = sum(self._pass(shard) for shard in range(DUE_SHARDS))
        failure: UnavailableError | None = None
        for other in self.others:
            try:
                sent += other.run()
            except UnavailableError as error:
                failure = error
        if failure is not None:
            raise failure
        logger.info("tick", extra={"action": "tick", "hints": sent})
        return sent

    def _pass(self, shard: int) -> int:
        horizon = self.clock.now() + timedelta(seconds=self.settings.horizon)
        sent = 0
        seen: set[str] = set()
        while True:
            # The index may be stale: entries seen before in this pass are skipped, and a page of nothing else ends it.
            page = self.runs.due(shard, horizon, self.settings.page)
            fresh = [entry for entry in page if entry.run_id not in seen]
            seen.update(entry.run_id for entry in fresh)
            sent += sum(self._hint(entry) for entry in fresh)
            if not fresh or len(page) < self.settings.page:
                return sent

    def _hint(self, entry: DueRun) -> bool:
        """Moves the due time on before sending, so that a hint that is lost here is sent by a later pass. Not that of
        an ended run: whoever is to tell of it moves it, to be the only one who does."""
        now = self.clock.now()
        delay = max((entry.due_at - now).total_seconds(), 0.0)
        if delay and entry.status is not RunStatus.WAITING:
            return False  # a lease or a first hint that is still good
        again_at = max(entry.due_at, now) + timedelta(seconds=self.settings.resend)
        if not (entry.status.is_final or self.runs.rearm(entry.run_id, entry.due_at, again_at)):
            return False
        self.queue.send(entry.run_id, entry.workspace_id, whole_delay(delay))
        return True


@dataclass(frozen=True, slots=True)
class SchedulePass:
    """The pass over the schedules that are due."""

    schedules: ScheduleStore
    queue: ScheduleQueue
    clock: Clock
    settings: TickSettings = TickSettings()

    def run(self) -> int:
        return sum(self._pass(shard) for shard in range(DUE_SHARDS))

    def _pass(self, shard: int) -> int:
        horizon = self.clock.now() + timedelta(seconds=self.settings.horizon)
        sent, limit = 0, self.settings.page
        seen: set[tuple[str, str]] = set()
        while True:
            page = self.schedules.due(shard, horizon, limit)
            fresh = [entry for entry in page if (entry.workspace_id, entry.schedule_id) not in seen]
            seen.update((entry.workspace_id, entry.schedule_id) for entry in fresh)
            hinted = sum(self._hint(entry) for entry in fresh)
            sent += hinted
            if len(page) < limit:
                return sent
            if not hinted:
                limit *= 2  # nothing went out of the way of what stands behind it

    def _hint(self, entry: DueSchedule) -> bool:
        """Moves the due time on before sending, so that a hint that is lost here is sent by a later pass."""
        now = self.clock.now()
        # Both are the same where whoever stored it left the hint to the tick (`schedules.armed`).
        is_unannounced = entry.due_at == entry.next_fire_at
        is_late = entry.due_at <= now or entry.next_fire_at <= now - timedelta(seconds=self.settings.patience)
        if not (is_unannounced or is_late):
            return False  # a hint that is still good
        hint_at = max(entry.due_at, now) if is_unannounced else now
        again_at = hint_at + timedelta(seconds=self.settings.resend)
        if not self.schedules.rearm(entry.workspace_id, entry.schedule_id, entry.due_at, again_at):
            return False
        delay = (hint_at - now).total_seconds()
        self.queue.send_fire(entry.schedule_id, entry.workspace_id, whole_delay(delay))
        return True
