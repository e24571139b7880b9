"""Minting and parsing ids.

An id is a documented prefix, the minting time in base 36 and random characters, so that ids of one kind
sort by age while nobody can guess the next one.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from urllib.parse import quote, unquote

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
# Milliseconds in nine digits last until the year 5188; thirteen digits keep 67 of 72 random bits, 22 keep 113 of 120
# bits of a hash.
_TIME_DIGITS = 9
_RANDOM_DIGITS = 13
_DERIVED_DIGITS = 22
ENTROPY_BYTES = 9
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def base36(number: int, width: int) -> str:
    """`number` in lower-case base 36, zero-padded or cut to its last `width` digits."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def epoch_ms(at: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time."""
    # Rounded, because the float may lie just below the whole millisecond.
    return round(at.timestamp() * 1000)


def mint(prefix: str, at: datetime, entropy: bytes) -> str:
    """An id such as `wf_0mh3k2…`: sortable by `at`, unguessable by `entropy` (`ENTROPY_BYTES` random bytes)."""
    random_part = base36(int.from_bytes(entropy, "big"), _RANDOM_DIGITS)
    return f"{prefix}{base36(epoch_ms(at), _TIME_DIGITS)}{random_part}"


UUID_BYTES = 16


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def uuid4(entropy: bytes) -> str:
    """A lower-case UUID of version 4 from `UUID_BYTES` random bytes."""
    raw = bytearray(entropy[:UUID_BYTES])
    # Version and variant, where RFC 9562 has their bits.
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def uuid_of(name: str) -> str:
    """The one UUID that stands for `name` where a dialect's ids are UUIDs; a UUID stands for itself. It has the form of
    version 4, which is what readers expect, and is as hard to guess as the name."""
    if is_uuid(name):
        return name.lower()
    return uuid4(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())


def unescape(part: str) -> str:
    """What `escape` made the part of."""
    return unquote(part)


def derived(prefix: str, name: str) -> str:
    """The one id that what `name` names can have: whoever makes it again finds it there."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return prefix + base36(int.from_bytes(digest[:15], "big"), _DERIVED_DIGITS)


def escape(part: str) -> str:
    """`part` with every character encoded that separates the parts of a step key."""
    # Most ids need nothing, and every step asks. quote() never encodes dots, but a dot stands between a container and
    # its rounds.
    return part if part.isalnum() and part.isascii() else quote(part, safe="_-").replace(".", "%2E")
