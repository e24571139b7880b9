"""Following a run: what happens in it, in the order in which it is seen, until it ends.

A run is looked at often while things happen and seldom while nothing does. Nothing is told twice, and what happened
between two looks is told with the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.cli.client import Client, segment
from chalicelib.cli.exits import Exit
from chalicelib.domain.json import Json

FINAL = frozenset({"succeeded", "failed", "cancelled", "timed_out"})
SHORTEST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 3.0
_SLOWER = 1.5

EXITS = {"succeeded": Exit.DONE, "cancelled": Exit.RUN_CANCELLED}


@dataclass(frozen=True, slots=True)
class Happening:
    """`kind` is `step`, `log`, `state` or `end`; `of` is what the API says of it."""

    kind: str
    of: Any

    @property
    def document(self) -> Json:
        return {"type": self.kind, **self.of}


class PatienceLostError(Exception):
    """The time to wait is over; the run is not."""


@dataclass
class Watcher:
    """`execution` is the run as it was last seen."""

    client: Client
    run_id: str
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    timeout_seconds: float | None = None
    execution: Any = None
    _seen: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _told: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def happenings(self, *, with_logs: bool = True) -> Iterator[Happening]:
        """Raises PatienceLostError after the last of what was seen in time."""
        self.client.is_patient = True
        deadline = None if self.timeout_seconds is None else self.clock() + self.timeout_seconds
        pause = SHORTEST_PAUSE_SECONDS
        state = None
        while True:
            self.execution = self.client.get(self._path).data
            steps = [*self._new_steps()]
            ended = self.execution["state"] in FINAL
            for step in steps:
                yield Happening("step", step)
            # Lines are recorded with the outcomes of steps: while none has ended there is little to ask for.
            if with_logs and (ended or any(step["finished_at"] for step in steps)):
                yield from self._new_logs()
            if ended:
                yield Happening("end", self.execution)
                return
            if self.execution["state"] != state:
                state = self.execution["state"]
                yield Happening("state", {"id": self.run_id, "state": state})
            pause = SHORTEST_PAUSE_SECONDS if steps else min(pause * _SLOWER, LONGEST_PAUSE_SECONDS)
            self._wait(pause, deadline)

    @property
    def exit(self) -> Exit:
        return EXITS.get(self.execution["state"], Exit.RUN_FAILED)

    @property
    def _path(self) -> str:
        return f"/v1/executions/{segment(self.run_id)}"

    def _new_steps(self) -> Iterator[Any]:
        for step in self.execution["steps"]:
            stands = (step["state"], step["attempts"], step["finished_at"])
            if self._seen.get(step["key"]) != stands:
                self._seen[step["key"]] = stands
                yield step

    def _new_logs(self) -> Iterator[Happening]:
        seen: Counter[tuple[str, ...]] = Counter()
        for line in self.client.get(f"{self._path}/logs").data["logs"]:
            fact = (line["timestamp"], line["node_id"], line["level"], line["message"])
            seen[fact] += 1
            if seen[fact] > self._told[fact]:
                self._told[fact] += 1
                yield Happening("log", line)

    def _wait(self, pause: float, deadline: float | None) -> None:
        if deadline is not None:
            left = deadline - self.clock()
            if left <= 0:
                raise PatienceLostError
            pause = min(pause, left)
        self.sleep(pause)


def words(happening: Happening) -> str:
    """A happening as a line for people."""
    of = happening.of
    match happening.kind:
        case "step":
            return _step(of)
        case "log":
            return f"{_clock(of['timestamp'])}  {of['node_id']}  {of['level']}: {of['message']}"
        case "state":
            return f"{of['id']} is {of['state']}"
    reason = f": {of['error']['message']}" if of.get("error") else ""
    return f"{of['id']} {of['state']} after {duration(of['duration'])}{reason}"


def standing(execution: Any) -> str:
    """How a run stands, in one line."""
    steps = execution["steps"]
    done = sum(1 for step in steps if step["finished_at"])
    busy = ", ".join(step["node_name"] for step in steps if not step["finished_at"])
    return f"{execution['id']} {execution['state']}: {done} done" + (f", now {busy}" if busy else "")


def duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _step(step: Any) -> str:
    attempt = f" (attempt {step['attempts']})" if step["attempts"] > 1 else ""
    if not step["finished_at"]:
        reason = f": {step['error']['message']}" if step.get("error") else ""
        return f"{_clock(step['started_at'])}  {step['node_name']}  {step['state']}{attempt}{reason}"
    reason = f": {step['error']['message']}" if step.get("error") else f" in {duration(step['duration'])}"
    return f"{_clock(step['finished_at'])}  {step['node_name']}  {step['state']}{attempt}{reason}"


def _clock(time: str) -> str:
    return time[11:19]
