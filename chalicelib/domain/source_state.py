"""What a source carries from one invocation to the next, and what an invocation makes of it.

Everything that one invocation leaves is one value, stored by one write: the changed database, what deduplication
remembers, and an outbox of events under ids of their own. So the database is never behind what was emitted, and who
finds an outbox can put its events where they belong, again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.dedupe import Memory, Strategy, decide, time_of
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.events import (
    DEFAULT_CHANNEL,
    ERRORS,
    LOGS,
    LONGEST_CHANNEL,
    Cause,
    EventId,
    check_emitted_channel,
    emit_id,
)
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.javascript import CodeFailure, Emit, LogLine
from chalicelib.domain.json import Json, encode

MAX_DB_BYTES = 60 * 1024
LOGS_KEPT = 100
DONE_KEPT = 20
"""Invocations of a source exclude one another, so that one which is asked for again is among the very last."""
_LONGEST_SUMMARY = 1_000
_UNFIT = re.compile(r"[^A-Za-z0-9_.:/-]+")
_ERROR_LEVELS = frozenset({"warn", "error"})


@dataclass(frozen=True, slots=True)
class Pending:
    """An event of the outbox. Its id is its own, but on a channel that others speak on too."""

    channel: str
    payload: Json
    emit_id: str
    id: EventId | None = None
    summary: str | None = None
    key: Json = None
    ts: int | None = None


@dataclass(frozen=True, slots=True)
class Outbox:
    """`at` is when it was filled, `cause` that of the run that did it."""

    at: datetime
    entries: tuple[Pending, ...]
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An invocation whose result is stored: the key of its run, how many events it emitted, and what it threw."""

    key: str
    emitted: int
    failure: CodeFailure | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """`version` 0 is that of a state which is not stored yet. `done` are the last invocations, oldest first."""

    workspace_id: str
    source_id: str
    version: int = 0
    db: Mapping[str, Json] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    outbox: Outbox | None = None
    done: tuple[Done, ...] = ()
    newest_event: EventId | None = None
    newest_log: EventId | None = None

    def done_as(self, key: str) -> Done | None:
        return next((each for each in self.done if each.key == key), None)

    def emptied(self) -> SourceState:
        """After everything in the outbox is where it belongs."""
        return replace(self, version=self.version + 1, outbox=None)


@dataclass(frozen=True, slots=True)
class Said:
    """What the code of one invocation said before it ended. `failure` is what it ended by; `error_event` is how
    `$errors` hears of it."""

    emits: tuple[Emit, ...] = ()
    db: Mapping[str, Json] = field(default_factory=dict)
    logs: tuple[LogLine, ...] = ()
    failure: CodeFailure | None = None
    error_event: Json = None

    @property
    def is_nothing(self) -> bool:
        return not (self.emits or self.db or self.logs or self.failure)


def db_after(db: Mapping[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    """A key that was set to None is gone."""
    merged = {**db, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def fits(db: Mapping[str, Json]) -> bool:
    return len(encode(dict(db))) <= MAX_DB_BYTES


def after(
    state: SourceState, said: Said, strategy: Strategy, key: str, at: datetime, cause: Cause | None = None
) -> SourceState:
    """The state to store in place of this one, whose outbox is empty."""
    decision = decide(strategy, state.memory, said.emits)
    warnings = tuple(LogLine("warn", text, epoch_ms(at)) for text in decision.warnings)
    events, refused = _events(decision.kept, key, at)
    logs = (*said.logs, *warnings, *(LogLine("warn", text, epoch_ms(at)) for text in refused))[-LOGS_KEPT:]
    numbered = _numbered(events, state.newest_event, at)
    lines = _numbered(_lines(logs, key, at), state.newest_log, at)
    error = (Pending(ERRORS, said.error_event, emit_id(at, f"{key}/error")),) if said.failure is not None else ()
    entries = (*numbered, *error, *lines)
    return replace(
        state,
        version=state.version + 1,
        db=db_after(state.db, said.db),
        memory=decision.memory,
        outbox=Outbox(at, entries, cause) if entries else None,
        done=(*state.done, Done(key, len(numbered), said.failure))[-DONE_KEPT:],
        newest_event=numbered[-1].id if numbered else state.newest_event,
        newest_log=lines[-1].id if lines else state.newest_log,
    )


def _events(kept: Sequence[Emit], key: str, at: datetime) -> tuple[list[Pending], list[str]]:
    """What was emitted, and what its author should know of it."""
    events: list[Pending] = []
    refused: list[str] = []
    for index, emit in enumerate(kept):
        name = emit.meta.get("name")
        try:
            channel = _channel(name)
        except InvalidError as error:
            refused.append(f"an event was not emitted: {error.message}")
            continue
        if name not in (None, channel):
            refused.append(f"an event was emitted on the channel {channel!r}: {str(name)[:100]!r} cannot be a channel")
        summary = emit.meta.get("summary")
        events.append(
            Pending(
                channel,
                emit.event,
                emit_id(at, f"{key}/{index}"),
                summary=None if summary is None else str(summary)[:_LONGEST_SUMMARY],
                key=emit.meta.get("id"),
                ts=time_of(emit),
            )
        )
    return events, refused


def _channel(name: Json) -> str:
    """The channel of this name, or the nearest to it that can be one. Raises InvalidError for one of ours."""
    if name is None:
        return DEFAULT_CHANNEL
    text = str(name)
    return check_emitted_channel(text if text.startswith("$") else _UNFIT.sub("-", text)[:LONGEST_CHANNEL])


def _lines(logs: Iterable[LogLine], key: str, at: datetime) -> list[Pending]:
    return [
        Pending(
            LOGS,
            {"k": "stderr" if line.level in _ERROR_LEVELS else "stdout", "m": line.text, "ts": line.ts},
            emit_id(at, f"{key}/log/{index}"),
        )
        for index, line in enumerate(logs)
    ]


def _numbered(entries: Iterable[Pending], newest: EventId | None, at: datetime) -> list[Pending]:
    """Nobody else appends to the stream, so that its next ids are ours to give."""
    ms = epoch_ms(at)
    found: list[Pending] = []
    for entry in entries:
        newest = EventId(ms, 0) if newest is None else newest.next_at(ms)
        found.append(replace(entry, id=newest))
    return found
