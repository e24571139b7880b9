"""When somebody called last, in the table of the counters: what a limit over a rolling time is counted by."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import StaleWriteError
from chalicelib.store.attributes import Item
from chalicelib.store.table import ConditionFailedError, Table, bounded

_LONGEST_NAME = 1024


class MomentsItem(Item):
    """`moments` are milliseconds since 1970, oldest first, the second and later ones as what they are later than the
    one before: a hundred fit into what DynamoDB counts as one write."""

    name = UnicodeAttribute(hash_key=True)
    moments = UnicodeAttribute()
    revision = NumberAttribute()


class DynamoMomentStore:
    """The `MomentStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, name: str) -> tuple[int, tuple[int, ...]]:
        raw = self._table.get(_moments(name))
        # Revision 0: the replacement is then to find nothing either.
        if raw is None:
            return 0, ()
        item = MomentsItem.from_raw_data(raw)
        return int(item.revision), _unpacked(item.moments)

    def replace(self, name: str, seen: int, moments: tuple[int, ...], expires_at: datetime) -> int:
        item = MomentsItem(_moments(name), moments=_packed(moments), revision=seen + 1, expires_at=expires_at)
        try:
            self._table.put(item, _is_at(seen))
        except ConditionFailedError as failed:
            raise StaleWriteError(name=name) from failed
        return seen + 1


def _is_at(revision: int) -> Condition:
    """Guards moments that the caller has not seen. DynamoDB may have forgotten expired ones, but not in between."""
    return MomentsItem.revision == revision if revision else MomentsItem.name.does_not_exist()


def _packed(moments: tuple[int, ...]) -> str:
    steps = (later - earlier for earlier, later in pairwise(moments))
    return " ".join(map(str, (*moments[:1], *steps)))


def _unpacked(text: str) -> tuple[int, ...]:
    moments: list[int] = []
    for step in map(int, text.split()):
        moments.append(moments[-1] + step if moments else step)
    return tuple(moments)


def _moments(name: str) -> str:
    """Apart from counters of the same name."""
    return f"moments#{bounded(name, _LONGEST_NAME)}"
