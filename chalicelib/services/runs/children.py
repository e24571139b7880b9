"""Runs that wait for runs: starting a child, telling its parent how it ended, and taking it down with its parent.

An ended run that others are to hear of, its parent or its workflow's listeners, stays in the due index until they have
heard, so that neither a crash nor a lost message keeps the news from them. Telling twice changes nothing: the first
answer of a step counts, and an event is recognised by the id of its emission.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from chalicelib.domain.errors import (
    AlreadyExistsError,
    ExpressionError,
    IllegalTransitionError,
    NotFoundError,
    RunEndedError,
    RunNotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.flows.flows import object_id_of
from chalicelib.domain.hints import is_due, resend_at
from chalicelib.domain.ids import derived
from chalicelib.domain.json import Json
from chalicelib.domain.parts import part_input, part_of
from chalicelib.domain.program import Program
from chalicelib.domain.run import Answer, Failure, Outcome, Parent, Reset, Run, RunStatus, StepError, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import CELIGO, INTERNAL_IDS, Workflow, WorkflowStatus, is_source
from chalicelib.services.ports import Clock, RunQueue, RunStore, WorkflowStore

MAX_DEPTH = 10


class Announcer(Protocol):
    def ended(self, run: Run, *, may_repeat: bool) -> None:
        """Lets listeners know that the run has ended; `may_repeat` if they may have been told before."""


@dataclass(frozen=True, slots=True)
class Children:
    runs: RunStore
    workflows: WorkflowStore
    queue: RunQueue
    clock: Clock
    announcer: Announcer

    def launch(self, task: Task, fence: int, program: Program) -> Outcome:
        """Starts the child of a `sub_workflow` step or of a part of a map; the outcome is WAITING, or FAILED where no
        child can be.

        The child's id follows from the step, so that launching again finds the child that is there.
        """
        known = known_child(task.run, task.slot)
        if known is not None and self._take_up(known):
            return self._outcome(task)
        if task.run.depth >= MAX_DEPTH:
            return self._outcome(task, StepError("too_deep", f"runs wait for one another more than {MAX_DEPTH} deep"))
        try:
            child = self._part(task, program) if task.part is not None else self._child(task)
        except ExpressionError as error:
            return self._outcome(task, StepError("expression", error.message))
        except NotFoundError as error:
            return self._outcome(task, StepError("workflow_not_found", error.message))
        try:
            # Noted first: a child that its parent does not know of would go on when the parent is cancelled.
            self.runs.adopt(task.run.id, fence, child.id)
            self.runs.create(child)
        except TooLargeError as error:
            return self._outcome(task, StepError("too_large", error.message))
        except AlreadyExistsError:
            # Somebody has stored it before us. Was his hint lost, the child's due time makes up for it.
            self._take_up(child.id)
            return self._outcome(task)
        self.queue.send(child.id, child.workspace_id)
        return self._outcome(task)

    def _take_up(self, child_run_id: str) -> bool:
        """A child that was started before: one that was cancelled with its parent goes on with it, one that ended
        while nobody listened tells again. False if it was never stored, or is not kept any more."""
        try:
            child = self.runs.get(child_run_id)
        except RunNotFoundError:
            return False
        if not child.status.is_final:
            return True
        if child.status is not RunStatus.CANCELLED:
            if child.parent is not None:
                # Its end counts. The parent may have ended when it was told first, and taken no answers.
                self._tell_parent(child, child.parent)
            return True
        if child.due_at is not None:
            # Nobody may have told yet, and once it is queued again, nobody can: its end is gone from the record.
            self.announcer.ended(child, may_repeat=True)
        now = self.clock.now()
        # As long as it had at first, from now on.
        limit = None if child.deadline_at is None else now + (child.deadline_at - child.created_at)
        due_at = resend_at(now)
        try:
            self.runs.restart(child.id, child.fence, resets=child.resets, deadline_at=limit, due_at=due_at)
        except (RunNotFoundError, IllegalTransitionError, StaleWriteError):
            return True  # somebody else was faster; the step waits as before
        self.queue.send(child.id, child.workspace_id)
        return True

    def _workflow(self, task: Task, workflow_id: Json) -> Workflow:
        if not isinstance(workflow_id, str) or not workflow_id:
            raise ExpressionError("'workflow_id' is not a text")
        workflow = self.workflows.get(task.run.workspace_id, workflow_id)
        if workflow.status is WorkflowStatus.DELETING:
            raise NotFoundError("The workflow does not exist.")
        return workflow

    def _part(self, task: Task, program: Program) -> Run:
        """A run of the parent's own version that does a range of the items of one of its maps."""
        assert task.part is not None
        now = self.clock.now()
        return replace(
            task.run,
            id=child_id(task.run.id, task.slot),
            status=RunStatus.QUEUED,
            created_at=now,
            # Its items begin in logical time where the map does, as they would inside the run itself.
            began_at=task.at,
            input=part_input(task, task.part),
            trigger="map",
            output=None,
            due_at=resend_at(now),
            fence=0,
            hops=0,
            stalls=0,
            lease_expires_at=None,
            tail=(),
            rounds=(),
            answers={},
            signals=0,
            resets={},
            parent=Parent(task.run.id, task.slot),
            depth=task.run.depth + 1,
            part=part_of(program, task),
            # It works in its parent's turn; waiting for one of its own, it would wait for its parent.
            exclusive=None,
            lineage=task.idempotency_key,
            children=frozenset(),
        )

    def gather(self, task: Task) -> Outcome:
        """The outputs of all parts of a map, whose children have ended well, in the items' order."""
        outputs: list[Json] = []
        for index in range(task.gathers or 0):
            key = f"{task.slot}.{index}"
            reset = task.run.resets.get(key, Reset(0))
            slot = f"{key}@{reset.generation}" if reset.generation else key
            try:
                part = self.runs.get(child_id(task.run.id, slot)).output
            except NotFoundError:
                return self._outcome(task, StepError("gone", f"the outputs of part {index} are not kept any more"))
            outputs.extend(part if isinstance(part, list) else [])
        return replace(self._outcome(task), status=StepStatus.SUCCEEDED, output=outputs)

    def _child(self, task: Task) -> Run:
        config = task.config()
        workflow = self._workflow(task, config.get("workflow_id"))
        now = self.clock.now()
        limit = workflow.timeout_seconds
        return Run(
            id=_flow_child_id(task.run, task.slot) if workflow.dialect == CELIGO else child_id(task.run.id, task.slot),
            workspace_id=workflow.workspace_id,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            version=workflow.version,
            body_ref=workflow.body_ref,
            status=RunStatus.QUEUED,
            created_at=now,
            input=config.get("input", task.incoming),
            trigger="workflow",
            deadline_at=now + timedelta(seconds=limit) if limit else None,
            due_at=resend_at(now),
            parent=Parent(task.run.id, task.slot),
            depth=task.run.depth + 1,
            lineage=task.idempotency_key,
            created_by=task.run.created_by,
            cause=task.run.cause,
        )

    def _outcome(self, task: Task, error: StepError | None = None) -> Outcome:
        # Ours may be behind the clock that the parts of a map ended by. A replay has only this record to go by, and
        # must not take the map for older than what it was made of.
        finished_at = max(self.clock.now(), task.at)
        return Outcome(
            key=task.key,
            node_id=task.step.node.id,
            status=StepStatus.FAILED if error else StepStatus.WAITING,
            attempt=task.attempt,
            started_at=task.at,
            finished_at=finished_at,
            error=error,
            generation=task.generation,
            round=task.scope.round,
        )

    def tell_overdue(self, run_id: str) -> None:
        """Tells of an end that nobody told of in time, unless somebody else has just taken that on."""
        run = self.runs.get(run_id)
        if not run.status.is_final or run.due_at is None:
            return
        # Who moves the due time is the one who tells; anybody else finds that it has moved.
        if self.runs.rearm(run.id, run.due_at, resend_at(self.clock.now())):
            self.tell(run)

    def tell(self, run: Run, *, may_repeat: bool = True) -> None:
        """Tells whoever waits for an ended run or listens to its workflow, and ends what it started. Safe to repeat.

        Only who ended the run just now knows that nobody told of it before, and only until its `due_at`.
        """
        for child in sorted(run.children) if run.status is not RunStatus.SUCCEEDED else ():
            self._end_child(child)
        if run.parent is not None:
            self._tell_parent(run, run.parent)
        # Whoever stood still for so long may have been taken for dead, and somebody else may have told of it.
        is_late = run.due_at is not None and is_due(run.due_at, self.clock.now())
        self.announcer.ended(run, may_repeat=may_repeat or is_late)
        # Last: until then the due index brings somebody back, who tells what is left to tell.
        self.runs.told(run.id, run.fence)

    def _end_child(self, child_run_id: str) -> None:
        now = self.clock.now()
        failure = Failure("cancelled", "the run that started this one ended")
        try:
            ended = self.runs.end(
                child_run_id,
                status=RunStatus.CANCELLED,
                at=now,
                failure=failure,
                news_due_at=now,  # whoever follows the hint is to tell
            )
        except (RunNotFoundError, RunEndedError):
            return
        self.queue.send(ended.id, ended.workspace_id)

    def _end_overfull(self, run_id: str, failure: Failure) -> None:
        """Ends a run that can take no more answers: better than one that waits for ever for what cannot reach it."""
        now = self.clock.now()
        try:
            self.runs.end(run_id, status=RunStatus.FAILED, at=now, failure=failure, news_due_at=now)
        except (RunNotFoundError, RunEndedError):
            return

    def _tell_parent(self, run: Run, parent: Parent) -> None:
        now = self.clock.now()
        answer = Answer(now, run.output, _error_of(run))
        try:
            self.runs.signal(parent.run_id, parent.slot, answer, resend_at(now))
        except (RunNotFoundError, RunEndedError):
            return  # nobody waits any more
        except TooLargeError as error:
            self._end_overfull(parent.run_id, Failure("too_large", error.message))
        self.queue.send(parent.run_id, run.workspace_id)


def child_id(parent_id: str, slot: str) -> str:
    """The one id that the child of this step can have."""
    return derived("exec_", f"{parent_id}/{slot}")


def known_child(parent: Run, slot: str) -> str | None:
    """The child of this step, if the run has noted one."""
    if not parent.children:
        return None
    possible = (child_id(parent.id, slot), _flow_child_id(parent, slot))
    return next((each for each in possible if each in parent.children), None)


def _flow_child_id(parent: Run, slot: str) -> str:
    """`child_id` in the form that runs of flows have."""
    return object_id_of(child_id(parent.id, slot), parent.created_at)


def has_news(run: Run) -> bool:
    """Whether somebody is to hear that the run has ended."""
    return run.parent is not None or bool(run.children) or is_announced(run)


def is_announced(run: Run) -> bool:
    """Whether the run's end is one of its workflow: not that of a part of a map, nor of a workflow of our own. Sources
    speak for themselves; only that one of their runs failed may be news."""
    if is_source(run.workflow_id):
        return run.status not in {RunStatus.SUCCEEDED, RunStatus.CANCELLED}
    return run.part is None and run.workflow_id not in INTERNAL_IDS


def _error_of(run: Run) -> StepError | None:
    if run.status is RunStatus.SUCCEEDED:
        return None
    message = run.failure.message if run.failure else run.status.value
    return StepError("sub_workflow", f"the run {run.id} ended {run.status}: {message}")
