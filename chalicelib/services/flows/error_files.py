"""Errors of a job as a file, and with its figures as an archive.

A file is made when it is fetched, with a token that is as hard to guess as a key and good for an hour; only who may
read the job is given one.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from chalicelib.domain.errors import ResourceNotFoundError
from chalicelib.domain.flows.flows import FlowError, JobFigures, child_job_id, parent_job_id
from chalicelib.domain.json import Json
from chalicelib.domain.times import iso_ms
from chalicelib.services.flows.errors import FlowErrors, Part
from chalicelib.services.flows.job_views import Job
from chalicelib.services.flows.ports import JobStore
from chalicelib.services.identity import random_token
from chalicelib.services.ports import Clock, Entropy, MarkStore

GOOD_FOR = timedelta(hours=1)
ERRORS, DIAGNOSTICS = ".csv", ".zip"
# A function answers with 6 MB at most, in which the text is JSON once more.
MAX_BYTES = 3 * 1024 * 1024
"""What goes into a file of errors: the newest of each step."""
_LONGEST_TOKEN = 64
_COLUMNS = (
    "errorId",
    "occurredAt",
    "source",
    "code",
    "message",
    "traceKey",
    "oIndex",
    "retryDataKey",
    "_expOrImpId",
    "_flowJobId",
    "resolvedAt",
)
# The least that the format can tell: what is in an archive says itself when it was.
_WRITTEN = (1980, 1, 1, 0, 0, 0)


class FlowErrorFiles:
    def __init__(self, jobs: JobStore, errors: FlowErrors, marks: MarkStore, clock: Clock, entropy: Entropy) -> None:
        self._jobs = jobs
        self._errors = errors
        self._marks = marks
        self._clock = clock
        self._entropy = entropy

    def offer(self, workspace_id: str, job: Job, suffix: str) -> str:
        """The name by which the errors of a job or a child (`ERRORS`), or its archive (`DIAGNOSTICS`), can be fetched
        for an hour."""
        token = random_token(self._entropy)
        self._marks.put(_mark(token), f"{workspace_id} {job.id}", self._clock.now() + GOOD_FOR)
        return f"{token}{suffix}"

    def fetch(self, name: str) -> tuple[bytes, str]:
        """The file and its content type. Raises ResourceNotFoundError."""
        token, suffix = name[: -len(ERRORS)], name[-len(ERRORS) :]
        found = self._marks.get(_mark(token)) if token.isalnum() and len(token) <= _LONGEST_TOKEN else None
        if found is None or suffix not in (ERRORS, DIAGNOSTICS):
            raise ResourceNotFoundError("There is no such file, or not any more.")
        workspace_id, _, job_id = found.partition(" ")
        run_id, index = parent_job_id(job_id)
        figures = self._jobs.get(workspace_id, (run_id,)).get(run_id)
        if figures is None:
            # It has not begun, and has no errors.
            return _csv(()), "text/csv; charset=utf-8"
        parts = [(child.resource_id, child.key) for child in figures.children]
        # Children are numbered from 1, and a number beyond the last gives no errors.
        errors = self._lines(figures, parts[index - 1 : index] if index else parts)
        if suffix == ERRORS:
            return _csv(errors), "text/csv; charset=utf-8"
        return _zipped(figures, _csv(errors)), "application/zip"

    def _lines(self, figures: JobFigures, parts: Iterable[Part]) -> Iterator[FlowError]:
        of = figures.workspace_id, figures.flow_id, figures.job_id
        return self._errors.of_job(*of, parts, _ended_at(figures))


def _ended_at(figures: JobFigures) -> datetime | None:
    """When the last page of a job was through; None while there may be more."""
    generators = [figures.progress.get(child.key) for child in figures.children if child.order == 0]
    if not all(progress is not None and progress.is_done for progress in generators):
        return None
    ends = [figures.count(child.key).ended_at for child in figures.children]
    return max((at for at in ends if at is not None), default=None)


def _csv(errors: Iterable[FlowError]) -> bytes:
    raw = io.BytesIO()
    # Written through, so that the position is that of all that was written, in bytes.
    text = io.TextIOWrapper(raw, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for error in errors:
        writer.writerow(_row(error))
        if raw.tell() >= MAX_BYTES:
            break
    return raw.getvalue()


def _row(error: FlowError) -> tuple[str | int, ...]:
    return (
        error.id,
        iso_ms(error.occurred_at),
        error.source,
        error.code,
        error.message,
        error.trace_key,
        error.order,
        error.retry_data_key or "",
        error.step_id,
        error.job_id,
        "" if error.resolved_at is None else iso_ms(error.resolved_at),
    )


def _zipped(figures: JobFigures, errors: bytes) -> bytes:
    """The same bytes for the same job."""
    children: list[Json] = []
    for number, child in enumerate(figures.children, 1):
        count = figures.count(child.key)
        children.append(
            {
                "_id": child_job_id(figures.job_id, number),
                "type": child.kind.value,
                "_expOrImpId": child.resource_id,
                "numSuccess": count.success,
                "numError": count.error,
                "numIgnore": count.ignore,
                "pages": count.pages,
            }
        )
    job: dict[str, Json] = {
        "_id": figures.job_id,
        "type": figures.type.value,
        "_flowId": figures.flow_id,
        "startedAt": iso_ms(figures.started_at),
        "children": children,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("job.json", msgspec.json.format(msgspec.json.encode(job))), ("errors.csv", errors)):
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _mark(token: str) -> str:
    return f"errors/{token}"
