"""Concurrency limits: how many runs of a workflow go on at the same time, in all or per key.

A run takes a slot before its first step and gives it back when it ends. The slots are a hint like everything that is
not the run itself: a holder that ended without giving back, because its worker died or it was ended from outside, is
found out by whoever stands before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from chalicelib.domain.errors import RunEndedError, RunNotFoundError
from chalicelib.domain.expressions import MappingScope
from chalicelib.domain.graph import Concurrency, OnLimit
from chalicelib.domain.json import Json, encode
from chalicelib.domain.program import Program
from chalicelib.domain.run import Failure, Run, RunStatus
from chalicelib.services.children import Children, has_news
from chalicelib.services.ports import Clock, RunQueue, RunStore, SlotStore

RESEND_SECONDS = 60


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
                self._cancel(name, holders[: len(holders) - limit.limit + 1])
                return Admission.GO if self._take(name, run, limit) is None else Admission.WAIT
            case OnLimit.QUEUE:
                self.slots.wait(name, run.id)
                # A slot may have been given back before anybody knew that we wait for one.
                return Admission.GO if self._take(name, run, limit) is None else Admission.WAIT

    def release(self, run: Run, program: Program) -> None:
        """Gives the run's slot back and hints at the run that waited longest."""
        if program.graph.concurrency is None or run.part is not None:
            return
        next_run = self.slots.give_back(slots_name(run, program), run.id)
        if next_run is not None:
            self.queue.send(next_run, run.workspace_id)

    def _take(self, name: str, run: Run, limit: Concurrency) -> tuple[str, ...] | None:
        holders = self.slots.take(name, run.id, limit.limit)
        if holders is not None and self._drop_ended(name, holders):
            holders = self.slots.take(name, run.id, limit.limit)
        return holders

    def _drop_ended(self, name: str, holders: Iterable[str]) -> int:
        dropped = 0
        for holder in holders:
            try:
                if not self.runs.get(holder).status.is_final:
                    continue
            except RunNotFoundError:
                pass  # its time to live is over, so it ended long ago
            self.slots.give_back(name, holder)
            dropped += 1
        return dropped

    def _cancel(self, name: str, holders: Iterable[str]) -> None:
        failure = Failure("concurrency", "a newer run took this one's place")
        for holder in holders:
            now = self.clock.now()
            news_due_at = now + timedelta(seconds=RESEND_SECONDS)
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
            self.slots.give_back(name, holder)


def slots_name(run: Run, program: Program) -> str:
    """One name for all runs of a workflow that share a limit."""
    key: Json = None
    if program.concurrency_key is not None:
        scope = MappingScope({"$input": run.input, "$workflow": {"id": run.workflow_id}}, run.created_at, run.id)
        key = program.concurrency_key.render(scope)
    digest = hashlib.sha256(encode(key)).hexdigest()[:32]
    return f"slots#{run.workspace_id}#{run.workflow_id}#{digest}"
