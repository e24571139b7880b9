"""Trying connections: the one call by which somebody learns whether a connection works."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.documents import with_http
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.http import connection_of
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.resources import FlowResources

_UNUSABLE = 400


class FlowPings:
    def __init__(self, resources: FlowResources, connections: Connections, http: FlowHttp) -> None:
        self._resources = resources
        self._connections = connections
        self._http = http

    def stored(self, resource: Resource) -> tuple[int, str | None]:
        """The status that the ping came to, and what is wrong, None if nothing is."""
        try:
            connection = self._connections.opened(resource)
        except InvalidError as error:
            return _UNUSABLE, error.message
        return self._http.ping(connection)

    def unsaved(self, principal: Principal, given: Mapping[str, Json]) -> tuple[int, str | None]:
        """Of a connection that is not stored. Raises ForbiddenError, FieldsRefusedError."""
        made = self._resources.unsaved(principal, ResourceKind.CONNECTION, given)
        return self._http.ping(connection_of(made.id, made.workspace_id, 0, with_http(made.document)))
