"""Unix cron: five fields that begin with minutes, Sunday being 0 or 7.

Where both day fields are restricted (neither begins with `*`) a day that one of them names is enough.
"""

from __future__ import annotations

from .days import Both, DayRule, DaysOfMonth, DaysOfWeek, Either
from .fields import FIRST_YEAR, LAST_YEAR, MONTHS, NAMES_OF_DAYS, Rule, refuse
from .plan import Part, Plan

SHORTHANDS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}

_MINUTES = Rule("minutes", 0, 59)
_HOURS = Rule("hours", 0, 23)
_DAY_OF_MONTH = Rule("day-of-month", 1, 31)
_MONTH = Rule("month", 1, 12, MONTHS)
_DAY_OF_WEEK = Rule("day-of-week", 0, 7, {name: number for number, name in enumerate(NAMES_OF_DAYS)}, sunday=7)
_RULES = (_MINUTES, _HOURS, _DAY_OF_MONTH, _MONTH, _DAY_OF_WEEK)


def fields_of(shorthand: str) -> list[str]:
    """The five fields that a word such as `@DAILY` stands for. Raises InvalidError."""
    if shorthand not in SHORTHANDS:
        refuse(f"'{shorthand[:40].lower()}' is no known shorthand")
    return SHORTHANDS[shorthand].split()


def parse(fields: list[str]) -> Plan:
    """From five fields in capitals. Raises InvalidError."""
    minutes, hours, day_of_month, month, day_of_week = fields
    of_month = DaysOfMonth(_DAY_OF_MONTH.values(day_of_month))
    of_week = DaysOfWeek(_DAY_OF_WEEK.values(day_of_week))
    is_either = not (day_of_month.startswith("*") or day_of_week.startswith("*"))
    rules: tuple[DayRule, ...] = (of_month, of_week)
    day_rules: dict[str, DayRule] = {_DAY_OF_MONTH.part: of_month, _DAY_OF_WEEK.part: of_week}
    return Plan(
        seconds=(0,),
        minutes=tuple(sorted(_MINUTES.values(minutes))),
        hours=tuple(sorted(_HOURS.values(hours))),
        months=tuple(sorted(_MONTH.values(month))),
        years=tuple(range(FIRST_YEAR, LAST_YEAR + 1)),
        days=Either(rules) if is_either else Both(rules),
        parts=tuple(
            Part(rule.part, text, day_rules.get(rule.part))
            for rule, text in zip(_RULES, fields, strict=True)
            if text != "*"
        ),
    )
