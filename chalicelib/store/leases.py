"""Slots with an end, in the table of the counters: one item for a limit, written over what was read of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import Item
from chalicelib.store.table import ConditionFailedError, RawItem, Table, bounded

_LONGEST_NAME = 1024
_ATTEMPTS = 20

Leases = dict[str, tuple[int, int]]
"""How many slots each holder has, and until when, in milliseconds since 1970."""


class LeasesItem(Item):
    name = UnicodeAttribute(hash_key=True)
    leases = UnicodeAttribute()
    revision = NumberAttribute()


class DynamoLeaseStore:
    """The `LeaseStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(
        self,
        name: str,
        holder: str,
        wanted: int,
        limit: int,
        *,
        now: datetime,
        until: datetime,
        is_rival: Callable[[str], bool] | None = None,
    ) -> int:
        raw = self._table.get(_leases(name))
        for _ in range(_ATTEMPTS):
            held = {each: lease for each, lease in _unpacked(raw).items() if lease[1] > epoch_ms(now)}
            # Its own slots count anew: taking again replaces them.
            held.pop(holder, None)
            granted = max(0, min(wanted, limit - sum(count for count, _ in held.values())))
            if is_rival is not None and any(map(is_rival, held)):
                granted = 0
            if granted:
                held[holder] = (granted, epoch_ms(until))
            try:
                self._replace(name, raw, held)
            except ConditionFailedError as failed:
                # The refusal says what is there now, so the next attempt needs no read.
                raw = failed.item or None
            else:
                return granted
        raise UnavailableError("The slots are asked for too often.", name=name)

    def give_back(self, name: str, holder: str) -> None:
        raw = self._table.get(_leases(name))
        for _ in range(_ATTEMPTS):
            held = _unpacked(raw)
            if held.pop(holder, None) is None:
                return
            try:
                self._replace(name, raw, held)
            except ConditionFailedError as failed:
                raw = failed.item or None
            else:
                return
        raise UnavailableError("The slots are asked for too often.", name=name)

    def _replace(self, name: str, seen: RawItem | None, held: Leases) -> None:
        """Raises ConditionFailedError if it is not what was seen."""
        # Nobody gets or loses anything: having asked costs a read alone.
        if held == _unpacked(seen):
            return
        ends = [from_epoch_ms(until) for _, until in held.values()]
        revision = 0 if seen is None else int(LeasesItem.from_raw_data(seen).revision)
        packed: dict[str, Json] = {holder: list(lease) for holder, lease in held.items()}
        # Without holders it may go as soon as with holders that all are late.
        expires_at = max(ends, default=None) or _end_of(seen)
        item = LeasesItem(_leases(name), leases=encode_text(packed), revision=revision + 1, expires_at=expires_at)
        self._table.put(item, _is_at(revision))


def _is_at(revision: int) -> Condition:
    """Guards leases that the caller has not seen. DynamoDB may have forgotten expired ones in between."""
    is_gone = LeasesItem.name.does_not_exist()
    return is_gone if revision == 0 else (LeasesItem.revision == revision) | is_gone


def _unpacked(raw: RawItem | None) -> Leases:
    if raw is None:
        return {}
    found: dict[str, tuple[int, int]] = msgspec.json.decode(LeasesItem.from_raw_data(raw).leases, type=Leases)
    return found


def _end_of(seen: RawItem | None) -> datetime | None:
    return None if seen is None else LeasesItem.from_raw_data(seen).expires_at


def _leases(name: str) -> str:
    """Apart from counters of the same name."""
    return f"leases#{bounded(name, _LONGEST_NAME)}"
