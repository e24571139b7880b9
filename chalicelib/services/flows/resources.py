"""Exports, imports, connections, integrations and scripts: creating, changing, copying and deleting them.

A document is stored as it came, but for what is ours alone (ids, dates) and for secrets: these are sealed apart, and a
mask stands in their place wherever the document is shown, compared or noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.domain.errors import FieldsRefusedError, ResourceNotFoundError, StaleWriteError
from chalicelib.domain.flows.checks import problems_of
from chalicelib.domain.flows.drafts import (
    Parted,
    Secrets,
    completed,
    dotted,
    is_listener,
    ours_of,
    parted,
    problems_of_change,
    with_masked_blocks,
)
from chalicelib.domain.flows.flows import OBJECT_ID_BYTES, Resource, ResourceKind, is_object_id, object_id
from chalicelib.domain.flows.http import as_object
from chalicelib.domain.flows.scripts import with_scripts
from chalicelib.domain.flows.secrets import restored
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.records.problems import Problem, Problems
from chalicelib.services.access import Scope, require
from chalicelib.services.flows.audit import CREATED, DELETED, FlowAudit
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.ports import ResourceStore
from chalicelib.services.flows.references import References, Use
from chalicelib.services.ports import Clock, Entropy, MarkStore

if TYPE_CHECKING:
    from chalicelib.services.flows.scripts import FlowScripts

__all__ = ["FlowResources", "Use"]

Change = Callable[[Resource], Mapping[str, Json]]
"""From the stored resource to the document that it is to have."""

_TRIES = 5
_IDENTIFIER_BYTES = 4
_LISTENER_YEARS = 100


class FlowResources:
    """Another workspace's are refused exactly like those that do not exist."""

    def __init__(
        self,
        *,
        store: ResourceStore,
        references: References,
        connections: Connections,
        audit: FlowAudit,
        marks: MarkStore,
        scripts: FlowScripts,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._references = references
        self._connections = connections
        self._audit = audit
        self._marks = marks
        self._scripts = scripts
        self._clock = clock
        self._entropy = entropy

    def create(
        self, principal: Principal, kind: ResourceKind, given: Mapping[str, Json], source_id: str | None = None
    ) -> Resource:
        """Raises ForbiddenError, FieldsRefusedError, TooLargeError; UnavailableError for a script that nobody could
        read."""
        require(principal, Scope.WRITE_WORKFLOWS)
        document = completed(kind, given)
        document |= self._minted(kind)
        if source_id is not None:
            document["_sourceId"] = source_id
        # A copy of a script can be read as the original can.
        known = None if source_id is None else given.get("content")
        draft = self._checked(principal.workspace_id, kind, document, None, known_content=known)
        now = self._clock.now()
        id_ = object_id(now, self._entropy.bytes(OBJECT_ID_BYTES))
        resource = Resource(
            id=id_,
            workspace_id=principal.workspace_id,
            kind=kind,
            document=draft.document,
            created_at=now,
            updated_at=now,
            created_by=principal.user_id,
            sealed=self._connections.seal(principal.workspace_id, id_, draft.secrets),
        )
        # The note first: one that leads nowhere is refused, but a listener without one could never be called.
        self._note_listener(resource)
        self._store.create(resource, self._audit.entry(principal, kind.value, id_, CREATED))
        return resource

    def get(self, principal: Principal, kind: ResourceKind, id_: str, scope: Scope = Scope.READ_WORKFLOWS) -> Resource:
        """Raises ForbiddenError, ResourceNotFoundError."""
        require(principal, scope)
        if not is_object_id(id_):
            raise ResourceNotFoundError(resource_id=id_)
        return self._store.get(principal.workspace_id, kind, id_)

    def page(self, principal: Principal, kind: ResourceKind, after: str | None, limit: int) -> tuple[Resource, ...]:
        """Oldest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return self._store.page(principal.workspace_id, kind, after=after, limit=limit)

    def all(self, principal: Principal, kind: ResourceKind) -> tuple[Resource, ...]:
        """Oldest first. Raises ForbiddenError."""
        require(principal, Scope.READ_WORKFLOWS)
        return tuple(self._references.every(principal.workspace_id, kind))

    def replace(self, principal: Principal, resource: Resource, given: Mapping[str, Json]) -> Resource:
        """A mask in `given` leaves the secret that it stands for as it is. Raises FieldsRefusedError, TooLargeError,
        ResourceNotFoundError."""

        def document(current: Resource) -> dict[str, Json]:
            return completed(current.kind, given) | ours_of(current.kind, current.document)

        return self.change(principal, resource, document)

    def change(self, principal: Principal, resource: Resource, change: Change) -> Resource:
        """Stores what `change` makes of the resource, again while others change it in between. Raises as `replace`."""
        require(principal, Scope.WRITE_WORKFLOWS)
        for _ in range(_TRIES):
            try:
                return self._changed(principal, resource, dict(change(resource)))
            except StaleWriteError:
                resource = self._store.get(resource.workspace_id, resource.kind, resource.id)
        raise StaleWriteError(resource_id=resource.id)

    def delete(self, principal: Principal, resource: Resource) -> None:
        """Raises FieldsRefusedError for one that is in use, ResourceNotFoundError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        for use in self._references.users(resource.workspace_id, resource.kind, resource.id):
            message = f"{resource.kind.capitalize()} is used by {use.kind} {use.id}"
            raise FieldsRefusedError(message, problems=(Problem("", "invalid_ref", message),))
        entry = self._audit.entry(principal, resource.kind.value, resource.id, DELETED)
        for _ in range(_TRIES):
            try:
                self._store.delete(resource, entry)
            except StaleWriteError:
                resource = self._store.get(resource.workspace_id, resource.kind, resource.id)
            else:
                return
        raise StaleWriteError(resource_id=resource.id)

    def clone(
        self,
        principal: Principal,
        resource: Resource,
        *,
        name: str,
        connection_id: str | None,
        integration_id: str | None = None,
        scripts: Mapping[str, str] | None = None,
    ) -> Resource:
        """A copy with an id of its own, over another connection where one is named, and with other scripts in the place
        of these. Raises as `create` does."""
        # Opened and sealed again, because secrets are sealed under the id that they belong to.
        document = restored(resource.document, self._connections.secrets_of(resource))
        if scripts:
            document = as_object(with_scripts(document, scripts))
        document["name"] = name
        if connection_id is not None:
            document["_connectionId"] = connection_id
        if integration_id is not None:
            document["_integrationId"] = integration_id
        return self.create(principal, resource.kind, document, source_id=resource.id)

    def users(self, resource: Resource) -> tuple[Use, ...]:
        """Who names it: flows first, then resources."""
        return tuple(self._references.users(resource.workspace_id, resource.kind, resource.id))

    def connection_for(self, principal: Principal, field: str, old_id: str | None, new_id: Json) -> str:
        """The id of a connection that may take the place of another, which is of the same type. Raises
        FieldsRefusedError, which names the field."""
        ids = [id_ for id_ in (old_id, new_id) if isinstance(id_, str) and is_object_id(id_)]
        known = self._store.get_all(principal.workspace_id, ResourceKind.CONNECTION, ids)
        types = {id_: connection.document.get("type") for id_, connection in known.items()}
        problems = Problems()
        if not isinstance(new_id, str) or new_id not in types:
            problems.unknown(field)
        # An old one that is gone has no type to differ from.
        elif types.get(old_id or "", types[new_id]) != types[new_id]:
            problems.invalid(field, f"Path `{field}` has to name a connection of the same type.")
        else:
            return new_id
        raise FieldsRefusedError(problems=tuple(problems.found))

    def secrets_of(self, resource: Resource) -> Secrets:
        """By their paths in the document. Raises InvalidError."""
        return self._connections.secrets_of(resource)

    def unsaved(self, principal: Principal, kind: ResourceKind, given: Mapping[str, Json]) -> Resource:
        """A resource as it would be stored, its document with the secrets in it: for a try. Raises
        FieldsRefusedError."""
        require(principal, Scope.WRITE_WORKFLOWS)
        document = completed(kind, given)
        draft = self._checked(principal.workspace_id, kind, document, None)
        now = self._clock.now()
        id_ = object_id(now, self._entropy.bytes(OBJECT_ID_BYTES))
        whole = restored(draft.document, draft.secrets)
        return Resource(id_, principal.workspace_id, kind, whole, now, now, principal.user_id)

    def by_identifier(self, principal: Principal, kind: ResourceKind, identifier: str, scope: Scope) -> Resource:
        """The export or import of this `apiIdentifier`. Raises ForbiddenError, ResourceNotFoundError."""
        require(principal, scope)
        mark = f"api/{principal.workspace_id}/{identifier}"
        known = self._marks.get(mark)
        if known is not None:
            return self._store.get(principal.workspace_id, kind, known)
        for resource in self._references.every(principal.workspace_id, kind):
            if resource.document.get("apiIdentifier") == identifier:
                # Few are ever called so: who looks for one first notes it, and creating one costs no more for it.
                expires_at = self._clock.now() + timedelta(days=366 * _LISTENER_YEARS)
                self._marks.put(mark, resource.id, expires_at)
                return resource
        raise ResourceNotFoundError(resource_id=identifier)

    def listener(self, id_: str) -> Resource:
        """The listener with this id, in whichever workspace. Raises ResourceNotFoundError."""
        workspace_id = self._marks.get(_listener_mark(id_)) if is_object_id(id_) else None
        if workspace_id is None:
            raise ResourceNotFoundError(resource_id=id_)
        resource = self._store.get(workspace_id, ResourceKind.EXPORT, id_)
        if not is_listener(resource.document):
            raise ResourceNotFoundError(resource_id=id_)
        return resource

    def _changed(self, principal: Principal, resource: Resource, document: dict[str, Json]) -> Resource:
        before = self._connections.secrets_of(resource)
        known = resource.document.get("content")
        draft = self._checked(resource.workspace_id, resource.kind, document, resource, before, known_content=known)
        secrets_changed = {path for path in {*before, *draft.secrets} if before.get(path) != draft.secrets.get(path)}
        sealed = resource.sealed
        # Sealing is a call of KMS, so what is as it was stays sealed as it is.
        if secrets_changed:
            sealed = self._connections.seal(resource.workspace_id, resource.id, draft.secrets)
        changed = replace(
            resource,
            document=draft.document,
            sealed=sealed,
            updated_at=_later(self._clock.now(), resource.updated_at),
            revision=resource.revision + 1,
        )
        paths = [dotted(path) for path in secrets_changed]
        entry = self._audit.update(
            principal, resource.kind.value, resource.id, resource.document, draft.document, paths
        )
        self._store.replace(changed, entry)
        return changed

    def _checked(
        self,
        workspace_id: str,
        kind: ResourceKind,
        document: dict[str, Json],
        stored: Resource | None,
        before: Secrets | None = None,
        *,
        known_content: Json = None,
    ) -> Parted:
        """The parted document. Raises FieldsRefusedError with everything that is wrong."""
        document = with_masked_blocks(document, {} if stored is None else stored.document)
        problems = list(problems_of(kind, document))
        problems += problems_of_change(kind, document, None if stored is None else stored.document)
        draft, unknown = parted(kind, document, before or {})
        problems += unknown
        wrong = {problem.field for problem in problems}
        found = self._references.problems_of_resource(workspace_id, document)
        problems += [problem for problem in found if problem.field not in wrong]
        content = document.get("content")
        if kind is ResourceKind.SCRIPT and not problems and content != known_content:
            problems += self._problems_of_script(str(content))
        if problems:
            raise FieldsRefusedError(problems=tuple(problems))
        return draft

    def _problems_of_script(self, content: str) -> list[Problem]:
        message = self._scripts.problem_of(content)
        return [] if message is None else [Problem("content", "invalid_field", message)]

    def _minted(self, kind: ResourceKind) -> dict[str, Json]:
        letter = {ResourceKind.EXPORT: "e", ResourceKind.IMPORT: "i"}.get(kind)
        if letter is None:
            return {}
        made: dict[str, Json] = {"apiIdentifier": letter + self._entropy.bytes(_IDENTIFIER_BYTES).hex()}
        return made | {"asynchronous": True} if kind is ResourceKind.EXPORT else made

    def _note_listener(self, resource: Resource) -> None:
        """Those who call a listener name no workspace."""
        if resource.kind is ResourceKind.EXPORT and is_listener(resource.document):
            expires_at = resource.created_at + timedelta(days=366 * _LISTENER_YEARS)
            self._marks.put(_listener_mark(resource.id), resource.workspace_id, expires_at)


def _listener_mark(id_: str) -> str:
    return f"listener/{id_}"


def _later(now: datetime, before: datetime) -> datetime:
    """A change is later than the one before it, even within a millisecond."""
    return max(now, before + timedelta(milliseconds=1))
