"""Sets of characters, and the places between characters that a pattern may ask for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

LAST = 0x10FFFF
Ranges: TypeAlias = "tuple[tuple[int, int], ...]"

_DIGITS: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = (
    (9, 13),
    (32, 32),
    (160, 160),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
SHORTHANDS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_LINE_ENDS = "\n\r\u2028\u2029"


def complement(ranges: Ranges) -> Ranges:
    gaps, position = [], 0
    for low, high in sorted(ranges):
        if low > position:
            gaps.append((position, low - 1))
        position = max(position, high + 1)
    return (*gaps, (position, LAST))


@lru_cache(maxsize=512)
def set_pattern(ranges: Ranges, *, negated: bool, ignore_case: bool) -> re.Pattern[str]:
    if not ranges:
        return any_letter() if negated else re.compile(r"(?!)")
    # By their numbers, so that no member can be syntax to `re`.
    members = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return re.compile(f"[{'^' * negated}{members}]", re.IGNORECASE if ignore_case else 0)


def any_letter() -> re.Pattern[str]:
    return set_pattern(((0, LAST),), negated=False, ignore_case=False)


def any_in_line() -> re.Pattern[str]:
    ends = tuple((ord(end), ord(end)) for end in _LINE_ENDS)
    return set_pattern(ends, negated=True, ignore_case=False)


def text_start(subject: str, at: int) -> bool:
    return at == 0


def text_end(subject: str, at: int) -> bool:
    return at == len(subject)


def line_start(subject: str, at: int) -> bool:
    return at == 0 or subject[at - 1] in _LINE_ENDS


def line_end(subject: str, at: int) -> bool:
    return at == len(subject) or subject[at] in _LINE_ENDS


def _is_word(subject: str, at: int) -> bool:
    # ASCII alone, as `\w` is in JavaScript.
    return 0 <= at < len(subject) and subject[at].isascii() and (subject[at].isalnum() or subject[at] == "_")


def word_edge(subject: str, at: int) -> bool:
    return _is_word(subject, at - 1) != _is_word(subject, at)


def no_word_edge(subject: str, at: int) -> bool:
    return not word_edge(subject, at)
