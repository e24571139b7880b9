"""Runs compiled patterns over texts: a backtracking machine that counts its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import TooLargeError

MAX_SUBJECT = 200_000
"""In characters."""
MAX_STEPS = 200_000
_LETTERS_PER_STEP = 32

Instruction: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class Match:
    """`groups` are the captures from 1 up; None for one that took no part."""

    start: int
    end: int
    groups: tuple[str | None, ...]
    names: dict[str, int]


class Regex:
    """A compiled pattern; `compile_regex` gives it."""

    __slots__ = ("_first", "_groups", "_names", "_program", "_slots")

    def __init__(
        self, program: tuple[Instruction, ...], groups: int, slots: int, names: dict[str, int], first: Any
    ) -> None:
        self._program = program
        self._groups = groups
        self._slots = slots
        self._names = names
        self._first = first

    def search(self, subject: str, at: int = 0, spend: Callable[[int], None] | None = None) -> Match | None:
        """The first match from a position on.

        `spend` is told the steps that were taken and may refuse them by raising. Raises TooLargeError for a subject
        over MAX_SUBJECT, and for a match that takes more than MAX_STEPS.
        """
        if len(subject) > MAX_SUBJECT:
            raise TooLargeError(f"A regular expression reads at most {MAX_SUBJECT} characters.", limit=MAX_SUBJECT)
        # One for all places that a match may begin at: together they are what the search takes.
        meter = _Meter()
        try:
            return self._search(subject, at, meter)
        finally:
            if spend is not None:
                # Where it gave up, too: that search was the dearest.
                spend(meter.steps)

    def _search(self, subject: str, at: int, meter: _Meter) -> Match | None:
        while at <= len(subject):
            if self._first is not None:
                candidate = self._first.search(subject, at)
                if candidate is None:
                    return None
                at = candidate.start()
            slots = [-1] * self._slots
            end = _run(self._program, 0, subject, at, slots, meter)
            if end >= 0:
                pairs = ((slots[2 * group], slots[2 * group + 1]) for group in range(self._groups))
                groups = tuple(subject[start:stop] if start >= 0 <= stop else None for start, stop in pairs)
                return Match(at, end, groups, self._names)
            at += 1
        return None


@dataclass(slots=True)
class _Meter:
    steps: int = 0


def _run(program: tuple[Instruction, ...], counter: int, subject: str, at: int, slots: list[int], meter: _Meter) -> int:
    """The end of a match that begins here, or -1.

    `back` holds what to return to: a place in program and subject, a slot's former value, or a run of characters
    that may give one back.
    """
    # The last number says what it is: 0 a place, 1 a run that gives back its last, 2 one that takes another, 3 a slot.
    back: list[tuple[int, int, int, int]] = []
    end = len(subject)
    while True:
        meter.steps += 1
        if meter.steps > MAX_STEPS:
            raise TooLargeError(f"The regular expression takes more than {MAX_STEPS} steps on this text.")
        instruction = program[counter]
        operation = instruction[0]
        fits = True
        if operation == "char":
            fits = at < end and subject[at] == instruction[1]
            at += 1
        elif operation == "set":
            fits = instruction[1].match(subject, at) is not None
            at += 1
        elif operation == "run":
            low, high, now = _taken(instruction, subject, at)
            meter.steps += (high - at) // _LETTERS_PER_STEP
            at = now
            fits = low <= high
            if low < high:
                back.append((counter + 1, low, high, 1 if instruction[4] else 2))
        elif operation == "split":
            back.append((instruction[2], at, 0, 0))
            counter = instruction[1]
            continue
        elif operation == "jump":
            counter = instruction[1]
            continue
        elif operation == "save":
            back.append((instruction[1], slots[instruction[1]], 0, 3))
            slots[instruction[1]] = at
        elif operation == "clear":
            for slot in range(instruction[1], instruction[2]):
                if slots[slot] >= 0:
                    back.append((slot, slots[slot], 0, 3))
                    slots[slot] = -1
        elif operation == "moved":
            fits = slots[instruction[1]] != at
        elif operation == "check":
            fits = instruction[1](subject, at)
        elif operation == "same":
            at, fits = _repeated(instruction, subject, at, slots)
        elif operation == "look":
            fits = _look(program, instruction, subject, at, slots, back, meter)
            # Below it moves on by one.
            counter = instruction[2] - 1
        else:
            return at
        if fits:
            counter += 1
            continue
        while back:
            place, value, high, kind = back.pop()
            if kind == 3:
                slots[place] = value
                continue
            if kind == 1 and value < high - 1:
                back.append((place, value, high - 1, 1))
            elif kind == 2 and value + 1 < high:
                back.append((place, value + 1, high, 2))
            counter = place
            at = value if kind == 0 else high - 1 if kind == 1 else value + 1
            break
        else:
            return -1


def _taken(instruction: Instruction, subject: str, at: int) -> tuple[int, int, int]:
    """The nearest and the farthest end of a run of one set, and where to go on first."""
    _, pattern, least, most, is_greedy = instruction
    found = pattern.match(subject, at)
    high = found.end() if found else at
    if most is not None:
        high = min(high, at + most)
    low = at + least
    return low, high, high if is_greedy else low


def _repeated(instruction: Instruction, subject: str, at: int, slots: list[int]) -> tuple[int, bool]:
    _, group, ignore_case = instruction
    start, stop = slots[2 * group], slots[2 * group + 1]
    # A group that took no part matches the empty text, as in JavaScript.
    wanted = subject[start:stop] if start >= 0 <= stop else ""
    found = subject[at : at + len(wanted)]
    if found == wanted or (ignore_case and found.lower() == wanted.lower()):
        return at + len(wanted), True
    return at, False


def _look(
    program: tuple[Instruction, ...],
    instruction: Instruction,
    subject: str,
    at: int,
    slots: list[int],
    back: list[tuple[int, int, int, int]],
    meter: _Meter,
) -> bool:
    """Looks ahead without moving; what a positive look captures stays."""
    _, inner, _, wanted = instruction
    # On a copy: what fails, or is not to be there, leaves no captures.
    trial = slots.copy()
    found = _run(program, inner, subject, at, trial, meter) >= 0
    if found and wanted:
        for slot, (before, now) in enumerate(zip(slots, trial, strict=True)):
            if before != now:
                # Taken back like every other capture, when the match fails behind the look.
                back.append((slot, before, 0, 3))
                slots[slot] = now
    return found is wanted
