"""Doors: which dialect a call belongs to, whom it lets in, and how it words an error.

A door is found by the longest of the registered prefixes, so doors may share a prefix and divide what lies below. Where
two dialects have the very same addresses, a guest takes those of the calls that it knows as its own by their looks, the
caller unseen: so a call that is refused at once is refused in the right words, too.
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
    complete: Callable[[Call, Reply], Reply] | None = None
    """Adds to a worded error what only the call tells."""

    def refusal(self, call: Call, error: PenstockError) -> Reply:
        reply = self.shape(error)
        return reply if self.complete is None else self.complete(call, reply)


Takes = Callable[[Call], bool]
"""Whether a call at an address of another dialect is a guest's. It may look at all of the call but who sent it."""


@dataclass(frozen=True, slots=True)
class Guest:
    """`alone_at` is an address pattern that no other door has: what the guest does not take there is nobody's."""

    door: Door
    takes: Takes
    alone_at: str | None = None


class Doors:
    def __init__(self, doors: Iterable[Door], otherwise: Door, guests: Iterable[Guest] = ()) -> None:
        """`otherwise` answers at addresses that are no door's."""
        self._by_prefix = {prefix: door for door in doors for prefix in door.prefixes}
        self._otherwise = otherwise
        self._guests = tuple(guests)

    def of(self, call: Call) -> Door:
        for guest in self._guests:
            if guest.takes(call):
                return guest.door
        return self._at(call.path)

    def is_nobodys(self, pattern: str, call: Call) -> bool:
        """Whether an address that fits the pattern of a route is none all the same."""
        return any(guest.alone_at == pattern and not guest.takes(call) for guest in self._guests)

    def _at(self, path: str) -> Door:
        prefix = path.rstrip("/")
        while prefix:
            door = self._by_prefix.get(prefix)
            if door is not None:
                return door
            prefix = prefix.rpartition("/")[0]
        return self._otherwise
