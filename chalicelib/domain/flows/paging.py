"""How an export gets from one page of an API to the next: all methods of `http.paging`.

The state is JSON, because it is carried from round to round of a run: `{"calls": how many were made, "page", "skip",
"token", "url", "uri", "body"}` with what the method needs. Templates are rendered by whoever asks, with what
`template_members` gives them beside the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urljoin

from chalicelib.domain.flows.http import Answer, as_object, as_text, shown
from chalicelib.domain.json import Json
from chalicelib.domain.records.paths import MISSING

State = dict[str, Json]
Render = Callable[[str, Mapping[str, Json]], str]
"""Renders a template of the export with these members beside the usual ones. Raises TemplateError."""

DEFAULT_LAST_PAGE_STATUS = 404
_METHODS = frozenset({"page", "skip", "token", "url", "linkheader", "relativeuri", "body"})
_OLD_NAMES = {"nextpageurl": "url", "pagenumber": "page", "postbody": "body"}
_STEERED: Mapping[str, tuple[str, ...]] = {
    "page": ("page", "records"),
    "skip": ("skip", "records"),
    "token": ("token",),
    "url": ("url",),
    "linkheader": ("url",),
    "relativeuri": ("uri",),
    "body": ("body",),
}
"""Members of the state by the method that needs them."""
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def method_of(http: Mapping[str, Json]) -> str:
    """ "" for an export that has one page."""
    method = as_text(as_object(http.get("paging")).get("method")).lower()
    return _OLD_NAMES.get(method, method)


def is_method(name: str) -> bool:
    return _OLD_NAMES.get(name.lower(), name.lower()) in _METHODS


def first(http: Mapping[str, Json]) -> State:
    """Before the first call."""
    paging = as_object(http.get("paging"))
    state: State = {"calls": 0}
    match method_of(http):
        case "page":
            state["page"] = _number(paging.get("page"), 0)
        case "skip":
            state["skip"] = _number(paging.get("skip"), 0)
        case "token":
            state["token"] = as_text(paging.get("token"))
    return state


def resumed(http: Mapping[str, Json], given: Mapping[str, Json]) -> State:
    """The state that a caller brings back. It steers what the export's own method steers and nothing else: with an
    address or a body of their choice callers would have the connection's credentials do what the export does not."""
    named = _STEERED.get(method_of(http), ())
    return {"calls": _number(given.get("calls"), 0), **{name: given[name] for name in named if name in given}}


def template_members(state: Mapping[str, Json]) -> dict[str, Json]:
    """What templates may name as `export.http.paging`."""
    return {name: state[name] for name in ("page", "skip", "token") if name in state}


def relative_uri(http: Mapping[str, Json], state: Mapping[str, Json]) -> str:
    """The template of the next call; a text that an answer led to is in the state as `uri`, rendered already."""
    paging = as_object(http.get("paging"))
    # Of this method the URI is rendered from the page before, in `following`, and stands in the state.
    later = as_text(paging.get("relativeURI")) if method_of(http) != "relativeuri" else ""
    return later if state.get("calls") and later else as_text(http.get("relativeURI"))


def body(http: Mapping[str, Json], state: Mapping[str, Json]) -> str | None:
    """The template of the next call's body."""
    paging = as_object(http.get("paging"))
    later = as_text(paging.get("body")) if method_of(http) != "body" else ""
    if state.get("calls") and later:
        return later
    given = http.get("body")
    return given if isinstance(given, str) and given else None


def resource_path(http: Mapping[str, Json], state: Mapping[str, Json]) -> str:
    later = as_text(as_object(http.get("paging")).get("resourcePath"))
    first_path = as_text(as_object(http.get("response")).get("resourcePath"))
    return later if state.get("calls") and later else first_path


def ends_quietly(http: Mapping[str, Json], state: Mapping[str, Json], status: int) -> bool:
    """Whether a failing status only says that there are no more pages: never for the first call."""
    if not state.get("calls") or not method_of(http):
        return False
    last = as_object(http.get("paging")).get("lastPageStatusCode")
    return status == _number(last, DEFAULT_LAST_PAGE_STATUS)


def following(
    http: Mapping[str, Json], state: Mapping[str, Json], answer: Answer, records: list[Json], render: Render
) -> State | None:
    """The state for the next call, None after the last. Raises TemplateError."""
    method, paging = method_of(http), as_object(http.get("paging"))
    calls = _number(state.get("calls"), 0) + 1
    # No records end every method: some APIs name a next page for ever.
    if not method or not records or _is_last(paging, answer):
        return None
    # A copy, because the next state is compared with the one before.
    advanced: State = {**state, "calls": calls}
    match method:
        case "page":
            return _counted(advanced, "page", 1, paging, answer, len(records))
        case "skip":
            return _counted(advanced, "skip", len(records), paging, answer, len(records))
        case "token":
            return _with("token", advanced, state, _token(paging, answer, calls))
        case "url":
            return _with("url", advanced, state, _text_at(answer, as_text(paging.get("path"))))
        case "linkheader":
            return _with("url", advanced, state, _link(paging, answer))
        case "relativeuri":
            text = render(as_text(paging.get("relativeURI")), _previous(answer, records))
            return _with("uri", advanced, state, text.strip())
        case "body":
            text = render(as_text(paging.get("body")), _previous(answer, records))
            return _with("body", advanced, state, text.strip())
    return None


def _counted(
    state: State, name: str, step: int, paging: Mapping[str, Json], answer: Answer, records: int
) -> State | None:
    state[name] = _number(state.get(name), 0) + step
    seen = _number(state.get("records"), 0) + records
    state["records"] = seen
    pages, count = (
        _number_at(answer, paging.get("maxPagePath")),
        _number_at(answer, paging.get("maxCountPath")),
    )
    if pages is not None and _number(state.get("calls"), 0) >= pages:
        return None
    return None if count is not None and seen >= count else state


def _with(name: str, state: State, before: Mapping[str, Json], value: str) -> State | None:
    """An API that names the page again that it just gave would never end."""
    if not value or before.get(name) == value:
        return None
    state[name] = value
    return state


def _token(paging: Mapping[str, Json], answer: Answer, calls: int) -> str:
    later = as_text(paging.get("pathAfterFirstRequest"))
    path = later if later and calls > 1 else as_text(paging.get("path"))
    if as_text(paging.get("pathLocation")).lower() == "header":
        return answer.headers.get(path.lower(), "")
    return _text_at(answer, path)


def _link(paging: Mapping[str, Json], answer: Answer) -> str:
    """The target of the first link with the relation, seen from the page that it stands on (RFC 8288)."""
    wanted = as_text(paging.get("linkHeaderRelation")) or "next"
    for match in _LINK.finditer(answer.headers.get("link", "")[:16_384]):
        relation = _RELATION.search(match[2])
        if relation and wanted in (relation[1] or relation[2] or "").split():
            return _resolved(answer.url, match[1])
    return ""


def _resolved(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def _is_last(paging: Mapping[str, Json], answer: Answer) -> bool:
    path = as_text(paging.get("lastPagePath"))
    if not path:
        return False
    found = answer.found(path)
    values = paging.get("lastPageValues")
    listed = [each if isinstance(each, str) else shown(each) for each in values] if isinstance(values, list) else None
    if found is MISSING:
        # JavaScript's word, by which documents say that the path leads nowhere.
        return listed is not None and "undefined" in listed
    if listed is None:
        return found in (None, "", False)
    return shown(found) in listed


def _previous(answer: Answer, records: list[Json]) -> dict[str, Json]:
    last = records[-1] if records else None
    return {
        "previous_page": {
            "full_response": answer.body,
            "last_record": last,
            "headers": dict(answer.headers),
        }
    }


def _text_at(answer: Answer, path: str) -> str:
    found = answer.found(path) if path else MISSING
    if found is MISSING or found is None or isinstance(found, (dict, list, bool)):
        return ""
    return found if isinstance(found, str) else shown(found)


def _number_at(answer: Answer, path: Json) -> int | None:
    text = _text_at(answer, as_text(path))
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None


def _number(value: Json, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return default
    try:
        return int(float(value))
    except (ValueError, OverflowError):
        return default
