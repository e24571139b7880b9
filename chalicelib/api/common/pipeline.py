"""The one way from a call to an answer, whichever door it came through.

Admission, the dialect's handler, and the wording of whatever either raises; then serialisation and the headers
that every answer carries. Nothing leaves but the door's own JSON: an unexpected error is logged with its traceback
and answered as the door words an internal one, and what a function may not answer for its size is refused in the
door's words too.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door, Doors
from chalicelib.domain.errors import PenstockError, TooLargeError
from chalicelib.services.limits import Allowance

Handler = Callable[[Call], Reply]

MAX_ANSWER_BYTES = 6 * 1024 * 1024 - 32 * 1024
"""What Lambda hands on of a function's answer, less some for its headers."""

_MOST_BYTES_OF_A_CHARACTER = 12  # two \uXXXX

CORS_ALLOWED_HEADERS = ("Accept", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Request-Id")
CORS_EXPOSED_HEADERS = (
    "ETag",
    "Link",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
)
_COMMON_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": ",".join(CORS_EXPOSED_HEADERS),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger(__name__)


class UnexpectedError(PenstockError):
    """Something went wrong that nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with its body as text, or as `raw` bytes that need not be text, and all its headers."""

    status: int
    headers: dict[str, str]
    body: str
    raw: bytes | None = None


class Pipeline:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def run(self, call: Call, handler: Handler) -> Answer:
        # Of the gateway, so that its log and ours agree; outside of one there is none.
        call.request_id = call.request_id or str(uuid.uuid4())
        door = self._doors.of(call)
        try:
            reply, text = self._try(door, call, handler)
        except PenstockError as error:
            reply = door.refusal(call, error)
            if reply.status >= 500:
                self._report(call, error)
            text = _text(reply)
        return Answer(reply.status, self._headers(call, reply), text, reply.raw)

    def is_nobodys(self, pattern: str, call: Call) -> bool:
        return self._doors.is_nobodys(pattern, call)

    def refuse(self, call: Call, error: PenstockError) -> Answer:
        """The answer to a call that no handler takes; who may not come in learns no more than that."""

        def handler(_: Call) -> Reply:
            raise error

        return self.run(call, handler)

    @staticmethod
    def _try(door: Door, call: Call, handler: Handler) -> tuple[Reply, str]:
        try:
            door.admit(call)
            # Encoded and measured in here, so that a reply that cannot be sent is refused as any other error is.
            reply = handler(call)
            text = _text(reply)
            _check_size(text)
            return reply, text
        except PenstockError:
            raise
        except Exception as error:
            raise UnexpectedError from error

    @staticmethod
    def _report(call: Call, error: PenstockError) -> None:
        _log.error(
            "request failed",
            exc_info=error,
            extra={
                "action": "request_failed",
                "request_id": call.request_id,
                "method": call.method,
                "path": call.logged_path or call.path,
            },
        )

    @staticmethod
    def _headers(call: Call, reply: Reply) -> dict[str, str]:
        headers = {**_COMMON_HEADERS, "X-Request-Id": call.request_id, **_rate_headers(call.allowance)}
        if reply.body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        # Header names are compared without case: a door's own wins, and none is there twice.
        own = {name.lower() for name in reply.headers}
        return {**{name: value for name, value in headers.items() if name.lower() not in own}, **reply.headers}


def _text(reply: Reply) -> str:
    if reply.text is not None:
        return reply.text
    return "" if reply.body is None else msgspec.json.encode(reply.body).decode()


def sent_bytes(text: str) -> int:
    """How large Lambda finds a body: a text in JSON, quoted once more, by older runtimes in ASCII."""
    return len(json.dumps(text, ensure_ascii=sys.version_info < (3, 12)).encode())


def _check_size(text: str) -> None:
    """Raises TooLargeError."""
    # Only what could be too large is measured: encoding a text a second time takes as long as making it.
    if len(text) * _MOST_BYTES_OF_A_CHARACTER > MAX_ANSWER_BYTES and sent_bytes(text) > MAX_ANSWER_BYTES:
        raise TooLargeError("The answer is too large to be sent; ask for less at once.", limit=MAX_ANSWER_BYTES)


def _rate_headers(allowance: Allowance | None) -> Mapping[str, str]:
    if allowance is None:
        return {}
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.resets_at),
    }
