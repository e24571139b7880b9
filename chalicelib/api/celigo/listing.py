"""Lists: bare arrays, an empty one being no body at all, with the members that were asked for and links to other pages.

Links carry everything that the caller asked for, at the address at which the caller reached us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from chalicelib.api.common.call import Call, Reply
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.flows import is_object_id
from chalicelib.domain.json import Json

T = TypeVar("T")
Members = dict[str, Json]
Projection = Callable[[Members], Members]

MAX_LIMIT = 1_000
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""A page is cut before it grows too large to be answered."""
INVALID = "invalid_query_params"
BOTH = "Please provide either include or exclude param in the request query and not both."

_NAMES = re.compile(r"[A-Za-z0-9_.,]+")
_ALWAYS = ("_id", "name")
_PLACES = ("after", "before", "limit", "skip")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in the order of their ids, and whether there are others on either side of them."""

    items: Sequence[T]
    has_next: bool
    has_previous: bool


def refuse(name: str, message: str) -> InvalidError:
    return InvalidError(message, field=name, code=INVALID)


def limit_of(call: Call, default: int = MAX_LIMIT) -> int:
    """Raises InvalidError."""
    text = call.param("limit")
    if text is None or text == "":
        return default
    # ASCII, because superscripts are digits to `isdigit` and none to `int`.
    if not (text.isascii() and text.isdigit() and len(text) <= 4) or not 1 <= int(text) <= MAX_LIMIT:
        raise refuse("limit", f"limit has to be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def offset_of(call: Call) -> int:
    text = call.param("offset")
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise refuse("offset", "offset has to be a whole number from 0.")
    return int(text)


def place_of(call: Call, name: str) -> str | None:
    """The id that `after` or `before` names."""
    text = call.param(name)
    if text is None or text == "":
        return None
    if not is_object_id(text):
        raise refuse(name, f"{name} is none of our links'.")
    return text


def id_of(call: Call, name: str) -> str | None:
    """A filter by an id. One that nothing could have is as good as an unknown one."""
    return call.param(name) or None


def flag_of(call: Call, name: str) -> bool | None:
    text = call.param(name)
    if text is None or text == "":
        return None
    if text.lower() not in ("true", "false"):
        raise refuse(name, f"{name} has to be true or false.")
    return text.lower() == "true"


def projection(call: Call, *always: str) -> Projection:
    """What `include` or `exclude` leave of an object; `always` are members that are included anyway. Raises
    InvalidError."""
    include, exclude = _names(call, "include"), _names(call, "exclude")
    if include and exclude:
        raise InvalidError(BOTH, code=INVALID)
    if include:
        return lambda members: _included(members, (*_ALWAYS, *always, *include))
    if exclude:
        paths = [path.split(".") for path in exclude if path != "_id"]
        return lambda members: _excluded(members, paths)
    return lambda members: members


def page_of(items: Sequence[T], id_: Callable[[T], str], call: Call) -> Page[T]:
    """The part of a list, in the order of its ids, that the call asks for."""
    limit, after, before = limit_of(call), place_of(call, "after"), place_of(call, "before")
    skip = 0 if after or before else _skipped(call)
    left = [item for item in items if (after is None or id_(item) > after) and (before is None or id_(item) < before)]
    if before is not None:
        shown = left[-limit:]
        # Whoever goes back has a page to return to.
        return Page(shown, has_next=True, has_previous=len(left) > len(shown))
    shown = left[skip : skip + limit]
    return Page(shown, len(left) > skip + len(shown), (after is not None or skip > 0) and bool(shown))


def reply(
    call: Call, page: Page[T], id_: Callable[[T], str], shown: Iterable[tuple[T, Members]], base_url: str
) -> Reply:
    """204 without a body where there is nothing. `shown` are the page's items as the caller sees them."""
    sent: list[Json] = []
    size = 0
    first = last = None
    is_cut = False
    for item, members in shown:
        size += len(msgspec.json.encode(members))
        # The first is sent whatever its size, or no page would come after this one.
        if sent and size > MAX_PAGE_BYTES:
            is_cut = True
            break
        sent.append(members)
        first, last = first or item, item
    if first is None or last is None:
        return Reply(204)
    links = []
    if page.has_next or is_cut:
        links.append(_link(call, base_url, "next", after=id_(last)))
    if page.has_previous:
        links.append(_link(call, base_url, "prev", before=id_(first)))
    return Reply(200, sent, {"Link": ", ".join(links)} if links else {})


def plain(items: Sequence[Json]) -> Reply:
    """A list that is not paged."""
    return Reply(200, list(items)) if items else Reply(204)


def _skipped(call: Call) -> int:
    text = call.param("skip")
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise refuse("skip", "skip has to be a whole number from 0.")
    return int(text)


def _link(call: Call, base_url: str, relation: str, **place: str) -> str:
    asked = [(name, value) for name, values in call.query.items() if name not in _PLACES for value in values]
    query = urlencode([*asked, *place.items(), ("limit", str(limit_of(call)))])
    return f'<{base_url}{call.path.rstrip("/")}?{query}>; rel="{relation}"'


def _names(call: Call, name: str) -> tuple[str, ...]:
    text = call.param(name)
    if not text:
        return ()
    if _NAMES.fullmatch(text) is None:
        raise refuse(name, f"The {name} param may contain only letters, digits, '_', '.' and ','.")
    return tuple(dict.fromkeys(part.strip(".") for part in text.split(",") if part.strip(".")))


def _included(members: Members, names: Sequence[str]) -> Members:
    kept: Members = {}
    for name in names:
        kept = _merged(kept, _narrowed(members, name.split(".")))
    # In the order of the object, whatever the order of the question.
    return {name: kept[name] for name in members if name in kept}


def _narrowed(value: Members, path: Sequence[str]) -> Members:
    """The one member at the path, in the objects that it lies in; nothing if it is not there."""
    name, rest = path[0], path[1:]
    if name not in value:
        return {}
    inner = value[name]
    if not rest:
        return {name: inner}
    if isinstance(inner, list):
        parts: list[Json] = [_narrowed(each, rest) for each in inner if isinstance(each, dict)]
        return {name: parts} if any(parts) else {}
    narrowed = _narrowed(inner, rest) if isinstance(inner, dict) else {}
    return {name: narrowed} if narrowed else {}


def _merged(one: Members, other: Members) -> Members:
    merged = dict(one)
    for name, value in other.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = _merged(known, value)
        elif isinstance(known, list) and isinstance(value, list) and len(known) == len(value):
            merged[name] = [
                _merged(a, b) if isinstance(a, dict) and isinstance(b, dict) else b
                for a, b in zip(known, value, strict=True)
            ]
        else:
            merged[name] = value
    return merged


def _excluded(members: Members, paths: Sequence[Sequence[str]]) -> Members:
    gone = {path[0] for path in paths if len(path) == 1}
    left: Members = {}
    for name, value in members.items():
        if name in gone:
            continue
        inner = [path[1:] for path in paths if path[0] == name]
        left[name] = _without(value, inner) if inner else value
    return left


def _without(value: Json, paths: Sequence[Sequence[str]]) -> Json:
    if isinstance(value, list):
        return [_without(each, paths) for each in value]
    return _excluded(value, paths) if isinstance(value, dict) else value
