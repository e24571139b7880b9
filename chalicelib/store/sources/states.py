"""The states of sources: an item each, in a partition of its own, always written whole and over one version.

The database and what deduplication remembers are bounded, and stay in the item; the outbox spills.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.dedupe import Memory
from chalicelib.domain.errors import StaleWriteError
from chalicelib.domain.events import Cause, EventId, parse_event_id
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.javascript import CodeFailure
from chalicelib.domain.json import decode, encode_text
from chalicelib.domain.source_state import Done, Outbox, Pending, SourceState
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import OptionalTextAttribute
from chalicelib.store.definition_items import DefinitionItem
from chalicelib.store.sources.items import STATE, outbox_owner, state_of
from chalicelib.store.table import ConditionFailedError, Table
from chalicelib.store.values import Values

_LONGEST_MESSAGE = 1_000


class StateItem(DefinitionItem):
    """`about` is what is remembered besides: for deduplication, of the last invocations, and the newest ids."""

    version = NumberAttribute()
    db = UnicodeAttribute()
    about = UnicodeAttribute()
    outbox = OptionalTextAttribute()


class DynamoSourceStateStore:
    """The `SourceStateStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values) -> None:
        self._table = table
        self._values = values

    def get(self, workspace_id: str, source_id: str) -> SourceState:
        raw = self._table.get(state_of(workspace_id, source_id), STATE)
        if raw is None:
            return SourceState(workspace_id, source_id)
        item = StateItem.from_raw_data(raw)
        (outbox,) = self._values.unpack(outbox_owner(source_id), [item.outbox])
        return _state(workspace_id, source_id, item, outbox)

    def put(self, state: SourceState) -> None:
        owner = outbox_owner(state.source_id)
        item = StateItem(
            state_of(state.workspace_id, state.source_id),
            STATE,
            version=state.version,
            db=encode_text(dict(state.db)),
            about=encode_text(_about_to_json(state)),
            outbox=None if state.outbox is None else self._values.pack(owner, _outbox_to_json(state.outbox)),
        )
        try:
            self._table.put(item, _is_at_version(state.version - 1))
        except ConditionFailedError as failed:
            raise StaleWriteError(source_id=state.source_id) from failed

    def delete(self, workspace_id: str, source_id: str) -> None:
        self._table.delete(state_of(workspace_id, source_id), STATE)


def _is_at_version(version: int) -> Condition:
    """Guards what another invocation has left meanwhile, and a deleted state's return."""
    if version == 0:
        # The first state of a source has version 1, and replaces none.
        return StateItem.partition.does_not_exist()
    condition: Condition = StateItem.version == version
    return condition


def _about_to_json(state: SourceState) -> Any:
    return {
        "recent": list(state.memory.recent),
        "greatest": state.memory.greatest,
        "last": state.memory.last,
        "done": [_done_to_json(done) for done in state.done],
        "newest_event": None if state.newest_event is None else str(state.newest_event),
        "newest_log": None if state.newest_log is None else str(state.newest_log),
    }


def _done_to_json(done: Done) -> Any:
    failure = done.failure
    # Cut: the item is written whole, and several of these are in it beside the database.
    return [done.key, done.emitted, failure and [failure.name[:200], failure.message[:_LONGEST_MESSAGE]]]


def _outbox_to_json(outbox: Outbox) -> Any:
    cause = outbox.cause
    return {
        "at": epoch_ms(outbox.at),
        "cause": cause and [cause.emitter_id, cause.channel, cause.event_id, cause.hops],
        "entries": [
            [
                entry.channel,
                entry.payload,
                entry.emit_id,
                None if entry.id is None else str(entry.id),
                entry.summary,
                entry.key,
                entry.ts,
            ]
            for entry in outbox.entries
        ],
    }


def _state(workspace_id: str, source_id: str, item: StateItem, outbox: Any) -> SourceState:
    about: Any = decode(item.about.encode())
    db: Any = decode(item.db.encode())
    return SourceState(
        workspace_id,
        source_id,
        int(item.version),
        db,
        Memory(tuple(about["recent"]), about["greatest"], about["last"]),
        None if outbox is None else _outbox(outbox),
        tuple(Done(key, count, failure and CodeFailure(*failure)) for key, count, failure in about["done"]),
        _event_id(about["newest_event"]),
        _event_id(about["newest_log"]),
    )


def _outbox(outbox: Any) -> Outbox:
    entries = tuple(
        Pending(channel, payload, emit_id, _event_id(id_), summary, key, ts)
        for channel, payload, emit_id, id_, summary, key, ts in outbox["entries"]
    )
    return Outbox(from_epoch_ms(outbox["at"]), entries, outbox["cause"] and Cause(*outbox["cause"]))


def _event_id(text: str | None) -> EventId | None:
    return None if text is None else parse_event_id(text)
