"""Advances runs: claims one, holds it while there is something to do (`hold`), and lets go of it in time.

The store is the truth. A worker that was overtaken learns it from the fence at its next write of the run and
stops; outcomes it recorded until then count, because the first record of a step counts, whoever wrote it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.errors import LeaseError, NotFoundError, RunEndedError
from chalicelib.domain.run import Run
from chalicelib.domain.usage import used_in_hold
from chalicelib.domain.workflow import INTERNAL_IDS
from chalicelib.services.ports import Clock, Performer, RunQueue, RunStore, Spawner
from chalicelib.services.runs.children import Children
from chalicelib.services.runs.concurrency import Limiter
from chalicelib.services.runs.hold import Hold, WorkerSettings
from chalicelib.services.runs.programs import Programs
from chalicelib.services.usage import UsageMeter

__all__ = ["Worker", "WorkerSettings"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Worker:
    """Everything that advancing a run needs. Shared by the threads of one function."""

    runs: RunStore
    queue: RunQueue
    programs: Programs
    performer: Performer
    clock: Clock
    spawner: Spawner
    children: Children
    limiter: Limiter
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    usage: UsageMeter = field(default_factory=UsageMeter)
    began: Callable[[Run], None] | None = None
    """Is told of runs that are mirrored, when they are taken up. Never raises."""

    def advance(self, run_id: str, until: datetime) -> None:
        """Advances one run as far as it gets before `until`, when the function must have let go of it.

        A hint for a run that is gone, ended, paused or in other hands is no error. Raises UnavailableError when
        the store does not answer; the run is then found again through its lease.
        """
        now = self.clock.now()
        expires_at = now + timedelta(seconds=self.settings.lease)
        try:
            run = self.runs.claim(run_id, now=now, lease_expires_at=expires_at)
        except RunEndedError as reason:
            # Only of news that are due: until then whoever ended the run is about to tell them.
            if reason.facts.get("has_news"):
                self.children.tell_overdue(run_id)
            return
        except (NotFoundError, LeaseError) as reason:
            logger.debug("not claimed: %s", reason.message, extra={"action": "not_claimed", "run_id": run_id})
            return
        hold = Hold(self, run, until, now)
        try:
            hold.drive()
        except LeaseError:
            logger.info("overtaken", extra={"action": "overtaken", "run_id": run_id, "fence": run.fence})
        finally:
            # The time was used, even by a hold that ended in an error.
            self._note_usage(run, now, ends_run=hold.has_ended_run)

    def _note_usage(self, run: Run, since: datetime, *, ends_run: bool) -> None:
        """Parts of maps are no runs of their own, and what we do for ourselves nobody pays for."""
        if run.workflow_id in INTERNAL_IDS:
            return
        now = self.clock.now()
        compute_ms = max(round((now - since).total_seconds() * 1000), 0)
        self.usage.note(run.workspace_id, now, used_in_hold(compute_ms, ends_run=ends_run and run.part is None))
