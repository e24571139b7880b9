"""When a timing fires: Quartz, Unix cron and intervals, evaluated in an IANA time zone.

Local times that a change of the clocks leaves out do not fire; those that it brings twice fire once, the first time.
"""

from .fires import Fire, Match, count_between, latest_before, next_after, upcoming
from .timings import check, cron_timing, interval_timing, is_same

__all__ = [
    "Fire",
    "Match",
    "check",
    "count_between",
    "cron_timing",
    "interval_timing",
    "is_same",
    "latest_before",
    "next_after",
    "upcoming",
]
