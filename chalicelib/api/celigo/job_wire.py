"""This dialect's JSON of jobs and of their errors."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from chalicelib.api.celigo.wire import Members, user_id
from chalicelib.domain.flows.flows import RETENTION_DAYS, FlowError, ResourceKind
from chalicelib.domain.json import Json
from chalicelib.domain.times import iso_ms

if TYPE_CHECKING:
    from chalicelib.api.common.call import Call
    from chalicelib.services.flows.errors import StepErrors
    from chalicelib.services.flows.job_views import Job

AUTO = "auto"
"""Who resolved what was resolved by itself, and who classified every error."""

_STAGES = {ResourceKind.IMPORT: "page_processor_import", ResourceKind.EXPORT: "page_processor_export"}
_PAGE_GENERATOR = "page_generator"
_PLACES = ("after", "skip", "limit")
_BY_STATUS = {
    "401": "connection",
    "403": "connection",
    "404": "missing",
    "408": "intermittent",
    "409": "duplicate",
    "413": "too_large",
    "429": "rate_limit",
}
_BY_SOURCE = {"connection": "connection", "internal": "intermittent", "resource": "missing", "lookup": "missing"}
_DUPLICATES = ("already used", "already exists", "already been taken", "duplicate", "must be unique")


def job(found: Job, children: tuple[Job, ...] | None = None) -> Members:
    """A job or a child; with `children`, they stand in it."""
    if found.parent_id is not None:
        return _child(found)
    shown: Members = {"_id": found.id, "type": found.type}
    shown |= _present({"_integrationId": found.integration_id, "_exportId": found.export_id})
    shown |= {"_flowId": found.flow_id, **_times(found), "status": found.status.value, **_numbers(found)}
    shown |= {
        "numPagesGenerated": found.count.pages,
        "doneExporting": found.has_exported_all,
        "numPagesProcessed": 0,
        **_dates(found),
    }
    return shown if children is None else {**shown, "children": [_child(child) for child in children]}


def _child(found: Job) -> Members:
    shown: Members = {"_id": found.id, "type": found.type}
    shown |= _present({"_exportId": found.export_id, "_importId": found.import_id})
    shown |= {"_flowJobId": found.parent_id, **_times(found), "status": found.status.value, **_numbers(found)}
    made, taken = (found.count.pages, 0) if found.is_generator else (0, found.count.pages)
    shown |= {"numPagesGenerated": made, "numPagesProcessed": taken, "oIndex": found.order}
    if found.is_retriable is not None:
        shown["retriable"] = found.is_retriable
    return shown | _dates(found)


def _times(found: Job) -> Members:
    if found.started_at is None:
        return {} if found.ended_at is None else {"endedAt": iso_ms(found.ended_at)}
    shown: Members = {"startedAt": iso_ms(found.started_at)}
    if found.ended_at is not None:
        shown["endedAt"] = iso_ms(found.ended_at)
    return {**shown, "lastExecutedAt": iso_ms(found.touched_at)}


def _numbers(found: Job) -> Members:
    return {
        "numError": found.count.error,
        "numResolved": found.resolved,
        "numOpenError": found.open_errors,
        "numSuccess": found.count.success,
        "numExport": 0,
        "numIgnore": found.count.ignore,
    }


def _dates(found: Job) -> Members:
    return {
        "createdAt": iso_ms(found.created_at),
        "purgeAt": _purged(found.created_at),
        "lastModified": iso_ms(found.touched_at),
    }


def error(found: FlowError, tags: Collection[str] = ()) -> Members:
    """`tags` are those that there are."""
    shown: Members = {
        "errorId": found.id,
        "occurredAt": iso_ms(found.occurred_at),
        "source": found.source,
        "code": found.code,
        "message": found.message,
        "traceKey": found.trace_key,
        "exportDataURI": "",
        "importDataURI": "",
        "oIndex": str(found.order),
    }
    shown |= _present({"retryDataKey": found.retry_data_key, "reqAndResKey": found.request_key or None})
    shown |= {
        "_flowJobId": found.job_id,
        "classification": classification(found),
        "classifiedBy": AUTO,
        "retriable": found.is_retriable,
        "purgeAt": _purged(found.occurred_at),
    }
    if tagged := [tag for tag in found.tags if tag in tags]:
        shown["tags"] = list[Json](tagged)
    if found.assigned_to:
        shown["assignedTo"] = found.assigned_to
    if found.resolved_at is not None:
        shown["resolvedAt"] = iso_ms(found.resolved_at)
        shown["resolvedBy"] = _resolver(found.resolved_by)
    return shown


def job_error(found: FlowError, job_id: str) -> Members:
    """The older form, in which errors are a job's."""
    shown: Members = {
        "resolve": found.resolved_at is not None,
        "retry": False,
        "createdAt": iso_ms(found.occurred_at),
        "code": found.code,
        "extract": "",
        "generate": "",
        "extracted": "",
        "generated": "",
        "message": found.message,
        "source": found.source,
        "exportDataURI": "",
        "importDataURI": "",
    }
    shown |= _present({"_retryId": found.retry_data_key})
    return {**shown, "_jobId": job_id}


def classification(found: FlowError) -> str:
    """What sort of failure it was, as far as its status, its source and its wording tell."""
    wording = found.message.lower()
    if found.code in _BY_STATUS:
        return _BY_STATUS[found.code]
    if any(each in wording for each in _DUPLICATES):
        return "duplicate"
    if found.code.isdigit() and found.code.startswith("5"):
        return "intermittent"
    if "parse" in found.code or "parse" in wording:
        return "parse"
    return _BY_SOURCE.get(found.source, "value")


def step_errors(found: StepErrors, name: str) -> Members:
    shown: Members = {name: found.id, "numError": found.count}
    return shown if found.newest_at is None else {**shown, "lastErrorAt": iso_ms(found.newest_at)}


def retry_data(found: FlowError, kind: ResourceKind) -> Members:
    data = found.retry_data or {}
    return {
        "data": data.get("data"),
        "stage": _STAGES[kind] if found.order else _PAGE_GENERATOR,
        "traceKey": data.get("traceKey") or found.trace_key,
    }


def next_page(call: Call, base_url: str, **place: str | int) -> str:
    """The address of the next page, with everything that the caller asked for."""
    asked = [(name, value) for name, values in call.query.items() if name not in _PLACES for value in values]
    return f"{base_url}{call.path.rstrip('/')}?{urlencode([*asked, *place.items()])}"


def _resolver(by: str | None) -> str:
    """A user's id in this dialect's form, or what resolved it by itself."""
    return by if by is not None and by.startswith(AUTO) else user_id(by or "")


def _purged(at: datetime) -> str:
    return iso_ms(at + timedelta(days=RETENTION_DAYS))


def _present(members: dict[str, str | None]) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value is not None}
