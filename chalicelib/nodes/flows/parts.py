"""What an unfinished step of a flow has done already, kept for its next attempt.

Requests of a step overlap as far as their connection has slots. Those that fail for a reason that may pass are tried
again by the next attempt, the others are not made twice. Should the process die in between, what it did not keep is
done again, under the same idempotency keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.json import Json
from chalicelib.domain.run import StepError
from chalicelib.domain.tasks import Task
from chalicelib.nodes.flows.ports import FlowPorts
from chalicelib.nodes.steps import StepFailure
from chalicelib.services.flows.desk import Desk, OutOfTimeError, RunOverError

MAX_TRIES = 4
"""How often a request is made that fails for a reason that may pass."""
_MOST_TRIES = 10
MAX_WIDTH = 16
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_LONGEST_WISH_SECONDS = 3_600.0
OUT_OF_TIME_SECONDS = 2.0
"""After which a step goes on that ran out of time: long enough that its run is handed over where its worker ends."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A request, or several that belong together. `perform` gives what is to be kept of it; `give_up` says what that
    is after the last try."""

    key: str
    perform: Callable[[], Json]
    give_up: Callable[[FlowHttpError], Json]


@dataclass(slots=True)
class Part:
    """`done` is what came of units by their keys, `tries` counts failures that may pass."""

    done: dict[str, Json] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    is_changed: bool = False
    """Whether it holds what is not stored: nobody is to ask scripts again for what they said, nor to make requests
    again that were made, because of what comes after them in the step."""

    def keep(self, name: str, make: Callable[[], Json]) -> Json:
        """What is known by the name, and from now on what is made where nothing is."""
        if name not in self.done:
            self.done[name] = make()
            self.is_changed = True
        return self.done[name]

    def to_json(self) -> Json:
        return {"done": dict(self.done), "tries": dict(self.tries)}


def load(ports: FlowPorts, task: Task) -> Part:
    """What the attempts before have kept."""
    # A first attempt has nothing to look for, which spares nearly every step a read.
    return kept(ports, task) if task.attempt > task.attempts_before + 1 else Part()


def kept(ports: FlowPorts, task: Task) -> Part:
    """What anybody has kept, even one who died before its attempt was recorded."""
    run = task.run
    found: Any = ports.marks.part(run.workspace_id, run.id, task.slot)
    return Part(dict(found["done"]), dict(found["tries"])) if isinstance(found, dict) else Part()


def save(ports: FlowPorts, task: Task, part: Part) -> None:
    run = task.run
    ports.marks.save_part(run.workspace_id, run.id, task.slot, part.to_json())
    part.is_changed = False


@contextmanager
def keeping(ports: FlowPorts, task: Task, part: Part) -> Iterator[None]:
    """Around calls of scripts, and whatever follows them in the step. Raises StepFailure, retryable, where no sandbox
    could be reached or no time was left, once what was said and sent before is stored."""
    try:
        yield
    except (StepFailure, OutOfTimeError, UnavailableError) as error:
        if part.is_changed:
            save(ports, task, part)
        if isinstance(error, OutOfTimeError):
            raise try_again("there was no time left", OUT_OF_TIME_SECONDS) from error
        if isinstance(error, UnavailableError):
            raise try_again(error.message, busy_seconds(task)) from error
        raise


def try_again(message: str, seconds: float) -> StepFailure:
    return StepFailure(StepError("flow_pending", message, retryable=True, retry_after_seconds=seconds))


def pause_after(error: FlowHttpError, tries: int) -> float:
    """How long the receiver is left alone after so many failures; its own wish counts."""
    wish = min(error.retry_after_seconds or 0.0, _LONGEST_WISH_SECONDS)
    return max(min(_FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), _LONGEST_PAUSE_SECONDS), wish)


def holder_of(task: Task) -> str:
    """Who holds slots for the step, and of which flow. Whoever was overtaken may still be making its calls, so that it
    keeps its slots for as long as it might; whoever comes after takes others."""
    return f"{task.run.workflow_id}/{task.run.id}/{task.run.fence}/{task.key}"


def busy_seconds(task: Task) -> float:
    """How long a step rests that found no slot, longer the longer it has been waiting."""
    return min(_FIRST_PAUSE_SECONDS * 1.2 ** min(task.attempt - 1, 20), 30.0)


def max_tries(document: Mapping[str, Json]) -> int:
    """How often a request of an export or import is made: as often as it says, or the usual number."""
    wanted = document.get("maxAttempts")
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        return MAX_TRIES
    return min(max(wanted, 1), _MOST_TRIES)


def work_off(
    ports: FlowPorts, task: Task, desk: Desk, units: Sequence[Unit], part: Part | None = None
) -> dict[str, Json]:
    """What came of every unit, by its key. Raises StepFailure, retryable, once what is done is kept, where not all of
    it is.
    `part` is what is known to be done, if somebody looked already."""
    part = load(ports, task) if part is None else part
    missing = [unit for unit in units if unit.key not in part.done]
    if not missing:
        return {unit.key: part.done[unit.key] for unit in units}
    effort = _Effort(part, max_tries(desk.rules.document))
    width = min(len(missing), MAX_WIDTH)
    if desk.connection is None:
        _perform_all(ports, missing, effort, 1)
    else:
        with ports.slots.held(desk.connection, holder_of(task), width, desk.seconds_left) as granted:
            if not granted:
                raise try_again("the connection is busy", busy_seconds(task))
            _perform_all(ports, missing, effort, granted)
    if any(unit.key not in part.done for unit in units):
        save(ports, task, part)
        raise try_again(effort.told(units), effort.pause)
    return {unit.key: part.done[unit.key] for unit in units}


@dataclass(slots=True)
class _Effort:
    """What one attempt comes to. Its threads share it."""

    part: Part
    max_tries: int
    pause: float = 0.0
    is_over: bool = False
    is_run_over: bool = False
    lock: Lock = field(default_factory=Lock)

    def told(self, units: Sequence[Unit]) -> str:
        """Why not all of them are done."""
        if self.is_run_over:
            made = sum(unit.key in self.part.done for unit in units)
            return f"the run is not under way any more: {made} of {len(units)} requests were made"
        return "some of its requests have to be made again"

    def perform(self, unit: Unit) -> None:
        # Read without the lock: at worst one request more is made.
        if self.is_over:
            return
        try:
            kept = unit.perform()
        except OutOfTimeError as error:
            self.is_over = True
            with self.lock:
                self.is_run_over |= isinstance(error, RunOverError)
                self.pause = max(self.pause, OUT_OF_TIME_SECONDS)
        except FlowHttpError as error:
            self._failed(unit, error)
        else:
            with self.lock:
                self.part.done[unit.key] = kept
                self.part.is_changed = True

    def _failed(self, unit: Unit, error: FlowHttpError) -> None:
        with self.lock:
            tries = self.part.tries.get(unit.key, 0) + 1
            self.part.tries[unit.key] = tries
            self.part.is_changed = True
            if not error.is_passing or tries >= self.max_tries:
                self.part.done[unit.key] = unit.give_up(error)
            else:
                self.pause = max(self.pause, pause_after(error, tries))


def _perform_all(ports: FlowPorts, units: Sequence[Unit], effort: _Effort, width: int) -> None:
    """So many at a time. A single one needs no other thread."""
    if width == 1 or len(units) == 1:
        for unit in units:
            effort.perform(unit)
        return
    group = ports.spawner.group()
    waiting = list(reversed(units))
    under_way = 0
    try:
        while waiting or under_way:
            while waiting and under_way < width:
                unit = waiting.pop()
                group.start(lambda unit=unit: effort.perform(unit))  # type: ignore[misc]
                under_way += 1
            # Before the wait, so that what is waited for below is right even if this one is broken off.
            under_way -= 1
            group.wait()
    finally:
        # Threads write into the part, so nobody leaves while one is under way; it begins no further request.
        effort.is_over = True
        while under_way > 0:
            under_way -= 1
            group.wait()
