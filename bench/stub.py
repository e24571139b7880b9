"""A receiver for the load generator's own process: keep-alive, in its event loop, and next to free.

GET  /read?n=7   {"n":7,"ok":true}
POST /write      {"n":7,…} is noted with its time of arrival, and answered with {"ok":true}
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


class Stub:
    """`arrived(n, at)` is called for every POST, `at` on the wall clock."""

    def __init__(self, arrived: Callable[[int, float], None]) -> None:
        self._arrived = arrived
        self._server: asyncio.Server | None = None
        self.requests = 0

    async def start(self) -> str:
        """The address that it listens at."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), "127.0.0.1", 0, backlog=512)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def answer(self, head: bytes, body: bytes) -> bytes:
        self.requests += 1
        method, target, _ = head.split(b" ", 2)
        if method == b"POST":
            self._arrived(json.loads(body)["n"], time.time())
            return b'{"ok":true}'
        return b'{"n":%s,"ok":true}' % target.rpartition(b"=")[2]


class _Session(asyncio.Protocol):
    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while (message := take_message(self._received)) is not None:
            head, body, self._received = message
            answer = self._stub.answer(head, body)
            self._transport.write(_HEAD + b"%d\r\n\r\n" % len(answer) + answer)


def take_message(received: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The first whole message's head and body, and what follows it; bodies have a Content-Length or are empty."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = received[:end]
    at = head.lower().find(b"content-length:")
    length = int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
    after = end + 4 + length
    return (head, received[end + 4 : after], received[after:]) if len(received) >= after else None
