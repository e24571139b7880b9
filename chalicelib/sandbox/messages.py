"""What a run says, read without trust: whatever it sends, it can only speak for itself, within its limits."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.http import HttpRequest
from chalicelib.domain.javascript import CodeFailure, CodeResponse, Emit, Limits, LogLine
from chalicelib.domain.json import MAX_DEPTH, Json, decode

_LEVELS = frozenset({"debug", "info", "warn", "error"})
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_MEASURES = frozenset({"process", "rlimits", "no_new_privs", "seccomp", "own_user"})
# A whole pair is kept, a half of one is replaced, and any other escape passed over, so that the end of `\\` does not
# begin one.
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_HOP_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer", "expect"}
)


class ForeignMessageError(Exception):
    """No sandbox of ours sends this: its process is no longer itself."""


@dataclass(frozen=True, slots=True)
class Begun:
    isolation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DbChange:
    key: str
    value: Json


@dataclass(frozen=True, slots=True)
class Export:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Fetch:
    id: int
    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    id: int


@dataclass(frozen=True, slots=True)
class Compiled:
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class End:
    error: CodeFailure | None
    exited: str | None
    missing: tuple[str, ...]
    dropped_logs: int
    value: Json


Message: TypeAlias = Begun | DbChange | Export | Fetch | Cancel | Compiled | End | Emit | LogLine | CodeResponse


def read(line: bytes, limits: Limits) -> Message:
    """Raises ForeignMessageError; for a value that is nested too deeply TooLargeError, with what it was."""
    try:
        parts = decode(_well_formed(line), MAX_DEPTH + 3, 4 * limits.output_bytes + 65_536)
    except InvalidError as error:
        # What code can bring about by the values that it gives out; anything else is no message of ours.
        if b"[" * 4 in line or "nested" in error.message:
            raise InvalidError(f"What the code gave out cannot be kept: {error.message}") from error
        raise ForeignMessageError(error.message) from error
    try:
        return _message(parts, limits)
    except (LookupError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise ForeignMessageError("a message has an unexpected form") from error


def _well_formed(line: bytes) -> bytes:
    """JavaScript's strings may hold halves of characters; what can be stored cannot."""
    if b"\\ud" not in line and b"\\uD" not in line:
        return line
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], line)


def _message(parts: Any, limits: Limits) -> Message:
    kind, *rest = parts
    match kind, rest:
        case "emit", [event, dict(meta)]:
            return Emit(event, meta)
        case "db", [str(key), value]:
            return DbChange(key, value)
        case "log", [str(level), int(ts), str(text)] if level in _LEVELS:
            return LogLine(level, text[: limits.log_line_bytes + 3], ts)
        case "respond", [dict(answer)]:
            return _response(answer)
        case "export", [str(name), value]:
            return Export(name, value)
        case "fetch", [int(id_), dict(wanted)]:
            return Fetch(id_, _request(wanted, limits))
        case "cancel", [int(id_)]:
            return Cancel(id_)
        case "begun", [list(isolation)]:
            return Begun(tuple(one for one in isolation if one in _MEASURES))
        case "compiled", [dict(files)]:
            return Compiled({_text(path): _text(code) for path, code in files.items()})
        case "end", [dict(how), list(missing), value]:
            return _end(how, missing, value)
    raise ValueError(kind)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _body(given: Mapping[str, Any]) -> bytes | None:
    if "b64" in given:
        return base64.b64decode(_text(given["b64"]), validate=True)
    return _text(given["text"]).encode() if "text" in given else None


def _response(answer: Mapping[str, Any]) -> CodeResponse:
    status = answer["status"]
    if not isinstance(status, int | float) or not 100 <= int(status) <= 599:
        raise ValueError(status)
    headers = {
        name.lower(): " ".join(_text(value).split("\n")).replace("\r", "")
        for name, value in answer["headers"].items()
        if _HEADER.fullmatch(name) and name.lower() not in _HOP_HEADERS
    }
    if "type" in answer:
        headers.setdefault("content-type", _text(answer["type"]))
    return CodeResponse(int(status), headers, _body(answer) or b"")


def _request(wanted: Mapping[str, Any], limits: Limits) -> HttpRequest:
    method, body, timeout = _text(wanted["method"]), _body(wanted), wanted.get("timeout")
    if not _METHOD.fullmatch(method):
        raise ValueError(method)
    headers: dict[str, str] = {}
    for name, value in wanted["headers"]:
        if _text(name).lower() not in _HOP_HEADERS:
            headers[name.lower()] = _text(value)
    seconds = limits.fetch_seconds
    if isinstance(timeout, int | float) and timeout > 0:
        seconds = min(seconds, timeout / 1000)
    return HttpRequest(
        method,
        _text(wanted["url"]),
        headers,
        body,
        timeout_seconds=seconds,
        connect_timeout_seconds=min(10.0, seconds),
        max_response_bytes=limits.fetch_response_bytes,
        max_redirects=max(0, min(10, int(wanted["redirects"]))),
    )


def _end(how: Mapping[str, Any], missing: list[Any], value: Json) -> End:
    error = how.get("error")
    exited = how.get("exited")
    return End(
        None if error is None else _failure(error),
        None if exited is None else _text(exited),
        tuple(sorted(_text(name)[:200] for name in missing)),
        int(how.get("dropped", 0)),
        value,
    )


def _failure(error: Mapping[str, Any]) -> CodeFailure:
    line, file = error.get("line"), error.get("file")
    return CodeFailure(
        _text(error["name"]),
        _text(error["message"]),
        _text(error.get("stack") or ""),
        None if file is None else _text(file),
        None if line is None else int(line),
    )
