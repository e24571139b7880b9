"""Times to texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

from ..errors import InvalidError
from .tokens import DAYS, EPOCH, ISO, MAX_PATTERN, MONTHS, tokens_of

_MILLISECOND = timedelta(milliseconds=1)


def format_moment(at: datetime, tokens: str, zone: tzinfo = UTC) -> str:
    """The aware time in the zone, by the pattern; an empty pattern stands for ISO 8601. Raises InvalidError."""
    if len(tokens) > MAX_PATTERN:
        raise InvalidError(f"A date pattern has at most {MAX_PATTERN} characters.")
    try:
        local = at.astimezone(zone)
        return "".join(_formatted(token, local) for token in tokens_of(tokens or ISO))
    except OverflowError as error:
        raise InvalidError("The date is out of range in this zone.") from error


def _formatted(token: str, at: datetime) -> str:
    if token in _NUMBERS:
        number, width = _NUMBERS[token]
        value = number(at)
        # `zfill` counts the sign among the digits, moment.js does not.
        return str(value).zfill(width) if value >= 0 else f"-{str(-value).zfill(width)}"
    if token in _WORDS:
        return _WORDS[token](at)
    if token.endswith("o") and token[:-1] in _NUMBERS:
        return ordinal(_NUMBERS[token[:-1]][0](at))
    if token[0] == "S":
        return f"{at.microsecond:06}000"[: len(token)]
    if token[0] in "[\\" and len(token) > 1:
        return token[1:-1] if token[0] == "[" else token[1:]
    return token


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    teens = 10 < abs(number) % 100 < 14
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(number) % 10, 'th')}"


def _weekday(at: datetime) -> int:
    return at.isoweekday() % 7


def _quarter(at: datetime) -> int:
    return (at.month + 2) // 3


def _day_of_year(at: datetime) -> int:
    return at.timetuple().tm_yday


def _local_week(at: datetime) -> tuple[int, int]:
    """Year and week where weeks start on Sunday and the first has the first of January."""
    saturday = at.date() + timedelta(days=6 - _weekday(at))
    return saturday.year, (_day_of_year(datetime(saturday.year, saturday.month, saturday.day)) + 6) // 7  # noqa: DTZ001


def _milliseconds(at: datetime) -> int:
    return (at - EPOCH) // _MILLISECOND


def _offset(at: datetime, separator: str) -> str:
    minutes = int((at.utcoffset() or timedelta()).total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02}{separator}{minutes % 60:02}"


def _half(at: datetime) -> str:
    return "AM" if at.hour < 12 else "PM"


_NUMBERS: dict[str, tuple[Callable[[datetime], int], int]] = {
    "YYYYY": (lambda at: at.year, 5),
    "YYYY": (lambda at: at.year, 4),
    "YY": (lambda at: at.year % 100, 2),
    "Y": (lambda at: at.year, 4),
    "yyyy": (lambda at: at.year, 4),
    "yyy": (lambda at: at.year, 3),
    "yy": (lambda at: at.year, 2),
    "y": (lambda at: at.year, 1),
    "Q": (_quarter, 1),
    "M": (lambda at: at.month, 1),
    "MM": (lambda at: at.month, 2),
    "D": (lambda at: at.day, 1),
    "DD": (lambda at: at.day, 2),
    "DDD": (_day_of_year, 1),
    "DDDD": (_day_of_year, 3),
    "d": (_weekday, 1),
    "e": (_weekday, 1),
    "E": (lambda at: at.isoweekday(), 1),
    "w": (lambda at: _local_week(at)[1], 1),
    "ww": (lambda at: _local_week(at)[1], 2),
    "W": (lambda at: at.isocalendar().week, 1),
    "WW": (lambda at: at.isocalendar().week, 2),
    "gg": (lambda at: _local_week(at)[0] % 100, 2),
    "gggg": (lambda at: _local_week(at)[0], 4),
    "GG": (lambda at: at.isocalendar().year % 100, 2),
    "GGGG": (lambda at: at.isocalendar().year, 4),
    "H": (lambda at: at.hour, 1),
    "HH": (lambda at: at.hour, 2),
    "h": (lambda at: at.hour % 12 or 12, 1),
    "hh": (lambda at: at.hour % 12 or 12, 2),
    "k": (lambda at: at.hour or 24, 1),
    "kk": (lambda at: at.hour or 24, 2),
    "m": (lambda at: at.minute, 1),
    "mm": (lambda at: at.minute, 2),
    "s": (lambda at: at.second, 1),
    "ss": (lambda at: at.second, 2),
    "X": (lambda at: _milliseconds(at) // 1000, 1),
    "x": (_milliseconds, 1),
}
_WORDS: dict[str, Callable[[datetime], str]] = {
    "YYYYYY": lambda at: f"+{at.year:06}",
    "MMM": lambda at: MONTHS[at.month - 1][:3],
    "MMMM": lambda at: MONTHS[at.month - 1],
    "dd": lambda at: DAYS[_weekday(at)][:2],
    "ddd": lambda at: DAYS[_weekday(at)][:3],
    "dddd": lambda at: DAYS[_weekday(at)],
    "A": _half,
    "a": lambda at: _half(at).lower(),
    "Z": lambda at: _offset(at, ":"),
    "ZZ": lambda at: _offset(at, ""),
    "z": lambda at: at.tzname() or "",
    "zz": lambda at: at.tzname() or "",
    "Hmm": lambda at: f"{at.hour}{at.minute:02}",
    "Hmmss": lambda at: f"{at.hour}{at.minute:02}{at.second:02}",
    "hmm": lambda at: f"{at.hour % 12 or 12}{at.minute:02}",
    "hmmss": lambda at: f"{at.hour % 12 or 12}{at.minute:02}{at.second:02}",
}
