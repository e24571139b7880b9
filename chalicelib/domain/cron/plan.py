"""A cron expression made ready: which local times it names, found by jumping from field to field."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .days import DayRule, days_of
from .fields import FIRST_YEAR, LAST_YEAR

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Part:
    """A field that restricts: its name and what was written there. `days` is set for the two day fields."""

    name: str
    text: str
    days: DayRule | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers in order. `days` decides about days; `parts` are for showing what matched."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    days: DayRule
    parts: tuple[Part, ...]

    def next_local(self, after: datetime) -> datetime | None:
        """The first local time later than `after`, which is naive and of whole seconds; None up to the last year."""
        if after.year > LAST_YEAR:
            return None
        start = max(after + SECOND, datetime.combine(date(FIRST_YEAR, 1, 1), time()))
        for day in self._days_from(start.date()):
            clock: time | None = self.first_clock
            if day == start.date():
                clock = self._clock_from(start.hour, start.minute, start.second)
            if clock is not None:
                return datetime.combine(day, clock)
        return None

    def times_before(self, clock: int) -> int:
        """How many times each of its days has that are earlier than this one, in seconds from midnight, 86,400 at
        most."""
        hour, minute, second = clock // 3600, clock // 60 % 60, clock % 60
        at = bisect_left(self.hours, hour)
        count = at * len(self.minutes) * len(self.seconds)
        if self.hours[at : at + 1] != (hour,):
            return count
        at = bisect_left(self.minutes, minute)
        count += at * len(self.seconds)
        if self.minutes[at : at + 1] != (minute,):
            return count
        return count + bisect_left(self.seconds, second)

    @property
    def first_clock(self) -> time:
        """The first time of each day."""
        return time(self.hours[0], self.minutes[0], self.seconds[0])

    def _days_from(self, start: date) -> Iterator[date]:
        for year in self.years[bisect_left(self.years, start.year) :]:
            first_month = start.month if year == start.year else 1
            for month in self.months[bisect_left(self.months, first_month) :]:
                days = days_of(self.days, year, month)
                first_day = start.day if (year, month) == (start.year, start.month) else 1
                for day in days[bisect_left(days, first_day) :]:
                    yield date(year, month, day)

    def _clock_from(self, hour: int, minute: int, second: int) -> time | None:
        """The first time of day that is not before this one."""
        for found_hour in self.hours[bisect_left(self.hours, hour) :]:
            if found_hour > hour:
                return time(found_hour, self.minutes[0], self.seconds[0])
            for found_minute in self.minutes[bisect_left(self.minutes, minute) :]:
                if found_minute > minute:
                    return time(found_hour, found_minute, self.seconds[0])
                at = bisect_left(self.seconds, second)
                if at < len(self.seconds):
                    return time(found_hour, found_minute, self.seconds[at])
        return None
