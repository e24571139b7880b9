"""Calls on sources: deploying components, changing what is deployed, and trying it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import wire
from chalicelib.api.pipedream.ids import is_own_workspace
from chalicelib.api.pipedream.paging import Shown, many, one, page_info, page_of
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import InvalidError, NotFoundError
from chalicelib.domain.json import Json
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.domain.sources import Source
    from chalicelib.services.sources.components import Choice

_CHOICES = ("component_id", "component_code", "component_url", "key")


class SourceCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        from chalicelib.services.sources.sources import Draft

        require(call.principal, Scope.WRITE_SOURCES)
        params = Params(call)
        choice = _choice(params)
        if choice.is_empty:
            raise InvalidError("component_id, component_code or component_url is required", field="component_id")
        draft = Draft(
            choice,
            self._base_url(call),
            params.text("name"),
            _props(params),
            of_workspace=params.names_workspace(),
        )
        params.check_workspace()
        return self._one(params, self._services().sources.create(call.principal, draft))

    def get(self, call: Call) -> Reply:
        source = self._source(call, Scope.READ_SOURCES)
        params = Params(call)
        params.check_workspace()
        return self._one(params, source)

    def update(self, call: Call) -> Reply:
        """What the call does not name stays as it is: nobody who renames a paused source means to start it."""
        from chalicelib.services.sources.sources import Amendment

        source = self._source(call, Scope.WRITE_SOURCES)
        params = Params(call)
        amendment = Amendment(
            self._base_url(call), _choice(params), params.text("name"), _props(params), params.boolean("active")
        )
        params.check_workspace()
        return self._one(params, self._services().sources.update(call.principal, source.id, amendment))

    def delete(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_SOURCES)
        Params(call).check_workspace()
        self._services().sources.delete(call.principal, call.params["source_id"])
        return Reply(204)

    def list(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_SOURCES)
        return self._listed(call, of_workspace=False)

    def list_of_workspace(self, call: Call) -> Reply:
        require(call.principal, Scope.READ_SOURCES)
        if not is_own_workspace(call.principal, call.params["workspace_id"]):
            raise NotFoundError
        return self._listed(call, of_workspace=True)

    def test(self, call: Call) -> Reply:
        """What the source would do, without doing it."""
        source = self._source(call, Scope.WRITE_SOURCES)
        params = Params(call)
        params.check_workspace()
        tried = self._services().sources.test(call.principal, source.id, params.value("event"))
        return one(params, wire.tried(tried))

    def _listed(self, call: Call, *, of_workspace: bool) -> Reply:
        params = Params(call)
        sources = self._services().sources
        found = sources.list(call.principal, of_workspace=of_workspace)
        # What is deleted leaves no trace of where it stood: a cursor that names it is refused.
        page = page_of(found, params, lambda _: None)
        params.check_workspace()
        info = page_info([source.id for source in page], len(found))
        return many(params, [wire.source_in_list(source, sources.props(source)) for source in page], info)

    def _source(self, call: Call, scope: Scope) -> Source:
        return self._services().sources.get(call.principal, call.params["source_id"], scope)

    def _one(self, params: Params, source: Source) -> Reply:
        shown: Shown = wire.source(source, self._services().sources.props(source))
        return one(params, shown)

    def _base_url(self, call: Call) -> str:
        return self._services().public_base_url or call.base_url


def _choice(params: Params) -> Choice:
    from chalicelib.services.sources.components import Choice

    id_, code, url, key = (params.text(name) or None for name in _CHOICES)
    return Choice(id_, code, url, key)


def _props(params: Params) -> Mapping[str, Json] | None:
    value = params.value("configured_props")
    if value is not None and not isinstance(value, dict):
        raise InvalidError("configured_props must be an object", field="configured_props")
    return value
