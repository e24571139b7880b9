"""Exports and imports called by hand: the code that runs of flows use, without a flow, and without moving anything.

Nothing is tried again here: whoever calls is told what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.flows import paging as flow_paging
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.hooks import SavedPage
from chalicelib.domain.flows.http import Answer, FlowHttpError, as_object, as_text
from chalicelib.domain.flows.pages import Fault, fault_of
from chalicelib.domain.handlebars import Escape
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.times import from_epoch_ms, parse_iso
from chalicelib.services.flows.desk import Desk, FlowDesks, OutOfTimeError, RunFacts, rendered_time
from chalicelib.services.flows.hooks import passing, saved
from chalicelib.services.flows.reading import asked_about, fetch, look_up, mocked, refine, refine_found
from chalicelib.services.flows.rules import UNSAVED, Rules
from chalicelib.services.flows.submitting import HookedPage
from chalicelib.services.flows.writing import Submitted, batch_size, refused, submit
from chalicelib.services.ports import Clock

SECONDS = 25.0
"""How long a call may take: less than gateways wait."""
MAX_RECORDS = 1_000
MAX_PREVIEWED = 100
_RAW_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Invoked:
    """`state` is what the next call has to name to get the next page, None after the last; `uris` are where people
    find the records, for an export that says so."""

    records: list[Json]
    state: flow_paging.State | None = None
    uris: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FlowInvoke:
    desks: FlowDesks
    clock: Clock

    def invoke_export(self, resource: Resource, data: Sequence[Json] | None, state: Json = None) -> Invoked:
        """One page of an export, or, with `data`, what a lookup finds for these records, one after the other. Raises
        FieldsRefusedError with a code for a call that fails."""
        desk = self._desk(resource)
        try:
            if data is not None:
                found = self._looked_up(desk, data)
                return Invoked(found, uris=_uris(desk, found))
            if desk.connection is None:
                return Invoked([])
            http = desk.rules.http
            first = flow_paging.resumed(http, state) if isinstance(state, dict) else flow_paging.first(http)
            fetched = fetch(desk, first, None, None)
            page = _saved(desk, _refined(desk, fetched.records))
            return Invoked(page.data, None if page.aborts else fetched.following, _uris(desk, page.data))
        except (FlowHttpError, RecordError) as error:
            raise _refusal(fault_of(error)) from error
        except OutOfTimeError as error:
            raise _out_of_time() from error

    def preview(self, workspace_id: str, document: Mapping[str, Json]) -> dict[str, Json]:
        """What an export that need not be stored would bring: `{data, dataURIs, stages: [{name, data, errors}]}`. A
        call that fails is in the stages. Raises FieldsRefusedError for what cannot be called at all."""
        given = as_object(document.get("postData"))
        try:
            rules = Rules.of(UNSAVED, ResourceKind.EXPORT, document)
            desk = self.desks.of_rules(rules, self._facts(workspace_id, document, given, is_test=True), self._until())
        except FlowHttpError as error:
            raise _refusal(fault_of(error)) from error
        except InvalidError as error:
            raise FieldsRefusedError(error.message, field=error.field, code="invalid_field") from error
        record = _sample(document)
        stages: list[Json] = []
        mock = mocked(desk)
        if desk.connection is None and mock is not None:
            # Nobody can be asked for what a listener will hear.
            return {"data": mock, "dataURIs": [""] * len(mock), "stages": [{"name": "parse", "data": list(mock)}]}
        try:
            fetched = fetch(desk, flow_paging.first(rules.http), record, None)
        except (FlowHttpError, RecordError) as error:
            answer = error.answer if isinstance(error, FlowHttpError) else None
            failed: dict[str, Json] = {"name": "raw", "data": _raw(desk, answer), "errors": [fault_of(error).shown()]}
            return {"data": [], "dataURIs": [], "stages": [*_request(desk, answer), failed]}
        except OutOfTimeError as error:
            raise _out_of_time() from error
        parsed = list(fetched.records[:MAX_PREVIEWED])
        stages = [*_request(desk, fetched.answer), {"name": "raw", "data": _raw(desk, fetched.answer)}]
        stages.append({"name": "parse", "data": parsed})
        data = self._previewed(desk, parsed, stages)
        return {"data": list[Json](data), "dataURIs": [""] * len(data), "stages": stages}

    @staticmethod
    def _previewed(desk: Desk, parsed: list[Json], stages: list[Json]) -> list[Json]:
        """The records as they would enter a flow. What scripts and rules do to them is told in further stages."""
        try:
            refined = refine(desk, parsed)
        except FlowHttpError as error:
            stages.append({"name": "transform", "data": [], "errors": [fault_of(error).shown()]})
            return []
        except OutOfTimeError as error:
            raise _out_of_time() from error
        if refined.faults or refined.kept != parsed:
            changed: dict[str, Json] = {"name": "transform", "data": list(refined.kept)}
            stages.append({**changed, "errors": [fault.shown() for _, fault in refined.faults]})
        if desk.rules.scripts.pre_save_page is None:
            return refined.kept
        try:
            page, errors = _page_of(desk, refined.kept, refined.faults)
        except FlowHttpError as error:
            page, errors = SavedPage([]), [fault_of(error)]
        except OutOfTimeError as error:
            raise _out_of_time() from error
        saved_stage: dict[str, Json] = {"name": "preSavePage", "data": list(page.data)}
        stages.append({**saved_stage, "errors": [fault.shown() for fault in errors]})
        return page.data

    def invoke_import(self, resource: Resource, records: Sequence[Json]) -> list[dict[str, Json]]:
        """One result for each record: `{statusCode, id, errors?, ignored?, _json?}`. Raises FieldsRefusedError for an
        import that cannot be called at all."""
        if len(records) > MAX_RECORDS:
            raise FieldsRefusedError(f"At most {MAX_RECORDS} records can be sent.", code="invalid_field")
        desk = self._desk(resource)
        try:
            verdicts = passing(desk, records, "import_filter")
        except FlowHttpError as error:
            raise _refusal(fault_of(error)) from error
        except OutOfTimeError as error:
            raise _out_of_time() from error
        entering = [record for record, verdict in zip(records, verdicts, strict=True) if verdict is True]
        sent = iter(_hooked(desk, entering) if desk.rules.scripts.concern_sent else _sent(desk, entering))
        return [_result(next(sent) if verdict is True else _kept_out(verdict)) for verdict in verdicts]

    def _looked_up(self, desk: Desk, data: Sequence[Json]) -> list[Json]:
        found: list[list[Json]] = []
        for record in data[:MAX_RECORDS]:
            for each in asked_about(desk, record):
                result: Any = look_up(desk, each, None)["data"]
                found.append(result)
        if not desk.rules.scripts.concern_found:
            return [record for each in found for record in each]
        refined = refine_found(desk, found)
        fault = next((each for each in refined if isinstance(each, Fault)), None)
        if fault is not None:
            raise _refusal(fault)
        return [record for each in refined if not isinstance(each, Fault) for record in each]

    def _desk(self, resource: Resource) -> Desk:
        """Raises FieldsRefusedError."""
        facts = self._facts(resource.workspace_id, resource.document, {})
        try:
            return self.desks.open_known(resource, facts, self._until())
        except FlowHttpError as error:
            raise _refusal(fault_of(error)) from error

    def _until(self) -> datetime:
        return self.clock.now() + timedelta(seconds=SECONDS)

    def _facts(
        self, workspace_id: str, document: Mapping[str, Json], given: Mapping[str, Json], *, is_test: bool = False
    ) -> RunFacts:
        """Without a run the window is everything, or what the caller names. Raises FieldsRefusedError."""
        date_format = as_text(as_object(document.get("delta")).get("dateFormat"))
        render = self.desks.http.templates.render
        times = {"lastExportDateTime": from_epoch_ms(0), "currentExportDateTime": self.clock.now()}
        try:
            for name in times:
                if given.get(name):
                    times[name] = parse_iso(str(given[name]))
            last, current = (rendered_time(render, at, date_format) for at in times.values())
        except InvalidError as error:
            raise FieldsRefusedError(error.message, field="postData", code="invalid_field") from error
        return RunFacts(workspace_id, last, current, is_test=is_test)


def _refined(desk: Desk, records: list[Json]) -> list[Json]:
    refined = refine(desk, records)
    if refined.faults:
        raise _refusal(refined.faults[0][1])
    return refined.kept


def _saved(desk: Desk, records: list[Json]) -> SavedPage:
    if desk.rules.scripts.pre_save_page is None:
        return SavedPage(records)
    page, errors = _page_of(desk, records, ())
    if errors:
        raise _refusal(errors[0])
    return page


def _page_of(
    desk: Desk, records: list[Json], faults: Sequence[tuple[Json, Fault]]
) -> tuple[SavedPage, Sequence[Fault]]:
    """What preSavePage makes of a page, and all errors that there are then. Raises FlowHttpError, OutOfTimeError."""
    if not records and not faults:
        return SavedPage([]), ()
    errors = {str(number): (record, fault, desk.trace_key(record)) for number, (record, fault) in enumerate(faults)}
    (made,) = saved(desk, [(records, errors)])
    if isinstance(made, Fault):
        raise FlowHttpError(made.source, made.code, made.message)
    return made, [fault for _, fault in (*made.errors, *made.new)]


def _kept_out(verdict: bool | Fault) -> Submitted:
    return Submitted({}, verdict) if isinstance(verdict, Fault) else Submitted({"ignored": True}, is_ignored=True)


def _sent(desk: Desk, records: Sequence[Json]) -> list[Submitted]:
    """Each request by itself: one that fails concerns its own records alone."""
    size = batch_size(desk.rules.http)
    sent: list[Submitted] = []
    for start in range(0, len(records), size):
        batch = records[start : start + size]
        sent += _made(len(batch), lambda batch=batch: submit(desk, batch, None))  # type: ignore[misc]
    return sent


def _hooked(desk: Desk, records: Sequence[Json]) -> list[Submitted]:
    """All records are the page that hooks see."""
    page = HookedPage(desk, records, lambda _, make: make())
    try:
        page.prepare()
        page.plan({place: page.mapped_once(place) for place in page.standing})
        sent: dict[int, Submitted] = {}
        size = batch_size(desk.rules.http)
        standing = page.standing
        for start in range(0, len(standing), size):
            places = standing[start : start + size]
            made = _made(len(places), lambda places=places: list(page.send(places, None).values()))  # type: ignore[misc]
            sent |= dict(zip(places, made, strict=True))
        return page.finish(sent)
    except OutOfTimeError as error:
        raise _out_of_time() from error


def _made(count: int, make: Callable[[], list[Submitted]]) -> list[Submitted]:
    try:
        return make()
    except FlowHttpError as error:
        return [refused(error)] * count
    except OutOfTimeError:
        late = Submitted({}, Fault("connection", "timeout", "There was no time left to send the record."))
        return [late] * count


def _uris(desk: Desk, records: Sequence[Json]) -> list[str]:
    """By the export's `dataURITemplate`. Raises FlowHttpError."""
    template = as_text(desk.rules.document.get("dataURITemplate"))
    return [desk.text(template, desk.context(record), Escape.URI) for record in records] if template else []


def _sample(document: Mapping[str, Json]) -> Json:
    """The record that a lookup's preview is about; None for an export."""
    found = document.get("sampleData", as_object(document.get("postData")).get("data"))
    return found[0] if isinstance(found, list) and found else found


def _masked(desk: Desk, text: str) -> str:
    """Templates may have put secrets of the connection into a request, and the receiver into its answer."""
    return text if desk.connection is None else desk.http.masked(desk.connection, text)


def _request(desk: Desk, answer: Answer | None) -> list[Json]:
    if answer is None:
        return []
    body = None if answer.request_body is None else _masked(desk, answer.request_body.decode("utf-8", "replace"))
    request: dict[str, Json] = {"method": answer.method, "url": _masked(desk, answer.url)}
    return [{"name": "request", "data": [{**request, "body": body} if body is not None else request]}]


def _raw(desk: Desk, answer: Answer | None) -> Json:
    if answer is None:
        return []
    # Masked and then cut, because half a secret is not known as one.
    text = _masked(desk, answer.raw.decode("utf-8", "replace"))[:_RAW_CHARACTERS]
    headers: Json = {name: _masked(desk, value) for name, value in answer.headers.items()}
    return [{"statusCode": answer.status, "headers": headers, "body": text}]


def _result(sent: Submitted) -> dict[str, Json]:
    response = sent.response
    result: dict[str, Json] = {"statusCode": response.get("statusCode", 422 if sent.fault else 200)}
    if "id" in response:
        result["id"] = response["id"]
    if sent.fault is not None or sent.notes:
        faults = sent.notes if sent.fault is None else (sent.fault, *sent.notes)
        result["errors"] = [fault.shown() for fault in faults]
    if sent.is_ignored:
        result["ignored"] = True
    if response.get("_json") is not None:
        result["_json"] = response["_json"]
    return result


def _refusal(fault: Fault) -> FieldsRefusedError:
    return FieldsRefusedError(fault.message, code=fault.code, source=fault.source)


def _out_of_time() -> FieldsRefusedError:
    return FieldsRefusedError("The call took too long.", code="timeout", source="connection")
