"""Pages of records on their way through a flow, and the account of what became of them.

All of it is JSON in the outputs of steps. An output says what happened; figures, errors and resolutions follow from
recorded outputs alone, so that whoever settles a page, and however often, comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from chalicelib.domain.errors import PenstockError
from chalicelib.domain.flows.flows import Count, added, error_id
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.times import from_epoch_ms, iso_ms, parse_iso

MAX_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, the stage that it enters next (None once it has arrived or stopped), its trace key, and, where it is
    tried again, the errors that say so."""

    record: Json
    at: str | None
    trace_key: str = ""
    retried: tuple[str, ...] = ()

    def to_json(self) -> Json:
        entry: dict[str, Json] = {"r": self.record, "at": self.at}
        if self.trace_key:
            entry["t"] = self.trace_key
        if self.retried:
            entry["e"] = list(self.retried)
        return entry

    @staticmethod
    def of_json(entry: Any) -> Entry:
        return Entry(entry["r"], entry["at"], entry.get("t", ""), tuple(entry.get("e", ())))


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record, or a generator, failed, in the words of errors of flows. `request_key` is status and method of the
    answer that said so, `is_passing` that trying it again may help by itself."""

    source: str
    code: str
    message: str
    request_key: str = ""
    is_passing: bool = False

    def to_json(self) -> dict[str, Json]:
        fault: dict[str, Json] = {"source": self.source, "code": self.code, "message": self.message}
        return {**fault, "request": self.request_key} if self.request_key else fault

    def shown(self) -> dict[str, Json]:
        """As response mappings and callers see it."""
        return {"code": self.code, "message": self.message, "source": self.source}

    @staticmethod
    def of_json(fault: Any) -> Fault:
        # Whether it may pass has been acted upon before it is recorded.
        return Fault(fault["source"], fault["code"], fault["message"], fault.get("request", ""))


def fault_of(error: FlowHttpError | RecordError) -> Fault:
    if isinstance(error, RecordError):
        return Fault(error.source, error.code, error.message[:MAX_MESSAGE])
    answer = error.answer
    request_key = "" if answer is None else f"{answer.status}-{answer.method}"
    return Fault(error.source, error.code, error.message[:MAX_MESSAGE], request_key, error.is_passing)


TOO_LARGE = Fault("internal", "page_too_large", "With this record the page grew beyond 5 MB; use a smaller page size.")


@dataclass(slots=True)
class Account:
    """What one step makes of a page. `entries` are those that go on to the step after it, handled or not."""

    entries: list[Entry] = field(default_factory=list)
    success: int = 0
    error: int = 0
    ignore: int = 0
    pages: int = 0
    errors: list[dict[str, Json]] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    failed_again: list[dict[str, Json]] = field(default_factory=list)
    traced: list[str] = field(default_factory=list)

    def passed_over(self, entry: Entry) -> None:
        """Not for this step."""
        self.entries.append(entry)

    def succeeded(self, entry: Entry, record: Json, to: str | None) -> None:
        self.success += 1
        if entry.trace_key:
            self.traced.append(entry.trace_key)
        self._goes_on(entry, record, to)

    def ignored(self, entry: Entry, record: Json, to: str | None) -> None:
        self.ignore += 1
        self._goes_on(entry, record, to)

    def failed(
        self,
        index: int,
        entry: Entry,
        fault: Fault,
        *,
        record: Json = None,
        to: str | None = None,
        trace_key: str | None = None,
    ) -> None:
        """`index` is the entry's place in the page as it came; `record` is what goes on to `to`, if one does. One that
        was tried again stops: where failing does not stop records, it went on the first time."""
        self.error += 1
        if entry.retried:
            self.failed_again += [{"id": each, **fault.to_json()} for each in entry.retried]
            return
        key = entry.trace_key if trace_key is None else trace_key
        # The record as it entered the stage, because a retry enters it there.
        self.errors.append({**fault.to_json(), "n": index, "trace": key, "record": entry.record})
        if to is not None:
            self.entries.append(Entry(record, to, entry.trace_key))

    def noted(self, index: str, entry: Entry, fault: Fault, trace_key: str | None = None) -> None:
        """An error beside what became of the entry. It has no record of its own that could be tried again."""
        self.error += 1
        key = entry.trace_key if trace_key is None else trace_key
        self.errors.append({**fault.to_json(), "n": index, "trace": key})

    def _goes_on(self, entry: Entry, record: Json, to: str | None) -> None:
        self.resolved += entry.retried
        if to is not None:
            self.entries.append(Entry(record, to, entry.trace_key))

    def to_json(self, began_at: datetime, ended_at: datetime) -> dict[str, Json]:
        """The output of the step, without what it has no need to say."""
        output: dict[str, Json] = {
            "records": [entry.to_json() for entry in self.entries],
            "count": [self.success, self.error, self.ignore, self.pages],
            "times": [epoch_ms(began_at), epoch_ms(ended_at)],
        }
        lists: dict[str, Json] = {
            "errors": list(self.errors),
            "resolved": list(self.resolved),
            "again": list(self.failed_again),
            "traced": list(self.traced),
        }
        return {**output, **{name: value for name, value in lists.items() if value}}


def entries_of(output: Json) -> list[Entry]:
    """The entries that a step before handed on."""
    found = output.get("records") if isinstance(output, dict) else None
    return [Entry.of_json(each) for each in found] if isinstance(found, list) else []


def count_of(output: Json) -> Count:
    """What an output adds to the figures of its part of the job; nothing for a step that had nothing to do."""
    if not isinstance(output, dict) or "count" not in output:
        return Count()
    count: Any = output["count"]
    times: Any = output["times"]
    found = Count(*count)
    # Times alone would say that a part has begun which had nothing to do.
    if found == Count():
        return found
    return replace(found, started_at=from_epoch_ms(times[0]), ended_at=from_epoch_ms(times[1]))


def totals_after(before: Mapping[str, Count], outputs: Iterable[tuple[str, Json]]) -> dict[str, Count]:
    """The figures of all parts after a page, given the outputs of its steps with the keys of the parts they count
    for."""
    totals = dict(before)
    for key, output in outputs:
        count = count_of(output)
        if count != Count():
            totals[key] = added(totals.get(key, Count()), count)
    return totals


def totals_to_json(totals: Mapping[str, Count]) -> Json:
    return {
        key: [
            *(count.success, count.error, count.ignore, count.pages),
            *(None if at is None else iso_ms(at) for at in (count.started_at, count.ended_at)),
        ]
        for key, count in totals.items()
    }


def totals_of(totals: Any) -> dict[str, Count]:
    """What `totals_to_json` made; none for anything else."""
    if not isinstance(totals, dict):
        return {}
    return {
        key: Count(*figures[:4], *(None if at is None else parse_iso(at) for at in figures[4:]))
        for key, figures in totals.items()
    }


def ended_at(output: Json) -> datetime | None:
    times: Any = output.get("times") if isinstance(output, dict) else None
    return from_epoch_ms(times[1]) if times else None


def error_id_of(at: datetime, *place: object) -> str:
    """The one id that the error at this place of a job can have."""
    name = "/".join(map(str, place))
    return error_id(at, int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big"))


def request_key_of(fault: Fault, at: datetime, error_id_: str) -> str:
    """What an error calls the request that it came of: its time, four digits, status and method. "" for no answer."""
    if not fault.request_key:
        return ""
    return f"{epoch_ms(at)}-{sha256(error_id_.encode()).hexdigest()[:4]}-{fault.request_key}"


def size_of(record: Json) -> int:
    """How many bytes a record takes. Raises RecordError for one that cannot be kept where records of pages are."""
    try:
        # As deep as records lie in outputs of steps and in what is put aside: depth is bounded there.
        return len(encode([[[[[[record]]]]]]))
    except PenstockError as error:
        message = f"The record cannot be kept: {error.message}"
        raise RecordError("internal", "invalid_record", message) from error


def cut(sizes: Sequence[int], most: int, most_bytes: int) -> int:
    """How many of the records, from the first, make a page: at most so many, and no more than the bytes hold, but
    one."""
    total = 0
    for count, size in enumerate(sizes[:most]):
        total += size
        if total > most_bytes and count:
            return count
    return min(len(sizes), most)
