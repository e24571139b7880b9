"""Jobs as their callers see them: how the run stands, and the figures that its steps left page by page.

A job is told by its run alone, its children by their figures and, once it has ended, by how it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.flows.flows import (
    RETENTION_DAYS,
    Child,
    Count,
    JobFigures,
    JobType,
    ResourceKind,
    added,
    child_job_id,
)
from chalicelib.domain.run import Run, RunStatus, RunSummary

RETENTION = timedelta(days=RETENTION_DAYS)


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


LIVE = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
_ENDED = {
    RunStatus.SUCCEEDED: JobStatus.COMPLETED,
    RunStatus.FAILED: JobStatus.FAILED,
    RunStatus.TIMED_OUT: JobStatus.FAILED,
    RunStatus.CANCELLED: JobStatus.CANCELED,
}
RUN_STATUSES = {
    JobStatus.QUEUED: frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED}),
    JobStatus.RUNNING: frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED}),
    JobStatus.COMPLETED: frozenset({RunStatus.SUCCEEDED}),
    JobStatus.FAILED: frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT}),
    JobStatus.CANCELED: frozenset({RunStatus.CANCELLED}),
}
"""Which runs may be jobs of the status: what parts queued jobs from running ones, the run does not tell."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run or an entry of a list tells of a job."""

    id: str
    workspace_id: str
    flow_id: str
    status: RunStatus
    created_at: datetime
    began_at: datetime | None
    finished_at: datetime | None

    @staticmethod
    def of(run: Run) -> Standing:
        return Standing(
            run.id, run.workspace_id, run.workflow_id, run.status, run.created_at, run.began_at, run.finished_at
        )

    @staticmethod
    def of_summary(run: RunSummary, figures: JobFigures) -> Standing:
        """Lists do not tell when a run began; that it did, the figures that it left say."""
        return Standing(
            run.id,
            run.workspace_id,
            run.workflow_id,
            run.status,
            run.created_at,
            figures.started_at,
            run.finished_at,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a flow, or one of its children, which has a `parent_id`. `type` is flow, retry, export or import.

    Of the job itself `count` is the sum over its children, `count.pages` that over its generators."""

    id: str
    type: str
    status: JobStatus
    flow_id: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    count: Count
    resolved: int = 0
    integration_id: str | None = None
    export_id: str | None = None
    import_id: str | None = None
    parent_id: str | None = None
    order: int = 0
    is_generator: bool = False
    has_begun: bool = True
    """False for a generator of which no page is known, not even an empty one."""
    has_exported_all: bool = False
    key: str = ""
    children: tuple[Job, ...] = ()

    @property
    def open_errors(self) -> int:
        # Never below zero: an error is stored, and may be resolved, before the figures count it.
        return max(self.count.error - self.resolved, 0)

    @property
    def is_retriable(self) -> bool | None:
        """Whether there is something that a retry could help; None for what is never retried by itself."""
        if self.parent_id is None or self.is_generator:
            return None
        return self.open_errors > 0

    @property
    def touched_at(self) -> datetime:
        """When something about it was last changed, as far as that is known."""
        times = (self.created_at, self.started_at, self.ended_at, self.count.ended_at)
        return max(at for at in times if at is not None)

    @property
    def resource_id(self) -> str | None:
        return self.import_id if self.type == ResourceKind.IMPORT else self.export_id


def unbegun_job(standing: Standing, type_: JobType, export_id: str | None, integration_id: str | None) -> Job:
    """A job that has left no figures. Its run may be looked at by a worker who finds that another is before it, so
    what lives is queued."""
    status = _ENDED.get(standing.status, JobStatus.QUEUED)
    return Job(
        id=standing.id,
        type=type_.value,
        status=status,
        flow_id=standing.flow_id,
        created_at=standing.created_at,
        started_at=None if status is JobStatus.QUEUED else standing.began_at,
        ended_at=standing.finished_at,
        count=Count(),
        integration_id=integration_id,
        export_id=export_id,
        has_exported_all=status is JobStatus.COMPLETED,
    )


def job_of(standing: Standing, figures: JobFigures) -> Job:
    status = _ENDED.get(standing.status, JobStatus.RUNNING)
    everyone = _children(standing, figures, status)
    count = Count()
    for child in everyone:
        count = added(count, child.count)
    generators = [child for child in everyone if child.is_generator]
    pages = sum(child.count.pages for child in generators)
    return Job(
        id=standing.id,
        type=figures.type.value,
        status=status,
        flow_id=standing.flow_id,
        created_at=standing.created_at,
        started_at=figures.started_at,
        ended_at=standing.finished_at,
        count=Count(count.success, count.error, count.ignore, pages, count.started_at, count.ended_at),
        resolved=sum(child.resolved for child in everyone),
        integration_id=figures.integration_id,
        export_id=generators[0].export_id if generators else None,
        has_exported_all=status is JobStatus.COMPLETED or _all_done(figures, generators),
        children=tuple(everyone),
    )


def shown_children(job: Job) -> tuple[Job, ...]:
    """Those that took part. Of a run that came to its end, generators that were not asked for did not, and of a retry
    only what handled a record did."""
    if job.type == JobType.RETRY:
        return tuple(each for each in job.children if _has_handled(each))
    if job.status in LIVE or job.status is JobStatus.CANCELED:
        return job.children
    return tuple(each for each in job.children if not each.is_generator or each.has_begun)


def _has_handled(child: Job) -> bool:
    count = child.count
    return not child.is_generator and count.success + count.error + count.ignore > 0


def _children(standing: Standing, figures: JobFigures, status: JobStatus) -> list[Job]:
    numbered = enumerate(figures.children, 1)
    return [_child(standing, figures, status, child, number) for number, child in numbered]


def _child(standing: Standing, figures: JobFigures, status: JobStatus, child: Child, number: int) -> Job:
    count = figures.count(child.key)
    is_generator = child.order == 0
    stands = _status_of_child(figures, status, child, count)
    started_at = count.started_at or (None if stands is JobStatus.QUEUED else figures.started_at)
    ended_at = None if stands in LIVE else count.ended_at or standing.finished_at
    is_import = child.kind is ResourceKind.IMPORT
    return Job(
        id=child_job_id(standing.id, number),
        type=child.kind.value,
        status=stands,
        flow_id=standing.flow_id,
        created_at=count.started_at or figures.started_at,
        started_at=started_at,
        ended_at=ended_at,
        count=count,
        resolved=figures.resolved.get(child.key, 0),
        integration_id=figures.integration_id,
        export_id=None if is_import else child.resource_id,
        import_id=child.resource_id if is_import else None,
        parent_id=standing.id,
        order=child.order,
        is_generator=is_generator,
        has_begun=not is_generator or child.key in figures.progress,
        key=child.key,
    )


def _status_of_child(figures: JobFigures, job: JobStatus, child: Child, count: Count) -> JobStatus:
    if child.order == 0:
        progress = figures.progress.get(child.key)
        if progress is not None and progress.is_done:
            return JobStatus.FAILED if progress.has_failed else JobStatus.COMPLETED
        if job not in LIVE:
            return job
    elif job not in LIVE:
        # The pages of a job whose generator failed were processed all the same.
        return JobStatus.COMPLETED if job is JobStatus.FAILED else job
    return JobStatus.QUEUED if count.started_at is None else JobStatus.RUNNING


def _all_done(figures: JobFigures, generators: Iterable[Job]) -> bool:
    done = [figures.progress[each.key].is_done for each in generators if each.key in figures.progress]
    return bool(done) and all(done) and len(done) == sum(1 for _ in generators)
