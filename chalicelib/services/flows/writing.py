"""What imports send: records mapped, requests made for each or for several together, answers told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.flows.http import Answer, FlowHttpError, RequestSpec, as_text, pairs, response_rules, shown
from chalicelib.domain.flows.pages import Fault, fault_of
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.mappings import map_record
from chalicelib.domain.records.paths import MISSING, Missing, extract
from chalicelib.domain.records.values import is_empty
from chalicelib.services.flows.desk import Desk

MAX_BATCH = 1_000
_CREATE, _UPDATE = "CREATE", "UPDATE"
# A lookup that finds nothing says so by an answer without a value, or by its status.
_NOT_FOUND = frozenset({"lookup_failed", "404"})


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of one record: `response` is what response mappings read. Without a fault, and unless it was
    ignored, the record is where it was to go."""

    response: dict[str, Json]
    fault: Fault | None = None
    is_ignored: bool = False
    notes: tuple[Fault, ...] = ()
    """What else a hook has to say of it, which does not change what became of it."""

    def to_json(self) -> Json:
        submitted: dict[str, Json] = {"r": self.response}
        if self.fault is not None:
            submitted["f"] = self.fault.to_json()
        if self.is_ignored:
            submitted["i"] = True
        return submitted

    @staticmethod
    def of_json(submitted: Any) -> Submitted:
        fault = Fault.of_json(submitted["f"]) if "f" in submitted else None
        return Submitted(submitted["r"], fault, submitted.get("i", False))


@dataclass(frozen=True, slots=True)
class Planned:
    """A record on its way into a request: which of the import's, and what the record was mapped to."""

    place: int
    record: Json
    mapped: Json
    request: int


class _Overlaid(dict[str, Any]):
    """A mapped record in which templates find, by name, also what the mapping left behind: an address may need an id
    that no body carries. As a whole it is the mapped record alone."""

    def __init__(self, mapped: Mapping[str, Json], record: Mapping[str, Json]) -> None:
        super().__init__(mapped)
        self._record = record

    # Templates read members by `get` alone; whatever goes through the members meets the mapped ones.
    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else self._record.get(name, default)


def batch_size(http: Mapping[str, Json]) -> int:
    size = http.get("batchSize")
    is_number = isinstance(size, int) and not isinstance(size, bool)
    return min(max(int(size), 1), MAX_BATCH) if is_number else 1  # type: ignore[arg-type]


def submit(desk: Desk, records: Sequence[Json], key: str | None) -> list[Submitted]:
    """Sends records, as many as go into one request, and says of each what became of it.

    Raises FlowHttpError for a failure that may pass, with which none of them counts as sent, and OutOfTimeError.
    """
    results: dict[int, Submitted] = {}
    planned: list[Planned] = []
    for place, record in enumerate(records):
        plan = _planned(desk, place, record)
        if isinstance(plan, Submitted):
            results[place] = plan
        else:
            planned.append(plan)
    results |= send(desk, planned, key)
    return [results[place] for place in range(len(records))]


def send(desk: Desk, planned: Sequence[Planned], key: str | None) -> dict[int, Submitted]:
    """What became of records that go into one request, or one for each kind of request, by their places. Raises as
    `submit` does."""
    results: dict[int, Submitted] = {}
    for request in sorted({plan.request for plan in planned}):
        group = [plan for plan in planned if plan.request == request]
        # Creating and updating are two requests, and two keys.
        suffix = f"/{request}" if request else ""
        sent = _send(desk, group, request, None if key is None else f"{key}{suffix}")
        results |= {plan.place: each for plan, each in zip(group, sent, strict=True)}
    return results


def _planned(desk: Desk, place: int, record: Json) -> Planned | Submitted:
    try:
        transformed = desk.rules.transform.apply(record, desk.surroundings())
    except RecordError as error:
        return failed(fault_of(error))
    return plan_for(desk, place, transformed)


def plan_for(desk: Desk, place: int, record: Json) -> Planned | Submitted:
    """A record as the transform has left it: mapped, or what became of it. Raises FlowHttpError for a lookup's failure
    that may pass, OutOfTimeError."""
    try:
        exists = _exists(desk, record)
        if _is_ignored(desk, record, exists):
            return Submitted({"ignored": True}, is_ignored=True)
        is_new = None if exists is None else not exists
        mapped = map_record(desk.rules.mapping, record, desk.surroundings(is_new))
        if desk.rules.http.get("ignoreEmptyNodes") is True:
            mapped = without_empty(mapped)
        return Planned(place, record, mapped, _request_index(desk.rules.http, is_new))
    except RecordError as error:
        return failed(fault_of(error))
    except FlowHttpError as error:
        if error.is_passing:
            raise
        return failed(fault_of(error))


def _exists(desk: Desk, record: Json) -> bool | None:
    """Whether the receiver has the record already; None where nobody asks."""
    http, document = desk.rules.http, desk.rules.document
    asks = document.get("ignoreExisting") is True or document.get("ignoreMissing") is True
    if not asks and len(_request_types(http)) < 2:
        return None
    return _found(desk, record, "existingExtract", "existingLookupName") or _found(
        desk, record, "ignoreExtract", "ignoreLookupName"
    )


def _found(desk: Desk, record: Json, path_member: str, lookup_member: str) -> bool:
    path, name = (as_text(desk.rules.http.get(member)) for member in (path_member, lookup_member))
    if path and not is_empty(extract(record, path)):
        return True
    if not name:
        return False
    try:
        return not is_empty(desk.lookup_value(name, record))
    except RecordError as error:
        if error.code in _NOT_FOUND:
            return False
        raise


def _is_ignored(desk: Desk, record: Json, exists: bool | None) -> bool:
    document = desk.rules.document
    if document.get("ignoreExisting") is True and exists:
        return True
    return document.get("ignoreMissing") is True and exists is False


def _request_types(http: Mapping[str, Json]) -> list[str]:
    types = http.get("requestType")
    found = types if isinstance(types, list) else [types]
    return [as_text(each).upper() for each in found]


def _request_index(http: Mapping[str, Json], is_new: bool | None) -> int:
    """Which of the import's requests a record takes. Raises RecordError where there is none for it."""
    types = _request_types(http)
    if is_new is None or len(types) < 2:
        return 0
    wanted = _CREATE if is_new else _UPDATE
    if wanted not in types:
        raise RecordError("application", "request_missing", f"The import has no request of the type {wanted}.")
    return types.index(wanted)


def _send(desk: Desk, group: list[Planned], request: int, key: str | None) -> list[Submitted]:
    """One request for the group. A failure that does not pass is that of each of them."""
    http = desk.rules.http
    is_batch = batch_size(http) > 1
    # Without a batch there is one record in the group.
    payload: Json = [plan.mapped for plan in group] if is_batch else group[0].mapped
    template = at(http.get("body"), request)
    spec = RequestSpec(
        method=as_text(at(http.get("method"), request)) or "POST",
        relative_uri=as_text(at(http.get("relativeURI"), request)),
        body=template if isinstance(template, str) and template else None,
        headers=pairs(http.get("headers")),
        payload=payload,
        has_payload=as_text(at(http.get("method"), request)).upper() not in ("GET", "HEAD", "DELETE"),
        media_type=as_text(http.get("requestMediaType")),
        success_media_type=as_text(http.get("successMediaType")),
        error_media_type=as_text(http.get("errorMediaType")),
        is_strict=http.get("strictHandlebarEvaluation") is True,
        error_path=response_rules(http.get("response"), request).error_path,
    )
    try:
        answer = desk.request(spec, _context(desk, group, is_batch), key)
    except RecordError as error:
        return [failed(fault_of(error))] * len(group)
    except FlowHttpError as error:
        if error.is_passing:
            raise
        return [refused(error)] * len(group)
    return _judged(desk, answer, len(group), request, is_batch)


def _context(desk: Desk, group: list[Planned], is_batch: bool) -> Mapping[str, Json]:
    """Templates see mapped records, unless the import says that they are to see those it was given."""
    is_mapped = desk.rules.http.get("sendPostMappedData") is not False
    seen = [_seen(plan) if is_mapped else plan.record for plan in group]
    members: dict[str, Json] = {}
    if is_batch:
        members = {"batch_of_records": [{"record": each} for each in seen], "data": list(seen)}
    first = group[0].record
    context = desk.context(seen[0], members)
    # Members of the record are there by their names, too, unless something else has the name.
    return {**first, **context} if isinstance(first, dict) else context


def _seen(plan: Planned) -> Json:
    if isinstance(plan.mapped, dict) and isinstance(plan.record, dict):
        return _Overlaid(plan.mapped, plan.record)
    return plan.mapped


def _judged(desk: Desk, answer: Answer, count: int, request: int, is_batch: bool) -> list[Submitted]:
    """One result for each record: of a batch, whose answer has as many parts at `resourcePath`, each by its own."""
    response: Mapping[str, Any] = desk.rules.http.get("response") or {}  # type: ignore[assignment]
    path = as_text(at(response.get("resourcePath"), request))
    found = answer.found(path) if path else answer.body
    # With any other number nobody knows whose the parts are, and the answer is that of all.
    if is_batch and isinstance(found, list) and len(found) == count:
        return [_result(desk, replace(answer, body=part, raw=encode(part), root=None), part, request) for part in found]
    whole = _result(desk, answer, None if found is MISSING else found, request)
    return [whole] * count


def _result(desk: Desk, answer: Answer, part: Json, request: int) -> Submitted:
    response: Any = desk.rules.http.get("response") or {}
    try:
        desk.http.judge(answer, response_rules(response, request), desk.connection)
    except FlowHttpError as error:
        return refused(error)
    path = as_text(at(response.get("resourceIdPath"), request))
    found: Json | Missing = MISSING
    if path:
        found = extract(part, path)
        found = answer.found(path) if found is MISSING else found
    elif isinstance(part, dict):
        found = next((part[name] for name in ("id", "_id") if name in part), MISSING)
    result = _response(answer)
    if found is not MISSING and not isinstance(found, (dict, list)) and found is not None:
        result["id"] = shown(found)
    return Submitted(result)


def _response(answer: Answer) -> dict[str, Json]:
    headers: Json = dict(answer.headers)
    return {"statusCode": answer.status, "ignored": False, "headers": headers, "_json": answer.body}


def refused(error: FlowHttpError) -> Submitted:
    """What became of a record whose request failed for good."""
    fault = fault_of(error)
    response = _response(error.answer) if error.answer is not None else {"ignored": False}
    return Submitted({**response, "errors": [fault.shown()]}, fault)


def failed(fault: Fault) -> Submitted:
    """What became of a record that did not get as far as a request."""
    return Submitted({"ignored": False, "errors": [fault.shown()]}, fault)


def at(values: Json, index: int) -> Json:
    """Of members that imports have for each of their requests; one that is no list stands for all."""
    if not isinstance(values, list):
        return values
    return values[index] if index < len(values) else None


def without_empty(value: Json) -> Json:
    """The value without members that are null, empty texts, or containers that hold nothing else."""
    if isinstance(value, dict):
        kept = {name: without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if not is_empty(each)}
    if isinstance(value, list):
        return [each for each in map(without_empty, value) if not is_empty(each)]
    return value
