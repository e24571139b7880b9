"""How a job stands, as its run and its figures tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.domain.flows.flows import Child, JobFigures, JobType, ResourceKind
from chalicelib.domain.run import LIVE, RunStatus
from chalicelib.services.flows.job_views import JobStatus, Standing, job_of, unbegun_job

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
JOB = "6b02a9cb1f574e606abbec00"
FIGURES = JobFigures(JOB, "ws", "f" * 24, JobType.FLOW, (Child("g0", ResourceKind.EXPORT, "e" * 24, 0),), AT)


def standing(status: RunStatus, began_at: datetime | None = AT) -> Standing:
    return Standing(JOB, "ws", "f" * 24, status, AT, began_at, None if status in LIVE else AT)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_job_that_waits_for_its_turn_is_queued_whoever_looks_at_its_run(status: RunStatus) -> None:
    job = unbegun_job(standing(status), JobType.FLOW, None, None)

    assert (job.status, job.started_at) == (JobStatus.QUEUED, None)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_job_that_has_begun_is_running_until_it_ends(status: RunStatus) -> None:
    job = job_of(standing(status), FIGURES)

    assert (job.status, job.started_at) == (JobStatus.RUNNING, AT)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (RunStatus.SUCCEEDED, JobStatus.COMPLETED),
        (RunStatus.FAILED, JobStatus.FAILED),
        (RunStatus.TIMED_OUT, JobStatus.FAILED),
        (RunStatus.CANCELLED, JobStatus.CANCELED),
    ],
)
def test_an_end_is_the_runs(status: RunStatus, word: JobStatus) -> None:
    assert job_of(standing(status), FIGURES).status is word
    assert unbegun_job(standing(status), JobType.FLOW, None, None).status is word
