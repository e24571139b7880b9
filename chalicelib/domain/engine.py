"""The engine: (graph, recorded outcomes, answers, now) → what to do next, and when the run has ended.

An `Execution` is a fold over outcomes. It has no clock and does no I/O: whoever drives it performs the tasks it
hands out, records their outcomes and feeds back what was recorded. Given the same outcomes it reaches the same
state, in whatever order they arrive and however often the run was interrupted. It looks at each outcome once, so
the cost of a step does not depend on how many were recorded before it.

Time inside a run is logical: a step sees as `now()` the moment the last effect or wait before it ended, which a
replay computes again exactly.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import containers, parts
from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.graph import ERROR, MAIN, OnError
from chalicelib.domain.ids import escape
from chalicelib.domain.json import Json
from chalicelib.domain.node_types import Kind
from chalicelib.domain.program import Exit, Program
from chalicelib.domain.recorded import Recorded
from chalicelib.domain.retry import next_attempt_at
from chalicelib.domain.run import (
    Answer,
    Failure,
    History,
    Outcome,
    Reset,
    Round,
    Run,
    RunStatus,
    StepError,
    StepStatus,
)
from chalicelib.domain.tasks import Scope, Task
from chalicelib.domain.times import iso_z
from chalicelib.domain.waits import timeout_at, wake_at
from chalicelib.domain.weights import Weight, weigh, weigh_members

MAX_OUTPUT_WEIGHT = 24_000_000
"""About as many characters as JSON: four of the largest values that come in from outside."""

_NO_RESET = Reset(0)
MAX_OUTPUT_LEVELS = 200
"""Three times what a text from outside may have, and few enough for everything that walks a value by calling itself."""

_LIMITS = f"more than {MAX_OUTPUT_WEIGHT:,} characters, or is nested more than {MAX_OUTPUT_LEVELS} levels deep"
_TOO_LARGE = StepError("too_large", f"the step's output has {_LIMITS}")
_TOO_LARGE_TOGETHER = StepError("too_large", f"what came in from several steps together has {_LIMITS}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the run ends."""

    status: RunStatus
    output: Json = None
    failure: Failure | None = None


class Execution:
    """One run being advanced. Not thread-safe: one thread drives it, tasks may be performed by others."""

    def __init__(self, program: Program, run: Run, history: History, *, resumed: bool = True) -> None:
        self._run = run
        self._recorded = Recorded(run.tail)
        self._positions = {position.container: position for position in run.rounds}
        self._answers: dict[str, Answer] = dict(run.answers)
        self._ready: deque[Task] = deque()
        # By time, then by a number of their own: tasks do not compare, and those of one moment keep their order.
        self._timers: list[tuple[datetime, int, Task]] = []
        self._timer_count = 0
        self._listening: dict[str, Task] = {}
        self._lookups: deque[Task] = deque()
        self._overdue: deque[tuple[str, Answer]] = deque()
        self._containers: dict[str, containers.Container] = {}
        self._performing = 0
        self._failure: Failure | None = None
        self._verdict: Verdict | None = None
        self._work: deque[tuple[Scope, str, str | None]] = deque()
        # After the tail: where a step has a record of its own, that takes the place of what the run carried of it.
        self._recorded.load(history)
        self._run, self._root = parts.root_of(program, run, resumed)
        self.program = program
        self.open(self._root)
        self._propagate()

    @property
    def performing(self) -> int:
        """Tasks handed out whose outcome has not come back."""
        return self._performing

    def advance(self, now: datetime) -> Verdict | None:
        """Lets time pass: waits and retry pauses that are over become tasks. The verdict, once there is one."""
        deadline = self._run.deadline_at
        # Who was done, or had failed, before the clock was read keeps the end that it came to.
        if deadline is not None and now >= deadline and self._verdict is None and self._failure is None:
            message = f"the run took longer than its limit, which was {iso_z(deadline)}"
            self._verdict = Verdict(RunStatus.TIMED_OUT, failure=Failure("timeout", message))
        while self._timers and self._timers[0][0] <= now and self._failure is None:
            due_at, _, task = heapq.heappop(self._timers)
            if not task.scope.is_closed():
                self._timer_due(task, due_at)
        self._propagate()
        return self._verdict_if_idle()

    def next_task(self) -> Task | None:
        """The next step to perform, or None while there is none."""
        while self._ready and self._failure is None and self._verdict is None:
            task = self._ready.popleft()
            if not task.scope.is_closed():
                self._performing += 1
                return task
        return None

    def next_lookup(self) -> Task | None:
        """A loop or map that an earlier hold may have begun, and whose records `supply` should bring; or None."""
        while self._lookups and self._failure is None:
            task = self._lookups.popleft()
            if not task.scope.is_closed():
                return task
        return None

    def next_overdue(self) -> tuple[str, Answer] | None:
        """A slot whose answer did not come in time, and the one to store for it; or None. An answer that somebody gives
        at the same moment may be stored first, and then counts."""
        return self._overdue.popleft() if self._overdue else None

    def wake_at(self) -> datetime | None:
        """When the earliest wait, time limit or retry pause is over."""
        # Timers stay in the heap when their step is settled; those that have come to its front are dropped here.
        while self._timers and (self._timers[0][2].scope.is_closed() or self._is_answered(self._timers[0][2])):
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def waiting(self) -> tuple[Task, ...]:
        """Steps that wait: for a time, an answer, or their next attempt."""
        timed = {task.slot: task for _, _, task in self._timers if not self._is_answered(task)}
        return tuple((timed | self._listening).values())

    def is_ready(self) -> bool:
        """Whether there are steps that could be performed now."""
        return bool(self._ready)

    def rounds(self) -> tuple[Round, ...]:
        """Where the loops stand that are under way."""
        return tuple(
            position
            for container in self._containers.values()
            if (position := container.position()) is not None and not container.task.scope.is_closed()
        )

    @staticmethod
    def is_final(task: Task, outcome: Outcome) -> bool:
        """Whether the outcome of this attempt ends the step, rather than being followed by another attempt."""
        if outcome.status is not StepStatus.FAILED:
            return True
        node = task.step.node
        retryable = outcome.error is not None and outcome.error.retryable and not node.at_most_once
        # Attempts are counted on through retries of the run, the policy's begin anew with each.
        return not retryable or outcome.attempt - task.attempts_before >= node.retry.max_attempts

    def conclude(self, task: Task, outcome: Outcome) -> None:
        """Takes the outcome that was recorded for a task, final or not."""
        self._performing -= 1
        if task.scope.is_closed():  # it happened and is recorded, but its branch no longer counts
            return
        if outcome.status is StepStatus.WAITING:
            self._listen(task)
        elif task.part is not None:
            # Only a part that could not be started ends like this: a child's end comes in as an answer.
            self._settle_part(task, Answer(outcome.finished_at, None, outcome.error), outcome.finished_at)
        elif self.is_final(task, outcome):
            self.settle(task, outcome)
        else:
            self._retry_later(task, outcome)
        self._propagate()

    def supply(self, task: Task, history: History, newest: Round | None) -> None:
        """Answers a lookup: what was recorded of a map's items, or of the newest round of a loop."""
        self._recorded.load(history)
        known = self._positions.get(task.slot)
        # What was noted when the run was parked may be behind the records of a worker that died after that.
        if known is None or (newest is not None and newest.index > known.index):
            known = newest
        self._enter(task, known)
        self._propagate()

    def answer(self, slot: str, answer: Answer) -> None:
        """Takes what came in from outside for a waiting step. The first answer of a step counts."""
        if slot in self._answers:
            return
        self._answers[slot] = answer
        task = self._listening.pop(slot, None)
        if task is not None and not task.scope.is_closed():
            self._settle_answer(task, answer)
            self._propagate()

    def keep(self, outcome: Outcome) -> None:
        """Notes an outcome that the next record should carry along."""
        self._recorded.keep(outcome)

    def take_unrecorded(self) -> tuple[Outcome, ...]:
        """The outcomes that no record carries yet; the caller records them or gives them back by `keep`."""
        return self._recorded.take_unrecorded()

    def open(self, scope: Scope) -> None:
        """Begins a scope at its start nodes. For the engine and its containers."""
        program = scope.program
        scope.unresolved = {node_id: step.entries for node_id, step in program.steps.items()}
        # How the run was started says nothing about triggers inside of bodies.
        starts = program.starts_for(self._run.trigger if scope.owner is None else "")
        for node_id in program.roots:
            if node_id in starts:
                self._activate(scope, node_id)
            else:
                self._move(scope, node_id, None)
        self._look_at(scope)

    def _activate(self, scope: Scope, node_id: str) -> None:
        step = scope.program.steps[node_id]
        key = scope.prefix + escape(node_id)
        reset = self._run.resets.get(key, _NO_RESET)
        sources = scope.arrived.get(node_id, ())
        task = Task(
            run=self._run,
            key=key,
            step=step,
            scope=scope,
            incoming=self._incoming(scope, node_id),
            at=max((scope.times[source] for source in sources), default=scope.opened_at),
            # By the clock, and shown to watchers alone: nothing that the run computes depends on it.
            free_at=max((scope.seen[source] for source in sources), default=None),
            attempt=reset.attempts + 1,
            attempts_before=reset.attempts,
            generation=reset.generation,
            effect=reset.effect,
        )
        scope.live += 1
        recorded = self._recorded.take_outcome(key, task.generation)
        if recorded is not None:
            self.settle(task, recorded)
        # A single output was weighed before, or has the bounds of what comes in from outside.
        elif len(sources) > 1 and _is_too_large(weigh(task.incoming, MAX_OUTPUT_WEIGHT, scope.known_weights)):
            self.fail_step(task, _TOO_LARGE_TOGETHER)
        else:
            self._begin(task)

    def _incoming(self, scope: Scope, node_id: str) -> Json:
        """The output of the one taken predecessor, or of several by their ids; at a start, the scope's own."""
        sources = scope.arrived.get(node_id)
        if not sources:
            return scope.incoming
        if len(sources) == 1:
            return scope.outputs[sources[0]]
        # Two edges may come from one node, and in which order they arrived is chance: neither is to show.
        return {source: scope.outputs[source] for source in sorted(set(sources))}

    def _begin(self, task: Task) -> None:
        try:
            match task.step.kind:
                case Kind.WAIT:
                    self._set_timer(wake_at(task.config(), task.at), task)
                case Kind.INPUT:
                    self._listen(task)
                case Kind.CONTAINER:
                    self._enter_or_look_up(task)
                # The child has ended: looking for it again would find its answer, at the price of a read.
                case Kind.CHILD if task.slot in self._answers:
                    self._listen(task)
                case _:
                    self._begin_attempt(task)
        except ExpressionError as error:
            self.fail_step(task, StepError("expression", error.message))

    def _begin_attempt(self, task: Task) -> None:
        failed = self._recorded.take_attempt(task.key, task.generation)
        if failed is not None:
            self._retry_later(task, failed)
            return
        # An intent without an outcome: whoever began it died, and nobody knows how far the effect came.
        task.abandoned = task.step.node.at_most_once and self._recorded.was_begun(task.key, task.generation)
        self._ready.append(task)

    def _retry_later(self, task: Task, failed: Outcome) -> None:
        pause = failed.error.retry_after_seconds if failed.error else None
        number = failed.attempt - task.attempts_before
        at = next_attempt_at(task.step.node.retry, number, failed.finished_at, task.seed, pause)
        task.attempt = failed.attempt + 1
        self._set_timer(at, task)

    def _set_timer(self, at: datetime, task: Task) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (at, self._timer_count, task))

    def _timer_due(self, task: Task, due_at: datetime) -> None:
        kind = task.step.kind
        if kind is Kind.WAIT:
            self.succeed_step(task, task.incoming, finished_at=max(due_at, task.at))
        elif kind is not Kind.INPUT:
            self._ready.append(task)
        elif not self._is_answered(task):
            # Not settled here: somebody may answer at this moment, and which of the two counts the store decides.
            self._overdue.append((task.slot, Answer(due_at, error=StepError("timeout", "nobody answered in time"))))

    def _listen(self, task: Task) -> None:
        answer = self._answers.get(task.slot)
        if answer is not None:
            self._settle_answer(task, answer)
            return
        # A child run has a deadline of its own; a limit of the step would end it only in its parent's eyes.
        limit = timeout_at(task.config(), task.at) if task.step.kind is Kind.INPUT else None
        self._listening[task.slot] = task
        if limit is not None:
            self._set_timer(limit, task)

    def _is_answered(self, task: Task) -> bool:
        return task.step.kind is Kind.INPUT and task.slot not in self._listening

    def _settle_answer(self, task: Task, answer: Answer) -> None:
        # The time is another machine's, whose clock may be behind: nothing ends before it began.
        at = max(answer.at, task.at)
        if task.part is not None:
            self._settle_part(task, answer, at)
            return
        if answer.error is not None:
            self.fail_step(task, answer.error, finished_at=at)
        else:
            self.succeed_step(task, answer.output, finished_at=at)

    def _settle_part(self, task: Task, answer: Answer, at: datetime) -> None:
        """A child's failure fails the map, but is no outcome of it: a retry does the failed parts again, not all."""
        assert task.part is not None
        spread = self._containers.get(task.part.map_slot)
        # Another part has failed meanwhile, and the map has ended by that.
        if not isinstance(spread, containers.SpreadMap):
            return
        if answer.error is None:
            spread.part_done(at)
            return
        self.leave(spread.task)
        if task.step.node.on_error is OnError.FAIL:
            self._fail(task.scope, task.step.node.id, answer.error, StepStatus.FAILED)
        else:
            self._survive(spread.task, answer.error, at)

    def perform_part(self, task: Task) -> None:
        """Hands out a part of a map, unless its child has ended already. For the engine's containers."""
        if task.slot in self._answers:
            self._settle_answer(task, self._answers[task.slot])
        else:
            self._ready.append(task)

    def hand_out(self, task: Task) -> None:
        """Hands out a task of a container's own."""
        self._ready.append(task)

    def _enter_or_look_up(self, task: Task) -> None:
        # A scope that was opened in this hold has no records yet, so the store need not be asked.
        if task.scope.restored and containers.has_rounds(task):
            self._lookups.append(task)
        else:
            self._enter(task, None)

    def _enter(self, task: Task, position: Round | None) -> None:
        try:
            container = containers.build(self, task)
        except ExpressionError as error:
            self.fail_step(task, StepError("expression", error.message))
            return
        # Known before it is entered: what it opens may come to its end at once.
        self._containers[task.slot] = container
        container.enter(position)

    def leave(self, task: Task) -> None:
        """A container has ended, one way or the other: none of its scopes counts any more."""
        task.left = True
        self._containers.pop(task.slot, None)

    def succeed_step(self, task: Task, output: Json, *, finished_at: datetime) -> None:
        """Ends a step that the engine itself carries out; deterministic, so it needs no record of its own."""
        outcome = Outcome(
            key=task.key,
            node_id=task.step.node.id,
            status=StepStatus.SUCCEEDED,
            attempt=task.attempt,
            # What was seen by the clock may be later than the logical time at which this ends.
            started_at=min(task.shown_from, finished_at),
            finished_at=finished_at,
            output=output,
            generation=task.generation,
            round=task.scope.round,
        )
        # Kept before it is settled: settling weighs what is kept, and may leave its values out.
        self.keep(outcome)
        self.settle(task, outcome)

    def fail_step(self, task: Task, error: StepError, *, finished_at: datetime | None = None) -> None:
        """Like `succeed_step`, for a failure."""
        outcome = self._failed(task, error, finished_at or task.at)
        self.keep(outcome)
        self.settle(task, outcome)

    def _failed(self, task: Task, error: StepError, finished_at: datetime) -> Outcome:
        return Outcome(
            key=task.key,
            node_id=task.step.node.id,
            status=StepStatus.FAILED,
            attempt=task.attempt,
            started_at=min(task.shown_from, finished_at),
            finished_at=finished_at,
            error=error,
            generation=task.generation,
            round=task.scope.round,
        )

    def settle(self, task: Task, outcome: Outcome) -> None:
        """Takes the outcome that ends a step, and decides the edges that leave its node."""
        scope, node = task.scope, task.step.node
        # What comes in from outside has its bounds there; it is by passing on that values double.
        if outcome.status is StepStatus.SUCCEEDED and not task.is_effect:
            outcome = self._weighed(task, outcome)
        scope.live -= 1
        scope.seen[node.id] = outcome.finished_at
        # A step without effect takes no logical time: whoever computes it again does so at another moment.
        scope.times[node.id] = task.at if task.step.kind is Kind.PURE else max(outcome.finished_at, task.at)
        if outcome.status is StepStatus.SUCCEEDED:
            ports = {MAIN, *outcome.ports} if outcome.ports else set()
            # The record of a trigger does not repeat the run's input, which may be large.
            scope.outputs[node.id] = task.run.input if node.type == "trigger" else outcome.output
        elif node.on_error is OnError.FAIL:
            self._fail(scope, node.id, outcome.error, outcome.status)
            return
        else:
            ports = {ERROR if node.on_error is OnError.PORT else MAIN}
            scope.outputs[node.id] = error_output(outcome)
        if node.type != "trigger":
            # Outputs do not compare. Of steps that end at one time the one further on in the graph gives the output.
            finished = (scope.times[node.id], task.step.order, scope.outputs[node.id])
            if scope.last is None or finished[:2] >= scope.last[:2]:
                scope.last = finished
        for exit_ in task.step.exits:
            taken = exit_.port in ports and self._holds(exit_, task)
            self._move(scope, exit_.target, node.id if taken else None)
        self._look_at(scope)

    def _weighed(self, task: Task, outcome: Outcome) -> Outcome:
        """Steps without effect pass values on without copying them, and can double what they stand for each time. What
        becomes too large is a failure, by whomever it is computed."""
        is_trigger = task.step.node.type == "trigger"
        output = task.run.input if is_trigger else outcome.output
        weight, known = weigh_members(output, MAX_OUTPUT_WEIGHT, task.scope.known_weights)
        if _is_too_large(weight):
            # Kept under the same key, and so in place of the success.
            outcome = self._failed(task, _TOO_LARGE, outcome.finished_at)
            self.keep(outcome)
            return outcome
        task.scope.weights.update(known)
        if not is_trigger:
            self._recorded.weigh(outcome.key, weight.characters)
        return outcome

    def _holds(self, exit_: Exit, task: Task) -> bool:
        if exit_.condition is None:
            return True
        node_id = task.step.node.id
        after = replace(task, incoming=task.scope.outputs[node_id], at=task.scope.times[node_id])
        try:
            return bool(exit_.condition.render(after))
        except ExpressionError as error:
            where = f"the condition of the connection to '{exit_.target}': {error.message}"
            # Whatever its on_error says: the step itself has succeeded, and where to go on nobody knows.
            self._fail(task.scope, node_id, StepError("expression", where), StepStatus.FAILED)
            return False

    def _survive(self, container: Task, error: StepError, at: datetime) -> None:
        """A container that survives a failure inside. Of several, the first decides, and which that is may be chance:
        so it is recorded before anything follows."""
        # Not retryable, or it would pass for an attempt that another is to follow.
        decided = self._failed(container, replace(error, retryable=False), at)
        self._ready.append(replace(container, decided=decided))

    def _fail(self, scope: Scope, node_id: str, error: StepError | None, status: StepStatus) -> None:
        """A failure ends the scope it happens in, and those around it, up to a container that survives failures."""
        error = error or StepError("error", "")
        inner: Scope | None = scope
        while inner is not None and (owner := inner.owner) is not None:
            self.leave(owner)
            if owner.step.node.on_error is not OnError.FAIL:
                self._survive(owner, error, inner.ended_at)
                return
            inner = inner.parent
        if self._failure is None:
            type_ = "unknown" if status is StepStatus.UNKNOWN else error.type
            self._failure = Failure(type_, error.message, node_id)

    def _propagate(self) -> None:
        """Follows edges until nothing moves. A node starts when every edge to it is decided and one was taken."""
        # A queue instead of recursion: a chain of steps without effect may be longer than Python's stack is deep.
        while self._work and self._failure is None:
            scope, node_id, source = self._work.popleft()
            if scope.is_closed():
                continue
            if not node_id:
                self._close_if_done(scope)
                continue
            scope.moving -= 1
            # A start node that is passed over has no edges to wait for.
            if scope.unresolved[node_id]:
                scope.unresolved[node_id] -= 1
            if source is not None:
                scope.arrived.setdefault(node_id, []).append(source)
            if scope.unresolved[node_id]:
                continue
            if node_id in scope.arrived:
                self._activate(scope, node_id)
            else:
                self._pass_over(scope, node_id)

    def _pass_over(self, scope: Scope, node_id: str) -> None:
        """No edge to the node was taken, so none that leaves it will be."""
        for exit_ in scope.program.steps[node_id].exits:
            self._move(scope, exit_.target, None)
        self._look_at(scope)

    def _move(self, scope: Scope, target: str, source: str | None) -> None:
        """Queues a decided edge: taken from `source`, or not taken."""
        scope.moving += 1
        self._work.append((scope, target, source))

    def _look_at(self, scope: Scope) -> None:
        """Queues, behind the edges queued so far, a look whether the scope is done."""
        self._work.append((scope, "", None))

    def _close_if_done(self, scope: Scope) -> None:
        """A scope is done when none of its nodes is under way and no edge of it undecided."""
        if scope.live or scope.moving:
            return
        scope.closed = scope.owner is not None
        if scope.owner is not None:
            self._containers[scope.owner.slot].round_done(scope)
        elif self._verdict is None:
            self._verdict = Verdict(RunStatus.SUCCEEDED, scope.last[2] if scope.last else None)

    def _verdict_if_idle(self) -> Verdict | None:
        """A verdict only takes effect once every task handed out has come back, so that none is lost."""
        if self._performing:
            return None
        if self._failure is not None:
            return Verdict(RunStatus.FAILED, failure=self._failure)
        return self._verdict


def _is_too_large(weight: Weight) -> bool:
    return weight.characters > MAX_OUTPUT_WEIGHT or weight.levels > MAX_OUTPUT_LEVELS


def error_output(outcome: Outcome) -> Json:
    """What later nodes see as the output of a failed step that does not fail its run."""
    error = outcome.error or StepError("error", "")
    return {"error": {"type": error.type, "message": error.message, "status": error.status}}
