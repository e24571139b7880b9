"""Functions on any value: conversion, kind, presence, and what a render draws."""

from __future__ import annotations

from ...json import Json
from ..runtime import Refused, Render, type_name
from .registry import ANY, TEXT, function

_TRUE_WORDS = {"true", "yes", "on", "1"}
_FALSE_WORDS = {"false", "no", "off", "0", ""}


@function("toString", ANY, with_render=True)
def to_string(render: Render, value: Json) -> str:
    return render.text(value)


@function("toBoolean", ANY)
def to_boolean(value: Json) -> bool:
    if not isinstance(value, str):
        return bool(value)
    word = value[:20].strip().lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise Refused(f"{value[:40]!r} is neither true nor false")
    return word in _TRUE_WORDS


@function("typeOf", ANY)
def type_of(value: Json) -> str:
    return type_name(value)


@function("isEmpty", ANY)
def is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


@function("length", ANY)
def length(value: Json) -> int:
    if value is None:
        return 0
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise Refused(f"a {type_name(value)} has no length")


@function("coalesce", ANY, rest=ANY)
def coalesce(*values: Json) -> Json:
    return next((value for value in values if value is not None), None)


@function("uuid", with_render=True)
def uuid(render: Render) -> str:
    drawn = bytearray(render.draw()[:16])
    # The version, 4, and the variant have fixed places (RFC 9562).
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    digits = drawn.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@function("fail", TEXT)
def fail(message: str) -> Json:
    """For a value that must be there: `$input.id ?? fail("id is missing")`."""
    raise Refused(message[:200])
