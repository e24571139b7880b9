"""Which days of a month a day field names."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol


class DayRule(Hashable, Protocol):
    """Hashable, so that the days of a month are found once."""

    def days(self, month: Month) -> frozenset[int]: ...


@dataclass(frozen=True, slots=True)
class Month:
    """`first` is the weekday of the 1st, Sunday being 0; `length` how many days there are."""

    first: int
    length: int

    def weekday(self, day: int) -> int:
        return (self.first + day - 1) % 7

    def nearest_weekday(self, day: int) -> int:
        """The day itself from Monday to Friday, else the nearest such day of the same month."""
        match self.weekday(day):
            case 6:
                return day - 1 if day > 1 else day + 2
            case 0:
                return day + 1 if day < self.length else day - 2
        return day


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    numbers: frozenset[int]

    def days(self, month: Month) -> frozenset[int]:
        return frozenset(day for day in self.numbers if day <= month.length)


@dataclass(frozen=True, slots=True)
class LastDay:
    """So many days before the last one of the month; `workday` moves it to the nearest day from Monday to Friday."""

    before: int = 0
    workday: bool = False

    def days(self, month: Month) -> frozenset[int]:
        day = month.length - self.before
        if day < 1:
            return frozenset()
        return frozenset({month.nearest_weekday(day) if self.workday else day})


@dataclass(frozen=True, slots=True)
class NearestWorkday:
    """The day from Monday to Friday that is nearest to a day of the month, if the month has that day."""

    day: int

    def days(self, month: Month) -> frozenset[int]:
        return frozenset({month.nearest_weekday(self.day)} if self.day <= month.length else ())


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """By numbers from Sunday, 0."""

    numbers: frozenset[int]

    def days(self, month: Month) -> frozenset[int]:
        return frozenset(day for day in range(1, month.length + 1) if month.weekday(day) in self.numbers)


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The nth such day of the month; from the end where `nth` is -1."""

    weekday: int
    nth: int

    def days(self, month: Month) -> frozenset[int]:
        found = sorted(DaysOfWeek(frozenset({self.weekday})).days(month))
        if self.nth < 0:
            return frozenset(found[-1:])
        return frozenset(found[self.nth - 1 : self.nth])


@dataclass(frozen=True, slots=True)
class Either:
    """A day that at least one of the rules names."""

    rules: tuple[DayRule, ...]

    def days(self, month: Month) -> frozenset[int]:
        return frozenset().union(*(rule.days(month) for rule in self.rules))


@dataclass(frozen=True, slots=True)
class Both:
    """A day that each of the rules names."""

    rules: tuple[DayRule, ...]

    def days(self, month: Month) -> frozenset[int]:
        every, *others = (rule.days(month) for rule in self.rules)
        return every.intersection(*others)


@lru_cache(maxsize=2048)
def days_of(rule: DayRule, year: int, month: int) -> tuple[int, ...]:
    """In order."""
    first, length = monthrange(year, month)
    # To Python, weeks begin on Monday.
    return tuple(sorted(rule.days(Month((first + 1) % 7, length))))
