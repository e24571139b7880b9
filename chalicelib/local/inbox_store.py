"""What the local inbox remembers: received requests by name, and what each name shall answer."""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.local.http_wire import Request

MAX_NAMES = 1000
MAX_REQUESTS = 1000
MAX_KEPT_BODY_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer, given `times` times (None: until changed) and `delay_seconds` late."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    delay_seconds: float = 0.0
    times: int | None = None


@dataclass
class _Box:
    received: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS))
    reply: Reply | None = None
    replies_left: int | None = None


class InboxStore:
    """Bounded, and safe for any number of threads. The name unused for longest goes first."""

    def __init__(self) -> None:
        self._boxes: OrderedDict[str, _Box] = OrderedDict()
        self._changed = threading.Condition()

    def record(self, name: str, request: Request) -> tuple[int, Reply]:
        """Keep a request; how many there have been, and what to answer."""
        with self._changed:
            box = self._box(name)
            box.received += 1
            box.requests.appendleft(_entry(box.received, request))
            reply = _next_reply(box)
            self._changed.notify_all()
            return box.received, reply

    def requests(self, name: str, limit: int = MAX_REQUESTS) -> list[dict[str, Any]]:
        """Newest first; empty for a name never used."""
        with self._changed:
            box = self._boxes.get(name)
            return [] if box is None else list(box.requests)[:limit]

    def names(self) -> list[tuple[str, int]]:
        """Names with the number of requests received, the most recently used first."""
        with self._changed:
            return [(name, box.received) for name, box in reversed(self._boxes.items())]

    def wait_for(self, name: str, count: int, timeout_seconds: float) -> bool:
        """Whether `count` requests have come in, after waiting for them if need be."""
        with self._changed:
            return self._changed.wait_for(lambda: self._received(name) >= count, timeout_seconds)

    def clear(self, name: str) -> None:
        with self._changed:
            self._boxes.pop(name, None)

    def set_reply(self, name: str, reply: Reply) -> None:
        with self._changed:
            box = self._box(name)
            box.reply, box.replies_left = reply, reply.times

    def _received(self, name: str) -> int:
        box = self._boxes.get(name)
        return 0 if box is None else box.received

    def _box(self, name: str) -> _Box:
        box = self._boxes.setdefault(name, _Box())
        # The order is that of use, which the eviction below goes by.
        self._boxes.move_to_end(name)
        if len(self._boxes) > MAX_NAMES:
            self._boxes.popitem(last=False)
        return box


def _next_reply(box: _Box) -> Reply:
    if box.reply is None or box.replies_left == 0:
        return Reply()
    if box.replies_left is not None:
        box.replies_left -= 1
    return box.reply


def _entry(number: int, request: Request) -> dict[str, Any]:
    body, encoding = _text_or_base64(request.body[:MAX_KEPT_BODY_BYTES])
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return {
        "number": number,
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "body": body,
        "body_encoding": encoding,
        "body_bytes": len(request.body),
        "body_truncated": len(request.body) > MAX_KEPT_BODY_BYTES,
    }


def _text_or_base64(body: bytes) -> tuple[str, str]:
    try:
        return body.decode("utf-8"), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), "base64"
