"""The load generator's HTTP client: a keep-alive connection in its event loop."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench.stub import take_message


class Client:
    """One connection; one request at a time."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The `data` of a successful answer. Raises RuntimeError for any other."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nAuthorization: Bearer {self._key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        status, answer = await self._exchange(head.encode() + content)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path} was answered {status}: {answer.decode()}")
        return json.loads(answer)["data"] if answer else None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        received = b""
        while (message := take_message(received)) is None:
            more = await reader.read(65_536)
            if not more:
                raise RuntimeError("the connection was closed")
            received += more
        head, body, _ = message
        return int(head.split(b" ", 2)[1]), body
