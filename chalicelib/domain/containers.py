"""Containers: nodes that run graphs of their own. Fork, loop and map.

A container opens scopes and is told when one is done. Rounds of loops and maps are recorded apart from each
other, so that a resumed run reads a loop's newest round and not its whole past; a loop keeps nothing of the
rounds behind it but what the last one gave.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.ids import escape
from chalicelib.domain.json import Json
from chalicelib.domain.program import Step
from chalicelib.domain.run import Reset, Round, StepError
from chalicelib.domain.tasks import ItemRange, Scope, Task
from chalicelib.domain.weights import Weights, handed_on

if TYPE_CHECKING:
    from chalicelib.domain.engine import Execution

DEFAULT_MAX_ITERATIONS = 100_000
MOST_ITERATIONS = 10_000_000
DEFAULT_CONCURRENCY = 10
MOST_CONCURRENCY = 100
MOST_ITEMS = 10_000
MOST_ITEMS_INLINE = 200
ITEMS_PER_CHILD = 100
MOST_CONCURRENCY_PER_CHILD = 10


class Container(Protocol):
    task: Task

    def enter(self, position: Round | None) -> None:
        """Opens the first scopes, or those where an earlier hold stood."""

    def round_done(self, scope: Scope) -> None:
        """One of its scopes has ended well."""

    def position(self) -> Round | None:
        """Where it stands, if a resumed run needs to be told."""


def build(execution: Execution, task: Task) -> Container:
    """Raises ExpressionError for a configuration that comes to nothing a container can do."""
    match task.step.node.type:
        case "loop":
            return Loop(execution, task)
        case "map":
            return _map(execution, task)
        case _:
            return Fork(execution, task)


def has_rounds(task: Task) -> bool:
    """Whether records of this container lie apart from those of the graph it stands in."""
    return task.step.node.type in {"loop", "map"}


def collects(step: Step) -> bool:
    """Whether this is a loop whose output holds something of every round, and not just what the last one gave."""
    return step.node.type == "loop" and "collect" in step.expressions


def needs_newest_only(task: Task) -> bool:
    """Whether a resumed run can go on from the newest round of this container alone."""
    return task.step.node.type == "loop" and not collects(task.step)


class Fork:
    """Runs every branch at the same time; its output is theirs by name."""

    def __init__(self, execution: Execution, task: Task) -> None:
        self.task = task
        self._execution = execution
        self._outputs: dict[str, Json] = {}
        self._names: dict[str, str] = {}
        self._ended_at = task.at

    def enter(self, position: Round | None) -> None:
        task = self.task
        for name, program in task.step.bodies.items():
            # By the slot, not the key: after a reset nothing is found that was recorded before it.
            prefix = f"{task.slot}.{escape(name)}/"
            self._names[prefix] = name
            scope = Scope(
                program, prefix, task.scope, task, task.incoming, task.at, {}, task.scope.restored, task.scope.round
            )
            self._execution.open(scope)
        # Without branches no scope will ever be done.
        self._leave_if_done()

    def round_done(self, scope: Scope) -> None:
        self._outputs[self._names[scope.prefix]] = scope.last[2] if scope.last else None
        self._ended_at = max(self._ended_at, scope.ended_at)
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if len(self._outputs) < len(self.task.step.bodies):
            return
        self._execution.leave(self.task)
        # In the definition's order, not in that in which they ended.
        output: Json = {name: self._outputs[name] for name in self.task.step.bodies}
        self._execution.succeed_step(self.task, output, finished_at=self._ended_at)

    def position(self) -> Round | None:
        return None


class Loop:
    """Runs its body, then again while `while` holds. Each round begins with what the one before gave.

    A loop that collects has as output how many rounds it made, and what `collect` came to in each by its number. It
    goes through its rounds again when it is resumed, as a map does, and they begin with nothing.
    """

    def __init__(self, execution: Execution, task: Task) -> None:
        self.task = task
        self._execution = execution
        self._collects = collects(task.step)
        self._collected: dict[str, Json] = {}
        self._round = Round(task.slot, 1, None if self._collects else task.incoming, outer=task.scope.round)
        self._most = _whole(
            task.config().get("max_iterations"), "max_iterations", DEFAULT_MAX_ITERATIONS, MOST_ITERATIONS
        )

    def enter(self, position: Round | None) -> None:
        if position is not None and not self._collects:
            self._round = position
        self._open(self.task, restored=self.task.scope.restored)

    def _open(self, task: Task, *, restored: bool, weights: Weights | None = None) -> None:
        index = self._round.index
        scope = Scope(
            program=task.step.bodies["body"],
            prefix=f"{task.slot}.{index}/",
            parent=task.scope,
            owner=task,
            incoming=self._round.carry,
            opened_at=self._round.begun_at or task.at,
            variables={"$loop": {"index": index}},
            restored=restored,
            round=self._round,
            weights=weights or {},
        )
        self._execution.open(scope)

    def round_done(self, scope: Scope) -> None:
        task = self.task
        output = scope.last[2] if scope.last else scope.incoming
        try:
            if self._collects:
                self._collected[str(self._round.index)] = self._evaluate("collect", scope, output)
            goes_on = bool(self._evaluate("while", scope, output))
        except ExpressionError as error:
            self._execution.leave(task)
            self._execution.fail_step(task, StepError("expression", error.message), finished_at=scope.ended_at)
            return
        if not goes_on:
            self._execution.leave(task)
            if self._collects:
                output = {"iteration": self._round.index, **self._collected}
            self._execution.succeed_step(task, output, finished_at=scope.ended_at)
        elif self._round.index >= self._most:
            self._execution.leave(task)
            message = f"the loop did not end within {self._most} iterations"
            self._execution.fail_step(task, StepError("max_iterations", message), finished_at=scope.ended_at)
        else:
            # Rounds of a loop that collects know nothing of one another, or they could not be gone through again.
            carry = None if self._collects else output
            self._round = Round(task.slot, self._round.index + 1, carry, scope.ended_at, task.scope.round)
            # What a round passes on whole is not weighed again in each.
            weights = handed_on(carry, scope.weights)
            # A round behind the newest is new to the store; only a loop that collects goes through old ones again.
            self._open(task, restored=self._collects and task.scope.restored, weights=weights)

    def _evaluate(self, member: str, scope: Scope, output: Json) -> Json:
        """`while` and `collect` see the body's nodes, `$loop.index`, and as `$prev` what the round gave."""
        task = self.task
        inside = Task(task.run, task.key, task.step, scope, output, scope.ended_at)
        return inside.evaluate(member)

    def position(self) -> Round | None:
        return None if self._collects else self._round


def _map(execution: Execution, task: Task) -> Container:
    config = task.config()
    items = config.get("items")
    if not isinstance(items, list):
        raise ExpressionError("'items' is not a list")
    if len(items) > MOST_ITEMS:
        raise ExpressionError(f"'items' has {len(items)} members; at most {MOST_ITEMS} are allowed")
    concurrency = _whole(config.get("concurrency"), "concurrency", DEFAULT_CONCURRENCY, MOST_CONCURRENCY)
    is_spread = len(items) > MOST_ITEMS_INLINE
    return (SpreadMap if is_spread else Map)(execution, task, items, concurrency)


class Map:
    """Runs its body for each item, a bounded number at the same time; its output is theirs in the items' order."""

    def __init__(self, execution: Execution, task: Task, items: list[Json], concurrency: int) -> None:
        self.task = task
        self._execution = execution
        self._items = items
        self._concurrency = concurrency
        self._offset = _offset(task)
        self._outputs: list[Json] = [None] * len(items)
        self._opened = 0
        self._done = 0
        self._ended_at = task.at

    def enter(self, position: Round | None) -> None:
        self._fill()

    def _fill(self) -> None:
        """Opens items up to the limit."""
        while self._opened < len(self._items) and self._opened - self._done < self._concurrency:
            index = self._opened
            self._opened += 1
            self._execution.open(self._scope(index))
        # Here and not where a round is done, because a map of nothing has none.
        if self._done == len(self._items):
            self._execution.leave(self.task)
            self._execution.succeed_step(self.task, list(self._outputs), finished_at=self._ended_at)

    def _scope(self, index: int) -> Scope:
        task = self.task
        return Scope(
            program=task.step.bodies["body"],
            prefix=f"{task.slot}.{index}/",
            parent=task.scope,
            owner=task,
            incoming=self._items[index],
            opened_at=task.at,
            # `$index` counts in the whole map, while records are filed by the place within this run.
            variables={"$item": self._items[index], "$index": self._offset + index},
            restored=task.scope.restored,
            round=Round(task.slot, index, outer=task.scope.round),
        )

    def round_done(self, scope: Scope) -> None:
        assert scope.round is not None
        self._outputs[scope.round.index] = scope.last[2] if scope.last else scope.incoming
        self._done += 1
        self._ended_at = max(self._ended_at, scope.ended_at)
        self._fill()

    def position(self) -> Round | None:
        return None


class SpreadMap:
    """A map of many items, spread over child runs that do a range of them each, so that it is not one worker's work.

    The children run beside each other as far as the map's concurrency allows; when all have ended well, their
    outputs are gathered, which is the one thing that is recorded here.
    """

    def __init__(self, execution: Execution, task: Task, items: list[Json], concurrency: int) -> None:
        self.task = task
        self._execution = execution
        self._items = items
        # The concurrency asked for is shared out: so many children, each with so many items at a time.
        self._each = min(concurrency, MOST_CONCURRENCY_PER_CHILD)
        self._together = max(concurrency // self._each, 1)
        self._parts = -(-len(items) // ITEMS_PER_CHILD)
        self._started = 0
        self._done = 0
        self._ended_at = task.at

    def enter(self, position: Round | None) -> None:
        self._fill()

    def _fill(self) -> None:
        while self._started < self._parts and self._started - self._done < self._together:
            self._started += 1
            self._execution.perform_part(self._part(self._started - 1))

    def _part(self, index: int) -> Task:
        task, offset = self.task, index * ITEMS_PER_CHILD
        key = f"{task.slot}.{index}"
        reset = task.run.resets.get(key, Reset(0))
        items = self._items[offset : offset + ITEMS_PER_CHILD]
        return Task(
            run=task.run,
            key=key,
            step=task.step,
            scope=task.scope,
            incoming=None,
            at=task.at,
            generation=reset.generation,
            effect=reset.effect,
            part=ItemRange(items, _offset(task) + offset, self._each, task.slot),
        )

    def part_done(self, at: datetime) -> None:
        """One of the children has ended well."""
        self._done += 1
        self._ended_at = max(self._ended_at, at)
        if self._done < self._parts:
            self._fill()
            return
        self._execution.leave(self.task)
        # In logical time gathering comes after the parts, whatever the map's own time was.
        self._execution.hand_out(replace(self.task, at=self._ended_at, gathers=self._parts))

    def round_done(self, scope: Scope) -> None:
        raise AssertionError("a spread map has no scopes of its own")

    def position(self) -> Round | None:
        return None


def _offset(task: Task) -> int:
    """Where the items at hand begin in the whole: not at 0 for a child run that does a part of them, in whose root
    scope that is a variable (`domain.parts`)."""
    offset = task.scope.variables.get("$offset")
    return offset if isinstance(offset, int) else 0


def _whole(value: Json, name: str, default: int, most: int) -> int:
    if value is None:
        return default
    try:
        number = int(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0
    except (ValueError, OverflowError):
        number = 0
    if not 1 <= number <= most:
        raise ExpressionError(f"'{name}' must be a whole number from 1 to {most}")
    return number
