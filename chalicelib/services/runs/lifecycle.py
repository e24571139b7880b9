"""What workflows say of themselves when a run of theirs ends.

An error goes to `$errors`; any other end is an event of the default channel, unless the workflow emits events itself.
The event is part of a run's news (`services.children`): a run that ends stays in the due index until it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.errors import DefinitionError, NotFoundError
from chalicelib.domain.events import DEFAULT_CHANNEL, ERRORS, Emission, Emitter, EmitterKind, emit_id
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import short_user_id, short_workspace_id
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program
from chalicelib.domain.run import Run, RunStatus
from chalicelib.domain.sources import CODE_FAILURE
from chalicelib.domain.times import iso_ms
from chalicelib.domain.workflow import has_own_events, is_source
from chalicelib.services.events import error_events
from chalicelib.services.events.error_events import fitting
from chalicelib.services.events.events import Events
from chalicelib.services.runs.children import is_announced

_SOURCE_TYPES = {"manual": "API", "webhook": "HTTP", "schedule": "TIMER", "event": "COMPONENT", "workflow": "WORKFLOW"}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """`program` is that of a run."""

    events: Events
    program: Callable[[Run], Program]

    def ended(self, run: Run, *, may_repeat: bool) -> None:
        """Emits the end of a run that speaks for its workflow. `may_repeat` says that this end may have been told
        before. Raises UnavailableError."""
        if not is_announced(run):
            return
        if is_source(run.workflow_id):
            self._source_run_ended(run, may_repeat)
            return
        if run.status in {RunStatus.FAILED, RunStatus.TIMED_OUT}:
            self._emit(run, ERRORS, error_event(run), may_repeat)
        elif not self._speaks_for_itself(run):
            self._emit(run, DEFAULT_CHANNEL, end_event(run), may_repeat)

    def _source_run_ended(self, run: Run, may_repeat: bool) -> None:
        """What its code threw, `$errors` has heard from the run itself; the rest is what went wrong around it."""
        reported = run.failure is not None and run.failure.type == CODE_FAILURE
        if run.status in {RunStatus.FAILED, RunStatus.TIMED_OUT} and not reported:
            self._emit(run, ERRORS, error_event(run), may_repeat)

    def _emit(self, run: Run, channel: str, payload: Json, may_repeat: bool) -> None:
        kind = EmitterKind.SOURCE if is_source(run.workflow_id) else EmitterKind.WORKFLOW
        emission = Emission(
            Emitter(run.workspace_id, kind, run.workflow_id),
            channel,
            payload,
            # With the fence, because a run that is retried ends once more.
            emit_id(run.finished_at or run.created_at, f"{run.id}/end/{run.fence}"),
            cause=run.cause,
        )
        self.events.emit(emission, may_repeat=may_repeat)

    def _speaks_for_itself(self, run: Run) -> bool:
        if has_own_events(run.workflow_id):
            return True
        try:
            return emits(self.program(run).graph)
        except (NotFoundError, DefinitionError):
            return False


def emits(graph: Graph) -> bool:
    """Whether the graph has an `emit` node, in whichever body."""
    return any(node.type == "emit" or any(map(emits, node.bodies.values())) for node in graph.nodes)


def error_event(run: Run) -> Json:
    at, failure = run.finished_at or run.created_at, run.failure
    node_id = failure.node_id if failure else None
    where = f"{run.workflow_name} (version {run.version})"
    context = error_events.context(
        emit_id(run.created_at, run.id),
        run.created_at,
        run.workflow_id,
        deployment=f"{run.workflow_id}/{run.version}",
        source_type=_SOURCE_TYPES.get(run.trigger, run.trigger.upper()),
        owner_id=short_user_id(run.created_by) if run.created_by else short_workspace_id(run.workspace_id),
    )
    error = error_events.error(
        failure.type if failure else run.status.value,
        failure.message if failure else f"the run ended {run.status}",
        at,
        cell=None if node_id is None else f"{run.workflow_id}/{node_id}",
        stack=f"    at {where}" if node_id is None else f"    at {node_id} in {where}",
        node_id=node_id,
    )
    event = error_events.event(run.input, "input", context, error)
    return {**event, "run_id": run.id, "status": run.status.value}


def end_event(run: Run) -> Json:
    at = run.finished_at or run.created_at
    return {
        "type": f"run.{run.status}",
        "timestamp": iso_ms(at),
        "data": {
            "run_id": run.id,
            "workflow_id": run.workflow_id,
            "workflow_name": run.workflow_name,
            "version": run.version,
            "trigger": run.trigger,
            "status": run.status.value,
            "created_at": iso_ms(run.created_at),
            "finished_at": iso_ms(at),
            "duration_ms": round((at - run.created_at).total_seconds() * 1000),
            "output": fitting(run.output, "output"),
        },
    }
