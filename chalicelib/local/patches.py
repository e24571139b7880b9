"""Replacing attributes of foreign classes for a while, and putting every one of them back."""

from __future__ import annotations

_ABSENT = object()


class Patches:
    """A reversible set of replacements. `undo` restores in reverse order and may be called twice."""

    def __init__(self) -> None:
        self._done: list[tuple[object, str, object]] = []

    def replace(self, owner: object, name: str, replacement: object) -> None:
        # An inherited attribute must be deleted again, not pinned to the subclass.
        self._done.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        while self._done:
            owner, name, original = self._done.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
