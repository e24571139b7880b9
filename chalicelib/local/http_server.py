"""The local HTTP server: a thread for each connection, keep-alive, loopback only, graceful stop.

Threads rather than an event loop, because a handler blocks (in the application, in a stub's delay) and
must then hold up nobody but its own client.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable

from chalicelib.local.http_wire import Connection, Disconnected, HttpProblem, Request, Response

Handler = Callable[[Request], Response]

_BACKLOG = 1024
_log = logging.getLogger(__name__)


class PortInUseError(OSError):
    """Another program listens on the port already."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} is in use by another program")
        self.port = port


class HttpServer:
    """Serves `handler` on 127.0.0.1, and on ::1 where the machine has it, until `stop`."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._handler = handler
        self._listeners = _listen(port)
        self.port: int = self._listeners[0].getsockname()[1]
        self._selector = selectors.DefaultSelector()
        for listener in self._listeners:
            self._selector.register(listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._sessions: set[_Session] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name="http-accept", daemon=True)

    def start(self) -> None:
        self._acceptor.start()

    def stop(self, grace_seconds: float = 2.0) -> None:
        """Accept nothing more, let requests in progress finish, then cut what is left."""
        if self._stopping:
            return
        self._stopping = True
        # Closing a listener does not wake the thread that selects on it; a byte does.
        self._wake.send(b"x")
        if self._acceptor.is_alive():
            self._acceptor.join()
        for sock in (*self._listeners, self._wake, self._woken):
            sock.close()
        self._selector.close()
        deadline = time.monotonic() + grace_seconds
        with self._changed:
            # Idle ones end at once, the others with the request that they are at.
            for session in self._sessions:
                session.finish()
            self._changed.wait_for(lambda: not self._sessions, grace_seconds)
            for session in self._sessions:
                session.cut()
            self._changed.wait_for(lambda: not self._sessions, max(0.2, deadline - time.monotonic()))

    def _accept(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                try:
                    sock, address = key.fileobj.accept()  # type: ignore[union-attr]
                # The client has gone again before it was accepted.
                except OSError:
                    continue
                self._serve(_Session(sock, address[0]))

    def _serve(self, session: _Session) -> None:
        with self._changed:
            self._sessions.add(session)
        threading.Thread(target=self._run, args=(session,), name="http", daemon=True).start()

    def _run(self, session: _Session) -> None:
        try:
            session.run(self._handler)
        finally:
            with self._changed:
                self._sessions.discard(session)
                self._changed.notify_all()


class _Session:
    """One connection's requests, one after the other."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._sock = sock
        self._connection = Connection(sock, peer)
        self._lock = threading.Lock()
        self._busy = False
        self._finishing = False

    def finish(self) -> None:
        """Close now if idle, else after the request in progress."""
        with self._lock:
            self._finishing = True
            if not self._busy:
                # Its thread, which waits for a request, reads the end of the connection instead.
                self._shut(socket.SHUT_RD)

    def cut(self) -> None:
        self._shut(socket.SHUT_RDWR)

    def run(self, handler: Handler) -> None:
        try:
            while self._serve_one(handler):
                pass
        except (Disconnected, OSError):
            pass
        finally:
            self._sock.close()

    def _serve_one(self, handler: Handler) -> bool:
        try:
            request = self._connection.read_request(self._begin)
        except HttpProblem as problem:
            self._connection.write(_refusal(problem), head_only=False, keep_alive=False, version="HTTP/1.1")
            self._connection.discard_unread()
            return False
        response = _answer(handler, request)
        keep_alive = request.keep_alive and not self._finishing
        self._connection.write(
            response, head_only=request.method == "HEAD", keep_alive=keep_alive, version=request.version
        )
        with self._lock:
            self._busy = False
            return keep_alive and not self._finishing

    def _begin(self) -> None:
        with self._lock:
            self._busy = True

    def _shut(self, how: int) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(how)


def _answer(handler: Handler, request: Request) -> Response:
    try:
        return handler(request)
    except Exception:  # noqa: BLE001 - one broken request must not end the connection unanswered
        _log.exception("request failed", extra={"action": "http", "path": request.path})
        return json_response(500, {"message": "Internal server error"})


def _refusal(problem: HttpProblem) -> Response:
    return json_response(problem.status, {"message": problem.message})


def json_response(status: int, value: object, headers: list[tuple[str, str]] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, [("Content-Type", "application/json"), *(headers or [])], body)


def _listen(port: int) -> list[socket.socket]:
    """Both loopback addresses, since either may be what `localhost` means to a client."""
    first = _bind(socket.AF_INET, "127.0.0.1", port)
    try:
        return [first, _bind(socket.AF_INET6, "::1", first.getsockname()[1])]
    except PortInUseError:
        # Any port will do, and the one that 127.0.0.1 got is taken on ::1: better on one address than not at all.
        if port == 0:
            return [first]
        first.close()
        raise
    except OSError:
        return [first]  # a machine without IPv6


def _bind(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Or a restart would have to wait until the connections of the last one are forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(port) from None
        raise
    return listener
