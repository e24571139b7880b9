"""One worker's hold on one run, from the claim until it is let go of.

A hold drives the engine: it performs what the engine hands out, feeds back what came of it, keeps the lease alive, and
parts with the run when it waits, when it has ended, or when others are to get their turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.containers import needs_newest_only
from chalicelib.domain.engine import Execution, Verdict
from chalicelib.domain.errors import (
    DefinitionError,
    ExpressionError,
    LeaseLostError,
    NotFoundError,
    RunEndedError,
    SignalledError,
    TooLargeError,
)
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.program import Program
from chalicelib.domain.run import Failure, History, Outcome, Run, RunStatus
from chalicelib.domain.tasks import Task
from chalicelib.services.runs import letting_go
from chalicelib.services.runs.children import known_child
from chalicelib.services.runs.concurrency import Admission
from chalicelib.services.runs.effects import Effects

if TYPE_CHECKING:
    from chalicelib.services.runs.worker import Worker

_PURE_STEPS_BETWEEN_LOOKS = 500


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Durations in seconds.

    `lease` is how long a dead worker's run lies still, `step_timeout` the limit of a node that names none,
    `renew` the longest time a worker goes on without looking whether the run is still its own, `slice` and
    `slice_steps` what a run gets before others get their turn, `resend` when a hint that brought nothing is
    repeated, `spare` what is kept back for letting go at the end, `inline_wait` the longest pause that is waited
    for instead of parking the run, `look_again` how long a run rests that waits for nothing but an answer,
    `slot_wait` how long a run waits at first that found its concurrency limit reached, later a tenth of what it has
    waited, up to `longest_slot_wait`.
    """

    lease: float = 60.0
    step_timeout: float = 30.0
    renew: float = 2.0
    slice: float = 120.0
    slice_steps: int = 1000
    look_again: float = 3600.0
    slot_wait: float = 5.0
    longest_slot_wait: float = 60.0
    resend: float = RESEND_SECONDS
    spare: float = 5.0
    inline_wait: float = 1.0
    max_parallel_steps: int = 16
    max_hops: int = 10_000
    max_stalls: int = 30


class Hold:
    """`until` is when the function must have let go of the run; a hold may end sooner, for the sake of others."""

    def __init__(self, worker: Worker, run: Run, until: datetime, now: datetime) -> None:
        self._worker = worker
        self._settings = worker.settings
        self._run = run
        self._until = min(until, now + timedelta(seconds=worker.settings.slice))
        # An effect that was begun goes on past the slice: only the function's own end cuts it short.
        self._function_ends = until
        self._seen_at = now
        self._lease_expires_at = run.lease_expires_at or now
        self._steps = 0
        self.has_ended_run = False

    def drive(self) -> None:
        """Raises LeaseError once the run turns out to be somebody else's."""
        program = self._ready_program()
        if program is None:
            return
        # A run that is turned away counts no hop, so that with the first one something of it begins.
        if self._worker.began is not None and program.graph.mirror is not None and self._run.hops == 1:
            self._worker.began(self._run)
        # The first claim finds nothing recorded, so the hot path does not ask.
        is_resumed = self._run.fence > 1
        history = self._worker.runs.history(self._run.id) if is_resumed else History()
        execution = Execution(program, self._run, history, resumed=is_resumed)
        effects = Effects(self._worker, self._run, program)
        try:
            self._advance(execution, effects, program)
        finally:
            effects.collect_stragglers()

    def _ready_program(self) -> Program | None:
        """What to run; None if the run may not go on, and has ended or waits for its turn."""
        refusal = self._refusal()
        if refusal is not None:
            self._refuse(refusal)
            return None
        try:
            program = self._worker.programs.of(self._run)
        except (DefinitionError, NotFoundError) as error:
            self._refuse(Failure("definition", f"the version cannot be run: {error.message}"))
            return None
        try:
            admission = self._worker.limiter.admit(self._run, program)
        except ExpressionError as error:
            self._refuse(Failure("expression", f"the key of the concurrency limit: {error.message}"))
            return None
        if admission is Admission.GO:
            return program
        self.has_ended_run = letting_go.turn_away(self._worker, self._run, admission)
        return None

    def _refusal(self) -> Failure | None:
        if self._run.hops > self._settings.max_hops:
            message = f"the run was handed over more than {self._settings.max_hops} times"
            return Failure("hop_budget", message)
        if self._run.stalls > self._settings.max_stalls:
            message = f"the run's worker died {self._settings.max_stalls} times in a row"
            return Failure("stalled", message)
        return None

    def _refuse(self, failure: Failure) -> None:
        verdict = Verdict(RunStatus.FAILED, failure=failure)
        letting_go.finish(self._worker, self._run, None, verdict, self._run.tail)
        self.has_ended_run = True

    def _advance(self, execution: Execution, effects: Effects, program: Program) -> None:
        while True:
            self._look_up(execution)
            now = self._worker.clock.now()
            verdict = execution.advance(now)
            try:
                # From the beginning again: what was answered may have ended the run.
                if verdict is None and self._store_overdue(execution):
                    continue
            except TooLargeError as error:
                # It would be refused in every hold to come: what cannot be answered any more must not wait.
                verdict = Verdict(RunStatus.FAILED, failure=Failure("too_large", error.message))
            if verdict is not None:
                tail = execution.take_unrecorded()
                launched = effects.has_launched
                letting_go.finish(self._worker, self._run, program, verdict, tail, has_launched=launched)
                self.has_ended_run = True
                return
            handing_over = self._is_over(now)
            if not handing_over and self._start_ready(execution, effects):
                continue
            if effects.have_ended:
                _conclude(execution, effects)
            elif execution.performing:
                self._wait_for_one(effects, now)
            elif self._let_go(execution, handing_over):
                return

    def _store_overdue(self, execution: Execution) -> bool:
        """Makes it a fact that nobody answered in time, before anything is done about it. True if there was such a
        step, answered by now one way or the other. Raises TooLargeError once the run can take no more answers."""
        overdue = False
        while (entry := execution.next_overdue()) is not None:
            overdue = True
            # For the case that we die before the run is parked; until then the lease keeps others away.
            due_at = self._worker.clock.now() + timedelta(seconds=self._settings.resend)
            try:
                self._worker.runs.signal(self._run.id, *entry, due_at)
            except RunEndedError as ended:
                raise LeaseLostError(run_id=self._run.id) from ended
        if overdue:
            self._take_answers(execution)
        return overdue

    def _look_up(self, execution: Execution) -> None:
        """Brings the records of loops and maps that an earlier hold began."""
        while (task := execution.next_lookup()) is not None:
            newest_only = needs_newest_only(task)
            history, newest = self._worker.runs.round_history(
                self._run.id, task.slot, task.scope.round, newest_only=newest_only
            )
            execution.supply(task, history, newest)

    def _is_over(self, now: datetime) -> bool:
        return now >= self._until_with_spare() or self._steps >= self._settings.slice_steps

    def _until_with_spare(self) -> datetime:
        return self._until - timedelta(seconds=self._settings.spare)

    def _start_ready(self, execution: Execution, effects: Effects) -> bool:
        """Performs what has no effect at once, and starts effects, a single one in this very thread.

        True if the execution went on, so that its state has to be looked at again.
        """
        performed = 0
        # Bounded, because nobody looks after the lease while steps are computed here.
        while execution.performing < self._settings.max_parallel_steps and performed < _PURE_STEPS_BETWEEN_LOOKS:
            task = execution.next_task()
            if task is None:
                break
            if task.is_effect:
                self._steps += not self._is_known_child(task)
                self._start_effect(execution, effects, task)
                continue
            performed += 1
            outcome = self._worker.performer.perform(task, self._settings.step_timeout)
            execution.keep(outcome)
            execution.conclude(task, outcome)
        if performed:
            self._look()
        return performed > 0

    def _is_known_child(self, task: Task) -> bool:
        """Whether the task only looks after a child that is there, which is no step forward."""
        return known_child(self._run, task.slot) is not None

    def _start_effect(self, execution: Execution, effects: Effects, task: Task) -> None:
        seconds = min(self._seconds_left(), task.step.node.timeout_seconds or self._settings.step_timeout)
        # An effect must not outlast the lease unnoticed, or another worker would try it at the same time.
        self._look(seconds)
        also = execution.take_unrecorded()
        # Alone it saves the change of threads; otherwise this thread has to stay free to renew the lease.
        is_alone = execution.performing == 1 and not execution.is_ready()
        if is_alone and seconds < self._lease_left():
            effects.perform(task, also, seconds)
        else:
            effects.start(task, also, seconds)

    def _seconds_left(self) -> float:
        """How long an attempt may take: until the function ends, or the run's deadline."""
        now = self._worker.clock.now()
        ends_at = self._function_ends - timedelta(seconds=self._settings.spare)
        if self._run.deadline_at is not None:
            ends_at = min(ends_at, self._run.deadline_at)
        return max((ends_at - now).total_seconds(), 0.1)

    def _wait_for_one(self, effects: Effects, now: datetime) -> None:
        """Waits for any started effect, keeping the lease alive meanwhile."""
        # At half its time, so that a slow call or a clock that is ahead does not cost the lease.
        renew_at = self._lease_expires_at - timedelta(seconds=self._settings.lease / 2)
        if not effects.wait(max((renew_at - now).total_seconds(), 0.0)):
            self._renew()

    def _lease_left(self) -> float:
        return (self._lease_expires_at - self._worker.clock.now()).total_seconds()

    def _look(self, seconds: float = 0.0) -> None:
        """Makes sure from time to time that the run is still ours, and will be for as long as an effect takes."""
        now = self._worker.clock.now()
        is_stale = (now - self._seen_at).total_seconds() >= self._settings.renew
        # No more than half a lease is asked for: what takes longer runs beside a thread that renews.
        is_short = self._lease_left() < min(seconds, self._settings.lease / 2)
        if is_stale or is_short:
            self._renew()

    def _renew(self) -> None:
        now = self._worker.clock.now()
        self._lease_expires_at = now + timedelta(seconds=self._settings.lease)
        self._worker.runs.renew(self._run.id, self._run.fence, self._lease_expires_at)
        self._seen_at = now

    def _let_go(self, execution: Execution, handing_over: bool) -> bool:
        """Parks the run until its next wake-up, or hands it over. False if it was worth waiting here instead."""
        now = self._worker.clock.now()
        if handing_over and execution.is_ready():
            return self._park(RunStatus.QUEUED, now, execution)
        wake_at = execution.wake_at() or now + timedelta(seconds=self._settings.look_again)
        pause = (wake_at - now).total_seconds()
        if pause <= self._settings.inline_wait and wake_at < self._until_with_spare():
            self._worker.clock.sleep(max(pause, 0.0))
            return False
        return self._park(RunStatus.WAITING, wake_at, execution)

    def _park(self, status: RunStatus, wake_at: datetime, execution: Execution) -> bool:
        """False if the run was not parked, because something came in for it; the execution knows of it then."""
        tail: tuple[Outcome, ...] = execution.take_unrecorded()
        try:
            letting_go.park(self._worker, self._run, status, wake_at, tail, execution.rounds())
        except SignalledError:
            # They were not stored: the next record, or the next try to park, is to carry them.
            for outcome in tail:
                execution.keep(outcome)
            self._take_answers(execution)
            return False
        return True

    def _take_answers(self, execution: Execution) -> None:
        stored = self._worker.runs.get(self._run.id)
        # Whoever has the run now reads the same answers; here nothing may follow from them any more.
        if stored.fence != self._run.fence:
            raise LeaseLostError(run_id=self._run.id)
        self._run = replace(self._run, signals=stored.signals, answers=stored.answers)
        for slot, answer in stored.answers.items():
            execution.answer(slot, answer)


def _conclude(execution: Execution, effects: Effects) -> None:
    for task, outcome, unrecorded in effects.taken():
        # Before the conclusion, because what is kept is recorded in the order in which it came about.
        for kept in unrecorded:
            execution.keep(kept)
        execution.conclude(task, outcome)
