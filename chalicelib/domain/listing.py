"""What lists are asked for and what they give; the same for every door and every store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from chalicelib.domain.run import RunStatus

T = TypeVar("T")

DUE_SHARDS = 8
"""Parts of the due index, so that no single key takes every write of a busy minute."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and how many items all its pages hold."""

    items: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class RunFilter:
    """`since` and `until` are inclusive bounds on `created_at`; an empty `statuses` means all."""

    workflow_id: str | None = None
    statuses: frozenset[RunStatus] = frozenset()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DueRun:
    """An entry of the due index (which therefore projects the status too). It may be stale: whoever acts on it
    checks the run itself."""

    run_id: str
    workspace_id: str
    due_at: datetime
    status: RunStatus


@dataclass(frozen=True, slots=True)
class Line:
    """Who holds the slots of a concurrency limit and who waits for one, longest first; of the same time, by name."""

    holders: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Messages of a queue, as it estimates them: visible ones, those being worked on, those put off, and those that
    were given up."""

    waiting: int
    in_flight: int
    delayed: int
    dead: int
