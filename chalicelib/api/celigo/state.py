"""Calls on the key-value store, and on the token itself."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.celigo import wire
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.domain.identity import ALL_SCOPES
from chalicelib.domain.json import encode_text
from chalicelib.services.access import Scope, require

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class StateCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def keys(self, call: Call) -> Reply:
        return Reply(200, {"keys": list(self._services().flow_state.keys(call.principal))})

    def clear(self, call: Call) -> Reply:
        self._services().flow_state.clear(call.principal)
        return Reply(204)

    def get(self, call: Call) -> Reply:
        value = self._services().flow_state.get(call.principal, call.params["key"])
        # As text, for null is a value as any other, and not an empty body.
        return Reply(200, headers=_JSON, text=encode_text(value))

    def put(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        is_new = self._services().flow_state.put(call.principal, call.params["key"], call.json())
        return Reply(200, headers=_TEXT, text="Created" if is_new else "OK")

    def delete(self, call: Call) -> Reply:
        self._services().flow_state.delete(call.principal, call.params["key"])
        return Reply(204)

    def token(self, call: Call) -> Reply:
        """Whose token it is and what it may do; all scopes are one star."""
        scopes = call.principal.scopes
        scope = ALL_SCOPES if ALL_SCOPES in scopes else " ".join(sorted(scopes))
        return Reply(200, {"_userId": wire.user_id(call.principal.user_id), "scope": scope})
