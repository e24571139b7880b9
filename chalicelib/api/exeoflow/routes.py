"""The Exeoflow door: workflows, executions and webhooks under `/v1` and `/api/v1`, calls at `/webhook/{id}`.

Checks come in one order: who calls, what they may do, the addressed resource, the body.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.authentication import admit_with_key
from chalicelib.api.common.call import Call
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import errors
from chalicelib.api.exeoflow.bulk_retries import BulkRetryCalls
from chalicelib.api.exeoflow.changes import Changes
from chalicelib.api.exeoflow.executions import Executions
from chalicelib.api.exeoflow.inbound import METHODS, Inbound
from chalicelib.api.exeoflow.inspection import Inspection
from chalicelib.api.exeoflow.keys import KeyCalls
from chalicelib.api.exeoflow.schedules import ScheduleCalls
from chalicelib.api.exeoflow.webhooks import Webhooks
from chalicelib.api.exeoflow.workflows import WorkflowCalls

PREFIXES = ("/v1", "/api/v1")
INBOUND_PREFIX = "/webhook"


def doors(services: Callable[[], Services]) -> tuple[Door, Door]:
    """The API's door, and that of inbound calls, which prove themselves by the hook's own token."""
    return (
        Door(PREFIXES, lambda call: admit_with_key(call, services()), errors.shape),
        Door((INBOUND_PREFIX,), _admit_everybody, errors.shape),
    )


def _admit_everybody(_: Call) -> None:
    pass


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Rows of the API, below each of the prefixes."""
    workflows, executions, webhooks = WorkflowCalls(services), Executions(services), Webhooks(services)
    inspection = Inspection(services)
    changes, bulk_retries, schedules = Changes(services), BulkRetryCalls(services), ScheduleCalls(services)
    keys = KeyCalls(services)
    return (
        Route("GET", "/workflows", workflows.list),
        Route("POST", "/workflows", workflows.create),
        Route("GET", "/workflows/{workflow_id}", workflows.get),
        Route("PUT", "/workflows/{workflow_id}", workflows.update),
        Route("DELETE", "/workflows/{workflow_id}", workflows.delete),
        Route("POST", "/workflows/{workflow_id}/status", workflows.set_status),
        Route("POST", "/workflows/{workflow_id}/execute", executions.execute),
        Route("GET", "/workflows/{workflow_id}/graph", inspection.workflow_graph),
        Route("GET", "/executions", executions.list),
        Route("GET", "/executions/{execution_id}", executions.get),
        Route("POST", "/executions/{execution_id}/cancel", executions.cancel),
        Route("GET", "/executions/{execution_id}/logs", executions.logs),
        Route("GET", "/executions/{execution_id}/steps", executions.steps),
        Route("GET", "/executions/{execution_id}/input", executions.input),
        Route("GET", "/executions/{execution_id}/output", executions.output),
        Route("GET", "/executions/{execution_id}/graph", inspection.run_graph),
        Route("GET", "/executions/{execution_id}/timeline", inspection.timeline),
        Route("POST", "/executions/{execution_id}/pause", changes.pause),
        Route("POST", "/executions/{execution_id}/resume", changes.resume),
        Route("POST", "/executions/{execution_id}/input", changes.input),
        Route("POST", "/executions/{execution_id}/retry", changes.retry),
        Route("POST", "/executions/{execution_id}/rerun", changes.rerun),
        Route("POST", "/executions/{execution_id}/replay", changes.replay),
        Route("POST", "/executions/bulk-retry", bulk_retries.start),
        Route("GET", "/executions/bulk-retry/{bulk_retry_id}", bulk_retries.get),
        Route("GET", "/webhooks", webhooks.list),
        Route("POST", "/webhooks", webhooks.create),
        Route("GET", "/webhooks/{webhook_id}", webhooks.get),
        Route("PUT", "/webhooks/{webhook_id}", webhooks.update),
        Route("DELETE", "/webhooks/{webhook_id}", webhooks.delete),
        Route("GET", "/schedules", schedules.list),
        Route("POST", "/schedules", schedules.create),
        Route("POST", "/schedules/preview", schedules.preview),
        Route("GET", "/schedules/{schedule_id}", schedules.get),
        Route("PUT", "/schedules/{schedule_id}", schedules.update),
        Route("DELETE", "/schedules/{schedule_id}", schedules.delete),
        Route("POST", "/schedules/{schedule_id}/pause", schedules.pause),
        Route("POST", "/schedules/{schedule_id}/resume", schedules.resume),
        Route("GET", "/schedules/{schedule_id}/upcoming", schedules.upcoming),
        Route("GET", "/overview", inspection.overview),
        Route("GET", "/keys", keys.list),
        Route("POST", "/keys", keys.create),
        Route("GET", "/keys/{key_id}", keys.get),
        Route("DELETE", "/keys/{key_id}", keys.revoke),
    )


def inbound_routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below the prefix of inbound calls."""
    inbound = Inbound(services)
    return tuple(Route(method, "/{webhook_id}", inbound.call) for method in METHODS)
