"""What calls of flows send and get, as bytes: JSON, forms and texts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from chalicelib.domain.errors import MalformedJsonError, TooLargeError
from chalicelib.domain.flows.http import FlowHttpError, as_object
from chalicelib.domain.http import HttpResponse
from chalicelib.domain.json import Json, decode, encode

MAX_ANSWER_BYTES = 20 * 1024 * 1024
FORMS = frozenset({"urlencoded", "form-data"})
CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "xml": "application/xml",
    "urlencoded": "application/x-www-form-urlencoded",
    "form-data": "multipart/form-data",
    "plaintext": "text/plain",
}
_BOUNDARY = "penstock-form-boundary-7d91c2"


def content_type(media: str) -> str:
    kind = CONTENT_TYPES.get(media, media)
    return f"{kind}; boundary={_BOUNDARY}" if media == "form-data" else kind


def parsed(response: HttpResponse, media: str) -> Json:
    """The body as JSON if it is, or is to be; else as text. Raises MalformedJsonError, TooLargeError."""
    kind = response.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    raw = response.body
    if not raw.strip():
        return None
    is_json = media == "json" or (not media and (kind.endswith(("/json", "+json")) or kind == ""))
    looks_like = (
        not media and raw.lstrip()[:1] in (b"{", b"[") and kind in ("text/plain", "text/html", "text/javascript")
    )
    if is_json or looks_like:
        return decode(raw, max_bytes=MAX_ANSWER_BYTES)
    return raw.decode("utf-8", "replace")


def of_text(text: str, media: str) -> bytes:
    """What a template made, in the form of the media type. Raises FlowHttpError for what is to be JSON and is none."""
    if media in FORMS:
        return _formed(_object_in(text), media) if text.lstrip().startswith("{") else text.encode()
    if media == "json" and text.strip():
        _check_json(text)
    return text.encode("utf-8", "replace")


def of_payload(payload: Json, media: str) -> bytes:
    """A mapped record, or records, in the form of the media type."""
    if media in FORMS:
        return _formed(as_object(payload), media)
    return payload.encode() if media != "json" and isinstance(payload, str) else encode(payload)


def _check_json(text: str) -> None:
    try:
        decode(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_ANSWER_BYTES)
    except (MalformedJsonError, TooLargeError, UnicodeEncodeError) as error:
        message = "The body that the template makes is not valid JSON."
        raise FlowHttpError("resource", "invalid_body", message) from error


def _object_in(text: str) -> dict[str, Json]:
    try:
        return as_object(decode(text.encode()))
    except (MalformedJsonError, TooLargeError) as error:
        raise FlowHttpError("resource", "invalid_body", "The body that the template makes is no form.") from error


def _formed(members: Mapping[str, Json], media: str) -> bytes:
    texts_ = [(name, value if isinstance(value, str) else encode(value).decode()) for name, value in members.items()]
    if media == "urlencoded":
        return urlencode(texts_).encode()
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in texts_
    ]
    return "".join([*parts, f"--{_BOUNDARY}--\r\n"]).encode()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
