"""One request and its answer on one open connection.

The invariant: every wait is bounded by the call's deadline and every byte taken in by a limit, so that
neither a receiver that drips nor one that floods can hold a worker. The standard library's parser reads
the answer, but through `_Reader`, which it takes for a socket and a file at once.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import cast

from chalicelib.domain.errors import OutboundError, OutboundTimeoutError, OutboundTooLargeError
from chalicelib.domain.http import HttpRequest
from chalicelib.outbound.bodies import Body, can_decode, too_large
from chalicelib.outbound.connections import Connection
from chalicelib.outbound.deadline import Deadline
from chalicelib.outbound.messages import encode_head
from chalicelib.outbound.urls import Url

_READ_SIZE = 65_536
_MAX_HEAD_BYTES = 65_536
# Chunks of one byte take six on the wire; more overhead than this serves no honest purpose.
_MAX_FRAMING_OVERHEAD = 8
_SWITCHING_PROTOCOLS = 101
_HANG_UP = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class StaleConnectionError(Exception):
    """A reused connection had been closed by its peer, which sent no byte of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` has lower-case names; `reusable` tells whether the connection may carry another exchange."""

    status: int
    headers: dict[str, str]
    body: bytes
    reusable: bool


def exchange(connection: Connection, request: HttpRequest, url: Url, deadline: Deadline) -> Answer:
    """Sends a checked request and reads the final answer. Raises OutboundError or StaleConnectionError."""
    reader = _Reader(connection.sock, deadline, request.read_timeout_seconds)
    try:
        sent = _send(connection.sock, encode_head(request, url), request.body or b"", deadline)
        response = _read_head(reader, request.method)
        body = _read_start(response, reader, request) if request.cut_response else _read_body(response, reader, request)
    except TimeoutError as error:
        raise deadline.expired() from error
    except (OSError, HTTPException) as error:
        if connection.reused and reader.received == 0 and isinstance(error, _HANG_UP):
            raise StaleConnectionError from error
        raise _broken(error, reader.received) from error
    # Bytes that are left in the reader would be the beginning of the next answer.
    is_complete = response.isclosed() or not request.cut_response
    reusable = sent and is_complete and not response.will_close and reader.is_empty and not response.headers.defects
    return Answer(response.status, _headers(response), body, reusable)


def _broken(error: Exception, received: int) -> OutboundError:
    if received == 0:
        return OutboundError("The receiver closed the connection without an answer.")
    if isinstance(error, OSError):
        return OutboundError("The connection broke before the answer was complete.")
    # The library raises it of a line that is too long and of too many headers, and has no other sign for them.
    if str(error).startswith("got more than"):
        return OutboundTooLargeError("The receiver's headers or chunk lines are too large.")
    return OutboundError("The receiver's answer is not correct HTTP or breaks off.")


def _send(sock: socket.socket, head: bytes, body: bytes, deadline: Deadline) -> bool:
    """Whether all was taken. A receiver may answer and hang up before it has read everything."""
    try:
        # The usual request leaves in one write, and as one TLS record; joining a large one would copy it.
        if len(body) <= _READ_SIZE:
            _send_all(sock, head + body, deadline)
        else:
            _send_all(sock, head, deadline)
            _send_all(sock, body, deadline)
    except _HANG_UP:
        return False
    return True


def _send_all(sock: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        sock.settimeout(deadline.remaining())
        # Not `sendall`: the deadline is looked at after each part.
        rest = rest[sock.send(rest[:_READ_SIZE]) :]


def _read_head(reader: _Reader, method: str) -> HTTPResponse:
    """The final status and headers; interim answers (1xx) are passed over."""
    reader.allow(_MAX_HEAD_BYTES, OutboundTooLargeError("The receiver's headers are too large."))
    # The library passes over 100 alone. All interim answers share one budget, so they come to an end.
    while True:
        response = HTTPResponse(cast(socket.socket, reader), method=method)
        response.begin()
        if response.status == _SWITCHING_PROTOCOLS:
            raise HTTPException("unasked switch of protocols")
        if response.status >= 200:
            return response


def _read_body(response: HTTPResponse, reader: _Reader, request: HttpRequest) -> bytes:
    limit = request.max_response_bytes
    _check_framing(response)
    if response.length is not None and response.length > limit:
        raise too_large(limit)
    reader.allow(_MAX_FRAMING_OVERHEAD * limit + _MAX_HEAD_BYTES, too_large(limit))
    encoding = _content_encoding(response)
    body = Body(encoding if can_decode(encoding) else "", limit)
    while part := response.read(_READ_SIZE):
        body.feed(part)
    # The library takes an early end of the connection for the end of the body.
    if response.length:
        raise HTTPException("shorter than its Content-Length")
    return body.finish()


def _read_start(response: HTTPResponse, reader: _Reader, request: HttpRequest) -> bytes:
    """The body up to the limit. What is behind it is never read, so the connection is not used again then."""
    limit = request.max_response_bytes
    _check_framing(response)
    reader.allow(_MAX_FRAMING_OVERHEAD * limit + _MAX_HEAD_BYTES, too_large(limit))
    body = response.read(limit)
    if response.length and len(body) < limit:
        raise HTTPException("shorter than its Content-Length")
    return body


def _check_framing(response: HTTPResponse) -> None:
    """Refuses answers whose end two readers could see in different places."""
    lengths = {value.strip() for value in response.headers.get_all("content-length", [])}
    transfer = response.headers.get_all("transfer-encoding", [])
    if len(lengths) > 1 or not all(value.isascii() and value.isdigit() for value in lengths):
        raise HTTPException("unclear Content-Length")
    if transfer and (len(transfer) > 1 or transfer[0].strip().lower() != "chunked" or lengths):
        raise HTTPException("unclear Transfer-Encoding")


def _content_encoding(response: HTTPResponse) -> str:
    return (response.headers.get("content-encoding") or "").strip().lower()


def _headers(response: HTTPResponse) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        name, value = name.lower(), _unfolded(value)
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    if can_decode(_content_encoding(response)):
        # They describe bytes that the caller does not get to see.
        joined.pop("content-encoding", None)
        joined.pop("content-length", None)
    return joined


def _unfolded(value: str) -> str:
    return " ".join(line.strip() for line in value.replace("\r\n", "\n").split("\n"))


class _Reader:
    """What HTTPResponse needs of a socket and of its file, under a deadline and a budget of bytes."""

    def __init__(self, sock: socket.socket, deadline: Deadline, silence_seconds: float | None) -> None:
        self._sock = sock
        self._deadline = deadline
        self._silence_seconds = silence_seconds
        self._buffer = bytearray()
        self._budget = 0
        self._over_budget: OutboundError = OutboundTooLargeError()
        self.received = 0

    @property
    def is_empty(self) -> bool:
        return not self._buffer

    def allow(self, budget: int, over_budget: OutboundError) -> None:
        """How many bytes may be taken out from here on, and the error beyond that."""
        self._budget = budget
        self._over_budget = over_budget

    def makefile(self, mode: str) -> _Reader:
        return self

    def readline(self, limit: int) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0 and len(self._buffer) < limit:
            # Not from the beginning again, or a long line in small parts would take quadratic time.
            searched = len(self._buffer)
            if not self._fill():
                break
        return self._take(limit if end < 0 else min(end + 1, limit))

    def read(self, size: int) -> bytes:
        if size < 0:
            raise HTTPException("negative length")
        while len(self._buffer) < size and self._fill():
            pass
        return self._take(size)

    def flush(self) -> None:
        """Part of a file's shape; there is nothing to flush."""

    def close(self) -> None:
        """The connection outlives the answer read from it, so this closes nothing."""

    def _fill(self) -> bool:
        self._sock.settimeout(self._deadline.within(self._silence_seconds))
        try:
            data = self._sock.recv(_READ_SIZE)
        except TimeoutError:
            # Raises an error of its own where it was the deadline that ended the wait.
            self._deadline.remaining()
            raise OutboundTimeoutError("The receiver fell silent.") from None
        self._buffer += data
        self.received += len(data)
        return bool(data)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._budget -= len(taken)
        if self._budget < 0:
            raise self._over_budget
        return taken
