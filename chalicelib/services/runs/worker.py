"""Advances runs: claims one, performs its steps, records what happened, and lets go of it in time.

The store is the truth. A worker that was overtaken learns it from the fence at its next write of the run and
stops; outcomes it recorded until then count, because the first record of a step counts, whoever wrote it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from chalicelib.domain.containers import needs_newest_only
from chalicelib.domain.engine import Execution, Verdict
from chalicelib.domain.errors import (
    DefinitionError,
    ExpressionError,
    LeaseError,
    LeaseLostError,
    NotFoundError,
    RunEndedError,
    SignalledError,
    UnavailableError,
)
from chalicelib.domain.node_types import Kind
from chalicelib.domain.program import Program
from chalicelib.domain.run import Failure, History, Outcome, Round, Run, RunStatus, StepError, StepStatus
from chalicelib.domain.sources import RUN_GRAPH
from chalicelib.domain.tasks import Task
from chalicelib.domain.usage import used_in_hold
from chalicelib.domain.workflow import INTERNAL_IDS, SOURCE_BODY
from chalicelib.services.ports import Clock, Performer, RunQueue, RunStore, Spawner, TaskGroup, WorkflowStore
from chalicelib.services.runs.children import Children, has_news, known_child
from chalicelib.services.runs.concurrency import Admission, Limiter
from chalicelib.services.usage import UsageMeter

logger = logging.getLogger(__name__)

MAX_QUEUE_DELAY_SECONDS = 900
_PURE_STEPS_BETWEEN_LOOKS = 500
_SOURCE_PROGRAM = Program.of(RUN_GRAPH)


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
    resend: float = 60.0
    spare: float = 5.0
    inline_wait: float = 1.0
    max_parallel_steps: int = 16
    max_hops: int = 10_000
    max_stalls: int = 30
    write_attempts: int = 4


class Programs:
    """Definitions made ready, kept between runs; a version never changes, so it never has to be read again."""

    def __init__(self, workflows: WorkflowStore, capacity: int = 256) -> None:
        self._workflows = workflows
        self._capacity = capacity
        self._programs: OrderedDict[tuple[str, str], Program] = OrderedDict()
        self._lock = Lock()

    def of(self, run: Run) -> Program:
        """Raises NotFoundError if the version is gone, DefinitionError if it cannot be run."""
        if run.body_ref == SOURCE_BODY:
            return _SOURCE_PROGRAM
        name = (run.workflow_id, run.body_ref)
        with self._lock:
            if name in self._programs:
                self._programs.move_to_end(name)
                return self._programs[name]
        body = self._workflows.body(run.workspace_id, run.workflow_id, run.body_ref)
        program = Program.of(body.graph)
        with self._lock:
            self._programs[name] = program
            while len(self._programs) > self._capacity:
                self._programs.popitem(last=False)
        return program


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
    settings: WorkerSettings = WorkerSettings()
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
            if reason.facts.get("has_news"):
                self.children.tell(self.runs.get(run_id))
            return
        except (NotFoundError, LeaseError) as reason:
            logger.debug("not claimed: %s", reason.message, extra={"action": "not_claimed", "run_id": run_id})
            return
        hold = _Hold(self, run, until, now)
        try:
            hold.drive()
        except LeaseError:
            logger.info("overtaken", extra={"action": "overtaken", "run_id": run_id, "fence": run.fence})
        finally:
            self._note_usage(run, now, ends_run=hold.has_ended_run)

    def _note_usage(self, run: Run, since: datetime, *, ends_run: bool) -> None:
        """Parts of maps are no runs of their own, and what we do for ourselves nobody pays for."""
        if run.workflow_id in INTERNAL_IDS:
            return
        now = self.clock.now()
        compute_ms = max(round((now - since).total_seconds() * 1000), 0)
        self.usage.note(run.workspace_id, now, used_in_hold(compute_ms, ends_run=ends_run and run.part is None))


class _Hold:
    """One worker's hold on one run, from claim to letting go."""

    def __init__(self, worker: Worker, run: Run, until: datetime, now: datetime) -> None:
        self._worker = worker
        self._settings = worker.settings
        self._run = run
        self._until = min(until, now + timedelta(seconds=worker.settings.slice))
        self._function_ends = until
        self._seen_at = now
        self._lease_expires_at = run.lease_expires_at or now
        self._group: TaskGroup | None = None
        self._ended: deque[tuple[Task, Outcome, tuple[Outcome, ...]]] = deque()
        self._in_group = 0
        self._steps = 0
        self._launched = False
        self._program: Program | None = None
        self.has_ended_run = False

    def drive(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self._finish(Verdict(RunStatus.FAILED, failure=refusal), self._run.tail)
            return
        try:
            program = self._worker.programs.of(self._run)
        except (DefinitionError, NotFoundError) as error:
            failure = Failure("definition", f"the version cannot be run: {error.message}")
            self._finish(Verdict(RunStatus.FAILED, failure=failure), self._run.tail)
            return
        try:
            admission = self._worker.limiter.admit(self._run, program)
        except ExpressionError as error:
            failure = Failure("expression", f"the key of the concurrency limit: {error.message}")
            self._finish(Verdict(RunStatus.FAILED, failure=failure), self._run.tail)
            return
        if admission is not Admission.GO:
            self._turn_away(admission)
            return
        self._program = program
        if self._worker.began is not None and program.graph.mirror is not None and self._run.hops == 1:
            self._worker.began(self._run)
        history = self._worker.runs.history(self._run.id) if self._run.fence > 1 else History()
        execution = Execution(program, self._run, history, resumed=self._run.fence > 1)
        try:
            self._advance(execution)
        finally:
            self._collect_stragglers()

    def _turn_away(self, admission: Admission) -> None:
        """Ends a run that may not go on beside others, or lets it wait for its turn."""
        if admission is Admission.SKIP:
            failure = Failure("concurrency", "as many runs of this workflow as are allowed were under way")
            self._finish(Verdict(RunStatus.CANCELLED, failure=failure), self._run.tail)
            return
        now = self._worker.clock.now()
        if self._run.deadline_at is not None and now >= self._run.deadline_at:
            failure = Failure("timeout", "the run's time was over before its turn came")
            self._finish(Verdict(RunStatus.TIMED_OUT, failure=failure), self._run.tail)
            return
        waited = (now - self._run.created_at).total_seconds()
        pause = min(max(self._settings.slot_wait, waited / 10), self._settings.longest_slot_wait)
        try:
            self._wait_for_turn(now + timedelta(seconds=pause))
        except SignalledError:
            # An answer for a step not yet reached: it is kept with the run, so the next hold will see it.
            self._run = replace(self._run, signals=self._worker.runs.get(self._run.id).signals)
            self._wait_for_turn(now + timedelta(seconds=pause))

    def _wait_for_turn(self, until: datetime) -> None:
        run = self._run
        begun = bool(run.tail or run.rounds) or (run.fence > 1 and self._worker.runs.history(run.id) != History())
        self._release(RunStatus.QUEUED, until, run.tail, run.rounds, begun=begun)

    def _refusal(self) -> Failure | None:
        if self._run.hops > self._settings.max_hops:
            message = f"the run was handed over more than {self._settings.max_hops} times"
            return Failure("hop_budget", message)
        if self._run.stalls > self._settings.max_stalls:
            message = f"the run's worker died {self._settings.max_stalls} times in a row"
            return Failure("stalled", message)
        return None

    def _advance(self, execution: Execution) -> None:
        while True:
            self._look_up(execution)
            now = self._worker.clock.now()
            verdict = execution.advance(now)
            if verdict is None and self._store_overdue(execution):
                continue
            if verdict is not None:
                self._finish(verdict, execution.take_unrecorded())
                return
            handing_over = self._is_over(now)
            if not handing_over and self._start_ready(execution):
                continue
            if self._ended:
                self._conclude(execution)
            elif execution.performing:
                self._wait_for_one(now)
            elif self._let_go(execution, handing_over):
                return

    def _store_overdue(self, execution: Execution) -> bool:
        """Makes it a fact that nobody answered in time, before anything is done about it. True if there was such a
        step, answered by now one way or the other."""
        overdue = False
        while (entry := execution.next_overdue()) is not None:
            overdue = True
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

    def _start_ready(self, execution: Execution) -> bool:
        """Performs what has no effect at once, and starts effects, a single one in this very thread.

        True if the execution went on, so that its state has to be looked at again.
        """
        performed = 0
        while execution.performing < self._settings.max_parallel_steps and performed < _PURE_STEPS_BETWEEN_LOOKS:
            task = execution.next_task()
            if task is None:
                break
            if task.is_effect:
                self._steps += not self._is_known_child(task)
                self._start_effect(execution, task)
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

    def _start_effect(self, execution: Execution, task: Task) -> None:
        seconds = min(self._seconds_left(), task.step.node.timeout_seconds or self._settings.step_timeout)
        self._look(seconds)
        also = execution.take_unrecorded()
        is_alone = execution.performing == 1 and not execution.is_ready()
        if is_alone and seconds < self._lease_left():
            self._perform(task, also, seconds)
            return
        if self._group is None:
            self._group = self._worker.spawner.group()
        self._in_group += 1
        self._group.start(lambda: self._perform(task, also, seconds))

    def _seconds_left(self) -> float:
        """How long an attempt may take: until the function ends, or the run's deadline."""
        now = self._worker.clock.now()
        ends_at = self._function_ends - timedelta(seconds=self._settings.spare)
        if self._run.deadline_at is not None:
            ends_at = min(ends_at, self._run.deadline_at)
        return max((ends_at - now).total_seconds(), 0.1)

    def _perform(self, task: Task, also: tuple[Outcome, ...], seconds: float) -> None:
        """One attempt and its record, in whichever thread."""
        outcome = self._attempt(task, seconds)
        if not is_recorded(task, outcome):
            self._ended.append((task, outcome, also))
            return
        counts = self._record(task, outcome, also)
        carries = counts is outcome and Execution.is_final(task, outcome)
        self._ended.append((task, counts, () if carries else also))

    def _attempt(self, task: Task, seconds: float) -> Outcome:
        if task.decided is not None:
            return task.decided
        if task.gathers is not None:
            return self._worker.children.gather(task)
        if task.part is not None or task.step.kind is Kind.CHILD:
            self._launched = True
            assert self._program is not None, "it is set before the first step"
            return self._worker.children.launch(task, self._run.fence, self._program)
        if task.step.node.at_most_once and (task.abandoned or not self._intend(task)):
            return self._unknown(task)
        return self._worker.performer.perform(task, seconds)

    def _intend(self, task: Task) -> bool:
        return self._worker.runs.record_intent(self._run.id, task.key, task.generation, task.scope.round)

    def _unknown(self, task: Task) -> Outcome:
        now = self._worker.clock.now()
        message = "the step was begun and its outcome never recorded; it may run at most once"
        return Outcome(
            key=task.key,
            node_id=task.step.node.id,
            status=StepStatus.UNKNOWN,
            attempt=task.attempt,
            started_at=task.at,
            finished_at=now,
            error=StepError("unknown", message),
            generation=task.generation,
            round=task.scope.round,
        )

    def _record(self, task: Task, outcome: Outcome, also: tuple[Outcome, ...]) -> Outcome:
        """Records an outcome, trying again where the store does not answer: the effect has happened."""
        for attempt in range(1, self._settings.write_attempts + 1):
            try:
                if Execution.is_final(task, outcome):
                    return self._worker.runs.record(self._run.id, outcome, also)
                return self._worker.runs.record_attempt(self._run.id, outcome)
            except UnavailableError:
                if attempt == self._settings.write_attempts:
                    raise
                self._worker.clock.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def _wait_for_one(self, now: datetime) -> None:
        """Waits for any started effect, keeping the lease alive meanwhile."""
        assert self._group is not None
        renew_at = self._lease_expires_at - timedelta(seconds=self._settings.lease / 2)
        if not self._wait(self._group, max((renew_at - now).total_seconds(), 0.0)):
            self._renew()

    def _wait(self, group: TaskGroup, seconds: float | None) -> bool:
        ended = True
        try:
            ended = group.wait(seconds)
        finally:
            if ended:
                self._in_group -= 1
        return ended

    def _conclude(self, execution: Execution) -> None:
        while self._ended:
            task, outcome, unrecorded = self._ended.popleft()
            for kept in unrecorded:
                execution.keep(kept)
            execution.conclude(task, outcome)

    def _collect_stragglers(self) -> None:
        """Waits for effects still on their way when the hold ends: a step that executes finishes and is kept."""
        while self._group is not None and self._in_group:
            try:
                self._wait(self._group, None)
            except (UnavailableError, LeaseError):
                logger.warning("outcome not recorded", extra={"action": "record_lost", "run_id": self._run.id})

    def _lease_left(self) -> float:
        return (self._lease_expires_at - self._worker.clock.now()).total_seconds()

    def _look(self, seconds: float = 0.0) -> None:
        """Makes sure from time to time that the run is still ours, and will be for as long as an effect takes."""
        now = self._worker.clock.now()
        is_stale = (now - self._seen_at).total_seconds() >= self._settings.renew
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
        tail = execution.take_unrecorded()
        try:
            self._release(status, wake_at, tail, execution.rounds())
        except SignalledError:
            for outcome in tail:
                execution.keep(outcome)
            self._take_answers(execution)
            return False
        return True

    def _release(
        self,
        status: RunStatus,
        wake_at: datetime,
        tail: tuple[Outcome, ...],
        rounds: tuple[Round, ...],
        *,
        begun: bool = True,
    ) -> None:
        """Writes first, sends after; if the hint is lost, the due index brings the run back."""
        now = self._worker.clock.now()
        if self._run.deadline_at is not None:
            wake_at = min(wake_at, self._run.deadline_at)
        delay = max((wake_at - now).total_seconds(), 0.0)
        is_near = delay <= MAX_QUEUE_DELAY_SECONDS
        due_at = wake_at + timedelta(seconds=self._settings.resend) if is_near else wake_at
        self._worker.runs.park(
            self._run.id,
            self._run.fence,
            status=status,
            due_at=due_at,
            tail=tail,
            rounds=rounds,
            signals=self._run.signals,
            begun=begun,
        )
        if is_near:
            self._worker.queue.send(self._run.id, self._run.workspace_id, -int(-delay // 1))

    def _take_answers(self, execution: Execution) -> None:
        stored = self._worker.runs.get(self._run.id)
        if stored.fence != self._run.fence:
            raise LeaseLostError(run_id=self._run.id)
        self._run = replace(self._run, signals=stored.signals, answers=stored.answers)
        for slot, answer in stored.answers.items():
            execution.answer(slot, answer)

    def _finish(self, verdict: Verdict, tail: tuple[Outcome, ...]) -> None:
        finished_at = self._worker.clock.now()
        is_news = self._launched or has_news(replace(self._run, status=verdict.status))
        self._worker.runs.finish(
            self._run.id,
            self._run.fence,
            status=verdict.status,
            finished_at=finished_at,
            output=verdict.output,
            failure=verdict.failure,
            tail=tail,
            news_due_at=finished_at + timedelta(seconds=self._settings.resend) if is_news else None,
        )
        self.has_ended_run = True
        logger.info(
            "run ended",
            extra={"action": "run_ended", "run_id": self._run.id, "status": verdict.status.value},
        )
        if self._program is not None:
            self._worker.limiter.release(self._run, self._program)
        if is_news:
            self._worker.children.tell(self._as_ended(verdict, finished_at), may_repeat=False)

    def _as_ended(self, verdict: Verdict, finished_at: datetime) -> Run:
        """The run as it is stored now. Which children it has is read again if it may have got more."""
        run = self._worker.runs.get(self._run.id) if self._launched else self._run
        ended = replace(run, status=verdict.status, output=verdict.output, failure=verdict.failure)
        return replace(ended, finished_at=finished_at, fence=self._run.fence)


def is_recorded(task: Task, outcome: Outcome) -> bool:
    """Whether the outcome is a fact of its own: not where a child was started, which is there or not."""
    return outcome.status is not StepStatus.WAITING and task.part is None
