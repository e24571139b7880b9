"""Whom each address of the API lets in, address by address.

A route that is not here fails a test: whoever adds one says here what a key needs to be let in, or how a call without a
key proves itself. What is said of `/v1` holds below `/api/v1` as well, where that is served.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import app as application

ANY_KEY = "any key"
"""Whoever has a key may ask, but not one that is restricted to namespaces."""

BY_SCOPE: Mapping[str, str] = {
    "accounts:read": """
        GET /v1/accounts
        GET /v1/accounts/{account_id}
        GET /v1/orgs/{workspace_id}/accounts
        GET /v1/workspaces/{workspace_id}/accounts
    """,
    "accounts:write": """
        POST /v1/accounts
        DELETE|PUT /v1/accounts/{account_id}
    """,
    "events:read": """
        GET /v1/auto_subscriptions
        GET /v1/orgs/{workspace_id}/subscriptions
        GET /v1/sources/{source_id}/event_summaries
        GET /v1/sources/{source_id}/events
        GET /v1/sources/{source_id}/{stream}
        GET /v1/sources/{source_id}/{stream}/event_summaries
        GET /v1/sources/{source_id}/{stream}/{summaries}
        GET /v1/users/me/subscriptions
        GET /v1/workflows/{workflow_id}/event_summaries
        GET /v1/workflows/{workflow_id}/{stream}
        GET /v1/workflows/{workflow_id}/{stream}/event_summaries
        GET /v1/workflows/{workflow_id}/{stream}/{summaries}
        GET /v1/workspaces/{workspace_id}/subscriptions
    """,
    "events:write": """
        DELETE|POST /v1/auto_subscriptions
        DELETE /v1/sources/{source_id}/events
        DELETE|POST /v1/subscriptions
    """,
    "executions:read": """
        GET /v1/connections/{connection_id}/debug
        GET /v1/executions
        GET /v1/executions/bulk-retry/{bulk_retry_id}
        GET /v1/executions/{execution_id}
        GET /v1/executions/{execution_id}/graph
        GET /v1/executions/{execution_id}/input
        GET /v1/executions/{execution_id}/logs
        GET /v1/executions/{execution_id}/output
        GET /v1/executions/{execution_id}/steps
        GET /v1/executions/{execution_id}/timeline
        GET /v1/flows/{flow_id}/errors
        GET /v1/flows/{flow_id}/jobs/latest
        GET /v1/flows/{flow_id}/{step_id}/errors
        GET /v1/flows/{flow_id}/{step_id}/resolved
        GET /v1/flows/{flow_id}/{step_id}/{retry_data_key}/data
        GET /v1/integrations/{integration_id}/errors
        GET /v1/jobs
        POST /v1/jobs/current
        GET /v1/jobs/{job_id}
        GET /v1/jobs/{job_id}/diagnostics
        GET /v1/jobs/{job_id}/errorFile/signedURL
        GET /v1/jobs/{job_id}/family
        GET /v1/jobs/{job_id}/jobErrors
        GET /v1/jobs/{job_id}/joberrors
        GET /v1/overview
        GET /v1/tags
        GET /v1/tags/{tag_id}
        GET /workflowsvc/api/v1/workflow/{workflow_id}/task/{task_id}/loopovertasks
        GET /workflowsvc/api/v1/workflows
        GET /workflowsvc/api/v1/workflows/{workflow_id}
        GET /workflowsvc/api/v1/workflows/{workflow_id}/tasks/{task_id}
        GET /workflowsvc/api/v1/workflows/{workflow_id}/tasks/{task_id}/logs
        GET /workflowsvc/api/v1/workflows/{workflow_id}/tasks/{task_id}/loopovertasks
    """,
    "executions:write": """
        DELETE /v1/connections/{connection_id}/debug
        GET|POST /v1/connections/{connection_id}/ping
        POST /v1/executions/bulk-retry
        POST /v1/executions/{execution_id}/cancel
        POST /v1/executions/{execution_id}/input
        POST /v1/executions/{execution_id}/pause
        POST /v1/executions/{execution_id}/replay
        POST /v1/executions/{execution_id}/rerun
        POST /v1/executions/{execution_id}/resume
        POST /v1/executions/{execution_id}/retry
        POST /v1/exports/{export_id}/invoke
        POST /v1/flows/{flow_id}
        POST /v1/flows/{flow_id}/run
        POST /v1/flows/{flow_id}/test/run
        PUT /v1/flows/{flow_id}/{step_id}/errors/assign
        DELETE|PUT /v1/flows/{flow_id}/{step_id}/resolved
        POST /v1/flows/{flow_id}/{step_id}/retry
        PUT /v1/flows/{flow_id}/{step_id}/tags
        PUT /v1/flows/{flow_id}/{step_id}/{retry_data_key}/data
        POST /v1/imports/{import_id}/invoke
        PUT /v1/jobs/{job_id}/cancel
        POST /v1/tags
        DELETE|PUT /v1/tags/{tag_id}
        POST /v1/workflows/{workflow_id}/execute
        POST /v1/{api_identifier}
        POST /workflowsvc/api/v1/workflow/{workflow_id}/userinput/{user_input_id}
        POST /workflowsvc/api/v1/workflows
        PUT /workflowsvc/api/v1/workflows/{workflow_id}/status
        POST /workflowsvc/api/v1/workflows/{workflow_id}/userinput/{user_input_id}
        PUT /workflowsvc/api/v1/{workflows_and_id}/status
    """,
    "pins:delete": """
        DELETE /api/pinboards/{pinboard_id}
        DELETE /api/pins/{pid}
    """,
    "pins:read": """
        GET /api/pinboards
        GET /api/pinboards/{pinboard_id}
        GET /api/pins
        GET /api/pins/{pid}
        GET /api/pins/{pid}/blocks
        GET /api/pins/{pid}/datasets
        GET /api/pins/{pid}/datasets/{dataset_id}
    """,
    "pins:write": """
        POST /api/pinboards
        PUT /api/pinboards/{pinboard_id}
        POST /api/pinboards/{pinboard_id}/pins
        DELETE /api/pinboards/{pinboard_id}/pins/{pin_id}
        POST /api/pinboards/{pinboard_id}/publish
        POST /api/pinboards/{pinboard_id}/unpublish
        POST /api/pins/send
        PUT /api/pins/{pid}
        POST /api/pins/{pid}/blocks
        DELETE|PUT /api/pins/{pid}/blocks/{block_id}
        POST /api/pins/{pid}/datasets
        DELETE|PUT /api/pins/{pid}/datasets/{dataset_id}
        POST /api/pins/{pid}/publish
        POST /api/pins/{pid}/unpublish
    """,
    "schedules:read": """
        GET /v1/schedules
        POST /v1/schedules/preview
        GET /v1/schedules/{schedule_id}
        GET /v1/schedules/{schedule_id}/upcoming
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}/triggers
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}/triggers/{trigger_id}
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/schedules
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/schedules/{schedule_id}
    """,
    "schedules:write": """
        POST /v1/schedules
        DELETE|PUT /v1/schedules/{schedule_id}
        POST /v1/schedules/{schedule_id}/pause
        POST /v1/schedules/{schedule_id}/resume
        DELETE /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}
        POST /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}/triggers
        DELETE|PUT /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/jobs/{job_id}/triggers/{trigger_id}
        POST /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/schedules
        DELETE|PUT /workflowsvc/api/v1/workflowdefs/{workflow_def_id}/schedules/{schedule_id}
    """,
    "sources:read": """
        GET /v1/components/registry/{key}
        GET /v1/components/search
        GET /v1/components/{key_or_id}
        GET /v1/orgs/{workspace_id}/sources
        GET /v1/sources/{source_id}
        GET /v1/users/me/components
        GET /v1/users/me/sources
        GET /v1/workspaces/{workspace_id}/sources
    """,
    "sources:write": """
        POST /v1/components
        POST /v1/sources
        DELETE|PUT /v1/sources/{source_id}
        POST /v1/sources/{source_id}/test
    """,
    "webhooks:read": """
        GET /v1/users/me/webhooks
        GET /v1/webhooks
        GET /v1/webhooks/{webhook_id}
        GET /v1/webhooks/{webhook_id}/deliveries
        GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}
    """,
    "webhooks:write": """
        POST /v1/webhooks
        DELETE|PUT /v1/webhooks/{webhook_id}
        POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver
        POST /v1/webhooks/{webhook_id}/pause
        POST /v1/webhooks/{webhook_id}/recover
        POST /v1/webhooks/{webhook_id}/resume
        GET /v1/webhooks/{webhook_id}/secret
        POST /v1/webhooks/{webhook_id}/secret/rotate
        POST /v1/webhooks/{webhook_id}/test
    """,
    "workflow_data:read": """
        GET /api/pins/{pid}/overview
        GET /api/webhooks
        DELETE|GET|PUT /api/webhooks/{webhook_id}
        GET /api/workflow-data/{pin_id}
        GET /api/workflow-data/{pin_id}/{workflow_id}
    """,
    "workflow_data:read+workflow_data:write": """
        POST /api/webhooks
    """,
    "workflow_data:write": """
        PUT /api/workflow-data/{pin_id}/{workflow_id}
    """,
    "workflows:read": """
        GET /v1/audit
        GET /v1/connections
        GET /v1/connections/{connection_id}
        GET /v1/connections/{connection_id}/audit
        GET /v1/connections/{connection_id}/dependencies
        GET /v1/connections/{connection_id}/state
        GET /v1/connections/{connection_id}/state/{key}
        GET /v1/exports
        GET /v1/exports/{export_id}
        GET /v1/exports/{export_id}/audit
        GET /v1/exports/{export_id}/dependencies
        GET /v1/exports/{export_id}/state
        GET /v1/exports/{export_id}/state/{key}
        GET /v1/flows
        GET /v1/flows/{flow_id}
        GET /v1/flows/{flow_id}/audit
        GET /v1/flows/{flow_id}/dependencies
        GET /v1/flows/{flow_id}/descendants
        GET /v1/flows/{flow_id}/lastExportDateTime
        GET /v1/flows/{flow_id}/state
        GET /v1/flows/{flow_id}/state/{key}
        GET /v1/flows/{flow_id}/template
        GET /v1/imports
        GET /v1/imports/{import_id}
        GET /v1/imports/{import_id}/audit
        GET /v1/imports/{import_id}/dependencies
        GET /v1/imports/{import_id}/state
        GET /v1/imports/{import_id}/state/{key}
        GET /v1/integrations
        GET /v1/integrations/{integration_id}
        GET /v1/integrations/{integration_id}/exports
        GET /v1/integrations/{integration_id}/flows
        GET /v1/integrations/{integration_id}/imports
        GET /v1/integrations/{integration_id}/state
        GET /v1/integrations/{integration_id}/state/{key}
        GET /v1/scripts
        GET /v1/scripts/{script_id}
        GET /v1/scripts/{script_id}/audit
        GET /v1/scripts/{script_id}/dependencies
        GET /v1/state
        GET /v1/state/{key}
        GET /v1/workflows
        GET /v1/workflows/{workflow_id}
        GET /v1/workflows/{workflow_id}/graph
        GET /workflowsvc/api/v1/workflowdefs
        GET /workflowsvc/api/v1/workflowdefs/{workflow_def_id}
    """,
    "workflows:write": """
        POST /v1/connections
        POST /v1/connections/ping
        DELETE|PATCH|PUT /v1/connections/{connection_id}
        DELETE /v1/connections/{connection_id}/state
        DELETE|PUT /v1/connections/{connection_id}/state/{key}
        POST /v1/exports
        POST /v1/exports/preview
        DELETE|PATCH|PUT /v1/exports/{export_id}
        POST /v1/exports/{export_id}/clone
        PUT /v1/exports/{export_id}/replaceConnection
        DELETE /v1/exports/{export_id}/state
        DELETE|PUT /v1/exports/{export_id}/state/{key}
        POST /v1/flows
        PUT /v1/flows/updateFlowGrouping
        DELETE|PATCH|PUT /v1/flows/{flow_id}
        POST /v1/flows/{flow_id}/clone
        PUT /v1/flows/{flow_id}/replaceConnection
        DELETE /v1/flows/{flow_id}/state
        DELETE|PUT /v1/flows/{flow_id}/state/{key}
        POST /v1/imports
        DELETE|PATCH|PUT /v1/imports/{import_id}
        POST /v1/imports/{import_id}/clone
        PUT /v1/imports/{import_id}/replaceConnection
        DELETE /v1/imports/{import_id}/state
        DELETE|PUT /v1/imports/{import_id}/state/{key}
        POST /v1/integrations
        DELETE|PATCH|PUT /v1/integrations/{integration_id}
        DELETE /v1/integrations/{integration_id}/state
        DELETE|PUT /v1/integrations/{integration_id}/state/{key}
        POST /v1/scripts
        DELETE|PATCH|PUT /v1/scripts/{script_id}
        POST /v1/scripts/{script_id}/clone
        DELETE /v1/state
        DELETE|PUT /v1/state/{key}
        POST /v1/workflows
        DELETE|PUT /v1/workflows/{workflow_id}
        POST /v1/workflows/{workflow_id}/status
        POST /workflowsvc/api/v1/workflowdefs
        DELETE|PUT /workflowsvc/api/v1/workflowdefs/{workflow_def_id}
    """,
    ANY_KEY: """
        GET|POST /api/auth/api-keys
        DELETE /api/auth/api-keys/{key_id}
        GET|POST /v1/keys
        DELETE|GET /v1/keys/{key_id}
        GET /v1/orgs/{workspace_id}
        GET /v1/tokenInfo
        GET /v1/users/me
        GET /v1/users/me/workspaces
        GET /v1/workspaces/{workspace_id}
    """,
}
"""Verbs and addresses by the scope that a key needs, or the scopes, with a plus between."""

OPEN: Mapping[str, str] = {
    "to everybody": """
        GET /api/health
        GET /console
        GET /console/{version}/{name}
        GET /console/{version}/{name}/{file}
        GET /docs
        GET /docs/{version}/{name}
        GET /openapi.json
        GET /pins/{pid}
        OPTIONS /h/{endpoint_key}
        OPTIONS /h/{endpoint_key}/{rest+}
    """,
    "to those who know the address": """
        DELETE|GET|HEAD|PATCH|POST|PUT /h/{endpoint_key}
        DELETE|GET|HEAD|PATCH|POST|PUT /h/{endpoint_key}/{rest+}
        GET /v1/flows/template/{name}
        GET /v1/jobs/errorFile/{name}
    """,
    "to those who know the secret of the thing": """
        POST /api/webhooks/receive/{webhook_id}
        POST /v1/exports/{export_id}/data
        POST /v1/exports/{export_id}/data/{token}
        DELETE|GET|PATCH|POST|PUT /webhook/{webhook_id}
    """,
    "to everybody if the thing is public": """
        GET /api/public/pinboards/{pinboard_id}
        GET /api/public/pins/{pid}
        GET /api/public/pins/{pid}/overview
    """,
}
"""Verbs and addresses that take no API key, by whom they let in instead."""


class Gate(NamedTuple):
    verb: str
    path: str
    lets_in: str


def gates() -> tuple[Gate, ...]:
    """Of calls with a key, `lets_in` is what the key needs."""
    return (*_read(BY_SCOPE), *_below_the_other_prefix())


def open_gates() -> tuple[Gate, ...]:
    return tuple(_read(OPEN))


def _read(table: Mapping[str, str]) -> Iterator[Gate]:
    for lets_in, rows in table.items():
        for verbs, path in (row.split() for row in rows.strip().splitlines()):
            yield from (Gate(verb, path, lets_in) for verb in verbs.split("|"))


def _below_the_other_prefix() -> Iterator[Gate]:
    """The Exeoflow dialect's addresses, under the prefix that it shares with nobody."""
    served = application.app.routes
    for gate in _read(BY_SCOPE):
        path = f"/api{gate.path}"
        if gate.path.startswith("/v1/") and gate.verb in served.get(path, ()):
            yield Gate(gate.verb, path, gate.lets_in)
