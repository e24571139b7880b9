"""The effects of one hold on a run: each tried once, in whichever thread, and what came of it recorded.

An effect that was begun is waited for, even by a hold that is over: what happened outside is to be known here.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chalicelib.domain.engine import Execution
from chalicelib.domain.errors import LeaseError, UnavailableError
from chalicelib.domain.node_types import Kind
from chalicelib.domain.program import Program
from chalicelib.domain.run import Outcome, Run, StepError, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.services.ports import TaskGroup

if TYPE_CHECKING:
    from chalicelib.services.runs.worker import Worker

logger = logging.getLogger(__name__)

_WRITE_ATTEMPTS = 4


class Effects:
    """Performs tasks for one hold. One thread calls it; tasks in a group are performed by others meanwhile."""

    def __init__(self, worker: Worker, run: Run, program: Program) -> None:
        self._worker = worker
        self._run = run
        self._program = program
        self._group: TaskGroup | None = None
        self._in_group = 0
        # Filled by the threads that perform, emptied by the one that drives: a deque's ends are safe to share.
        self._ended: deque[tuple[Task, Outcome, tuple[Outcome, ...]]] = deque()
        self.has_launched = False
        """Whether a child run was started, or looked for."""

    @property
    def have_ended(self) -> bool:
        return bool(self._ended)

    def taken(self) -> Iterator[tuple[Task, Outcome, tuple[Outcome, ...]]]:
        """What has ended since the last call: the task, the outcome that counts, and outcomes that were to be recorded
        with it and are in no record."""
        while self._ended:
            yield self._ended.popleft()

    def perform(self, task: Task, also: tuple[Outcome, ...], seconds: float) -> None:
        """One attempt and its record, in this very thread."""
        outcome = self._attempt(task, seconds)
        if not _is_recorded(task, outcome):
            self._ended.append((task, outcome, also))
            return
        counts = self._record(task, outcome, also)
        # The very object comes back only where this record was the first, and what went with it is stored too.
        carries = counts is outcome and Execution.is_final(task, outcome)
        self._ended.append((task, counts, () if carries else also))

    def start(self, task: Task, also: tuple[Outcome, ...], seconds: float) -> None:
        """The same in a thread of its own."""
        if self._group is None:
            self._group = self._worker.spawner.group()
        self._in_group += 1
        self._group.start(lambda: self.perform(task, also, seconds))

    def wait(self, seconds: float | None) -> bool:
        """Waits for any started effect; False if none ended in that time. Raises what its thread raised."""
        assert self._group is not None
        # One that raises has ended as well, and must not be waited for again.
        ended = True
        try:
            ended = self._group.wait(seconds)
        finally:
            if ended:
                self._in_group -= 1
        return ended

    def collect_stragglers(self) -> None:
        """Waits for effects still on their way when the hold ends: a step that executes finishes and is kept."""
        while self._in_group:
            try:
                self.wait(None)
            # It has happened and cannot be recorded: whoever takes the run up repeats it under the same key.
            except (UnavailableError, LeaseError):
                logger.warning("outcome not recorded", extra={"action": "record_lost", "run_id": self._run.id})

    def _attempt(self, task: Task, seconds: float) -> Outcome:
        if task.decided is not None:
            return task.decided
        if task.gathers is not None:
            return self._worker.children.gather(task)
        if task.part is not None or task.step.kind is Kind.CHILD:
            self.has_launched = True
            return self._worker.children.launch(task, self._run.fence, self._program)
        # Marked before it is tried: who finds the mark cannot know how far the other came.
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
        for attempt in range(1, _WRITE_ATTEMPTS + 1):
            try:
                if Execution.is_final(task, outcome):
                    return self._worker.runs.record(self._run.id, outcome, also)
                return self._worker.runs.record_attempt(self._run.id, outcome)
            except UnavailableError:
                if attempt == _WRITE_ATTEMPTS:
                    raise
                self._worker.clock.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")


def _is_recorded(task: Task, outcome: Outcome) -> bool:
    """Whether the outcome is a fact of its own: not where a child was started, which is there or not."""
    return outcome.status is not StepStatus.WAITING and task.part is None
