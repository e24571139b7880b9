"""Invocations of sources: the code runs once, what it leaves is stored by one write, and then its events go out.

The write is conditioned on the state that the code began with, so of two invocations at once only one leaves anything.
From then on the invocation has happened, whoever dies: the next one that comes finds the outbox and sends it first,
under the ids that its events already have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.components import Component
from chalicelib.domain.dedupe import decide
from chalicelib.domain.errors import (
    AccountNotFoundError,
    ComponentNotFoundError,
    ConflictError,
    SourceNotFoundError,
    StaleWriteError,
)
from chalicelib.domain.events import Cause, Emission, Emitter, EmitterKind, Event, emit_id
from chalicelib.domain.identity import short_user_id, short_workspace_id
from chalicelib.domain.javascript import Bundle, CodeFailure, CodeResponse, Emit, Invocation, Limits, LogLine, RunReport
from chalicelib.domain.json import Json
from chalicelib.domain.source_props import accounts, for_code
from chalicelib.domain.source_state import Done, Outbox, Pending, Said, SourceState, after
from chalicelib.domain.sources import Source
from chalicelib.services.events import error_events
from chalicelib.services.events.events import Events
from chalicelib.services.ports import Clock, HttpSender
from chalicelib.services.sources.host import CollectingHost, DatabaseFullError, database_full, limits_within
from chalicelib.services.sources.ports import SourceStateStore, SourceStore
from chalicelib.services.sources.sandbox import JsRunner, SandboxHost

logger = logging.getLogger(__name__)

_TRIES = 8
_AT_REST = "the source is not active"
_LONGEST_TEXT = 16 * 1024
"""Code may throw a text of any length; an outbox that nobody can send would block the source."""

Credentials = Callable[[str, str], Mapping[str, Json]]
"""(workspace id, account id): the account's credentials. Raises AccountNotFoundError."""

Loaded = tuple[Component, Bundle]
Load = Callable[[str, str], Loaded]
"""(workspace id, component id): the component and what runs of it. Raises ComponentNotFoundError."""


class OutOfTimeError(ConflictError):
    """The function that runs the code ends before the code's time is over."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an invocation is about. `source_type` says in the words of the events API what started it."""

    event: Json
    source_type: str
    context_id: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of an invocation. `skipped` says why there was none."""

    emitted: int = 0
    failure: CodeFailure | None = None
    response: CodeResponse | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What an invocation would have left. `db` are the changed keys; one that was cleared is None."""

    emits: tuple[Emit, ...]
    db: Mapping[str, Json]
    logs: tuple[LogLine, ...]
    failure: CodeFailure | None
    response: CodeResponse | None
    missing_modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceRuns:
    """Shared by the threads of a function."""

    sources: SourceStore
    states: SourceStateStore
    load: Load
    js: Callable[[], JsRunner]
    http: HttpSender
    events: Events
    credentials: Credentials
    clock: Clock

    def perform(
        self, workspace_id: str, source_id: str, key: str, trigger: Trigger, seconds: float, most: float
    ) -> Ran:
        """The invocation of this key, if it has not happened yet. `most` is the longest that the code may take,
        `seconds` what there is.

        Raises StaleWriteError where somebody else changed the state meanwhile, OutOfTimeError, UnavailableError:
        nothing has happened then, and the call may be repeated.
        """
        source = self._source(workspace_id, source_id)
        if source is None:
            return Ran(skipped=_AT_REST)
        # Also of a source at rest: whoever stored this invocation while it was live may have died before he sent it.
        state = self.settled(workspace_id, source_id)
        # The run's earlier worker stored this and died before the step's outcome: it must not happen again.
        if (done := state.done_as(key)) is not None:
            return Ran(done.emitted, done.failure)
        # A source that is stored has a state: it was deleted since it was read, and must leave nothing any more.
        if not source.active or not state.version:
            return Ran(skipped=_AT_REST)
        host, failure, _ = self.invoke(source, state, trigger.event, seconds, most)
        if failure is not None and failure.name == "TimeoutError" and seconds < most:
            # Our function ended too soon, not the code too late: another attempt gives it all of its time.
            raise OutOfTimeError
        said = host.said(failure)
        # Nothing to store, so the key is not kept: asked for again, the code runs once more.
        if said.is_nothing:
            return Ran(response=host.response)
        done = self.commit(source, state, said, key, trigger)
        return Ran(done.emitted, failure, host.response)

    def settle_version(self, workspace_id: str, source_id: str, version: int) -> bool:
        """Sends the outbox that a hook filled; False while that state, or the source itself, is still to come."""
        try:
            self.sources.get(workspace_id, source_id)
        except SourceNotFoundError:
            return False
        return self.settled(workspace_id, source_id).version >= version

    def give_up(self, workspace_id: str, source_id: str) -> None:
        """Takes away what was prepared for a source that nobody came to store."""
        try:
            self.sources.get(workspace_id, source_id)
        except SourceNotFoundError:
            self.states.delete(workspace_id, source_id)

    def test(self, source: Source, event: Json, seconds: float, most: float) -> Tried:
        """What the source would do about the event. Nothing is stored and nothing goes out, but for the requests that
        the code makes."""
        # Without settling it: a trial sends nothing, not even what is overdue.
        state = self.states.get(source.workspace_id, source.id)
        component, _ = self.load(source.workspace_id, source.component_id)
        host, failure, report = self.invoke(source, state, event, seconds, most)
        decision = decide(component.dedupe, state.memory, host.emits)
        warnings = tuple(LogLine("warn", text, _ms(self.clock.now())) for text in decision.warnings)
        missing = report.missing_modules if report is not None else ()
        return Tried(decision.kept, host.db, (*host.logs, *warnings), failure, host.response, missing)

    def invoke(
        self, source: Source, state: SourceState, event: Json, seconds: float, most: float
    ) -> tuple[CollectingHost, CodeFailure | None, RunReport | None]:
        """Runs the component's `run`, or emits the event for it if it has none."""
        return self.call(
            source,
            state.db,
            limits_within(seconds, most),
            lambda bundle, invocation, limits, host: self.js().run(bundle, event, invocation, limits, host),
        )

    def call(
        self,
        source: Source,
        db: Mapping[str, Json],
        limits: Limits,
        perform: Callable[[Bundle, Invocation, Limits, SandboxHost], RunReport],
    ) -> tuple[CollectingHost, CodeFailure | None, RunReport | None]:
        """One call into the source's code, with its props, accounts and database. Raises UnavailableError."""
        host = CollectingHost(self.http, db)
        try:
            component, bundle = self.load(source.workspace_id, source.component_id)
            report = perform(bundle, self._invocation(source, component, db), limits, host)
        except (ComponentNotFoundError, AccountNotFoundError) as error:
            return host, CodeFailure(type(error).__name__, error.message), None
        except DatabaseFullError:
            # The logs stay, and so does a response: all else may rest on what cannot be kept.
            host.forget()
            return host, database_full(), None
        if report.missing_modules:
            facts = {"action": "modules_missing", "source_id": source.id, "modules": report.missing_modules}
            logger.info("the code asked for modules that there are not", extra=facts)
        return host, report.error, report

    def commit(self, source: Source, state: SourceState, said: Said, key: str, trigger: Trigger) -> Done:
        """Stores what the code said in one write, then sends it out. Raises StaleWriteError."""
        at = self.clock.now()
        component, _ = self.load(source.workspace_id, source.component_id)
        if said.failure is not None:
            said = replace(said, error_event=_error_event(source, trigger, said.failure, at))
        committed = after(state, said, component.dedupe, key, at, trigger.cause)
        # The invocation has happened from here on; sending may fail, be cut short and be repeated.
        self.states.put(committed)
        self.send(committed)
        return committed.done[-1]

    def settled(self, workspace_id: str, source_id: str) -> SourceState:
        """The source's state after its outbox was sent. Raises StaleWriteError where very many change it at once."""
        for _ in range(_TRIES):
            state = self.states.get(workspace_id, source_id)
            if state.outbox is None:
                return state
            # None: somebody else emptied it or went on. What they left is looked at anew.
            if (sent := self.send(state)) is not None:
                return sent
        raise StaleWriteError(source_id=source_id)

    def send(self, state: SourceState) -> SourceState | None:
        """Puts the events of the outbox where they belong, and empties it; the state as it is then, None if somebody
        else has changed it. Raises UnavailableError, and then may be repeated."""
        if state.outbox is None:
            return state
        emitter = Emitter(state.workspace_id, EmitterKind.SOURCE, state.source_id)
        numbered = [entry for entry in state.outbox.entries if entry.id is not None]
        self.events.put(_event(emitter, state.outbox, entry) for entry in numbered)
        # Others speak on `$errors` too, so these have no ids that nobody else could give: they are looked for instead.
        for entry in state.outbox.entries:
            if entry.id is None:
                self.events.emit(_emission(emitter, state.outbox, entry), may_repeat=True)
        # Only now, when every event is in its place: a death before this sends them again, under the same ids.
        emptied = state.emptied()
        try:
            self.states.put(emptied)
        except StaleWriteError:
            return None
        return emptied

    def _source(self, workspace_id: str, source_id: str) -> Source | None:
        """None for one that is gone or on its way out: what it said is deleted with it."""
        try:
            source = self.sources.get(workspace_id, source_id)
        except SourceNotFoundError:
            return None
        return None if source.deleting else source

    def _invocation(self, source: Source, component: Component, db: Mapping[str, Json]) -> Invocation:
        wanted = accounts(component, source.props)
        return Invocation(
            props=for_code(component, source.props),
            accounts={name: self.credentials(source.workspace_id, id_) for name, id_ in wanted.items()},
            endpoints={name: place.url for name, place in source.endpoints.items()},
            db=db,
            component_id=source.component_id,
        )


def _emission(emitter: Emitter, outbox: Outbox, entry: Pending) -> Emission:
    return Emission(
        emitter, entry.channel, entry.payload, entry.emit_id, entry.summary, entry.key, entry.ts, outbox.cause
    )


def _event(emitter: Emitter, outbox: Outbox, entry: Pending) -> Event:
    assert entry.id is not None
    return Event(entry.id, _emission(emitter, outbox, entry), outbox.at)


def _error_event(source: Source, trigger: Trigger, failure: CodeFailure, at: datetime) -> Json:
    context = error_events.context(
        trigger.context_id,
        at,
        source.id,
        deployment=f"{source.id}/{source.component_id}/{source.revision}",
        source_type=trigger.source_type,
        owner_id=short_workspace_id(source.workspace_id) if source.of_workspace else short_user_id(source.user_id),
    )
    name, message, stack = (text[:_LONGEST_TEXT] for text in (failure.name, failure.message, failure.stack))
    error = error_events.error(name, message, at, cell=source.id, stack=stack)
    return error_events.event(trigger.event, "event", context, error)


def context_id(at: datetime, key: str) -> str:
    """What the events of `$errors` call an invocation."""
    return emit_id(at, key)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
