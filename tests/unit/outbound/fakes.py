"""A network of socket pairs: it records every address that a client connects to and plays scripted answers."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.outbound.urls import Address


def answer(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


class FakeNetwork:
    """A connector: the n-th connection is answered with the n-th script, whoever is called."""

    def __init__(self, *scripts: bytes) -> None:
        self.opened: list[tuple[str, int]] = []
        self._scripts = list(scripts)
        self._far_ends: list[socket.socket] = []

    def __call__(self, address: Address, port: int, timeout: float) -> socket.socket:
        self.opened.append((str(address), port))
        if not self._scripts:
            raise ConnectionRefusedError(111, "Connection refused")
        near, far = socket.socketpair()
        far.sendall(self._scripts.pop(0))
        self._far_ends.append(far)
        return near

    def request(self, index: int) -> str:
        """What the client sent on the n-th connection."""
        far = self._far_ends[index]
        far.setblocking(False)
        return far.recv(65_536).decode("latin-1")

    def close(self) -> None:
        for far in self._far_ends:
            far.close()


class FakeResolver:
    """Names with fixed answers; a list of lists answers differently each time, as a rebinding server does."""

    def __init__(self, names: Mapping[str, Sequence[str]] | None = None, *, script: Iterable[Sequence[str]] = ()):
        self._names = dict(names or {})
        self._script = list(script)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if self._script:
            return self._script.pop(0)
        if host not in self._names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._names[host]
