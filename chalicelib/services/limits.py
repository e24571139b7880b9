"""How often somebody may call within a minute of the clock.

A limit is never exceeded, however many processes count against it: each takes calls out of a shared counter in
blocks before it grants them. A block is a hundredth of the limit, so that a limit of 100 is counted call by
call and a very high one costs next to nothing. What a process took and did not use by the end of the minute is
lost to the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from chalicelib.services.ports import Clock, CounterStore

_WINDOW_SECONDS = 60
_KEPT_WINDOWS = 4096


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a minute's calls. `resets_at` is in whole seconds since 1970."""

    limit: int
    remaining: int
    resets_at: int
    granted: bool
    retry_after_seconds: int


@dataclass(slots=True)
class _Window:
    """One subject's minute as this process knows it. `taken` is the shared count after its last block."""

    number: int
    taken: int = 0
    unspent: int = 0
    exhausted: bool = False
    lock: Lock = field(default_factory=Lock)


class Limits:
    def __init__(self, counters: CounterStore, clock: Clock, per_key: int, per_hook: int) -> None:
        self._counters = counters
        self._clock = clock
        self._per_key = per_key
        self._per_hook = per_hook
        self._windows: dict[str, _Window] = {}
        self._lock = Lock()

    def spend_for_key(self, key_id: str) -> Allowance:
        return self._spend(f"key:{key_id}", self._per_key)

    def spend_for_hook(self, hook_id: str) -> Allowance:
        return self._spend(f"hook:{hook_id}", self._per_hook)

    def unspent_for_key(self) -> Allowance:
        """What a key that has not called yet is told."""
        now = self._clock.now()
        return _allowance(now, _number(now), self._per_key, remaining=self._per_key, granted=True)

    def _spend(self, subject: str, limit: int) -> Allowance:
        now = self._clock.now()
        window = self._window(subject, _number(now))
        # A lock for each subject: nobody else waits while a block is taken out of the store.
        with window.lock:
            if not window.unspent and not window.exhausted:
                self._take_block(window, subject, limit)
            granted = window.unspent > 0
            if granted:
                window.unspent -= 1
            remaining = max(0, limit - window.taken) + window.unspent
        return _allowance(now, window.number, limit, remaining=remaining, granted=granted)

    def _take_block(self, window: _Window, subject: str, limit: int) -> None:
        block = max(1, limit // 100)
        # A minute after it is over, for processes whose clocks are behind.
        forgotten_at = datetime.fromtimestamp((window.number + 2) * _WINDOW_SECONDS, tz=UTC)
        count = self._counters.add(f"rate:{subject}:{window.number}", block, forgotten_at)
        window.taken = min(count, limit)
        # Of a block that reaches beyond the limit only the part below it counts.
        window.unspent = max(0, min(count, limit) - (count - block))
        window.exhausted = count >= limit

    def _window(self, subject: str, number: int) -> _Window:
        with self._lock:
            window = self._windows.get(subject)
            if window is None or window.number != number:
                if len(self._windows) >= _KEPT_WINDOWS:
                    self._windows = {name: w for name, w in self._windows.items() if w.number == number}
                # A call that was slow may bring the minute before back: what was taken is lost then, never granted
                # twice.
                window = self._windows[subject] = _Window(number)
            return window


def _number(now: datetime) -> int:
    return int(now.timestamp()) // _WINDOW_SECONDS


def _allowance(now: datetime, window: int, limit: int, *, remaining: int, granted: bool) -> Allowance:
    resets_at = (window + 1) * _WINDOW_SECONDS
    wait = timedelta(seconds=resets_at - now.timestamp()).total_seconds()
    return Allowance(limit, remaining, resets_at, granted, max(1, math.ceil(wait)))
