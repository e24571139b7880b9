"""The components of simulated sources, and what must come of running one: told from how often it ran before.

What the code says follows from its counter alone, so that whoever sees a state before and after an invocation knows
which events had to be between them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.dedupe import UNIQUE_KEPT, Strategy
from chalicelib.domain.json import Json
from chalicelib.domain.schedules import Timing
from tests.source_fakes import Call, ScriptedRunner

COUNTER = "n"
TIMER, REQUESTS = "timer", "requests"
_PROPS: dict[str, Json] = {
    TIMER: "$.interface.timer",
    REQUESTS: {"type": "$.interface.http", "customResponse": False},
    "db": "$.service.db",
}

Said = tuple[tuple[Json, Json], ...]
"""Payloads and their dedupe ids, in order."""


def said(strategy: Strategy, n: int) -> Said:
    """What the invocation after `n` others emits: none to three, some of them under ids that were there before."""
    ids = [_id(strategy, n, index) for index in range((n * 5 + 1) % 4)]
    return tuple(({"n": n, "index": index}, id_) for index, id_ in enumerate(ids))


def _id(strategy: Strategy, n: int, index: int) -> Json:
    match strategy:
        case Strategy.GREATEST:
            return (n * 3 + index * 2) % (n + 5)
        case Strategy.LAST:
            return f"item-{n - 1 + index}"
        case _:
            return f"item-{(n + index) // 2}"


def throws(n: int) -> bool:
    return n % 5 == 3


def code(strategy: Strategy) -> Any:
    def run(call: Call) -> None:
        n: Any = call.db.get(COUNTER, 0)
        call.set(COUNTER, n + 1)
        for payload, id_ in said(strategy, n):
            call.emit(payload, id=id_)
        call.log(f"ran {n}")
        if isinstance(call.event, dict) and "method" in call.event:
            call.respond(200, str(n).encode())
        if throws(n):
            call.throw("this one is odd")

    return run


def _announces(word: str) -> Any:
    def hook(call: Call) -> None:
        call.set(word, True)
        call.log(word)

    return hook


def install(runner: ScriptedRunner) -> list[tuple[str, Strategy]]:
    """The code of a component for each strategy, twice: one leaves the answer to requests to us, one gives it."""
    made = []
    for strategy in Strategy:
        for answers in (False, True):
            requests: dict[str, Json] = {"type": "$.interface.http", "customResponse": answers}
            text = f"{strategy}, {'answers' if answers else 'is quiet'}"
            hooks = {name: _announces(name) for name in ("deploy", "activate", "deactivate")}
            props = {**_PROPS, REQUESTS: requests}
            runner.add(text, code(strategy), hooks=hooks, props=props, dedupe=strategy.value)
            made.append((text, strategy))
    return made


def timer(timing: Timing) -> dict[str, Json]:
    """A timer prop as callers configure it."""
    return {"intervalSeconds": timing.interval_seconds} if timing.interval_seconds else {"cron": timing.expression}


@dataclass(slots=True)
class Judge:
    """Deduplication worked out a second time, from everything that was emitted before."""

    strategy: Strategy
    recent: deque[Json] = field(default_factory=lambda: deque(maxlen=UNIQUE_KEPT))
    greatest: float | None = None
    last: Json = None

    def kept(self, batch: Said) -> list[Json]:
        """The payloads that are events, and from now on were emitted."""
        match self.strategy:
            case Strategy.UNIQUE:
                return self._unique(batch)
            case Strategy.GREATEST:
                return self._greatest(batch)
            case Strategy.LAST:
                return self._last(batch)
        return [payload for payload, _ in batch]

    def _unique(self, batch: Said) -> list[Json]:
        found = []
        for payload, id_ in batch:
            if id_ not in self.recent:
                self.recent.append(id_)
                found.append(payload)
        return found

    def _greatest(self, batch: Said) -> list[Json]:
        before, seen, found = self.greatest, set(), []
        for payload, id_ in batch:
            number: Any = id_
            if (before is None or number > before) and number not in seen:
                seen.add(number)
                found.append(payload)
                self.greatest = number if self.greatest is None else max(self.greatest, number)
        return found

    def _last(self, batch: Said) -> list[Json]:
        begin = max((at + 1 for at, (_, id_) in enumerate(batch) if id_ == self.last), default=0)
        if batch:
            self.last = batch[-1][1]
        return [payload for payload, _ in batch[begin:]]


def payloads(entries: Iterable[Any]) -> list[Json]:
    """What entries of an outbox say on the channels of their source."""
    return [entry.payload for entry in entries if not entry.channel.startswith("$")]


def channels(entries: Sequence[Any]) -> list[str]:
    return [entry.channel for entry in entries]
