"""The Exeoflow door: workflows, executions and webhooks under `/v1` and `/api/v1`, calls at `/webhook/{id}`.

Checks come in one order: who calls, what they may do, the addressed resource, the body.
"""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Blueprint

from chalicelib.api.common.authentication import admit_with_key
from chalicelib.api.common.call import Call
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route, mount
from chalicelib.api.common.pipeline import Pipeline
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import errors
from chalicelib.api.exeoflow.bulk_retries import BulkRetryCalls
from chalicelib.api.exeoflow.changes import Changes
from chalicelib.api.exeoflow.executions import Executions
from chalicelib.api.exeoflow.inbound import METHODS, Inbound
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


def blueprint(services: Callable[[], Services], pipeline: Pipeline) -> Blueprint:
    """Rows of the API; register one per prefix, as Chalice empties a blueprint's route settings when it does."""
    workflows, executions, webhooks = WorkflowCalls(services), Executions(services), Webhooks(services)
    changes, bulk_retries = Changes(services), BulkRetryCalls(services)
    routes = Blueprint(__name__)
    mount(
        routes,
        pipeline,
        (
            Route("GET", "/workflows", workflows.list),
            Route("POST", "/workflows", workflows.create),
            Route("GET", "/workflows/{workflow_id}", workflows.get),
            Route("PUT", "/workflows/{workflow_id}", workflows.update),
            Route("DELETE", "/workflows/{workflow_id}", workflows.delete),
            Route("POST", "/workflows/{workflow_id}/status", workflows.set_status),
            Route("POST", "/workflows/{workflow_id}/execute", executions.execute),
            Route("GET", "/executions", executions.list),
            Route("GET", "/executions/{execution_id}", executions.get),
            Route("POST", "/executions/{execution_id}/cancel", executions.cancel),
            Route("GET", "/executions/{execution_id}/logs", executions.logs),
            Route("GET", "/executions/{execution_id}/steps", executions.steps),
            Route("GET", "/executions/{execution_id}/input", executions.input),
            Route("GET", "/executions/{execution_id}/output", executions.output),
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
        ),
    )
    return routes


def inbound_blueprint(services: Callable[[], Services], pipeline: Pipeline) -> Blueprint:
    inbound = Inbound(services)
    routes = Blueprint(__name__)
    mount(routes, pipeline, (Route(method, "/{webhook_id}", inbound.call) for method in METHODS))
    return routes
