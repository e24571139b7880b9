"""Calls that try a connection, and that show what went through it while it was being debugged."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.celigo.resources import ResourceCalls
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope, require

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
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


class DebugCalls:
    def __init__(self, services: Callable[[], Services], connections: ResourceCalls) -> None:
        self._services = services
        self._connections = connections

    def log(self, call: Call) -> Reply:
        resource = self._connections.found(call, Scope.READ_RUNS)
        text = self._services().flow_call_logs.text(resource)
        return Reply(200, headers=_TEXT, text=text) if text else Reply(204)

    def clear(self, call: Call) -> Reply:
        self._services().flow_call_logs.clear(self._connections.found(call, Scope.WRITE_RUNS))
        return Reply(204)


def _pinged(status: int, message: str | None) -> Reply:
    """A ping that failed is answered, too: that it failed is the answer."""
    if message is None:
        return Reply(200, {"code": status})
    return Reply(200, {"code": status, "errors": [{"code": str(status), "message": message}]})
