"""How many attempts at one endpoint a process makes at the same time.

A receiver that hangs holds each attempt until its time is over. It is to hold few of them, so that those of other
receivers find a thread.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from threading import Lock

MOST_AT_ONCE = 4
MOST_REMEMBERED = 10_000


class EndpointGate:
    """Shared by the threads of a function."""

    def __init__(self, most_at_once: int = MOST_AT_ONCE) -> None:
        self._most_at_once = most_at_once
        self._under_way: Counter[str] = Counter()
        self._hung: OrderedDict[str, bool] = OrderedDict()
        self._lock = Lock()

    def enter(self, endpoint_id: str, *, is_failing: bool) -> bool:
        """False if as many attempts are under way as may be: one, where the last one timed out. `is_failing` stands
        in for what this process does not know of the endpoint."""
        with self._lock:
            is_slow = self._hung.get(endpoint_id, is_failing)
            if self._under_way[endpoint_id] >= (1 if is_slow else self._most_at_once):
                return False
            self._under_way[endpoint_id] += 1
            return True

    def leave(self, endpoint_id: str, *, timed_out: bool) -> None:
        with self._lock:
            self._under_way[endpoint_id] -= 1
            if not self._under_way[endpoint_id]:
                del self._under_way[endpoint_id]
            self._hung[endpoint_id] = timed_out
            self._hung.move_to_end(endpoint_id)
            while len(self._hung) > MOST_REMEMBERED:
                self._hung.popitem(last=False)

    def is_hung(self, endpoint_id: str) -> bool:
        """Whether the last attempt timed out, as far as this process knows."""
        with self._lock:
            return self._hung.get(endpoint_id, False)
