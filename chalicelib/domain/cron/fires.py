"""When timings fire, and why just then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.schedules import Timing, TimingKind

from .days import days_of
from .fields import LAST_YEAR
from .plan import SECOND, Plan
from .timings import plan_of
from .zones import end_of_gap, end_of_overlap, first_occurrence, is_doubled, zone_of

_END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Match:
    """A field that restricts, what is written there, and the number of the local time that it names: of weekdays
    from Sunday, 0."""

    part: str
    text: str
    value: int


@dataclass(frozen=True, slots=True)
class Fire:
    """One due time, in UTC and in the timing's zone, with its reason: the fields that `matched`, or the `turn` of an
    interval counted from its anchor.

    `is_doubled`: the local time comes twice, and this is the first. `left_out`: the first local time since the fire
    before that the clocks were put forward over, so that it did not fire.
    """

    at: datetime
    local: datetime
    matched: tuple[Match, ...] = ()
    turn: int | None = None
    is_doubled: bool = False
    left_out: datetime | None = None


def next_after(timing: Timing, after: datetime) -> datetime | None:
    """The first due time later than `after` (aware), in UTC; None if there is none up to the year 2099. Raises
    InvalidError."""
    if timing.kind is TimingKind.INTERVAL:
        return _next_turn(timing, after)[0]
    found = _next_local(plan_of(timing.kind, timing.expression), zone_of(timing.timezone), after)
    return None if found is None else found[0]


def upcoming(timing: Timing, after: datetime) -> Iterator[Fire]:
    """Every due time later than `after`, with its reason. Raises InvalidError."""
    zone = zone_of(timing.timezone)
    if timing.kind is TimingKind.INTERVAL:
        at, turn = _next_turn(timing, after)
        while at is not None:
            yield Fire(at, at.astimezone(zone), turn=turn)
            at, turn = _next_turn(timing, at)
        return
    plan = plan_of(timing.kind, timing.expression)
    while (found := _next_local(plan, zone, after)) is not None:
        after, local, left_out = found
        yield Fire(
            at=after,
            local=after.astimezone(zone),
            matched=_matches(plan, local),
            is_doubled=is_doubled(zone, local),
            left_out=left_out,
        )


def latest_before(timing: Timing, before: datetime, since: datetime) -> datetime | None:
    """The last due time earlier than `before` that is not earlier than `since`, itself a due time; None if there is
    none."""
    if timing.kind is TimingKind.INTERVAL:
        interval = timedelta(seconds=timing.interval_seconds or 0)
        found = since + (before - since - timedelta(microseconds=1)) // interval * interval
        return found if found >= since else None
    if since >= before:
        return None

    def is_followed(at: datetime) -> bool:
        found = next_after(timing, at)
        return found is not None and found < before

    # Doubled until a fire lies between, and halved from there: the last one may be a second back, or years.
    step = SECOND
    while before - step > since and not is_followed(before - step):
        step *= 2
    # A second before the first, because what is asked for is later than `low`.
    low, high = (before - step if before - step > since else since - SECOND), before
    while high - low > SECOND:
        middle = low + (high - low) / 2
        low, high = (middle, high) if is_followed(middle) else (low, middle)
    return next_after(timing, low)


def count_between(timing: Timing, since: datetime, before: datetime) -> int:
    """How many due times there are from `since` on, itself a due time, that are earlier than `before`."""
    if since >= before:
        return 0
    if timing.kind is TimingKind.INTERVAL:
        return 1 + (before - since - timedelta(microseconds=1)) // timedelta(seconds=timing.interval_seconds or 0)
    plan, zone = plan_of(timing.kind, timing.expression), zone_of(timing.timezone)
    count, at = 0, since
    while at < before:
        local = at.astimezone(zone).replace(tzinfo=None)
        end = _plain_end(zone, datetime.combine(local.date(), time()), _DAY) or _plain_end(
            zone, local.replace(minute=0, second=0, fold=0), _HOUR
        )
        # Around a change of the clocks they are counted one by one.
        if end is None:
            count, last = count + 1, at
        else:
            # Fires are on whole seconds, so one on the second that `before` has begun is earlier than it.
            end = min(end, before.replace(microsecond=0) + (SECOND if before.microsecond else timedelta()))
            clock = local.hour * 3600 + local.minute * 60 + local.second
            count += plan.times_before(clock + (end - at) // SECOND) - plan.times_before(clock)
            last = end - SECOND
        following = next_after(timing, last)
        if following is None:
            break
        at = following
    return count


def _plain_end(zone: tzinfo, begin: datetime, length: timedelta) -> datetime | None:
    """When a local day or hour ends throughout which the clocks are not changed; None if they are."""
    end = begin + length
    # A change in between shows in the offsets of both ends, one at either of them in its two folds.
    bounds = [moment.replace(tzinfo=zone, fold=fold).utcoffset() for moment in (begin, end - SECOND) for fold in (0, 1)]
    return end.replace(tzinfo=zone).astimezone(UTC) if len(set(bounds)) == 1 else None


def _next_turn(timing: Timing, after: datetime) -> tuple[datetime | None, int]:
    if timing.anchor is None or timing.interval_seconds is None:
        raise InvalidError("The interval has no beginning.", field="interval_seconds")
    interval = timedelta(seconds=timing.interval_seconds)
    # The anchor itself is no turn.
    turn = max((after - timing.anchor) // interval + 1, 1)
    at = (timing.anchor + turn * interval).astimezone(UTC) if after < _END else _END
    return (at if at < _END else None), turn


def _next_local(plan: Plan, zone: tzinfo, after: datetime) -> tuple[datetime, datetime, datetime | None] | None:
    """When, the local time, and the first one that was left out before."""
    begin = after.astimezone(zone)
    local: datetime | None = begin.replace(tzinfo=None, microsecond=0, fold=0)
    assert local is not None
    if begin.fold:
        # All local times of an overlap have fired when they came first.
        local = end_of_overlap(zone, local) - SECOND
    left_out: datetime | None = None
    while (local := plan.next_local(local)) is not None:
        at = first_occurrence(zone, local)
        if at is None:
            left_out = left_out or local
            # A second less, because the search goes on with what is later.
            local = end_of_gap(zone, local) - SECOND
        elif at > after:
            return at, local, left_out
    return None


def _matches(plan: Plan, local: datetime) -> tuple[Match, ...]:
    values = {
        "seconds": local.second,
        "minutes": local.minute,
        "hours": local.hour,
        "day-of-month": local.day,
        "month": local.month,
        "day-of-week": local.isoweekday() % 7,
        "year": local.year,
    }
    return tuple(
        Match(part.name, part.text, values[part.name])
        for part in plan.parts
        if part.days is None or local.day in days_of(part.days, local.year, local.month)
    )
