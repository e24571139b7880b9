"""Calls on the key-value stores, of the workspace and of what is in it, and on the token itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.celigo import wire
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.identity import ALL_SCOPES
from chalicelib.domain.json import encode_text
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.services.flows.ports import Owner

FLOW = "flow"
OWNERS = (FLOW, *(kind.value for kind in ResourceKind if kind is not ResourceKind.SCRIPT))
"""What has a store of its own, by the names that its ids have in addresses."""
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class StateCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def keys(self, call: Call) -> Reply:
        owner = self._owner(call, Scope.READ_WORKFLOWS)
        return Reply(200, {"keys": list(self._services().flow_state.keys(call.principal, owner))})

    def clear(self, call: Call) -> Reply:
        owner = self._owner(call, Scope.WRITE_WORKFLOWS)
        self._services().flow_state.clear(call.principal, owner)
        return _gone(owner)

    def get(self, call: Call) -> Reply:
        owner = self._owner(call, Scope.READ_WORKFLOWS)
        value = self._services().flow_state.get(call.principal, call.params["key"], owner)
        # As text, for null is a value as any other, and not an empty body.
        return Reply(200, headers=_JSON, text=encode_text(value))

    def put(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        owner = self._owner(call, Scope.WRITE_WORKFLOWS)
        is_new = self._services().flow_state.put(call.principal, call.params["key"], call.json(), owner)
        return Reply(200, headers=_TEXT, text="Created" if is_new else "OK")

    def delete(self, call: Call) -> Reply:
        owner = self._owner(call, Scope.WRITE_WORKFLOWS)
        self._services().flow_state.delete(call.principal, call.params["key"], owner)
        return _gone(owner)

    def token(self, call: Call) -> Reply:
        """Whose token it is and what it may do; all scopes are one star."""
        scopes = call.principal.scopes
        scope = ALL_SCOPES if ALL_SCOPES in scopes else " ".join(sorted(scopes))
        return Reply(200, {"_userId": wire.user_id(call.principal.user_id), "scope": scope})

    def _owner(self, call: Call, scope: Scope) -> Owner | None:
        """What the address names before `state`, if it is there; None for the workspace. Raises ForbiddenError,
        NotFoundError."""
        services = self._services()
        name = next((name for name in OWNERS if f"{name}_id" in call.params), None)
        if name is None:
            return None
        id_ = call.params[f"{name}_id"]
        if name == FLOW:
            return name, services.flows.workflow(call.principal, id_, scope).id
        return name, services.flow_resources.get(call.principal, ResourceKind(name), id_, scope).id


def _gone(owner: Owner | None) -> Reply:
    """The documentation has one status for the workspace's store and another for all others."""
    return Reply(204) if owner is None else Reply(200, {})


def routes(services: Callable[[], Services]) -> tuple[Route, ...]:
    """Below the door's prefix."""
    state = StateCalls(services)
    starts = ("", *(f"/{name}s/{{{name}_id}}" for name in OWNERS))
    return (
        *(
            route
            for start in starts
            for route in (
                Route("GET", f"{start}/state", state.keys),
                Route("DELETE", f"{start}/state", state.clear),
                Route("GET", f"{start}/state/{{key}}", state.get),
                Route("PUT", f"{start}/state/{{key}}", state.put),
                Route("DELETE", f"{start}/state/{{key}}", state.delete),
            )
        ),
        Route("GET", "/tokenInfo", state.token),
    )
