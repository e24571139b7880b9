"""Our objects as this dialect's JSON. Times are whole seconds since 1970, unless a member's name says milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.api.pipedream.excerpts import excerpt
from chalicelib.api.pipedream.ids import shown_user, shown_workspace
from chalicelib.api.pipedream.paging import Shown
from chalicelib.domain.deliveries import Attempt, Delivery
from chalicelib.domain.endpoints import Endpoint, EndpointStatus
from chalicelib.domain.events import ERRORS, EmitterKind, Event
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_headers
from chalicelib.domain.subscriptions import EVERYTHING, AutoSubscription, Subscription

if TYPE_CHECKING:
    from chalicelib.domain.accounts import Account
    from chalicelib.domain.components import Component
    from chalicelib.domain.sources import Source
    from chalicelib.services.profiles import UserView, WorkspaceView
    from chalicelib.services.sources.runs import Tried


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def webhook_in_list(endpoint: Endpoint) -> Shown:
    return {
        "id": endpoint.id,
        "name": endpoint.name,
        "description": endpoint.description,
        "url": endpoint.url,
        "active": endpoint.status is EndpointStatus.ACTIVE,
        "created_at": seconds(endpoint.created_at),
        "updated_at": seconds(endpoint.updated_at),
    }


def webhook(endpoint: Endpoint) -> Shown:
    in_list = webhook_in_list(endpoint)
    return {"id": in_list.pop("id"), "user_id": shown_user(endpoint.user_id), **in_list}


def webhook_in_full(endpoint: Endpoint) -> Shown:
    """With what the documented shape has no place for. Values of headers that usually hold secrets are masked."""
    return {
        **webhook(endpoint),
        "status": endpoint.status.value,
        "status_reason": endpoint.status_reason,
        "failing_since": None if endpoint.failing_since is None else seconds(endpoint.failing_since),
        "event_types": [*sorted(endpoint.event_types)],
        "rate_limit": endpoint.rate_limit,
        "headers": mask_headers(endpoint.headers),
    }


def component(component: Component, code: str) -> Shown:
    """The documented members, then what the documented shape has no place for."""
    return {
        "id": component.id,
        "code": code,
        "code_hash": component.code_hash,
        "name": component.name,
        "version": component.version,
        "configurable_props": [dict(prop) for prop in component.configurable_props],
        "created_at": seconds(component.created_at),
        "updated_at": seconds(component.updated_at),
        "key": component.key,
        "description": component.description,
        "type": component.type,
        "component_url": component.component_url,
        "missing_modules": [*component.missing_modules],
    }


def source_in_list(source: Source, props: Mapping[str, Json]) -> Shown:
    """`props` are configured props as they may be shown."""
    owner: Shown = {"owner_id": shown_workspace(source.workspace_id)} if source.of_workspace else {}
    return {
        "id": source.id,
        "component_id": source.component_id,
        "configured_props": dict(props),
        "active": source.active,
        "created_at": seconds(source.created_at),
        "updated_at": seconds(source.updated_at),
        "name": source.name,
        "name_slug": source.name_slug,
        **owner,
    }


def source(source: Source, props: Mapping[str, Json]) -> Shown:
    in_list = source_in_list(source, props)
    return {"id": in_list.pop("id"), "user_id": shown_user(source.user_id), **in_list}


def account(account: Account) -> Shown:
    """`fields` are the names of what it holds."""
    return {
        "id": account.id,
        "name": account.name,
        "app": {"name_slug": account.app},
        "fields": [*account.fields],
        "created_at": seconds(account.created_at),
        "updated_at": seconds(account.updated_at),
    }


def tried(tried: Tried) -> Shown:
    """Events as they would be emitted, log lines as `$logs` has them, the changed keys of the database."""
    failure, response = tried.failure, tried.response
    return {
        "emits": [{"event": emit.event, "metadata": dict(emit.meta)} for emit in tried.emits],
        "logs": [{"level": line.level, "m": line.text, "ts": line.ts} for line in tried.logs],
        "db": dict(tried.db),
        "error": None if failure is None else {"code": failure.name, "msg": failure.message, "stack": failure.stack},
        "response": None
        if response is None
        else {
            "status": response.status,
            "headers": dict(response.headers),
            "body": response.body.decode("utf-8", "replace"),
        },
        "missing_modules": [*tried.missing_modules],
    }


def subscription(subscription: Subscription) -> Shown:
    emitter = subscription.emitter
    return {
        "id": subscription.id,
        "emitter_id": shown_workspace(subscription.workspace_id) if emitter == EVERYTHING else emitter,
        "listener_id": subscription.listener_id,
        "event_name": subscription.channel,
    }


def auto_subscription(auto: AutoSubscription) -> Shown:
    return {"id": auto.id, "event_name": auto.channel, "listener_id": auto.listener_id}


def event_summary(event: Event, *, whole: bool) -> Shown:
    emission = event.emission
    return {
        "id": str(event.id),
        "indexed_at_ms": event.id.ms,
        "event": emission.payload if whole else excerpt(emission.payload),
        "metadata": _metadata(event),
    }


def _metadata(event: Event) -> Json:
    """Of an error and of a source's emit the emitter comes first, of a workflow's the emission."""
    emission = event.emission
    emitter: dict[str, Json] = {"emitter_id": emission.emitter.id}
    named: dict[str, Json] = {"emit_id": emission.emit_id, "name": emission.channel}
    own_words: dict[str, Json] = {"summary": emission.summary, "id": emission.key, "ts": emission.ts}
    given = {name: value for name, value in own_words.items() if value is not None}
    if emission.channel != ERRORS and emission.emitter.kind is EmitterKind.WORKFLOW:
        return {**named, **emitter, **given}
    return {**emitter, **named, **given}


def delivery(delivery: Delivery) -> Shown:
    origin = delivery.origin
    return {
        "id": delivery.id,
        "webhook_id": delivery.endpoint_id,
        "type": delivery.type,
        "status": delivery.status.value,
        "reason": delivery.reason,
        "attempt_count": delivery.attempts,
        "created_at": seconds(delivery.created_at),
        "finished_at": None if delivery.finished_at is None else seconds(delivery.finished_at),
        "next_attempt_at": None if delivery.next_attempt_at is None else seconds(delivery.next_attempt_at),
        "last_attempt": None if delivery.last is None else attempt(delivery.last),
        "emitter_id": origin.emitter_id or None,
        "event_name": origin.channel,
        "event_id": origin.event_id or None,
        "emit_id": origin.emit_id,
    }


def attempt(attempt: Attempt) -> Shown:
    return {
        "number": attempt.number,
        "at_ms": epoch_ms(attempt.at),
        "latency_ms": attempt.latency_ms,
        "status": attempt.status,
        "error": attempt.error,
        "excerpt": attempt.excerpt,
    }


def user(view: UserView) -> Shown:
    profile, workspace_view = view.profile, view.workspace
    used, quotas = workspace_view.used, workspace_view.quotas
    org = workspace(workspace_view)
    return {
        "id": shown_user(profile.user_id),
        "username": profile.username,
        "email": profile.email,
        "daily_compute_time_quota": quotas.compute_ms,
        "daily_compute_time_used": used.compute_ms,
        "daily_invocations_quota": quotas.invocations,
        "daily_invocations_used": used.invocations,
        "orgs": [{"name": org.pop("name"), **org}],
    }


def workspace(view: WorkspaceView) -> Shown:
    profile = view.profile
    return {
        "id": shown_workspace(profile.workspace_id),
        "orgname": profile.orgname,
        "name": profile.name,
        "email": profile.email,
        "daily_credits_quota": view.quotas.credits,
        "daily_credits_used": view.used.credits,
    }


def workspace_in_list(view: WorkspaceView) -> Shown:
    shown = workspace(view)
    return {name: shown[name] for name in ("id", "orgname", "name")}
