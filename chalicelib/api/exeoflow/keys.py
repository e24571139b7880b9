"""Calls on API keys. They need no scope: what a key may do to others follows from what it may do itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import member, name_member, required
from chalicelib.api.common.services import Services
from chalicelib.api.exeoflow import wire
from chalicelib.api.exeoflow.envelope import paging, success
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.identity import ApiKey
from chalicelib.domain.json import Json
from chalicelib.domain.times import iso_z
from chalicelib.services.keys import Keys

MAX_NAME_LENGTH = 255
MAX_SCOPES = 100


class KeyCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        asked = paging(call)
        found = self._keys().visible(call.principal)
        return success(
            {
                "keys": [_shown(key, call) for key in found[asked.offset : asked.offset + asked.limit]],
                "pagination": wire.pagination(asked.page, asked.limit, len(found)),
            }
        )

    def get(self, call: Call) -> Reply:
        return success(_shown(self._keys().get(call.principal, call.params["key_id"]), call))

    def create(self, call: Call) -> Reply:
        """The secret is in this reply and in no other."""
        body = call.json_object()
        name = required(name_member(body, "name", MAX_NAME_LENGTH), "name")
        issued = self._keys().create(call.principal, name, _scopes(body))
        return success({**_shown(issued.key, call), "secret": issued.secret}, status=201)

    def revoke(self, call: Call) -> Reply:
        return success(_shown(self._keys().revoke(call.principal, call.params["key_id"]), call))

    def _keys(self) -> Keys:
        return Keys(self._services().identity)


def _scopes(body: Mapping[str, Json]) -> list[str]:
    """They have to be said: a key that may do everything is not made by leaving something out."""
    values = required(member(body, "scopes", list), "scopes")
    scopes = [value for value in values if isinstance(value, str)]
    if not 0 < len(values) <= MAX_SCOPES or len(scopes) < len(values):
        raise InvalidError("'scopes' has a wrong value", field="scopes", reason=f"1 to {MAX_SCOPES} texts")
    return scopes


def _shown(key: ApiKey, call: Call) -> wire.Members:
    return {
        "id": key.id,
        "name": key.name,
        "user_id": key.user_id,
        "scopes": [*key.scopes],
        "created_at": iso_z(key.created_at),
        "revoked_at": None if key.revoked_at is None else iso_z(key.revoked_at),
        "current": key.id == call.principal.key_id,
    }
