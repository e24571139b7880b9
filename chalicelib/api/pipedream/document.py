"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.api.common.describe import (
    NOTHING,
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
from chalicelib.api.pipedream import document_types as types
from chalicelib.api.pipedream import document_webhook_types as hooks
from chalicelib.api.pipedream import document_workflow_types as flows
from chalicelib.api.pipedream.document_events import EVENTS, SUBSCRIPTIONS
from chalicelib.api.pipedream.document_parts import (
    ANY_BODY,
    DELIVERY_PAGE,
    LIMIT,
    LIST,
    OLDER,
    PAGE,
    PAGING,
    change,
    component,
    delete,
    read,
)
from chalicelib.api.pipedream.errors import TABLE
from chalicelib.api.pipedream.interfaces import METHODS
from chalicelib.api.pipedream.routes import INTERFACE_PREFIX, PREFIX
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_DELIVERIES = (
    LIMIT,
    Parameter("cursor", "Where to go on: the `next_cursor` of the page before."),
    Parameter("status", f"Only those of these, with commas: {', '.join(DeliveryStatus)}."),
    Parameter("since", "Only those made at or after this ISO 8601 date or time."),
    Parameter("until", "Only those made at or before this ISO 8601 date or time."),
)
_SEARCH = (
    Parameter("query", "What to look for.", required=True),
    Parameter("app", "Only components of this app."),
    Parameter("similarity_threshold", "How alike, from 0 to 1.", {"type": "number"}),
)
_APPS = (
    Parameter("app_slug", "Only those of this app."),
    Parameter("app", "The same, by another name."),
    Parameter("query", "Only those whose name or app holds this."),
)


_ACCOUNT = "Users and workspaces"
_USERS = {
    "GET /users/me": read(_ACCOUNT, "get_me", "Read who one is", types.User),
    "GET /users/me/workspaces": read(_ACCOUNT, "list_workspaces", "List one's workspaces", types.ListedWorkspace, LIST),
    "GET /workspaces/{workspace_id}": read(_ACCOUNT, "get_workspace", "Read a workspace", types.Workspace),
    "GET /orgs/{workspace_id}": read(
        _ACCOUNT, "get_org", "Read a workspace", types.Workspace, about=OLDER, deprecated=True
    ),
}
_COMPONENTS = {
    "POST /components": change(
        "Components", "create_component", "Save a component", types.Component, types.NewComponent, refuses=(404,)
    ),
    "GET /components/search": read(
        "Components", "search_components", "Search the registry", types.Found, bare, *_SEARCH
    ),
    "GET /components/{key_or_id}": read("Components", "get_component", "Read a component", types.Component),
    "GET /components/registry/{key}": read(
        "Components", "get_registry_component", "Read a component of the registry", types.Component
    ),
    "GET /users/me/components": read(
        "Components", "list_components", "List saved components", types.Component, PAGE, *PAGING
    ),
}
_ACCOUNTS = {
    "GET /accounts": read(
        "Connected accounts", "list_accounts", "List connected accounts", types.Account, PAGE, *PAGING, *_APPS
    ),
    "POST /accounts": change(
        "Connected accounts", "create_account", "Connect an account", types.Account, types.NewAccount
    ),
    "GET /accounts/{account_id}": read("Connected accounts", "get_account", "Read a connected account", types.Account),
    "PUT /accounts/{account_id}": change(
        "Connected accounts", "update_account", "Change a connected account", types.Account, types.AccountChange
    ),
    "DELETE /accounts/{account_id}": delete("Connected accounts", "delete_account", "Delete a connected account"),
    "GET /workspaces/{workspace_id}/accounts": read(
        "Connected accounts",
        "list_workspace_accounts",
        "List a workspace's connected accounts",
        types.Account,
        PAGE,
        *PAGING,
        *_APPS,
    ),
    "GET /orgs/{workspace_id}/accounts": read(
        "Connected accounts",
        "list_org_accounts",
        "List a workspace's connected accounts",
        types.Account,
        PAGE,
        *PAGING,
        *_APPS,
        about=OLDER,
        deprecated=True,
    ),
}
_SOURCES = {
    "POST /sources": change(
        "Sources", "create_source", "Deploy a source", types.Source, types.NewSource, refuses=(404,)
    ),
    "GET /sources/{source_id}": read("Sources", "get_source", "Read a source", types.Source),
    "PUT /sources/{source_id}": change("Sources", "update_source", "Change a source", types.Source, types.SourceChange),
    "DELETE /sources/{source_id}": delete("Sources", "delete_source", "Delete a source"),
    "POST /sources/{source_id}/test": change(
        "Sources", "test_source", "Try a source out, without effects", types.Tried, types.Trial
    ),
    "GET /users/me/sources": read("Sources", "list_sources", "List one's sources", types.ListedSource, PAGE, *PAGING),
    "GET /workspaces/{workspace_id}/sources": read(
        "Sources", "list_workspace_sources", "List a workspace's sources", types.ListedSource, PAGE, *PAGING
    ),
    "GET /orgs/{workspace_id}/sources": read(
        "Sources",
        "list_org_sources",
        "List a workspace's sources",
        types.ListedSource,
        PAGE,
        *PAGING,
        about=OLDER,
        deprecated=True,
    ),
}


_PARTS = closed(
    {name: {"type": "array", "items": component(item)} for name, item in (("triggers", "Trigger"), ("steps", "Step"))},
    "triggers",
    "steps",
)
_WORKFLOWS = {
    "POST /workflows": change(
        "Workflows",
        "create_workflow",
        "Create a workflow of steps of code",
        flows.MadeWorkflow,
        flows.NewWorkflow,
        refuses=(404,),
    ),
    "GET /workflows/{workflow_id}": read(
        "Workflows", "get_workflow", "Read a workflow's triggers and steps", _PARTS, bare
    ),
    "PUT /workflows/{workflow_id}": change(
        "Workflows", "update_workflow", "Activate or deactivate a workflow", flows.ChangedWorkflow, flows.WorkflowChange
    ),
    "DELETE /workflows/{workflow_id}": delete("Workflows", "delete_workflow", "Delete a workflow"),
}
_WEBHOOK = "/webhooks/{webhook_id}"
_WEBHOOKS = {
    "GET /users/me/webhooks": read("Webhooks", "list_webhooks", "List webhooks", hooks.ListedWebhook, PAGE, *PAGING),
    "POST /webhooks": change("Webhooks", "create_webhook", "Register a receiver", hooks.Webhook, hooks.NewWebhook),
    f"GET {_WEBHOOK}": read("Webhooks", "get_webhook", "Read a webhook", hooks.FullWebhook),
    f"PUT {_WEBHOOK}": change("Webhooks", "update_webhook", "Change a webhook", hooks.FullWebhook, hooks.WebhookChange),
    f"DELETE {_WEBHOOK}": delete("Webhooks", "delete_webhook", "Delete a webhook"),
    f"POST {_WEBHOOK}/pause": change("Webhooks", "pause_webhook", "Hold a webhook's deliveries", hooks.FullWebhook),
    f"POST {_WEBHOOK}/resume": change(
        "Webhooks", "resume_webhook", "Release a webhook's deliveries", hooks.ResumedWebhook
    ),
    f"POST {_WEBHOOK}/test": change("Webhooks", "test_webhook", "Deliver a test", hooks.Delivery, hooks.Test),
    f"GET {_WEBHOOK}/secret": read("Webhooks", "get_secret", "Read the secret, once", hooks.Secret, refuses=(409,)),
    f"POST {_WEBHOOK}/secret/rotate": change(
        "Webhooks", "rotate_secret", "Change the secret", hooks.Rotation, hooks.NewSecret
    ),
}
_DELIVERY_CALLS = {
    f"GET {_WEBHOOK}/deliveries": read(
        "Deliveries", "list_deliveries", "List deliveries", hooks.Delivery, DELIVERY_PAGE, *_DELIVERIES
    ),
    f"GET {_WEBHOOK}/deliveries/{{delivery_id}}": read(
        "Deliveries", "get_delivery", "Read a delivery with its attempts", hooks.FullDelivery
    ),
    f"POST {_WEBHOOK}/deliveries/{{delivery_id}}/redeliver": change(
        "Deliveries", "redeliver", "Deliver again", hooks.Delivery
    ),
    f"POST {_WEBHOOK}/recover": Operation(
        "recover_deliveries",
        "Deliveries",
        "Deliver again what was given up in a time",
        {200: Content(hooks.Recovered), 202: Content(hooks.Recovered, "An execution goes on with it.")},
        body=Body(hooks.Recovery, required=False, in_query=True, media_types=ANY_BODY),
    ),
}
_PATH = {
    "workspace_id": "The caller's own workspace.",
    "account_id": "The account's id.",
    "source_id": "The source's id.",
    "workflow_id": "The workflow's id.",
    "webhook_id": "The webhook's id.",
    "delivery_id": "The delivery's id.",
    "key_or_id": "The component's id, or its key.",
    "key": "The component's key.",
    "stream": "A channel: its name, `$errors` or `$logs`; or `event_summaries` with a query behind an `&`.",
    "summaries": "`event_summaries`, with a query behind an `&`.",
    "endpoint_key": "The key of a source's or workflow's address.",
    "rest": "The rest of the address, which the source is told.",
}


def documents() -> tuple[DoorDocument, DoorDocument]:
    """The API, and requests that come to sources and workflows."""
    api = DoorDocument(
        "Pipedream",
        "Pipedream",
        "Components, sources, events, subscriptions and outbound webhooks.",
        (Prefix(PREFIX),),
        {
            **_USERS,
            **_COMPONENTS,
            **_ACCOUNTS,
            **_SOURCES,
            **EVENTS,
            **SUBSCRIPTIONS,
            **_WORKFLOWS,
            **_WEBHOOKS,
            **_DELIVERY_CALLS,
        },
        {
            _ACCOUNT: "Who calls.",
            "Components": "Code that sources are made of.",
            "Connected accounts": "Credentials that components use, and that nobody reads back.",
            "Sources": "Deployed components, which emit events.",
            "Events": "What sources and workflows emitted.",
            "Subscriptions": "Who hears which events.",
            "Workflows": "Steps of code in a row.",
            "Webhooks": "Receivers of events.",
            "Deliveries": "What was sent to receivers, and what came back.",
        },
        _PATH,
        _errors(),
        lambda data: closed({"data": data}),
        conflict=TABLE[ConflictError].status,
        examples=examples,
        also=(types.PageInfo, types.EventInfo, types.CursorInfo),
    )
    return api, _interfaces()


def _interfaces() -> DoorDocument:
    operations = {
        f"{method} {path}": _request(method, name)
        for path, name in (("/{endpoint_key}", ""), ("/{endpoint_key}/{rest+}", "_below"))
        for method in (*METHODS, "OPTIONS")
    }
    return DoorDocument(
        "Interfaces",
        "Pipedream",
        "Addresses of sources and workflows.",
        (Prefix(INTERFACE_PREFIX),),
        operations,
        {"Requests": "What comes to sources and workflows; what they like is answered."},
        _PATH,
        {},
        bare,
        conflict=409,
        security=(),
        limited=False,
    )


def _request(method: str, suffix: str) -> Operation:
    anything = Content({}, "What the source answers, or that the workflow runs.", bare, "*/*")
    if method == "OPTIONS":
        anything = Content(NOTHING, "What browsers may send.")
    return Operation(
        f"request_with_{method.lower()}{suffix}",
        "Requests",
        f"Send a request to a source or workflow ({method})",
        {"default": anything},
        body=Body({}, required=False, media_types=("*/*",)) if method in ("POST", "PUT", "PATCH", "DELETE") else None,
    )


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _errors() -> Mapping[int, Schema]:
    error = closed({"error": {"type": "string"}})
    return {wording.status: error for wording in TABLE.values()}
