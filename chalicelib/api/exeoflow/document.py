"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.api.common.describe import Body, Content, DoorDocument, Operation, Parameter, Prefix, Schema, closed
from chalicelib.api.exeoflow import document_execution_types as runs
from chalicelib.api.exeoflow import document_inspection as seen
from chalicelib.api.exeoflow import document_types as types
from chalicelib.api.exeoflow.document_types import IDEMPOTENCY_KEY, PAGING, page_of
from chalicelib.api.exeoflow.errors import TABLE
from chalicelib.api.exeoflow.executions import DEFAULT_STEPS, MAX_STEPS
from chalicelib.api.exeoflow.inbound import METHODS
from chalicelib.api.exeoflow.inspection import MAX_STEP_KEY_LENGTH
from chalicelib.api.exeoflow.routes import INBOUND_PREFIX, PREFIXES
from chalicelib.api.exeoflow.schedules import DEFAULT_UPCOMING, MAX_UPCOMING
from chalicelib.api.exeoflow.wire import STATUS_FILTERS
from chalicelib.api.exeoflow.workflows import DIALECTS, STATUSES
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_SAME = "The same as below `/v1`, at the address of installations on premises."


def _whole(least: int, most: int | None = None) -> Schema:
    return {"type": "integer", "minimum": least, **({} if most is None else {"maximum": most})}


_STEPS = (
    Parameter("limit", f"How many steps, at most {MAX_STEPS}.", _whole(1), DEFAULT_STEPS),
    Parameter("cursor", "Where to go on: the `next_cursor` of the page before."),
)
_EXECUTION_FILTERS = (
    *PAGING,
    Parameter("workflow_id", "Only executions of this workflow."),
    Parameter("status", "Only executions that stand there.", {"type": "string", "enum": [*STATUS_FILTERS]}),
    Parameter("from", "Only executions that started at or after this ISO 8601 date or time."),
    Parameter("to", "Only executions that started at or before this ISO 8601 date or time."),
)
_DIALECT = Parameter(
    "dialect",
    "Of which dialects; this one's by default. With it, each item says whose it is.",
    {"type": "string", "enum": [*DIALECTS]},
)
_CONTAINER = Parameter(
    "container",
    "The key of a loop or map, whose rounds to show instead.",
    {"type": "string", "minLength": 1, "maxLength": MAX_STEP_KEY_LENGTH},
)
_STATUS = Parameter("status", "Only workflows of this status.", {"type": "string", "enum": [*STATUSES]})
_COUNT = Parameter("count", "How many.", _whole(1, MAX_UPCOMING), DEFAULT_UPCOMING)
_LANGUAGE = Parameter("Accept-Language", "Which language reasons are worded in, English or German.", where="header")
_ONLY_OF = Parameter("workflow_id", "Only those of this workflow.")


def _reads(id_: str, tag: str, summary: str, type_: Any, about: str = "", *parameters: Parameter) -> Operation:
    return Operation(id_, tag, summary, {200: Content(type_)}, about, parameters)


def _does(id_: str, tag: str, summary: str, type_: Any, body: Any = None, about: str = "", **more: Any) -> Operation:
    taken = body if body is None or isinstance(body, Body) else Body(body)
    return Operation(id_, tag, summary, {more.pop("status", 200): Content(type_)}, about, body=taken, **more)


_WORKFLOWS = {
    "GET /workflows": _reads(
        "list_workflows",
        "Workflows",
        "List workflows",
        page_of("workflows", types.WorkflowItem),
        "",
        *PAGING,
        _STATUS,
        _DIALECT,
    ),
    "POST /workflows": _does(
        "create_workflow",
        "Workflows",
        "Create a workflow",
        types.WorkflowCreated,
        types.NewWorkflow,
        "It is inactive until its status is set.",
        status=201,
    ),
    "GET /workflows/{workflow_id}": _reads(
        "get_workflow", "Workflows", "Read a workflow with its nodes", types.Workflow
    ),
    "PUT /workflows/{workflow_id}": _does(
        "update_workflow",
        "Workflows",
        "Change a workflow",
        types.Workflow,
        types.WorkflowChange,
        "What the body does not name stays as it is. Executions go on with the version that they began with.",
    ),
    "DELETE /workflows/{workflow_id}": _does("delete_workflow", "Workflows", "Delete a workflow", types.Message),
    "POST /workflows/{workflow_id}/status": _does(
        "set_workflow_status",
        "Workflows",
        "Activate or deactivate a workflow",
        types.Workflow,
        types.WorkflowStatusChange,
    ),
    "POST /workflows/{workflow_id}/execute": _does(
        "execute_workflow",
        "Workflows",
        "Start a workflow",
        runs.Started,
        Body(runs.Input, required=False),
        parameters=(IDEMPOTENCY_KEY,),
    ),
}
_EXECUTIONS = {
    "GET /executions": _reads(
        "list_executions",
        "Executions",
        "List executions",
        page_of("executions", runs.Execution),
        "Newest first; runs of every door.",
        *_EXECUTION_FILTERS,
    ),
    "GET /executions/{execution_id}": _reads(
        "get_execution",
        "Executions",
        "Read an execution with its steps",
        runs.FullExecution,
        "What is too large for one answer is left out, and `truncated` says so.",
    ),
    "GET /executions/{execution_id}/logs": _reads(
        "get_execution_logs", "Executions", "Read what an execution logged", runs.Logs
    ),
    "GET /executions/{execution_id}/steps": _reads(
        "list_execution_steps", "Executions", "List every attempt at every step", runs.Attempts, "", *_STEPS
    ),
    "GET /executions/{execution_id}/input": _reads(
        "get_execution_input", "Executions", "Read the whole input", runs.WholeInput
    ),
    "GET /executions/{execution_id}/output": _reads(
        "get_execution_output", "Executions", "Read the whole output", runs.WholeOutput
    ),
    "POST /executions/{execution_id}/cancel": _does(
        "cancel_execution", "Executions", "Cancel an execution", runs.Cancelled
    ),
    "POST /executions/{execution_id}/pause": _does("pause_execution", "Executions", "Pause an execution", runs.Changed),
    "POST /executions/{execution_id}/resume": _does(
        "resume_execution", "Executions", "Resume a paused execution", runs.Changed
    ),
    "POST /executions/{execution_id}/input": _does(
        "answer_execution", "Executions", "Answer a step that waits for input", runs.Changed, runs.Answer
    ),
    "POST /executions/{execution_id}/retry": _does(
        "retry_execution",
        "Executions",
        "Start an execution again, or go on from its failed steps",
        runs.StartedOrContinued,
        Body(runs.Retry, required=False),
    ),
    "POST /executions/{execution_id}/rerun": _does(
        "rerun_execution", "Executions", "Do a step and those behind it again", runs.Continued, runs.Rerun
    ),
    "POST /executions/{execution_id}/replay": _does(
        "replay_execution",
        "Executions",
        "Start a new execution with the same input",
        runs.Started,
        Body(runs.Replay, required=False),
    ),
    "POST /executions/bulk-retry": _does(
        "start_bulk_retry",
        "Executions",
        "Retry all failed executions of a time",
        runs.BulkRetry,
        runs.NewBulkRetry,
        refuses=(404,),
    ),
    "GET /executions/bulk-retry/{bulk_retry_id}": _reads(
        "get_bulk_retry", "Executions", "Read how far a bulk retry has come", runs.BulkRetry
    ),
}
_WEBHOOKS = {
    "GET /webhooks": _reads("list_webhooks", "Webhooks", "List inbound webhooks", types.Webhooks, "", _ONLY_OF),
    "POST /webhooks": _does(
        "create_webhook",
        "Webhooks",
        "Create an inbound webhook",
        types.WebhookWithToken,
        types.NewWebhook,
        "The token is shown by this reply alone.",
        status=201,
        refuses=(404,),
    ),
    "GET /webhooks/{webhook_id}": _reads("get_webhook", "Webhooks", "Read an inbound webhook", types.Webhook),
    "PUT /webhooks/{webhook_id}": _does(
        "update_webhook", "Webhooks", "Change an inbound webhook", types.ChangedWebhook, types.WebhookChange
    ),
    "DELETE /webhooks/{webhook_id}": _does("delete_webhook", "Webhooks", "Delete an inbound webhook", types.Message),
}
_SCHEDULES = {
    "GET /schedules": _reads(
        "list_schedules", "Schedules", "List schedules", page_of("schedules", types.Schedule), "", *PAGING, _ONLY_OF
    ),
    "POST /schedules": _does(
        "create_schedule",
        "Schedules",
        "Create a schedule",
        types.Schedule,
        types.NewSchedule,
        "Either `cron` or `interval_seconds` says when.",
        status=201,
        refuses=(404,),
    ),
    "POST /schedules/preview": _does(
        "preview_schedule",
        "Schedules",
        "Read when a schedule would fire, and why",
        types.Preview,
        types.ScheduleTiming,
        "Either `cron` or `interval_seconds` says when. Nothing is stored.",
        parameters=(_COUNT, _LANGUAGE),
    ),
    "GET /schedules/{schedule_id}": _reads("get_schedule", "Schedules", "Read a schedule", types.Schedule),
    "PUT /schedules/{schedule_id}": _does(
        "update_schedule", "Schedules", "Change a schedule", types.Schedule, types.ScheduleChange
    ),
    "DELETE /schedules/{schedule_id}": _does("delete_schedule", "Schedules", "Delete a schedule", types.Message),
    "POST /schedules/{schedule_id}/pause": _does("pause_schedule", "Schedules", "Pause a schedule", types.Schedule),
    "POST /schedules/{schedule_id}/resume": _does("resume_schedule", "Schedules", "Resume a schedule", types.Schedule),
    "GET /schedules/{schedule_id}/upcoming": _reads(
        "list_upcoming", "Schedules", "Read when a schedule fires next, and why", types.Upcoming, "", _COUNT, _LANGUAGE
    ),
}
_TIMELINE: Schema = {"anyOf": [{"$ref": f"#/components/schemas/Exeoflow.{each}"} for each in ("Timeline", "Rounds")]}
_INSPECTION = {
    "GET /workflows/{workflow_id}/graph": _reads(
        "get_workflow_graph", "Inspection", "Read the graph of a workflow of any dialect", seen.WorkflowGraph
    ),
    "GET /executions/{execution_id}/graph": _reads(
        "get_execution_graph",
        "Inspection",
        "Read the graph that an execution runs, and how it came about",
        seen.RunGraph,
    ),
    "GET /executions/{execution_id}/timeline": _reads(
        "get_timeline", "Inspection", "Read when an execution did what", _TIMELINE, "", _CONTAINER
    ),
    "GET /overview": _reads("get_overview", "Inspection", "Read how the workspace fares", seen.Overview),
}
_KEYS = {
    "GET /keys": _reads("list_keys", "API keys", "List API keys", page_of("keys", types.Key), "", *PAGING),
    "POST /keys": _does(
        "create_key",
        "API keys",
        "Create an API key",
        types.KeyWithSecret,
        types.NewKey,
        "The secret is in this reply and in no other.",
        status=201,
    ),
    "GET /keys/{key_id}": _reads("get_key", "API keys", "Read an API key", types.Key),
    "DELETE /keys/{key_id}": _does("revoke_key", "API keys", "Revoke an API key", types.Key),
}
_PATH = {
    "key_id": "The key's id.",
    "workflow_id": "The workflow's id.",
    "execution_id": "The execution's id.",
    "bulk_retry_id": "The bulk retry's id.",
    "webhook_id": "The webhook's id.",
    "schedule_id": "The schedule's id.",
}


def _inbound(method: str) -> Operation:
    has_body = method != "GET"
    about = "The JSON body is the input, a lone object `data` in it unwrapped; none is an empty input."
    return Operation(
        f"call_webhook_with_{method.lower()}",
        "Calls of webhooks",
        f"Start the workflow of a webhook ({method})",
        {200: Content(runs.StartedByHook)},
        about if has_body else "The query is the input: each parameter a member, a repeated one a list.",
        (IDEMPOTENCY_KEY,),
        Body({}, required=False) if has_body else None,
        refuses=(400, 401, 405),
        security=("hookToken", ""),
    )


def documents() -> tuple[DoorDocument, DoorDocument]:
    """The API, and the calls of webhooks from outside."""
    api = DoorDocument(
        "Exeoflow",
        "Exeoflow",
        "Workflows as graphs, their executions, inbound webhooks and schedules.",
        tuple(Prefix(path, *(() if path == PREFIXES[0] else ("_on_premises", _SAME))) for path in PREFIXES),
        {**_WORKFLOWS, **_EXECUTIONS, **_WEBHOOKS, **_SCHEDULES, **_INSPECTION, **_KEYS},
        {
            "Workflows": "Graphs of nodes, and starting them.",
            "Executions": "Runs of workflows of every door: reading, steering, doing again.",
            "Webhooks": "Addresses that start a workflow.",
            "Schedules": "What starts a workflow again and again.",
            "API keys": "Who may call, and what they may do.",
            "Inspection": "For those who look at an installation.",
        },
        _PATH,
        _errors(),
        _envelope,
        conflict=400,
        also=(seen.Timeline, seen.Rounds),
        examples=examples,
    )
    inbound = DoorDocument(
        "Inbound",
        "Exeoflow",
        "Calls that start workflows.",
        (Prefix(INBOUND_PREFIX),),
        {f"{method} /{{webhook_id}}": _inbound(method) for method in METHODS},
        {"Calls of webhooks": "What comes in from outside, with the webhook's own token."},
        _PATH,
        _errors(),
        _envelope,
        conflict=400,
        security=("hookToken", ""),
        examples=examples,
    )
    return api, inbound


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _envelope(data: Schema) -> Schema:
    return closed({"success": {"const": True}, "data": data})


def _errors() -> Mapping[int, Schema]:
    """By status, with the codes that the table of errors has for it."""
    statuses = {wording.status for wording in TABLE.values()}
    return {status: _error([each.code for each in TABLE.values() if each.status == status]) for status in statuses}


def _error(codes: list[str]) -> Schema:
    code = {"type": "string", "enum": [*dict.fromkeys(codes)]}
    return closed({"success": {"const": False}, "error": closed({"code": code, "message": {"type": "string"}})})
