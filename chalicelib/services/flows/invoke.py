"""Exports and imports called by hand: the code that runs of flows use, without a flow, and without moving anything.

Nothing is tried again here: whoever calls is told what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from chalicelib.domain.errors import FieldsRefusedError, InvalidError
from chalicelib.domain.flows import paging as flow_paging
from chalicelib.domain.flows.flows import MASK, Resource, ResourceKind
from chalicelib.domain.flows.http import Answer, FlowHttpError, as_object, as_text
from chalicelib.domain.flows.pages import Fault, fault_of
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.times import from_epoch_ms, parse_iso
from chalicelib.services.flows.desk import Desk, FlowDesks, OutOfTimeError, RunFacts, rendered_time
from chalicelib.services.flows.reading import asked_about, fetch, look_up, refine
from chalicelib.services.flows.rules import Rules
from chalicelib.services.flows.writing import Submitted, batch_size, refused, submit
from chalicelib.services.ports import Clock

SECONDS = 25.0
"""How long a call may take: less than gateways wait."""
MAX_RECORDS = 1_000
MAX_PREVIEWED = 100
_RAW_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Invoked:
    """`state` is what the next call has to name to get the next page, None after the last."""

    records: list[Json]
    state: flow_paging.State | None = None


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
                return Invoked(self._looked_up(desk, data))
            if desk.connection is None:
                return Invoked([])
            first: flow_paging.State = state if isinstance(state, dict) else flow_paging.first(desk.rules.http)
            fetched = fetch(desk, first, None, None)
            return Invoked(_refined(desk, fetched.records), fetched.following)
        except (FlowHttpError, RecordError) as error:
            raise _refusal(fault_of(error)) from error
        except OutOfTimeError as error:
            raise _out_of_time() from error

    def preview(self, workspace_id: str, document: Mapping[str, Json]) -> dict[str, Json]:
        """What an export that need not be stored would bring: `{data, dataURIs, stages: [{name, data, errors}]}`. A
        call that fails is in the stages. Raises FieldsRefusedError for what cannot be called at all."""
        given = as_object(document.get("postData"))
        try:
            rules = Rules.of("preview", ResourceKind.EXPORT, document)
            desk = self.desks.of_rules(rules, self._facts(workspace_id, document, given), self._until())
        except FlowHttpError as error:
            raise _refusal(fault_of(error)) from error
        except InvalidError as error:
            raise FieldsRefusedError(error.message, field=error.field, code="invalid_field") from error
        record = _sample(document)
        stages: list[Json] = []
        try:
            fetched = fetch(desk, flow_paging.first(rules.http), record, None)
        except (FlowHttpError, RecordError) as error:
            answer = error.answer if isinstance(error, FlowHttpError) else None
            failed: dict[str, Json] = {"name": "raw", "data": _raw(desk, answer), "errors": [fault_of(error).shown()]}
            return {"data": [], "dataURIs": [], "stages": [*_request(desk, answer), failed]}
        except OutOfTimeError as error:
            raise _out_of_time() from error
        refined = refine(desk, fetched.records[:MAX_PREVIEWED])
        parsed = list(fetched.records[:MAX_PREVIEWED])
        stages = [*_request(desk, fetched.answer), {"name": "raw", "data": _raw(desk, fetched.answer)}]
        stages.append({"name": "parse", "data": parsed})
        if refined.faults or refined.kept != parsed:
            changed: dict[str, Json] = {"name": "transform", "data": list(refined.kept)}
            stages.append({**changed, "errors": [fault.shown() for _, fault in refined.faults]})
        return {"data": list(refined.kept), "dataURIs": [""] * len(refined.kept), "stages": stages}

    def invoke_import(self, resource: Resource, records: Sequence[Json]) -> list[dict[str, Json]]:
        """One result for each record: `{statusCode, id, errors?, ignored?, _json?}`. Raises FieldsRefusedError for an
        import that cannot be called at all."""
        if len(records) > MAX_RECORDS:
            raise FieldsRefusedError(f"At most {MAX_RECORDS} records can be sent.", code="invalid_field")
        desk = self._desk(resource)
        return [_result(each) for record in _grouped(desk, records) for each in self._sent(desk, record)]

    def _sent(self, desk: Desk, records: Sequence[Json]) -> list[Submitted]:
        kept_out: dict[int, Submitted] = {}
        for place, record in enumerate(records):
            try:
                if not desk.rules.filter.passes(record, desk.surroundings(), "import_filter"):
                    kept_out[place] = Submitted({"ignored": True}, is_ignored=True)
            except RecordError as error:
                kept_out[place] = Submitted({}, fault_of(error))
        entering = [record for place, record in enumerate(records) if place not in kept_out]
        try:
            sent = iter(submit(desk, entering, None))
        except FlowHttpError as error:
            sent = iter([refused(error)] * len(entering))
        except OutOfTimeError:
            late = Submitted({}, Fault("connection", "timeout", "There was no time left to send the record."))
            sent = iter([late] * len(entering))
        return [kept_out[place] if place in kept_out else next(sent) for place in range(len(records))]

    def _looked_up(self, desk: Desk, data: Sequence[Json]) -> list[Json]:
        found: list[Json] = []
        for record in data[:MAX_RECORDS]:
            for each in asked_about(desk, record):
                result: Any = look_up(desk, each, None)["data"]
                found += result
        return found

    def _desk(self, resource: Resource) -> Desk:
        """Raises FieldsRefusedError."""
        facts = self._facts(resource.workspace_id, resource.document, {})
        try:
            return self.desks.open_known(resource, facts, self._until())
        except FlowHttpError as error:
            raise _refusal(fault_of(error)) from error

    def _until(self) -> datetime:
        return self.clock.now() + timedelta(seconds=SECONDS)

    def _facts(self, workspace_id: str, document: Mapping[str, Json], given: Mapping[str, Json]) -> RunFacts:
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
        return RunFacts(workspace_id, last, current)


def _refined(desk: Desk, records: list[Json]) -> list[Json]:
    refined = refine(desk, records)
    if refined.faults:
        raise _refusal(refined.faults[0][1])
    return refined.kept


def _sample(document: Mapping[str, Json]) -> Json:
    """The record that a lookup's preview is about; None for an export."""
    found = document.get("sampleData", as_object(document.get("postData")).get("data"))
    return found[0] if isinstance(found, list) and found else found


def _grouped(desk: Desk, records: Sequence[Json]) -> list[Sequence[Json]]:
    size = batch_size(desk.rules.http)
    return [records[start : start + size] for start in range(0, len(records), size)]


def _masked(desk: Desk, text: str) -> str:
    """Templates may have put secrets of the connection into a request, and the receiver into its answer."""
    for secret in desk.connection.secrets if desk.connection is not None else ():
        text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    return text


def _request(desk: Desk, answer: Answer | None) -> list[Json]:
    if answer is None:
        return []
    body = None if answer.request_body is None else _masked(desk, answer.request_body.decode("utf-8", "replace"))
    request: dict[str, Json] = {"method": answer.method, "url": _masked(desk, answer.url)}
    return [{"name": "request", "data": [{**request, "body": body} if body is not None else request]}]


def _raw(desk: Desk, answer: Answer | None) -> Json:
    if answer is None:
        return []
    text = _masked(desk, answer.raw.decode("utf-8", "replace"))[:_RAW_CHARACTERS]
    headers: Json = {name: _masked(desk, value) for name, value in answer.headers.items()}
    return [{"statusCode": answer.status, "headers": headers, "body": text}]


def _result(sent: Submitted) -> dict[str, Json]:
    response = sent.response
    result: dict[str, Json] = {"statusCode": response.get("statusCode", 422 if sent.fault else 200)}
    if "id" in response:
        result["id"] = response["id"]
    if sent.fault is not None:
        result["errors"] = [sent.fault.shown()]
    if sent.is_ignored:
        result["ignored"] = True
    if response.get("_json") is not None:
        result["_json"] = response["_json"]
    return result


def _refusal(fault: Fault) -> FieldsRefusedError:
    return FieldsRefusedError(fault.message, code=fault.code, source=fault.source)


def _out_of_time() -> FieldsRefusedError:
    return FieldsRefusedError("The call took too long.", code="timeout", source="connection")
