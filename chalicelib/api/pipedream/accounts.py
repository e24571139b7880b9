"""Calls on the caller itself and its workspace, the only ones that it can see."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.ids import is_own_workspace
from chalicelib.api.pipedream.paging import many, one
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import NotFoundError


class AccountCalls:
    """Whoever has a key may ask who it is; that needs no scope."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def me(self, call: Call) -> Reply:
        params = Params(call)
        params.check_workspace()
        return one(params, wire.user(self._services().profiles.user(call.principal)))

    def workspaces(self, call: Call) -> Reply:
        params = Params(call)
        params.check_workspace()
        return many(params, [wire.workspace_in_list(self._services().profiles.workspace(call.principal))])

    def workspace(self, call: Call) -> Reply:
        if not is_own_workspace(call.principal, call.params["workspace_id"]):
            raise NotFoundError
        params = Params(call)
        params.check_workspace()
        return one(params, wire.workspace(self._services().profiles.workspace(call.principal)))
