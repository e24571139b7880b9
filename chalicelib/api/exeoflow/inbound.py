"""Calls of webhooks from outside. They carry the hook's token, never an API key, and any body or none."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.authentication import bearer_token, spend
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import idempotency_key
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import success
from chalicelib.domain.json import Json

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Inbound:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def call(self, call: Call) -> Reply:
        services = self._services()
        hook = services.hooks.open(call.params["webhook_id"], bearer_token(call.headers))
        # After the token: a stranger must not use up what the hook's callers have.
        # Before the rest: a workflow that is switched off is no way to ask without end.
        spend(call, services.limits.spend_for_hook(hook.id))
        workflow = services.hooks.ready(hook, call.method)
        run = services.hooks.start(workflow, _input(call), idempotency_key(call))
        return success(wire.started_by_hook(run))


def _input(call: Call) -> dict[str, Json]:
    if call.method == "GET":
        return wire.query_input(call.query)
    return wire.hook_input(call.json()) if call.body().strip() else {}
