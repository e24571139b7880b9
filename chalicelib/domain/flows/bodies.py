"""What calls of flows send and get, as bytes: JSON, XML, CSV, forms and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from chalicelib.domain.errors import MalformedJsonError, TooLargeError
from chalicelib.domain.flows.csv import CsvRules, records_of_csv
from chalicelib.domain.flows.http import USUAL_CSV, USUAL_XML, FlowHttpError, as_object
from chalicelib.domain.flows.xml import Element, XmlRules, document_json, parse_xml
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
    "csv": "text/csv",
}
_CSV_TYPES = frozenset({"text/csv", "application/csv", "text/comma-separated-values"})
_XML_TYPES = frozenset({"application/xml", "text/xml"})
_TYPES_OF_ANYTHING = frozenset({"text/plain", "text/html", "text/javascript"})
# Fixed and not drawn: header and body are made apart from each other, and have to agree.
_BOUNDARY = "penstock-form-boundary-7d91c2"


def content_type(media: str) -> str:
    kind = CONTENT_TYPES.get(media, media)
    return f"{kind}; boundary={_BOUNDARY}" if media == "form-data" else kind


def accepted(media: str) -> str:
    """The header that asks for a media type before all others."""
    # And anything else rather than a 406 from a receiver that knows one type alone.
    return f"{CONTENT_TYPES.get(media) or 'application/json'}, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Parsed:
    """`root` is there for XML."""

    body: Json
    root: Element | None = None


def parsed(
    response: HttpResponse, media: str, usual: str = "", xml: XmlRules = USUAL_XML, csv: CsvRules = USUAL_CSV
) -> Parsed:
    """The body by its media type: the one that it is to have, else the one that it says to have, else the one that is
    `usual`; what has none of them is text. Raises InvalidError for what is not of the type."""
    raw = response.body
    if not raw.strip():
        # A 204, or a 200 that says nothing, is no malformed document.
        return Parsed(None)
    kind, charset = _content_type(response)
    match media or _media_said(kind) or usual or _media_looked_like(raw, kind):
        case "json":
            return Parsed(decode(raw, max_bytes=MAX_ANSWER_BYTES))
        case "xml":
            root = parse_xml(raw, charset or None)
            return Parsed(document_json(root, xml), root)
        case "csv":
            return Parsed(list[Json](records_of_csv(raw, csv, charset)))
        case _:
            return Parsed(raw.decode("utf-8", "replace"))


def _content_type(response: HttpResponse) -> tuple[str, str]:
    """Type and charset, as far as the answer says."""
    kind, *parameters = response.headers.get("content-type", "").lower().split(";")
    said = (each.strip() for each in parameters)
    charset = next((each[8:].strip("\"' ") for each in said if each.startswith("charset=")), "")
    return kind.strip(), charset


def _media_said(kind: str) -> str:
    if kind.endswith(("/json", "+json")):
        return "json"
    if kind in _CSV_TYPES:
        return "csv"
    # Pages and pictures are XML as well, but nobody's records.
    return "xml" if kind in _XML_TYPES or (kind.startswith("application/") and kind.endswith("+xml")) else ""


def _media_looked_like(raw: bytes, kind: str) -> str:
    """Of answers that name no type, or one that many send with JSON."""
    if kind == "":
        return "xml" if raw.lstrip()[:1] == b"<" else "json"
    return "json" if raw.lstrip()[:1] in (b"{", b"[") and kind in _TYPES_OF_ANYTHING else ""


def of_text(text: str, media: str) -> bytes:
    """What a template made, in the form of the media type. Raises FlowHttpError for what is to be JSON and is none."""
    if media in FORMS:
        return _formed(_object_in(text), media) if text.lstrip().startswith("{") else text.encode()
    if media == "json" and text.strip():
        _check_json(text)
    return text.encode("utf-8", "replace")


def of_payload(payload: Json, media: str) -> bytes:
    """A mapped record, or records, in the form of the media type. Raises FlowHttpError for XML, which only a template
    can make."""
    if media in FORMS:
        return _formed(as_object(payload), media)
    if media == "xml" and not isinstance(payload, str):
        raise FlowHttpError("resource", "invalid_body", "A body of XML has to be made by a template.")
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
    # As browsers do it: a quote or a line's end would end the header that the name stands in.
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
