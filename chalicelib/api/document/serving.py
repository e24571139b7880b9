"""The document as it is sent: made once per process, the address of the installation put in for each that is asked at.

A process that was not asked for it holds none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.describe import DoorDocument
from chalicelib.api.document.build import openapi

Doors = Callable[[], Iterable[DoorDocument]]

# Kept by its reader alone: a shared cache would hand out the address that somebody else had asked at.
_CACHE_CONTROL = "private, max-age=300"


def served(call: Call, base_url: str, doors: Doors) -> Reply:
    """With a strong tag, by which a caller that has it already is told so."""
    text = text_for(base_url, doors)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _CACHE_CONTROL}
    if has(call, tag):
        return Reply(304, headers=headers)
    return Reply(200, headers={**headers, "Content-Type": "application/json; charset=utf-8"}, text=text)


def has(call: Call, tag: str) -> bool:
    """Whether the caller says that it has the version of this tag."""
    known = [each.strip() for each in call.headers.get("if-none-match", "").split(",")]
    return "*" in known or tag in known or f"W/{tag}" in known


def text_for(base_url: str, doors: Doors) -> str:
    """The document, with the one server that it describes."""
    servers = msgspec.json.encode([{"url": base_url}]).decode()
    # Put together as text: the rest is the same for every address, and half a megabyte that is made once.
    return f'{{"servers":{servers},{_rest(doors)}'


@cache
def _rest(doors: Doors) -> str:
    """What follows the first brace of the document without servers."""
    return msgspec.json.encode(openapi(doors())).decode()[1:]
