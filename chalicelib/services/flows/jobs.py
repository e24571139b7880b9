"""Jobs: the runs of flows, found, shown with their figures, and cancelled.

They are found by the lists of runs. A job outlives its flow, and nothing of it is shown longer than `RETENTION_DAYS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from chalicelib.domain.errors import RunEndedError, RunNotFoundError, WorkflowNotFoundError
from chalicelib.domain.flows.flows import JobFigures, JobType, is_object_id, parent_job_id
from chalicelib.domain.flows.steps import generators_of
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.listing import RunFilter
from chalicelib.domain.run import Run, RunStatus, RunSummary
from chalicelib.domain.workflow import CELIGO, Workflow
from chalicelib.services.access import Scope, require
from chalicelib.services.flows.job_views import (
    LIVE,
    RETENTION,
    RUN_STATUSES,
    Job,
    JobStatus,
    Standing,
    job_of,
    shown_children,
    unbegun_job,
)
from chalicelib.services.flows.ports import JobStore
from chalicelib.services.flows.references import integration_of
from chalicelib.services.ports import Clock
from chalicelib.services.runs.runs import Runs
from chalicelib.services.workflows import Workflows

PARENTS = frozenset({JobType.FLOW.value, JobType.RETRY.value})
CHILDREN = frozenset({"export", "import"})
MOST_LISTED = 1_001
_MOST_LOOKED_AT = 20_000
_PAGE = 1_001
_LATEST = 20
_LONGEST_RUN = timedelta(days=1)
"""By how much a child may at most have begun after its job was made, to be found by its own age."""


@dataclass(frozen=True, slots=True)
class JobQuery:
    """None, or an empty set of ids, leaves a member open. Times are inclusive bounds on `created_at`; `accepts` judges
    what is told by figures alone."""

    types: frozenset[str] = PARENTS
    statuses: frozenset[str] | None = None
    job_id: str | None = None
    parent_id: str | None = None
    flow_ids: frozenset[str] | None = None
    integration_ids: frozenset[str] | None = None
    export_id: str | None = None
    import_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    accepts: Callable[[Job], bool] = field(default=lambda job: True)


class FlowJobs:
    def __init__(self, runs: Runs, workflows: Workflows, jobs: JobStore, clock: Clock) -> None:
        self._runs = runs
        self._workflows = workflows
        self._jobs = jobs
        self._clock = clock

    def get(self, principal: Principal, job_id: str) -> Job:
        """A job with its children, or a child. Raises ForbiddenError, RunNotFoundError."""
        run, index = self._run(principal, job_id, Scope.READ_RUNS)
        return self._part(self._job(run), index)

    def latest(self, principal: Principal, workflow: Workflow) -> tuple[Job, ...]:
        """The flow's newest job, and with it all that have not ended; newest first. Raises ForbiddenError."""
        where = RunFilter(since=self._clock.now() - RETENTION)
        newest = self._runs.of_workflows(principal, (workflow.id,), where, _LATEST)
        jobs = list(self._jobs_of(principal, list(islice(newest, _LATEST))))
        return tuple(job for index, job in enumerate(jobs) if index == 0 or job.status in LIVE)

    def query(self, principal: Principal, query: JobQuery, limit: int = MOST_LISTED, skip: int = 0) -> list[Job]:
        """Newest first; the children of one job in the flow's order. Raises ForbiddenError."""
        require(principal, Scope.READ_RUNS)
        found: list[Job] = []
        for job in self._matching(principal, query):
            if skip:
                skip -= 1
                continue
            found.append(job)
            if len(found) == limit:
                break
        return found

    def cancel(self, principal: Principal, job_id: str) -> Job:
        """Ends the job, of a child the whole one. It is returned as being cancelled if it had begun, because a step
        that is being executed finishes; one that had ended as it is. Raises ForbiddenError, RunNotFoundError."""
        run, index = self._run(principal, job_id, Scope.WRITE_RUNS)
        try:
            ended = self._runs.cancel(principal, run.id)
        except RunEndedError:
            ended_before = self._runs.owned(principal, run.id, Scope.WRITE_RUNS)
            return self._part(self._job(ended_before), index)
        job = self._job(ended)
        # It has children once it has begun; before that nothing is under way, and it is over at once.
        if job.children:
            stops = (JobStatus.CANCELED, JobStatus.CANCELING)
            children = tuple(_renamed(child, *stops) for child in job.children)
            job = replace(_renamed(job, *stops), ended_at=None, children=children)
        return self._part(job, index)

    def run_of(self, principal: Principal, job_id: str) -> Run:
        """The run that a job or a child belongs to. Raises ForbiddenError, RunNotFoundError."""
        return self._run(principal, job_id, Scope.READ_RUNS)[0]

    # -- finding ------------------------------------------------------------------------------------------------------

    def _matching(self, principal: Principal, query: JobQuery) -> Iterator[Job]:
        for job in self._candidates(principal, query):
            if query.types & PARENTS and _is_wanted(job, query) and self._has_resource(job, query):
                yield job
            if query.types & CHILDREN:
                yield from (child for child in shown_children(job) if _is_wanted_child(child, query))

    def _has_resource(self, job: Job, query: JobQuery) -> bool:
        """Whether the export and the import that are asked for take part in the job."""
        wanted = {each for each in (query.export_id, query.import_id) if each is not None}
        return wanted <= {job.export_id, *(child.resource_id for child in job.children)}

    def _candidates(self, principal: Principal, query: JobQuery) -> Iterator[Job]:
        named = query.job_id or query.parent_id
        if named is not None:
            try:
                run, _ = self._run(principal, named, Scope.READ_RUNS)
            except RunNotFoundError:
                return
            flows = self._flows(principal, query)
            if flows is None or run.workflow_id in flows:
                yield self._job(run)
            return
        for page in self._pages(principal, query):
            yield from self._jobs_of(principal, page)

    def _pages(self, principal: Principal, query: JobQuery) -> Iterator[Sequence[RunSummary]]:
        flows = self._flows(principal, query)
        if flows is None:
            flows = frozenset(each.id for each in self._workflows.known(principal, CELIGO, Scope.READ_RUNS))
        if not flows:
            return
        where = self._filter(query)
        if where is None:
            return
        # A question that hardly any job answers must not read all that there are.
        looked_at = islice(self._runs.of_workflows(principal, flows, where, _PAGE), _MOST_LOOKED_AT)
        while page := list(islice(looked_at, _PAGE)):
            yield [each for each in page if is_object_id(each.id)]

    def _flows(self, principal: Principal, query: JobQuery) -> frozenset[str] | None:
        """Of which flows the jobs have to be; None for any."""
        resources = {each for each in (query.export_id, query.import_id) if each is not None}
        if query.integration_ids is None and not resources:
            return None if query.flow_ids is None else frozenset(filter(is_object_id, query.flow_ids))
        return frozenset(
            workflow.id
            for workflow in self._workflows.known(principal, CELIGO, Scope.READ_RUNS)
            if (query.flow_ids is None or workflow.id in query.flow_ids)
            and (query.integration_ids is None or integration_of(workflow) in query.integration_ids)
            and resources <= _refs(workflow)
        )

    def _filter(self, query: JobQuery) -> RunFilter | None:
        """For the list of runs: what it may leave out; None if that is everything."""
        oldest = self._clock.now() - RETENTION
        since = query.since
        statuses: frozenset[RunStatus] = frozenset()
        # Statuses of children follow from figures, and leave open how the run stands.
        if query.types <= PARENTS:
            if query.statuses is not None:
                named = [JobStatus(each) for each in query.statuses if each in set(JobStatus)]
                statuses = frozenset(status for each in named for status in RUN_STATUSES.get(each, ()))
                if not statuses:
                    return None
        elif since is not None:
            since -= _LONGEST_RUN
        return RunFilter(statuses=statuses, since=max(oldest, since or oldest), until=query.until)

    # -- building -----------------------------------------------------------------------------------------------------

    def _run(self, principal: Principal, job_id: str, scope: Scope) -> tuple[Run, int]:
        require(principal, scope)
        if not is_object_id(job_id):
            raise RunNotFoundError(run_id=job_id)
        run_id, index = parent_job_id(job_id)
        run = self._runs.owned(principal, run_id, scope)
        if run.created_at + RETENTION <= self._clock.now():
            raise RunNotFoundError(run_id=job_id)
        return run, index

    def _job(self, run: Run) -> Job:
        return self._built(run, self._jobs.get(run.workspace_id, (run.id,)).get(run.id))

    def _jobs_of(self, principal: Principal, runs: Sequence[RunSummary]) -> Iterator[Job]:
        figures = self._jobs.get(principal.workspace_id, [each.id for each in runs]) if runs else {}
        for summary in runs:
            known = figures.get(summary.id)
            if known is not None:
                yield job_of(Standing.of_summary(summary, known), known)
                continue
            # It has not begun, or ended before it did: there are few of these.
            run = self._runs.get_of_list(principal, summary.id)
            if run is not None:
                yield self._built(run, None)

    def _built(self, run: Run, figures: JobFigures | None) -> Job:
        if figures is not None:
            return job_of(Standing.of(run), figures)
        document = self._document(run)
        generators = generators_of(document)
        integration = document.get("_integrationId")
        is_retry = isinstance(run.input, dict) and run.input.get("retry") is not None
        return unbegun_job(
            Standing.of(run),
            JobType.RETRY if is_retry else JobType.FLOW,
            generators[0].export_id if generators else None,
            integration if isinstance(integration, str) else None,
        )

    def _document(self, run: Run) -> Mapping[str, Json]:
        try:
            return self._workflows.source_of(run)
        except WorkflowNotFoundError:
            return {}

    @staticmethod
    def _part(job: Job, index: int) -> Job:
        if index == 0:
            return job
        if index > len(job.children):
            raise RunNotFoundError(run_id=job.id)
        return job.children[index - 1]


def _is_wanted(job: Job, query: JobQuery) -> bool:
    return (
        job.type in query.types
        and (query.statuses is None or job.status.value in query.statuses)
        and (query.since is None or job.created_at >= query.since)
        and (query.until is None or job.created_at <= query.until)
        and query.accepts(job)
    )


def _is_wanted_child(child: Job, query: JobQuery) -> bool:
    resources = {each for each in (query.export_id, query.import_id) if each is not None}
    return _is_wanted(child, query) and (not resources or child.resource_id in resources)


def _renamed(job: Job, old: JobStatus, new: JobStatus) -> Job:
    return replace(job, status=new) if job.status is old else job


def _refs(workflow: Workflow) -> set[str]:
    refs = workflow.labels.get("refs")
    return {each for each in refs if isinstance(each, str)} if isinstance(refs, list) else set()
