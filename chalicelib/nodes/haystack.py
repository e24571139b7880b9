"""`haystack`: the recorded histories of a building's points, from a Project Haystack server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chalicelib.domain.files import MAX_FILE_BYTES
from chalicelib.domain.json import MAX_BYTES, Json, encode
from chalicelib.domain.masking import mask_json
from chalicelib.domain.run import StepError
from chalicelib.nodes.haystack_client import Account, HaystackSession, base_of
from chalicelib.nodes.http_request import store_file
from chalicelib.nodes.params import invalid, optional_text, params_of, text
from chalicelib.nodes.steps import Result, StepContext, StepFailure
from chalicelib.services.ports import Entropy, FileStore, HttpSender

ACTION = "pointhistory"
MAX_POINTS = 1000
_POINTS_WITH_HISTORY = "point and his"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class _Query:
    base: str
    account: Account
    filter: str
    range: str
    to_file: bool


class HaystackNode:
    """The handler of `haystack`. Output: `{points, history}`, the points' tags and, point after point, records
    `{id, ts, val, unit?}`; or, for `_to: "file"`, the reference to a file that holds it."""

    def __init__(self, http: HttpSender, entropy: Entropy, files: Callable[[], FileStore]) -> None:
        self._http = http
        self._entropy = entropy
        self._files = files

    def __call__(self, context: StepContext) -> Result:
        params = params_of(context)
        query, shown = _query(params, context.now()), mask_json(dict(params))
        try:
            output = self._read(query, context)
        except StepFailure as failure:
            raise StepFailure(failure.error, shown) from failure
        content = encode(output)
        if query.to_file:
            reference = store_file(self._files(), context, content, "application/json", shown)
            return Result(reference, input=shown)
        if len(content) > MAX_BYTES:
            message = f"the histories are larger than {MAX_BYTES} bytes; store them as a file, or ask for less"
            raise StepFailure(StepError("answer_too_large", message), shown)
        return Result(output, input=shown)

    def _read(self, query: _Query, context: StepContext) -> Json:
        most_bytes = MAX_FILE_BYTES if query.to_file else MAX_BYTES
        session = HaystackSession(self._http, self._entropy, query.base, context, most_bytes)
        session.log_in(query.account)
        # One more than may be: so too many are noticed, and never many more read.
        points = session.read("read", filter=query.filter, limit=str(MAX_POINTS + 1)).rows
        if len(points) > MAX_POINTS:
            raise StepFailure(StepError("too_many_points", f"more than {MAX_POINTS} points match '_cmd'"))
        history = [record for point in points for record in _history(session, point, query.range)]
        context.log("info", f"{len(history)} records of {len(points)} points read")
        return {"points": list(points), "history": history}


def _history(session: HaystackSession, point: Mapping[str, Json], range_: str) -> Iterator[Json]:
    id_ = point.get("id")
    if not isinstance(id_, str):
        raise StepFailure(StepError("haystack", "the server names a point without an id"))
    for row in session.read("hisRead", id=f"@{id_.removeprefix('@')}", range=f'"{range_}"').rows:
        record: dict[str, Json] = {"id": id_, "ts": row.get("ts"), "val": row.get("val")}
        measured = row.get("val")
        if isinstance(measured, Mapping) and measured.keys() == {"val", "unit"}:
            record |= measured
        yield record


def _query(params: Mapping[str, Json], now: datetime) -> _Query:
    action = text(params, "_action").strip().lower()
    if action != ACTION:
        raise invalid(f"'_action' must be {ACTION}")
    to = optional_text(params, "_to")
    if to is not None and to.strip().lower() != "file":
        raise invalid("'_to' must be file, if it is given")
    return _Query(
        base=base_of(text(params, "_url"), text(params, "_project").strip()),
        account=Account(text(params, "_uname"), text(params, "_pwd")),
        filter=_filter(optional_text(params, "_cmd")),
        range=_range(optional_text(params, "_hisStartDate"), now),
        to_file=to is not None,
    )


def _filter(command: str | None) -> str:
    """Points that have a history, of those that the caller's filter names."""
    # In brackets, because `and` binds closer than an `or` of the caller's.
    return _POINTS_WITH_HISTORY if command is None else f"({command.strip()}) and {_POINTS_WITH_HISTORY}"


def _range(start: str | None, now: datetime) -> str:
    """A range is read in each point's own time zone: it ends tomorrow by our clock, which no zone has passed."""
    if start is None:
        return "today"
    try:
        first = date.fromisoformat(start) if _DAY.fullmatch(start) else None
    except ValueError:
        first = None
    if first is None:
        raise invalid("'_hisStartDate' must be a date such as 2026-01-31")
    last = max(now.date() + timedelta(days=1), first)
    return f"{first.isoformat()},{last.isoformat()}"
