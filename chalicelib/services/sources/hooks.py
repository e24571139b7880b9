"""Hooks of a source, run one after the other as one invocation: what they leave is stored together, or not at all."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime

from chalicelib.domain.errors import InvalidError, StaleWriteError, UnavailableError
from chalicelib.domain.javascript import CodeFailure, Emit, LogLine
from chalicelib.domain.json import Json
from chalicelib.domain.run import Start
from chalicelib.domain.source_state import Said, SourceState, after, db_after, fits
from chalicelib.domain.sources import Source, run_workflow
from chalicelib.services.runs.runs import Runs
from chalicelib.services.sources.host import limits_within
from chalicelib.services.sources.runs import SourceRuns

logger = logging.getLogger(__name__)

HOOK_SECONDS = 24.0
"""All hooks of one call together: whoever called waits for them, and no gateway waits longer than half a minute."""
SETTLE = "settle"
_SETTLE_DELAY_SECONDS = 30  # whoever runs the hooks sends by itself before that; the run is for its death
_TRIES = 8


class HookSession:
    """`state` is what the source carries so far."""

    def __init__(self, source_runs: SourceRuns, runs: Runs, state: SourceState, key: str, until: datetime) -> None:
        self._source_runs = source_runs
        self._runs = runs
        self._state = state
        self._key = key
        self._until = until
        self._emits: list[Emit] = []
        self._logs: list[LogLine] = []
        self._db: dict[str, Json] = {}

    def run(self, source: Source, name: str) -> CodeFailure | None:
        """Runs a hook that the source may have. Of one that fails nothing stays but what it logged. Raises
        UnavailableError."""
        component, _ = self._source_runs.load(source.workspace_id, source.component_id)
        if name not in component.has:
            return None
        db = db_after(self._state.db, self._db)
        seconds = max((self._until - self._source_runs.clock.now()).total_seconds(), 0.0)
        host, failure, _ = self._source_runs.call(
            source,
            db,
            limits_within(seconds, HOOK_SECONDS),
            lambda bundle, invocation, limits, host: self._source_runs.js().hook(
                bundle, name, invocation, limits, host
            ),
        )
        # Also of one that fails: they are what its author looks at.
        self._logs += host.logs
        if failure is None:
            self._emits += host.emits
            self._db |= host.db
        else:
            facts = {"action": "hook_failed", "source_id": source.id, "hook": name}
            logger.info("a hook failed: %s", failure.message, extra=facts)
        return failure

    def commit(self, source: Source) -> None:
        """Stores what the hooks left over what is stored by now. What they emitted goes out by a run, should this
        process die before `send`. Raises StaleWriteError, InvalidError, UnavailableError."""
        said = Said(tuple(self._emits), dict(self._db), tuple(self._logs))
        # A source's first state is stored even if it is empty: without one, a source counts as deleted.
        if said.is_nothing and self._state.version:
            return
        component, _ = self._source_runs.load(source.workspace_id, source.component_id)
        clock = self._source_runs.clock
        for _ in range(_TRIES):
            if not fits(db_after(self._state.db, said.db)):
                raise InvalidError("the hooks set more than the database of a source holds")
            committed = after(self._state, said, component.dedupe, self._key, clock.now())
            if committed.outbox is not None:
                # Before the state is stored: a run too many finds nothing to do, a missing one is never made up for.
                delay = Start(user_id=source.user_id, hint_delay_seconds=_SETTLE_DELAY_SECONDS)
                self._runs.start(run_workflow(source), {SETTLE: committed.version}, SETTLE, start=delay)
            try:
                self._source_runs.states.put(committed)
            except StaleWriteError:
                # Somebody else's state is there now, and its outbox has to be empty before ours takes its place.
                self._state = self._source_runs.settled(source.workspace_id, source.id)
            else:
                self._state = committed
                return
        raise StaleWriteError(source_id=source.id)

    def send(self) -> None:
        """Lets what was emitted go out; what is not sent here is sent by a run."""
        with suppress(UnavailableError):
            self._source_runs.send(self._state)
