"""What must hold at every moment, checked at every call at the moment when it takes effect.

The watch keeps its own account of what was accepted, claimed, recorded and sent, and compares: it believes neither
the store nor the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn

from chalicelib.domain.errors import RunNotFoundError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.ids import escape
from chalicelib.domain.node_types import Kind
from chalicelib.domain.parts import program_of
from chalicelib.domain.program import Program
from chalicelib.domain.retry import next_attempt_at
from chalicelib.domain.run import TRANSITIONS, History, Outcome, Run, RunStatus, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.services.runs.steps import generation_of
from tests.fakes import MemoryRunStore
from tests.simulator.world import Invocation, ViolationError, World

UNDER_A_FENCE = frozenset({"runs.renew", "runs.park", "runs.finish", "runs.adopt"})
_FIXED = ("workspace_id", "workflow_id", "version", "body_ref", "created_at", "input", "trigger", "parent", "depth")

Step = tuple[str, str, int]
"""Run, key and generation."""


class Watch:
    def __init__(
        self,
        world: World,
        store: MemoryRunStore,
        programs: Callable[[Run], Program],
        due_changed: Callable[[datetime], None],
    ) -> None:
        self._world = world
        self._store = store
        self.program = programs
        self._due_changed = due_changed
        self._before: Run | None = None
        self._holders: dict[tuple[str, int], Invocation] = {}
        self._pure: dict[Step, tuple[object, ...]] = {}
        self._requests: dict[tuple[str, str], bytes | None] = {}
        self._places: dict[str, str] = {}
        self._over: set[Step] = set()
        self._sent: dict[Step, int] = {}
        self.accepted: set[str] = set()
        self.known: dict[str, None] = {}
        self.finals: dict[str, dict[tuple[str, int], Outcome]] = {}
        self.attempts: dict[str, dict[tuple[str, int, int], Outcome]] = {}
        self.effects: Callable[[str], int] = lambda key: 0
        self.steps = 0

    def fail(self, message: str) -> NoReturn:
        self._world.violate(ViolationError(message))

    def run(self, run_id: str) -> Run | None:
        try:
            return self._store.get(run_id)
        except RunNotFoundError:
            return None

    def _stored(self, run_id: str) -> Run:
        run = self.run(run_id)
        assert run is not None, "what is recorded is recorded of a run"
        return run

    # -- calls of the run store ---------------------------------------------------------------------------------------

    def before(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._before = self.run(_run_id(arguments)) if arguments else None

    def after(self, call: str, arguments: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        run_id = _run_id(arguments)
        before, after = self._before, self.run(run_id)
        if after is not before and after is not None:
            self._changed(call, before, after)
        if isinstance(result, Exception):
            if isinstance(result, RunNotFoundError) and run_id in self.known:
                self.fail(f"the run {run_id} was there and is gone")
            return
        match call:
            case "runs.claim":
                self._claimed(result)
            case "runs.record":
                self._recorded(run_id, result, *arguments[2:])
            case "runs.record_attempt":
                self._attempted(run_id, result)
            case "runs.history":
                self._read(run_id, result)
            case "runs.park":
                self._tail(run_id, named["tail"])
            case "runs.finish":
                self._tail(run_id, named["tail"])
                self._finished(after, named)
            case "runs.told":
                self._told(after)
        if call in UNDER_A_FENCE:
            self._written(call, run_id, arguments[1])

    def _changed(self, call: str, before: Run | None, after: Run) -> None:
        if before is not None:
            self._follows(call, before, after)
        self.known[after.id] = None
        if after.status.is_final:
            waited_for = after.parent is not None or bool(after.children)
            if waited_for and after.due_at is None and call != "runs.told":
                self.fail(f"{call} took {after.id} out of the due index although others are to hear of its end")
        elif after.status is RunStatus.PAUSED:
            if after.due_at is not None or after.lease_expires_at is not None:
                self.fail(f"{call} left the paused run {after.id} with a due time or a lease")
        elif after.due_at is None:
            self.fail(f"{call} left the live run {after.id} without a due time")
        if after.due_at is not None and (before is None or before.due_at != after.due_at):
            self._due_changed(after.due_at)

    def _follows(self, call: str, before: Run, after: Run) -> None:
        name = after.id
        if before.status is not after.status or call == "runs.claim":
            if after.status not in TRANSITIONS[before.status]:
                self.fail(f"{call} changed {name} from {before.status} to {after.status}")
            if before.status.is_final and call != "runs.restart":
                self.fail(f"{call} changed the final status of {name}")
        if (
            before.status.is_final
            and after.status.is_final
            and (before.output, before.failure, before.tail)
            != (
                after.output,
                after.failure,
                after.tail,
            )
        ):
            self.fail(f"{call} changed the result of {name}")
        if after.fence < before.fence:
            self.fail(f"{call} lowered the fence of {name}")
        if call in UNDER_A_FENCE and after.fence != before.fence:
            self.fail(f"{call} changed the fence of {name}")
        for member in _FIXED:
            if getattr(before, member) != getattr(after, member):
                self.fail(f"{call} changed {member} of {name}")
        if call != "runs.restart" and (before.deadline_at, before.resets) != (after.deadline_at, after.resets):
            self.fail(f"{call} changed the deadline or the resets of {name}")
        if not before.children <= after.children or after.signals < before.signals:
            self.fail(f"{call} forgot children or signals of {name}")
        if any(after.answers.get(slot) != answer for slot, answer in before.answers.items()):
            self.fail(f"{call} changed an answer of {name}")

    def _claimed(self, run: Run) -> None:
        invocation = self._world.acting().invocation
        if self._holders.setdefault((run.id, run.fence), invocation) is not invocation:
            self.fail(f"two holders of {run.id} have the fence {run.fence}")
        previous = self._holders.get((run.id, run.fence - 1))
        if previous is not None and not previous.is_dead and previous is not invocation:
            self._world.faults["lease taken over"] += 1

    def _written(self, call: str, run_id: str, fence: int) -> None:
        self.steps += 1
        if self._holders.get((run_id, fence)) is not self._world.acting().invocation:
            self.fail(f"{call} of {run_id} under the fence {fence} by somebody who never held it")
        before = self._before
        if before is None or before.fence != fence or before.status is not RunStatus.RUNNING:
            self.fail(f"{call} of {run_id} went through under the stale fence {fence}")

    def _finished(self, run: Run | None, named: dict[str, Any]) -> None:
        if named["status"] is RunStatus.TIMED_OUT:
            deadline_at = run.deadline_at if run else None
            if deadline_at is None or self._now() < deadline_at:
                self.fail(f"{run and run.id} timed out before its limit {deadline_at}")

    def _told(self, run: Run | None) -> None:
        if run is None or not run.status.is_final:
            return
        parent = run.parent and self.run(run.parent.run_id)
        if run.parent and parent and not parent.status.is_final and run.parent.slot not in parent.answers:
            self.fail(f"{run.id} counts as told, but its parent {parent.id} never heard of its end")
        if run.status is not RunStatus.SUCCEEDED:
            for child_id in run.children:
                child = self.run(child_id)
                if child is not None and not child.status.is_final:
                    self.fail(f"{run.id} counts as told, but its child {child_id} goes on")

    # -- what is recorded ---------------------------------------------------------------------------------------------

    def _recorded(self, run_id: str, counts: Outcome, also: Iterable[Outcome] = ()) -> None:
        self.steps += 1
        step = (run_id, counts.key, counts.generation)
        known = self.finals.setdefault(run_id, {}).setdefault((counts.key, counts.generation), counts)
        if known != counts:
            self.fail(f"the recorded outcome of {step} changed")
        for outcome in (counts, *also):
            if outcome.error is not None and outcome.error.type == "internal":
                self.fail(f"{step} failed for a reason inside the engine")
        for outcome in also:
            self._computed(run_id, outcome)
        run = self._stored(run_id)
        node = program_of(self.program(run), run).step_at(counts.key)
        if counts.status is StepStatus.SUCCEEDED and node is not None and node.node.type == "http_request":
            reset = run.resets.get(counts.key)
            keys = [effect_key(run, counts.key, number) for number in range(reset.effect + 1 if reset else 1)]
            if not any(map(self.effects, keys)):
                self.fail(f"{step} is recorded as succeeded and never had its effect")

    def _attempted(self, run_id: str, attempt: Outcome) -> None:
        self.attempts.setdefault(run_id, {}).setdefault((attempt.key, attempt.generation, attempt.attempt), attempt)

    def _tail(self, run_id: str, tail: Iterable[Outcome]) -> None:
        for outcome in tail:
            self._computed(run_id, outcome)

    def _computed(self, run_id: str, outcome: Outcome) -> None:
        """A step without effect comes out the same whoever computes it, and whenever."""
        step = (run_id, outcome.key, outcome.generation)
        result = (outcome.status, outcome.output, outcome.ports, outcome.error and outcome.error.type)
        known = self._pure.setdefault(step, result)
        if known != result:
            self.fail(f"{step} was computed twice, differently: {known} and {result}")
        run = self._stored(run_id)
        node = program_of(self.program(run), run).step_at(outcome.key)
        if node and (node.kind is Kind.WAIT or (node.kind is Kind.INPUT and outcome.error is not None)):
            self._is_over(step, outcome.finished_at, self._now())

    def _read(self, run_id: str, history: History) -> None:
        read = {(outcome.key, outcome.generation): outcome for outcome in history.outcomes}
        for step, outcome in self.finals.get(run_id, {}).items():
            if outcome.round is None and read.get(step) != outcome:
                self.fail(f"the recorded outcome of {run_id}/{step} is not what was read: {read.get(step)}")
        tried = {(attempt.key, attempt.generation, attempt.attempt): attempt for attempt in history.attempts}
        for name, attempt in self.attempts.get(run_id, {}).items():
            if attempt.round is None and tried.get(name) != attempt:
                self.fail(f"the record of the attempt {run_id}/{name} is not what was read: {tried.get(name)}")

    def check_records(self, run_id: str) -> None:
        """Everything that was recorded of a run is there, once."""
        stored: list[Outcome] = []
        after: str | None = None
        while True:
            page, after = self._store.steps(run_id, after=after, limit=50)
            stored.extend(page)
            if after is None:
                break
        for (key, generation), outcome in self.finals.get(run_id, {}).items():
            if outcome not in stored:
                self.fail(f"the recorded outcome of {run_id}/{key}#{generation} is not among the run's steps")

    # -- what is carried out ------------------------------------------------------------------------------------------

    def begins(self, task: Task) -> None:
        """A step is about to be carried out: everything it waited for has to be over, by its own invocation's clock."""
        now = self._now()
        scope = task.scope
        for source in scope.arrived.get(task.step.node.id, ()):
            step = scope.program.steps[source]
            if step.kind is Kind.WAIT or (step.kind is Kind.INPUT and _timed_out(scope.outputs.get(source))):
                key = scope.prefix + escape(source)
                self._is_over((task.run.id, key, generation_of(task.run, key)), scope.times[source], now)
        if task.attempt - task.attempts_before > 1:
            self._retries(task, now)

    def _is_over(self, step: Step, over_at: datetime, now: datetime) -> None:
        """Whoever concludes that a wait is over does so by its own clock; others go by what was recorded then."""
        if step not in self._over:
            self._over.add(step)
            if now < over_at:
                self.fail(f"{step} was taken to be over at {now}, before it was, at {over_at}")

    def _retries(self, task: Task, now: datetime) -> None:
        failed = self.attempts.get(task.run.id, {}).get((task.key, task.generation, task.attempt - 1))
        if failed is None:
            self.fail(f"{task.seed} makes attempt {task.attempt} without a record of the one before")
        pause = failed.error.retry_after_seconds if failed.error else None
        number = failed.attempt - task.attempts_before
        due_at = next_attempt_at(task.step.node.retry, number, failed.finished_at, task.seed, pause)
        if now < due_at:
            self.fail(f"{task.seed} makes attempt {task.attempt} at {now}, before it is due at {due_at}")

    def requested(self, request: HttpRequest) -> None:
        """A call leaves for its receiver."""
        task = self._world.acting().task
        key = request.headers.get("Idempotency-Key")
        if task is None or key is None:
            self.fail(f"a call without a step or without an idempotency key: {request.url}")
        _, _, _, run_id, place = request.url.split("/", 4)
        run = self.run(run_id)
        if run is None or key != effect_key(run, task.key, task.effect) or _node(task.key) != place.split("/")[0]:
            self.fail(f"the key {key} does not name the step that sends to {request.url}")
        if self._places.setdefault(key, place) != place:
            self.fail(f"the key {key} belongs to two steps: {self._places[key]} and {place}")
        sent = self._requests.setdefault((run_id, key), request.body)
        if sent != request.body:
            self.fail(f"the key {key} was used for two different calls: {sent!r} and {request.body!r}")
        step = (run_id, task.key, task.generation)
        self._sent[step] = self._sent.get(step, 0) + 1
        if task.step.node.at_most_once and self._sent[step] > 1:
            self.fail(f"the at-most-once step {step} was tried again")

    def body_of(self, run: Run, key: str) -> bytes | None:
        """What a step of a run sent; None if it sent nothing."""
        reset = run.resets.get(key)
        return self._requests.get((run.id, effect_key(run, key, reset.effect if reset else 0)))

    def is_computed(self, run_id: str, key: str) -> bool:
        """Whether a step without effect has come to an outcome, in any generation."""
        return any((run_id, key, generation) in self._pure for generation in range(10))

    def _now(self) -> datetime:
        return self._world.time(self._world.acting().invocation.skew_ms)


def effect_key(run: Run, key: str, effect: int) -> str:
    """The idempotency key that the step of this key has; that of a child begins with the one of its parent's step."""
    base = f"{run.lineage or run.id}/{key}"
    return f"{base}/r{effect}" if effect else base


def _node(key: str) -> str:
    return key.rpartition("/")[2]


def _timed_out(output: object) -> bool:
    error = output.get("error") if isinstance(output, dict) else None
    return isinstance(error, dict) and error.get("type") == "timeout"


def _run_id(arguments: tuple[Any, ...]) -> str:
    first = arguments[0] if arguments else ""
    return first.id if isinstance(first, Run) else str(first)
