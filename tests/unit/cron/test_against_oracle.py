"""Random expressions around changes of the clocks, in zones that change them in every way, beside the oracle."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest

from chalicelib.domain.cron import count_between, cron_timing, latest_before, next_after, upcoming
from chalicelib.domain.schedules import Timing
from tests.unit.cron import oracle
from tests.unit.cron.generator import Generator

# Whole hours, half an hour, a whole day, midnight itself, a minute past midnight, and hours that are no whole ones.
ZONES = {
    "Europe/Berlin": 2027,
    "America/New_York": 2026,
    "Australia/Lord_Howe": 2026,
    "Pacific/Apia": 2011,
    "America/Sao_Paulo": 2018,
    "America/St_Johns": 2010,
    "Pacific/Chatham": 2027,
}
PER_CHANGE = 760
MOST = 20


def windows() -> list[tuple[str, datetime]]:
    return [(name, change) for name, year in sorted(ZONES.items()) for change in oracle.changes(ZoneInfo(name), year)]


def due_times(timing: Timing, after: datetime, before: datetime) -> Iterator[datetime]:
    return takewhile(lambda at: at < before, (fire.at for fire in upcoming(timing, after)))


@pytest.mark.parametrize("place", range(len(windows())))
def test_random_expressions_fire_as_the_oracle_says(place: int) -> None:
    name, change = windows()[place]
    zone, generate, pick = ZoneInfo(name), Generator(seed=place), random.Random(place)
    fired = 0
    for number in range(PER_CHANGE):
        near = (change + timedelta(minutes=pick.randint(-90, 90))).astimezone(zone)
        expression = generate.unix(near) if number % 3 == 0 else generate.quartz(near)
        start = change - timedelta(minutes=pick.randint(-90, 110), milliseconds=pick.choice([0, 0, 1, 999]))
        end = start + timedelta(hours=2)

        expected = list(islice(oracle.fires(expression, zone, start, end), MOST))
        timing = cron_timing(expression, name)
        found = list(islice(due_times(timing, start, end), MOST))

        assert found == expected, f"{expression} in {name} from {start}"
        fired += bool(expected)
    assert fired > PER_CHANGE / 10


def test_there_are_ten_thousand_of_them() -> None:
    assert len(windows()) * PER_CHANGE >= 10_000
    assert len(ZONES) >= 6


@pytest.mark.parametrize("seed", range(4))
def test_random_days_are_those_of_the_oracle(seed: int) -> None:
    generate, pick = Generator(seed), random.Random(seed)
    begin = datetime(2027, 6, 30, 12, tzinfo=UTC)
    for number in range(100):
        near = begin + timedelta(days=pick.randint(0, 400))
        if number % 2:
            expression = f"0 0 12 {generate.day_of_month(near)} * ?"
        else:
            expression = f"0 0 12 ? * {generate.day_of_week(near)}"
        days = [begin + timedelta(days=day) for day in range(1, 800)]

        expected = [day for day in days if oracle.fits_day(expression, day.date())]
        found = list(due_times(cron_timing(expression), begin, days[-1] + timedelta(seconds=1)))

        assert found == expected, expression


@pytest.mark.parametrize("place", range(len(windows())))
def test_counting_and_looking_back_agree_with_going_forward(place: int) -> None:
    name, change = windows()[place]
    zone, generate, pick = ZoneInfo(name), Generator(seed=1000 + place), random.Random(place)
    for number in range(20):
        near = (change + timedelta(minutes=pick.randint(-90, 90))).astimezone(zone)
        timing = cron_timing(generate.unix(near) if number % 2 else generate.quartz(near), name)
        first = next_after(timing, change - timedelta(days=2))
        if first is None:
            continue
        before = first + timedelta(seconds=pick.choice([0, 1, 60, 3_600, 90_000, 180_000]), milliseconds=500)
        due = [first, *due_times(timing, first, before)]

        assert count_between(timing, first, before) == len(due), timing
        assert latest_before(timing, before, first) == due[-1], timing
        assert latest_before(timing, due[-1], first) == (due[-2] if len(due) > 1 else None), timing
