"""Graphs: what a definition of any dialect compiles to.

A graph is a value. It is checked once, when a definition is saved (`domain.program`), so that whoever runs
it may rely on unique ids, edges between known nodes and the absence of cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.json import Json

MAIN = "main"
ERROR = "error"


class OnError(StrEnum):
    """What a step that has used up its attempts does to its run."""

    FAIL = "fail"
    CONTINUE = "continue"
    PORT = "error"


class Backoff(StrEnum):
    FIXED = "fixed"
    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is followed by another. `jitter` is the share of the delay that is random."""

    max_attempts: int = 1
    backoff: Backoff = Backoff.EXPONENTIAL
    delay_seconds: float = 1.0
    max_delay_seconds: float = 300.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True)
class Node:
    """An element of a graph.

    `config` is the dialect's configuration with its templates as text; `bodies` are the graphs that a
    container runs (a loop's or map's `body`, a fork's branches by name).
    """

    id: str
    type: str
    name: str = ""
    config: Mapping[str, Json] = field(default_factory=dict)
    retry: RetryPolicy = RetryPolicy()
    timeout_seconds: float | None = None
    on_error: OnError = OnError.FAIL
    at_most_once: bool = False
    bodies: Mapping[str, Graph] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection, taken when its source succeeds through `port` and `condition`, if any, holds."""

    source: str
    target: str
    port: str = MAIN
    condition: str | None = None


class OnLimit(StrEnum):
    """What becomes of a run that finds every slot of its concurrency limit taken."""

    QUEUE = "queue"
    SKIP = "skip"
    CANCEL_OLDER = "cancel_older"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many runs of a workflow go on at the same time, in all or for each value of the expression `key`."""

    limit: int
    key: str | None = None
    on_limit: OnLimit = OnLimit.QUEUE


@dataclass(frozen=True, slots=True)
class PinMirror:
    """The pin that shows the runs of a workflow, under a workflow id of its data; None is the workflow's own id."""

    pin_id: str
    workflow_id: str | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """`timeout_seconds` is how long a run may take from its start; it, `concurrency` and `mirror` count at the root
    only."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    timeout_seconds: float | None = None
    concurrency: Concurrency | None = None
    mirror: PinMirror | None = None
