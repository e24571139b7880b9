"""Doors: which dialect a path belongs to, whom it lets in, and how it words an error.

A door is found by the longest of the registered prefixes, so doors may share a prefix and divide what lies below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chalicelib.api.common.call import Call, Reply
from chalicelib.domain.errors import PenstockError


@dataclass(frozen=True, slots=True)
class Door:
    """`prefixes` are whole path segments such as `/v1/workflows`.

    `admit` proves the caller and counts the call, on the call itself, or raises; `shape` words an error, one that is
    in no table included.
    """

    prefixes: tuple[str, ...]
    admit: Callable[[Call], None]
    shape: Callable[[PenstockError], Reply]


class Doors:
    def __init__(self, doors: Iterable[Door], otherwise: Door) -> None:
        """`otherwise` answers at addresses that are no door's."""
        self._by_prefix = {prefix: door for door in doors for prefix in door.prefixes}
        self._otherwise = otherwise

    def at(self, path: str) -> Door:
        prefix = path.rstrip("/")
        while prefix:
            door = self._by_prefix.get(prefix)
            if door is not None:
                return door
            prefix = prefix.rpartition("/")[0]
        return self._otherwise
