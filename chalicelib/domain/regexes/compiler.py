"""Patterns in JavaScript's notation to the matcher's instructions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ..errors import InvalidError
from .matcher import Instruction, Regex
from .sets import (
    LAST,
    SHORTHANDS,
    Ranges,
    any_in_line,
    any_letter,
    complement,
    line_end,
    line_start,
    no_word_edge,
    set_pattern,
    text_end,
    text_start,
    word_edge,
)

MAX_PATTERN = 1_000
"""In characters."""
_MAX_PROGRAM = 4_000
_MAX_DEPTH = 50
_MAX_REPEAT = 1_000

_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f"}
_QUANTIFIER = re.compile(r"\{([0-9]{1,5})(,([0-9]{0,5}))?\}")
_HEX = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_GROUP_NAME = re.compile(r"([A-Za-z_$][A-Za-z0-9_$]*)>")
_OCTAL = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_DIGIT_RUN = re.compile(r"[1-9][0-9]{0,2}")


@lru_cache(maxsize=256)
def compile_regex(pattern: str, flags: str = "") -> Regex:
    """Raises InvalidError for what is no pattern, or is one that needs looking behind."""
    if len(pattern) > MAX_PATTERN:
        raise InvalidError(f"A regular expression has at most {MAX_PATTERN} characters.")
    # `g` and `u` are let in and change nothing: who calls says where to go on, and texts consist of characters anyway.
    if unknown := sorted(set(flags) - set("gimsu")):
        raise InvalidError(f"The flag {unknown[0]!r} of a regular expression is not supported.")
    compiler = _Compiler(pattern, "i" in flags, "m" in flags, "s" in flags)
    try:
        return compiler.regex()
    except RecursionError as error:
        raise InvalidError("The regular expression is nested too deeply.") from error


@dataclass(slots=True)
class _Compiler:
    pattern: str
    ignore_case: bool
    multiline: bool
    dot_all: bool
    position: int = 0
    depth: int = 0
    groups: int = 0
    slots: int = 0
    program: list[Instruction] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    marks: list[tuple[int, int]] = field(default_factory=list)

    def regex(self) -> Regex:
        total = self._count_groups()
        self.slots = 2 * total
        self._alternatives(total)
        if self.position < len(self.pattern):
            raise self._wrong("a parenthesis is closed that was not opened")
        self.program.append(("end",))
        first = self.program[0]
        # Where a match can only begin with one letter or set, `re` looks for the place at its own speed.
        leading = re.compile(re.escape(first[1])) if first[0] == "char" else first[1] if first[0] == "set" else None
        return Regex(tuple(self.program), total, self.slots, self.names, leading)

    def _count_groups(self) -> int:
        """How many groups capture; looked up ahead, since a reference may stand before its group."""
        count, position, in_set = 0, 0, False
        while position < len(self.pattern):
            letter = self.pattern[position]
            if letter == "\\":
                position += 1
            elif letter == "[":
                in_set = True
            elif letter == "]":
                in_set = False
            elif letter == "(" and not in_set:
                named = (
                    self.pattern.startswith("(?<", position) and self.pattern[position + 3 : position + 4] not in "=!"
                )
                count += named or not self.pattern.startswith("(?", position)
            position += 1
        return count

    def _alternatives(self, total: int) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._wrong("it is nested too deeply")
        start, jumps = len(self.program), list[int]()
        self._sequence(total)
        while self._took("|"):
            # Beyond the split that is put in here and the jump that ends this alternative.
            self.program.insert(start, ("split", start + 1, len(self.program) + 2))
            self._shift(start + 1, start, 1)
            jumps.append(len(self.program))
            self._emit(("jump", -1))
            start = len(self.program)
            self._sequence(total)
        for jump in jumps:
            self.program[jump] = ("jump", len(self.program))
        self.depth -= 1

    def _sequence(self, total: int) -> None:
        while self.position < len(self.pattern) and self.pattern[self.position] not in "|)":
            start, first_group = len(self.program), self.groups
            can_repeat = self._atom(total)
            quantifier = self._quantifier()
            if quantifier is None:
                continue
            if not can_repeat:
                raise self._wrong("nothing stands before a quantifier")
            self._repeat(start, first_group, *quantifier)

    def _atom(self, total: int) -> bool:
        """Emits one thing to match; whether it may be repeated."""
        letter = self.pattern[self.position]
        self.position += 1
        match letter:
            case "^":
                self._emit(("check", line_start if self.multiline else text_start))
                return False
            case "$":
                self._emit(("check", line_end if self.multiline else text_end))
                return False
            case ".":
                self._emit(("set", any_letter() if self.dot_all else any_in_line()))
            case "[":
                self._emit(("set", self._class()))
            case "(":
                return self._group(total)
            case "\\":
                return self._escape(total)
            case "*" | "+" | "?":
                raise self._wrong("nothing stands before a quantifier")
            case _:
                self._literal(letter)
        return True

    def _literal(self, letter: str) -> None:
        if self.ignore_case and letter.lower() != letter.upper():
            self._emit(("set", set_pattern(((ord(letter), ord(letter)),), negated=False, ignore_case=True)))
        else:
            self._emit(("char", letter))

    def _group(self, total: int) -> bool:
        if self._took("?:"):
            self._alternatives(total)
        elif self._took("?=") or self._took("?!"):
            self._lookahead(self.pattern[self.position - 1] == "=", total)
            return False
        elif self._took("?<=") or self._took("?<!"):
            raise self._wrong("it looks behind, which is not supported")
        else:
            self._capture(total)
        if not self._took(")"):
            raise self._wrong("a parenthesis is not closed")
        return True

    def _lookahead(self, wanted: bool, total: int) -> None:
        place = len(self.program)
        self._emit(("look", place + 1, -1, wanted))
        self._alternatives(total)
        if not self._took(")"):
            raise self._wrong("a parenthesis is not closed")
        self._emit(("end",))
        self.program[place] = ("look", place + 1, len(self.program), wanted)

    def _capture(self, total: int) -> None:
        if self._took("?<"):
            name = _GROUP_NAME.match(self.pattern, self.position)
            if name is None or name[1] in self.names:
                raise self._wrong("a group's name is invalid")
            self.names[name[1]] = self.groups
            self.position = name.end()
        elif self._took("?"):
            raise self._wrong("a group begins in an unknown way")
        group = self.groups
        self.groups += 1
        self._emit(("save", 2 * group))
        self._alternatives(total)
        self._emit(("save", 2 * group + 1))

    def _escape(self, total: int) -> bool:
        if self.position >= len(self.pattern):
            raise self._wrong("it ends with a backslash")
        letter = self.pattern[self.position]
        if letter in "bB":
            self.position += 1
            self._emit(("check", word_edge if letter == "b" else no_word_edge))
            return False
        # A number beyond the groups there are is a character's code, or no more than its digits.
        if (number := _DIGIT_RUN.match(self.pattern, self.position)) and int(number[0]) <= total:
            self.position = number.end()
            self._emit(("same", int(number[0]) - 1, self.ignore_case))
            return True
        if letter == "k" and self.names and (name := _GROUP_NAME.match(self.pattern, self.position + 2)):
            if name[1] not in self.names:
                raise self._wrong(f"there is no group called {name[1]!r}")
            self.position = name.end()
            self._emit(("same", self.names[name[1]], self.ignore_case))
            return True
        if letter.lower() in SHORTHANDS:
            self.position += 1
            ranges = SHORTHANDS[letter.lower()]
            self._emit(("set", set_pattern(ranges, negated=letter.isupper(), ignore_case=False)))
        else:
            self._literal(self._escaped_letter())
        return True

    def _escaped_letter(self) -> str:
        """The letter that the escape at this place stands for."""
        letter = self.pattern[self.position]
        coded = _HEX.match(self.pattern, self.position)
        if coded is not None:
            code = int(coded[1] or coded[2] or coded[3], 16)
            if code > LAST:
                raise self._wrong("a character's code is too large")
            self.position = coded.end()
            return chr(code)
        if octal := _OCTAL.match(self.pattern, self.position):
            self.position = octal.end()
            return chr(int(octal[0], 8))
        self.position += 1
        if letter == "c" and self.pattern[self.position : self.position + 1].isalpha():
            self.position += 1
            return chr(ord(self.pattern[self.position - 1]) % 32)
        return _CONTROLS.get(letter, letter)

    def _class(self) -> re.Pattern[str]:
        negated = self._took("^")
        ranges: list[tuple[int, int]] = []
        while not self._took("]"):
            low = self._class_member()
            if isinstance(low, tuple):
                ranges.extend(low)
                continue
            high: int | Ranges = low
            if (
                self.pattern.startswith("-", self.position)
                # At the end of the pattern this is empty, and in every text: no range either.
                and self.pattern[self.position + 1 : self.position + 2] not in "]"
            ):
                self.position += 1
                high = self._class_member()
            if isinstance(high, tuple):
                # A shorthand is no end of a range, so the dash stands for itself.
                ranges += [(low, low), (45, 45), *high]
            elif high < low:
                raise self._wrong("a range of characters is out of order")
            else:
                ranges.append((low, high))
        return set_pattern(tuple(ranges), negated=negated, ignore_case=self.ignore_case)

    def _class_member(self) -> int | Ranges:
        if self.position >= len(self.pattern):
            raise self._wrong("a bracket is not closed")
        letter = self.pattern[self.position]
        self.position += 1
        if letter != "\\":
            return ord(letter)
        if self.position >= len(self.pattern):
            raise self._wrong("it ends with a backslash")
        letter = self.pattern[self.position]
        if letter.lower() in SHORTHANDS:
            self.position += 1
            ranges = SHORTHANDS[letter.lower()]
            return complement(ranges) if letter.isupper() else ranges
        if letter == "b":
            self.position += 1
            # In a set `\b` is the backspace.
            return 8
        return ord(self._escaped_letter())

    def _quantifier(self) -> tuple[int, int | None, bool] | None:
        """How often the last thing may come, and whether as often as possible first."""
        least, most = 1, None
        counted = _QUANTIFIER.match(self.pattern, self.position)
        if self._took("*"):
            least = 0
        elif self._took("?"):
            least, most = 0, 1
        elif counted is not None:
            self.position = counted.end()
            least = int(counted[1])
            most = least if counted[2] is None else int(counted[3]) if counted[3] else None
            if most is not None and most < least:
                raise self._wrong("the numbers of a quantifier are out of order")
            if max(least, most or 0) > _MAX_REPEAT:
                raise self._wrong(f"a quantifier counts further than {_MAX_REPEAT}")
        elif not self._took("+"):
            return None
        return least, most, not self._took("?")

    def _repeat(self, start: int, first_group: int, least: int, most: int | None, is_greedy: bool) -> None:
        atom = self.program[start:]
        if len(atom) == 1 and atom[0][0] in ("char", "set"):
            source = re.escape(atom[0][1]) if atom[0][0] == "char" else atom[0][1].pattern
            flags = 0 if atom[0][0] == "char" else atom[0][1].flags & re.IGNORECASE
            self.program[start:] = [("run", re.compile(f"{source}*", flags), least, most, is_greedy)]
            if least:
                # The set alone tells where a match may begin, which a run that may be empty does not.
                self.program[start:] = [atom[0], ("run", self.program[start][1], least - 1, _less(most), is_greedy)]
            return
        del self.program[start:]
        # Each turn forgets what groups captured in the one before, as in JavaScript; `re` would keep it.
        if first_group < self.groups:
            atom = _moved([("clear", 2 * first_group, 2 * self.groups), *atom], start, 1)
        for _ in range(least):
            self._copy(atom, start)
        if most is None:
            self._loop(atom, start, is_greedy)
            return
        self._options(atom, start, most - least, is_greedy)

    def _options(self, atom: list[Instruction], start: int, count: int, is_greedy: bool) -> None:
        """Up to so many times; one that takes nothing does not count."""
        skips: list[int] = []
        mark = self.slots
        self.slots += count > 0
        for _ in range(count):
            skips.append(len(self.program))
            self._emit(("split", -1, -1))
            self._emit(("save", mark))
            self._copy(atom, start)
            self._emit(("moved", mark))
        for skip in skips:
            ways = (skip + 1, len(self.program))
            self.program[skip] = ("split", *(ways if is_greedy else ways[::-1]))

    def _loop(self, atom: list[Instruction], start: int, is_greedy: bool) -> None:
        """As often as it fits; an iteration that takes nothing ends it."""
        mark = self.slots
        self.slots += 1
        place = len(self.program)
        self._emit(("split", -1, -1))
        self._emit(("save", mark))
        self._copy(atom, start)
        self._emit(("moved", mark))
        self._emit(("jump", place))
        ways = (place + 1, len(self.program))
        self.program[place] = ("split", *(ways if is_greedy else ways[::-1]))

    def _copy(self, atom: list[Instruction], start: int) -> None:
        for instruction in _moved(atom, start, len(self.program) - start):
            self._emit(instruction)

    def _shift(self, start: int, beyond: int, by: int) -> None:
        self.program[start:] = _moved(self.program[start:], beyond, by)

    def _emit(self, instruction: Instruction) -> None:
        self.program.append(instruction)
        if len(self.program) > _MAX_PROGRAM:
            raise self._wrong("it is too large")

    def _took(self, text: str) -> bool:
        if not self.pattern.startswith(text, self.position):
            return False
        self.position += len(text)
        return True

    def _wrong(self, reason: str) -> InvalidError:
        return InvalidError(f"The regular expression {self.pattern[:60]!r} is invalid: {reason}.")


def _moved(instructions: list[Instruction], start: int, by: int) -> list[Instruction]:
    """The instructions with their targets from `start` on moved along."""
    moved: list[Instruction] = []
    for instruction in instructions:
        match instruction:
            case ("split", one, other):
                moved.append(("split", _along(one, start, by), _along(other, start, by)))
            case ("jump", target):
                moved.append(("jump", _along(target, start, by)))
            case ("look", inner, after, wanted):
                moved.append(("look", _along(inner, start, by), _along(after, start, by), wanted))
            case _:
                moved.append(instruction)
    return moved


def _along(target: int, start: int, by: int) -> int:
    return target + by if target >= start else target


def _less(most: int | None) -> int | None:
    return None if most is None else most - 1
