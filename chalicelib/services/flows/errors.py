"""Errors of flows: how many are open, which they are, and what becomes of them.

An error belongs to an export or import of a flow. Resolving and retrying are safe to repeat: what is resolved already
stays as it is, and a retry is a job that looks again for what is still open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from chalicelib.domain.errors import (
    FieldsRefusedError,
    FlowErrorNotFoundError,
    ResourceNotFoundError,
    UnavailableError,
    WorkflowInactiveError,
)
from chalicelib.domain.flows.flows import (
    ErrorFilter,
    FlowError,
    ResourceKind,
    error_of_retry_data,
    is_object_id,
    time_of,
)
from chalicelib.domain.flows.steps import children_of_flow
from chalicelib.domain.flows.tags import ErrorNotes
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem
from chalicelib.domain.run import Start
from chalicelib.domain.workflow import CELIGO, Workflow, WorkflowStatus
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.flows.ports import FlowErrorStore
from chalicelib.services.flows.references import integration_of
from chalicelib.services.ports import Clock, Spawner
from chalicelib.services.runs.runs import Runs
from chalicelib.services.workflows import Workflows

T = TypeVar("T")

MOST_AT_ONCE = 1_000
_PAGE = 500
_SPARE = timedelta(minutes=5)  # clocks differ, and a step that ran at the end of its job may have ended after it

Part = tuple[str, str]
"""An export or import in a job: its id, and the key of the child that it is."""


@dataclass(frozen=True, slots=True)
class StepErrors:
    """How many errors of an export or import, or of a whole flow, are open; `newest_at` is None without one."""

    id: str
    count: int
    newest_at: datetime | None


class FlowErrors:
    """`spawner` is for counting several steps at the same time."""

    def __init__(
        self,
        access: Access,
        workflows: Workflows,
        errors: FlowErrorStore,
        runs: Runs,
        clock: Clock,
        spawner: Spawner,
    ) -> None:
        self._access = access
        self._workflows = workflows
        self._errors = errors
        self._runs = runs
        self._clock = clock
        self._spawner = spawner

    def flow(self, principal: Principal, flow_id: str, scope: Scope) -> Workflow:
        """Raises ForbiddenError, WorkflowNotFoundError."""
        return self._access.workflow(principal, flow_id, scope, CELIGO)

    def step(self, principal: Principal, flow_id: str, step_id: str, scope: Scope) -> Workflow:
        """The flow, if it has the export or import. Raises ForbiddenError, WorkflowNotFoundError,
        ResourceNotFoundError."""
        flow = self.flow(principal, flow_id, scope)
        if not is_object_id(step_id) or step_id not in _steps_of(flow):
            raise ResourceNotFoundError("The flow has no such export or import.", resource_id=step_id)
        return flow

    def flows_of(self, principal: Principal, integration_id: str) -> tuple[Workflow, ...]:
        """The flows of an integration, oldest first. Raises ForbiddenError."""
        known = self._workflows.known(principal, CELIGO, Scope.READ_RUNS, gone=False)
        return tuple(sorted((each for each in known if integration_of(each) == integration_id), key=_id_of))

    def summary(self, flow: Workflow) -> tuple[StepErrors, ...]:
        """Of every export and import of the flow, those without errors too."""
        (steps,) = self._counted((flow,))
        return steps

    def totals(self, flows: Sequence[Workflow]) -> tuple[StepErrors, ...]:
        """Of whole flows."""
        return tuple(_sum(flow.id, steps) for flow, steps in zip(flows, self._counted(flows), strict=True))

    def page(
        self, flow: Workflow, step_id: str, where: ErrorFilter, *, after: str | None, limit: int
    ) -> tuple[tuple[FlowError, ...], str | None]:
        """Newest first, and the `after` of the next page."""
        return self._errors.page(flow.workspace_id, flow.id, step_id, where, after=after, limit=limit)

    def of_job(
        self, workspace_id: str, flow_id: str, job_id: str, parts: Iterable[Part], ended_at: datetime | None = None
    ) -> Iterator[FlowError]:
        """Every error of these parts of a job, open and resolved ones, step by step, newest first. Those of earlier
        jobs are not looked at, and those of later ones as little as can be known: with `ended_at` if it has ended."""
        until = None if ended_at is None else ended_at + _SPARE
        keys: dict[str, set[str]] = {}
        for step_id, key in parts:
            keys.setdefault(step_id, set()).add(key)
        for step_id, wanted in keys.items():
            for is_resolved in (False, True):
                # No error is older than its job, whose id tells when that was made.
                where = ErrorFilter(is_resolved=is_resolved, since=time_of(job_id), until=until, job_id=job_id)
                yield from (each for each in self._all(workspace_id, flow_id, step_id, where) if each.child in wanted)

    def resolve(self, principal: Principal, flow: Workflow, step_id: str, ids: Collection[str]) -> None:
        self._errors.resolve(flow.workspace_id, flow.id, step_id, ids, self._clock.now(), principal.user_id)

    def reopen(self, flow: Workflow, step_id: str, ids: Collection[str]) -> None:
        self._errors.reopen(flow.workspace_id, flow.id, step_id, ids)

    def annotate(self, flow: Workflow, step_id: str, ids: Collection[str], notes: ErrorNotes) -> None:
        """Tags or assigns those of the errors that there are, open or resolved."""
        self._errors.annotate(flow.workspace_id, flow.id, step_id, ids, notes)

    def retry(
        self,
        principal: Principal,
        flow: Workflow,
        step_id: str,
        ids: Collection[str],
        field: str,
        idempotency_key: str | None = None,
    ) -> str:
        """Starts a job that tries these errors' records again, and returns its id; `field` is what named them. Raises
        WorkflowInactiveError, FieldsRefusedError where none of them is open and has retry data,
        IdempotencyConflictError."""
        require(principal, Scope.WRITE_RUNS)
        if flow.status is not WorkflowStatus.ACTIVE:
            raise WorkflowInactiveError(workflow_id=flow.id)
        known = self._errors.get(flow.workspace_id, flow.id, step_id, ids, bare=True)
        # Those that are settled by now are left out: a second click on the same list tries nothing twice.
        chosen: list[Json] = [
            each
            for each in dict.fromkeys(ids)
            if each in known and known[each].resolved_at is None and known[each].retry_data is not None
        ]
        if not chosen:
            message = "None of these errors is open and has retry data."
            raise FieldsRefusedError(problems=(Problem(field, "invalid_ref", message),))
        input_: Json = {"retry": {"step": step_id, "errors": chosen}}
        start = Start(principal.user_id)
        return self._runs.start(flow, input_, idempotency_key=idempotency_key, start=start).id

    def with_retry_data(self, flow: Workflow, step_id: str, key: str) -> tuple[FlowError, ResourceKind]:
        """The error that a retry data key is of, and what its record failed in. Raises FlowErrorNotFoundError."""
        id_ = error_of_retry_data(key)
        found = {} if id_ is None else self._errors.get(flow.workspace_id, flow.id, step_id, (id_,))
        error = found.get(id_ or "")
        if error is None or error.retry_data_key != key:
            raise FlowErrorNotFoundError("There is no such retry data.", key=key)
        children = {each.key: each.kind for each in children_of_flow(self._workflows.view(flow).body.source)}
        # The flow may have changed since: then only whether it was the first of all steps is known.
        return error, children.get(error.child, ResourceKind.IMPORT if error.order else ResourceKind.EXPORT)

    def set_retry_data(self, error: FlowError, data: Json, trace_key: str | None) -> FlowError:
        """Replaces the record that a retry takes. Raises FlowErrorNotFoundError, TooLargeError."""
        changed: dict[str, Json] = {**(error.retry_data or {}), "data": data}
        if trace_key is not None:
            changed["traceKey"] = trace_key
        self._errors.set_retry_data(error, changed)
        return replace(error, retry_data=changed)

    def _all(self, workspace_id: str, flow_id: str, step_id: str, where: ErrorFilter) -> Iterator[FlowError]:
        after: str | None = None
        while True:
            found, after = self._errors.page(workspace_id, flow_id, step_id, where, after=after, limit=_PAGE)
            yield from found
            if after is None:
                return

    def _counted(self, flows: Sequence[Workflow]) -> list[tuple[StepErrors, ...]]:
        """A call for each flow, and one for each step that has open errors."""
        counts = self._side_by_side([partial(self._errors.counts, each.workspace_id, each.id) for each in flows])
        failing = [
            (flow, step) for flow, known in zip(flows, counts, strict=True) for step in _steps_of(flow) if step in known
        ]
        newest = self._side_by_side(
            [partial(self._errors.newest_at, flow.workspace_id, flow.id, step) for flow, step in failing]
        )
        newest_at = {(flow.id, step): at for (flow, step), at in zip(failing, newest, strict=True)}
        return [
            tuple(_counted(step, known.get(step, 0), newest_at.get((flow.id, step))) for step in _steps_of(flow))
            for flow, known in zip(flows, counts, strict=True)
        ]

    def _side_by_side(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """What they return, in their order. Raises UnavailableError."""
        made: dict[int, T] = {}
        # What a thread raises nobody hears, so it is carried over to who waits.
        failures: list[UnavailableError] = []

        def make(index: int, call: Callable[[], T]) -> None:
            try:
                made[index] = call()
            except UnavailableError as error:
                failures.append(error)

        group = self._spawner.group()
        for index, call in enumerate(calls):
            group.start(partial(make, index, call))
        for _ in calls:
            group.wait()
        if failures:
            raise failures[0]
        return [made[index] for index in range(len(calls))]


def _counted(step_id: str, count: int, newest_at: datetime | None) -> StepErrors:
    """Errors that were resolved between the two calls are none any more."""
    return StepErrors(step_id, 0, None) if newest_at is None else StepErrors(step_id, count, newest_at)


def _id_of(flow: Workflow) -> str:
    return flow.id


def _steps_of(flow: Workflow) -> tuple[str, ...]:
    refs = flow.labels.get("refs")
    return tuple(each for each in refs if isinstance(each, str)) if isinstance(refs, list) else ()


def _sum(flow_id: str, steps: Iterable[StepErrors]) -> StepErrors:
    known = list(steps)
    newest = max((each.newest_at for each in known if each.newest_at is not None), default=None)
    return StepErrors(flow_id, sum(each.count for each in known), newest)
