"""Calls on components: saving code, reading what is saved, and the registry of those that everybody has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.paging import Shown, many, one, page_info, page_of
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import InvalidError
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.domain.components import Component


class ComponentCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        """The code counts; what stands at the URL is fetched only where there is none."""
        require(call.principal, Scope.WRITE_SOURCES)
        params = Params(call)
        code, url = params.text("component_code"), params.text("component_url")
        if not code and not url:
            raise InvalidError("component_code or component_url is required", field="component_code")
        params.check_workspace()
        return self._one(params, self._services().components.create(call.principal, code=code, url=url))

    def get(self, call: Call) -> Reply:
        found = self._services().components.get(call.principal, call.params["key_or_id"])
        return self._shown(call, found)

    def of_registry(self, call: Call) -> Reply:
        return self._shown(call, self._services().components.of_registry(call.principal, call.params["key"]))

    def search(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_SOURCES)
        params = Params(call)
        query, app = params.required("query"), params.text("app") or None
        threshold = params.number("similarity_threshold") or 0.0
        params.check_workspace()
        found = self._services().components.search(call.principal, query, app, threshold)
        return Reply(200, {"sources": [*found.sources], "actions": [*found.actions]})

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_SOURCES)
        params = Params(call)
        components = self._services().components
        found = components.list(call.principal)
        page = page_of(found, params, lambda _: None)
        params.check_workspace()
        info = page_info([component.id for component in page], len(found))
        return many(params, [self._wire(params, component) for component in page], info)

    def _shown(self, call: Call, component: Component) -> Reply:
        params = Params(call)
        params.check_workspace()
        return self._one(params, component)

    def _one(self, params: Params, component: Component) -> Reply:
        return one(params, self._wire(params, component))

    def _wire(self, params: Params, component: Component) -> Shown:
        """The code is read only where it is shown: it is large."""
        code = self._services().components.code(component) if params.wants("code") else ""
        return wire.component(component, code)
