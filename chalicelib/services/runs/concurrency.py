"""Concurrency limits: how many runs of a workflow go on at the same time, in all or per key; and runs that share a
name of which only one is under way at a time.

A run takes a slot before its first step and gives it back when it ends. The slots are a hint like everything that is
not the run itself: a holder that ended without giving back, because its worker died or it was ended from outside, is
found out by whoever stands before it. Runs that exclude one another also keep an order, that of their due times: a
free slot is not taken past a live run that stands in line before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from chalicelib.domain.errors import RunEndedError, RunNotFoundError
from chalicelib.domain.expressions import MappingScope
from chalicelib.domain.graph import Concurrency, OnLimit
from chalicelib.domain.hints import resend_at
from chalicelib.domain.json import Json, encode
from chalicelib.domain.program import Program
from chalicelib.domain.run import Failure, Run, RunStatus
from chalicelib.services.ports import Clock, RunQueue, RunStore, SlotStore
from chalicelib.services.runs.children import Children, has_news

_ONE_AT_A_TIME = Concurrency(1)


class Admission(Enum):
    GO = auto()
    WAIT = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class Limiter:
    runs: RunStore
    slots: SlotStore
    children: Children
    queue: RunQueue
    clock: Clock

    def admit(self, run: Run, program: Program) -> Admission:
        """Takes a slot for the run, or says what becomes of it. Raises ExpressionError for a key that fails."""
        # First its turn among its own: a slot of the workflow would be held for nothing while it waits.
        if run.exclusive is not None and not self._is_its_turn(run, run.exclusive):
            return Admission.WAIT
        admission = self._admit_to_workflow(run, program)
        if admission is Admission.SKIP and run.exclusive is not None:
            # It ends by this, and nobody calls `release` for a run that never began.
            self._leave(run, run.exclusive)
        return admission

    def release(self, run: Run, program: Program) -> None:
        """Gives the run's slots back and hints at the runs that waited longest."""
        if run.exclusive is not None:
            self._leave(run, run.exclusive)
        if program.graph.concurrency is None or run.part is not None:
            return
        next_run = self.slots.give_back(slots_name(run, program), run.id)
        if next_run is not None:
            self.queue.send(next_run, run.workspace_id)

    def line_up(self, run: Run) -> None:
        """Gives an exclusive run its place among the others of its name. Whoever starts several lines each up before
        it starts the next, so that none can overtake."""
        if run.exclusive is not None:
            self.slots.wait(exclusive_name(run, run.exclusive), run.id, _due_at(run))

    def _is_its_turn(self, run: Run, exclusive: str) -> bool:
        """Whether the run has the slot of its name, or takes it now: when it is free and nobody is before it."""
        name = exclusive_name(run, exclusive)
        line = self.slots.line(name)
        if run.id in line.holders:  # from an earlier hold
            return True
        if run.id not in line.waiting:
            self.line_up(run)
            line = self.slots.line(name)
        # Of very many that wait some are not noted, and stand behind all that are.
        place = line.waiting.index(run.id) if run.id in line.waiting else len(line.waiting)
        for other in line.waiting[:place]:
            if not self._has_ended(other):
                return False
            self.slots.give_back(name, other, in_turn=True)
        return self._take(name, run, _ONE_AT_A_TIME) is None

    def _leave(self, run: Run, exclusive: str) -> None:
        name = exclusive_name(run, exclusive)
        following = self.slots.give_back(name, run.id, in_turn=True)
        # One that ended in line would neither take the slot nor call the next.
        while following is not None and self._has_ended(following):
            following = self.slots.give_back(name, following, in_turn=True)
        if following is not None:
            self.queue.send(following, run.workspace_id)

    def _admit_to_workflow(self, run: Run, program: Program) -> Admission:
        limit = program.graph.concurrency
        if limit is None or run.part is not None:
            return Admission.GO
        name = slots_name(run, program)
        holders = self._take(name, run, limit)
        if holders is None:
            return Admission.GO
        match limit.on_limit:
            case OnLimit.SKIP:
                return Admission.SKIP
            case OnLimit.CANCEL_OLDER:
                # As many of the oldest as make room for one.
                self._cancel(name, holders[: len(holders) - limit.limit + 1])
                return Admission.GO if self._take(name, run, limit) is None else Admission.WAIT
            case OnLimit.QUEUE:
                # this run   finds all taken ────────────────────────── waits ── tries again
                # holder                       gives back, calls nobody
                self.slots.wait(name, run.id)
                # A slot may have been given back before anybody knew that we wait for one.
                return Admission.GO if self._take(name, run, limit) is None else Admission.WAIT

    def _take(self, name: str, run: Run, limit: Concurrency) -> tuple[str, ...] | None:
        holders = self.slots.take(name, run.id, limit.limit)
        if holders is not None and self._drop_ended(name, holders):
            holders = self.slots.take(name, run.id, limit.limit)
        return holders

    def _drop_ended(self, name: str, holders: Iterable[str]) -> int:
        dropped = 0
        for holder in holders:
            if self._has_ended(holder):
                # Who waits stays where it is: whoever asked is about to take the slot, or to wait for it.
                self.slots.give_back(name, holder, in_turn=True)
                dropped += 1
        return dropped

    def _has_ended(self, run_id: str) -> bool:
        try:
            return self.runs.get(run_id).status.is_final
        except RunNotFoundError:
            return True  # its time to live is over, so it ended long ago

    def _cancel(self, name: str, holders: Iterable[str]) -> None:
        failure = Failure("concurrency", "a newer run took this one's place")
        for holder in holders:
            now = self.clock.now()
            news_due_at = resend_at(now)
            try:
                older = self.runs.get(holder)
                ended = self.runs.end(
                    holder,
                    status=RunStatus.CANCELLED,
                    at=now,
                    failure=failure,
                    news_due_at=news_due_at if has_news(older) else None,
                )
            except (RunNotFoundError, RunEndedError):
                pass
            else:
                if has_news(ended):
                    self.children.tell(ended)
                if ended.exclusive is not None:
                    self._leave(ended, ended.exclusive)
            self.slots.give_back(name, holder)


def exclusive_name(run: Run, exclusive: str) -> str:
    """One name for all runs of a workspace of which only one may be under way."""
    return f"exclusive#{run.workspace_id}#{exclusive}"


def _due_at(run: Run) -> datetime:
    return run.scheduled_at or run.created_at


def slots_name(run: Run, program: Program) -> str:
    """One name for all runs of a workflow that share a limit."""
    key: Json = None
    if program.concurrency_key is not None:
        # Nothing goes in that changes while the run goes on: at its end the same slot has to be found.
        scope = MappingScope({"$input": run.input, "$workflow": {"id": run.workflow_id}}, run.created_at, run.id)
        key = program.concurrency_key.render(scope)
    digest = hashlib.sha256(encode(key)).hexdigest()[:32]
    return f"slots#{run.workspace_id}#{run.workflow_id}#{digest}"
