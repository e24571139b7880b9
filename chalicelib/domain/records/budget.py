"""How much one record's rules may do and build, so that a few rules over one large list cannot fill the memory."""

from __future__ import annotations

from chalicelib.domain.json import MAX_DEPTH, Json

from .errors import RecordError, Source

MAX_SIZE = 12_000_000
_MEMBER_SIZE = 4


class Budget:
    """Counts characters that are built, a few for every member; a part is counted as often as it is referred to."""

    __slots__ = ("_left", "_source")

    def __init__(self, source: Source, size: int = MAX_SIZE) -> None:
        self._source: Source = source
        self._left = size

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise RecordError(self._source, "too_large", "What is built from the record is too large.")

    def charge(self, value: Json, depth: int = 0) -> None:
        """Counts a whole value that comes to lie `depth` levels deep; RecordError if that is too deep to be stored."""
        if isinstance(value, str):
            self.spend(_MEMBER_SIZE + len(value))
            return
        self.spend(_MEMBER_SIZE)
        # Level by level and not by recursion: the depth is what is to be bounded.
        level = [value] if isinstance(value, list | dict) else []
        while level:
            depth += 1
            if depth > MAX_DEPTH:
                raise RecordError(self._source, "too_large", f"A value is nested more than {MAX_DEPTH} levels deep.")
            level = [inner for container in level for inner in self._containers_in(container)]

    def _containers_in(self, container: list[Json] | dict[str, Json]) -> list[list[Json] | dict[str, Json]]:
        size = _MEMBER_SIZE * len(container) + 2
        if isinstance(container, dict):
            size += sum(map(len, container))
        found: list[list[Json] | dict[str, Json]] = []
        for inner in container.values() if isinstance(container, dict) else container:
            if isinstance(inner, str):
                size += len(inner)
            elif isinstance(inner, list | dict):
                found.append(inner)
        self.spend(size)
        return found
