"""What copies of flows and their steps belong to: which integration, and which connections take the place of which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem
from chalicelib.services.flows.references import References
from chalicelib.services.flows.resources import FlowResources

Document = Mapping[str, Json]

_NO_INTEGRATION = "Integration not found for the given id"
_REFERENCES = {
    "_exportId": ResourceKind.EXPORT,
    "_importId": ResourceKind.IMPORT,
    "_scriptId": ResourceKind.SCRIPT,
}


class CopyTargets:
    def __init__(self, resources: FlowResources, references: References) -> None:
        self._resources = resources
        self._references = references

    def integration(self, principal: Principal, present: str | None, wanted: Json) -> str | None:
        """That of the original unless another is named. Raises FieldsRefusedError."""
        if wanted is None:
            return present
        named: Document = {"_integrationId": wanted}
        if not isinstance(wanted, str) or self._references.problems_of_resource(principal.workspace_id, named):
            raise FieldsRefusedError(problems=(Problem("_integrationId", "invalid_ref", _NO_INTEGRATION),))
        return wanted

    def connections(
        self, principal: Principal, resources: Iterable[Resource], connections: Mapping[str, Json] | None
    ) -> dict[str, str]:
        """The connection of each copy by that of its original. Raises InvalidError, FieldsRefusedError."""
        used = dict.fromkeys(each.connection_id for each in resources if each.connection_id)
        if connections is None:
            return {}
        missing = [id_ for id_ in used if id_ not in connections]
        if missing:
            message = f"connectionMap has to name a connection for {', '.join(missing)}"
            raise InvalidError(message, field="connectionMap", code="invalid_connectionMap")
        return {
            id_: self._resources.connection_for(principal, f"connectionMap.{id_}", id_, connections[id_])
            for id_ in used
        }

    def scripts(self, principal: Principal, document: Document, steps: Iterable[Resource]) -> dict[str, Resource]:
        """Copies of the scripts that a flow, if there is one, and these steps name, by the ids of the originals: who
        changes a copy is not to change what the original does."""
        found = self._references.scripts_with(principal.workspace_id, document, steps)
        return {each.id: self._resources.clone(principal, each, name=each.name, connection_id=None) for each in found}


def renamed(document: Document, ids: Mapping[tuple[ResourceKind, str], str]) -> dict[str, Json]:
    renamed = _with_ids(dict(document), ids)
    assert isinstance(renamed, dict)
    return renamed


def _with_ids(value: Json, ids: Mapping[tuple[ResourceKind, str], str]) -> Json:
    """With the ids of the copies in place of those of the originals, wherever they are named."""
    if isinstance(value, list):
        return [_with_ids(each, ids) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {name: _with_ids(each, ids) for name, each in value.items()}
    for name, kind in _REFERENCES.items():
        named = renamed.get(name)
        if isinstance(named, str):
            renamed[name] = ids.get((kind, named), named)
    return renamed
