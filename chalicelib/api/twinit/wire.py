"""Runs and tasks in this dialect's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.api.twinit import documents
from chalicelib.api.twinit.documents import Members, masked, user_id
from chalicelib.api.twinit.states import RUN_STATUSES, TaskState
from chalicelib.api.twinit.tasks import KNOWN_PARAMS, REST_CONNECTOR, SWITCH, USER_INPUT
from chalicelib.api.twinit.times import optional, with_nanoseconds
from chalicelib.domain.json import Json
from chalicelib.domain.run import FINAL, LogLine, Run
from chalicelib.domain.workflow import Workflow


def run(
    run_: Run,
    definition: Workflow | None,
    source: Mapping[str, Json],
    tasks: list[TaskState],
    outputs: Mapping[str, Json] | None,
    status: str | None = None,
) -> Members:
    """`definition` is None for a run that another API's workflow made; `status` is said instead of the stored one."""
    return {
        "_id": run_.id,
        "_workflowDefId": run_.workflow_id,
        "_name": definition.name if definition else run_.workflow_name,
        "_namespaces": documents.namespaces(definition) if definition else [],
        "_userType": documents.user_type(definition) if definition else None,
        "_tasks": [short(task) for task in tasks],
        "_timeoutSeconds": source.get("_timeoutSeconds"),
        "_timeoutPolicy": source.get("_timeoutPolicy"),
        "_status": status or RUN_STATUSES[run_.status],
        "_createdAt": with_nanoseconds(run_.created_at),
        "_updatedAt": with_nanoseconds(run_updated_at(run_)),
        "_createdBy": user_id(run_.created_by),
        "_updatedBy": user_id(run_.touched.user_id if run_.touched else run_.created_by),
        "_inputParams": masked(run_.input),
        "_output": None if run_.status not in FINAL else run_.output if outputs is None else dict(outputs),
    }


def run_updated_at(run_: Run) -> datetime:
    """The last time that the run as a whole changed: accepted, taken up, commanded or ended."""
    times = [run_.created_at, run_.began_at, run_.finished_at, run_.touched.at if run_.touched else None]
    return max(at for at in times if at is not None)


def short(state: TaskState) -> Members:
    return {
        "_id": state.id,
        "_name": state.name,
        "_sequenceno": state.task.sequence,
        "_type": state.task.type,
        "_status": state.status,
    }


def long(state: TaskState, run_: Run) -> Members:
    members: Members = {
        "_id": state.id,
        "_name": state.name,
        "_type": state.task.type,
        "_sequenceno": state.task.sequence,
    }
    if state.iteration is not None:
        members["_iteration"] = state.iteration
    members |= {
        "_status": state.status,
        "_inputParams": _inputs(state, run_),
        "_output": state.output,
        "_reasonForIncompletion": state.reason,
        "_startedAt": optional(state.view.started_at if state.view else None),
        "_endedAt": optional(state.view.finished_at if state.view else None),
    }
    if state.task.type == USER_INPUT:
        members["_userInputId"] = state.id
    return members | _response(state)


def _inputs(state: TaskState, run_: Run) -> Json:
    """What went into the task once it ran; before, what its definition says with the run's own values over it."""
    if state.view is not None and isinstance(state.view.input, dict):
        return masked(state.view.input)
    given = run_.input if isinstance(run_.input, dict) else {}
    names = (*state.task.params, *KNOWN_PARAMS.get(state.task.type, ()))
    laid = {name: given[name] for name in names if given.get(name) is not None}
    if state.task.type == SWITCH and isinstance(state.output, dict):
        laid["_switchCaseValue"] = state.output.get("selectedCase")
    return masked({**state.task.params, **laid})


def _response(state: TaskState) -> Members:
    """What an HTTP answer had beside its body."""
    if state.task.type != REST_CONNECTOR or state.view is None or not isinstance(state.view.output, dict):
        return {}
    answer = state.view.output
    return {"_statusCode": answer.get("status"), "_headers": answer.get("headers")}


def log_line(line: LogLine) -> Members:
    return {"_timestamp": with_nanoseconds(line.at), "_level": line.level.upper(), "_message": line.message}
