"""Schedules: when something is to be started again and again, and what happens when that collides with reality.

A schedule's fires are named by their due times: whoever fires one, and how often, each has one run at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.ids import derived
from chalicelib.domain.json import Json

DEFAULT_CATCH_UP_LIMIT = 100
MAX_CATCH_UP_LIMIT = 1_000


class TimingKind(StrEnum):
    QUARTZ = "quartz"
    """6 or 7 fields that begin with seconds; Sunday is 1."""
    CRON = "cron"
    """5 fields of Unix; Sunday is 0 or 7, two restricted day fields mean either."""
    INTERVAL = "interval"
    """Every so many seconds, counted from `anchor`."""


@dataclass(frozen=True, slots=True)
class Timing:
    """`expression` of a cron kind; `interval_seconds` and `anchor` of an interval. `timezone` is an IANA name."""

    kind: TimingKind
    expression: str = ""
    timezone: str = "UTC"
    interval_seconds: int | None = None
    anchor: datetime | None = None


class Overlap(StrEnum):
    """What happens at a due time while the run before is still under way."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"


class CatchUp(StrEnum):
    """Which due times that were missed (by more than the grace period) are made up for."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class TargetKind(StrEnum):
    WORKFLOW = "workflow"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Target:
    kind: TargetKind
    id: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """`next_fire_at` is the truth (None where nothing will ever fire again, or while it is not enabled), `due_at` when
    the tick looks at it. `revision` counts every stored change.

    `input` is that of the runs. `labels` are a dialect's own small facts about it. `managed` schedules follow from
    their workflow's graph: they change with it and not by calls.
    """

    id: str
    workspace_id: str
    target: Target
    timing: Timing
    created_at: datetime
    updated_at: datetime
    created_by: str
    input: Json = field(default_factory=dict)
    enabled: bool = True
    overlap: Overlap = Overlap.ALLOW
    catch_up: CatchUp = CatchUp.NONE
    catch_up_limit: int = DEFAULT_CATCH_UP_LIMIT
    name: str = ""
    labels: Mapping[str, Json] = field(default_factory=dict)
    managed: bool = False
    updated_by: str | None = None
    next_fire_at: datetime | None = None
    due_at: datetime | None = None
    last_fire_at: datetime | None = None
    last_run_id: str | None = None
    skipped: int = 0
    """How many due times were passed over, by policy."""
    revision: int = 1


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """An entry of the due index. It may be stale."""

    workspace_id: str
    schedule_id: str
    due_at: datetime
    next_fire_at: datetime


def fire_id(schedule_id: str, due_at: datetime) -> str:
    """The one id that the run of this due time can have."""
    # A fixed number of digits, and as many as stores keep: one due time is to have one text.
    return derived("exec_", f"{schedule_id}/{due_at.timestamp():.3f}")
