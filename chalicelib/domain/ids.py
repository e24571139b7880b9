"""Minting and parsing ids.

An id is a documented prefix, the minting time in base 36 and random characters, so that ids of one kind
sort by age while nobody can guess the next one.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_TIME_DIGITS = 9
_RANDOM_DIGITS = 13
ENTROPY_BYTES = 9


def base36(number: int, width: int) -> str:
    """`number` in lower-case base 36, zero-padded or cut to its last `width` digits."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def epoch_ms(at: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time."""
    return round(at.timestamp() * 1000)


def mint(prefix: str, at: datetime, entropy: bytes) -> str:
    """An id such as `wf_0mh3k2…`: sortable by `at`, unguessable by `entropy` (`ENTROPY_BYTES` random bytes)."""
    random_part = base36(int.from_bytes(entropy, "big"), _RANDOM_DIGITS)
    return f"{prefix}{base36(epoch_ms(at), _TIME_DIGITS)}{random_part}"


def escape(part: str) -> str:
    """`part` with every character encoded that separates the parts of a step key."""
    return part if part.isalnum() and part.isascii() else quote(part, safe="_-").replace(".", "%2E")
