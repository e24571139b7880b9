"""Loopback servers for the live tests: one that speaks HTTP, one that plays bytes, both in threads."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Route = Callable[[Received], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, route: Route, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.route = route
        self.received: list[Received] = []
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here; a report of it would only clutter the test output."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        received = Received(self.command, self.path, headers, body, self.client_address)
        self.server.received.append(received)
        reply = self.server.route(received)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: the tests look at `received`."""


@contextmanager
def http_server(route: Route, context: ssl.SSLContext | None = None) -> Iterator[_Server]:
    """Callers close their client first: leaving waits for every open connection to end."""
    server = _Server(route, context)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def raw_server(*plays: Callable[[socket.socket, Event], None]) -> Iterator[str]:
    """Hands the n-th connection to the n-th play, with an event that is set when the test is over."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_play_all, args=(listener, plays, over))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def _play_all(listener: socket.socket, plays: tuple[Callable[[socket.socket, Event], None], ...], over: Event) -> None:
    listener.settimeout(5)
    for play in plays:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection:
            try:
                play(connection, over)
            except OSError:
                continue


def read_request(connection: socket.socket) -> bytes:
    """One request without a body."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            break
        received += part
    return received


def sends(data: bytes) -> Callable[[socket.socket, Event], None]:
    """A play that answers the first request with these bytes and hangs up."""

    def play(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(data)

    return play


def drips(data: bytes) -> Callable[[socket.socket, Event], None]:
    """A play that answers with these bytes, then one more every 10 ms until the test is over."""

    def play(connection: socket.socket, over: Event) -> None:
        read_request(connection)
        connection.sendall(data)
        while not over.wait(0.01):
            connection.sendall(b"x")

    return play


def hangs(connection: socket.socket, over: Event) -> None:
    """A play that reads the request and never answers."""
    read_request(connection)
    over.wait(10)
