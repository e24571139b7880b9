"""What the steps of flows work with, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Protocol

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.json import Json
from chalicelib.domain.run import LogLine, Run, StepError
from chalicelib.domain.tasks import Task
from chalicelib.nodes.steps import Handler, Result, StepContext, StepFailure
from chalicelib.services.flows.desk import FlowDesks, Log, RunFacts, until
from chalicelib.services.flows.ports import FlowErrorStore, FlowMarkStore, JobStore, ResourceStore
from chalicelib.services.flows.slots import FlowSlots
from chalicelib.services.ports import Clock, FileStore, Spawner

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 10_000
MAX_PAGE_BYTES = 5 * 1024 * 1024
_LONGEST_LINE = 2_000
_SPARE_SECONDS = 3.0
"""Kept back from a step's time for what it has to store at its end."""


class Follower(Protocol):
    def start(self, run: Run, flow_id: str, depth: int, exports: Sequence[str] | None = None) -> bool:
        """Starts a flow after this run, once however often it is called, with all of its exports or with these alone;
        False if it is gone or disabled."""


class RunLook(Protocol):
    def is_held(self, run_id: str, fence: int) -> bool:
        """Whether the run is live under a lease of this fence. Raises UnavailableError."""


@dataclass(frozen=True, slots=True)
class FlowPorts:
    """`spawner` is for requests: not the one that steps themselves are performed by."""

    resources: ResourceStore
    desks: FlowDesks
    slots: FlowSlots
    jobs: JobStore
    errors: FlowErrorStore
    marks: FlowMarkStore
    files: FileStore
    spawner: Spawner
    clock: Clock
    follower: Follower
    runs: RunLook


def patient(handler: Handler) -> Handler:
    """Where the store does not answer, the step is tried again: all that it writes may be written twice."""

    @wraps(handler)
    def guarded(context: StepContext) -> Result:
        try:
            return handler(context)
        except UnavailableError as error:
            raise StepFailure(StepError("unavailable", error.message, retryable=True)) from error

    return guarded


def config_of(task: Task) -> dict[str, Any]:
    """The step's configuration, whose members are as `flow_graph` compiled them."""
    return task.config()


def begun(config: Mapping[str, Json]) -> dict[str, Any]:
    """What `flow_begin` said."""
    said = config.get("begin")
    assert isinstance(said, dict), "it is before every other step"
    return said


def facts(context: StepContext, said: Mapping[str, Any], generator: str) -> RunFacts:
    """Of a step in the loop of a generator."""
    task = context.task
    # A generator without a delta has the window of the run.
    window: Mapping[str, Any] = said["windows"].get(generator) or said["windows"][""]
    run = task.run
    return RunFacts(
        workspace_id=run.workspace_id,
        last_export=window["last"],
        current_export=window["current"],
        job={"_id": run.id, "_flowId": run.workflow_id, "type": said["type"], "startedAt": said["at"]},
        settings=said["settings"],
        integration_id=said.get("integration"),
        is_test=said.get("test") is True,
        page_index=round_of(task) - 1,
        log=_log_of(context),
        is_over=context.is_over,
    )


def _log_of(context: StepContext) -> Log:
    """Without the context itself: a desk lives until the collector of cycles comes by, and pages would with it."""
    logs, now = context.logs, context.now
    return lambda level, text: logs.append(LogLine(now(), level, text[:_LONGEST_LINE]))


def generator_of(task: Task) -> str:
    """The key of the generator in whose loop the step stands."""
    owner = task.scope.owner
    assert owner is not None, "it is compiled into the body of a loop"
    return owner.step.node.id


def round_of(task: Task) -> int:
    assert task.scope.round is not None, "it is compiled into the body of a loop"
    return task.scope.round.index


def step_until(context: StepContext) -> datetime:
    """When a step has to have made its last request."""
    return until(context.now(), context.seconds_left - _SPARE_SECONDS)


def given_input(run: Run) -> dict[str, Any]:
    """The input of a flow's run; other doors may have started it with anything."""
    return run.input if isinstance(run.input, dict) else {}


def page_size(document: Mapping[str, Json]) -> int:
    size = document.get("pageSize")
    if isinstance(size, bool) or not isinstance(size, (int, float)):
        return DEFAULT_PAGE_SIZE
    return min(max(int(size), 1), MAX_PAGE_SIZE)
