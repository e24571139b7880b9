"""Calls on exports, imports, connections, integrations and scripts: one class for what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chalicelib.api.celigo import listing, patching, wire
from chalicelib.api.celigo.bodies import optional_object
from chalicelib.api.celigo.flows import FlowCalls, clone_members
from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.domain.errors import FieldsRefusedError
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.records.problems import Problems
from chalicelib.services.access import Scope, require

if TYPE_CHECKING:
    from chalicelib.services.flows.resources import FlowResources

_ADAPTED = (ResourceKind.EXPORT, ResourceKind.IMPORT)
_FILTERS = ("_connectionId", "_integrationId")

Meets = Callable[[Resource], bool]


class ResourceCalls:
    """Calls on one kind; the id stands in the address as `export_id`, `import_id` and so on."""

    def __init__(self, services: Callable[[], Services], kind: ResourceKind) -> None:
        self._services = services
        self._kind = kind

    def list(self, call: Call) -> Reply:
        names = () if self._kind is ResourceKind.SCRIPT else _FILTERS
        wanted = {name: listing.id_of(call, name) for name in names}
        filters = {name: value for name, value in wanted.items() if value is not None}
        if not filters:
            return self.list_of(call, None)
        return self.list_of(
            call, lambda found: all(found.document.get(name) == value for name, value in filters.items())
        )

    def list_of(self, call: Call, meets: Meets | None) -> Reply:
        """All, or those that meet a condition."""
        require(call.principal, Scope.READ_WORKFLOWS)
        project = listing.projection(call, *(("adaptorType",) if self._kind in _ADAPTED else ()))
        page = self._page(call, meets)
        shown = ((each, project(wire.listed(each))) for each in page.items)
        return listing.reply(call, page, _id, shown, self._services().public_base_url or call.base_url)

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_WORKFLOWS)
        resource = self._resources.create(call.principal, self._kind, call.json_object())
        return Reply(201, wire.resource(resource))

    def get(self, call: Call) -> Reply:
        return Reply(200, wire.resource(self.found(call, Scope.READ_WORKFLOWS)))

    def replace(self, call: Call) -> Reply:
        resource = self.found(call, Scope.WRITE_WORKFLOWS)
        changed = self._resources.replace(call.principal, resource, call.json_object())
        return Reply(200, wire.resource(changed))

    def patch(self, call: Call) -> Reply:
        resource = self.found(call, Scope.WRITE_WORKFLOWS)
        changes = patching.operations(call.json(), patching.RESOURCE_PATHS[self._kind])
        self._resources.change(call.principal, resource, lambda stored: patching.patched(stored.document, changes))
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        self._resources.delete(call.principal, self.found(call, Scope.WRITE_WORKFLOWS))
        return Reply(204)

    def clone(self, call: Call) -> Reply:
        resource = self.found(call, Scope.WRITE_WORKFLOWS)
        name, connections = clone_members(optional_object(call))
        copy = self._services().flows.clone_resource(call.principal, resource, name, connections)
        return Reply(201, wire.resource(copy))

    def replace_connection(self, call: Call) -> Reply:
        resource = self.found(call, Scope.WRITE_WORKFLOWS)
        new_id = call.json_object().get("_newConnectionId")
        if new_id in (None, ""):
            problems = Problems()
            problems.missing("_newConnectionId")
            raise FieldsRefusedError(problems=tuple(problems.found))
        field = "_newConnectionId"
        target = self._resources.connection_for(call.principal, field, resource.connection_id, new_id)
        changed = self._resources.change(
            call.principal, resource, lambda stored: {**stored.document, "_connectionId": target}
        )
        return Reply(200, wire.resource(changed))

    def dependencies(self, call: Call) -> Reply:
        resource = self.found(call, Scope.READ_WORKFLOWS)
        return Reply(200, wire.dependencies(self._resources.users(resource)))

    def found(self, call: Call, scope: Scope) -> Resource:
        """The one that the address names. Raises ForbiddenError, ResourceNotFoundError."""
        return self._resources.get(call.principal, self._kind, call.params[f"{self._kind.value}_id"], scope)

    @property
    def _resources(self) -> FlowResources:
        return self._services().flow_resources

    def _page(self, call: Call, meets: Meets | None) -> listing.Page[Resource]:
        """Without filters the store makes the page; else everything is looked through."""
        limit, after = listing.limit_of(call), listing.place_of(call, "after")
        if meets is None and not call.param("before") and not call.param("skip"):
            # One more than is shown tells whether there is another page.
            found = self._resources.page(call.principal, self._kind, after, limit + 1)
            return listing.Page(found[:limit], len(found) > limit, after is not None and bool(found))
        every = self._resources.all(call.principal, self._kind)
        return listing.page_of([each for each in every if meets is None or meets(each)], _id, call)


class IntegrationCalls:
    """What belongs to an integration."""

    def __init__(
        self,
        services: Callable[[], Services],
        flows: FlowCalls,
        exports: ResourceCalls,
        imports: ResourceCalls,
    ) -> None:
        self._services = services
        self._flows = flows
        self._exports = exports
        self._imports = imports

    def flows(self, call: Call) -> Reply:
        return self._flows.list_of(call, self._found(call).id)

    def exports(self, call: Call) -> Reply:
        return self._exports.list_of(call, self._belongs(call))

    def imports(self, call: Call) -> Reply:
        return self._imports.list_of(call, self._belongs(call))

    def _belongs(self, call: Call) -> Meets:
        """To an integration belong those that name it, and those that its flows name."""
        integration = self._found(call)
        named: set[str] = set()
        for workflow in self._services().flows.list(call.principal, integration_id=integration.id):
            refs = workflow.labels.get("refs")
            named.update(str(id_) for id_ in (refs if isinstance(refs, Sequence) else ()))
        return lambda found: found.id in named or found.document.get("_integrationId") == integration.id

    def _found(self, call: Call) -> Resource:
        resources, id_ = self._services().flow_resources, call.params["integration_id"]
        return resources.get(call.principal, ResourceKind.INTEGRATION, id_, Scope.READ_WORKFLOWS)


def _id(resource: Resource) -> str:
    return resource.id
