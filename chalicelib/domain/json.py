"""Strict JSON: the one decoder and encoder of the product.

What `decode` accepts, `encode` writes back exactly, and every value can be stored as UTF-8: no NaN or
infinity, no duplicate member names, no lone surrogates, nesting and integers within fixed bounds. No
input makes either of them hang or raise anything but the two errors named below.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import TypeAlias, cast

import msgspec

from .errors import MalformedJsonError, TooLargeError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 64
MAX_BYTES = 6 * 1024 * 1024
MAX_INTEGER_DIGITS = 40

_BOM = b"\xef\xbb\xbf"
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONG_DIGITS = b"0" * (MAX_INTEGER_DIGITS + 1)
_DIGITS_TO_ZERO = bytes.maketrans(b"0123456789", b"0" * 10)
_ALL_BUT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_DEPTH_STEP = tuple(1 if byte in b"[{" else -1 for byte in range(256))
_COLLECTOR_THRESHOLD_BYTES = 64 * 1024


def decode(raw: bytes, max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES) -> Json:
    """The value that the UTF-8 JSON text says.

    Integers may have 40 digits, other numbers must fit a double; 1 and 1.0 keep their kind. Raises
    TooLargeError above `max_bytes`, MalformedJsonError for everything else that is refused.
    """
    if len(raw) > max_bytes:
        raise TooLargeError(f"The JSON text is larger than {max_bytes} bytes.", limit=max_bytes)
    text = _utf8(raw)
    if _is_deeper_than(raw, max_depth):
        raise _too_deep(max_depth)
    # Only a long run of digits can be an integer out of bounds, and calling Python for each one is slow.
    decoder = _CAREFUL if _LONG_DIGITS in raw.translate(_DIGITS_TO_ZERO) else _USUAL
    try:
        with _collector_paused(len(raw) > _COLLECTOR_THRESHOLD_BYTES):
            value = cast(Json, decoder.decode(text))
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"The JSON text is malformed: {error.msg} (line {error.lineno}, column {error.colno}).",
            position=error.pos,
        ) from error
    except RecursionError as error:
        raise _too_deep(max_depth) from error
    # UTF-8 itself cannot hold surrogates: only an escape brings one in.
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON that `decode` reads back unchanged.

    Raises TooLargeError for a value nested deeper than `decode` accepts, and MalformedJsonError for text
    that cannot be stored as UTF-8.
    """
    try:
        # NaN and infinity become null here, as they do in JavaScript.
        raw = msgspec.json.encode(value)
    except RecursionError as error:
        raise _not_storable() from error
    except UnicodeEncodeError as error:
        raise MalformedJsonError("The value holds a lone surrogate.") from error
    if _is_deeper_than(raw, MAX_DEPTH):
        raise _not_storable()
    return raw


def encode_text(value: Json) -> str:
    """`encode` as text, with the same errors."""
    return encode(value).decode()


def _utf8(raw: bytes) -> str:
    if raw.startswith(_BOM):
        raise MalformedJsonError("The JSON text starts with a byte order mark.", position=0)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        at = error.start
        raise MalformedJsonError(f"The JSON text is not UTF-8 (byte {at}).", position=at) from error
    if not text or text.isspace():
        raise MalformedJsonError("The JSON text is empty.", position=0)
    return text


def _is_deeper_than(raw: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest beyond the limit; malformed text may answer either way."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    if b"\\" in raw:
        # Escaped backslashes first: the quote behind one ends its string.
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Every second piece between quotes lies outside of strings.
    outside_strings = b"".join(raw.translate(None, _ALL_BUT_STRUCTURE).split(b'"')[::2])
    return max(accumulate(map(_DEPTH_STEP.__getitem__, outside_strings)), default=0) > limit


def _not_storable() -> TooLargeError:
    return TooLargeError(f"The value is nested more than {MAX_DEPTH} levels deep.", limit=MAX_DEPTH)


def _too_deep(limit: int) -> MalformedJsonError:
    return MalformedJsonError(f"The JSON text is nested more than {limit} levels deep.", limit=limit)


@contextmanager
def _collector_paused(pause: bool) -> Iterator[None]:
    """Decoding makes no garbage cycles, yet 100,000 new lists set off collections costing ten times more."""
    if not (pause and gc.isenabled()):
        yield
        return
    # For the whole process: of two threads that decode, the first to end turns it on again for both, which costs time
    # alone.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedJsonError(f"The JSON text has the member {name[:100]!r} twice.", key=name)
            seen.add(name)
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    # Infinity minus itself is NaN; digits never give NaN in the first place.
    if number - number != 0.0:
        raise MalformedJsonError(f"The number {digits[:50]} is out of range.")
    return number


def _bounded(digits: str) -> int:
    limit = MAX_INTEGER_DIGITS
    if len(digits) - digits.startswith("-") > limit:
        raise MalformedJsonError(f"An integer has more than {limit} digits.", limit=limit)
    return int(digits)


def _no_constant(name: str) -> Json:
    raise MalformedJsonError(f"{name} is not a JSON value.")


def _refuse_lone_surrogates(value: Json) -> None:
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise MalformedJsonError("The JSON text holds a lone surrogate.") from error


_USUAL = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_no_constant)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_finite, parse_constant=_no_constant, parse_int=_bounded
)
