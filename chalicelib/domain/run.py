"""Runs, steps and attempts: what they are, and which changes of a run's status are allowed.

A run's status only ever changes along `TRANSITIONS`, from which the stores' conditions are taken. A step's outcome,
once recorded, never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.events import Cause
from chalicelib.domain.graph import MAIN
from chalicelib.domain.json import Json


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT})
LIVE = frozenset(RunStatus) - FINAL
RETRYABLE = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED})

_ENDS = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT})
TRANSITIONS: Mapping[RunStatus, frozenset[RunStatus]] = {
    # Running to running is a new claim of a run whose worker died.
    RunStatus.QUEUED: frozenset(
        {RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.TIMED_OUT, RunStatus.FAILED}
    ),
    RunStatus.RUNNING: _ENDS | {RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.WAITING, RunStatus.PAUSED},
    RunStatus.WAITING: frozenset(
        {RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.TIMED_OUT, RunStatus.FAILED}
    ),
    # Not to running: whoever still holds a hint of before the pause must not be able to claim it.
    RunStatus.PAUSED: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED, RunStatus.TIMED_OUT}),
    RunStatus.SUCCEEDED: frozenset({RunStatus.QUEUED}),
    RunStatus.FAILED: frozenset({RunStatus.QUEUED}),
    RunStatus.CANCELLED: frozenset({RunStatus.QUEUED}),
    RunStatus.TIMED_OUT: frozenset({RunStatus.QUEUED}),
}
"""From each status, where a run may go. Out of a final status leads only a retry or rerun, by way of the queue."""


def allowed_sources(target: RunStatus) -> frozenset[RunStatus]:
    """The statuses from which a run may change to `target`."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)


class StepStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StepError:
    """Why an attempt failed. `status` and `body` are an HTTP answer's, the body cut to an excerpt."""

    type: str
    message: str
    retryable: bool = False
    status: int | None = None
    body: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    at: datetime
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Round:
    """Which round of which loop or map a step belongs to: `index` counts iterations from 1, items from 0.

    `carry` is what the round began with, and `begun_at` when, in the run's logical time; `outer` is the
    round around its container. A run that is resumed needs
    a loop's newest round alone, so the store keeps rounds apart from the steps that a graph has once.
    """

    container: str
    index: int
    carry: Json = None
    begun_at: datetime | None = None
    outer: Round | None = None

    def within(self, container: str) -> Round | None:
        """The round of `container` that this one is, or lies in."""
        at: Round | None = self
        while at is not None and at.container != container:
            at = at.outer
        return at


@dataclass(frozen=True, slots=True)
class Answer:
    """What came in from outside for a step that waits: a person's input, or a child run's end."""

    at: datetime
    output: Json = None
    error: StepError | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    """A step to be done again: its new generation, the attempts made before, and the number of its effect. A rerun
    raises that number, so that receivers take the effect for a new one; a retry leaves it, for it is the same one."""

    generation: int
    attempts: int = 0
    effect: int = 0


@dataclass(frozen=True, slots=True)
class Parent:
    """The step of another run that waits for this one."""

    run_id: str
    slot: str


@dataclass(frozen=True, slots=True)
class Part:
    """Which map of its workflow a run does a part of: node ids and body names from the root graph down to the map.

    Such a run's input is `{items, offset, concurrency, input, outputs, variables}`: its items and where they begin in
    the whole, and what the map's body may name of the run around it.
    """

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt of a step ended.

    The outcome that ends a step is recorded once per step and generation, and everybody continues from the
    one recorded first; a failed attempt that another will follow is kept beside it. `key` names the step
    within its run; `ports` are those a success leaves through, besides the normal one; without any it leads nowhere.
    `weight` is about how large the output is, where somebody weighed it. `left_out` says that a step without effect
    succeeded, but gave more than a record carries: it is shown without values, and computed again where they count.
    """

    key: str
    node_id: str
    status: StepStatus
    attempt: int
    started_at: datetime
    finished_at: datetime
    output: Json = None
    input: Json = None
    ports: tuple[str, ...] = (MAIN,)
    error: StepError | None = None
    logs: tuple[LogLine, ...] = ()
    generation: int = 0
    round: Round | None = None
    weight: int = field(default=0, compare=False)
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run ended badly; `node_id` is None when no single node is to blame."""

    type: str
    message: str
    node_id: str | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """When and by whose command a run was last changed."""

    at: datetime
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """How a run comes about. With a `run_id`, which follows from what starts it, repeated starts are one. Whoever
    starts a run and advances it at once puts the hint off, for `hint_delay_seconds`."""

    user_id: str | None = None
    cause: Cause | None = None
    run_id: str | None = None
    exclusive: str | None = None
    scheduled_at: datetime | None = None
    hint_delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one version of a workflow, as stored.

    `fence` counts claims; every write under a lease names it. `hops` counts the claims since the start,
    `stalls` those in a row after which the holder was never heard of again. `due_at` is when the tick looks at
    the run if nothing else happened; a live run that is not paused always has one.
    """

    id: str
    workspace_id: str
    workflow_id: str
    workflow_name: str
    version: int
    body_ref: str
    status: RunStatus
    created_at: datetime
    input: Json = field(default_factory=dict)
    trigger: str = "manual"
    output: Json = None
    failure: Failure | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    due_at: datetime | None = None
    fence: int = 0
    hops: int = 0
    stalls: int = 0
    lease_expires_at: datetime | None = None
    began_at: datetime | None = None
    """When it was first claimed to be advanced, which is where its logical time begins."""
    tail: tuple[Outcome, ...] = ()
    """Outcomes of steps without effect that no other record carries."""
    rounds: tuple[Round, ...] = ()
    """Where its loops stood when it was last parked."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    signals: int = 0
    """Counts what came in from outside, so that a worker that parks the run notices what it has not seen."""
    resets: Mapping[str, Reset] = field(default_factory=dict)
    parent: Parent | None = None
    depth: int = 0
    """How many runs wait for one another above this one."""
    part: Part | None = None
    lineage: str | None = None
    """What its effects are known by to receivers instead of its id: a child that is started again by a retry of its
    parent repeats the effects of the one before it, and says so."""
    children: frozenset[str] = frozenset()
    created_by: str | None = None
    """The user who started it, or made what did."""
    cause: Cause | None = None
    """The event that started it, if one did."""
    exclusive: str | None = None
    """Of the runs that share this name only one is under way at a time; the others wait for it."""
    scheduled_at: datetime | None = None
    """The due time of the schedule that started it, if one did."""
    touched: Touch | None = None
    """The last command that somebody gave it; None if nobody did."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What lists show of a run: nothing that may have been spilled."""

    id: str
    workspace_id: str
    workflow_id: str
    workflow_name: str
    status: RunStatus
    created_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Everything recorded of a run's steps: final outcomes, and failed attempts that were or will be repeated."""

    outcomes: tuple[Outcome, ...] = ()
    attempts: tuple[Outcome, ...] = ()
    intents: frozenset[str] = frozenset()
    """`<key>#<generation>` of at-most-once steps whose effect was about to be tried."""
