"""Starting, watching and ending runs, for whichever door asks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import islice

import msgspec

from chalicelib.domain.errors import (
    AlreadyExistsError,
    IdempotencyConflictError,
    IllegalTransitionError,
    RunEndedError,
    RunNotFoundError,
    StaleWriteError,
)
from chalicelib.domain.flows.flows import OBJECT_ID_BYTES, object_id
from chalicelib.domain.graph import Graph
from chalicelib.domain.hints import resend_at
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES, mint
from chalicelib.domain.json import Json
from chalicelib.domain.run import LIVE, Failure, Run, RunStatus, RunSummary, Start, Touch
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import CELIGO, Workflow
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.ports import (
    Clock,
    Entropy,
    MarkStore,
    Page,
    Performer,
    RunFilter,
    RunQueue,
    RunStore,
    Spawner,
)
from chalicelib.services.runs.children import Announcer, has_news
from chalicelib.services.runs.programs import Programs
from chalicelib.services.runs.steps import RunView, StepPage, Steps, StepView

__all__ = ["RunView", "Runs", "StepPage", "StepView"]

READ_TOGETHER = 32
KEY_LIFETIME = timedelta(hours=24)
_SWEEP_PAGE = 100
_TRIES = 3
_GIVEN_UP = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT})


BY_NOBODY = Start()


class Runs:
    """The use cases of runs."""

    def __init__(
        self,
        *,
        store: RunStore,
        queue: RunQueue,
        access: Access,
        programs: Programs,
        performer: Performer,
        marks: MarkStore,
        clock: Clock,
        entropy: Entropy,
        spawner: Spawner,
        announcer: Callable[[], Announcer],
    ) -> None:
        """`announcer` is asked for when an end has to be told that its worker did not tell."""
        self._announcer = announcer
        self._store = store
        self._queue = queue
        self._access = access
        self._steps = Steps(store, programs, performer)
        self._marks = marks
        self._clock = clock
        self._entropy = entropy
        self._spawner = spawner

    def start(
        self,
        workflow: Workflow,
        input: Json,  # noqa: A002 - the run's word
        trigger: str = "manual",
        idempotency_key: str | None = None,
        start: Start = BY_NOBODY,
    ) -> Run:
        """Accepts a run of the workflow's present version: stored first, hinted at after.

        With a key, starts of one workflow by one trigger within a day are one: repetitions get the first one's run.
        Raises IdempotencyConflictError for a repetition with another input.
        """
        run = self._new_run(workflow, input, trigger, start)
        if idempotency_key is not None:
            return self._start_once(run, idempotency_key)
        if start.run_id is not None:
            return self._accept_once(run, start.hint_delay_seconds)
        self._accept(run, start.hint_delay_seconds)
        return run

    def get(self, principal: Principal, run_id: str) -> RunView:
        """The run with its steps so far, those that execute or wait included. Raises RunNotFoundError."""
        return self._steps.view(self.owned(principal, run_id, Scope.READ_RUNS))

    def steps(self, principal: Principal, run_id: str, after: str | None, limit: int) -> StepPage:
        """Everything recorded of the run's steps: failed attempts and steps in rounds too. Raises RunNotFoundError,
        InvalidError for an `after` that no page named."""
        return self._steps.page(self.owned(principal, run_id, Scope.READ_RUNS), after, limit)

    def page(self, principal: Principal, where: RunFilter, offset: int, limit: int) -> Page[RunSummary]:
        """Newest first."""
        require(principal, Scope.READ_RUNS)
        return self._store.page(principal.workspace_id, where, offset=offset, limit=limit)

    def page_of_workflows(
        self, principal: Principal, workflow_ids: Collection[str], where: RunFilter, offset: int, limit: int
    ) -> Page[RunSummary]:
        """Newest first, the runs of several workflows together."""
        require(principal, Scope.READ_RUNS)
        return self._store.page_of_workflows(principal.workspace_id, workflow_ids, where, offset=offset, limit=limit)

    def of_workflows(
        self, principal: Principal, workflow_ids: Collection[str], where: RunFilter, page_size: int
    ) -> Iterator[RunSummary]:
        """Newest first, the runs of several workflows together, for who takes about so many of them."""
        require(principal, Scope.READ_RUNS)
        return self._store.of_workflows(principal.workspace_id, workflow_ids, where, page_size=page_size)

    def get_of_list(self, principal: Principal, run_id: str) -> Run | None:
        """A run that a list named, if it is kept still."""
        try:
            return self.owned(principal, run_id, Scope.READ_RUNS)
        except RunNotFoundError:
            return None

    def views_of_list(self, principal: Principal, run_ids: Iterable[str]) -> Iterator[RunView | None]:
        """Runs that a list named, with their steps, in its order; None for one that is not kept any more. Some are read
        side by side, and no more than that ahead: whoever shows them may have enough before the end."""
        ids = iter(run_ids)
        while together := tuple(islice(ids, READ_TOGETHER)):
            yield from self._read_together(principal, together)

    def _read_together(self, principal: Principal, run_ids: Sequence[str]) -> Iterator[RunView | None]:
        found: dict[str, RunView] = {}

        def read(run_id: str) -> None:
            run = self.get_of_list(principal, run_id)
            if run is not None:
                found[run_id] = self.view(run)

        group = self._spawner.group()
        for run_id in run_ids:
            group.start(partial(read, run_id))
        for _ in run_ids:
            group.wait()
        return map(found.get, run_ids)

    def view(self, run: Run) -> RunView:
        """A run at hand with its steps."""
        return self._steps.view(run)

    def rounds(self, run: Run, container: str) -> tuple[StepView, ...]:
        """What `Steps.rounds` says."""
        return self._steps.rounds(run, container)

    def graph(self, run: Run) -> Graph | None:
        """That of the very version it runs; None where that is gone."""
        return self._steps.graph(run)

    def cancel(self, principal: Principal, run_id: str) -> Run:
        """Ends a live run; a step that is being executed finishes and is kept. Raises RunEndedError."""
        run = self.owned(principal, run_id, Scope.WRITE_RUNS)
        return self._end_cancelled(run.id, principal.user_id)

    def write_off(self, principal: Principal, run_id: str) -> Run:
        """Cancels a run that is live, or that failed or ran out of time and is not to be taken up again.

        The latter goes by way of the queue, like everything that leaves a final status, with the deadline and the
        outcomes it ended by: whoever claims it in between finds it at its end. Raises RunEndedError for any other,
        StaleWriteError if somebody else changed it at this moment.
        """
        for _ in range(_TRIES):
            run = self.owned(principal, run_id, Scope.WRITE_RUNS)
            if run.status in _GIVEN_UP:
                self._queue_again(run)
            try:
                return self._end_cancelled(run.id, principal.user_id)
            except RunEndedError:
                if run.status not in _GIVEN_UP:
                    raise
                # A worker took it up in between, and found its end again.
        raise StaleWriteError(run_id=run_id)

    def tell_untold(self, run: Run) -> None:
        """Tells of the end of a run that is about to be taken up again, if somebody may have to hear of it still: once
        it is queued its end is gone from the record, and nobody can. Raises UnavailableError."""
        if run.due_at is not None:
            self._announcer().ended(run, may_repeat=True)

    def _queue_again(self, run: Run) -> None:
        self.tell_untold(run)
        due_at = resend_at(self._clock.now())
        try:
            self._store.restart(run.id, run.fence, resets=run.resets, deadline_at=run.deadline_at, due_at=due_at)
        except IllegalTransitionError as error:
            raise StaleWriteError(run_id=run.id) from error

    def cancel_live_of(self, workspace_id: str, workflow_id: str) -> int:
        """Cancels every live run of a workflow that is going away; how many there were.

        The list may lag behind and for a while show what has ended, or not show where it belongs what has not: it is
        gone through, each run taken once, until it brings nothing new.
        """
        seen: set[str] = set()
        cancelled = 0
        while swept := self._sweep(workspace_id, workflow_id, seen):
            cancelled += swept
        return cancelled

    def start_again(self, principal: Principal, run_id: str) -> Run:
        """A new run of the workflow's newest version with the same input. Raises WorkflowNotFoundError."""
        run = self.owned(principal, run_id, Scope.WRITE_RUNS)
        workflow = self._access.workflow(principal, run.workflow_id, Scope.WRITE_RUNS)
        return self.start(workflow, run.input, run.trigger, start=Start(principal.user_id))

    def start_same_version(self, principal: Principal, run_id: str) -> Run:
        """A new run of the very version that the run had, with the same input."""
        run = self.owned(principal, run_id, Scope.WRITE_RUNS)
        workflow = self._access.workflow(principal, run.workflow_id, Scope.WRITE_RUNS)
        same = replace(workflow, version=run.version, body_ref=run.body_ref)
        return self.start(same, run.input, run.trigger, start=Start(principal.user_id))

    def waiting(self, run: Run) -> tuple[Task, ...]:
        """The steps of a live run that wait for a time, an answer or their next attempt."""
        return self._steps.waiting(run)

    def owned(self, principal: Principal, run_id: str, scope: Scope) -> Run:
        """Another workspace's run is refused exactly like one that does not exist."""
        run = self._store.get(self._access.run_id(principal, run_id, scope))
        if run.workspace_id != principal.workspace_id:
            raise RunNotFoundError(run_id=run_id)
        return run

    def _new_run(self, workflow: Workflow, input: Json, trigger: str, start: Start) -> Run:  # noqa: A002
        now = self._clock.now()
        limit = workflow.timeout_seconds
        return Run(
            id=start.run_id or self._new_id(workflow),
            workspace_id=workflow.workspace_id,
            workflow_id=workflow.id,
            workflow_name=workflow.name,
            version=workflow.version,
            body_ref=workflow.body_ref,
            status=RunStatus.QUEUED,
            created_at=now,
            input=input,
            trigger=trigger,
            deadline_at=now + timedelta(seconds=limit) if limit else None,
            due_at=resend_at(now),
            created_by=start.user_id,
            cause=start.cause,
            exclusive=start.exclusive,
            scheduled_at=start.scheduled_at,
        )

    def _new_id(self, workflow: Workflow) -> str:
        now = self._clock.now()
        if workflow.dialect == CELIGO:
            return object_id(now, self._entropy.bytes(OBJECT_ID_BYTES))
        return mint("exec_", now, self._entropy.bytes(ENTROPY_BYTES))

    def _accept(self, run: Run, delay_seconds: int = 0) -> None:
        self._store.create(run)
        self._queue.send(run.id, run.workspace_id, delay_seconds)

    def _start_once(self, run: Run, key: str) -> Run:
        """Whoever's mark counts decides the run's id; whoever comes first, perhaps after the marker died, stores it."""
        run_id = self._marked_id(run, key)
        if run_id != run.id:
            try:
                return self._store.get(run_id)
            except RunNotFoundError:
                run = replace(run, id=run_id)
        return self._accept_once(run)

    def _accept_once(self, run: Run, delay_seconds: int = 0) -> Run:
        """The run that has this id, whoever stored it; a hint that was lost after storing is sent by the tick."""
        try:
            self._accept(run, delay_seconds)
        except AlreadyExistsError:
            return self._store.get(run.id)
        return run

    def _marked_id(self, run: Run, key: str) -> str:
        """The id that the key stands for. Raises IdempotencyConflictError."""
        # With members in a fixed order: a repetition may name them in another.
        digest = _sha256(msgspec.json.encode(run.input, order="deterministic"))
        # The key as a hash: a caller's may be of any length and have any characters.
        name = f"start/{run.workspace_id}/{run.workflow_id}/{run.trigger}/{_sha256(key.encode())}"
        marked = self._marks.put(name, f"{run.id} {digest}", self._clock.now() + KEY_LIFETIME)
        run_id, _, marked_digest = marked.partition(" ")
        if marked_digest != digest:
            raise IdempotencyConflictError(run_id=run_id)
        return run_id

    def _sweep(self, workspace_id: str, workflow_id: str, seen: set[str]) -> int:
        """Cancels live runs that were not seen before, and notes them as seen; how many it cancelled."""
        where = RunFilter(workflow_id=workflow_id, statuses=LIVE)
        offset = 0
        cancelled = 0
        while items := self._store.page(workspace_id, where, offset=offset, limit=_SWEEP_PAGE).items:
            fresh = [summary.id for summary in items if summary.id not in seen]
            # What is cancelled leaves the list, so the offset stays; what the index shows in vain is stepped over.
            offset += 0 if fresh else len(items)
            seen.update(fresh)
            for run_id in fresh:
                try:
                    self._end_cancelled(run_id)
                    cancelled += 1
                except (RunNotFoundError, RunEndedError):
                    continue
        return cancelled

    def _end_cancelled(self, run_id: str, user_id: str | None = None) -> Run:
        """Its parent and children hear of it from a worker, and if that message is lost, by way of the due index."""
        now = self._clock.now()
        ended = self._store.end(
            run_id,
            status=RunStatus.CANCELLED,
            at=now,
            failure=Failure("cancelled", "the run was cancelled"),
            news_due_at=now,  # whoever follows the hint is to tell
            touch=Touch(now, user_id) if user_id else None,
        )
        if has_news(ended):
            self._queue.send(ended.id, ended.workspace_id)
        else:
            # Nobody is to hear of it, so it need not stay in the due index.
            self._store.told(ended.id, ended.fence)
        return ended


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
