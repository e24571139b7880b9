"""HTTP requests for sources: each is a run of its source, stored before anything is done about it.

Where the code answers itself, its run is advanced here and now; should this process die, the run goes on elsewhere
without an answer.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import ComponentNotFoundError, RateLimitedError, SourceNotFoundError
from chalicelib.domain.http_events import HttpAnswer, HttpEvent, to_event
from chalicelib.domain.json import Json, encode
from chalicelib.domain.run import Run, RunStatus, Start
from chalicelib.domain.sources import Source, run_workflow
from chalicelib.services.access import is_id
from chalicelib.services.limits import Limits
from chalicelib.services.ports import Clock, RunStore
from chalicelib.services.runs.runs import Runs
from chalicelib.services.sources.ports import SourceStore
from chalicelib.services.sources.runs import Load

TRIGGER = "http"
REQUESTS_PER_MINUTE = 600
"""Ten a second on average."""

WAIT_SECONDS = 27.0
"""How long a caller waits: less than the half minute after which gateways give up."""
_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_SAFETY_HINT_SECONDS = 30  # more than `WAIT_SECONDS`: a worker takes the run up when nobody waits any more

_TEXT = {"content-type": "text/plain; charset=utf-8"}
_JSON = {"content-type": "application/json"}
ACCEPTED = HttpAnswer(200, _TEXT, b"OK\n")
_NO_ANSWER = b"The component was expected to answer by respond(), and did not.\n"


class SourceRequests:
    """`advance` is the worker's. `limits` count a key's requests as those of an inbound hook."""

    def __init__(
        self,
        sources: SourceStore,
        load: Load,
        runs: Runs,
        store: RunStore,
        advance: Callable[[str, datetime], None],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._sources = sources
        self._load = load
        self._runs = runs
        self._store = store
        self._advance = advance
        self._limits = limits
        self._clock = clock

    def receive(self, endpoint_key: str, request: HttpEvent) -> HttpAnswer:
        """Raises SourceNotFoundError for an address of no active source, RateLimitedError, TooLargeError."""
        if not is_id(endpoint_key):
            raise SourceNotFoundError(endpoint_key=endpoint_key)
        source = self._sources.find(endpoint_key)
        # As if there were none: whoever knows an old address learns nothing of what became of it.
        if not source.is_live:
            raise SourceNotFoundError(endpoint_key=endpoint_key)
        allowance = self._limits.spend_for_hook(endpoint_key)
        if not allowance.granted:
            raise RateLimitedError("rate limit exceeded", retry_after_seconds=allowance.retry_after_seconds)
        event = to_event(request)
        if not self._answers(source):
            self._start(source, {"event": event})
            return ACCEPTED
        # Hinted at late: a worker that took it up meanwhile would keep the answer from whoever waits here.
        run = self._start(source, {"event": event, "answered": True}, _SAFETY_HINT_SECONDS)
        return self._answer(run)

    def _start(self, source: Source, given: Mapping[str, Json], delay_seconds: int = 0) -> Run:
        start = Start(source.user_id, exclusive=source.id, hint_delay_seconds=delay_seconds)
        return self._runs.start(run_workflow(source), dict(given), TRIGGER, start=start)

    def _answers(self, source: Source) -> bool:
        try:
            component, _ = self._load(source.workspace_id, source.component_id)
        except ComponentNotFoundError:
            return False
        return component.answers_requests

    def _answer(self, run: Run) -> HttpAnswer:
        """Advances the run, waiting for its turn if others of the source are before it."""
        until = self._clock.now() + timedelta(seconds=WAIT_SECONDS)
        pause = _PAUSE_SECONDS
        while True:
            # Returns at once where the run cannot be advanced: others of its source are before it, or a worker has it.
            self._advance(run.id, until)
            run = self._store.get(run.id)
            if run.status.is_final:
                return _answer_of(run)
            # The run goes on all the same; only its answer is lost.
            if self._clock.now() + timedelta(seconds=pause) >= until:
                return _failed(504, "the source did not answer in time")
            self._clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def _answer_of(run: Run) -> HttpAnswer:
    output: Any = run.output if isinstance(run.output, dict) else {}
    if "response" in output:
        response = output["response"]
        return HttpAnswer(response["status"], response["headers"], base64.b64decode(response["body"]))
    if run.status is not RunStatus.SUCCEEDED:
        return _failed(500, "internal server error")
    # It was deleted or switched off between the request and its turn: the same answer as a moment later.
    if "skipped" in output:
        raise SourceNotFoundError(source_id=run.workflow_id)
    return HttpAnswer(400, _TEXT, _NO_ANSWER)


def _failed(status: int, message: str) -> HttpAnswer:
    return HttpAnswer(status, _JSON, encode({"error": message}))
