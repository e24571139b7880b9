"""Calls that try a connection."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.celigo.resources import ResourceCalls
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope, require

_UNNAMED = "ping"
"""A connection that is not stored need not have a name yet."""


class PingCalls:
    def __init__(self, services: Callable[[], Services], connections: ResourceCalls) -> None:
        self._services = services
        self._connections = connections

    def stored(self, call: Call) -> Reply:
        resource = self._connections.found(call, Scope.WRITE_RUNS)
        return _pinged(*self._services().flow_pings.stored(resource))

    def unsaved(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        given: dict[str, Json] = {"name": _UNNAMED, **call.json_object()}
        return _pinged(*self._services().flow_pings.unsaved(call.principal, given))


def _pinged(status: int, message: str | None) -> Reply:
    """A ping that failed is answered, too: that it failed is the answer."""
    if message is None:
        return Reply(200, {"code": status})
    return Reply(200, {"code": status, "errors": [{"code": str(status), "message": message}]})
