"""Control of single runs: pause, resume, answer, retry, rerun, replay.

Every change is one conditional write of the run; the hint that follows it may be lost, for the run is in the due
index by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from chalicelib.domain.containers import collects
from chalicelib.domain.errors import (
    AnswerRefusedError,
    ForbiddenError,
    IllegalTransitionError,
    InvalidError,
    RunEndedError,
    RunNotPausedError,
    RunNotRetryableError,
    StepNotWaitingError,
)
from chalicelib.domain.forms import check_form
from chalicelib.domain.graph import OnError
from chalicelib.domain.hints import resend_at
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import escape, uuid_of
from chalicelib.domain.json import Json
from chalicelib.domain.parts import program_of
from chalicelib.domain.program import Program
from chalicelib.domain.run import RETRYABLE, Answer, Outcome, Reset, Run, StepStatus, Touch
from chalicelib.services.access import Scope
from chalicelib.services.ports import Clock, RunQueue, RunStore
from chalicelib.services.runs.programs import Programs
from chalicelib.services.runs.runs import Runs
from chalicelib.services.runs.steps import generation_of

_MAX_RESTORED_STEPS = 20_000
_LATER_SLOT = re.compile(r"(.*)@([0-9]+)")


class Control:
    """The use cases of changing a run that is there."""

    def __init__(self, *, store: RunStore, queue: RunQueue, runs: Runs, programs: Programs, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._runs = runs
        self._programs = programs
        self._clock = clock

    def pause(self, principal: Principal, run_id: str) -> Run:
        """A step that is being executed finishes and is kept; nothing new starts. Raises RunEndedError."""
        run = self._runs.owned(principal, run_id, Scope.WRITE_RUNS)
        return self._store.pause(run.id, self._touch(principal))

    def resume(self, principal: Principal, run_id: str) -> Run:
        """Raises RunEndedError, RunNotPausedError."""
        run = self._runs.owned(principal, run_id, Scope.WRITE_RUNS)
        try:
            resumed = self._store.resume(run.id, self._due_at(), self._touch(principal))
        except IllegalTransitionError as error:
            raise RunNotPausedError(run_id=run_id) from error
        return self._hinted(resumed)

    def answer(self, principal: Principal, run_id: str, step_key: str, value: Json) -> Run:
        """Answers a `user_input` step that waits, if the caller is one of those who may and its form allows the value.

        Raises AnswerRefusedError for a value the form refuses, StepNotWaitingError where no such step waits or it was
        answered before, RunEndedError, ForbiddenError.
        """
        run = self._runs.owned(principal, run_id, Scope.WRITE_RUNS)
        if run.status.is_final:
            raise RunEndedError(run_id=run_id)
        task = next((t for t in self._runs.waiting(run) if step_key in (t.key, t.step.node.id)), None)
        if task is None or task.step.node.type != "user_input":
            raise StepNotWaitingError(f"no step '{step_key[:100]}' waits for an answer", run_id=run_id)
        allowed = task.step.raw.get("allowed_users")
        if isinstance(allowed, list) and allowed and uuid_of(principal.user_id) not in allowed:
            raise ForbiddenError("The user may not answer this step.")
        try:
            check_form(task.step.raw.get("form"), value)
        except InvalidError as error:
            raise AnswerRefusedError(error.message, field=error.field) from error
        answer = Answer(self._clock.now(), value)
        # Two may have seen it wait: the store takes the first answer.
        if not self._store.signal(run.id, task.slot, answer, self._due_at(), self._touch(principal)):
            raise StepNotWaitingError(f"the step '{step_key[:100]}' was answered before", run_id=run_id)
        return self._hinted(run)

    def retry(self, principal: Principal, run_id: str) -> Run:
        """Goes on from the failed steps of a run that ended badly: same id, finished steps kept, attempts counted on,
        idempotency keys as before. Raises RunNotRetryableError for a run that is live or succeeded, StaleWriteError
        if somebody else did the same at this moment."""
        return self.retry_run(self._runs.owned(principal, run_id, Scope.WRITE_RUNS), self._touch(principal))

    def retry_run(self, run: Run, touch: Touch | None = None) -> Run:
        """`retry`, for a run at hand."""
        if run.status not in RETRYABLE:
            raise RunNotRetryableError(f"a run that is {run.status} cannot be retried", run_id=run.id)
        program = self._programs.of(run)
        newest = self._newest(run)
        own = program_of(program, run)
        failed = [o for o in newest.values() if self._blocks(o, own) and not _lies_in_an_ended(o.key, newest)]
        resets = {**run.resets, **_failed_parts(run, newest), **_begun_anew(run, own, failed)}
        return self._restart(run, program, resets, touch)

    def rerun(self, principal: Principal, run_id: str, node_id: str) -> Run:
        """Does a node and everything behind it again, with effects that receivers should take for new ones.

        Raises RunNotRetryableError while the run is live, InvalidError for a node the graph does not have.
        """
        run = self._runs.owned(principal, run_id, Scope.WRITE_RUNS)
        if not run.status.is_final:
            raise RunNotRetryableError(f"a run that is {run.status} cannot be rerun", run_id=run_id)
        program = self._programs.of(run)
        if node_id not in program.steps:
            raise InvalidError(f"the graph has no node '{node_id[:100]}'", field="node_id")
        newest = self._newest(run)
        keys = [escape(name) for name in _downstream(program, node_id)]
        known = [newest[key] for key in keys if key in newest]
        # Attempts and intents of a node without an outcome are over as well: they are of the generation before.
        blank = {key: _again(run, key, 0, is_new=True) for key in keys if key not in newest}
        own = program_of(program, run)
        failed = [
            o
            for o in newest.values()
            if o.key not in keys and self._blocks(o, own) and not _lies_in_an_ended(o.key, newest)
        ]
        resets = {
            **run.resets,
            **_failed_parts(run, newest),
            **blank,
            **_resets(run, failed, is_new=False),
            # Last, because later members win: what was asked for gets a new effect even if it had failed.
            **_resets(run, known, is_new=True),
        }
        return self._restart(run, program, resets, self._touch(principal))

    def replay(self, principal: Principal, run_id: str, *, newest: bool = True) -> Run:
        """A new run with the same input, of the newest version of its workflow or of the run's own."""
        if newest:
            return self._runs.start_again(principal, run_id)
        return self._runs.start_same_version(principal, run_id)

    def _newest(self, run: Run) -> Mapping[str, Outcome]:
        """The outcome that counts for each step of the run: that of its present generation."""
        newest = {outcome.key: outcome for outcome in run.tail if outcome.generation == generation_of(run, outcome.key)}
        for outcome in self._all_outcomes(run):
            counts = outcome.generation == generation_of(run, outcome.key) and _is_present(run, outcome.key)
            if counts and outcome.status is not StepStatus.WAITING:
                known = newest.get(outcome.key)
                # Failed attempts come along; the outcome that ended the step is the one of the last.
                if known is None or known.attempt <= outcome.attempt:
                    newest[outcome.key] = outcome
        return newest

    def _all_outcomes(self, run: Run) -> Iterable[Outcome]:
        after: str | None = None
        seen = 0
        while seen < _MAX_RESTORED_STEPS:
            page, after = self._store.steps(run.id, after=after, limit=500)
            seen += len(page)
            yield from page
            if after is None:
                return

    @staticmethod
    def _blocks(outcome: Outcome, program: Program) -> bool:
        """Whether the run cannot go on because of how this step ended."""
        if outcome.status is StepStatus.SUCCEEDED:
            return False
        step = program.step_at(outcome.key)
        return step is None or step.node.on_error is OnError.FAIL

    def _restart(self, run: Run, program: Program, resets: Mapping[str, Reset], touch: Touch | None) -> Run:
        deadline_at = None
        if run.deadline_at is not None:
            deadline_at = self._clock.now() + _time_limit(run, run.deadline_at, program)
        # Before the restart, which wipes out the end that is to be told.
        self._runs.tell_untold(run)
        due_at = self._due_at()
        try:
            restarted = self._store.restart(
                run.id, run.fence, resets=resets, deadline_at=deadline_at, due_at=due_at, touch=touch
            )
        except IllegalTransitionError as error:
            raise RunNotRetryableError("somebody else was faster", run_id=run.id) from error
        return self._hinted(restarted)

    def _touch(self, principal: Principal) -> Touch:
        return Touch(self._clock.now(), principal.user_id)

    def _due_at(self) -> datetime:
        return resend_at(self._clock.now())

    def _hinted(self, run: Run) -> Run:
        self._queue.send(run.id, run.workspace_id)
        return run


def _time_limit(run: Run, deadline_at: datetime, program: Program) -> timedelta:
    """How long the run may take from now: as long as its graph says, however often it was taken up before. A part of
    another run's map has what its parent had left."""
    seconds = program.graph.timeout_seconds
    if seconds is None or run.part is not None:
        return deadline_at - run.created_at
    return timedelta(seconds=seconds)


def _resets(run: Run, outcomes: Iterable[Outcome], *, is_new: bool) -> dict[str, Reset]:
    return {outcome.key: _again(run, outcome.key, outcome.attempt, is_new=is_new) for outcome in outcomes}


def _begun_anew(run: Run, program: Program, failed: Iterable[Outcome]) -> dict[str, Reset]:
    """What is done again for these failures: the steps themselves, but a loop that collects begins anew as a whole."""
    resets = {}
    for outcome in failed:
        loop = _collecting_loop(outcome.key, program)
        resets[loop or outcome.key] = _again(run, loop or outcome.key, 0 if loop else outcome.attempt, is_new=False)
    return resets


def _collecting_loop(key: str, program: Program) -> str | None:
    """The key of the outermost loop that collects among those that the step lies in."""
    for container in _around(key):
        step = program.step_at(container)
        if step is not None and collects(step):
            return container
    return None


def _around(key: str) -> Iterable[str]:
    """The keys of the containers that a step lies in, from the outermost."""
    return (container for container, _ in _slots_around(key))


def _slots_around(key: str) -> Iterable[tuple[str, int]]:
    """Those keys with the generation of the container that the step lies in."""
    # Dots in ids of nodes are encoded: each one here stands behind the slot of a container.
    return (_parts_of(key[:end]) for end, letter in enumerate(key) if letter == ".")


def _is_present(run: Run, key: str) -> bool:
    """Whether the containers around the step are those of now, and not such as were begun anew since."""
    return all(generation_of(run, container) == generation for container, generation in _slots_around(key))


def _lies_in_an_ended(key: str, newest: Mapping[str, Outcome]) -> bool:
    """Whether a container around the step has ended, having survived what failed in it."""
    return any(container in newest for container in _around(key))


def _failed_parts(run: Run, newest: Mapping[str, Outcome]) -> dict[str, Reset]:
    """Resets of what a child run was started for and failed at, where no outcome tells: of parts of a map."""
    failed = {}
    for slot, answer in run.answers.items():
        key, generation = _parts_of(slot)
        is_told = key in newest or _lies_in_an_ended(key, newest)
        if answer.error is not None and not is_told and generation == generation_of(run, key):
            failed[key] = _again(run, key, 0, is_new=False)
    return failed


def _parts_of(slot: str) -> tuple[str, int]:
    """The key and the generation that a slot is named for."""
    match = _LATER_SLOT.fullmatch(slot)
    return (match[1], int(match[2])) if match else (slot, 0)


def _again(run: Run, key: str, attempts: int, *, is_new: bool) -> Reset:
    before = run.resets.get(key, Reset(0))
    return Reset(before.generation + 1, attempts, before.effect + is_new)


def _downstream(program: Program, node_id: str) -> list[str]:
    """The node and everything that edges lead to from it."""
    found = [node_id]
    for name in found:  # grows while it is walked
        found.extend(exit_.target for exit_ in program.steps[name].exits if exit_.target not in found)
    return found
