"""This dialect's JSON from and to our objects. Executions, their four statuses and German texts stop here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_json
from chalicelib.domain.run import FINAL, LIVE, LogLine, Run, RunStatus, RunSummary, StepError, StepStatus
from chalicelib.domain.times import iso_z
from chalicelib.domain.workflow import EXEOFLOW_PREFIX, Hook, Workflow
from chalicelib.services.runs.bulk import BulkRetry
from chalicelib.services.runs.steps import RunView, StepPage, StepView
from chalicelib.services.workflows import WorkflowView

Members = dict[str, Json]

RUNNING = "running"
PAUSED_MESSAGE = "Ausführung wurde pausiert"
RESUMED_MESSAGE = "Ausführung wird fortgesetzt"
ANSWERED_MESSAGE = "Eingabe wurde übernommen"
CANCELLED_MESSAGE = "Ausführung wurde abgebrochen"
_SUCCEEDED_MESSAGE = "Workflow erfolgreich ausgeführt"
_TOO_LARGE_MESSAGE = "Zu groß für eine Antwort"
_UNKNOWN_STEP = "Ergebnis unbekannt: Der Schritt wurde begonnen, sein Ausgang ist nicht bekannt"

_RUN_STATUS: Mapping[RunStatus, str] = {
    **dict.fromkeys(LIVE, RUNNING),
    RunStatus.SUCCEEDED: "success",
    RunStatus.FAILED: "failed",
    RunStatus.TIMED_OUT: "failed",
    RunStatus.CANCELLED: "cancelled",
}
_STEP_STATUS: Mapping[StepStatus, str] = {
    StepStatus.RUNNING: RUNNING,
    StepStatus.WAITING: RUNNING,
    StepStatus.SUCCEEDED: "success",
    StepStatus.FAILED: "failed",
    StepStatus.UNKNOWN: "failed",
}
STATUS_FILTERS: Mapping[str, frozenset[RunStatus]] = {
    RUNNING: LIVE,
    "success": frozenset({RunStatus.SUCCEEDED}),
    "failed": frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT}),
    "cancelled": frozenset({RunStatus.CANCELLED}),
    "canceled": frozenset({RunStatus.CANCELLED}),
}


def pagination(page: int, limit: int, total: int) -> Members:
    return {"page": page, "limit": limit, "total": total, "pages": -(-total // limit)}


def workflow_item(workflow: Workflow) -> Members:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "status": workflow.status.value,
        "created_at": iso_z(workflow.created_at),
        "updated_at": iso_z(workflow.updated_at),
    }


def workflow_item_of_any(workflow: Workflow) -> Members:
    """For a list that may show workflows of several dialects."""
    return {**workflow_item(workflow), "dialect": workflow.dialect, "version": workflow.version}


def workflow_created(workflow: Workflow) -> Members:
    item = workflow_item(workflow)
    del item["updated_at"]
    return item


def workflow_full(view: WorkflowView) -> Members:
    workflow, source = view.workflow, view.body.source
    full: Members = {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "status": workflow.status.value,
        "nodes": source.get("nodes", []),
        "connections": source.get("connections", []),
        "created_at": iso_z(workflow.created_at),
        "updated_at": iso_z(workflow.updated_at),
    }
    for name in ("timeout_seconds", "concurrency", "mirror_to_pin"):
        if source.get(name) is not None:
            full[name] = source[name]
    return full


def started(run: Run) -> Members:
    return {"execution_id": run.id, "status": RUNNING, "started_at": iso_z(run.created_at)}


def started_by_hook(run: Run) -> Members:
    return {"execution_id": run.id, "status": RUNNING, "message": "Workflow wurde gestartet"}


def continued(run: Run) -> Members:
    """What a start replies, for an execution that goes on under its own id."""
    return {"execution_id": run.id, "status": _RUN_STATUS[run.status], "started_at": iso_z(run.created_at)} | _state(
        run
    )


def changed(run: Run, message: str) -> Members:
    return {"id": run.id, "status": _RUN_STATUS[run.status], "message": message} | _state(run)


def bulk_retry(bulk: BulkRetry) -> Members:
    run = bulk.run
    members: Members = {
        "id": run.id,
        "workflow_id": bulk.workflow_id,
        "status": _RUN_STATUS[run.status],
        "total": bulk.total,
        "processed": bulk.processed,
        "retried": bulk.tally.retried,
        "skipped": bulk.tally.skipped,
        "started_at": iso_z(run.created_at),
        "finished_at": _time(run.finished_at),
    }
    return members | _state(run) | failure(run)


def cancelled(run: Run) -> Members:
    return {
        "id": run.id,
        "status": _RUN_STATUS[run.status],
        "finished_at": _time(run.finished_at),
        "message": CANCELLED_MESSAGE,
    }


def run_status(status: RunStatus) -> str:
    """One of the documented four."""
    return _RUN_STATUS[status]


def execution_item(run: Run | RunSummary) -> Members:
    return _documented(run) | _state(run)


def _documented(run: Run | RunSummary) -> Members:
    return {
        "id": run.id,
        "workflow_id": run.workflow_id,
        "workflow_name": run.workflow_name,
        "status": _RUN_STATUS[run.status],
        "started_at": iso_z(run.created_at),
        "finished_at": _time(run.finished_at),
        "duration": _duration(run.created_at, run.finished_at),
    }


def _state(run: Run | RunSummary) -> Members:
    """Our own word for where the run stands, beside one of the documented four."""
    return {"state": run.status.value}


def execution_full(view: RunView) -> Members:
    run = view.run
    full: Members = {
        **_documented(run),
        "input": given(run.input, run.workflow_id),
        "output": _output(run),
        "steps": [_step(step) for step in view.steps],
        **_state(run),
        **failure(run),
    }
    return full | {"truncated": True} if view.is_cut else full


def given(value: Json, workflow_id: str) -> Json:
    """What this dialect's callers gave comes back as they gave it. Inputs of other dialects carry credentials by their
    documentation, and headers of whoever called; these are masked by their names, as at their own doors."""
    return mask_json(value) if is_masked(workflow_id) else value


def is_masked(workflow_id: str) -> bool:
    """Whether what runs of the workflow are given is masked here."""
    return not workflow_id.startswith(EXEOFLOW_PREFIX)


def failure(run: Run) -> Members:
    """Why an execution ended badly, if it did."""
    if run.status not in FINAL or run.failure is None or run.status is RunStatus.CANCELLED:
        return {}
    return {"error": {"node_id": run.failure.node_id, "message": run.failure.message}}


def steps(page: StepPage, cursor: str | None) -> Members:
    """Everything recorded: attempts one by one, with their logs."""
    return {"steps": [_attempt(step) for step in page.steps], "next_cursor": cursor}


def shortened(full: Members, max_bytes: int) -> Members:
    """A reply with steps that is too large: without what went into and came out of them, and, if that is not enough,
    without an execution's own output and input."""
    steps = full["steps"]
    assert isinstance(steps, list)
    short: Members = {
        **full,
        "steps": [{**step, "input": None, "output": None} if isinstance(step, dict) else step for step in steps],
        "truncated": True,
    }
    for name in ("output", "input"):
        if name in full and len(msgspec.json.encode(short)) > max_bytes:
            short[name] = {"message": _TOO_LARGE_MESSAGE}
    return short


def logs(view: RunView) -> Members:
    lines = [(line.at, step.node_id, line) for step in (*view.steps, *view.earlier) for line in step.logs]
    # By time alone, and the sort is stable: lines of one moment stay in the order in which they were written.
    lines.sort(key=lambda entry: entry[0])
    return {"logs": [{**_log_line(line), "node_id": node_id, "message": line.message} for _, node_id, line in lines]}


def hook(hook_: Hook, base_url: str, token: str | None = None, *, with_token: bool = False) -> Members:
    """`url` is where a call starts the workflow; the token is shown only by the call that made it."""
    members: Members = {
        "id": hook_.id,
        "workflow_id": hook_.workflow_id,
        "name": hook_.name,
        "url": f"{base_url}/webhook/{hook_.id}",
        "method": hook_.method,
    }
    if with_token:
        members["token"] = token
    members["created_at"] = iso_z(hook_.created_at)
    return members


def hook_input(payload: Json) -> Members:
    """What a call's body gives the run: bare members, those of a lone `data` object, or any other value as `data`."""
    if not isinstance(payload, dict):
        return {"data": payload}
    wrapped = payload.get("data")
    return wrapped if len(payload) == 1 and isinstance(wrapped, dict) else payload


def query_input(query: Mapping[str, list[str]]) -> Members:
    """A query string as input; a repeated name gives a list."""
    return {name: values[0] if len(values) == 1 else list(values) for name, values in query.items()}


def _output(run: Run) -> Json:
    match run.status:
        case RunStatus.SUCCEEDED:
            nothing = run.output is None or run.output == {}
            return {"result": "success", "message": _SUCCEEDED_MESSAGE} if nothing else run.output
        case RunStatus.CANCELLED:
            return {"result": "cancelled", "message": CANCELLED_MESSAGE}
        case RunStatus.FAILED | RunStatus.TIMED_OUT:
            return {"result": "failed", "message": run.failure.message if run.failure else "Fehlgeschlagen"}
        case _:
            return None


def _step(step: StepView) -> Members:
    return {
        **_documented_step(step),
        "attempts": step.attempt,
        **_step_values(step),
        "state": step.status.value,
        "key": step.key,
    }


def _attempt(step: StepView) -> Members:
    return {
        **_documented_step(step),
        "attempt": step.attempt,
        **_step_values(step),
        "state": step.status.value,
        "key": step.key,
        "logs": [{**_log_line(line), "message": line.message} for line in step.logs],
    }


def _documented_step(step: StepView) -> Members:
    return {
        "node_id": step.node_id,
        "node_name": step.node_name or step.node_id,
        "status": _STEP_STATUS[step.status],
        "started_at": iso_z(step.started_at),
        "finished_at": _time(step.finished_at),
        "duration": _duration(step.started_at, step.finished_at),
    }


def _step_values(step: StepView) -> Members:
    return {"input": step.input, "output": step.output, "error": _step_error(step.status, step.error)}


def _log_line(line: LogLine) -> Members:
    return {"timestamp": iso_z(line.at), "level": line.level}


def _step_error(status: StepStatus, error: StepError | None) -> Json:
    if error is None:
        return {"type": "unknown", "message": _UNKNOWN_STEP} if status is StepStatus.UNKNOWN else None
    members: Members = {"type": error.type, "message": error.message}
    for name, value in (("status", error.status), ("body", error.body)):
        if value is not None:
            members[name] = value
    return members


def _time(at: datetime | None) -> str | None:
    return None if at is None else iso_z(at)


def _duration(started_at: datetime, finished_at: datetime | None) -> int | None:
    """Milliseconds; clocks of two machines may differ, durations are never negative."""
    return None if finished_at is None else max(0, epoch_ms(finished_at) - epoch_ms(started_at))
