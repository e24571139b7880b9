"""The calls of one run: so many at a time, each in a thread of its own, because the sender blocks.

A late answer finds the run's inbox closed, never a descriptor that meanwhile belongs to somebody else.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.sandbox.messages import Fetch

Send = Callable[[HttpRequest], HttpResponse]


class Fetches:
    """For the thread that runs the session; only `_perform` is elsewhere."""

    def __init__(self, send: Send, concurrency: int, deadline: float) -> None:
        self._send = send
        self._free = concurrency
        self._deadline = deadline
        self._queued: deque[Fetch] = deque()
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()
        self._answers: deque[tuple[int, bytes]] = deque()
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self.count = 0

    def bell(self) -> socket.socket:
        """Readable when there are answers."""
        if self._bell is None:
            self._bell = socket.socketpair()
            for end in self._bell:
                end.setblocking(False)
        return self._bell[0]

    def start(self, fetch: Fetch) -> None:
        self.count += 1
        self._queued.append(fetch)
        self._start_queued()

    def cancel(self, id_: int) -> None:
        self._cancelled.add(id_)

    def answers(self) -> list[bytes]:
        """What has come since the last call, as the run understands it."""
        try:
            # First the bell, then the answers: one that comes in between rings for nothing. The other way round its
            # ring would be taken, and it would wait for the next one's.
            self.bell().recv(4096)
        except BlockingIOError:
            pass
        found = []
        with self._lock:
            while self._answers:
                id_, answer = self._answers.popleft()
                self._free += 1
                if id_ not in self._cancelled:
                    found.append(answer)
        self._start_queued()
        return found

    def close(self) -> None:
        """Calls under way go on to their own time limits; nobody hears of them."""
        with self._lock:
            bell, self._bell = self._bell, None
            self._answers.clear()
        for end in bell or ():
            end.close()

    def _start_queued(self) -> None:
        while self._free and self._queued:
            fetch = self._queued.popleft()
            self._free -= 1
            threading.Thread(target=self._perform, args=(fetch,), name="sandbox-fetch", daemon=True).start()

    def _perform(self, fetch: Fetch) -> None:
        left = max(0.1, self._deadline - monotonic())
        request = replace(fetch.request, timeout_seconds=min(fetch.request.timeout_seconds, left))
        try:
            answer = _answer(self._send(request))
        except PenstockError as error:
            answer = {"error": {"name": type(error).__name__, "message": error.message}}
        except Exception:  # noqa: BLE001 - the run must hear of it, and must not hear what it was
            answer = {"error": {"name": "OutboundError", "message": "the request failed"}}
        line = json.dumps({"id": fetch.id, **answer}, ensure_ascii=False).encode("utf-8", "replace")
        with self._lock:
            # The run is over, and the descriptor that the bell had may belong to somebody else.
            if self._bell is None:
                return
            self._answers.append((fetch.id, line))
            try:
                self._bell[1].send(b"!")
            # So many rings are unheard that there is no room for another; one would do.
            except BlockingIOError:
                pass


def _answer(response: HttpResponse) -> dict[str, object]:
    about: dict[str, object] = {"status": response.status, "headers": dict(response.headers), "url": response.url}
    try:
        about["text"] = response.body.decode()
    except UnicodeDecodeError:
        about["b64"] = base64.b64encode(response.body).decode()
    return {"ok": about}
