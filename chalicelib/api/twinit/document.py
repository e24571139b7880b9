"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from chalicelib.api.common.describe import (
    Body,
    Content,
    DoorDocument,
    Operation,
    Parameter,
    Prefix,
    Schema,
    bare,
    closed,
)
from chalicelib.api.common.parsing import IDEMPOTENCY_KEY_PATTERN
from chalicelib.api.twinit import document_types as types
from chalicelib.api.twinit.document_types import page_of
from chalicelib.api.twinit.errors import STATUSES
from chalicelib.api.twinit.query import DEFAULT_PAGE_SIZE, FALSE, MAX_NAMESPACE_LENGTH, MAX_PAGE_SIZE, TRUE
from chalicelib.api.twinit.routes import PREFIX
from chalicelib.api.twinit.states import RUN_STATUSES
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_FROM_NONE: Schema = {"type": "integer", "minimum": 0}
_NAMESPACE = Parameter(
    "nsfilter",
    "The namespace that the call is about.",
    {"type": "string", "minLength": 1, "maxLength": MAX_NAMESPACE_LENGTH},
    required=True,
)
_PAGING = (
    Parameter("_offset", "How many to leave out first.", _FROM_NONE, 0),
    Parameter("_pageSize", f"How many, at most {MAX_PAGE_SIZE}.", _FROM_NONE, DEFAULT_PAGE_SIZE),
    Parameter("_count", "An older name of `_pageSize`.", _FROM_NONE),
)
_SORT = Parameter("sort", 'By which members, such as `{"_createdAt": -1}`; 1 is ascending.')
_NAME = Parameter("_name", "Only those whose name holds this.")
_USER_TYPE = Parameter("_userType", "Only those of this user type.")
_RUN_FILTERS = (
    _NAME,
    Parameter("_defId", "Only those whose definition's id holds this."),
    Parameter(
        "_status", "Only those of this status.", {"type": "string", "enum": [*dict.fromkeys(RUN_STATUSES.values())]}
    ),
    Parameter("startDate", "Only those that started at or after this ISO 8601 date or time."),
    Parameter("endDate", "Only those that started at or before this ISO 8601 date or time."),
)
_WITH_ROUNDS = Parameter(
    "_includeLoopOverTasks",
    "Whether to show the rounds of loops as well.",
    {"type": "string", "enum": sorted(TRUE | FALSE, reverse=True)},
    "false",
)
_KEY = Parameter(
    "Idempotency-Key",
    "A key of the caller's own. Another call with it starts nothing, and is answered as the first.",
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    where="header",
)
_AS_PRINTED = "The address as the documentation prints it, without the slash before the id."
_OLDER = "An older address of the same."


def _op(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    body: Any = None,
    *parameters: Parameter,
    status: int = 200,
    **more: Any,
) -> Operation:
    replies: dict[int | str, Content] = {status: Content(type_)}
    taken = None if body is None else Body(body)
    return Operation(id_, tag, summary, replies, parameters=(_NAMESPACE, *parameters), body=taken, **more)


_definition, _run = partial(_op, "Definitions"), partial(_op, "Workflows")
_task, _schedule = partial(_op, "Tasks"), partial(_op, "Schedules")

_DEFINITIONS = {
    "GET /workflowdefs": _definition(
        "list_definitions", "List definitions", page_of(types.Definition), None, *_PAGING, _SORT, _NAME, _USER_TYPE
    ),
    "POST /workflowdefs": _definition(
        "create_definition", "Create a definition", types.Definition, types.NewDefinition, status=201
    ),
    "GET /workflowdefs/{workflow_def_id}": _definition("get_definition", "Read a definition", types.Definition),
    "PUT /workflowdefs/{workflow_def_id}": _definition(
        "update_definition", "Change a definition", types.Definition, types.DefinitionChange
    ),
    "DELETE /workflowdefs/{workflow_def_id}": _definition("delete_definition", "Delete a definition", types.Message),
}
_RUNS = {
    "GET /workflows": _run(
        "list_workflows", "List workflows", page_of(types.Run), None, *_PAGING, _SORT, *_RUN_FILTERS
    ),
    "POST /workflows": _run(
        "start_workflow", "Start a workflow", types.Run, types.NewRun, _KEY, status=201, refuses=(404,)
    ),
    "GET /workflows/{workflow_id}": _run("get_workflow", "Read a workflow", types.Run, None, _WITH_ROUNDS),
    "PUT /workflows/{workflow_id}/status": _run(
        "set_status", "Pause, resume, retry or terminate a workflow", types.Run, types.Command
    ),
    "PUT /{workflows_and_id}/status": _run(
        "set_status_as_printed",
        "Pause, resume, retry or terminate a workflow",
        types.Run,
        types.Command,
        about=_AS_PRINTED,
        deprecated=True,
    ),
}
_TASK = "/workflows/{workflow_id}/tasks/{task_id}"
_TASKS = {
    f"GET {_TASK}": _task("get_task", "Read a task", types.Task),
    f"GET {_TASK}/logs": _task("get_task_logs", "Read what a task logged", page_of(types.LogLine), None, *_PAGING),
    f"GET {_TASK}/loopovertasks": _task(
        "list_loop_over_tasks", "List the tasks of a loop's rounds", page_of(types.Task), None, *_PAGING
    ),
    "GET /workflow/{workflow_id}/task/{task_id}/loopovertasks": _task(
        "list_loop_over_tasks_older",
        "List the tasks of a loop's rounds",
        page_of(types.Task),
        None,
        *_PAGING,
        about=_OLDER,
        deprecated=True,
    ),
    "POST /workflows/{workflow_id}/userinput/{user_input_id}": _task(
        "answer_task", "Answer a task that waits for a user", types.Message, types.Answer
    ),
    "POST /workflow/{workflow_id}/userinput/{user_input_id}": _task(
        "answer_task_older",
        "Answer a task that waits for a user",
        types.Message,
        types.Answer,
        about=_OLDER,
        deprecated=True,
    ),
}
_OF = "/workflowdefs/{workflow_def_id}"
_JOB = f"{_OF}/jobs/{{job_id}}"
_SCHEDULES = {
    f"POST {_OF}/schedules": _schedule(
        "create_schedule", "Create a schedule", types.Schedule, types.NewSchedule, status=201
    ),
    f"GET {_OF}/schedules": _schedule("list_schedules", "List schedules", page_of(types.Schedule), None, *_PAGING),
    f"GET {_OF}/schedules/{{schedule_id}}": _schedule("get_schedule", "Read a schedule", types.Schedule),
    f"PUT {_OF}/schedules/{{schedule_id}}": _schedule(
        "update_schedule", "Change a schedule", types.Schedule, types.ScheduleChange
    ),
    f"DELETE {_OF}/schedules/{{schedule_id}}": _schedule("delete_schedule", "Delete a schedule", types.Message),
    f"GET {_OF}/jobs": _schedule("list_jobs", "List jobs", page_of(types.Job), None, *_PAGING),
    f"GET {_JOB}": _schedule("get_job", "Read a job", types.Job),
    f"DELETE {_JOB}": _schedule("delete_job", "Delete a job", types.Message),
    f"GET {_JOB}/triggers": _schedule("list_triggers", "List triggers", page_of(types.Trigger), None, *_PAGING),
    f"POST {_JOB}/triggers": _schedule("create_trigger", "Add a trigger", types.Trigger, types.NewTrigger, status=201),
    f"GET {_JOB}/triggers/{{trigger_id}}": _schedule("get_trigger", "Read a trigger", types.Trigger),
    f"PUT {_JOB}/triggers/{{trigger_id}}": _schedule(
        "update_trigger", "Change a trigger", types.Trigger, types.TriggerChange
    ),
    f"DELETE {_JOB}/triggers/{{trigger_id}}": _schedule("delete_trigger", "Delete a trigger", types.Message),
}
_PATH = {
    "workflow_def_id": "The definition's id.",
    "workflow_id": "The workflow's id.",
    "workflows_and_id": "`workflows`, and right behind it the workflow's id.",
    "task_id": "The task's id.",
    "user_input_id": "The waiting task's `_userInputId`.",
    "schedule_id": "The schedule's id.",
    "job_id": "The job's id.",
    "trigger_id": "The trigger's id.",
}


def documents() -> tuple[DoorDocument, ...]:
    return (
        DoorDocument(
            "Twinit",
            "Twinit",
            "Definitions of tasks, and workflows that run them.",
            (Prefix(PREFIX),),
            {**_DEFINITIONS, **_RUNS, **_TASKS, **_SCHEDULES},
            {
                "Definitions": "What workflows do.",
                "Workflows": "Runs of definitions: starting, reading, steering.",
                "Tasks": "Parts of a workflow, and answering those that wait.",
                "Schedules": "What starts workflows again and again; jobs and triggers are other views of it.",
            },
            _PATH,
            {status: _error(status) for status in STATUSES.values()},
            bare,
            conflict=STATUSES[ConflictError],
            examples=examples,
        ),
    )


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _error(status: int) -> Schema:
    text: Schema = {"type": "string"}
    return closed(
        {
            "status": {"const": status},
            "error": {"const": HTTPStatus(status).phrase},
            "message": text,
            "path": text,
            "timestamp": {"type": "string", "format": "date-time"},
        }
    )
