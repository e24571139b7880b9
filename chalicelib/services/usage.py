"""What runs used, summed in this process until it is written down: one update per workspace and batch of messages.

The counts of a process that dies before it writes are missing. None is ever written twice.
"""

from __future__ import annotations

import logging
from datetime import datetime
from threading import Lock

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.usage import Usage
from chalicelib.services.events.ports import UsageStore

logger = logging.getLogger(__name__)


class UsageMeter:
    """Shared by the threads of a function."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], Usage] = {}
        self._lock = Lock()

    def note(self, workspace_id: str, at: datetime, used: Usage) -> None:
        if used == Usage():
            return
        name = (workspace_id, f"{at:%Y-%m-%d}")
        with self._lock:
            self._used[name] = self._used.get(name, Usage()) + used

    def flush(self, store: UsageStore) -> None:
        """Writes down what was noted since the last time. What the store does not take is given up: whether it was
        counted there, nobody knows."""
        with self._lock:
            # Taken away before it is written: what is noted meanwhile belongs to the next time.
            used, self._used = self._used, {}
        for (workspace_id, day), usage in used.items():
            try:
                store.add(workspace_id, day, usage)
            except UnavailableError:
                logger.warning("usage lost", extra={"action": "usage_lost", "workspace_id": workspace_id})
