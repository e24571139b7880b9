"""Rounds to and from JSON. Each is written once, however many outcomes lie in it or in rounds around which it is:
what a round began with may be large."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.run import Round
from chalicelib.domain.times import from_epoch_ms


class RoundsWriter:
    """Gathers rounds; `entries` is their JSON. An entry names the round around it by its place among them, which is
    before its own."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._written: list[Round] = []

    def add(self, round_: Round) -> int:
        """The round's place among the entries."""
        # By value, as the same round comes as several objects; they are few, and cannot be hashed with what they carry.
        if round_ in self._written:
            return self._written.index(round_)
        entry: dict[str, Any] = {"container": round_.container, "index": round_.index}
        if round_.carry is not None:
            entry["carry"] = round_.carry
        if round_.begun_at is not None:
            entry["begun"] = epoch_ms(round_.begun_at)
        if round_.outer is not None:
            entry["outer"] = self.add(round_.outer)
        self.entries.append(entry)
        self._written.append(round_)
        return len(self.entries) - 1


def read(entries: Any) -> list[Round]:
    """The rounds in the order of their entries."""
    rounds: list[Round] = []
    for entry in entries:
        rounds.append(
            Round(
                container=entry["container"],
                index=entry["index"],
                carry=entry.get("carry"),
                begun_at=from_epoch_ms(entry["begun"]) if "begun" in entry else None,
                outer=rounds[entry["outer"]] if "outer" in entry else None,
            )
        )
    return rounds


def to_json(round_: Round) -> list[dict[str, Any]]:
    """One round and those around it."""
    writer = RoundsWriter()
    writer.add(round_)
    return writer.entries


def from_json(entries: Any) -> Round | None:
    """None for None."""
    return read(entries)[-1] if entries else None


def all_to_json(rounds: Iterable[Round]) -> dict[str, Any]:
    writer = RoundsWriter()
    places = [writer.add(each) for each in rounds]
    return {"rounds": writer.entries, "at": places}


def all_from_json(members: Any) -> tuple[Round, ...]:
    """None for no rounds."""
    if members is None:
        return ()
    rounds = read(members["rounds"])
    return tuple(rounds[place] for place in members["at"])
