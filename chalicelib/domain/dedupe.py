"""Which of the events that one invocation of a source emitted are events at all, and in which order.

Everything an invocation emits is one batch: it is put in order first, then judged against what the source remembers.
What is remembered follows from the batch alone, so that whoever stores it with the batch can never count one twice.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.domain.javascript import Emit
from chalicelib.domain.json import MAX_INTEGER_DIGITS, Json, encode_text

UNIQUE_KEPT = 100
LONGEST_KEY = 256
"""A longer id is remembered by its hash, and so is compared whole."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_MOST_DIGITS = 400
_INTEGERS_END = 10**MAX_INTEGER_DIGITS


class Strategy(StrEnum):
    NONE = "none"
    UNIQUE = "unique"
    GREATEST = "greatest"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Memory:
    """`recent` are the ids emitted last under `unique`, oldest first; `greatest` and `last` are those of their
    strategies. A source that changes its strategy keeps what it remembered for the others."""

    recent: tuple[str, ...] = ()
    greatest: int | float | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is emitted, in order; what is remembered from now on; and what the author should know."""

    kept: tuple[Emit, ...]
    memory: Memory
    warnings: tuple[str, ...] = ()


def in_order(batch: Iterable[Emit]) -> list[Emit]:
    """By `ts` if any has one; those without keep their places behind the others."""
    timed: list[Emit] = []
    others: list[Emit] = []
    for emit in batch:
        (others if time_of(emit) is None else timed).append(emit)
    # sorted() is stable: events of one time stay in the order in which they were emitted.
    return [*sorted(timed, key=lambda emit: time_of(emit) or 0), *others]


def decide(strategy: Strategy, memory: Memory, batch: Sequence[Emit]) -> Decision:
    """Judges the batch of one invocation."""
    ordered = in_order(batch)
    if strategy is Strategy.NONE:
        return Decision(tuple(ordered), memory)
    named = [(emit, key) for emit in ordered if (key := key_of(emit.meta.get("id"))) is not None]
    warnings = _missing(len(ordered) - len(named), strategy)
    match strategy:
        case Strategy.UNIQUE:
            decision = _unique(memory, named)
        case Strategy.GREATEST:
            decision = _greatest(memory, [emit for emit, _ in named])
        case _:
            decision = _last(memory, named)
    return replace(decision, warnings=(*warnings, *decision.warnings))


def time_of(emit: Emit) -> int | None:
    """The `ts` of an emission in milliseconds since 1970, if it has a usable one."""
    ts = emit.meta.get("ts")
    # NaN fails the comparison, and so is no time either.
    if isinstance(ts, bool) or not isinstance(ts, int | float) or not abs(ts) < 1e16:
        return None
    return int(ts)


def key_of(id_: Json) -> str | None:
    """What an id is compared by: 1 and "1" are the same. None for one that is missing."""
    if id_ is None or id_ == "":
        return None
    text = id_ if isinstance(id_, str) else _text(id_)
    if len(text) <= LONGEST_KEY:
        return text
    return f"sha256#{hashlib.sha256(text.encode()).hexdigest()}"


def _text(id_: Json) -> str:
    # JavaScript has one kind of numbers, to which 1.0 is 1; from 1e21 on it writes an exponent itself.
    if isinstance(id_, float) and id_.is_integer() and abs(id_) < 1e21:
        return str(int(id_))
    return encode_text(id_)


def number_of(id_: Json) -> int | float | None:
    """The number that an id is, or is the text of: one that JSON can carry, so that it can be remembered."""
    if isinstance(id_, bool):
        return None
    if isinstance(id_, int | float):
        return _carried(id_)
    if not isinstance(id_, str) or len(id_) > _MOST_DIGITS:
        return None
    text = id_.strip()
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("+-").isdigit():
        return _carried(int(text))
    return _carried(float(text))


def _carried(number: float) -> int | float | None:
    """A double beyond the integers that `decode` takes back, as JavaScript has them; None where none is so large."""
    if isinstance(number, int) and abs(number) < _INTEGERS_END:
        return number
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _missing(count: int, strategy: Strategy) -> tuple[str, ...]:
    if not count:
        return ()
    return (f"{count} event(s) without an id were not emitted: dedupe is '{strategy}'",)


def _unique(memory: Memory, named: Sequence[tuple[Emit, str]]) -> Decision:
    recent = deque(memory.recent, maxlen=UNIQUE_KEPT)
    kept = []
    for emit, key in named:
        if key not in recent:
            recent.append(key)
            kept.append(emit)
    return Decision(tuple(kept), replace(memory, recent=tuple(recent)))


def _greatest(memory: Memory, emits: Sequence[Emit]) -> Decision:
    """All are compared with the greatest from before the batch: one in any order loses none of its members."""
    before, greatest = memory.greatest, memory.greatest
    kept: list[Emit] = []
    seen: set[int | float] = set()
    refused = 0
    for emit in emits:
        number = number_of(emit.meta.get("id"))
        if number is None:
            refused += 1
        elif (before is None or number > before) and number not in seen:
            seen.add(number)
            kept.append(emit)
            greatest = number if greatest is None else max(greatest, number)
    warnings = (f"{refused} event(s) whose id is no number were not emitted: dedupe is 'greatest'",) if refused else ()
    return Decision(tuple(kept), replace(memory, greatest=greatest), warnings)


def _last(memory: Memory, named: Sequence[tuple[Emit, str]]) -> Decision:
    begin = 0
    for at, (_, key) in enumerate(named):
        # Not done at the first match: the id may come again, and all up to the last one was emitted before.
        if key == memory.last:
            begin = at + 1
    last = named[-1][1] if named else memory.last
    return Decision(tuple(emit for emit, _ in named[begin:]), replace(memory, last=last))
