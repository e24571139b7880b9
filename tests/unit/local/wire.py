"""A raw HTTP client: it sends exactly the bytes that a test names."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

CLOSING = b"Connection: close\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=10)
        self.file = self.sock.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self, *, head_only: bool = False) -> Answer:
        status = int(self.file.readline().split(b" ")[1])
        headers: dict[str, list[str]] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        length = 0 if head_only else int(headers.get("content-length", ["0"])[0])
        return Answer(status, headers, self.file.read(length))

    def at_end(self) -> bool:
        return self.file.read(1) == b""


def request(port: int, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    given = {"Host": "localhost", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    with Client(port) as client:
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return client.read(head_only=method == "HEAD")
