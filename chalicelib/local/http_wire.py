"""HTTP/1.1 on a socket: one request read, one response written, everything malformed refused.

A response leaves in a single write: head and body in two would wait for the client's delayed
acknowledgement, 40 ms on each keep-alive request.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

# API Gateway's own limits: request line and headers together, and the payload.
MAX_HEAD_BYTES = 10_240
MAX_BODY_BYTES = 10 * 1024 * 1024
IDLE_SECONDS = 75.0
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0

_MAX_CHUNK_LINE_BYTES = 4096
_RECEIVE_BYTES = 65_536
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff][ \t]*)*)")
_TARGET = re.compile(r"[\x21-\x7e\x80-\xff]+")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?")


@dataclass(slots=True)
class Request:
    """`path` and `query` are as sent, undecoded; header names keep their case, in order."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: str
    keep_alive: bool
    version: str = "HTTP/1.1"

    def header(self, name: str, default: str = "") -> str:
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)


@dataclass(slots=True)
class Response:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class HttpProblem(Exception):
    """A request that cannot be served; the connection closes after the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Disconnected(Exception):
    """The client went away, or said nothing for too long, between two requests."""


class Connection:
    """One client's socket with what was read ahead from it."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._sock = sock
        self._peer = peer
        self._buffer = bytearray()
        # Small writes leave at once, instead of waiting for more to come.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_request(self, on_start: Callable[[], None]) -> Request:
        """Raises HttpProblem or Disconnected. Calls `on_start` at a request's first byte."""
        head = self._read_head(on_start)
        lines = head.decode("latin-1").split("\r\n")
        method, path, query, version = _request_line(lines[0])
        headers = [_field(line) for line in lines[1:]]
        values: dict[str, list[str]] = {}
        for name, value in headers:
            values.setdefault(name.lower(), []).append(value)
        # RFC 9112, 3.2: none, or several, is refused.
        if version == "HTTP/1.1" and len(values.get("host", ())) != 1:
            raise HttpProblem(400, "Exactly one Host header is required")
        body = self._read_body(values, version)
        return Request(method, path, query, headers, body, self._peer, _keeps_alive(values, version), version)

    def write(self, response: Response, *, head_only: bool, keep_alive: bool, version: str) -> None:
        self._sock.settimeout(BODY_SECONDS)
        self._sock.sendall(_encode(response, head_only, keep_alive, version))

    def discard_unread(self, seconds: float = 2.0) -> None:
        """Read on for a moment after a refusal: a socket closed with unread data resets the connection,
        and the client would lose the answer."""
        deadline = time.monotonic() + seconds
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while (remaining := deadline - time.monotonic()) > 0:
                self._sock.settimeout(remaining)
                if not self._sock.recv(_RECEIVE_BYTES):
                    return
        except OSError:
            return

    def _read_head(self, on_start: Callable[[], None]) -> bytes:
        deadline = time.monotonic() + IDLE_SECONDS
        started = False
        while True:
            while not started and self._buffer[:2] == b"\r\n":
                del self._buffer[:2]  # some clients end a body with an extra line break
            if self._buffer and not started:
                started = True
                deadline = time.monotonic() + HEAD_SECONDS
                on_start()
            end = self._buffer.find(b"\r\n\r\n")
            if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
                raise HttpProblem(431, "Request headers are too large")
            if end >= 0:
                head = bytes(self._buffer[:end])
                del self._buffer[: end + 4]
                return head
            if not self._fill(deadline):
                if started:
                    raise HttpProblem(400, "The request ended early")
                raise Disconnected

    def _fill(self, deadline: float) -> bool:
        remaining = deadline - time.monotonic()
        try:
            if remaining <= 0:
                raise TimeoutError
            self._sock.settimeout(remaining)
            received = self._sock.recv(_RECEIVE_BYTES)
        except TimeoutError:
            if self._buffer:
                raise HttpProblem(408, "The request took too long") from None
            raise Disconnected from None
        except OSError:
            raise Disconnected from None
        self._buffer += received
        return bool(received)

    def _read_body(self, headers: dict[str, list[str]], version: str) -> bytes:
        encodings = headers.get("transfer-encoding")
        length = _content_length(headers.get("content-length", []))
        # Two readers could end the body in different places, and take the rest for a request.
        if encodings and length is not None:
            raise HttpProblem(400, "Content-Length and Transfer-Encoding exclude each other")
        if encodings and ([value.lower() for value in encodings] != ["chunked"] or version != "HTTP/1.1"):
            raise HttpProblem(501, "Only the chunked transfer encoding is supported")
        if length is not None and length > MAX_BODY_BYTES:
            raise HttpProblem(413, "Request Too Long")
        if encodings or length:
            self._answer_expectation(headers.get("expect"))
        deadline = time.monotonic() + BODY_SECONDS
        return self._read_chunks(deadline) if encodings else self._take(length or 0, deadline)

    def _answer_expectation(self, expectations: list[str] | None) -> None:
        if not expectations:
            return
        if [value.lower() for value in expectations] != ["100-continue"]:
            raise HttpProblem(417, "The expectation cannot be met")
        # Who has sent the body already did not wait for it.
        if not self._buffer:
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            if not self._fill(deadline):
                raise HttpProblem(400, "The request ended early")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _take_line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE_BYTES:
                raise HttpProblem(400, "Malformed chunk")
            if not self._fill(deadline):
                raise HttpProblem(400, "The request ended early")
        return self._take(end + 2, deadline)[:-2]

    def _read_chunks(self, deadline: float) -> bytes:
        body = bytearray()
        while True:
            match = _CHUNK_SIZE.fullmatch(self._take_line(deadline))
            if match is None:
                raise HttpProblem(400, "Malformed chunk")
            size = int(match[1], 16)
            if len(body) + size > MAX_BODY_BYTES:
                raise HttpProblem(413, "Request Too Long")
            if size == 0:
                self._skip_trailers(deadline)
                return bytes(body)
            body += self._take(size, deadline)
            if self._take(2, deadline) != b"\r\n":
                raise HttpProblem(400, "Malformed chunk")

    def _skip_trailers(self, deadline: float) -> None:
        read = 0
        while line := self._take_line(deadline):
            read += len(line)
            if read > MAX_HEAD_BYTES:
                raise HttpProblem(431, "Request trailers are too large")


def _request_line(line: str) -> tuple[str, str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _METHOD.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise HttpProblem(400, "Malformed request line")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpProblem(505 if version.startswith("HTTP/") else 400, "Unsupported protocol version")
    # As sent to a proxy, which servers have to understand too (RFC 9112, 3.2.2).
    if target.lower().startswith(("http://", "https://")):
        target = "/" + target.split("://", 1)[1].partition("/")[2]
    if not target.startswith("/") and target != "*":
        raise HttpProblem(400, "Malformed request target")
    path, _, query = target.partition("?")
    return method, path, query, version


def _field(line: str) -> tuple[str, str]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise HttpProblem(400, "Malformed header")
    return match[1], match[2].rstrip(" \t")


def _content_length(values: list[str]) -> int | None:
    if not values:
        return None
    if len(set(values)) > 1 or not _LENGTH.fullmatch(values[0]):
        raise HttpProblem(400, "Malformed Content-Length")
    return int(values[0])


def _keeps_alive(headers: dict[str, list[str]], version: str) -> bool:
    tokens = {token.strip().lower() for value in headers.get("connection", ()) for token in value.split(",")}
    return "close" not in tokens and (version == "HTTP/1.1" or "keep-alive" in tokens)


def _encode(response: Response, head_only: bool, keep_alive: bool, version: str) -> bytes:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {_one_line(value)}" for name, value in response.headers if _may_be_set(name)]
    # These end with their head by definition: a length would make clients wait for what never comes.
    has_body = response.status >= 200 and response.status not in (204, 304)
    if has_body:
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Date: {_http_date(int(time.time()))}")
    if not keep_alive:
        lines.append("Connection: close")
    elif version == "HTTP/1.0":
        lines.append("Connection: keep-alive")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return head if head_only or not has_body else head + response.body


def _may_be_set(name: str) -> bool:
    return name.lower() not in ("content-length", "date", "connection", "transfer-encoding", "keep-alive")


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


_date: tuple[int, str] = (0, "")


def _http_date(second: int) -> str:
    global _date
    # A race of two threads writes the same, whole, twice.
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True))
    return _date[1]
