"""Events: emitting them, reading an emitter's streams, and deleting from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.errors import NotFoundError, UnavailableError
from chalicelib.domain.events import (
    Emission,
    Emitter,
    EmitterKind,
    Event,
    EventId,
    EventPage,
    EventQuery,
    parse_event_id,
)
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.identity import Principal
from chalicelib.services.access import Scope, require
from chalicelib.services.events.ports import DeliveryQueue, EventStore, SubscriptionStore
from chalicelib.services.ports import Clock

if TYPE_CHECKING:
    from chalicelib.services.runs.chores import Arguments

logger = logging.getLogger(__name__)

DELETE_EVENTS = "delete_events"
DELETED_AT_ONCE = 100
"""How many events of a range a call deletes itself; a chore deletes the rest."""

Exists = Callable[[Principal, str, Scope], object]
"""Raises NotFoundError unless the principal's workspace has an emitter of this id, ForbiddenError without the scope."""


class ChoreStarter(Protocol):
    def start(self, workspace_id: str, kind: str, arguments: Arguments) -> object: ...


class Events:
    """`emitters` tells by kind whether an emitter exists; one of another kind does not."""

    def __init__(
        self,
        *,
        store: EventStore,
        subscriptions: SubscriptionStore,
        queue: DeliveryQueue,
        emitters: Mapping[EmitterKind, Exists],
        chores: Callable[[], ChoreStarter],
        clock: Clock,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._queue = queue
        self._emitters = emitters
        self._chores = chores
        self._clock = clock

    def emit(self, emission: Emission, *, may_repeat: bool = False) -> Event:
        """Stores the event, and hints at it where somebody may listen. With `may_repeat` one that is there by its
        `emit_id` is returned instead of another. Raises TooLargeError, UnavailableError."""
        emitter, now = emission.emitter, self._clock.now()
        # Asked before it is stored, as the due time is part of the one write: who subscribes later did not hear it.
        is_heard = self._subscriptions.any_for(emitter.workspace_id, emitter.kind, emitter.id, emission.channel)
        due_at = now + timedelta(seconds=RESEND_SECONDS) if is_heard else None
        event = self._store.append(emission, now=now, due_at=due_at, may_repeat=may_repeat)
        if is_heard:
            self._hint(event)
        return event

    def put(self, events: Iterable[Event]) -> None:
        """Stores events under the ids that they have, as `EventStore.put` does, and hints at those that somebody may
        hear. Raises TooLargeError, UnavailableError; what was stored by then may be put again."""
        # One answer for all events of a channel: an invocation may leave hundreds, on very few of them.
        heard: dict[str, bool] = {}
        for event in events:
            emitter, channel = event.emission.emitter, event.emission.channel
            if channel not in heard:
                heard[channel] = self._subscriptions.any_for(emitter.workspace_id, emitter.kind, emitter.id, channel)
            due_at = self._clock.now() + timedelta(seconds=RESEND_SECONDS) if heard[channel] else None
            if not self._store.put(event, due_at=due_at):
                # Another event has the id, which ought not to be: rather under a new one than lost.
                self.emit(event.emission, may_repeat=True)
            elif heard[channel]:
                self._hint(event)

    def forget(self, emitter: Emitter, streams: Iterable[str]) -> None:
        """Deletes everything of an emitter that is gone, soon."""
        for stream in streams:
            if self._store.delete(emitter, stream, None, None, DELETED_AT_ONCE):
                self._delete_later(emitter, stream, None, None)

    def page(
        self, principal: Principal, emitter_kind: EmitterKind, emitter_id: str, stream: str, query: EventQuery
    ) -> EventPage:
        """Newest first. Raises ForbiddenError, NotFoundError."""
        emitter = self._emitter(principal, emitter_kind, emitter_id, Scope.READ_EVENTS)
        return self._store.page(emitter, stream, query)

    def delete(
        self,
        principal: Principal,
        emitter_kind: EmitterKind,
        emitter_id: str,
        start: EventId | None = None,
        end: EventId | None = None,
        *,
        stream: str = "",
    ) -> None:
        """Deletes the inclusive range; what is too much for one call is deleted soon. Raises ForbiddenError,
        NotFoundError."""
        emitter = self._emitter(principal, emitter_kind, emitter_id, Scope.WRITE_EVENTS)
        if start is not None and end is not None and start > end:
            return
        if self._store.delete(emitter, stream, start, end, DELETED_AT_ONCE):
            self._delete_later(emitter, stream, start, end)

    def _delete_later(self, emitter: Emitter, stream: str, start: EventId | None, end: EventId | None) -> None:
        arguments: Arguments = {
            "emitter_kind": emitter.kind.value,
            "emitter_id": emitter.id,
            "stream": stream,
            "start": None if start is None else str(start),
            # What comes in from now on is not what the caller meant.
            "end": str(self._newest_now() if end is None else end),
        }
        self._chores().start(emitter.workspace_id, DELETE_EVENTS, arguments)

    def delete_slice(self, workspace_id: str, arguments: Arguments) -> bool:
        """A slice of the chore that `delete` starts."""
        emitter = Emitter(workspace_id, EmitterKind(str(arguments["emitter_kind"])), str(arguments["emitter_id"]))
        start, end = (None if (text := arguments[name]) is None else parse_event_id(str(text)) for name in _BOUNDS)
        return self._store.delete(emitter, str(arguments["stream"]), start, end, DELETED_AT_ONCE)

    def _newest_now(self) -> EventId:
        return EventId(round(self._clock.now().timestamp() * 1000), 999_999_999)  # the last number of nine digits

    def _emitter(self, principal: Principal, kind: EmitterKind, emitter_id: str, scope: Scope) -> Emitter:
        require(principal, scope)
        # An installation without sources has no such kind: nothing of it exists.
        if kind not in self._emitters:
            raise NotFoundError(f"The {kind} does not exist.", emitter_id=emitter_id)
        self._emitters[kind](principal, emitter_id, scope)
        return Emitter(principal.workspace_id, kind, emitter_id)

    def _hint(self, event: Event) -> None:
        try:
            self._queue.send_event(event.place)
        except UnavailableError:
            facts = {"action": "event_hint_lost", "emit_id": event.emission.emit_id}
            logger.warning("the event is told a little later", extra=facts)


_BOUNDS = ("start", "end")
