"""Helpers that encode, decode, serialize and sign."""

from __future__ import annotations

import base64
import hashlib
import hmac as hmacs
import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from ...errors import InvalidError
from ...json import decode, encode_text
from ..runtime import MAX_OUTPUT
from ..values import UNDEFINED, Refused, to_text
from .registry import Call, helper, text

UNRESERVED = "!'()*~-._"
"""What encodeURIComponent leaves as it is, besides letters and digits."""

_ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_CODECS = {
    "utf8": "utf-8",
    # Node writes `ascii` with eight bits, and only reads it with seven.
    "ascii": "latin-1",
    "latin1": "latin-1",
    "binary": "latin-1",
    "ucs2": "utf-16-le",
    "utf16le": "utf-16-le",
}
_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:(?=//)")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_HTML_TABLE = str.maketrans(_HTML)
_JSON_GROWTH = 4


def percent_encoded(value: str) -> str:
    return quote(value, safe=UNRESERVED)


@helper("encodeURI", 1)
def encode_uri(value: Any) -> str:
    return percent_encoded(text(value))


@helper("decodeURI", 1)
def decode_uri(value: Any) -> str:
    whole = text(value)
    try:
        # `unquote` leaves what is malformed as it stands, where JavaScript throws.
        if _MALFORMED.search(whole):
            raise Refused("decodeURI takes two hexadecimal digits after each percent sign")
        return unquote(whole, errors="strict")
    except UnicodeDecodeError as error:
        raise Refused("decodeURI takes UTF-8 behind the percent signs") from error


@helper("htmlEncode", 1)
def html_encode(value: Any) -> str:
    return xml_inner(text(value))


def xml_inner(value: str) -> str:
    return value.translate(_HTML_TABLE)


@helper("htmlDecode", 1)
def html_decode(value: Any) -> str:
    return html.unescape(text(value))


@helper("stripProtocol", 1)
def strip_protocol(value: Any) -> str:
    return _SCHEME.sub("", text(value))


@helper("stripQuerystring", 1)
def strip_query(value: Any) -> str:
    return text(value).partition("?")[0]


@helper("base64Encode", 1, 2)
def base64_encode(value: Any, form: Any = "utf8") -> str:
    return base64.b64encode(_bytes(text(value), form)).decode()


@helper("base64Decode", 1, 2)
def base64_decode(value: Any, form: Any = "utf8") -> str:
    raw, name = _from_base64(text(value)), _form(form)
    if name == "hex":
        return raw.hex()
    if name == "base64":
        return base64.b64encode(raw).decode()
    if name == "ascii":
        return bytes(byte & 0x7F for byte in raw).decode("ascii")
    return raw.decode(_CODECS[name], errors="replace")


def _bytes(value: str, form: Any) -> bytes:
    name = _form(form)
    if name == "base64":
        return _from_base64(value)
    if name == "hex":
        try:
            return bytes.fromhex(value)
        except ValueError as error:
            raise Refused("the text is not hexadecimal") from error
    return value.encode(_CODECS[name], errors="replace")


def _form(form: Any) -> str:
    name = text(form).lower().replace("-", "") or "utf8"
    if name not in _CODECS and name not in ("hex", "base64"):
        raise Refused(f"{text(form)[:20]!r} is no encoding of texts")
    return name


def _from_base64(value: str) -> bytes:
    """Lenient, as Node is: both alphabets, no need of padding, anything else passed over."""
    standard = _NO_BASE64.sub("", value.partition("=")[0].replace("-", "+").replace("_", "/"))
    # A letter that is left over has six bits, and no byte.
    if len(standard) % 4 == 1:
        standard = standard[:-1]
    return base64.b64decode(standard + "=" * (-len(standard) % 4))


@helper("jsonEncode", 1)
def json_encode(value: Any) -> str:
    """A text as it stands between the quotes of a JSON string; anything else as in a mustache."""
    return json_inner(value) if type(value) is str else to_text(value)


def json_inner(value: str) -> str:
    try:
        return encode_text(value)[1:-1]
    except InvalidError as error:
        raise Refused("a value holds a lone surrogate") from error


@helper("jsonSerialize", 1, with_call=True)
def json_serialize(call: Call, value: Any) -> Any:
    if value is UNDEFINED:
        return UNDEFINED
    try:
        serialized = encode_text(_plain(value))
    except InvalidError as error:
        raise Refused(f"jsonSerialize: {error.message.rstrip('.')}") from error
    call.render.charge(serialized)
    return serialized


helper("jsonStringify", 1, with_call=True)(json_serialize)


def _plain(value: Any) -> Any:
    """JSON as JavaScript writes it: whole numbers without a fraction, nothing for what is not there."""
    if type(value) is float and value.is_integer() and abs(value) < 1e21:
        return int(value)
    if type(value) is list:
        return [None if element is UNDEFINED else _plain(element) for element in value]
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not UNDEFINED}
    return value


@helper("jsonParse", 1, with_call=True)
def json_parse(call: Call, value: Any) -> Any:
    if type(value) is not str:
        return value
    # An empty array takes two characters of text and thirty times that in memory.
    call.render.spend(_JSON_GROWTH * len(value) // 64)
    try:
        return decode(value.encode(), max_bytes=MAX_OUTPUT)
    except InvalidError as error:
        raise Refused(f"jsonParse: {error.message.rstrip('.')}") from error


@helper("hash", 3)
def digest(algorithm: Any, form: Any, value: Any) -> str:
    return _shown("hash", hashlib.new(_algorithm("hash", algorithm), _message(value)).digest(), form)


@helper("hmac", 4, 5)
def hmac(algorithm: Any, key: Any, form: Any, value: Any, key_form: Any = "utf8") -> str:
    signed = hmacs.new(_bytes(text(key), key_form), _message(value), _algorithm("hmac", algorithm))
    return _shown("hmac", signed.digest(), form)


def _message(value: Any) -> bytes:
    return text(value).encode()


def _algorithm(name: str, algorithm: Any) -> str:
    known = text(algorithm).lower().replace("-", "")
    if known not in _ALGORITHMS:
        raise Refused(f"{name} takes one of {', '.join(_ALGORITHMS)}")
    return known


def _shown(name: str, raw: bytes, form: Any) -> str:
    match text(form).lower():
        case "hex":
            return raw.hex()
        case "base64":
            return base64.b64encode(raw).decode()
        case "base64url":
            return base64.urlsafe_b64encode(raw).decode().rstrip("=")
    raise Refused(f"{name} writes hex, base64 or base64url")
