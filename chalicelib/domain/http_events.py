"""HTTP requests as events of sources, and the forms that their bodies come in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.json import Json, decode

MAX_BODY_BYTES = 512 * 1024
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[\w.+-]+\+)?json", re.ASCII)
_PARAMETER = re.compile(r';\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.ASCII)
_MOST_PARTS = 1_000


@dataclass(frozen=True, slots=True)
class HttpEvent:
    """A request to a source. `path` is the part behind the address of the prop; header names come in any case, and a
    query parameter has all its values."""

    method: str
    path: str = "/"
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def to_event(request: HttpEvent) -> dict[str, Json]:
    """What `run` gets. `body` is missing where there is none. Raises TooLargeError."""
    if len(request.body) > MAX_BODY_BYTES:
        raise TooLargeError("payload too large", limit=MAX_BODY_BYTES, size=len(request.body))
    headers: dict[str, Json] = {name.lower(): value for name, value in request.headers.items()}
    raw = request.body.decode("utf-8", "replace")
    event: dict[str, Json] = {
        "method": request.method.upper(),
        "path": request.path if request.path.startswith("/") else f"/{request.path}",
        "query": {name: _one_or_all(values) for name, values in request.query.items()},
        "headers": headers,
        "bodyRaw": raw,
    }
    return {**event, "body": _body(request.body, raw, str(headers.get("content-type", "")))} if raw else event


def _one_or_all(values: Sequence[str]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def _body(raw: bytes, text: str, content_type: str) -> Json:
    type_ = content_type.split(";")[0].strip().lower()
    if _JSON_TYPE.fullmatch(type_):
        try:
            return decode(raw)
        except InvalidError:
            return text
    if type_ == "multipart/form-data":
        boundary = _parameters(content_type).get("boundary")
        return dict(_fields(raw, boundary)) if boundary else text
    return text


def _fields(raw: bytes, boundary: str) -> Iterator[tuple[str, Json]]:
    """Fields of a form; of a file, its content as text. A name that comes again counts last."""
    # What stands before the first boundary is a preamble, which means nothing.
    for part in raw.split(b"--" + boundary.encode())[1:_MOST_PARTS]:
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        # Two dashes behind a boundary end the form.
        if part.startswith(b"--") or not blank:
            continue
        name = _field_name(head.decode("utf-8", "replace"))
        if name is not None:
            yield name, content.removesuffix(b"\r\n").decode("utf-8", "replace")


def _field_name(head: str) -> str | None:
    for line in head.split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            return _parameters(value).get("name")
    return None


def _parameters(value: str) -> dict[str, str]:
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3].strip()
        for match in _PARAMETER.finditer(value)
    }
