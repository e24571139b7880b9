"""Due times one by one: around changes of the clocks, at the end of time, and why each is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from chalicelib.domain.cron import (
    Match,
    count_between,
    cron_timing,
    interval_timing,
    latest_before,
    next_after,
    upcoming,
)
from chalicelib.domain.cron.plan import Plan
from tests.timing import assert_cheap

NOW = datetime(2026, 11, 22, 4, 40, 30, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_a_local_time_that_is_left_out_does_not_fire() -> None:
    daily = cron_timing("30 2 * * *", "Europe/Berlin")
    found = list(islice(upcoming(daily, utc(2027, 3, 27, 0, 0)), 3))

    assert [fire.at for fire in found] == [utc(2027, 3, 27, 1, 30), utc(2027, 3, 29, 0, 30), utc(2027, 3, 30, 0, 30)]
    assert [str(fire.left_out) for fire in found] == ["None", "2027-03-28 02:30:00", "None"]


def test_a_local_time_that_comes_twice_fires_the_first_time() -> None:
    daily = cron_timing("30 2 * * *", "Europe/Berlin")
    found = list(islice(upcoming(daily, utc(2027, 10, 30, 12, 0)), 2))

    assert [fire.at for fire in found] == [utc(2027, 10, 31, 0, 30), utc(2027, 11, 1, 1, 30)]
    assert [fire.is_doubled for fire in found] == [True, False]
    assert [str(fire.local) for fire in found] == ["2027-10-31 02:30:00+02:00", "2027-11-01 02:30:00+01:00"]


def test_what_fires_each_minute_rests_in_the_repeated_hour_and_loses_none_in_the_other() -> None:
    minutely = cron_timing("* * * * *", "Europe/Berlin")
    autumn = [fire.at for fire in islice(upcoming(minutely, utc(2027, 10, 31, 0, 57)), 4)]
    spring = [fire.at for fire in islice(upcoming(minutely, utc(2027, 3, 28, 0, 57)), 4)]

    assert autumn == [
        utc(2027, 10, 31, 0, 58),
        utc(2027, 10, 31, 0, 59),
        utc(2027, 10, 31, 2, 0),
        utc(2027, 10, 31, 2, 1),
    ]
    assert spring == [utc(2027, 3, 28, 0, 58), utc(2027, 3, 28, 0, 59), utc(2027, 3, 28, 1, 0), utc(2027, 3, 28, 1, 1)]


def test_asked_in_the_repeated_hour_only_what_comes_after_it_is_named() -> None:
    daily = cron_timing("30 2 * * *", "Europe/Berlin")

    assert next_after(daily, utc(2027, 10, 31, 1, 10)) == utc(2027, 11, 1, 1, 30)


def test_a_day_that_a_zone_left_out_did_not_fire() -> None:
    noon = cron_timing("0 12 * * *", "Pacific/Apia")
    found = [fire.local.strftime("%m-%d") for fire in islice(upcoming(noon, utc(2011, 12, 28, 12, 0)), 3)]

    assert found == ["12-28", "12-29", "12-31"]


def test_a_change_by_half_an_hour_leaves_out_half_an_hour() -> None:
    quarterly = cron_timing("*/15 2 * * *", "Australia/Lord_Howe")
    found = [fire.local.strftime("%H:%M") for fire in islice(upcoming(quarterly, utc(2026, 10, 3, 15, 0)), 2)]

    assert found == ["02:30", "02:45"]


def test_the_fields_that_restrict_are_the_reason() -> None:
    (fire,) = islice(upcoming(cron_timing("0 0 12 1/1 * ?", "Europe/Berlin"), NOW), 1)

    assert fire.matched == (
        Match("seconds", "0", 0),
        Match("minutes", "0", 0),
        Match("hours", "12", 12),
        Match("day-of-month", "1/1", 22),
    )
    assert str(fire.local.utcoffset()) == "1:00:00"


def test_of_two_day_fields_the_one_that_names_the_day_is_the_reason() -> None:
    found = list(islice(upcoming(cron_timing("0 0 1 * WED"), NOW), 2))

    assert [match.part for match in found[0].matched] == ["minutes", "hours", "day-of-week"]
    assert [match.part for match in found[1].matched] == ["minutes", "hours", "day-of-month"]


def test_intervals_count_from_their_anchor_through_every_change_of_the_clocks() -> None:
    anchor = utc(2027, 3, 27, 23, 0) + timedelta(milliseconds=250)
    timing = interval_timing(7200, "Europe/Berlin", anchor)
    found = list(islice(upcoming(timing, anchor - timedelta(days=5)), 3))

    assert [fire.at - anchor for fire in found] == [timedelta(hours=hours) for hours in (2, 4, 6)]
    assert [fire.turn for fire in found] == [1, 2, 3]
    assert [fire.local.hour for fire in found] == [3, 5, 7]
    assert next_after(timing, found[1].at) == found[2].at
    assert next_after(timing, found[1].at - timedelta(milliseconds=1)) == found[1].at


def test_intervals_are_counted_and_looked_back_on_by_arithmetic() -> None:
    timing = interval_timing(1, anchor=NOW)
    first, before = NOW + timedelta(seconds=1), NOW + timedelta(days=10_000)

    assert count_between(timing, first, before) == 864_000_000 - 1
    assert latest_before(timing, before, first) == before - timedelta(seconds=1)
    assert latest_before(timing, first, first) is None
    assert count_between(timing, first, first) == 0


def test_there_is_an_end() -> None:
    last = utc(2099, 12, 31, 23, 59, 59)

    assert next_after(cron_timing("* * * ? * *"), last - timedelta(seconds=1)) == last
    for timing in (cron_timing("* * * ? * *"), cron_timing("* * * * *"), interval_timing(1, anchor=NOW)):
        assert next_after(timing, last) is None
        assert next_after(timing, utc(9999, 12, 31, 23, 59, 59)) is None
        assert list(upcoming(timing, last)) == []


def test_times_between_seconds_find_the_next_second() -> None:
    timing = cron_timing("* * * ? * *")

    assert next_after(timing, NOW + timedelta(milliseconds=1)) == NOW + timedelta(seconds=1)
    assert next_after(timing, NOW) == NOW + timedelta(seconds=1)


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 0 29 2 ? 2096", "59 59 23 31 12 ? 2099", "0 0 0 ? 2 5#5"])
def test_a_search_is_short_however_far_the_next_time_is(expression: str) -> None:
    timing = cron_timing(expression, "Europe/Berlin")

    assert_cheap(0.05, lambda: next_after(timing, NOW))


@pytest.mark.parametrize("expression", ["*/20 * * ? * *", "0 0 */5 ? * *", "0 0 8 1 * ?"])
def test_due_times_are_in_order_and_never_twice(expression: str) -> None:
    found = [fire.at for fire in islice(upcoming(cron_timing(expression, "America/New_York"), NOW), 2000)]

    assert all(one < other for one, other in pairwise(found))


def test_days_that_are_counted_in_part_are_not_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    timing = cron_timing("* * * ? * *", "Europe/Vienna")
    since = datetime(2026, 6, 1, 12, 0, 7, tzinfo=UTC)
    steps: list[datetime] = []
    go_on = Plan.next_local

    def counted(plan: Plan, after: datetime) -> datetime | None:
        steps.append(after)
        return go_on(plan, after)

    monkeypatch.setattr(Plan, "next_local", counted)

    assert count_between(timing, since, since + timedelta(days=1, microseconds=1)) == 86_401
    assert len(steps) < 10
