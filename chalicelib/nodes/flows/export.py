"""`export`: makes one page of records, from the generator's next call, from what its last one left, or of records that
are tried again.

A generator that fails does not fail its step: it says so in its output, and the run goes on with the pages there are.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.errors import FileNotStoredError
from chalicelib.domain.flows import paging as flow_paging
from chalicelib.domain.flows.flows import FlowError, ResourceKind
from chalicelib.domain.flows.hooks import SavedPage
from chalicelib.domain.flows.http import FlowHttpError, as_object
from chalicelib.domain.flows.pages import TOO_LARGE, Account, Entry, Fault, cut, fault_of
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.records.errors import RecordError
from chalicelib.nodes.flows import parts
from chalicelib.nodes.flows.once import is_flagging
from chalicelib.nodes.flows.parts import Part
from chalicelib.nodes.flows.ports import (
    MAX_PAGE_BYTES,
    FlowPorts,
    begun,
    config_of,
    facts,
    given_input,
    page_size,
    patient,
    round_of,
    step_until,
)
from chalicelib.nodes.steps import Handler, Result, StepContext
from chalicelib.services.flows.desk import Desk, OutOfTimeError
from chalicelib.services.flows.hooks import saved
from chalicelib.services.flows.reading import fetch, mocked, refine

FILE_BYTES = 512 * 1024
"""About how much of an answer that makes several pages lies in one file."""
_FILES_KEPT = 16
_TEST_RECORDS = 10
_MAX_LIMIT = 100
_UNIT = "page"
SAVING = "page"
"""The stage of records that did not get into the flow: a script kept them out with an error."""


def handler(ports: FlowPorts) -> Handler:
    files = _Files(ports)

    @patient
    def export(context: StepContext) -> Result:
        return Result(_Page(ports, files, context).output())

    return export


@dataclass(slots=True)
class _Files:
    """Records that wait for their page. A run comes back to a file page by page, so the last few are kept."""

    ports: FlowPorts
    _kept: OrderedDict[str, list[Json]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, run_id: str, file_id: str) -> list[Json]:
        """Raises FileNotStoredError."""
        with self._lock:
            if file_id in self._kept:
                return self._kept[file_id]
        # Outside of the lock, so that pages of other runs do not wait for it.
        records = decode(self.ports.files.get(run_id, file_id).content)
        assert isinstance(records, list)
        with self._lock:
            self._kept[file_id] = records
            while len(self._kept) > _FILES_KEPT:
                self._kept.popitem(last=False)
        return records

    def forget(self, file_id: str) -> None:
        """The last of its records has found its page."""
        with self._lock:
            self._kept.pop(file_id, None)

    def put(self, run_id: str, records: Sequence[Json], sizes: Sequence[int]) -> list[str]:
        """Several files of about the same size."""
        ids = []
        start = 0
        while start < len(records):
            end = start + cut(sizes[start:], len(records), FILE_BYTES)
            ids.append(self.ports.files.put(run_id, encode(list(records[start:end])), "application/json"))
            start = end
        return ids


class _Page:
    """One page. The position that rounds hand on is `{"state": of paging, null after the last call, "files", "offset":
    in the first of them, "made": records so far, "seen": errors to try again that are behind}`."""

    def __init__(self, ports: FlowPorts, files: _Files, context: StepContext) -> None:
        self._ports = ports
        self._files = files
        self._context = context
        self._task = context.task
        self._config = config_of(context.task)
        self._said = begun(self._config)
        self._key: str = self._config["generator"]
        self._began_at = context.now()
        self._account = Account()
        self._is_flagging = False

    def output(self) -> Json:
        position = self._position()
        if self._key not in self._said["generators"]:
            return self._made(None)
        if "refused" in self._said:
            return self._failed(Fault.of_json(self._said["refused"]))
        if "retry" in self._said:
            return self._made(self._tried_again(position))
        try:
            return self._made(self._from_file(position) if position.get("files") else self._fetched(position))
        except (FlowHttpError, RecordError) as error:
            return self._failed(fault_of(error))

    def _position(self) -> dict[str, Any]:
        """Where the round before stood; of another loop's carry nothing counts."""
        carry: Any = self._task.incoming
        if round_of(self._task) == 1 or not isinstance(carry, dict):
            return {}
        return as_object(carry.get("paging"))

    # -- from the generator -------------------------------------------------------------------------------------------

    def _desk(self) -> Desk:
        known = facts(self._context, self._said, self._key)
        return self._ports.desks.open(ResourceKind.EXPORT, self._config["export"], known, step_until(self._context))

    def _fetched(self, position: dict[str, Any]) -> dict[str, Any] | None:
        desk = self._desk()
        mock = mocked(desk)
        if mock is not None:
            self._enter([[record, desk.trace_key(record)] for record in mock[: self._limit(desk)]])
            return None
        given = given_input(self._task.run).get("records")
        following: Any = None
        if isinstance(given, list):
            records: list[Json] = given
        elif desk.connection is None:
            records = []
        else:
            records, following = self._called(desk, position)
        most = self._limit(desk)
        if most is not None:
            records = records[: most - position.get("made", 0)]
        self._is_flagging = is_flagging(desk.rules.document) and self._said.get("test") is not True
        made = position.get("made", 0) + len(records)
        if most is not None and made >= most:
            following = None
        return self._first_page(desk, records, {"state": following, "made": made})

    def _called(self, desk: Desk, position: Mapping[str, Any]) -> tuple[list[Json], flow_paging.State | None]:
        """One call, tried again by later attempts of the step. Raises FlowHttpError after the last one."""
        task, http = self._task, desk.rules.http
        state: flow_paging.State = position.get("state") or flow_paging.first(http)
        part = parts.load(self._ports, task)
        assert desk.connection is not None
        with self._ports.slots.held(desk.connection, parts.holder_of(task), 1, desk.seconds_left) as granted:
            if not granted:
                raise parts.try_again("the connection is busy", parts.busy_seconds(task))
            try:
                fetched = fetch(desk, state, None, task.idempotency_key)
            except OutOfTimeError as error:
                raise parts.try_again("there was no time left", parts.OUT_OF_TIME_SECONDS) from error
            except FlowHttpError as error:
                tries = part.tries.get(_UNIT, 0) + 1
                if not error.is_passing or tries >= parts.max_tries(desk.rules.document):
                    raise
                part.tries[_UNIT] = tries
                # Counted before the attempt ends, because the next one may be another worker's.
                parts.save(self._ports, task, part)
                raise parts.try_again(error.message, parts.pause_after(error, tries)) from error
        return fetched.records, fetched.following

    def _limit(self, desk: Desk) -> int | None:
        """How many records the generator may bring in all; None for as many as there are."""
        if self._said.get("test") is True:
            most = _TEST_RECORDS
        elif desk.rules.document.get("type") == "test":
            most = 1
        else:
            return None
        limit = as_object(desk.rules.document.get("test")).get("limit")
        is_number = isinstance(limit, int) and not isinstance(limit, bool)
        return min(max(int(limit), 1), _MAX_LIMIT) if is_number else most  # type: ignore[arg-type]

    def _first_page(self, desk: Desk, records: list[Json], position: dict[str, Any]) -> dict[str, Any] | None:
        # Nothing is kept of it: until its output is recorded the step makes the call again, too, under the same key.
        with parts.keeping(self._ports, self._task, Part()):
            refined = refine(desk, records)
        self._account.ignore += refined.ignored
        kept: list[Any] = [[record, desk.trace_key(record)] for record in refined.kept]
        sizes = [len(encode(each)) for each in kept]
        size = page_size(desk.rules.document)
        end = cut(sizes, size, MAX_PAGE_BYTES)
        faults = [(record, fault, desk.trace_key(record)) for record, fault in refined.faults]
        is_hooked = desk.rules.scripts.pre_save_page is not None
        if is_hooked:
            if self._saved(desk, kept[:end], faults).aborts:
                return None
        else:
            for number, (_, fault, trace_key) in enumerate(faults):
                self._fail(fault, number, trace_key)
            self._enter(kept[:end])
        if end == len(kept):
            return position if position["state"] is not None else None
        files = self._files.put(self._task.run.id, kept[end:], sizes[end:])
        more: dict[str, Any] = {"files": files, "offset": 0, "size": size}
        if is_hooked:
            more["hooked"] = True
        return {**position, **more, "once": True} if self._is_flagging else {**position, **more}

    def _from_file(self, position: dict[str, Any]) -> dict[str, Any] | None:
        """The next page of an answer that held more than one."""
        files, offset = position["files"], position["offset"]
        # Without the export, which a page out of a file need not open.
        self._is_flagging = position.get("once") is True
        page: list[Json] = []
        total = 0
        while files and len(page) < position["size"]:
            records = self._stored(files[0])
            while offset < len(records) and len(page) < position["size"]:
                total += len(encode(records[offset]))
                if page and total > MAX_PAGE_BYTES:
                    return self._entered(page, {**position, "files": files, "offset": offset})
                page.append(records[offset])
                offset += 1
            if offset == len(records):
                self._files.forget(files[0])
                files, offset = files[1:], 0
        return self._entered(page, {**position, "files": files, "offset": offset})

    def _stored(self, file_id: str) -> list[Json]:
        try:
            return self._files.get(self._task.run.id, file_id)
        except FileNotStoredError as error:
            message = "what is left of the answer is not kept any more"
            raise FlowHttpError("internal", "page_lost", message) from error

    def _entered(self, page: list[Json], position: dict[str, Any]) -> dict[str, Any] | None:
        if position.get("hooked") is not True:
            self._enter(page)
        elif self._saved(self._desk(), page, ()).aborts:
            return None
        if position["files"]:
            return position
        return {"state": position["state"], "made": position["made"]} if position["state"] is not None else None

    def _saved(self, desk: Desk, page: Sequence[Any], faults: Sequence[tuple[Json, Fault, str]]) -> SavedPage:
        """The page as preSavePage leaves it, which enters the flow, and errors as it leaves them. Raises FlowHttpError,
        with which the generator fails."""
        errors = {str(number): each for number, each in enumerate(faults)}
        if not page and not errors:
            return SavedPage([])
        with parts.keeping(self._ports, self._task, Part()):
            (made,) = saved(desk, [([record for record, _ in page], errors)])
        if isinstance(made, Fault):
            raise FlowHttpError(made.source, made.code, made.message)
        if sum(len(encode(record)) for record in made.data) > MAX_PAGE_BYTES:
            raise FlowHttpError("pre_save_page_hook", TOO_LARGE.code, TOO_LARGE.message)
        self._enter([[record, desk.trace_key(record)] for record in made.data])
        for number, (key, fault) in enumerate(made.errors):
            self._fail(fault, number, errors[key][2] if key in errors else "")
        for number, (record, fault) in enumerate(made.new, len(made.errors)):
            self._fail(fault, number, "" if record is None else desk.trace_key(record))
            if record is not None:
                # With it the error can be tried again: from the first stage on, see `_entry_of`.
                self._account.errors[-1]["record"] = record
        return made

    def _enter(self, page: Sequence[Any]) -> None:
        """Records are on their way to the first stage, and have arrived where there is none."""
        first = self._config["first"]
        self._account.entries += [Entry(record, first, trace_key) for record, trace_key in page]
        self._account.success += len(page)
        self._account.pages += bool(page)

    # -- tried again --------------------------------------------------------------------------------------------------

    def _tried_again(self, position: Mapping[str, Any]) -> dict[str, Any] | None:
        """Records of errors enter at the stage where they failed. Nothing is exported, so nothing counts here."""
        run = self._task.run
        retry = self._said["retry"]
        start = position.get("seen", 0)
        end = start + page_size({})
        ids = retry["errors"][start:end]
        found = self._ports.errors.get(run.workspace_id, run.workflow_id, retry["step"], ids)
        total = 0
        for place, each in enumerate(dict.fromkeys(ids)):
            error = found.get(each)
            if error is None or error.resolved_at is not None or not error.retry_data:
                continue
            entry = self._entry_of(error, error.retry_data)
            total += 0 if entry is None else len(encode(entry.record))
            if total > MAX_PAGE_BYTES and self._account.entries:
                # The record that has no room begins the next page.
                end = start + place
                break
            if error.retry_data.get("stage") == SAVING:
                # It is on its way now: should it fail again, it does so where that happens. One that has no room is
                # not, and the next page passes over what is resolved.
                self._account.resolved.append(error.id)
            if entry is not None:
                self._account.entries.append(entry)
        return {"seen": end} if end < len(retry["errors"]) else None

    def _entry_of(self, error: FlowError, retry_data: Mapping[str, Json]) -> Entry | None:
        """None where there is nothing to try: its step is not part of the flow any more."""
        stages: Mapping[str, str] = self._config["stages"]
        stage = retry_data.get("stage")
        if stage == SAVING:
            first = self._config["first"]
            return None if first is None else Entry(retry_data.get("data"), first, error.trace_key)
        # The flow may have been changed since: then the first stage that is this export or import takes it. A router
        # has no id, and is known by its key alone.
        if not isinstance(stage, str) or stages.get(stage) not in (error.step_id, ""):
            stage = next((key for key, id_ in stages.items() if id_ == error.step_id), None)
        if stage is None:
            return None
        return Entry(retry_data.get("data"), stage, error.trace_key, (error.id,))

    # -- what it comes to ---------------------------------------------------------------------------------------------

    def _made(self, position: dict[str, Any] | None) -> Json:
        output = self._account.to_json(self._began_at, self._context.now())
        if self._is_flagging:
            output["once"] = True
        return {**output, "more": position is not None, "paging": position}

    def _fail(self, fault: Fault, number: int, trace_key: str) -> None:
        """What fails before it enters the flow cannot be tried again, so no record is kept unless a script says so."""
        self._account.error += 1
        self._account.errors.append({**fault.to_json(), "n": number, "trace": trace_key})

    def _failed(self, fault: Fault) -> Json:
        """The generator itself failed: no record is to blame."""
        self._fail(fault, -1, "")
        return {**self._account.to_json(self._began_at, self._context.now()), "more": False, "failed": True}
