"""Opens connections: a stored document becomes a `Connection` with its secrets in place, for the one call that needs
them. What was opened is kept in this process by its revision, so that a change counts at once.

The secrets of a document are sealed together, by their paths, under the id of their connection: copied elsewhere in the
database they cannot be opened.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.domain.errors import InvalidError, ResourceNotFoundError
from chalicelib.domain.flows.documents import with_http
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.http import Connection, connection_of
from chalicelib.domain.flows.secrets import restored
from chalicelib.domain.json import Json, decode, encode
from chalicelib.services.flows.ports import ResourceStore
from chalicelib.services.sources.ports import Vault

_MOST_KEPT = 200


@dataclass(slots=True)
class Connections:
    """Thread-safe."""

    resources: ResourceStore
    vault: Vault
    _kept: OrderedDict[tuple[str, str, int], Connection] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, workspace_id: str, connection_id: str) -> Connection:
        """Raises ResourceNotFoundError, InvalidError for what cannot be unsealed or is of another type than http."""
        return self.opened(self.resources.get(workspace_id, ResourceKind.CONNECTION, connection_id))

    def opened(self, resource: Resource) -> Connection:
        """A connection at hand. Raises InvalidError."""
        name = (resource.workspace_id, resource.id, resource.revision)
        with self._lock:
            if name in self._kept:
                return self._kept[name]
        # Restored before it is renewed: secrets are kept by their paths in the form that the document was written in.
        document = with_http(restored(resource.document, self.secrets_of(resource)))
        if document.get("type") != "http":
            raise InvalidError(f"Connections of type '{str(document.get('type'))[:40]}' cannot be used.")
        opened = connection_of(resource.id, resource.workspace_id, resource.revision, document)
        if document.get("debugDate"):
            from chalicelib.domain.flows.calls import debugged_until

            opened = replace(opened, debugged_until=debugged_until(document["debugDate"], resource.updated_at))
        with self._lock:
            self._kept[name] = opened
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return opened

    def slots_limit(self, connection: Connection) -> int:
        """How many calls may be under way through it and all that borrow from the same one."""
        if connection.slots_of == connection.id:
            return connection.concurrency
        try:
            return self.open(connection.workspace_id, connection.slots_of).concurrency
        except ResourceNotFoundError:
            # The lender is gone, and what the connection says of itself is the next best.
            return connection.concurrency

    def secrets_of(self, resource: Resource) -> dict[str, Json]:
        """By their paths in the document. Raises InvalidError."""
        if resource.sealed is None:
            return {}
        found = decode(self.vault.open(resource.sealed, _context(resource.workspace_id, resource.id)))
        return found if isinstance(found, dict) else {}

    def seal(self, workspace_id: str, connection_id: str, secrets: Mapping[str, Json]) -> str | None:
        """None for no secrets. Raises TooLargeError."""
        if not secrets:
            return None
        return self.vault.seal(encode(dict(secrets)), _context(workspace_id, connection_id))


def _context(workspace_id: str, connection_id: str) -> dict[str, str]:
    return {"workspace": workspace_id, "connection": connection_id}
