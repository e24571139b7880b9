"""Live runs that should have gone on long ago: each is late in the due index, which the tick works off every minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.listing import DUE_SHARDS, DueRun


class DueRuns(Protocol):
    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueRun, ...]: ...


class Hints(Protocol):
    def send(self, run_id: str, workspace_id: str, delay_seconds: int = 0) -> None: ...


@dataclass(frozen=True, slots=True)
class StuckRun:
    run: DueRun
    late_seconds: int


def find(runs: DueRuns, now: datetime, late: timedelta, limit: int) -> list[StuckRun]:
    """The latest first, so many at most. An entry may be stale: the run may have gone on this very moment."""
    # So many of each shard, because the latest of all may be in one of them.
    found = [entry for shard in range(DUE_SHARDS) for entry in runs.due(shard, now - late, limit)]
    found.sort(key=lambda entry: (entry.due_at, entry.run_id))
    return [StuckRun(entry, int((now - entry.due_at).total_seconds())) for entry in found[:limit]]


def hint(queue: Hints, stuck: list[StuckRun]) -> Iterator[StuckRun]:
    """Sends each run's message again. Whoever receives it checks the run: one that went on meanwhile is left alone."""
    for each in stuck:
        queue.send(each.run.run_id, each.run.workspace_id)
        yield each
