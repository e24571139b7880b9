"""Hooks, filters, transforms and routers that scripts are, at the desk of an export or import.

Each is one call of the sandbox for all records at hand, because starting one costs more than what most scripts do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.flows import hooks
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.hooks import Action, SavedPage
from chalicelib.domain.flows.pages import Fault, cut, fault_of, size_of
from chalicelib.domain.flows.script_program import Outcome
from chalicelib.domain.flows.scripts import ScriptRef
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.errors import RecordError, Source
from chalicelib.services.flows.desk import Desk, RunFacts
from chalicelib.services.flows.rules import UNSAVED
from chalicelib.services.flows.scripts import FlowScripts, ScriptCall

CALL_BYTES = 2 * 1024 * 1024
"""About how much goes into one call of what sees one record at a time."""

Errors = Mapping[str, tuple[Json, Fault, str]]
"""By keys of retry data: the record, why it failed, and its trace key."""


def transformed(desk: Desk, records: Sequence[Json]) -> list[tuple[Json] | Fault]:
    """Each record after the transform, in a tuple, or why it cannot be transformed. Raises as `called` does."""
    ref = desk.rules.scripts.transform
    if ref is None:
        return [_by_rules(desk, record) for record in records]
    found: list[tuple[Json] | Fault] = []
    for outcome in _for_each(desk, ref, "transformation", records):
        try:
            found.append((_record_of(outcome),))
        except RecordError as error:
            found.append(fault_of(error))
    return found


def passing(desk: Desk, records: Sequence[Json], source: Source) -> list[bool | Fault]:
    """Whether each record passes the filter, by source: `input_filter` is a lookup's for what it is asked about. Raises
    as `called` does."""
    is_input = source == "input_filter"
    ref = desk.rules.scripts.input_filter if is_input else desk.rules.scripts.filter
    if ref is not None:
        return [_verdict(outcome, source) for outcome in _for_each(desk, ref, source, records)]
    rules = desk.rules.input_filter if is_input else desk.rules.filter
    found: list[bool | Fault] = []
    for record in records:
        try:
            found.append(rules.passes(record, desk.surroundings(), source))
        except RecordError as error:
            found.append(fault_of(error))
    return found


def saved(desk: Desk, pages: Sequence[tuple[Sequence[Json], Errors]]) -> list[SavedPage | Fault]:
    """What preSavePage makes of pages, which it is called with one after the other; for each, or why it failed. Raises
    as `called` does."""
    ref = desk.rules.scripts.pre_save_page
    assert ref is not None, "who has none is not asked"
    options: list[Mapping[str, Json]] = [
        {
            "data": list(records),
            "files": [],
            "errors": [{**fault.shown(), "retryDataKey": key} for key, (_, fault, _) in errors.items()],
            "retryData": {
                key: {"data": record, "stage": "export", "traceKey": trace_key}
                for key, (record, _, trace_key) in errors.items()
            },
        }
        for records, errors in pages
    ]
    found: list[SavedPage | Fault] = []
    for outcome in called(desk, ref, "pre_save_page_hook", options):
        try:
            found.append(hooks.saved_page(_returned(outcome, "pre_save_page_hook")))
        except RecordError as error:
            found.append(fault_of(error))
    return found


def acted(desk: Desk, ref: ScriptRef, source: Source, members: Mapping[str, Sequence[Json]]) -> list[Action]:
    """What preMap or postMap says about each record of a page. Raises RecordError, and as `called` does."""
    returned = _whole(desk, ref, source, members)
    return hooks.actions(returned, len(next(iter(members.values()))), source)


def submitted(desk: Desk, ref: ScriptRef, members: Mapping[str, Sequence[Json]]) -> list[dict[str, Json]]:
    """The responses as postSubmit leaves them. Raises RecordError, and as `called` does."""
    returned = _whole(desk, ref, "post_submit_hook", members)
    return hooks.responses(returned, len(members["responseData"]))


def response_mapped(desk: Desk, ref: ScriptRef, records: Sequence[Json], responses: Sequence[Json]) -> list[Json]:
    """The records as postResponseMap leaves them. Raises RecordError, and as `called` does."""
    document = desk.rules.document
    members: dict[str, Json] = {
        "postResponseMapData": list(records),
        "responseData": list(responses),
        "oneToMany": document.get("oneToMany") is True,
        "pathToMany": document.get("pathToMany"),
    }
    (outcome,) = called(desk, ref, "post_response_map_hook", [members])
    return hooks.records(_returned(outcome, "post_response_map_hook"), len(records))


def routed(
    scripts: FlowScripts, facts: RunFacts, ref: ScriptRef, records: Sequence[Json], seconds: float
) -> list[Outcome]:
    """What a router's script says of each record. Raises as `called` does."""
    call = ScriptCall(facts.workspace_id, ref, "input_filter")
    shared = {**_of_run(facts), "settings": dict(facts.settings)}
    options: list[Mapping[str, Json]] = [{"record": record} for record in records]
    return scripts.call(call, shared, options, seconds, facts.log)


def called(desk: Desk, ref: ScriptRef, source: Source, options: Sequence[Mapping[str, Json]]) -> list[Outcome]:
    """Raises FlowHttpError for a script that cannot be called at all, OutOfTimeError, UnavailableError."""
    facts, rules = desk.facts, desk.rules
    name = "_importId" if rules.kind is ResourceKind.IMPORT else "_exportId"
    shared: dict[str, Json] = {**_of_run(facts), "settings": dict(desk.surroundings().settings)}
    if rules.id != UNSAVED:
        shared[name] = rules.id
    if desk.connection is not None:
        shared["_connectionId"] = desk.connection.id
    if rules.kind is ResourceKind.EXPORT:
        shared["pageIndex"] = facts.page_index
    if rules.document.get("type") == "delta":
        shared |= {"lastExportDateTime": facts.last_export, "currentExportDateTime": facts.current_export}
    call = ScriptCall(facts.workspace_id, ref, source)
    return desk.scripts.call(call, shared, options, desk.seconds_left, facts.log)


def _of_run(facts: RunFacts) -> dict[str, Json]:
    """What every function is told about where it is called."""
    shared: dict[str, Json] = {"testMode": facts.is_test, "sandbox": False}
    flow = facts.job.get("_flowId")
    if flow is not None:
        shared |= {"_flowId": flow, "job": dict(facts.job)}
    if facts.integration_id is not None:
        shared["_integrationId"] = facts.integration_id
    return shared


def _for_each(desk: Desk, ref: ScriptRef, source: Source, records: Sequence[Json]) -> Iterator[Outcome]:
    """A function that sees one record at a time."""
    # Several calls for a large page, because size and time of each call of the sandbox are bounded.
    sizes = [len(encode(record)) for record in records]
    start = 0
    while start < len(records):
        end = start + cut(sizes[start:], len(records), CALL_BYTES)
        yield from called(desk, ref, source, [{"record": record} for record in records[start:end]])
        start = end


def _whole(desk: Desk, ref: ScriptRef, source: Source, members: Mapping[str, Sequence[Json]]) -> Json:
    (outcome,) = called(desk, ref, source, [{name: list(each) for name, each in members.items()}])
    return _returned(outcome, source)


def _returned(outcome: Outcome, source: Source) -> Json:
    """Raises RecordError for a function that threw."""
    if outcome.failure is not None:
        raise RecordError(source, *outcome.failure)
    return outcome.value


def _record_of(outcome: Outcome) -> Json:
    record = _returned(outcome, "transformation")
    if record is None:
        raise RecordError("transformation", hooks.INVALID, "The function returned no record.")
    size_of(record)
    return record


def _verdict(outcome: Outcome, source: Source) -> bool | Fault:
    if outcome.failure is not None:
        return Fault(source, *outcome.failure)
    if not isinstance(outcome.value, bool):
        return Fault(source, hooks.INVALID, "The function has to return true or false.")
    return outcome.value


def _by_rules(desk: Desk, record: Json) -> tuple[Json] | Fault:
    try:
        found = desk.rules.transform.apply(record, desk.surroundings())
        size_of(found)
    except RecordError as error:
        return fault_of(error)
    return (found,)
