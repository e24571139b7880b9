"""Calls on webhooks: making, listing, changing and removing the URLs that start a workflow.

Registering a receiver of events is another dialect's call at the same address, and does not come here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, name_member, one_of, required, text_member
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import success
from chalicelib.api.exeoflow.inbound import METHODS
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.workflow import Hook
from chalicelib.services.access import Scope, is_id, require

MAX_NAME_LENGTH = 255


class Webhooks:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_HOOKS)
        body, services = call.json_object(), self._services()
        workflow_id = required(member(body, "workflow_id", str), "workflow_id")
        name = text_member(body, "name", MAX_NAME_LENGTH) or ""
        method = _method(body) or "POST"
        authenticated = _authenticated(body)
        workflow = services.access.workflow(call.principal, workflow_id, Scope.WRITE_HOOKS)
        made = services.hooks.create(workflow, name.strip(), method, authenticated is not False)
        shown = wire.hook(made.hook, self._base_url(call), made.token, with_token=True)
        return success(shown, status=201)

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_HOOKS)
        workflow_id = call.param("workflow_id")
        hooks: tuple[Hook, ...] = ()
        if workflow_id is None or is_id(workflow_id):
            hooks = self._services().hooks.list(call.principal, workflow_id)
        return success({"webhooks": [wire.hook(hook, self._base_url(call)) for hook in hooks]})

    def get(self, call: Call) -> Reply:
        return success(wire.hook(self._hook(call, Scope.READ_HOOKS), self._base_url(call)))

    def update(self, call: Call) -> Reply:
        hook = self._hook(call, Scope.WRITE_HOOKS)
        body = call.json_object()
        name = name_member(body, "name", MAX_NAME_LENGTH)
        changed = self._services().hooks.update(hook, name, _method(body), _authenticated(body))
        shown = wire.hook(changed.hook, self._base_url(call), changed.token, with_token=changed.token is not None)
        return success(shown)

    def delete(self, call: Call) -> Reply:
        self._services().hooks.delete(self._hook(call, Scope.WRITE_HOOKS))
        return success({"message": "Webhook erfolgreich gelöscht"})

    def _hook(self, call: Call, scope: Scope) -> Hook:
        return self._services().access.hook(call.principal, call.params["webhook_id"], scope)

    def _base_url(self, call: Call) -> str:
        return self._services().public_base_url or call.base_url


def _method(body: Mapping[str, Json]) -> str | None:
    method = member(body, "method", str)
    return None if method is None else one_of(method.upper(), "method", METHODS)


def _authenticated(body: Mapping[str, Json]) -> bool | None:
    """Whether calls need the token; None where the body does not say. There is no type but `bearer`."""
    authentication = member(body, "authentication", dict)
    if authentication is None:
        return None
    if authentication.get("type", "bearer") != "bearer":
        raise InvalidError("'type' has to be 'bearer'", field="authentication.type")
    enabled = authentication.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidError("'enabled' has to be a boolean", field="authentication.enabled")
    return enabled
