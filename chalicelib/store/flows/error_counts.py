"""How many errors of each step of a flow are open: an item for a step, a day and a shard, with a number for each hour.

The transactions that open, resolve and reopen errors change these numbers as well, by the hours in which the errors
occurred, so that they are always what the partitions of open errors hold. Time takes errors away without a write: what
occurred before the last `RETENTION_DAYS` is not added up, and of the one hour that is part in and part out, those that
are left are counted one by one. A number of a single shard may be below zero.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.operand import Path

from chalicelib.domain.flows.flows import RETENTION_DAYS
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import SCHEMA_VERSION
from chalicelib.store.flows.items import FlowItem, counts_of, errors_of, range_of
from chalicelib.store.table import RawItem, Table
from chalicelib.store.transactions import Write

Step = tuple[str, str, str]
"""Workspace, flow, and export or import."""

# Generators of one run open errors of the same step side by side; transactions on one item would refuse each other.
_SHARDS = 8
_HOUR_MS = 3_600_000
_HOURS = 24
_RETENTION = timedelta(days=RETENTION_DAYS)
_TIME_DIGITS = 13


class OpenCountItem(FlowItem):
    """Beside these it has the numbers, under `h0` to `h23`."""

    step_id = UnicodeAttribute()
    day = NumberAttribute()


def day_of(error_id: str) -> int:
    """Whole days since 1970."""
    return _hour_of(error_id) // _HOURS


def oldest_kept(now: datetime) -> str:
    """The range keys of errors that are kept still are not before this."""
    # Expiry is in whole seconds, rounded up: so long the last of them are shown.
    return f"{epoch_ms(now.replace(microsecond=0) - _RETENTION) + 1:0{_TIME_DIGITS}}"


def counting(table: Table, step: Step, error_ids: Iterable[str], sign: int) -> list[Write]:
    """Adds errors to the open ones of their step, or takes them away, as a part of the transaction that does: a write
    for each day on which some of them occurred."""
    hours = Counter(map(_hour_of, ids := list(error_ids)))
    # One shard for the whole transaction, or it would write up to eight items for a day. What is opened in one shard
    # may be resolved in another; only the sum over all of them means anything.
    shard = int(ids[0]) % _SHARDS if ids else 0
    days: dict[int, list[int]] = defaultdict(list)
    for hour in hours:
        days[hour // _HOURS].append(hour)
    return [_adding(table, step, day, shard, {hour: sign * hours[hour] for hour in days[day]}) for day in sorted(days)]


def open_counts(table: Table, workspace_id: str, flow_id: str, now: datetime) -> dict[str, int]:
    """By step; those without open errors are left out."""
    oldest = oldest_kept(now)
    boundary = _hour_of(oldest)
    total: Counter[str] = Counter()
    partly: Counter[str] = Counter()
    for raw in table.query(FlowItem.hk == counts_of(workspace_id, flow_id)):
        step_id = raw["step_id"]["S"]
        for hour, number in _numbers(raw):
            if hour > boundary:
                total[step_id] += number
            elif hour == boundary:
                partly[step_id] += number
    # Unary plus leaves out what is not above zero.
    for step_id in +partly:
        total[step_id] += _left_of_hour(table, (workspace_id, flow_id, step_id), oldest, boundary)
    return dict(+total)


def _left_of_hour(table: Table, step: Step, oldest: str, hour: int) -> int:
    place = errors_of(*step, resolved=False)
    end = f"{(hour + 1) * _HOUR_MS:0{_TIME_DIGITS}}"
    # Ids go on after their time: those of the next hour sort after its bare time, so the inclusive end takes none.
    return table.count((FlowItem.hk == place) & FlowItem.rk.between(oldest, end))


def _adding(table: Table, step: Step, day: int, shard: int, amounts: Mapping[int, int]) -> Write:
    workspace_id, flow_id, step_id = step
    actions = [
        OpenCountItem.step_id.set(step_id),
        OpenCountItem.day.set(day),
        OpenCountItem.v.set(SCHEMA_VERSION),
        OpenCountItem.expires_at.set(_end_of(day) + _RETENTION),
        *(Path(f"h{hour % _HOURS}").add(amount) for hour, amount in sorted(amounts.items())),
    ]
    return table.updating(counts_of(workspace_id, flow_id), range_of(step_id, f"{day}", f"{shard}"), actions)


def _numbers(raw: RawItem) -> Iterable[tuple[int, int]]:
    day = int(raw["day"]["N"])
    for hour in range(_HOURS):
        member = raw.get(f"h{hour}")
        if member is not None:
            yield day * _HOURS + hour, int(member["N"])


def _hour_of(error_id: str) -> int:
    """Whole hours since 1970. An error's id begins with the milliseconds since then."""
    return int(error_id[:_TIME_DIGITS]) // _HOUR_MS


def _end_of(day: int) -> datetime:
    return from_epoch_ms((day + 1) * _HOURS * _HOUR_MS).astimezone(UTC)
