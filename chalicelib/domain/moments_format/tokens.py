"""The tokens of patterns, and the names of months and days."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

ISO: Final = "YYYY-MM-DDTHH:mm:ss.SSSZ"
MAX_PATTERN = 200
"""In characters."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MONTHS = ["January", "February", "March", "April", "May", "June", "July"]
MONTHS += ["August", "September", "October", "November", "December"]
DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_LOCAL = {
    "LTS": "h:mm:ss A",
    "LT": "h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "LLL": "MMMM D, YYYY h:mm A",
    "LL": "MMMM D, YYYY",
    "L": "MM/DD/YYYY",
    "llll": "ddd, MMM D, YYYY h:mm A",
    "lll": "MMM D, YYYY h:mm A",
    "ll": "MMM D, YYYY",
    "l": "M/D/YYYY",
}
# The order decides: what begins like another token, and is longer, stands before it.
_TOKEN = re.compile(
    r"\[[^\[]*\]|\\.|LTS|LT|LL?L?L?|l{1,4}|[Hh]mm(?:ss)?|Mo|MM?M?M?|Do|DDDo|DD?D?D?|ddd?d?|do?|w[ow]?|W[oW]?|Qo?"
    r"|YYYYYY|YYYYY|YYYY|YY|Y|y{1,4}o?|gggg|gg|GGGG|GG|e|E|a|A|hh?|HH?|kk?|mm?|ss?|S{1,9}|x|X|zz?|ZZ?|.",
    re.DOTALL,
)


@lru_cache(maxsize=256)
def tokens_of(pattern: str) -> tuple[str, ...]:
    found: list[str] = []
    for token in _TOKEN.findall(pattern):
        if token in _LOCAL:
            found.extend(_TOKEN.findall(_LOCAL[token]))
        else:
            found.append(token)
    return tuple(found)
