"""Calls on connected accounts. What they hold goes in and never comes out again: replies name its members at most."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.ids import is_own_workspace
from chalicelib.api.pipedream.paging import many, one, page_info, page_of
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import InvalidError, NotFoundError
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope, require


class CredentialCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_ACCOUNTS)
        params = Params(call)
        app, name = params.required("app"), params.text("name")
        credentials = _credentials(params)
        if credentials is None:
            raise InvalidError("credentials is required", field="credentials")
        params.check_workspace()
        made = self._services().accounts.create(call.principal, name or app, app, credentials)
        return one(params, wire.account(made))

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_ACCOUNTS)
        return self._listed(call)

    def list_of_workspace(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_ACCOUNTS)
        if not is_own_workspace(call.principal, call.params["workspace_id"]):
            raise NotFoundError
        return self._listed(call)

    def get(self, call: Call) -> Reply:
        account = self._services().accounts.get(call.principal, call.params["account_id"])
        params = Params(call)
        params.check_workspace()
        return one(params, wire.account(account))

    def update(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_ACCOUNTS)
        params = Params(call)
        name, credentials = params.text("name"), _credentials(params)
        params.check_workspace()
        changed = self._services().accounts.update(call.principal, call.params["account_id"], name, credentials)
        return one(params, wire.account(changed))

    def delete(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_ACCOUNTS)
        Params(call).check_workspace()
        self._services().accounts.delete(call.principal, call.params["account_id"])
        return Reply(204)

    def _listed(self, call: Call) -> Reply:
        params = Params(call)
        app = params.text("app_slug") or params.text("app")
        query = (params.text("query") or "").lower()
        found = [
            account
            for account in self._services().accounts.list(call.principal, app or None)
            if query in account.name.lower() or query in account.app.lower()
        ]
        page = page_of(found, params, lambda _: None)
        params.check_workspace()
        return many(params, map(wire.account, page), page_info([account.id for account in page], len(found)))


def _credentials(params: Params) -> dict[str, Json] | None:
    value = params.value("credentials")
    if value is not None and not isinstance(value, dict):
        raise InvalidError("credentials must be an object", field="credentials")
    return value
