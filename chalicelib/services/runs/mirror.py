"""Workflows that mirror their runs to a pin: what a run looks like there, and which of several is shown.

A run is mirrored when it is taken up and when it ends. The end is part of its news, so it arrives even if somebody
dies over it; and because what is there says which run at which point it shows, it may arrive twice, late, or out of
order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.domain.errors import (
    DefinitionError,
    InvalidError,
    NotFoundError,
    StaleWriteError,
    UnavailableError,
    WorkflowDataNotFoundError,
)
from chalicelib.domain.graph import Graph, PinMirror
from chalicelib.domain.json import Json
from chalicelib.domain.pins import Pin, Version
from chalicelib.domain.run import Run, RunStatus, StepStatus
from chalicelib.domain.times import iso_ms
from chalicelib.services.ports import RunStore
from chalicelib.services.runs.children import Announcer
from chalicelib.services.runs.programs import Programs

if TYPE_CHECKING:
    from chalicelib.services.pins.access import PinAccess
    from chalicelib.services.pins.data import PinData

logger = logging.getLogger(__name__)

_TRIES = 20
_STATUSES: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: "pending",
    RunStatus.RUNNING: "running",
    RunStatus.WAITING: "running",
    RunStatus.PAUSED: "running",
    RunStatus.SUCCEEDED: "completed",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "failed",
    RunStatus.TIMED_OUT: "failed",
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """`access` and `data` are asked for by the first run that has a pin: few have one, and a function that mirrors none
    loads nothing of pins."""

    runs: RunStore
    programs: Programs
    access: Callable[[], PinAccess]
    data: Callable[[], PinData]

    def run_began(self, run: Run) -> None:
        """As `run_changed`, for a run that is taken up: what cannot be shown now is shown when it ends."""
        try:
            self.run_changed(run)
        except UnavailableError:
            logger.warning("a run's beginning is not mirrored", extra={"action": "not_mirrored", "run_id": run.id})

    def run_changed(self, run: Run) -> None:
        """Shows the run on the pin that its workflow names, if it names one. Raises UnavailableError."""
        if run.part is not None:
            return
        try:
            graph = self.programs.of(run).graph
        except (NotFoundError, DefinitionError):
            return
        if graph.mirror is not None:
            self._mirror(run, graph, graph.mirror)

    def _mirror(self, run: Run, graph: Graph, mirror: PinMirror) -> None:
        facts = {"action": "not_mirrored", "run_id": run.id, "pin_id": mirror.pin_id}
        try:
            pin = self.access().find(mirror.pin_id)
            if pin.workspace_id != run.workspace_id:
                logger.warning("the pin is another workspace's", extra=facts)
                return
            self._show(run, graph, pin, mirror.workflow_id or run.workflow_id)
        except (NotFoundError, InvalidError) as error:
            logger.warning("the run is not mirrored: %s", error.message, extra=facts)

    def _show(self, run: Run, graph: Graph, pin: Pin, workflow_id: str) -> None:
        data = self._picture(run, graph)
        for _ in range(_TRIES):
            shown = self._shown(pin, workflow_id)
            if shown is not None and not _is_newer(data, shown.data):
                return
            try:
                self.data().push(pin, workflow_id, data, expected=0 if shown is None else shown.version)
            except StaleWriteError:
                continue
            return
        logger.warning("others push all the time", extra={"action": "not_mirrored", "run_id": run.id})

    def _shown(self, pin: Pin, workflow_id: str) -> Version | None:
        try:
            return self.data().get(pin, workflow_id)
        except WorkflowDataNotFoundError:
            return None

    def _picture(self, run: Run, graph: Graph) -> dict[str, Json]:
        done, total = self._steps_done(run, graph), len(graph.nodes)
        succeeded = run.status is RunStatus.SUCCEEDED
        started_at = run.began_at or run.created_at
        picture: dict[str, Json] = {
            "status": _STATUSES[run.status],
            # Never 100 for a run that failed, not even in its last step.
            "progress": 100 if succeeded else min(99, done * 100 // total) if total else 0,
            "run_id": run.id,
            "run_status": run.status.value,
            "workflow_id": run.workflow_id,
            "workflow_name": run.workflow_name,
            "trigger": run.trigger,
            "created_at": iso_ms(run.created_at),
            "started_at": iso_ms(started_at),
            "steps_total": total,
            "steps_done": done,
            "sequence": run.fence,
        }
        if run.finished_at is not None:
            picture["finished_at"] = iso_ms(run.finished_at)
            picture["duration_ms"] = max(0, round((run.finished_at - started_at).total_seconds() * 1000))
        if run.failure is not None:
            picture["error"] = {"type": run.failure.type, "message": run.failure.message[:1000]}
        return picture

    def _steps_done(self, run: Run, graph: Graph) -> int:
        """How many nodes of the workflow itself have succeeded; how often those in bodies did is not told."""
        # At its first claim nothing can be recorded.
        if run.fence <= 1 and not run.status.is_final:
            return 0
        # The run at hand may be without the tail that it was stored with at its end.
        recorded = (*self.runs.history(run.id).outcomes, *self.runs.get(run.id).tail, *run.tail)
        nodes = {node.id for node in graph.nodes}
        return len({o.node_id for o in recorded if o.status is StepStatus.SUCCEEDED and o.node_id in nodes})


@dataclass(frozen=True, slots=True)
class MirroringAnnouncer:
    """Implements `services.children.Announcer`: whoever is told of the ends of runs, and the mirror."""

    other: Announcer
    mirror: Mirror

    def ended(self, run: Run, *, may_repeat: bool) -> None:
        self.other.ended(run, may_repeat=may_repeat)
        self.mirror.run_changed(run)


def _is_newer(picture: Mapping[str, Json], shown: Mapping[str, Json]) -> bool:
    """Whether a picture may replace what is shown: nothing of ours, an older run, or an earlier point of the same."""
    if shown.get("run_id") != picture["run_id"]:
        created_at = shown.get("created_at")
        # Both texts have one format and zone, so that they compare like the times.
        return not isinstance(created_at, str) or "run_id" not in shown or created_at <= str(picture["created_at"])
    return _point(picture) > _point(shown)


def _point(picture: Mapping[str, Json]) -> tuple[int, bool]:
    sequence = picture.get("sequence")
    return (sequence if isinstance(sequence, int) else -1), "finished_at" in picture
