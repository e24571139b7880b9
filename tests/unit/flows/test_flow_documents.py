"""Documents in the old form mean what they would in the new one."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.checks import problems_of
from chalicelib.domain.flows.documents import http_of, with_http
from chalicelib.domain.flows.flows import ResourceKind

BASE: dict[str, Any] = {"baseURI": "https://depot.example", "mediaType": "json"}


def test_a_document_in_the_new_form_is_read_as_it_is() -> None:
    http: dict[str, Any] = {"method": "GET", "relativeURI": "/parcels"}

    assert http_of({"adaptorType": "HTTPExport", "http": http}) == http
    assert with_http({"adaptorType": "HTTPExport", "http": http})["http"] == http
    assert http_of({"name": "nothing"}) == {}


@pytest.mark.parametrize(
    ("rest", "http"),
    [
        (
            {"method": "GET", "relativeURI": "/a", "resourcePath": "items", "successPath": "ok", "errorPath": "why"},
            {
                "method": "GET",
                "relativeURI": "/a",
                "response": {"resourcePath": "items", "successPath": "ok", "errorPath": "why"},
            },
        ),
        (
            {"method": "POST", "relativeURI": "/a", "postBody": "{}"},
            {"method": "POST", "relativeURI": "/a", "body": "{}"},
        ),
        (
            {"relativeURI": "/a", "pagingMethod": "nextpageurl", "nextPagePath": "next"},
            {"relativeURI": "/a", "paging": {"method": "url", "path": "next"}},
        ),
        (
            {"relativeURI": "/a", "pagingMethod": "pageargument", "pageArgument": "p", "maxPagePath": "pages"},
            {
                "relativeURI": "/a?p={{export.http.paging.page}}",
                "paging": {"method": "page", "maxPagePath": "pages"},
            },
        ),
        (
            {"relativeURI": "/a?x=1", "pagingMethod": "skipargument", "skipArgument": "skip"},
            {"relativeURI": "/a?x=1&skip={{export.http.paging.skip}}", "paging": {"method": "skip"}},
        ),
        (
            {"relativeURI": "/a", "pagingMethod": "relativeuri", "nextPageRelativeURI": "/b"},
            {"relativeURI": "/a", "paging": {"method": "relativeuri", "relativeURI": "/b"}},
        ),
        (
            {"relativeURI": "/a", "pagingMethod": "linkheader", "linkHeaderRelation": "following"},
            {"relativeURI": "/a", "paging": {"method": "linkheader", "linkHeaderRelation": "following"}},
        ),
    ],
)
def test_an_old_export_is_read_in_the_new_form(rest: Any, http: Any) -> None:
    assert http_of({"adaptorType": "RESTExport", "rest": rest}) == http


def test_an_old_import_keeps_its_lookups() -> None:
    lookups: list[Any] = [{"name": "known", "relativeURI": "/parcels", "method": "GET", "extract": "id"}]
    rest: dict[str, Any] = {"method": ["PUT"], "relativeURI": ["/a"], "existingLookupName": "known", "lookups": lookups}

    assert http_of({"adaptorType": "RESTImport", "rest": rest}) == rest


def test_the_lookups_of_an_old_import_are_judged_where_they_stand() -> None:
    fields: list[Any] = [{"generate": "zone", "extract": "area", "lookupName": "zones"}]
    lookups: list[Any] = [{"name": "zones", "map": {"N": "north"}}]

    def problems(given: list[Any]) -> list[str]:
        rest: dict[str, Any] = {"method": ["PUT"], "relativeURI": ["/a"], "lookups": given}
        document: dict[str, Any] = {"name": "Old", "adaptorType": "RESTImport", "_connectionId": "a" * 24, "rest": rest}
        found = problems_of(ResourceKind.IMPORT, {**document, "mapping": {"fields": fields, "lists": []}})
        return [each.field for each in found]

    assert problems(lookups) == []
    assert problems([*lookups, {"name": "more"}]) == ["rest.lookups[1].map"]


def test_an_imports_values_are_lists_by_request() -> None:
    http = http_of({"adaptorType": "HTTPImport", "http": {"method": "POST", "relativeURI": "/a", "body": None}})
    rest = http_of({"adaptorType": "RESTImport", "rest": {"method": "PUT", "relativeURI": ["/a"]}})

    assert http == {"method": ["POST"], "relativeURI": ["/a"], "body": None}
    assert rest == {"method": ["PUT"], "relativeURI": ["/a"]}


@pytest.mark.parametrize(
    ("rest", "auth"),
    [
        ({}, None),
        (
            {"authType": "basic", "basicAuth": {"username": "u", "password": "p"}},
            {"type": "basic", "basic": {"username": "u", "password": "p"}},
        ),
        ({"basicAuth": {"username": "u"}}, {"type": "basic", "basic": {"username": "u"}}),
        (
            {"bearerToken": "t", "tokenLocation": "url", "tokenParam": "k"},
            {"type": "token", "token": {"token": "t", "location": "url", "paramName": "k"}},
        ),
        (
            {"authType": "token", "bearerToken": "t", "authHeader": "X-Key", "authScheme": "Key"},
            {"type": "token", "token": {"token": "t", "headerName": "X-Key", "scheme": "Key"}},
        ),
        (
            {"authType": "oauth", "bearerToken": "t", "refreshToken": "r"},
            {"type": "oauth", "oauth": {"accessToken": "t", "refreshToken": "r"}},
        ),
        ({"authType": "custom"}, {"type": "custom", "custom": {}}),
    ],
)
def test_an_old_connection_proves_itself_as_it_did(rest: Any, auth: Any) -> None:
    document = with_http({"name": "Old", "type": "rest", "rest": {**BASE, **rest}})

    assert document["type"] == "http"
    assert "rest" not in document
    assert document["http"] == (BASE if auth is None else {**BASE, "auth": auth})


def test_an_old_connection_is_tried_as_it_was() -> None:
    rest = {**BASE, "pingRelativeURI": "/me", "pingMethod": "POST", "pingSuccessPath": "ok"}

    assert http_of({"type": "rest", "rest": rest})["ping"] == {
        "relativeURI": "/me",
        "method": "POST",
        "successPath": "ok",
    }
