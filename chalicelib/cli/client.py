"""One caller of the HTTP API: JSON in, JSON out, refusals as errors, and patience where that does no harm.

What the server did not take is sent again: every call that was one too many (429) or met a service that was not ready
(503). What it may have taken is sent again only where doing it twice is doing it once.
"""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from chalicelib.cli.exits import ApiError, CommandError, UnreachableError, UsageError
from chalicelib.domain.json import Json, encode
from chalicelib.domain.version import VERSION

TRIES = 5
PATIENT_TRIES = 8
"""Over about a minute."""
LONGEST_PAUSE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.5
_TOO_MANY, _NOT_READY = 429, 503
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
_LONGEST_EXCERPT = 200

Query = Mapping[str, "str | int | None"]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        """The payload inside the envelope that most of the API's answers have. Raises CommandError."""
        if not isinstance(self.body, dict) or "data" not in self.body:
            raise CommandError("the server's answer is not one of this API; is the address right?")
        return self.body["data"]


class Client:
    def __init__(
        self,
        url: str,
        key: str,
        *,
        note: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        timeout_seconds: float = 35.0,
    ) -> None:
        self.url = url
        self._parts = urlsplit(url)
        self._key = key
        self._note = note
        self._sleep = sleep
        self._timeout = timeout_seconds
        self.is_patient = False
        """Whether a server that is not there may come back: for who watches something for a long time."""
        self._open: http.client.HTTPConnection | None = None

    def get(self, path: str, query: Query | None = None) -> Reply:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: Json = None, query: Query | None = None, *, once: str | None = None) -> Reply:
        """`once` is an idempotency key, with which a call may be repeated."""
        return self.call("POST", path, body, query, once=once)

    def put(self, path: str, body: Json, query: Query | None = None) -> Reply:
        return self.call("PUT", path, body, query)

    def delete(self, path: str, query: Query | None = None) -> Reply:
        return self.call("DELETE", path, query=query)

    def call(
        self, method: str, path: str, body: Json = None, query: Query | None = None, *, once: str | None = None
    ) -> Reply:
        """Raises ApiError, UnreachableError."""
        target = path + _query(query)
        content = None if body is None else encode(body)
        headers = self._headers(content, once)
        may_repeat = method in _REPEATABLE or once is not None
        tries = PATIENT_TRIES if self.is_patient else TRIES
        for tried in range(1, tries + 1):
            is_last = tried == tries
            try:
                reply = self._send(method, target, content, headers)
            except UnreachableError as error:
                if is_last or not (may_repeat and error.retryable):
                    raise
                self._rest(tried, None, str(error))
                continue
            if reply.status not in (_TOO_MANY, _NOT_READY) or is_last:
                break
            wanted = _retry_after(reply.headers)
            if wanted is not None and wanted > LONGEST_PAUSE_SECONDS:
                break
            self._rest(tried, wanted, _reason(reply.status))
        if reply.status >= 300:
            raise refusal(f"{method} {path}", reply)
        return reply

    def _rest(self, tried: int, wanted: float | None, reason: str) -> None:
        seconds = _FIRST_PAUSE_SECONDS * 2 ** (tried - 1) * (1 + random.random() / 4) if wanted is None else wanted
        self._note(f"{reason}; trying again in {seconds:.1f} s")
        self._sleep(seconds)

    def _headers(self, content: bytes | None, once: str | None) -> dict[str, str]:
        """Raises UsageError for what no header can hold."""
        if not _is_plain(self._key):
            raise UsageError("the API key has characters that no key has; copy it again")
        if once is not None and not _is_plain(once):
            raise UsageError("an idempotency key has 1 to 255 printable ASCII characters")
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Accept": "application/json",
            "User-Agent": f"penstock-cli/{VERSION}",
        }
        if content is not None:
            headers["Content-Type"] = "application/json"
        if once is not None:
            headers["Idempotency-Key"] = once
        return headers

    def _send(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Over the connection that is open, if it can do no harm that the server may close it at the same moment."""
        kept, self._open = self._open, None
        if kept is not None and method == "GET":
            with suppress(OSError, http.client.HTTPException):
                return self._over(kept, method, target, content, headers)
        if kept is not None:
            kept.close()
        connection = self._connected()
        try:
            return self._over(connection, method, target, content, headers)
        except (OSError, http.client.HTTPException) as error:
            broken = UnreachableError(f"{self.url} broke off: {_cause(error)}")
            broken.retryable = True
            raise broken from error

    def _over(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        """Keeps the connection for the next call if all went well. Raises OSError, HTTPException."""
        try:
            connection.request(method, self._parts.path + target, content, dict(headers))
            answer = connection.getresponse()
            raw = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close:
            connection.close()
        else:
            self._open = connection
        return Reply(answer.status, _decoded(raw), {name.lower(): value for name, value in answer.getheaders()})

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self) -> http.client.HTTPConnection:
        connection = self._connection()
        try:
            connection.connect()
        except OSError as error:
            absent = UnreachableError(f"{self.url} cannot be reached: {_cause(error)}")
            absent.retryable = self.is_patient
            raise absent from error
        return connection

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self._timeout)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def segment(text: str) -> str:
    """A part of a path, whatever characters it has."""
    if text in {"", ".", ".."}:
        raise CommandError(f"'{text}' is no id")
    # Arguments that are not UTF-8 reach us as surrogates; sent as the bytes that they were, they are unknown ids.
    return quote(text.encode("utf-8", "surrogateescape"), safe="")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def refusal(call: str, reply: Reply) -> ApiError:
    """What an answer says of why, in whichever of the API's dialects."""
    body = reply.body
    location = reply.headers.get("location", "")
    if 300 <= reply.status < 400:
        return ApiError(call, reply.status, "", f"moved to {location}; log in with the address that answers")
    error = body.get("error", body.get("errors")) if isinstance(body, dict) else None
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, dict):
        return ApiError(
            call,
            reply.status,
            str(error.get("code") or ""),
            str(error.get("message") or ""),
            str(error.get("field") or ""),
        )
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return ApiError(call, reply.status, error if isinstance(error, str) else "", body["message"])
    if isinstance(error, str):
        return ApiError(call, reply.status, "", error)
    return ApiError(call, reply.status, "", str(body)[:_LONGEST_EXCERPT] if body else "")


def _decoded(raw: bytes) -> Any:
    """JSON, or the text of whatever else stands between us and the server."""
    if not raw.strip():
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw[:_LONGEST_EXCERPT].decode("utf-8", "replace")


def _query(query: Query | None) -> str:
    given = {name: str(value) for name, value in (query or {}).items() if value is not None}
    return f"?{urlencode(given, errors='surrogateescape')}" if given else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _reason(status: int) -> str:
    return "the rate limit is used up" if status == _TOO_MANY else "the service is not ready"


def _cause(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; SSL_CERT_FILE names other authorities"
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "there is no TLS at this port; is it http:// instead?"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
