"""How a hold on a run ends: the run is parked until later, sent back to wait for its turn, or has ended.

What is written names the fence, so it fails for a worker that was overtaken. Hints and news come after: what is lost
of them, the due index brings back.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.engine import Verdict
from chalicelib.domain.errors import SignalledError
from chalicelib.domain.hints import MOST_DELAY_SECONDS, whole_delay
from chalicelib.domain.program import Program
from chalicelib.domain.run import Failure, History, Outcome, Round, Run, RunStatus
from chalicelib.services.runs.children import has_news
from chalicelib.services.runs.concurrency import Admission

if TYPE_CHECKING:
    from chalicelib.services.runs.worker import Worker

logger = logging.getLogger(__name__)


def park(
    worker: Worker,
    run: Run,
    status: RunStatus,
    wake_at: datetime,
    tail: tuple[Outcome, ...],
    rounds: tuple[Round, ...],
    *,
    begun: bool = True,
) -> None:
    """Lets go of the run until `wake_at`. Raises SignalledError if something came in that the holder has not seen."""
    now = worker.clock.now()
    # Nobody ends a run at its deadline but whoever claims it, so it must not sleep any longer.
    if run.deadline_at is not None:
        wake_at = min(wake_at, run.deadline_at)
    delay = max((wake_at - now).total_seconds(), 0.0)
    is_near = delay <= MOST_DELAY_SECONDS
    # Where a hint is sent the due index is only the safety net, and stays out of its way.
    due_at = wake_at + timedelta(seconds=worker.settings.resend) if is_near else wake_at
    # holder    has seen 2 signals ─────────────── parks if there are 2: refused, and looks again
    # outside                       answers: 3
    worker.runs.park(
        run.id,
        run.fence,
        status=status,
        due_at=due_at,
        tail=tail,
        rounds=rounds,
        signals=run.signals,
        begun=begun,
    )
    # Sent after the write: a hint that comes first finds the lease held, and is used up.
    if is_near:
        worker.queue.send(run.id, run.workspace_id, whole_delay(delay))


def finish(
    worker: Worker,
    run: Run,
    program: Program | None,
    verdict: Verdict,
    tail: tuple[Outcome, ...],
    *,
    has_launched: bool = False,
) -> None:
    """Ends the run and tells whoever waits for it. `program` is None where the run never got as far as to take a slot;
    `has_launched` says that it may have children that `run` does not name."""
    finished_at = worker.clock.now()
    is_news = has_launched or has_news(replace(run, status=verdict.status))
    news_due_at = finished_at + timedelta(seconds=worker.settings.resend) if is_news else None
    # one worker   claims, fence 7 ── stands still ───────────────── ends it if the fence is 7: refused
    # another                           lease over: claims, fence 8 ── goes on
    worker.runs.finish(
        run.id,
        run.fence,
        status=verdict.status,
        finished_at=finished_at,
        output=verdict.output,
        failure=verdict.failure,
        tail=tail,
        news_due_at=news_due_at,
    )
    facts = {"action": "run_ended", "run_id": run.id, "status": verdict.status.value}
    logger.info("run ended", extra=facts)
    if program is not None:
        # After the end is stored: a slot that is free before would let two runs go on at once.
        worker.limiter.release(run, program)
    if is_news:
        # Children are noted in the stored run alone, not in the one that was claimed.
        known = worker.runs.get(run.id) if has_launched else run
        ended = replace(known, status=verdict.status, output=verdict.output, failure=verdict.failure)
        ended = replace(ended, finished_at=finished_at, due_at=news_due_at, fence=run.fence)
        worker.children.tell(ended, may_repeat=False)


def turn_away(worker: Worker, run: Run, admission: Admission) -> bool:
    """Ends a run that may not go on beside others, or lets it wait for its turn. True if it has ended."""
    if admission is Admission.SKIP:
        failure = Failure("concurrency", "as many runs of this workflow as are allowed were under way")
        finish(worker, run, None, Verdict(RunStatus.CANCELLED, failure=failure), run.tail)
        return True
    now = worker.clock.now()
    if run.deadline_at is not None and now >= run.deadline_at:
        failure = Failure("timeout", "the run's time was over before its turn came")
        finish(worker, run, None, Verdict(RunStatus.TIMED_OUT, failure=failure), run.tail)
        return True
    # Whoever leaves a slot hints at one who waits; looking anyway makes up for a hint that was lost, ever less often.
    waited = (now - run.created_at).total_seconds()
    pause = min(max(worker.settings.slot_wait, waited / 10), worker.settings.longest_slot_wait)
    try:
        _wait_for_turn(worker, run, now + timedelta(seconds=pause))
    except SignalledError:
        # An answer for a step not yet reached: it is kept with the run, so the next hold will see it.
        run = replace(run, signals=worker.runs.get(run.id).signals)
        _wait_for_turn(worker, run, now + timedelta(seconds=pause))
    return False


def _wait_for_turn(worker: Worker, run: Run, until: datetime) -> None:
    # A run that is taken up anew, by a retry, has begun long ago, and its logical time is not to begin again.
    begun = bool(run.tail or run.rounds) or (run.fence > 1 and worker.runs.history(run.id) != History())
    park(worker, run, RunStatus.QUEUED, until, run.tail, run.rounds, begun=begun)
