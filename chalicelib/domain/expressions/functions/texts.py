"""Functions on texts. Whatever can grow beyond its arguments is charged before it is built."""

from __future__ import annotations

import re
import unicodedata

from ...json import Json
from ..operators import contains as is_contained
from ..runtime import Refused, Render
from .registry import ANY, INTEGER, LIST, SEQUENCE, TEXT, function

_ELEMENT_SIZE = 8
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


@function("lower", TEXT)
def lower(text: str) -> str:
    return text.lower()


@function("upper", TEXT)
def upper(text: str) -> str:
    return text.upper()


@function("capitalize", TEXT)
def capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


@function("trim", TEXT)
def trim(text: str) -> str:
    return text.strip()


@function("split", TEXT, TEXT, with_render=True)
def split(render: Render, text: str, separator: str) -> list[str]:
    pieces = len(text) if not separator else text.count(separator) + 1
    render.produce(len(text) + _ELEMENT_SIZE * pieces)
    return text.split(separator) if separator else list(text)


@function("join", LIST, optional=[TEXT], with_render=True)
def join(render: Render, items: list[Json], separator: str = ",") -> str:
    render.produce(len(separator) * len(items))
    texts = []
    for item in items:
        text = render.text(item)
        render.produce(len(text))
        texts.append(text)
    return separator.join(texts)


@function("replace", TEXT, TEXT, TEXT, with_render=True)
def replace(render: Render, text: str, search: str, replacement: str) -> str:
    if not search:
        raise Refused("replace cannot search for the empty string")
    render.produce(text.count(search) * len(replacement))
    return text.replace(search, replacement)


@function("contains", ANY, ANY, with_render=True)
def contains(render: Render, container: Json, part: Json) -> bool:
    return is_contained(render, part, container)


@function("startsWith", TEXT, TEXT)
def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


@function("endsWith", TEXT, TEXT)
def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


@function("substring", TEXT, INTEGER, optional=[INTEGER])
def substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


@function("padStart", TEXT, INTEGER, optional=[TEXT], with_render=True)
def pad_start(render: Render, text: str, length: int, fill: str = " ") -> str:
    return _padding(render, length - len(text), fill) + text


@function("padEnd", TEXT, INTEGER, optional=[TEXT], with_render=True)
def pad_end(render: Render, text: str, length: int, fill: str = " ") -> str:
    return text + _padding(render, length - len(text), fill)


def _padding(render: Render, missing: int, fill: str) -> str:
    if missing <= 0:
        return ""
    if not fill:
        raise Refused("the fill of a padding cannot be the empty string")
    render.produce(missing + len(fill))
    return (fill * (missing // len(fill) + 1))[:missing]


@function("repeat", TEXT, INTEGER, with_render=True)
def repeat(render: Render, text: str, count: int) -> str:
    if count < 0:
        raise Refused("repeat takes a count that is not negative")
    render.produce(count * len(text))
    return text * count if text else ""


@function("reverse", SEQUENCE)
def reverse(sequence: list[Json] | str) -> list[Json] | str:
    return sequence[::-1]


@function("slug", TEXT)
def slug(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_IN_SLUG.sub("-", ascii_text.lower()).strip("-")


@function("matches", TEXT, TEXT)
def matches(text: str, pattern: str) -> bool:
    """Whether the whole text fits a pattern in which `*` stands for any characters; linear."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end < len(first):
        return False
    position = len(first)
    for piece in middle:
        # The first place of a piece leaves the most room to those behind it, so none has to be tried again.
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True
