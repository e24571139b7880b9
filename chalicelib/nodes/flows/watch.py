"""Whether a run is still that of the worker which performs a step of it.

A step may make requests for longer than a minute, and its worker looks at the run only between steps. So whoever makes
several requests asks here before each: a run that was cancelled sends nothing more after a few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.run import Run
from chalicelib.nodes.flows.ports import RunLook
from chalicelib.services.ports import Clock

LOOK_SECONDS = 3.0
"""How long requests go on without a look: most steps take less, and are never looked after."""


@dataclass(slots=True)
class RunWatch:
    """Thread-safe: once over, it stays so. `seen_at` is when the run was last known to be its worker's."""

    runs: RunLook
    run: Run
    clock: Clock
    seen_at: datetime
    _is_over: bool = False

    def is_over(self) -> bool:
        now = self.clock.now()
        if self._is_over or (now - self.seen_at).total_seconds() < LOOK_SECONDS:
            return self._is_over
        try:
            held = self.runs.is_held(self.run.id, self.run.fence)
        except UnavailableError:
            # Nobody knows; what is sent is sent under keys that tell repetitions.
            held = True
        # Not before the answer: a look that lasts must not let others pass meanwhile.
        self.seen_at = max(self.seen_at, now)
        self._is_over |= not held
        return self._is_over
