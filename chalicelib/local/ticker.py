"""The schedule: calls the tick handler every few seconds, as EventBridge does every minute."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.local.gateway import LocalContext

_log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 60.0


class Ticker:
    """Never runs two ticks at once: one that takes longer than the interval delays the next."""

    def __init__(self, handler: Callable[[Any, Any], Any], interval_seconds: float, region: str) -> None:
        self._handler = handler
        self._interval_seconds = interval_seconds
        self._region = region
        self._running = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, grace_seconds: float = 2.0) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(grace_seconds)

    def tick(self) -> None:
        """One pass now, after a pass in progress. A failure is logged, as it is on AWS."""
        with self._running:
            try:
                self._handler(_scheduled_event(self._region), LocalContext("tick", _TIMEOUT_SECONDS))
            except Exception:  # noqa: BLE001 - the next tick must come, whatever this one raised
                _log.exception("the tick failed", extra={"action": "tick"})

    def _run(self) -> None:
        due = time.monotonic() + self._interval_seconds
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            # From the beginning of a pass to that of the next, however long it takes.
            due = time.monotonic() + self._interval_seconds
            self.tick()


def _scheduled_event(region: str) -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:123456789012:rule/tick"],
        "detail": {},
    }
