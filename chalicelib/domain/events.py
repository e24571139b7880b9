"""Events: what emitters said, on which channel, and what kept one event from being told for ever.

An emitter's visible channels (all whose names do not begin with `$`) share one stream, each `$…` channel has a stream
of its own. Ids in a stream grow strictly: an event whose append began after another's had ended has the greater id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json

DEFAULT_CHANNEL = ""
ERRORS = "$errors"
LOGS = "$logs"

MAX_HOPS = 10
"""How many runs may follow from one another by way of subscriptions."""

NEWEST_KEPT = 100
"""How many events of a stream its total counts at most; older ones are there until their time is over."""

CHANNEL_REACH = 1_000
"""How many events of the visible stream, from its newest on, one channel's are looked for among."""

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of a payload as compact JSON."""

LONGEST_CHANNEL = 128
_CHANNEL = re.compile(r"[$]?[A-Za-z0-9_.:/-]+|")
_EVENT_ID = re.compile(r"([0-9]{1,15})-([0-9]{1,9})", re.ASCII)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# May 13th, 2014: where KSUIDs begin to count, so that 32 bits of seconds last until 2150.
_KSUID_EPOCH = 1_400_000_000
_KSUID_DIGITS = 27


class EmitterKind(StrEnum):
    WORKFLOW = "workflow"
    SOURCE = "source"


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """`<ms>-<seq>`: milliseconds since 1970, and a number that begins at 0 in each. Compared as numbers."""

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"

    def next_at(self, ms: int) -> EventId:
        """The first id after this one that an event of that millisecond may have, though the clock stepped back."""
        return EventId(ms, 0) if ms > self.ms else EventId(self.ms, self.seq + 1)


def parse_event_id(text: str) -> EventId:
    """Raises InvalidError."""
    match = _EVENT_ID.fullmatch(text)
    if match is None:
        raise InvalidError(f"'{text[:40]}' is not an event id", field="id")
    return EventId(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Emitter:
    workspace_id: str
    kind: EmitterKind
    id: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Which event made a run start: where it came from, how many runs in a row were started by events, this one
    included, and whether it told of an error."""

    emitter_id: str
    channel: str
    event_id: str
    hops: int


@dataclass(frozen=True, slots=True)
class Emission:
    """What an emitter says, before it has a place in a stream.

    `emit_id` names the emission: repeating one with the same id adds nothing. `summary`, `key` (the id that a source
    gave, of any JSON type) and `ts` (milliseconds) are the emitter's own words. `cause` is that of the run that emits.
    """

    emitter: Emitter
    channel: str
    payload: Json
    emit_id: str
    summary: str | None = None
    key: Json = None
    ts: int | None = None
    cause: Cause | None = None

    @property
    def hops(self) -> int:
        return self.cause.hops if self.cause is not None else 0


@dataclass(frozen=True, slots=True)
class Event:
    """An emission in its stream. `id.ms` is when it was stored, unless the clock had stepped back. `told` names the
    last listener, in the order of telling, up to whom everybody has heard of it, where that was noted."""

    id: EventId
    emission: Emission
    stored_at: datetime
    told: str | None = None

    @property
    def place(self) -> EventPlace:
        emitter = self.emission.emitter
        return EventPlace(emitter, stream_of(self.emission.channel), self.id)


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where an event is: its emitter, the stream (`stream_of` its channel), its id."""

    emitter: Emitter
    stream: str
    id: EventId


@dataclass(frozen=True, slots=True)
class DueEvent:
    """An event that not everybody has heard yet, from the due index. It may be stale."""

    place: EventPlace
    due_at: datetime


@dataclass(frozen=True, slots=True)
class EventPage:
    """Newest first. `total` counts the stream, `NEWEST_KEPT` at most."""

    items: tuple[Event, ...]
    total: int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Events strictly between `after` (which is newer) and `before` (which is older): `after` alone gives the
    newest that are older than it, `before` alone the `limit` events directly in front of it. A `channel` of the
    visible stream may be asked for alone, and then is all that the page's total counts; None means all of it.

    Events that together have more than `most_bytes` (as compact JSON, of what their emitters said) come on several
    pages, but each page has one at least."""

    after: EventId | None = None
    before: EventId | None = None
    limit: int = 10
    channel: str | None = None
    most_bytes: int | None = None

    @property
    def from_oldest(self) -> bool:
        """Whether a page that is not to be too long begins with the oldest of what is asked for."""
        return self.after is None and self.before is not None


def stream_of(channel: str) -> str:
    """The stream that a channel's events are in: its own for `$…`, else the visible one, whose name is empty."""
    return channel if channel.startswith("$") else ""


def check_channel(channel: str) -> str:
    """Raises InvalidError for what cannot be a channel's name."""
    if len(channel) > LONGEST_CHANNEL or _CHANNEL.fullmatch(channel) is None:
        raise InvalidError(f"'{channel[:40]}' cannot be a channel's name", field="channel")
    return channel


def check_emitted_channel(channel: str) -> str:
    """Raises InvalidError for what cannot be a channel's name, or is the name of one that the product alone uses."""
    if channel.startswith("$"):
        raise InvalidError(f"'{channel[:40]}' is a channel that nobody but this product emits on", field="channel")
    return check_channel(channel)


def event_type(channel: str, payload: Json) -> str:
    """What receivers filter by: the payload's own `type`, if it has one, else the channel, else `event`."""
    if isinstance(payload, dict) and isinstance(payload.get("type"), str) and payload["type"]:
        return str(payload["type"])[:LONGEST_CHANNEL]
    return channel or "event"


def emit_id(at: datetime, name: str) -> str:
    """A KSUID (27 base-62 characters that begin with the time) that follows from `name` alone, so that an emission
    that is repeated is recognised."""
    seconds = max(int(at.timestamp()) - _KSUID_EPOCH, 0) & 0xFFFFFFFF
    # 4 bytes of time and 16 of the name: 160 bits, which 27 digits hold.
    number = int.from_bytes(seconds.to_bytes(4, "big") + hashlib.sha256(name.encode()).digest()[:16], "big")
    return base62(number, _KSUID_DIGITS)


def base62(number: int, width: int) -> str:
    """`number` in base 62, zero-padded or cut to its last `width` digits; sorts like the number."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
