"""Receivers for the load generator's own process: keep-alive, in its event loop, and next to free."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


class _Listening:
    def __init__(self) -> None:
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """The address that it listens at."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), "127.0.0.1", 0, backlog=512)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        """What is answered, with 200; None for nothing at all, ever."""
        raise NotImplementedError


class Stub(_Listening):
    """What the steps of a run call.

    GET  /read?n=7   {"n":7,"ok":true}
    POST /write      {"n":7,…} is told to `arrived(n, at)`, `at` on the wall clock, and answered with {"ok":true}
    """

    def __init__(self, arrived: Callable[[int, float], None]) -> None:
        super().__init__()
        self._arrived = arrived

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        method, target, _ = head.split(b" ", 2)
        if method == b"POST":
            self._arrived(json.loads(body)["n"], time.time())
            return b'{"ok":true}'
        return b'{"n":%s,"ok":true}' % target.rpartition(b"=")[2]


class Receiver(_Listening):
    """What deliveries are sent to, and a schedule's runs. POST /{name} is told to `arrived(name, body, at)`, and
    answered unless the name is one of `hanging`."""

    def __init__(self, arrived: Callable[[str, Any, float], None]) -> None:
        super().__init__()
        self._arrived = arrived
        self.hanging: set[str] = set()

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        name = head.split(b" ", 2)[1].decode().removeprefix("/")
        self._arrived(name, json.loads(body), time.time())
        return None if name in self.hanging else b"{}"


class _Session(asyncio.Protocol):
    def __init__(self, stub: _Listening) -> None:
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
            if answer is not None:
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
