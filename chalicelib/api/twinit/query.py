"""Query parameters of this dialect. Its documentation spells their names in several ways, so that their case does not
matter; each call names a namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import span
from chalicelib.api.twinit.times import clamped
from chalicelib.domain.errors import ForbiddenError, InvalidError, PenstockError
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json, decode

T = TypeVar("T")

DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 1_000
MAX_NAMESPACE_LENGTH = 255
_MAX_DIGITS = 15  # far beyond any list, and quick to read
_MAX_SORT_BYTES = 4_096
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


@dataclass(frozen=True, slots=True)
class Paging:
    offset: int
    size: int

    def of(self, items: list[T]) -> list[T]:
        return items[self.offset : self.offset + self.size]

    def reply(self, total: int, items: Iterable[Json]) -> Reply:
        return Reply(200, {"_offset": self.offset, "_pageSize": self.size, "_total": total, "_list": [*items]})


@dataclass(frozen=True, slots=True)
class Sort:
    """Fields with their directions, in order of precedence."""

    fields: tuple[tuple[str, bool], ...]

    def apply(self, items: list[T], keys: Mapping[str, Callable[[T], Any]]) -> list[T]:
        """Sorted by those of the fields that `keys` knows; absent values go first where smaller ones do."""
        # Least important first: sorting is stable, also in reverse, so what is sorted by last decides first.
        for name, descending in reversed(self.fields):
            if name in keys:
                items = sorted(items, key=_present(keys[name]), reverse=descending)
        return items

    def known(self, names: Iterable[str]) -> Sort:
        known = set(names)
        return Sort(tuple(field for field in self.fields if field[0] in known))


def _present(key: Callable[[T], Any]) -> Callable[[T], Any]:
    def present(item: T) -> tuple[bool, Any]:
        value = key(item)
        # None is never compared with a value: the first of the pair decides between them.
        return (False, "") if value is None else (True, value)

    return present


def text(call: Call, *names: str) -> str | None:
    """The last value of a parameter, whichever of its names it goes by and in whatever case."""
    found = {name.lower(): values for name, values in call.query.items()}
    return next((found[name.lower()][-1] for name in names if found.get(name.lower())), None)


def namespace(call: Call) -> str:
    """The namespace that the call is about. Raises InvalidError, ForbiddenError."""
    name = text(call, "nsfilter")
    if not name or not name.strip():
        raise InvalidError("'nsfilter' is missing", field="nsfilter")
    if len(name) > MAX_NAMESPACE_LENGTH:
        raise InvalidError(f"'nsfilter' is longer than {MAX_NAMESPACE_LENGTH} characters", field="nsfilter")
    allow_namespaces(call.principal, [name])
    return name


def allow_namespaces(principal: Principal, names: Iterable[str]) -> None:
    """Raises ForbiddenError if the caller's key is restricted to other namespaces."""
    allowed = principal.namespaces
    for name in names:
        if allowed is not None and name not in allowed:
            raise ForbiddenError(f"There is no access to the namespace '{name[:100]}'.")


def paging(call: Call) -> Paging:
    """Raises InvalidError."""
    size = _whole(call, DEFAULT_PAGE_SIZE, "_pageSize", "_count")
    return Paging(_whole(call, 0, "_offset"), min(size, MAX_PAGE_SIZE))


def _whole(call: Call, default: int, *names: str) -> int:
    value = text(call, *names)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS):
        raise InvalidError(f"'{names[0]}' is not a whole number from 0 up", field=names[0])
    return int(value)


def flag(call: Call, name: str) -> bool:
    value = (text(call, name) or "false").lower()
    if value not in TRUE | FALSE:
        raise InvalidError(f"'{name}' is neither true nor false", field=name)
    return value in TRUE


def moments(call: Call) -> tuple[datetime | None, datetime | None]:
    """`startDate` and `endDate`, both inclusive. Raises InvalidError."""
    start, end = text(call, "startDate"), text(call, "endDate")
    since = None if start is None else span(clamped(start), "startDate")[0]
    until = None if end is None else span(clamped(end), "endDate")[1]
    return since, until


def sort(call: Call) -> Sort:
    """Raises InvalidError."""
    value = text(call, "sort")
    if value is None or not value.strip():
        return Sort(())
    try:
        # Members keep their order, which is that of precedence.
        fields = decode(value.encode(), max_depth=2, max_bytes=_MAX_SORT_BYTES)
    except (PenstockError, UnicodeEncodeError) as error:
        raise InvalidError("'sort' is not a JSON object", field="sort") from error
    if not isinstance(fields, dict):
        raise InvalidError("'sort' is not a JSON object", field="sort")
    return Sort(tuple((name, _is_descending(name, direction)) for name, direction in fields.items()))


def _is_descending(name: str, direction: Json) -> bool:
    if isinstance(direction, bool) or direction not in (1, -1):
        raise InvalidError(f"the direction of '{name[:100]}' is neither 1 nor -1", field="sort")
    return direction == -1


def contains(part: str | None, whole: str) -> bool:
    """Whether a partial search term, if there is one, is found, whatever its case."""
    return part is None or part.casefold() in whole.casefold()
