"""What exports and lookups bring: one call's records, made fit by the export's own rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.flows import paging as flow_paging
from chalicelib.domain.flows.csv import rules_of as csv_rules
from chalicelib.domain.flows.hooks import SavedPage
from chalicelib.domain.flows.http import Answer, FlowHttpError, RequestSpec, as_object, as_text, pairs, response_rules
from chalicelib.domain.flows.pages import Fault
from chalicelib.domain.flows.xml import rules_of as xml_rules
from chalicelib.domain.handlebars import Escape
from chalicelib.domain.json import Json
from chalicelib.domain.records.children import children_of
from chalicelib.domain.records.paths import place
from chalicelib.domain.records.response_mapping import ResponseMapping
from chalicelib.services.flows.desk import Desk
from chalicelib.services.flows.hooks import passing, saved, transformed

MOST_LOOKUP_CALLS = 200
"""Pages that one lookup goes through for one record."""
MOST_FOUND = 10_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records as they came, and the state of paging for the next call, None after the last. `answer` is None where
    the receiver said by its status that there are no more."""

    records: list[Json]
    following: flow_paging.State | None
    answer: Answer | None


@dataclass(slots=True)
class Refined:
    kept: list[Json] = field(default_factory=list)
    ignored: int = 0
    faults: list[tuple[Json, Fault]] = field(default_factory=list)
    """Records that the rules could not be applied to, as they came."""


def fetch(desk: Desk, state: Mapping[str, Json], record: Json, key: str | None) -> Fetched:
    """One call of an export, about a record if it is a lookup. Raises FlowHttpError, RecordError, OutOfTimeError."""
    http = desk.rules.http
    paging: Json = {"paging": flow_paging.template_members(state)}
    members: dict[str, Json] = {"export": {**desk.rules.template_members, "http": paging}}
    context = desk.context(record, members)
    spec = _spec(desk, state)
    try:
        answer = desk.request(spec, context, key)
        desk.http.judge(answer, response_rules(http.get("response")), desk.connection)
    except FlowHttpError as error:
        if error.answer is not None and flow_paging.ends_quietly(http, state, error.answer.status):
            return Fetched([], None, None)
        raise
    path = flow_paging.resource_path(http, state)
    is_json = (spec.success_media_type or spec.usual_media_type) == "json"
    if path and isinstance(answer.body, str) and not is_json:
        raise FlowHttpError("application", "invalid_response", "The answer is text and has no paths.", answer=answer)
    records = answer.records(path, spec.xml)

    def render(template: str, more: Mapping[str, Json]) -> str:
        is_uri = flow_paging.method_of(http) == "relativeuri"
        return desk.text(template, {**context, **more}, Escape.URI if is_uri else Escape.NONE)

    return Fetched(records, flow_paging.following(http, state, answer, records, render), answer)


def refine(desk: Desk, records: list[Json]) -> Refined:
    """Transform and filter of an export. Raises FlowHttpError for scripts that cannot be called, OutOfTimeError,
    UnavailableError."""
    refined = Refined()
    made = transformed(desk, records)
    standing = [each[0] for each in made if not isinstance(each, Fault)]
    verdicts = iter(passing(desk, standing, "output_filter"))
    for record, each in zip(records, made, strict=True):
        # Asked only about what was transformed, so verdicts are taken one by one and not by place.
        verdict = each if isinstance(each, Fault) else next(verdicts)
        if isinstance(verdict, Fault):
            refined.faults.append((record, verdict))
        elif verdict and not isinstance(each, Fault):
            refined.kept.append(each[0])
        else:
            refined.ignored += 1
    return refined


def mocked(desk: Desk) -> list[Json] | None:
    """What the export is to have brought, in a test, as if all its rules had been applied; None where it is asked."""
    page = as_object(desk.rules.document.get("mockOutput")).get("page_of_records") if desk.facts.is_test else None
    return [as_object(each).get("record") for each in page] if isinstance(page, list) and page else None


def look_up(desk: Desk, record: Json, key: str | None) -> dict[str, Json]:
    """What a lookup finds for a record, over all its pages; as it came where scripts are to work on it, which
    `refine_found` does for many at once. Raises FlowHttpError, RecordError, OutOfTimeError."""
    found: list[Json] = []
    state: flow_paging.State | None = flow_paging.first(desk.rules.http)
    for number in range(MOST_LOOKUP_CALLS):
        assert state is not None
        fetched = fetch(desk, state, record, key if key is None or not number else f"{key}/{number}")
        # Scripts see all that was found for a page at once, which is not known here.
        found += fetched.records if desk.rules.scripts.concern_found else _refined(desk, fetched.records)
        state = fetched.following
        if state is None or len(found) >= MOST_FOUND:
            break
    return {"data": found[:MOST_FOUND]}


def refine_found(desk: Desk, found: Sequence[list[Json]]) -> list[list[Json] | Fault]:
    """What lookups found, each for its record, after the scripts of the export; or why one has failed. Raises as
    `refine` does."""
    refined = _refine_each(desk, found)
    if desk.rules.scripts.pre_save_page is None:
        return refined
    standing = [each for each in refined if not isinstance(each, Fault) and each]
    pages = iter(saved(desk, [(each, {}) for each in standing]) if standing else ())
    return [each if isinstance(each, Fault) or not each else _as_found(next(pages)) for each in refined]


def _refine_each(desk: Desk, found: Sequence[list[Json]]) -> list[list[Json] | Fault]:
    """One call of each script for all that was found."""
    owners = [owner for owner, records in enumerate(found) for _ in records]
    made = transformed(desk, [record for records in found for record in records])
    standing = [each[0] for each in made if not isinstance(each, Fault)]
    verdicts = iter(passing(desk, standing, "output_filter"))
    kept: list[list[Json] | Fault] = [[] for _ in found]
    for owner, each in zip(owners, made, strict=True):
        verdict = each if isinstance(each, Fault) else next(verdicts)
        known = kept[owner]
        if isinstance(known, Fault):
            continue
        if isinstance(verdict, Fault):
            kept[owner] = verdict
        elif verdict and not isinstance(each, Fault):
            known.append(each[0])
    return kept


def _as_found(page: SavedPage | Fault) -> list[Json] | Fault:
    """Of a lookup there are no pages to end, and no records to try again but the one that it is about."""
    if isinstance(page, Fault):
        return page
    faults = [fault for _, fault in (*page.errors, *page.new)]
    return faults[0] if faults else page.data


def _refined(desk: Desk, records: list[Json]) -> list[Json]:
    refined = refine(desk, records)
    if refined.faults:
        fault = refined.faults[0][1]
        raise FlowHttpError(fault.source, fault.code, fault.message)
    return refined.kept


def asked_about(desk: Desk, record: Json) -> list[Json]:
    """The record itself, or, where it stands for many, its children."""
    path = desk.rules.path_to_many
    return [record] if path is None else children_of(record, path)


def with_responses(
    mapping: ResponseMapping, record: Json, path_to_many: str | None, responses: list[dict[str, Json]]
) -> Json:
    """The record with what came back for it, or for each of its children, mapped onto it. Raises RecordError."""
    if path_to_many is None:
        return mapping.apply(record, responses[0]) if isinstance(record, dict) and responses else record
    children = children_of(record, path_to_many)
    if not responses or not children:
        return record
    mapped: list[Json] = [
        mapping.apply(child, response) if isinstance(child, dict) else child
        for child, response in zip(children, responses, strict=True)
    ]
    if not path_to_many:
        return mapped if isinstance(record, list) else mapped[0]
    changed = dict(record) if isinstance(record, dict) else {}
    place(changed, path_to_many, mapped, "response_mapping")
    return changed


def _spec(desk: Desk, state: Mapping[str, Json]) -> RequestSpec:
    http = desk.rules.http
    found, body = as_text(state.get("url")) or as_text(state.get("uri")), as_text(state.get("body"))
    # A whole address takes the place of the base, and is judged by its host before it is given credentials.
    is_whole = found.lower().startswith(("http://", "https://"))
    return RequestSpec(
        method=as_text(http.get("method")) or "GET",
        relative_uri=found or flow_paging.relative_uri(http, state),
        body=body or flow_paging.body(http, state),
        headers=pairs(http.get("headers")),
        url=found if is_whole else None,
        has_plain_uri=bool(found),
        has_plain_body=bool(body),
        media_type=as_text(http.get("requestMediaType")),
        success_media_type=as_text(http.get("successMediaType")),
        usual_media_type=_answered(desk),
        xml=xml_rules(desk.rules.document.get("parsers")),
        csv=csv_rules(desk.rules.document.get("file")),
        error_media_type=as_text(http.get("errorMediaType")),
        is_strict=http.get("strictHandlebarEvaluation") is True,
        error_path=response_rules(http.get("response")).error_path,
    )


def _answered(desk: Desk) -> str:
    """What a connection of JSON or XML answers with unless its answers say otherwise, so that a page to log in at is
    not taken for an answer without records."""
    connection = desk.connection
    if connection is None or connection.success_media_type or connection.media_type not in ("json", "xml"):
        return ""
    return connection.media_type
