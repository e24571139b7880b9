"""Broken parts, each wrong in one way that matters: what the checks have to notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.run import Answer, Outcome, RunStatus, Touch
from chalicelib.domain.tasks import Task
from chalicelib.services.ports import Clock, Performer
from chalicelib.services.runs.worker import Worker
from tests.fakes import MemoryRunStore


class BrokenStore:
    """A run store like the real one, but for what a subclass breaks."""

    def __init__(self, store: MemoryRunStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _change(self, run_id: str, **members: Any) -> None:
        self._store._runs[run_id] = replace(self._store._runs[run_id], **members)


class IgnoresFences(BrokenStore):
    """Lets a holder that was overtaken end the run."""

    def finish(self, run_id: str, fence: int, **named: Any) -> None:
        self._store.finish(run_id, self._store.get(run_id).fence, **named)


class KeepsFences(BrokenStore):
    """Hands a run to the next holder under the fence of the one before."""

    def claim(self, run_id: str, **named: Any) -> Any:
        run = self._store.claim(run_id, **named)
        self._change(run_id, fence=max(run.fence - 1, 1))
        return self._store.get(run_id)


class ForgetsDueTimes(BrokenStore):
    def park(self, run_id: str, fence: int, **named: Any) -> None:
        self._store.park(run_id, fence, **named)
        self._change(run_id, due_at=None)


class ShowsNothingDue(BrokenStore):
    def due(self, shard: int, now: datetime, limit: int) -> tuple[Any, ...]:
        return ()


class LosesOutcomes(BrokenStore):
    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        return outcome


class RecordsTwice(BrokenStore):
    """Believes the last outcome of a step rather than the first."""

    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        self._store.record(run_id, outcome, also)
        return outcome


class LosesAttempts(BrokenStore):
    def record_attempt(self, run_id: str, attempt: Outcome) -> None:
        return


class LosesIntents(BrokenStore):
    """Never marks that an at-most-once effect is about to be tried."""

    def record_intent(self, *arguments: Any, **named: Any) -> bool:
        return True


class LosesNews(BrokenStore):
    """Takes a run out of the due index as soon as it ends, whoever is to hear of it."""

    def finish(self, run_id: str, fence: int, **named: Any) -> None:
        self._store.finish(run_id, fence, **{**named, "news_due_at": None})


class LosesAnswers(BrokenStore):
    def signal(self, run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
        return True


class AnswersTwice(BrokenStore):
    """Lets a later answer take the place of the first."""

    def signal(self, run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
        run = self._store.get(run_id)
        if slot in run.answers:
            self._change(run_id, answers={**run.answers, slot: answer}, signals=run.signals + 1)
            return True
        return self._store.signal(run_id, slot, answer, due_at, touch)


class RevivesRuns(BrokenStore):
    """Lets whoever looks at a cancelled run have it."""

    def claim(self, run_id: str, **named: Any) -> Any:
        if self._store.get(run_id).status is RunStatus.CANCELLED:
            self._change(run_id, status=RunStatus.RUNNING)
        return self._store.claim(run_id, **named)


class _HastyClock:
    """Two hours ahead of its invocation's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(hours=2)

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


def hasty(worker: Worker) -> Worker:
    """Takes what is due in two hours to be due."""
    return replace(worker, clock=_HastyClock(worker.clock))


class _NewKeys:
    def __init__(self, performer: Performer) -> None:
        self._performer = performer

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        return self._performer.perform(replace(task, effect=task.effect + task.attempt - 1), seconds_left)


def renaming(worker: Worker) -> Worker:
    """Sends each attempt under an idempotency key of its own."""
    return replace(worker, performer=_NewKeys(worker.performer))


class _Pretender:
    """Says that every second effect succeeded, without having tried it."""

    def __init__(self, performer: Performer) -> None:
        self._performer = performer

    def perform(self, task: Task, seconds_left: float) -> Outcome:
        return replace(
            self._performer.perform(
                replace(task, step=replace(task.step, node=replace(task.step.node, type="noop"))), 1.0
            )
            if task.step.is_effect
            else self._performer.perform(task, seconds_left),
            node_id=task.step.node.id,
        )


def pretending(worker: Worker) -> Worker:
    return replace(worker, performer=_Pretender(worker.performer))


_STORES = (
    IgnoresFences,
    KeepsFences,
    ForgetsDueTimes,
    ShowsNothingDue,
    LosesOutcomes,
    RecordsTwice,
    LosesAttempts,
    LosesIntents,
    LosesNews,
    LosesAnswers,
    AnswersTwice,
    RevivesRuns,
)
_WORKERS = (hasty, renaming, pretending)

RUNS = (*(("runs", store) for store in _STORES), *(("worker", worker) for worker in _WORKERS))
"""Names of parts, and what makes something broken of each."""
