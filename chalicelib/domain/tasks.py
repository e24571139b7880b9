"""Scopes and tasks: a graph being run, and a step of it to be carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program, Step
from chalicelib.domain.run import Outcome, Round, Run
from chalicelib.domain.times import iso_z
from chalicelib.domain.weights import Weights


# Compared by identity: a comparison by fields would walk through all scopes and tasks around.
@dataclass(slots=True, eq=False)
class Scope:
    """One graph being run: the root, a fork's branch, or one round of a loop's or map's body.

    `owner` is the container's task, None at the root. `restored` says that records of an earlier hold may speak of
    this very scope; `closed` that nothing of it counts any more. `live` counts nodes under way, `moving` edges that
    were decided and not followed yet. `times` is when each node ended in logical time, `seen` by the clock. `weights`
    are those of `outputs` and of what came in.
    """

    program: Program
    prefix: str
    parent: Scope | None
    owner: Task | None
    incoming: Json
    opened_at: datetime
    variables: Mapping[str, Json]
    restored: bool
    round: Round | None = None
    unresolved: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, list[str]] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)
    weights: Weights = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, datetime] = field(default_factory=dict)
    live: int = 0
    moving: int = 0
    last: tuple[datetime, int, Json] | None = None
    closed: bool = False

    def output_of(self, node_id: str) -> Json:
        """What `$node.<id>` means here: the node's output in this scope or one around it; null before it ran."""
        scope: Scope | None = self
        while scope is not None:
            if node_id in scope.outputs:
                return scope.outputs[node_id]
            scope = scope.parent
        return None

    def is_closed(self) -> bool:
        """Whether this scope, or one around it, no longer counts."""
        scope: Scope | None = self
        while scope is not None:
            if scope.closed or (scope.owner is not None and scope.owner.left):
                return True
            scope = scope.parent
        return False

    @property
    def known_weights(self) -> tuple[Weights, ...]:
        """Of this scope and those around it, whose outputs are in reach too."""
        return (self.weights,) if self.parent is None else (self.weights, *self.parent.known_weights)

    @property
    def ended_at(self) -> datetime:
        """The logical time at which the last step of this scope ended."""
        return max(self.times.values(), default=self.opened_at)


class Outputs(Mapping[str, Json]):
    """`$node` as a mapping that looks outputs up only when they are asked for."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __getitem__(self, node_id: str) -> Json:
        # Never a KeyError: a node that has not run yet is null to expressions.
        return self._scope.output_of(node_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope.outputs)

    def __len__(self) -> int:
        return len(self._scope.outputs)


@dataclass(frozen=True, slots=True)
class ItemRange:
    """The items of a map that one child run does, the index of the first, and the slot of the map."""

    items: list[Json]
    offset: int
    concurrency: int
    map_slot: str


@dataclass(slots=True, eq=False)
class Task:
    """A step to be carried out, as attempt number `attempt` (from 1, counted across generations).

    It is also the expression scope of the step. `at` is the step's logical time, `free_at` when
    by the clock the last step before it ended; `attempts_before` were made before
    its present generation; `abandoned` says that an at-most-once effect was begun before and must not be begun again.
    Of a map that is spread over child runs, a task starts the child for one `part`, or gathers the outputs of as many
    children as `gathers` says. `left` says of a container that it has ended, and none of its scopes counts any more;
    `decided` is how one ended that survived a failure inside, which is recorded before anything follows.
    """

    run: Run
    key: str
    step: Step
    scope: Scope
    incoming: Json
    at: datetime
    free_at: datetime | None = None
    attempt: int = 1
    attempts_before: int = 0
    generation: int = 0
    effect: int = 0
    abandoned: bool = False
    part: ItemRange | None = None
    gathers: int | None = None
    left: bool = False
    decided: Outcome | None = None

    @property
    def is_effect(self) -> bool:
        """Whether carrying it out does something outside this run, or reads there, or settles what chance decided."""
        return self.step.is_effect or any(special is not None for special in (self.part, self.gathers, self.decided))

    @property
    def shown_from(self) -> datetime:
        """Since when a step that nobody performs, because it waits, is shown to be under way."""
        return max(self.free_at or self.at, self.at)

    @property
    def now(self) -> datetime:
        return self.at

    @property
    def seed(self) -> str:
        return f"{self.run.id}/{self.key}"

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt and retry, so that a receiver can tell a repeated effect from a new one."""
        base = f"{self.run.lineage or self.run.id}/{self.key}"
        return f"{base}/r{self.effect}" if self.effect else base

    @property
    def slot(self) -> str:
        """The name under which this step's rounds, child and answer are filed: its key, another after a reset."""
        return f"{self.key}@{self.generation}" if self.generation else self.key

    def lookup(self, name: str) -> Json:
        match name:
            case "$input":
                return self.run.input
            case "$prev":
                return self.incoming
            case "$node":
                return Outputs(self.scope)  # type: ignore[return-value]
            case "$workflow":
                run = self.run
                return {"id": run.workflow_id, "name": run.workflow_name, "version": run.version}
            case "$run":
                started_at = iso_z(self.run.created_at)
                facts: dict[str, Json] = {"id": self.run.id, "started_at": started_at, "trigger": self.run.trigger}
                if self.run.scheduled_at is not None:
                    facts["scheduled_at"] = iso_z(self.run.scheduled_at)
                return facts
        scope: Scope | None = self.scope
        while scope is not None:
            if name in scope.variables:
                return scope.variables[name]
            scope = scope.parent
        raise ExpressionError(f"{name} means nothing here")

    def config(self) -> dict[str, Json]:
        """The node's configuration with its templates rendered. Raises ExpressionError."""
        rendered = self.step.config.render(self)
        assert isinstance(rendered, dict)
        config = {**rendered, **self.step.raw}
        overlay = config.get("overlay")
        if isinstance(overlay, list) and isinstance(config.get("params"), dict):
            config["params"] = self._overlaid(config["params"], overlay)
        return config

    def _overlaid(self, params: Json, names: list[Json]) -> Json:
        """`params` with the run's own values of these names laid over them; a null lays nothing over."""
        assert isinstance(params, dict)
        given = self.run.input if isinstance(self.run.input, dict) else {}
        laid = {name: given[name] for name in names if isinstance(name, str) and given.get(name) is not None}
        return {**params, **laid}

    def evaluate(self, member: str) -> Json:
        """The value of one of the configuration's expressions. Raises ExpressionError."""
        return self.step.expressions[member].render(self)
