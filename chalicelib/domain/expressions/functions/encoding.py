"""Functions that encode, decode and hash texts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from urllib.parse import quote, unquote

from ...errors import InvalidError
from ...json import Json, decode
from ..runtime import Refused, Render, json_text
from .registry import ANY, TEXT, function

_UNRESERVED = "!'()*~-._"
_JSON_GROWTH = 4


@function("toJson", ANY, with_render=True)
def to_json(render: Render, value: Json) -> str:
    render.measure([value])
    return json_text(value)


@function("fromJson", TEXT, with_render=True)
def from_json(render: Render, text: str) -> Json:
    # An empty array takes two characters of text and thirty times that in memory.
    render.produce(_JSON_GROWTH * len(text))
    try:
        return decode(text.encode())
    except InvalidError as error:
        raise Refused(f"fromJson: {error.message.rstrip('.')}") from error


@function("urlEncode", TEXT)
def url_encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


@function("urlDecode", TEXT)
def url_decode(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise Refused("urlDecode takes UTF-8 behind the percent signs") from error


@function("base64Encode", TEXT)
def base64_encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@function("base64Decode", TEXT)
def base64_decode(text: str) -> str:
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Refused("base64Decode takes Base64 of UTF-8 text") from error


@function("sha256", TEXT)
def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@function("sha512", TEXT)
def sha512(text: str) -> str:
    return hashlib.sha512(text.encode()).hexdigest()


@function("sha1", TEXT)
def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@function("md5", TEXT)
def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@function("hmacSha256", TEXT, TEXT, optional=[TEXT])
def hmac_sha256(text: str, key: str, encoding: str = "hex") -> str:
    digest = hmac.digest(key.encode(), text.encode(), "sha256")
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode()
    raise Refused('hmacSha256 encodes as "hex" or "base64"')
