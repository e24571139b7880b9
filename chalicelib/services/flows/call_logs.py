"""Logs of connections that are being debugged. Noting never fails a call, and costs nothing where nobody debugs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.flows.flows import Resource
from chalicelib.domain.flows.http import Connection
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.services.flows.ports import CallLogStore
from chalicelib.services.ports import Entropy

MOST_NOTED = 500
"""Calls of one state of a connection that one process notes: a flow may make a hundred thousand in an hour."""
MOST_SHOWN = 1_000
MAX_SHOWN_BYTES = 4 * 1024 * 1024
_MOST_COUNTED = 200

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class CallLogs:
    """Thread-safe."""

    store: CallLogStore
    entropy: Entropy
    _noted: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self,
        connection: Connection,
        about: tuple[str, str],
        granted: Iterable[str],
        request: HttpRequest,
        outcome: HttpResponse | str,
        times: tuple[datetime, datetime],
    ) -> None:
        """`about` is the kind and the id of what called, `granted` are secrets that the connection was given meanwhile,
        `outcome` is what came back, or why nothing did, and `times` are those of request and answer."""
        if not self._may_note(connection):
            return
        from chalicelib.domain.flows.calls import CallRecord, Masking

        masking = Masking(connection, granted)
        shown = (
            masking.failure(outcome)
            if isinstance(outcome, str)
            else masking.response(outcome.status, outcome.headers, outcome.body)
        )
        asked = masking.request(request.method, request.url, request.headers, request.body)
        record = CallRecord(self.entropy.bytes(16).hex(), *about, *times, asked, shown)
        try:
            self.store.add(connection.workspace_id, connection.id, record)
        except PenstockError:
            _log.warning("a call was not noted", extra={"action": "call_not_noted", "connection_id": connection.id})

    def text(self, connection: Resource) -> str:
        """The latest calls, oldest first."""
        shown: list[str] = []
        size = 0
        for record in self.store.latest(connection.workspace_id, connection.id, MOST_SHOWN):
            text = record.text
            size += len(text.encode())
            if size > MAX_SHOWN_BYTES:
                break
            shown.append(text)
        return "\n".join(reversed(shown))

    def clear(self, connection: Resource) -> None:
        self.store.clear(connection.workspace_id, connection.id)

    def _may_note(self, connection: Connection) -> bool:
        name = (connection.workspace_id, connection.id, connection.revision)
        with self._lock:
            if len(self._noted) >= _MOST_COUNTED and name not in self._noted:
                # Counting anew notes too much of a few, and costs less than remembering every connection.
                self._noted.clear()
            self._noted[name] = self._noted.get(name, 0) + 1
            return self._noted[name] <= MOST_NOTED
