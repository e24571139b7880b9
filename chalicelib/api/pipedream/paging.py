"""Pages of lists that are newest first, and the one form of every reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

from chalicelib.api.common.call import Reply
from chalicelib.api.common.cursors import as_cursor, place_of
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

Shown: TypeAlias = "dict[str, Json]"


class Item(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T", bound=Item)
Missing = Callable[[str], datetime | None]
"""When something was created that is in the list no more, by its id; None if that is not known."""


def page_of(items: Sequence[T], params: Params, missing: Missing) -> tuple[T, ...]:
    """The part of the list (newest first) that `after`, `before` and `limit` ask for.

    A page behind or before something that is gone begins where it stood. Raises InvalidError for what is no cursor.
    """
    limit = params.limit()
    after, before = (_place(items, params, name, missing) for name in ("after", "before"))
    # Newest first, so that `after` asks for what is older.
    between = [
        item for item in items if (after is None or _key(item) < after) and (before is None or _key(item) > before)
    ]
    # Those next to `before`. The limit is at least 1: `[-0:]` would be everything.
    return tuple(between[-limit:] if after is None and before is not None else between[:limit])


def _key(item: Item) -> tuple[datetime, str]:
    return item.created_at, item.id


def _place(items: Sequence[T], params: Params, name: str, missing: Missing) -> tuple[datetime, str] | None:
    text = params.text(name)
    if not text:
        return None
    try:
        id_ = place_of(text, name)
    except InvalidError as error:
        raise InvalidError(f"{name} is not a cursor", field=name) from error
    created_at = next((item.created_at for item in items if item.id == id_), None) or missing(id_)
    if created_at is None:
        raise InvalidError(f"{name} is not a cursor of this list", field=name)
    return created_at, id_


def page_info(ids: Sequence[str], total: int) -> Shown:
    """`ids` are those of the resources on the page."""
    cursors = [as_cursor(id_) for id_ in ids]
    return {
        "total_count": total,
        "count": len(cursors),
        "start_cursor": cursors[0] if cursors else None,
        "end_cursor": cursors[-1] if cursors else None,
    }


def one(params: Params, shown: Shown) -> Reply:
    return Reply(200, {"data": _chosen(shown, params)})


def many(params: Params, shown: Iterable[Shown], info: Shown | None = None) -> Reply:
    data: list[Json] = [_chosen(each, params) for each in shown]
    return Reply(200, {"data": data} if info is None else {"page_info": info, "data": data})


def _chosen(shown: Shown, params: Params) -> Shown:
    """Without the members that the caller does not want: `include` first, then `exclude`."""
    return {name: value for name, value in shown.items() if params.wants(name)}
