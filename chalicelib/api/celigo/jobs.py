"""Calls on jobs: the runs of flows and their children."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.api.celigo import job_wire, listing
from chalicelib.api.celigo.bodies import optional_object
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.mount import Route
from chalicelib.api.common.parsing import span
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.times import from_epoch_ms
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.services.flows.job_views import Job
    from chalicelib.services.flows.jobs import JobQuery

_NO_PARENT_ANCHOR = 'For parent jobs, query parameters must contain either "_integrationId" or "_jobId" or "createdAt"'
_NO_CHILD_ANCHOR = 'For child jobs, query parameters must contain either "_flowJobId" or "resourceId"'
_PARENT_ANCHORS = (
    "_integrationId",
    "_integrationId_in",
    "_jobId",
    "_flowId",
    "_flowId_in",
    "_exportId",
    "_importId",
    "_flowJobId",
    "createdAt_gte",
    "createdAt_lte",
)
_CHILD_ANCHORS = ("_flowJobId", "_exportId", "_importId", "resourceId")
_PARENTS, _CHILDREN = frozenset({"flow", "retry"}), frozenset({"export", "import"})
_UNDER_WAY = frozenset({"queued", "running", "retrying", "canceling"})
_FIGURES: dict[str, Callable[[Job], int]] = {
    "numSuccess": lambda job: job.count.success,
    "numError": lambda job: job.count.error,
    "numIgnore": lambda job: job.count.ignore,
    "numExport": lambda job: 0,
}
_MS = re.compile(r"[0-9]{11,15}")
_FIGURE = re.compile(r"[0-9]{1,15}")
# The end of the year 9999, beyond which datetime has nothing.
_LATEST_MS = 253_402_300_799_999
_MOST_ERRORS = 1_000


class JobCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_RUNS)
        project = listing.projection(call)
        query = _query(call)
        if query is None:
            return Reply(204)
        found = self._services().flow_jobs.query(call.principal, query)
        return listing.plain([project(job_wire.job(job)) for job in found])

    def get(self, call: Call) -> Reply:
        return Reply(200, job_wire.job(self._job(call)))

    def family(self, call: Call) -> Reply:
        return Reply(200, _family(self._job(call)))

    def cancel(self, call: Call) -> Reply:
        cancelled = self._services().flow_jobs.cancel(call.principal, call.params["job_id"])
        return Reply(200, job_wire.job(cancelled))

    def current(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_RUNS)
        limit, skip = listing.limit_of(call), _skip(call)
        query = _current(optional_object(call))
        services = self._services()
        found = services.flow_jobs.query(call.principal, query, limit + 1, skip)
        shown: dict[str, Json] = {"jobs": [job_wire.job(job) for job in found[:limit]]}
        if len(found) > limit:
            base_url = services.public_base_url or call.base_url
            shown["nextPageURL"] = job_wire.next_page(call, base_url, skip=skip + limit, limit=limit)
        return Reply(200, shown)

    def latest(self, call: Call) -> Reply:
        services = self._services()
        flow = services.flow_errors.flow(call.principal, call.params["flow_id"], Scope.READ_RUNS)
        return listing.plain([_family(job) for job in services.flow_jobs.latest(call.principal, flow)])

    def errors(self, call: Call) -> Reply:
        job, services = self._job(call), self._services()
        parts = [job] if job.parent_id is not None else list(job.children)
        ids = {child.key: child.id for child in parts}
        pairs = [(child.resource_id, child.key) for child in parts if child.resource_id is not None]
        of = call.principal.workspace_id, job.flow_id, job.parent_id or job.id
        found = services.flow_errors.of_job(*of, pairs, job.ended_at if job.parent_id is None else None)
        shown: list[Json] = []
        for error, _ in zip(found, range(_MOST_ERRORS), strict=False):
            shown.append(job_wire.job_error(error, ids[error.child]))
        return listing.plain(shown)

    def error_file(self, call: Call) -> Reply:
        return self._offer(call, ".csv")

    def diagnostics(self, call: Call) -> Reply:
        return self._offer(call, ".zip")

    def fetch(self, call: Call) -> Reply:
        """A file, whose address is the proof."""
        name = call.params["name"]
        content, content_type = self._services().flow_error_files.fetch(name)
        headers = {
            "Content-Type": content_type,
            "Content-Disposition": f'attachment; filename="errors{".zip" if name.endswith(".zip") else ".csv"}"',
        }
        return Reply(200, headers=headers, raw=content)

    def _offer(self, call: Call, suffix: str) -> Reply:
        job, services = self._job(call), self._services()
        name = services.flow_error_files.offer(call.principal.workspace_id, job, suffix)
        base_url = services.public_base_url or call.base_url
        return Reply(200, {"signedURL": f"{base_url}/v1/jobs/errorFile/{name}"})

    def _job(self, call: Call) -> Job:
        return self._services().flow_jobs.get(call.principal, call.params["job_id"])


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below the door's prefix."""
    calls = JobCalls(services)
    one = "/jobs/{job_id}"
    return (
        Route("GET", "/jobs", calls.list),
        Route("POST", "/jobs/current", calls.current),
        Route("GET", "/jobs/errorFile/{name}", calls.fetch),
        Route("GET", one, calls.get),
        Route("GET", f"{one}/family", calls.family),
        Route("PUT", f"{one}/cancel", calls.cancel),
        Route("GET", f"{one}/jobErrors", calls.errors),
        Route("GET", f"{one}/joberrors", calls.errors),
        Route("GET", f"{one}/errorFile/signedURL", calls.error_file),
        Route("GET", f"{one}/diagnostics", calls.diagnostics),
        Route("GET", "/flows/{flow_id}/jobs/latest", calls.latest),
    )


def _family(job: Job) -> dict[str, Json]:
    from chalicelib.services.flows.job_views import shown_children

    return job_wire.job(job, shown_children(job))


def _query(call: Call) -> JobQuery | None:
    """What a list of jobs asks for; None for what no job can be. Raises InvalidError."""
    from chalicelib.services.flows.jobs import JobQuery

    types = _types(call)
    are_children = bool(types & _CHILDREN) and not types & _PARENTS
    anchors, message = (_CHILD_ANCHORS, _NO_CHILD_ANCHOR) if are_children else (_PARENT_ANCHORS, _NO_PARENT_ANCHOR)
    if not any(call.param(name) for name in anchors):
        raise InvalidError(message, code="invalid_query")
    # Children may be asked for by what they are of, without saying which of the two that is.
    resource = call.param("resourceId") or None
    query = JobQuery(
        types=types,
        statuses=_names(call, "status", "status_in"),
        job_id=call.param("_jobId") or None,
        parent_id=call.param("_flowJobId") or None,
        flow_ids=_names(call, "_flowId", "_flowId_in"),
        integration_ids=_names(call, "_integrationId", "_integrationId_in"),
        export_id=call.param("_exportId") or (resource if "export" in types else None),
        import_id=call.param("_importId") or (None if "export" in types else resource),
        since=_time(call, "createdAt_gte", 0),
        until=_time(call, "createdAt_lte", 1),
        accepts=_judge(call),
    )
    # There are no bulk jobs, nor jobs of any other type.
    return None if call.param("_bulkJobId") or not types & (_PARENTS | _CHILDREN) else query


def _types(call: Call) -> frozenset[str]:
    """Children, where those of a job are asked for and no type is named."""
    named = _names(call, "type", "type_in")
    if named is not None:
        return named
    return _CHILDREN if call.param("_flowJobId") else _PARENTS


def _names(call: Call, *params: str) -> frozenset[str] | None:
    """What these parameters name, each with commas between; None if none is there."""
    texts = [text for param in params for text in call.query.get(param, ())]
    names = frozenset(name.strip() for text in texts for name in text.split(",") if name.strip())
    return names or None


def _time(call: Call, name: str, end: int) -> datetime | None:
    text = (call.param(name) or "").strip()
    return moment_of(text, name)[end] if text else None


def moment_of(text: str, name: str) -> tuple[datetime, datetime]:
    """The first and the last millisecond of what a parameter means: an ISO date or time, or milliseconds since 1970.
    Raises InvalidError."""
    if _MS.fullmatch(text) and int(text) <= _LATEST_MS:
        at = from_epoch_ms(int(text))
        return at, at
    try:
        return span(text, name)
    except InvalidError as error:
        raise listing.refuse(name, f"{name} is not an ISO 8601 date or milliseconds since 1970.") from error


def _judge(call: Call) -> Callable[[Job], bool]:
    """What is asked of figures. Raises InvalidError."""
    retriable = listing.flag_of(call, "retriable")
    bounds = [
        (figure, _bound(call, f"{name}_gte"), _bound(call, f"{name}_lte"), _bound(call, name))
        for name, figure in _FIGURES.items()
    ]

    def accepts(job: Job) -> bool:
        if retriable is not None and bool(job.is_retriable) is not retriable:
            return False
        return all(
            (least is None or figure(job) >= least)
            and (most is None or figure(job) <= most)
            and (exact is None or figure(job) == exact)
            for figure, least, most, exact in bounds
        )

    return accepts


def _bound(call: Call, name: str) -> int | None:
    text = (call.param(name) or "").strip()
    if not text:
        return None
    if not _FIGURE.fullmatch(text):
        raise listing.refuse(name, f"{name} has to be a whole number from 0.")
    return int(text)


def _skip(call: Call) -> int:
    return _bound(call, "skip") or 0


def _current(body: dict[str, Json]) -> JobQuery:
    """Without a status, what is under way. Raises FieldsRefusedError."""
    from chalicelib.services.flows.jobs import JobQuery

    problems = Problems()
    flows, integrations, statuses = (_texts(body, name, problems) for name in ("_flowIds", "_integrationIds", "status"))
    if problems.found:
        raise FieldsRefusedError(problems=tuple(problems.found))
    return JobQuery(statuses=statuses or _UNDER_WAY, flow_ids=flows or None, integration_ids=integrations or None)


def _texts(body: dict[str, Json], name: str, problems: Problems) -> frozenset[str]:
    value = body.get(name)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        problems.invalid(name, f"Path `{name}` must be an array of strings.")
        return frozenset()
    return frozenset(str(each) for each in value)
