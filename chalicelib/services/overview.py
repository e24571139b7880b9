"""How a workspace fares: its runs of the last day by the hour, what failed of late, and how far the installation lags.

What is read is bounded, whatever there is: the newest runs, and of the due indexes the oldest entry of each shard.
How far the installation lags and what its queues hold is no workspace's own, and shown only to whom a key allows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.identity import Principal
from chalicelib.domain.listing import DUE_SHARDS, QueueDepth, RunFilter
from chalicelib.domain.run import RETRYABLE, RunStatus, RunSummary
from chalicelib.services.access import Scope, require
from chalicelib.services.ports import Clock, RunStore

HOURS = 24
MOST_READ = 2000
MOST_FAILURES = 10
_FAILED = RETRYABLE - {RunStatus.CANCELLED}
_HOUR = timedelta(hours=1)


class DueEntry(Protocol):
    @property
    def due_at(self) -> datetime: ...


class DueIndex(Protocol):
    def due(self, shard: int, now: datetime, limit: int) -> Sequence[DueEntry]:
        """Entries of one shard with `due_at` up to `now`, earliest first."""


class QueueDepths(Protocol):
    def of(self, queue: str) -> QueueDepth | None:
        """None where that cannot be told now. Never raises."""


@dataclass(frozen=True, slots=True)
class Hour:
    at: datetime
    counts: Mapping[RunStatus, int]


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one kind of work: by how much its oldest due entry is overdue, and what its queue holds; None: unknown."""

    overdue_seconds: float | None
    depth: QueueDepth | None


@dataclass(frozen=True, slots=True)
class OverviewView:
    """`counted_from` is from when on runs were counted: the first hour's begin, or later if there were too many.
    `installation` is None for those who may not see it."""

    at: datetime
    counted_from: datetime
    is_cut: bool
    hours: tuple[Hour, ...]
    failures: tuple[RunSummary, ...]
    installation: Mapping[str, Lag] | None


class Overview:
    """`dues` and `depths` know kinds of work by the same names."""

    def __init__(self, runs: RunStore, dues: Mapping[str, DueIndex], depths: QueueDepths, clock: Clock) -> None:
        self._runs = runs
        self._dues = dues
        self._depths = depths
        self._clock = clock

    def of(self, principal: Principal) -> OverviewView:
        """Raises ForbiddenError."""
        require(principal, Scope.READ_RUNS)
        now = self._clock.now()
        since = now.replace(minute=0, second=0, microsecond=0) - (HOURS - 1) * _HOUR
        found = self._runs.newest(principal.workspace_id, RunFilter(since=since), MOST_READ)
        is_cut = len(found) == MOST_READ
        return OverviewView(
            at=now,
            counted_from=found[-1].created_at if is_cut else since,
            is_cut=is_cut,
            hours=_by_hour(found, since),
            failures=tuple(run for run in found if run.status in _FAILED)[:MOST_FAILURES],
            installation=self.installation(now) if principal.may(Scope.READ_INSTALLATION) else None,
        )

    def installation(self, now: datetime) -> Mapping[str, Lag]:
        """By kind of work."""
        return {name: Lag(_overdue(index, now), self._depths.of(name)) for name, index in self._dues.items()}


def _by_hour(found: Sequence[RunSummary], since: datetime) -> tuple[Hour, ...]:
    counts = [Counter[RunStatus]() for _ in range(HOURS)]
    for run in found:
        # A clock that is ahead of ours, or a second at the edge, counts to the nearest hour.
        counts[min(max((run.created_at - since) // _HOUR, 0), HOURS - 1)][run.status] += 1
    return tuple(Hour(since + index * _HOUR, each) for index, each in enumerate(counts))


def _overdue(index: DueIndex, now: datetime) -> float | None:
    try:
        oldest = [entry.due_at for shard in range(DUE_SHARDS) for entry in index.due(shard, now, 1)]
    except UnavailableError:
        return None
    return (now - min(oldest)).total_seconds() if oldest else 0.0
