"""Quartz expressions: six or seven fields that begin with seconds, Sunday being 1."""

from __future__ import annotations

import re

from .days import DayRule, DaysOfMonth, DaysOfWeek, LastDay, NearestWorkday, NthWeekday
from .fields import FIRST_YEAR, LAST_YEAR, MONTHS, NAMES_OF_DAYS, Rule, refuse
from .plan import Part, Plan

NOTHING = "?"

_SECONDS = Rule("seconds", 0, 59, wraps=True, bare_steps=True)
_MINUTES = Rule("minutes", 0, 59, wraps=True, bare_steps=True)
_HOURS = Rule("hours", 0, 23, wraps=True, bare_steps=True)
_DAY_OF_MONTH = Rule("day-of-month", 1, 31, wraps=True, bare_steps=True)
_MONTH = Rule("month", 1, 12, MONTHS, wraps=True, bare_steps=True)
_DAY_OF_WEEK = Rule(
    "day-of-week", 1, 7, {name: number for number, name in enumerate(NAMES_OF_DAYS, 1)}, wraps=True, bare_steps=True
)
_YEAR = Rule("year", FIRST_YEAR, LAST_YEAR, bare_steps=True)
_RULES = (_SECONDS, _MINUTES, _HOURS, _DAY_OF_MONTH, _MONTH, _DAY_OF_WEEK, _YEAR)
_LAST = re.compile(r"L(?:-(?P<before>[0-9]{1,2}))?(?P<workday>W)?")
_MOST_BEFORE_LAST = 30


def parse(fields: list[str]) -> Plan:
    """From six or seven fields in capitals. Raises InvalidError."""
    seconds, minutes, hours, day_of_month, month, day_of_week, *year = fields
    if (day_of_month == NOTHING) is (day_of_week == NOTHING):
        refuse("exactly one of day-of-month and day-of-week has to be '?'")
    if day_of_week == NOTHING:
        day_part, days = _DAY_OF_MONTH.part, _days_of_month(day_of_month)
    else:
        day_part, days = _DAY_OF_WEEK.part, _days_of_week(day_of_week)
    return Plan(
        seconds=tuple(sorted(_SECONDS.values(seconds))),
        minutes=tuple(sorted(_MINUTES.values(minutes))),
        hours=tuple(sorted(_HOURS.values(hours))),
        months=tuple(sorted(_MONTH.values(month))),
        years=tuple(sorted(_YEAR.values(year[0] if year else "*"))),
        days=days,
        parts=tuple(
            Part(rule.part, text, days if rule.part == day_part else None)
            # Not strict, because the year may be left out.
            for rule, text in zip(_RULES, fields, strict=False)
            if text not in ("*", NOTHING)
        ),
    )


def _days_of_month(text: str) -> DayRule:
    last = _LAST.fullmatch(text)
    if last is not None:
        before = int(last["before"] or 0)
        if before > _MOST_BEFORE_LAST:
            _DAY_OF_MONTH.refuse(f"{before} is not between 0 and {_MOST_BEFORE_LAST}")
        return LastDay(before, workday=last["workday"] is not None)
    if text.endswith("W") and text[:-1].isdigit():
        return NearestWorkday(_DAY_OF_MONTH.number(text[:-1]))
    _refuse_in_lists(_DAY_OF_MONTH, text, "LW")
    return DaysOfMonth(_DAY_OF_MONTH.values(text))


def _days_of_week(text: str) -> DayRule:
    """A lone L is the week's last day, Saturday."""
    if text == "L":
        return DaysOfWeek(frozenset({_DAY_OF_WEEK.high - 1}))
    if "," not in text and text.endswith("L"):
        return NthWeekday(_DAY_OF_WEEK.number(text[:-1]) - 1, -1)
    if "," not in text and "#" in text:
        day, _, nth = text.partition("#")
        if nth not in {"1", "2", "3", "4", "5"}:
            _DAY_OF_WEEK.refuse(f"'{nth[:40]}' after '#' is not between 1 and 5")
        return NthWeekday(_DAY_OF_WEEK.number(day) - 1, int(nth))
    _refuse_in_lists(_DAY_OF_WEEK, text, "L#")
    # Sunday is 1 to Quartz, and 0 here.
    return DaysOfWeek(frozenset(number - 1 for number in _DAY_OF_WEEK.values(text)))


def _refuse_in_lists(rule: Rule, text: str, marks: str) -> None:
    for element in text.split(",") if "," in text else ():
        if element not in rule.names and any(mark in element for mark in marks):
            rule.refuse(f"'{element[:40]}' cannot stand in a list")
