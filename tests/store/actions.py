"""What a run's worker does to it, with defaults for what a test does not care about."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.run import Run, RunStatus
from tests.store.backends import Stores
from tests.store.samples import LEASE, after


def claim(stores: Stores, run_id: str = "exec_1", at: float = 0) -> Run:
    return stores.runs.claim(run_id, now=after(at), lease_expires_at=after(at) + LEASE)


def park(stores: Stores, fence: int = 1, run_id: str = "exec_1", **changes: Any) -> None:
    usual: dict[str, Any] = {"status": RunStatus.WAITING, "due_at": after(500), "tail": (), "rounds": (), "signals": 0}
    stores.runs.park(run_id, fence, **(usual | changes))


def finish(stores: Stores, fence: int = 1, run_id: str = "exec_1", **changes: Any) -> None:
    usual: dict[str, Any] = {
        "status": RunStatus.SUCCEEDED,
        "finished_at": after(5),
        "output": {"total": 3},
        "failure": None,
        "tail": (),
        "news_due_at": None,
    }
    stores.runs.finish(run_id, fence, **(usual | changes))


def end(stores: Stores, run_id: str = "exec_1", **changes: Any) -> Run:
    usual: dict[str, Any] = {"status": RunStatus.CANCELLED, "at": after(3)}
    return stores.runs.end(run_id, **(usual | changes))
