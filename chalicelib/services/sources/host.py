"""The host of a run of user code: does its requests, and keeps what it says as it comes, however the run ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.javascript import CodeFailure, CodeResponse, Emit, Limits, LogLine
from chalicelib.domain.json import Json, encode
from chalicelib.domain.source_state import LOGS_KEPT, MAX_DB_BYTES, Said
from chalicelib.services.ports import HttpSender

SPARE_SECONDS = 3.0
_LEAST_SECONDS = 1.0


class DatabaseFullError(Exception):
    """The code set more than a source may keep. What it emitted may rest upon what cannot be kept, so neither is."""


class CollectingHost:
    """`db` is what the code finds."""

    def __init__(self, http: HttpSender, db: Mapping[str, Json]) -> None:
        self._http = http
        self._sizes = {key: _size(key, value) for key, value in db.items()}
        self.emits: list[Emit] = []
        self.db: dict[str, Json] = {}
        # The last lines are the ones that are kept: what went wrong stands at the end.
        self.logs: deque[LogLine] = deque(maxlen=LOGS_KEPT)
        self.response: CodeResponse | None = None

    def fetch(self, request: HttpRequest) -> HttpResponse:
        return self._http.send(request)

    def respond(self, response: CodeResponse) -> None:
        self.response = self.response or response

    def on_emit(self, emit: Emit) -> None:
        self.emits.append(emit)

    def on_log(self, line: LogLine) -> None:
        self.logs.append(line)

    def on_db(self, key: str, value: Json) -> None:
        try:
            # Measured with every write, so that code which fills it is stopped at once and not at its end.
            sizes = {**self._sizes, key: 0 if value is None else _size(key, value)}
        except TooLargeError as error:
            raise DatabaseFullError from error
        if sum(sizes.values()) > MAX_DB_BYTES:
            raise DatabaseFullError
        self._sizes = sizes
        self.db[key] = value

    def forget(self) -> None:
        """Of what was said, all but the logs and the response."""
        self.emits, self.db = [], {}

    def said(self, failure: CodeFailure | None) -> Said:
        return Said(tuple(self.emits), dict(self.db), tuple(self.logs), failure)


def database_full() -> CodeFailure:
    message = f"the database of a source holds {MAX_DB_BYTES // 1024} KB; what was set does not fit"
    return CodeFailure("DatabaseFullError", message, f"DatabaseFullError: {message}")


def limits_within(seconds: float, most: float) -> Limits:
    """Those of a run that has to have ended within so many seconds."""
    # At least a moment: a limit of nothing would end code that had no chance, and count as its failure.
    wall = max(min(seconds - SPARE_SECONDS, most), _LEAST_SECONDS)
    return Limits(wall_seconds=wall, db_value_bytes=MAX_DB_BYTES, log_lines=LOGS_KEPT)


def _size(key: str, value: Json) -> int:
    """Of its member in the database's JSON."""
    return len(encode({key: value}))
