"""Random cron expressions that are valid and, more often than chance would have it, match near a given local time."""

from __future__ import annotations

import random
from datetime import datetime

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Generator:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def quartz(self, near: datetime) -> str:
        pick = self._random
        seconds = pick.choice(["0", "0", "*/20", self._list(0, 59, near.second, wraps=True)])
        fields = [seconds, self._list(0, 59, near.minute, wraps=True), self._hours(near, wraps=True)]
        if pick.random() < 0.5:
            fields += [self.day_of_month(near), self._months(near, wraps=True), "?"]
        else:
            fields += ["?", self._months(near, wraps=True), self.day_of_week(near)]
        if pick.random() < 0.3:
            fields.append(pick.choice(["*", str(near.year), f"{near.year - 1}-{near.year + 1}", f"{near.year}/2"]))
        return " ".join(fields).lower() if pick.random() < 0.2 else " ".join(fields)

    def unix(self, near: datetime) -> str:
        weekday = near.isoweekday() % 7
        day_of_week = self._random.choice(["*", "*", self._list(0, 7, weekday), _DAYS[weekday], "MON-FRI", "7", "0"])
        day_of_month = self._random.choice(["*", "*", self._list(1, 31, near.day)])
        minutes, hours = self._list(0, 59, near.minute), self._hours(near)
        return f"{minutes} {hours} {day_of_month} {self._months(near)} {day_of_week}"

    def day_of_month(self, near: datetime) -> str:
        pick = self._random
        special = ["L", "LW", f"L-{pick.randint(0, 30)}", f"L-{pick.randint(0, 9)}W", f"{pick.randint(1, 31)}W"]
        plain = ["*", "1/1", self._list(1, 31, near.day, wraps=True), self._list(1, 31, near.day, wraps=True)]
        return pick.choice(plain * 2 + special)

    def day_of_week(self, near: datetime) -> str:
        pick = self._random
        number = near.isoweekday() % 7 + 1
        day = pick.choice([str(number), _DAYS[number - 1]])
        special = ["L", f"{day}L", f"{day}#{(near.day - 1) // 7 + 1}", f"{pick.randint(1, 7)}#{pick.randint(1, 5)}"]
        return pick.choice([*special, "*", day, "FRI-MON", "MON-FRI/2", self._list(1, 7, number, wraps=True)])

    def _hours(self, near: datetime, *, wraps: bool = False) -> str:
        return self._random.choice(["*", "*", self._list(0, 23, near.hour, wraps=wraps), "22-2" if wraps else "0-3"])

    def _months(self, near: datetime, *, wraps: bool = False) -> str:
        name = _MONTHS[near.month - 1]
        wrapping = "OCT-MAR" if wraps else f"JAN-{name}"
        return self._random.choice(["*", "*", str(near.month), name, wrapping, self._list(1, 12, near.month)])

    def _list(self, low: int, high: int, near: int, *, wraps: bool = False) -> str:
        count = self._random.choice([1, 1, 1, 2, 3])
        return ",".join(self._element(low, high, near, wraps=wraps) for _ in range(count))

    def _element(self, low: int, high: int, near: int, *, wraps: bool) -> str:
        pick = self._random
        value = near if pick.random() < 0.4 else pick.randint(low, high)
        step = pick.randint(1, max(2, (high - low) // 2))
        other = pick.randint(low, high)
        if not wraps:
            value, other = min(value, other), max(value, other)
        shapes = [
            str(value),
            str(value),
            "*",
            f"*/{step}",
            f"{value}/{step}",
            f"{value}-{other}",
            f"{value}-{other}/{step}",
        ]
        return pick.choice(shapes)
