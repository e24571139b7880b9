"""What is wrong with the document of an export, which may be a source, a lookup or a listener."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.flows.checks.fields import MEDIA_TYPES, METHODS, Fields
from chalicelib.domain.flows.checks.parsing import check_parsing, check_xpath
from chalicelib.domain.flows.checks.scripts import check_hooks
from chalicelib.domain.flows.documents import HTTP_EXPORT, REST_EXPORT, SIMPLE_EXPORT, WEBHOOK_EXPORT, http_of
from chalicelib.domain.flows.http import as_object, as_text
from chalicelib.domain.flows.paging import is_method
from chalicelib.domain.flows.scripts import EXPORT_HOOKS
from chalicelib.domain.json import Json, encode
from chalicelib.domain.records.problems import Problems
from chalicelib.domain.times import parse_iso

ADAPTORS = (HTTP_EXPORT, REST_EXPORT, WEBHOOK_EXPORT, SIMPLE_EXPORT)
TYPES = ("delta", "test", "once", "webhook", "simple")
UNSUPPORTED_TYPES = frozenset({"blob", "distributed", "stream"})
VERIFICATIONS = ("token", "hmac", "basic", "secret_url")
ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")
MOST_TEST_RECORDS = 100
MOST_PAGE_RECORDS = 100_000
MOST_MOCKED = 10
MAX_MOCKED_BYTES = 1024 * 1024
DELTA_RULE = "Delta exports must use {{lastExportDateTime}} in either the relative URI or HTTP request body."

_TEXTS = ("pathToMany", "traceKeyTemplate", "dataURITemplate")
_PAGING_TEXTS = (
    "path",
    "pathAfterFirstRequest",
    "resourcePath",
    "relativeURI",
    "body",
    "token",
    "maxPagePath",
    "maxCountPath",
    "lastPagePath",
    "linkHeaderRelation",
)
_NEEDED_BY_PAGING = {"token": "path", "url": "path", "relativeuri": "relativeURI", "body": "body"}
_TOKEN_PLACES = ("body", "header")
_TOKEN_LOCATIONS = ("body", "header", "queryParam")
_DELTA_VARIABLE = "lastExportDateTime"


def check_export(document: Mapping[str, Json], problems: Problems) -> None:
    fields = Fields(document, problems)
    fields.named()
    adaptor = fields.choice("adaptorType", ADAPTORS, required=True)
    _check_type(fields)
    fields.whole("pageSize", 1, MOST_PAGE_RECORDS)
    for name in ("isLookup", "oneToMany"):
        fields.flag(name)
    for name in _TEXTS:
        fields.text(name)
    fields.reference("_integrationId")
    check_hooks(document.get("hooks"), "hooks", EXPORT_HOOKS, problems)
    _check_mock(fields)
    if adaptor == WEBHOOK_EXPORT or document.get("type") == "webhook":
        _check_listener(fields)
    elif adaptor != SIMPLE_EXPORT:
        fields.reference("_connectionId", required=True)
        _check_request(fields)
        check_parsing(fields)


def _check_type(fields: Fields) -> None:
    type_ = fields.members.get("type")
    if isinstance(type_, str) and type_ in UNSUPPORTED_TYPES:
        fields.invalid("type", f"Exports of type `{type_}` are not supported.")
        return
    fields.choice("type", TYPES)
    test = fields.inner("test")
    if test is not None:
        test.whole("limit", 1, MOST_TEST_RECORDS)
    delta = fields.inner("delta")
    if delta is not None:
        _check_delta(delta)
    once = fields.inner("once")
    if once is not None:
        once.text("booleanField")


def _check_delta(delta: Fields) -> None:
    delta.text("dateFormat", longest=200)
    delta.text("dateField")
    delta.whole("lagOffset")
    start = delta.text("startDate")
    if start:
        try:
            parse_iso(start)
        except InvalidError:
            delta.invalid("startDate", f"Path `{delta.path('startDate')}` is not an ISO 8601 date.")


def _check_mock(fields: Fields) -> None:
    mock = fields.members.get("mockOutput")
    if mock is None:
        return
    page = mock.get("page_of_records") if isinstance(mock, dict) else None
    is_page = isinstance(page, list) and all(isinstance(each, dict) and "record" in each for each in page)
    if not is_page or len(page) > MOST_MOCKED or len(encode(page)) > MAX_MOCKED_BYTES:  # type: ignore[arg-type]
        fields.invalid("mockOutput", "mockOutput is invalid")


def _check_request(fields: Fields) -> None:
    """Of what is written as `rest`, the form that the engine reads of it is judged, under the name that it has."""
    block = "rest" if not fields.has("http") and fields.has("rest") else "http"
    if fields.inner(block, required=True) is None:
        return
    http = Fields(http_of(fields.members), fields.problems, block)
    http.choice("method", METHODS)
    http.text("relativeURI")
    http.text("body")
    http.headers()
    for name in ("requestMediaType", "successMediaType", "errorMediaType"):
        http.choice(name, MEDIA_TYPES)
    _check_paging(http)
    _check_response(http)
    _check_dates(fields, http)
    if fields.members.get("type") == "once":
        once = http.inner("once", required=True)
        if once is not None:
            once.text("relativeURI", required=True)
            once.choice("method", METHODS)
            once.text("body")


def _check_paging(http: Fields) -> None:
    paging = http.inner("paging")
    if paging is None:
        return
    method = paging.text("method")
    if method and not is_method(method):
        paging.invalid("method", f"`{method[:100]}` is not a valid enum value for path `{paging.path('method')}`.")
    for name in _PAGING_TEXTS:
        paging.text(name)
    for name in ("page", "skip"):
        paging.whole(name, 0)
    paging.whole("lastPageStatusCode", 100, 599)
    paging.items("lastPageValues")
    paging.choice("pathLocation", _TOKEN_PLACES)
    required = {"token": "path", "url": "path", "relativeuri": "relativeURI", "body": "body"}.get(
        (method or "").lower()
    )
    if required is not None:
        paging.text(required, required=True)


def _check_response(http: Fields) -> None:
    response = http.inner("response")
    if response is None:
        return
    for name in ("resourcePath", "resourceIdPath", "successPath", "failPath", "errorPath"):
        response.text(name)
        check_xpath(response, name)
    for name in ("successValues", "failValues"):
        response.items(name)


def _check_dates(fields: Fields, http: Fields) -> None:
    """An export that asks for what is new has to say so; a lookup is given what to ask for by its record."""
    if fields.members.get("type") != "delta" or fields.members.get("isLookup") is True:
        return
    said = (http.members.get(name) for name in ("relativeURI", "body"))
    if not any(isinstance(text, str) and _DELTA_VARIABLE in text for text in said):
        http.invalid("relativeURI", DELTA_RULE)


def _check_listener(fields: Fields) -> None:
    if fields.has("_connectionId"):
        fields.invalid("_connectionId", "Path `_connectionId` is not allowed for a webhook export.")
    webhook = fields.inner("webhook", required=True)
    if webhook is None:
        return
    verify = webhook.choice("verify", VERIFICATIONS, required=True)
    for name in ("provider", "path", "header", "tokenHeaderName", "tokenHeaderScheme", "tokenQueryParamName"):
        webhook.text(name)
    webhook.choice("algorithm", ALGORITHMS)
    webhook.choice("encoding", ("hex", "base64"))
    webhook.choice("tokenLocation", _TOKEN_LOCATIONS)
    webhook.whole("successStatusCode", 200, 299)
    webhook.choice("successMediaType", ("json", "xml", "plaintext"))
    webhook.text("pathToRecords")
    webhook.headers("successResponseHeaders")
    for name in _wanted(verify, as_object(dict(webhook.members))):
        webhook.text(name, required=True)


def _wanted(verify: str | None, webhook: Mapping[str, Json]) -> tuple[str, ...]:
    """What a way of verification cannot do without."""
    match verify:
        case "hmac":
            return ("key", "header")
        case "basic":
            return ("username", "password")
        case "token":
            by_place = {"header": (), "queryParam": ("tokenQueryParamName",)}
            return ("token", *by_place.get(as_text(webhook.get("tokenLocation")), ("path",)))
        case "secret_url":
            return ("token",)
        case _:
            return ()
