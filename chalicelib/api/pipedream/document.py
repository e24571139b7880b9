"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from chalicelib.api.pipedream.errors import TABLE
from chalicelib.api.pipedream.interfaces import METHODS
from chalicelib.api.pipedream.params import DEFAULT_LIMIT, MAX_LIMIT
from chalicelib.api.pipedream.routes import INTERFACE_PREFIX, PREFIX
from chalicelib.domain.deliveries import DeliveryStatus
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_ANY_BODY = ("application/json", "application/x-www-form-urlencoded")
_OLDER = "An older address of the same."
_COMMON = (
    Parameter("workspace_id", "The caller's own workspace."),
    Parameter("org_id", "The same, by its older name."),
    Parameter("include", "Members that the reply is to have alone, with commas."),
    Parameter("exclude", "Members that the reply is not to have, with commas."),
)
_LIMIT = Parameter(
    "limit",
    f"How many, from 1 to {MAX_LIMIT}; what is beyond is lowered or raised.",
    {"type": "integer"},
    DEFAULT_LIMIT,
)
_CURSORS = (
    Parameter("after", "Only what is older than this cursor."),
    Parameter("before", "Only what is newer than this cursor."),
)
_PAGING = (_LIMIT, *_CURSORS)
_EVENTS = (
    *_PAGING,
    Parameter("n", "An older name of `limit`.", {"type": "integer"}),
    Parameter("expand", "`event` shows whole events.", {"type": "string"}),
)
_RANGE = (
    Parameter("start_id", "The first event to delete; by default the first there is."),
    Parameter("end_id", "The last event to delete; by default the last there is."),
)
_DELIVERIES = (
    _LIMIT,
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


def _many(info: Schema | None = None) -> Callable[[Schema], Schema]:
    members: dict[str, Schema] = {} if info is None else {"page_info": info}
    return lambda item: closed({**members, "data": {"type": "array", "items": item}})


def _component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/Pipedream.{name}"}


_LIST, _PAGE = _many(), _many(_component("PageInfo"))
_EVENT_PAGE, _DELIVERY_PAGE = _many(_component("EventInfo")), _many(_component("CursorInfo"))


def _read(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    wrap: Callable[[Schema], Schema] | None = None,
    *parameters: Parameter,
    **more: Any,
) -> Operation:
    return Operation(
        id_,
        tag,
        summary,
        {200: Content(type_, wrap=wrap), **more.pop("others", {})},
        parameters=(*parameters, *_COMMON),
        **more,
    )


def _change(tag: str, id_: str, summary: str, type_: Any, body: Any = types.Nothing, **more: Any) -> Operation:
    """What is sent may stand in the body or in the query."""
    taken = Body(body, required=False, in_query=True, media_types=_ANY_BODY)
    return Operation(id_, tag, summary, {more.pop("status", 200): Content(type_)}, body=taken, **more)


def _delete(tag: str, id_: str, summary: str, *parameters: Parameter, status: int = 204) -> Operation:
    return Operation(id_, tag, summary, {status: Content(NOTHING)}, parameters=(*parameters, *_COMMON), refuses=(404,))


_TRIPLE = (
    Parameter("emitter_id", "Who emits.", required=True),
    Parameter("event_name", "The channel; without one, the default channel."),
    Parameter("listener_id", "Who listens.", required=True),
)
_PAIR = (
    Parameter("event_name", "The channel.", required=True),
    Parameter("listener_id", "Who listens.", required=True),
)

_ACCOUNT = "Users and workspaces"
_USERS = {
    "GET /users/me": _read(_ACCOUNT, "get_me", "Read who one is", types.User),
    "GET /users/me/workspaces": _read(
        _ACCOUNT, "list_workspaces", "List one's workspaces", types.ListedWorkspace, _LIST
    ),
    "GET /workspaces/{workspace_id}": _read(_ACCOUNT, "get_workspace", "Read a workspace", types.Workspace),
    "GET /orgs/{workspace_id}": _read(
        _ACCOUNT, "get_org", "Read a workspace", types.Workspace, about=_OLDER, deprecated=True
    ),
}
_SUBSCRIPTIONS = {
    "GET /users/me/subscriptions": _read(
        "Subscriptions", "list_subscriptions", "List subscriptions", types.Subscription, _LIST
    ),
    "GET /workspaces/{workspace_id}/subscriptions": _read(
        "Subscriptions", "list_workspace_subscriptions", "List a workspace's subscriptions", types.Subscription, _LIST
    ),
    "GET /orgs/{workspace_id}/subscriptions": _read(
        "Subscriptions",
        "list_org_subscriptions",
        "List a workspace's subscriptions",
        types.Subscription,
        _LIST,
        about=_OLDER,
        deprecated=True,
    ),
    "POST /subscriptions": _change(
        "Subscriptions",
        "create_subscription",
        "Subscribe a listener to an emitter",
        types.Subscription,
        types.NewSubscription,
        refuses=(404,),
    ),
    "DELETE /subscriptions": _delete("Subscriptions", "delete_subscription", "Delete a subscription", *_TRIPLE),
    "GET /auto_subscriptions": _read(
        "Subscriptions", "list_auto_subscriptions", "List auto-subscriptions", types.AutoSubscription, _LIST
    ),
    "POST /auto_subscriptions": _change(
        "Subscriptions",
        "create_auto_subscription",
        "Subscribe a listener to all emitters, future ones too",
        types.AutoSubscription,
        types.NewAutoSubscription,
        refuses=(404,),
    ),
    "DELETE /auto_subscriptions": _delete(
        "Subscriptions", "delete_auto_subscription", "Delete an auto-subscription", *_PAIR
    ),
}
_COMPONENTS = {
    "POST /components": _change(
        "Components", "create_component", "Save a component", types.Component, types.NewComponent, refuses=(404,)
    ),
    "GET /components/search": _read(
        "Components", "search_components", "Search the registry", types.Found, bare, *_SEARCH
    ),
    "GET /components/{key_or_id}": _read("Components", "get_component", "Read a component", types.Component),
    "GET /components/registry/{key}": _read(
        "Components", "get_registry_component", "Read a component of the registry", types.Component
    ),
    "GET /users/me/components": _read(
        "Components", "list_components", "List saved components", types.Component, _PAGE, *_PAGING
    ),
}
_ACCOUNTS = {
    "GET /accounts": _read(
        "Connected accounts", "list_accounts", "List connected accounts", types.Account, _PAGE, *_PAGING, *_APPS
    ),
    "POST /accounts": _change(
        "Connected accounts", "create_account", "Connect an account", types.Account, types.NewAccount
    ),
    "GET /accounts/{account_id}": _read("Connected accounts", "get_account", "Read a connected account", types.Account),
    "PUT /accounts/{account_id}": _change(
        "Connected accounts", "update_account", "Change a connected account", types.Account, types.AccountChange
    ),
    "DELETE /accounts/{account_id}": _delete("Connected accounts", "delete_account", "Delete a connected account"),
    "GET /workspaces/{workspace_id}/accounts": _read(
        "Connected accounts",
        "list_workspace_accounts",
        "List a workspace's connected accounts",
        types.Account,
        _PAGE,
        *_PAGING,
        *_APPS,
    ),
    "GET /orgs/{workspace_id}/accounts": _read(
        "Connected accounts",
        "list_org_accounts",
        "List a workspace's connected accounts",
        types.Account,
        _PAGE,
        *_PAGING,
        *_APPS,
        about=_OLDER,
        deprecated=True,
    ),
}
_SOURCES = {
    "POST /sources": _change(
        "Sources", "create_source", "Deploy a source", types.Source, types.NewSource, refuses=(404,)
    ),
    "GET /sources/{source_id}": _read("Sources", "get_source", "Read a source", types.Source),
    "PUT /sources/{source_id}": _change(
        "Sources", "update_source", "Change a source", types.Source, types.SourceChange
    ),
    "DELETE /sources/{source_id}": _delete("Sources", "delete_source", "Delete a source"),
    "POST /sources/{source_id}/test": _change(
        "Sources", "test_source", "Try a source out, without effects", types.Tried, types.Trial
    ),
    "GET /users/me/sources": _read(
        "Sources", "list_sources", "List one's sources", types.ListedSource, _PAGE, *_PAGING
    ),
    "GET /workspaces/{workspace_id}/sources": _read(
        "Sources", "list_workspace_sources", "List a workspace's sources", types.ListedSource, _PAGE, *_PAGING
    ),
    "GET /orgs/{workspace_id}/sources": _read(
        "Sources",
        "list_org_sources",
        "List a workspace's sources",
        types.ListedSource,
        _PAGE,
        *_PAGING,
        about=_OLDER,
        deprecated=True,
    ),
}


_EITHER_ERROR: Schema = {
    "type": "object",
    "properties": {"error": {"description": "A text, or an object with `code` and `message`."}},
    "required": ["error"],
}
_NOBODYS = {
    status: Content(_EITHER_ERROR, "Refused in the words of either dialect.", bare)
    for status in (401, 403, 404, 413, 429, 500)
}
"""At an address that means nothing, the other dialect's door answers."""


def _events(kind: EmitterKind) -> dict[str, Operation]:
    path = f"/{kind}s/{{{kind}_id}}"
    tail = "The query may follow `event_summaries` behind an `&`, as some clients write it."

    def events(id_: str, summary: str, **more: Any) -> Operation:
        return _read(
            "Events", f"{id_}_of_{kind}", f"{summary} of a {kind}", types.EventSummary, _EVENT_PAGE, *_EVENTS, **more
        )

    return {
        f"GET {path}/event_summaries": events("list_events", "List the newest events"),
        f"GET {path}/{{stream}}": events(
            "list_events_with_tail", "List the newest events", about=tail, deprecated=True, others=_NOBODYS
        ),
        f"GET {path}/{{stream}}/event_summaries": events("list_channel_events", "List the newest events of a channel"),
        f"GET {path}/{{stream}}/{{summaries}}": events(
            "list_channel_events_with_tail",
            "List the newest events of a channel",
            about=tail,
            deprecated=True,
            others=_NOBODYS,
        ),
    }


_EVENT_CALLS = {
    **_events(EmitterKind.SOURCE),
    "GET /sources/{source_id}/events": _read(
        "Events",
        "list_whole_events",
        "List the newest events of a source, whole",
        types.EventSummary,
        _EVENT_PAGE,
        *_EVENTS[:-1],
        about=_OLDER,
        deprecated=True,
    ),
    "DELETE /sources/{source_id}/events": _delete(
        "Events", "delete_events", "Delete events of a source", *_RANGE, status=202
    ),
    **_events(EmitterKind.WORKFLOW),
}
_PARTS = closed(
    {name: {"type": "array", "items": _component(item)} for name, item in (("triggers", "Trigger"), ("steps", "Step"))},
    "triggers",
    "steps",
)
_WORKFLOWS = {
    "POST /workflows": _change(
        "Workflows",
        "create_workflow",
        "Create a workflow of steps of code",
        types.MadeWorkflow,
        types.NewWorkflow,
        refuses=(404,),
    ),
    "GET /workflows/{workflow_id}": _read(
        "Workflows", "get_workflow", "Read a workflow's triggers and steps", _PARTS, bare
    ),
    "PUT /workflows/{workflow_id}": _change(
        "Workflows", "update_workflow", "Activate or deactivate a workflow", types.ChangedWorkflow, types.WorkflowChange
    ),
    "DELETE /workflows/{workflow_id}": _delete("Workflows", "delete_workflow", "Delete a workflow"),
}
_WEBHOOK = "/webhooks/{webhook_id}"
_WEBHOOKS = {
    "GET /users/me/webhooks": _read("Webhooks", "list_webhooks", "List webhooks", types.ListedWebhook, _PAGE, *_PAGING),
    "POST /webhooks": _change("Webhooks", "create_webhook", "Register a receiver", types.Webhook, types.NewWebhook),
    f"GET {_WEBHOOK}": _read("Webhooks", "get_webhook", "Read a webhook", types.FullWebhook),
    f"PUT {_WEBHOOK}": _change(
        "Webhooks", "update_webhook", "Change a webhook", types.FullWebhook, types.WebhookChange
    ),
    f"DELETE {_WEBHOOK}": _delete("Webhooks", "delete_webhook", "Delete a webhook"),
    f"POST {_WEBHOOK}/pause": _change("Webhooks", "pause_webhook", "Hold a webhook's deliveries", types.FullWebhook),
    f"POST {_WEBHOOK}/resume": _change(
        "Webhooks", "resume_webhook", "Release a webhook's deliveries", types.ResumedWebhook
    ),
    f"POST {_WEBHOOK}/test": _change("Webhooks", "test_webhook", "Deliver a test", types.Delivery, types.Test),
    f"GET {_WEBHOOK}/secret": _read("Webhooks", "get_secret", "Read the secret, once", types.Secret, refuses=(409,)),
    f"POST {_WEBHOOK}/secret/rotate": _change(
        "Webhooks", "rotate_secret", "Change the secret", types.Rotation, types.NewSecret
    ),
}
_DELIVERY_CALLS = {
    f"GET {_WEBHOOK}/deliveries": _read(
        "Deliveries", "list_deliveries", "List deliveries", types.Delivery, _DELIVERY_PAGE, *_DELIVERIES
    ),
    f"GET {_WEBHOOK}/deliveries/{{delivery_id}}": _read(
        "Deliveries", "get_delivery", "Read a delivery with its attempts", types.FullDelivery
    ),
    f"POST {_WEBHOOK}/deliveries/{{delivery_id}}/redeliver": _change(
        "Deliveries", "redeliver", "Deliver again", types.Delivery
    ),
    f"POST {_WEBHOOK}/recover": Operation(
        "recover_deliveries",
        "Deliveries",
        "Deliver again what was given up in a time",
        {200: Content(types.Recovered), 202: Content(types.Recovered, "An execution goes on with it.")},
        body=Body(types.Recovery, required=False, in_query=True, media_types=_ANY_BODY),
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
            **_EVENT_CALLS,
            **_SUBSCRIPTIONS,
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
