"""How many attempts at one endpoint a process makes at the same time.

A receiver that hangs holds each attempt until its time is over. It is to hold few of them, so that those of other
receivers find a thread.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from enum import Enum
from threading import Lock

MOST_AT_ONCE = 4
MOST_REMEMBERED = 10_000  # some hundred bytes each; who is forgotten is judged by `is_failing` again
QUICK_SECONDS = 0.25
"""An attempt that takes no longer is worth waiting for."""


class _Pace(Enum):
    QUICK = 0
    SLOW = 1
    HUNG = 2


class EndpointGate:
    """Shared by the threads of a function. Remembers of each endpoint how its last attempt went."""

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._under_way: Counter[str] = Counter()
        self._paces: OrderedDict[str, _Pace] = OrderedDict()
        self._lock = Lock()

    def enter(self, endpoint_id: str, *, is_failing: bool) -> bool:
        """False if as many attempts are under way as may be: one, where the last one timed out. `is_failing` stands
        in for what this process does not know of the endpoint."""
        with self._lock:
            most = 1 if self._pace(endpoint_id, is_failing) is _Pace.HUNG else self._most_at_once
            if self._under_way[endpoint_id] >= most:
                return False
            self._under_way[endpoint_id] += 1
            return True

    def leave(self, endpoint_id: str, *, timed_out: bool | None, seconds: float = 0.0) -> None:
        """After an attempt that took so long; `timed_out` is None where none was made."""
        with self._lock:
            self._under_way[endpoint_id] -= 1
            # A Counter keeps its zeros: without this it would grow with every endpoint that was ever called.
            if not self._under_way[endpoint_id]:
                del self._under_way[endpoint_id]
            if timed_out is not None:
                usual = _Pace.QUICK if seconds <= QUICK_SECONDS else _Pace.SLOW
                self._remember(endpoint_id, _Pace.HUNG if timed_out else usual)

    def is_quick(self, endpoint_id: str, *, is_failing: bool) -> bool:
        """Whether the attempts under way are likely to end in a moment."""
        with self._lock:
            return self._pace(endpoint_id, is_failing) is _Pace.QUICK

    def is_hung(self, endpoint_id: str) -> bool:
        """Whether the last attempt timed out, as far as this process knows."""
        with self._lock:
            return self._paces.get(endpoint_id) is _Pace.HUNG

    def note_wait(self, endpoint_id: str) -> None:
        """Somebody waited in vain: nobody else is to, until an attempt is quick again."""
        with self._lock:
            # A hung one stays hung: as a slow one it would be let in four at a time.
            if self._paces.get(endpoint_id) is not _Pace.HUNG:
                self._remember(endpoint_id, _Pace.SLOW)

    def _pace(self, endpoint_id: str, is_failing: bool) -> _Pace:
        return self._paces.get(endpoint_id, _Pace.HUNG if is_failing else _Pace.QUICK)

    def _remember(self, endpoint_id: str, pace: _Pace) -> None:
        self._paces[endpoint_id] = pace
        # Assigning alone leaves a key where it first stood, and a busy endpoint would be forgotten first.
        self._paces.move_to_end(endpoint_id)
        while len(self._paces) > MOST_REMEMBERED:
            self._paces.popitem(last=False)
