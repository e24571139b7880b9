"""Calls on subscriptions and auto-subscriptions, which are named by what they connect, not by an id."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.ids import is_own_workspace
from chalicelib.api.pipedream.paging import many, one
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import NotFoundError
from chalicelib.domain.events import DEFAULT_CHANNEL
from chalicelib.services.access import Scope, require


class SubscriptionCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_EVENTS)
        params = Params(call)
        emitter, channel, listener = _triple(call, params)
        params.check_workspace()
        made = self._services().subscriptions.create(call.principal, emitter, channel, listener)
        return one(params, wire.subscription(made))

    def delete(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_EVENTS)
        params = Params(call)
        emitter, channel, listener = _triple(call, params)
        params.check_workspace()
        self._services().subscriptions.delete(call.principal, emitter, channel, listener)
        return Reply(204)

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_EVENTS)
        return self._listed(call)

    def list_of_workspace(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_EVENTS)
        if not is_own_workspace(call.principal, call.params["workspace_id"]):
            raise NotFoundError
        return self._listed(call)

    def create_auto(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_EVENTS)
        params = Params(call)
        channel, listener = params.required("event_name"), params.required("listener_id")
        params.check_workspace()
        made = self._services().subscriptions.create_auto(call.principal, channel, listener)
        return one(params, wire.auto_subscription(made))

    def delete_auto(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_EVENTS)
        params = Params(call)
        channel, listener = params.required("event_name"), params.required("listener_id")
        params.check_workspace()
        self._services().subscriptions.delete_auto(call.principal, channel, listener)
        return Reply(204)

    def list_auto(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_EVENTS)
        params = Params(call)
        params.check_workspace()
        found = self._services().subscriptions.list_auto(call.principal)
        return many(params, map(wire.auto_subscription, found))

    def _listed(self, call: Call) -> Reply:
        params = Params(call)
        params.check_workspace()
        found = self._services().subscriptions.list(call.principal)
        return many(params, map(wire.subscription, found))


def _triple(call: Call, params: Params) -> tuple[str, str, str]:
    """Emitter, channel, listener. Without a channel it is the default one, never all of them."""
    emitter, listener = params.required("emitter_id"), params.required("listener_id")
    channel = params.text("event_name") or DEFAULT_CHANNEL
    if is_own_workspace(call.principal, emitter):
        emitter = call.principal.workspace_id
    return emitter, channel, listener
