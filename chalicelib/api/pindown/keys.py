"""Calls on the caller's API keys."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import body_of, named, required, texts
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

LONGEST_NAME = 100
DEFAULT_PERMISSIONS = ("workflow_data:write",)
MOST_PERMISSIONS = 50
_LONGEST_PERMISSION = 60


class KeyCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        body = body_of(call)
        name = required(named(body, "name", LONGEST_NAME), "name")
        permissions = texts(body, "permissions", MOST_PERMISSIONS, _LONGEST_PERMISSION)
        if permissions == ():
            raise InvalidError("'permissions' must not be empty", field="permissions")
        issued = self._services().pin_keys.create(call.principal, name, permissions or DEFAULT_PERMISSIONS)
        members: dict[str, Json] = {
            "apiKey": issued.secret,
            "keyId": issued.key.id,
            "name": issued.key.name,
            "permissions": list[Json](issued.key.scopes),
        }
        return success(data=members)

    def list(self, call: Call) -> Reply:
        return success(data=[wire.key(counted) for counted in self._services().pin_keys.list(call.principal)])

    def revoke(self, call: Call) -> Reply:
        self._services().pin_keys.revoke(call.principal, call.params["key_id"])
        return success(message="API key revoked successfully")
