"""Which expressions are understood, what they name, and how the others are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from chalicelib.domain.cron import check, cron_timing, interval_timing, is_same, next_after, upcoming
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.schedules import Timing, TimingKind

# A Sunday.
NOW = datetime(2026, 11, 22, 4, 40, 30, tzinfo=UTC)


def first(expression: str, count: int = 3, timezone: str = "UTC") -> list[str]:
    fires = islice(upcoming(cron_timing(expression, timezone), NOW), count)
    return [fire.local.strftime("%m-%d %H:%M:%S") for fire in fires]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0/5 * ? * * *", ["11-22 04:45:00", "11-22 04:50:00", "11-22 04:55:00"]),
        ("0 0 12 1/1 * ? ", ["11-22 12:00:00", "11-23 12:00:00", "11-24 12:00:00"]),
        ("0 0 12 1/1 * ? *", ["11-22 12:00:00", "11-23 12:00:00", "11-24 12:00:00"]),
        ("  0\t0   12 ? * sun-Mon ", ["11-22 12:00:00", "11-23 12:00:00", "11-29 12:00:00"]),
        ("/20 * * ? * *", ["11-22 04:40:40", "11-22 04:41:00", "11-22 04:41:20"]),
        ("0 0 22-2/2 * * ?", ["11-22 22:00:00", "11-23 00:00:00", "11-23 02:00:00"]),
        ("0 0 0 L * ?", ["11-30 00:00:00", "12-31 00:00:00", "01-31 00:00:00"]),
        ("0 0 0 L-30 * ?", ["12-01 00:00:00", "01-01 00:00:00", "03-01 00:00:00"]),
        ("0 0 0 LW * ?", ["11-30 00:00:00", "12-31 00:00:00", "01-29 00:00:00"]),
        ("0 0 0 1W * ?", ["12-01 00:00:00", "01-01 00:00:00", "02-01 00:00:00"]),
        ("0 0 0 31W * ?", ["12-31 00:00:00", "01-29 00:00:00", "03-31 00:00:00"]),
        ("0 0 0 ? * L", ["11-28 00:00:00", "12-05 00:00:00", "12-12 00:00:00"]),
        ("0 0 0 ? * friL", ["11-27 00:00:00", "12-25 00:00:00", "01-29 00:00:00"]),
        ("0 0 0 ? * 1#5", ["11-29 00:00:00", "01-31 00:00:00", "05-30 00:00:00"]),
        ("0 0 0 ? NOV-FEB MON#1", ["12-07 00:00:00", "01-04 00:00:00", "02-01 00:00:00"]),
        ("0 0 0 29 2 ? 2027-2033", ["02-29 00:00:00", "02-29 00:00:00"]),
        ("*/15 9-17 * * MON-FRI", ["11-23 09:00:00", "11-23 09:15:00", "11-23 09:30:00"]),
        ("0 0 1,15 * WED", ["11-25 00:00:00", "12-01 00:00:00", "12-02 00:00:00"]),
        ("0 0 */10 * WED", ["03-31 00:00:00", "04-21 00:00:00", "07-21 00:00:00"]),
        ("0 6 * * 7", ["11-22 06:00:00", "11-29 06:00:00", "12-06 06:00:00"]),
        ("0 6 * * 5-7", ["11-22 06:00:00", "11-27 06:00:00", "11-28 06:00:00"]),
        ("0 6 * * FRI-SUN", ["11-22 06:00:00", "11-27 06:00:00", "11-28 06:00:00"]),
        ("@hourly", ["11-22 05:00:00", "11-22 06:00:00", "11-22 07:00:00"]),
        ("@DAILY", ["11-23 00:00:00", "11-24 00:00:00", "11-25 00:00:00"]),
        ("@weekly", ["11-29 00:00:00", "12-06 00:00:00", "12-13 00:00:00"]),
        ("@monthly", ["12-01 00:00:00", "01-01 00:00:00", "02-01 00:00:00"]),
        ("@yearly", ["01-01 00:00:00", "01-01 00:00:00", "01-01 00:00:00"]),
        ("0 0 30 2 *", []),
        ("0 0 0 31 4,6,9,11 ?", []),
        ("0 0 0 * * ? 2020-2025", []),
    ],
)
def test_an_expression_names_these_times(expression: str, expected: list[str]) -> None:
    assert first(expression) == expected


@pytest.mark.parametrize(
    ("expression", "part", "reason"),
    [
        ("", None, "there are 0 fields, not 5, 6 or 7"),
        ("* * * *", None, "there are 4 fields, not 5, 6 or 7"),
        ("0 0 0 ? * * * *", None, "there are 8 fields, not 5, 6 or 7"),
        ("0 0 12 * * *", None, "exactly one of day-of-month and day-of-week has to be '?'"),
        ("0 0 12 ? * ?", None, "exactly one of day-of-month and day-of-week has to be '?'"),
        ("? 0 12 ? * *", "seconds", "'?' is not understood"),
        ("60 0 12 ? * *", "seconds", "60 is not between 0 and 59"),
        ("0 -1 12 ? * *", "minutes", "'-1' is not understood"),
        ("0 0 24 ? * *", "hours", "24 is not between 0 and 23"),
        ("0 0 0 0 * ?", "day-of-month", "0 is not between 1 and 31"),
        ("0 0 0 32W * ?", "day-of-month", "32 is not between 1 and 31"),
        ("0 0 0 L-31 * ?", "day-of-month", "31 is not between 0 and 30"),
        ("0 0 0 1,LW * ?", "day-of-month", "'LW' cannot stand in a list"),
        ("0 0 0 1-5W * ?", "day-of-month", "'5W' is not understood"),
        ("0 0 0 1 13 ?", "month", "13 is not between 1 and 12"),
        ("0 0 0 1 FOO ?", "month", "'FOO' is not understood"),
        ("0 0 0 ? * 0", "day-of-week", "0 is not between 1 and 7"),
        ("0 0 0 ? * MON#0", "day-of-week", "'0' after '#' is not between 1 and 5"),
        ("0 0 0 ? * 2#1,3#1", "day-of-week", "'2#1' cannot stand in a list"),
        ("0 0 0 ? * 15W", "day-of-week", "'15W' is not understood"),
        ("0 0 0 ? * * 1969", "year", "1969 is not between 1970 and 2099"),
        ("0 0 0 ? * * 2030-2020", "year", "the range '2030-2020' runs backwards"),
        ("0 0/60 * ? * *", "minutes", "the step of '0/60' is not between 1 and 59"),
        ("0 */0 * ? * *", "minutes", "the step of '*/0' is not between 1 and 59"),
        ("0 1,,2 * ? * *", "minutes", "'' is not understood"),
        ("0 *-5 * ? * *", "minutes", "'*-5' is not understood"),
        ("0 1/2/3 * ? * *", "minutes", "'1/2/3' is not understood"),
        ("0 ５ * ? * *", "minutes", "'５' is not understood"),
        ("60 * * * *", "minutes", "60 is not between 0 and 59"),
        ("* * * * 8", "day-of-week", "8 is not between 0 and 7"),
        ("* 22-2 * * *", "hours", "the range '22-2' runs backwards"),
        ("/5 * * * *", "minutes", "'/5' is not understood"),
        ("* * L * *", "day-of-month", "'L' is not understood"),
        ("* * ? * *", "day-of-month", "'?' is not understood"),
        ("@reboot", None, "'@reboot' is no known shorthand"),
        ("0 " * 600 + "?", None, "there are 601 fields, not 5, 6 or 7"),
        ("0 0 0 ? * " + ",".join(["1"] * 600), None, "it is longer than 1000 characters"),
    ],
)
def test_anything_else_is_refused_with_the_field_and_the_reason(expression: str, part: str | None, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        cron_timing(expression)

    assert refused.value.field == "cron"
    assert refused.value.facts == {"part": part, "reason": f"{part}: {reason}" if part else reason}


@pytest.mark.parametrize(
    "timezone",
    ["", "Europe/Atlantis", "europe", "Europe", "../../etc/passwd", "/etc/localtime", "localtime", "right/UTC"],
)
def test_an_unknown_zone_is_refused(timezone: str) -> None:
    with pytest.raises(InvalidError) as refused:
        cron_timing("@daily", timezone)

    assert refused.value.field == "timezone"


@pytest.mark.parametrize("seconds", [0, -5, 31_622_401])
def test_an_interval_out_of_bounds_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidError) as refused:
        interval_timing(seconds)

    assert refused.value.field == "interval_seconds"


@pytest.mark.parametrize(
    "timing",
    [
        Timing(TimingKind.QUARTZ, "0 12 * * *"),
        Timing(TimingKind.CRON, "0 0 12 * * ?"),
        Timing(TimingKind.CRON, "0 12 * * *", "Nowhere"),
        Timing(TimingKind.INTERVAL),
    ],
)
def test_a_timing_of_the_wrong_kind_is_refused(timing: Timing) -> None:
    with pytest.raises(InvalidError):
        check(timing)


def test_an_interval_needs_a_beginning_to_be_evaluated() -> None:
    with pytest.raises(InvalidError):
        next_after(interval_timing(5), NOW)


def test_timings_are_the_same_whatever_the_anchor_that_one_of_them_lacks() -> None:
    anchored = interval_timing(5, anchor=NOW)

    assert is_same(anchored, interval_timing(5))
    assert not is_same(anchored, interval_timing(5, anchor=NOW.replace(second=0)))
    assert not is_same(anchored, interval_timing(6))
    assert not is_same(cron_timing("@daily"), cron_timing("@daily", "Europe/Berlin"))
