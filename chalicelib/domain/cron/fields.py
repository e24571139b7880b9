"""One field of a cron expression: which numbers it names.

What is refused is an InvalidError whose `field` is `cron` and whose facts are the `part` of the expression (such as
`hours`) and the `reason`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from chalicelib.domain.errors import InvalidError

FIRST_YEAR, LAST_YEAR = 1970, 2099

_NAMES_OF_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
NAMES_OF_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {name: number for number, name in enumerate(_NAMES_OF_MONTHS, 1)}
_ELEMENT = re.compile(r"(?P<first>\*|[A-Z0-9]+)?(?:-(?P<last>[A-Z0-9]+))?(?:/(?P<step>[0-9]+))?")
_NUMBER = re.compile(r"[0-9]{1,4}")
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field may hold. `wraps` allows ranges that run over the end, `bare_steps` a step without a start;
    `sunday` is a second number of the lowest value."""

    part: str
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)
    wraps: bool = False
    bare_steps: bool = False
    sunday: int | None = None

    def values(self, text: str) -> frozenset[int]:
        """The numbers that a list of values, ranges and steps names. Raises InvalidError."""
        found: set[int] = set()
        for element in text.split(","):
            found.update(self._element(element))
        return frozenset(self.low if number == self.sunday else number for number in found)

    def number(self, text: str) -> int:
        """A number or a name. Raises InvalidError."""
        if text in self.names:
            return self.names[text]
        if _NUMBER.fullmatch(text) is None:
            self.refuse(f"'{text[:_SHOWN]}' is not understood")
        number = int(text)
        if not self.low <= number <= self.high:
            self.refuse(f"{number} is not between {self.low} and {self.high}")
        return number

    def refuse(self, reason: str) -> NoReturn:
        refuse(reason, self.part)

    def _element(self, text: str) -> range | list[int]:
        match = _ELEMENT.fullmatch(text)
        if match is None or not text or (match["first"] is None and not (self.bare_steps and text.startswith("/"))):
            self.refuse(f"'{text[:_SHOWN]}' is not understood")
        first, last = match["first"] or "*", match["last"]
        step = 1 if match["step"] is None else self._step(text, match["step"])
        # Where Sunday is both 0 and 7, a star is to name it once.
        end = self.high - (self.sunday is not None)
        if first == "*":
            if last is not None:
                self.refuse(f"'{text[:_SHOWN]}' is not understood")
            return range(self.low, end + 1, step)
        start = self.number(first)
        if last is None:
            # A start at 7 lies beyond that end.
            return range(start, max(end, start) + 1, step) if match["step"] is not None else range(start, start + 1)
        return self._range(text, start, self.number(last), step)

    def _range(self, text: str, start: int, end: int, step: int) -> range | list[int]:
        # In `FRI-SUN` Sunday ends the week.
        if end < start and end == self.low and self.sunday is not None:
            end = self.sunday
        if start <= end:
            return range(start, end + 1, step)
        if not self.wraps:
            self.refuse(f"the range '{text[:_SHOWN]}' runs backwards")
        count = self.high - self.low + 1
        return [self.low + (number - self.low) % count for number in range(start, end + count + 1, step)]

    def _step(self, text: str, digits: str) -> int:
        # Quartz counts from 0 and refuses a step over the whole field; Unix takes it for the first value alone.
        size = self.high - self.low + 1
        most = size - 1 if self.bare_steps and not self.low else size
        if len(digits) > len(str(most)) or not 1 <= int(digits) <= most:
            self.refuse(f"the step of '{text[:_SHOWN]}' is not between 1 and {most}")
        return int(digits)


def refuse(reason: str, part: str | None = None) -> NoReturn:
    text = f"{part}: {reason}" if part else reason
    raise InvalidError(f"The cron expression cannot be used: {text}.", field="cron", part=part, reason=text)
