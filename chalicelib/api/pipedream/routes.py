"""The Pipedream door: components, sources, events, subscriptions and outbound webhooks under `/v1`; requests that
come to sources at `/h/{key}`.

Checks come in one order: who calls, what they may do, the addressed resource, the parameters, the named workspace.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from chalicelib.api.common.authentication import admit_with_key
from chalicelib.api.common.call import Call
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import errors
from chalicelib.api.pipedream.accounts import AccountCalls
from chalicelib.api.pipedream.components import ComponentCalls
from chalicelib.api.pipedream.credentials import CredentialCalls
from chalicelib.api.pipedream.deliveries import DeliveryCalls
from chalicelib.api.pipedream.events import EventCalls
from chalicelib.api.pipedream.interfaces import METHODS, InterfaceCalls
from chalicelib.api.pipedream.params import body_of
from chalicelib.api.pipedream.sources import SourceCalls
from chalicelib.api.pipedream.subscriptions import SubscriptionCalls
from chalicelib.api.pipedream.webhooks import WebhookCalls
from chalicelib.api.pipedream.workflow_form import is_workflow_id
from chalicelib.api.pipedream.workflows import WorkflowCalls
from chalicelib.domain.endpoints import is_endpoint_id
from chalicelib.domain.errors import PenstockError
from chalicelib.domain.events import EmitterKind

PREFIX = "/v1"
INTERFACE_PREFIX = "/h"
_OWN = (
    "accounts",
    "apps",
    "auto_subscriptions",
    "components",
    "orgs",
    "sources",
    "subscriptions",
    "users",
    "workspaces",
)

_EVENTS_OF_WORKFLOW = re.compile(r"/v1/workflows/[^/]+(?:/[^/]+)?/event_summaries(?:&[^/]*)?/?")
_WEBHOOKS = re.compile(r"/v1/webhooks(?:/(?P<id>[^/]+)(?P<below>/.+)?)?/?")
_WORKFLOWS = re.compile(r"/v1/workflows(?:/(?P<id>[^/]+))?/?")
_WORKFLOW = frozenset({"steps", "triggers", "template_id", "org_id", "project_id", "settings"})
_OTHERS_WORKFLOW = frozenset({"name", "nodes", "connections"})
_LARGEST_REGISTRATION = 64 * 1024
_REGISTRATION = ("url", "name", "description")


def door(services: Callable[[], Services]) -> Door:
    prefixes = tuple(f"{PREFIX}/{name}" for name in _OWN)
    return Door(prefixes, lambda call: admit_with_key(call, services()), errors.shape)


def interface_door() -> Door:
    """For requests that come to sources: whoever knows an address may send them."""
    return Door((INTERFACE_PREFIX,), lambda _: None, errors.shape)


def takes(call: Call) -> bool:
    """Whether a call at an address that another dialect has as well is for this one.

    Of webhooks, those whose id has an endpoint's form are; and registering one that has a `url`, where the other
    dialect's bodies name a workflow and its queries nothing. Of workflows the same: those whose id has this dialect's
    form; and creating one whose body has steps or triggers, where the other's has a name and nodes.
    """
    if _EVENTS_OF_WORKFLOW.fullmatch(call.path):
        return True
    workflows = _WORKFLOWS.fullmatch(call.path)
    if workflows is not None:
        if workflows["id"] is not None:
            return is_workflow_id(unquote(workflows["id"]))
        return call.method == "POST" and _creates_workflow(call)
    webhooks = _WEBHOOKS.fullmatch(call.path)
    if webhooks is None:
        return False
    if webhooks["id"] is not None:
        return webhooks["below"] is not None or is_endpoint_id(unquote(webhooks["id"]))
    return call.method == "POST" and _registers_endpoint(call)


def _creates_workflow(call: Call) -> bool:
    try:
        # Definitions are large, and few are this dialect's: most need not be read twice.
        if not any(f'"{name}"'.encode() in call.body() for name in _WORKFLOW):
            return False
        body = body_of(call)
    except PenstockError:
        return False
    return not body.keys() & _OTHERS_WORKFLOW and bool(body.keys() & _WORKFLOW)


def _registers_endpoint(call: Call) -> bool:
    try:
        body = body_of(call, _LARGEST_REGISTRATION)
    except PenstockError:
        body = {}
    return "workflow_id" not in body and ("url" in body or any(name in call.query for name in _REGISTRATION))


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below `PREFIX`."""
    return (
        *_account_routes(AccountCalls(services), SubscriptionCalls(services)),
        *_component_routes(ComponentCalls(services)),
        *_credential_routes(CredentialCalls(services)),
        *_source_routes(SourceCalls(services), EventCalls(services, EmitterKind.SOURCE, "source_id")),
        *_event_routes("/workflows/{workflow_id}", EventCalls(services, EmitterKind.WORKFLOW, "workflow_id")),
        *_workflow_routes(WorkflowCalls(services)),
        *_webhook_routes(WebhookCalls(services), DeliveryCalls(services)),
    )


def _account_routes(accounts: AccountCalls, subscriptions: SubscriptionCalls) -> tuple[Route, ...]:
    return (
        Route("GET", "/users/me", accounts.me),
        Route("GET", "/users/me/workspaces", accounts.workspaces),
        Route("GET", "/workspaces/{workspace_id}", accounts.workspace),
        Route("GET", "/orgs/{workspace_id}", accounts.workspace),
        Route("GET", "/users/me/subscriptions", subscriptions.list),
        Route("GET", "/workspaces/{workspace_id}/subscriptions", subscriptions.list_of_workspace),
        Route("GET", "/orgs/{workspace_id}/subscriptions", subscriptions.list_of_workspace),
        Route("POST", "/subscriptions", subscriptions.create),
        Route("DELETE", "/subscriptions", subscriptions.delete),
        Route("GET", "/auto_subscriptions", subscriptions.list_auto),
        Route("POST", "/auto_subscriptions", subscriptions.create_auto),
        Route("DELETE", "/auto_subscriptions", subscriptions.delete_auto),
    )


def _event_routes(emitter: str, events: EventCalls) -> tuple[Route, ...]:
    """A segment cannot be a literal with `$` or `&`, so those that may have one are variables."""
    return (
        Route("GET", f"{emitter}/event_summaries", events.visible),
        Route("GET", f"{emitter}/{{stream}}", events.visible_with_tail),
        Route("GET", f"{emitter}/{{stream}}/event_summaries", events.of_channel),
        Route("GET", f"{emitter}/{{stream}}/{{summaries}}", events.of_channel_with_tail),
    )


def interface_routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below `INTERFACE_PREFIX`. No preflight is the gateway's to answer: it would name other verbs."""
    interfaces = InterfaceCalls(services)
    handlers = {**dict.fromkeys(METHODS, interfaces.receive), "OPTIONS": interfaces.preflight}
    return tuple(
        Route(method, path, handler, cors=False)
        for path in ("/{endpoint_key}", "/{endpoint_key}/{rest+}")
        for method, handler in handlers.items()
    )


def _component_routes(components: ComponentCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/components", components.create),
        Route("GET", "/components/search", components.search),
        Route("GET", "/components/{key_or_id}", components.get),
        Route("GET", "/components/registry/{key}", components.of_registry),
        Route("GET", "/users/me/components", components.list),
    )


def _credential_routes(credentials: CredentialCalls) -> tuple[Route, ...]:
    account = "/accounts/{account_id}"
    return (
        Route("GET", "/accounts", credentials.list),
        Route("POST", "/accounts", credentials.create),
        Route("GET", account, credentials.get),
        Route("PUT", account, credentials.update),
        Route("DELETE", account, credentials.delete),
        Route("GET", "/workspaces/{workspace_id}/accounts", credentials.list_of_workspace),
        Route("GET", "/orgs/{workspace_id}/accounts", credentials.list_of_workspace),
    )


def _source_routes(sources: SourceCalls, events: EventCalls) -> tuple[Route, ...]:
    source = "/sources/{source_id}"
    return (
        Route("POST", "/sources", sources.create),
        Route("GET", source, sources.get),
        Route("PUT", source, sources.update),
        Route("DELETE", source, sources.delete),
        Route("POST", f"{source}/test", sources.test),
        Route("GET", "/users/me/sources", sources.list),
        Route("GET", "/orgs/{workspace_id}/sources", sources.list_of_workspace),
        Route("GET", "/workspaces/{workspace_id}/sources", sources.list_of_workspace),
        *_event_routes(source, events),
        Route("GET", f"{source}/events", events.whole),
        Route("DELETE", f"{source}/events", events.delete),
    )


def _workflow_routes(workflows: WorkflowCalls) -> tuple[Route, ...]:
    workflow = "/workflows/{workflow_id}"
    return (
        Route("POST", "/workflows", workflows.create),
        Route("GET", workflow, workflows.get),
        Route("PUT", workflow, workflows.update),
        Route("DELETE", workflow, workflows.delete),
    )


def _webhook_routes(webhooks: WebhookCalls, deliveries: DeliveryCalls) -> tuple[Route, ...]:
    webhook = "/webhooks/{webhook_id}"
    delivery = f"{webhook}/deliveries/{{delivery_id}}"
    return (
        Route("GET", "/users/me/webhooks", webhooks.list),
        Route("POST", "/webhooks", webhooks.create),
        Route("GET", webhook, webhooks.get),
        Route("PUT", webhook, webhooks.update),
        Route("DELETE", webhook, webhooks.delete),
        Route("POST", f"{webhook}/pause", webhooks.pause),
        Route("POST", f"{webhook}/resume", webhooks.resume),
        Route("POST", f"{webhook}/test", webhooks.test),
        Route("GET", f"{webhook}/secret", webhooks.secret),
        Route("POST", f"{webhook}/secret/rotate", webhooks.rotate_secret),
        Route("GET", f"{webhook}/deliveries", deliveries.list),
        Route("GET", delivery, deliveries.get),
        Route("POST", f"{delivery}/redeliver", deliveries.redeliver),
        Route("POST", f"{webhook}/recover", deliveries.recover),
    )
