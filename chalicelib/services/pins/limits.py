"""How often pins may be asked: nothing is counted in development; in production each workflow id of a pin has a limit
within a rolling minute, and each user one within an hour of the clock for everything else.

Both are exact however many processes count. Every subject has an item of its own, which a granted call writes once
and a refused one, once this process knows of the refusal, not at all: so no item gets more writes than the limit has
calls. Readers of somebody else's pin are counted apart, or they could use up what its owner needs to push.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from chalicelib.domain.errors import StaleWriteError, UnavailableError
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.pins import Pin
from chalicelib.services.limits import Allowance
from chalicelib.services.pins.access import owns
from chalicelib.services.pins.ports import MomentStore
from chalicelib.services.ports import Clock, CounterStore

PER_WORKFLOW = 100
MINUTE_MS = 60_000
PER_USER = 1_000
HOUR_SECONDS = 3_600

_KEPT_SUBJECTS = 4096  # some 400 bytes each, with a minute's moments up to 4 KB
_TRIES = 200


@dataclass(slots=True)
class _Subject:
    """What this process knows of a subject: its calls within the minute, or until when it has none left."""

    revision: int | None = None
    moments: tuple[int, ...] = ()
    refused_until: int = 0
    lock: Lock = field(default_factory=Lock)


class PinLimits:
    """With `counts` False nothing is limited, and calls are told of no limit."""

    def __init__(self, moments: MomentStore, counters: CounterStore, clock: Clock, *, counts: bool) -> None:
        self._moments = moments
        self._counters = counters
        self._clock = clock
        self._counts = counts
        self._subjects: dict[str, _Subject] = {}
        self._lock = Lock()

    def spend_for_workflow(self, pin: Pin, workflow_id: str, caller: Principal | None = None) -> Allowance | None:
        """A call on one workflow id of a pin, by its owner unless a caller is named who is somebody else."""
        if not self._counts:
            return None
        name = f"pin-data:{pin.id}:{workflow_id}"
        if caller is not None and not owns(caller, pin):
            name = f"{name}:{caller.workspace_id}:{caller.user_id}"
        return self._within(name, lambda subject, now: self._spend_moment(name, subject, now))

    def spend_for_user(self, principal: Principal) -> Allowance | None:
        if not self._counts:
            return None
        name = f"pins:{principal.workspace_id}:{principal.user_id}"
        return self._within(name, lambda subject, now: self._spend_of_hour(name, subject, now))

    def _within(self, name: str, spend: Callable[[_Subject, datetime], Allowance]) -> Allowance:
        with self._lock:
            subject = self._subjects.pop(name, None) or _Subject()
            # Oldest use first, as popping and putting back moves a name to the end. Another thread may still hold one
            # that goes: then two count the same subject, and the store decides between them as between processes.
            while len(self._subjects) >= _KEPT_SUBJECTS:
                del self._subjects[next(iter(self._subjects))]
            self._subjects[name] = subject
        with subject.lock:
            return spend(subject, self._clock.now())

    def _spend_moment(self, name: str, subject: _Subject, now: datetime) -> Allowance:
        """Adds this moment to those of the last minute, unless they are as many as there may be."""
        now_ms = epoch_ms(now)
        if now_ms - MINUTE_MS >= max(subject.moments, default=0):
            # The item may have been forgotten meanwhile and begun anew, and have come to the same revision.
            subject.revision = None
        for _ in range(_TRIES):
            if subject.revision is None:
                subject.revision, subject.moments = self._moments.read(name)
            recent = tuple(moment for moment in subject.moments if moment > now_ms - MINUTE_MS)
            if len(recent) >= PER_WORKFLOW:
                # Counted from the end: should there ever be more than the limit, it is free when enough have passed.
                free_at = recent[-PER_WORKFLOW] + MINUTE_MS
                return _allowance(PER_WORKFLOW, 0, free_at, now_ms, granted=False)
            # Never before the last one, whatever this clock says: they are stored as steps from one to the next.
            moments = (*recent, max((now_ms, *recent[-1:])))
            expires_at = now + timedelta(milliseconds=2 * MINUTE_MS)
            try:
                subject.revision = self._moments.replace(name, subject.revision, moments, expires_at)
            except StaleWriteError:
                subject.revision = None
                continue
            subject.moments = moments
            left = PER_WORKFLOW - len(moments)
            return _allowance(PER_WORKFLOW, left, moments[0] + MINUTE_MS, now_ms, granted=True)
        raise UnavailableError("Too many calls are counted for the same workflow id at once.")

    def _spend_of_hour(self, name: str, subject: _Subject, now: datetime) -> Allowance:
        hour = int(now.timestamp()) // HOUR_SECONDS
        now_ms, ends_at = epoch_ms(now), (hour + 1) * HOUR_SECONDS * 1000
        if subject.refused_until > now_ms:
            return _allowance(PER_USER, 0, ends_at, now_ms, granted=False)
        # An hour more than it counts, for processes whose clocks are late.
        forgotten_at = datetime.fromtimestamp((hour + 2) * HOUR_SECONDS, tz=UTC)
        count = self._counters.add(f"rate:{name}:{hour}", 1, forgotten_at)
        # From the last granted call on: nothing is left until the hour ends, so no refused call writes.
        if count >= PER_USER:
            subject.refused_until = ends_at
        return _allowance(PER_USER, max(0, PER_USER - count), ends_at, now_ms, granted=count <= PER_USER)


def _allowance(limit: int, remaining: int, free_at_ms: int, now_ms: int, *, granted: bool) -> Allowance:
    # Rounded up: who waits as long as he was told to must not be refused again.
    wait = max(1, math.ceil((free_at_ms - now_ms) / 1000))
    return Allowance(limit, remaining, math.ceil(free_at_ms / 1000), granted, wait)
