"""Calls on outbound webhooks. Registering, listing and deleting are the API's own; what keeps a receiver in hand
(settings, secrets, pausing) is ours, in the same shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.paging import many, one, page_info, page_of
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.endpoint_rules import check_event_type, check_event_types, check_headers
from chalicelib.domain.endpoints import EndpointStatus
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.masking import MASK
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.events.endpoints import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from chalicelib.domain.endpoints import Endpoint

TEST_EVENT = "webhook.test"


class WebhookCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_HOOKS)
        params = Params(call)
        params.required("url")
        settings = _settings(params)
        params.check_workspace()
        return one(params, wire.webhook(self._services().endpoints.create(call.principal, settings)))

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_HOOKS)
        params = Params(call)
        endpoints = self._services().endpoints
        found = endpoints.list(call.principal)

        def deleted(id_: str) -> datetime | None:
            return endpoints.was_created_at(call.principal, id_) if is_id(id_) else None

        page = page_of(found, params, deleted)
        params.check_workspace()
        info = page_info([endpoint.id for endpoint in page], len(found))
        return many(params, map(wire.webhook_in_list, page), info)

    def get(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.READ_HOOKS)
        params = Params(call)
        params.check_workspace()
        return one(params, wire.webhook_in_full(endpoint))

    def update(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        settings, active = _settings(params), params.boolean("active")
        params.check_workspace()
        changed = self._services().endpoints.update(endpoint, _unmasked(settings, endpoint))
        return one(params, wire.webhook_in_full(self._activated(changed, active)))

    def _activated(self, endpoint: Endpoint, active: bool | None) -> Endpoint:
        """Paused or resumed, if it is not yet what `active` says."""
        if active is None or active is (endpoint.status is EndpointStatus.ACTIVE):
            return endpoint
        endpoints = self._services().endpoints
        return endpoints.resume(endpoint)[0] if active else endpoints.pause(endpoint)

    def delete(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        Params(call).check_workspace()
        self._services().endpoints.delete(endpoint)
        return Reply(204)

    def pause(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        params.check_workspace()
        return one(params, wire.webhook_in_full(self._services().endpoints.pause(endpoint)))

    def resume(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        params.check_workspace()
        active, released = self._services().endpoints.resume(endpoint)
        shown = wire.webhook_in_full(active)
        return one(params, {**shown, "released": released.recovered, "execution_id": released.run_id})

    def secret(self, call: Call) -> Reply:
        """Changes something, as the secret is shown once, and gives away what deliveries are signed with."""
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        params.check_workspace()
        return one(params, {"secret": self._services().endpoints.read_secret(endpoint)})

    def rotate_secret(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        own = params.text("secret")
        params.check_workspace()
        rotation = self._services().endpoints.rotate_secret(endpoint, own)
        expires_at = rotation.previous_expires_at
        return one(
            params,
            {
                "secret": rotation.secret,
                "previous_secret_expires_at": None if expires_at is None else wire.seconds(expires_at),
            },
        )

    def test(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        type_ = check_event_type(params.text("type") or TEST_EVENT)
        payload: Json = {"type": type_, "data": {"webhook_id": endpoint.id}}
        if params.has("payload"):
            payload = params.value("payload")
        params.check_workspace()
        return one(params, wire.delivery(self._services().deliveries.test(endpoint, type_, payload)))

    def _endpoint(self, call: Call, scope: Scope) -> Endpoint:
        return self._services().endpoints.get(call.principal, call.params["webhook_id"], scope)


def _settings(params: Params) -> Settings:
    """What the call sets; a parameter that is null sets a member back to what it is by default."""
    return Settings(
        url=params.required("url") if params.has("url") else UNSET,
        name=params.text("name") if params.has("name") else UNSET,
        description=params.text("description") if params.has("description") else UNSET,
        event_types=_event_types(params),
        rate_limit=params.integer("rate_limit") if params.has("rate_limit") else UNSET,
        headers=_headers(params),
    )


def _unmasked(settings: Settings, endpoint: Endpoint) -> Settings:
    """A header's value that comes back as it was shown, masked, stays what it is."""
    if isinstance(settings.headers, UnsetType):
        return settings
    stored = {name.lower(): value for name, value in endpoint.headers.items()}
    headers = {
        name: stored.get(name.lower(), value) if value == MASK else value for name, value in settings.headers.items()
    }
    return replace(settings, headers=headers)


def _event_types(params: Params) -> frozenset[str] | UnsetType:
    if not params.has("event_types"):
        return UNSET
    value = params.value("event_types")
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise InvalidError("event_types must be a list of texts", field="event_types")
    return check_event_types(value)


def _headers(params: Params) -> dict[str, str] | UnsetType:
    if not params.has("headers"):
        return UNSET
    value = params.value("headers")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidError("headers must be an object of texts", field="headers")
    return check_headers(value)
