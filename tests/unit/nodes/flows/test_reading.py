"""What exports and lookups bring, and exports and imports that are called by hand."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.errors import FieldsRefusedError
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.http import HttpResponse
from chalicelib.domain.records.response_mapping import compile_response_mapping
from chalicelib.services.flows.invoke import FlowInvoke
from chalicelib.services.flows.reading import asked_about, look_up, refine, with_responses
from tests.flows.flow_house import FlowHouse, answer, in_turn, mapping, numbered
from tests.flows.house import WORKSPACE
from tests.unit.nodes.flows.bench import desk_of, failing


@pytest.fixture
def house() -> FlowHouse:
    house = FlowHouse()
    house.api.routes = {"/items": numbered(2), "/sink": {"id": "7781"}}
    return house


@pytest.fixture
def invoke(house: FlowHouse) -> FlowInvoke:
    return FlowInvoke(house.ports.desks, house.clock)


def test_templates_see_what_is_around_a_record(house: FlowHouse) -> None:
    uri = (
        "/items?a={{record.n}}&b={{n}}&c={{lastExportDateTime}}&d={{currentExportDateTime}}&e={{settings.flow.region}}"
        "&f={{job._id}}&g={{connection.settings.zone}}&h={{export.name}}&i={{data.n}}"
    )
    house.given(
        ResourceKind.CONNECTION,
        "c1",
        type="http",
        settings={"zone": "z/1"},
        http={"baseURI": "https://depot.example/api", "mediaType": "json"},
    )
    house.export("l1", uri)

    look_up(desk_of(house, ResourceKind.EXPORT, "l1"), {"n": "x y"}, "key")

    assert house.api.seen[0].query == {
        "a": "x y",
        "b": "x y",
        "c": "2024-08-01T00:00:00.000Z",
        "d": "2024-08-02T00:00:00.000Z",
        "e": "north",
        "f": "j1",
        "g": "z/1",
        "h": "l1",
        "i": "x y",
    }


def test_a_lookup_goes_through_all_pages(house: FlowHouse) -> None:
    house.export("l1", "/items?p={{export.http.paging.page}}", http={"paging": {"method": "page"}})
    house.api.routes["/items"] = lambda asked: {"0": numbered(2), "1": numbered(1, 3)}.get(asked.query["p"], [])

    found = look_up(desk_of(house, ResourceKind.EXPORT, "l1"), {"n": 1}, "key")

    assert found == {"data": numbered(3)}
    assert [asked.headers["Idempotency-Key"] for asked in house.api.seen] == ["key", "key/1", "key/2"]


@pytest.mark.parametrize(
    ("paging", "named"),
    [
        ({"method": "relativeuri", "relativeURI": "/items?after={{previous_page.last_record.id}}"}, "after"),
        ({"method": "url", "path": "next"}, "p"),
    ],
)
def test_what_an_answer_leads_to_is_no_template(paging: dict[str, Any], named: str, house: FlowHouse) -> None:
    text = "{{connection.name}}"
    house.api.routes["/items"] = in_turn({"r": [{"id": text}], "next": f"/items?p={text}"}, {"r": []})
    house.export("e1", http={"paging": paging, "response": {"resourcePath": "r"}})

    look_up(desk_of(house, ResourceKind.EXPORT, "e1"), {}, None)

    assert [asked.query for asked in house.api.seen] == [{}, {named: text}]


@pytest.mark.parametrize(
    "following", ["https://depot.example/api/items?p=2", "/api/items?p=2", "/items?p=2", "items?p=2"]
)
def test_the_next_page_may_be_named_from_the_host_or_from_the_base(following: str, house: FlowHouse) -> None:
    house.api.routes["/items"] = in_turn({"r": numbered(1), "next": following}, {"r": numbered(1, 2)})
    http = {"paging": {"method": "url", "path": "next"}, "response": {"resourcePath": "r"}}
    house.export("e1", http=http)

    assert look_up(desk_of(house, ResourceKind.EXPORT, "e1"), {}, None)["data"] == numbered(2)
    assert house.api.paths() == ["GET /items", "GET /items"]


def test_an_address_that_is_made_of_an_answer_is_encoded_once(house: FlowHouse) -> None:
    paging = {"method": "relativeuri", "relativeURI": "/items?after={{previous_page.last_record.id}}"}
    house.api.routes["/items"] = in_turn([{"id": "a b&c=%2F+"}], [])
    house.export("e1", http={"paging": paging})

    look_up(desk_of(house, ResourceKind.EXPORT, "e1"), {}, None)

    assert [asked.query for asked in house.api.seen] == [{}, {"after": "a b&c=%2F+"}]


def test_a_body_that_an_answer_leads_to_is_no_template(house: FlowHouse) -> None:
    paging = {"method": "body", "body": '{"after": "{{previous_page.last_record.id}}"}'}
    house.api.routes["/items"] = in_turn([{"id": "{{connection.name}}"}], [])
    house.export("e1", http={"method": "POST", "body": '{"after": "{{job._id}}"}', "paging": paging})

    look_up(desk_of(house, ResourceKind.EXPORT, "e1"), {}, None)

    assert house.api.bodies("/items") == [{"after": "j1"}, {"after": "{{connection.name}}"}]


def test_a_wrong_path_to_the_records_brings_none(house: FlowHouse) -> None:
    house.export("l1", http={"response": {"resourcePath": "not.there"}})

    assert look_up(desk_of(house, ResourceKind.EXPORT, "l1"), {}, None)["data"] == []


@pytest.mark.parametrize(("http", "path"), [({}, ""), ({"successMediaType": "plaintext"}, "items")])
def test_an_answer_that_no_records_can_be_taken_out_of_is_a_failure(
    http: dict[str, Any], path: str, house: FlowHouse
) -> None:
    house.api.routes["/items"] = HttpResponse(200, {"content-type": "text/html"}, b"<items/>", "", 0.01)
    house.export("l1", http={**http, "response": {"resourcePath": path}})

    with pytest.raises(FlowHttpError) as caught:
        look_up(desk_of(house, ResourceKind.EXPORT, "l1"), {}, None)

    assert (caught.value.source, caught.value.code) == ("application", "invalid_response")


def test_an_answer_of_text_is_one_record(house: FlowHouse) -> None:
    house.api.routes["/items"] = HttpResponse(200, {"content-type": "text/plain"}, b"a,b", "", 0.01)
    house.export("l1", http={"successMediaType": "plaintext"})

    assert look_up(desk_of(house, ResourceKind.EXPORT, "l1"), {}, None)["data"] == ["a,b"]


def test_records_that_the_rules_do_not_fit_are_told_apart(house: FlowHouse) -> None:
    house.export("e1", filter=failing(["greaterthan", ["number", ["extract", "n"]], 1]))

    refined = refine(desk_of(house, ResourceKind.EXPORT, "e1"), [{"n": 1}, {"n": "x"}, {"n": 2}])

    assert (refined.kept, refined.ignored) == ([{"n": 2}], 1)
    assert [(record, fault.source) for record, fault in refined.faults] == [({"n": "x"}, "output_filter")]


def test_a_record_that_cannot_be_kept_is_a_fault(house: FlowHouse) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    house.export("e1")

    refined = refine(desk_of(house, ResourceKind.EXPORT, "e1"), [{"n": deep}])

    assert [fault.code for _, fault in refined.faults] == ["invalid_record"]


@pytest.mark.parametrize(
    ("record", "path", "expected"),
    [
        ({"lines": [{"n": 1}, {"n": 2}]}, "lines", {"lines": [{"n": 1, "x": 10}, {"n": 2, "x": 20}]}),
        ({"a": {"b": {"n": 1}}}, "a.b", {"a": {"b": [{"n": 1, "x": 10}]}}),
        ([{"n": 1}, {"n": 2}], "", [{"n": 1, "x": 10}, {"n": 2, "x": 20}]),
        ({"lines": []}, "lines", {"lines": []}),
        ({"lines": ["text"]}, "lines", {"lines": ["text"]}),
    ],
)
def test_answers_are_mapped_onto_children(house: FlowHouse, record: Any, path: str, expected: Any) -> None:
    house.export("l1", oneToMany=True, pathToMany=path)
    children = asked_about(desk_of(house, ResourceKind.EXPORT, "l1"), record)
    responses: list[Any] = [{"data": [{"x": 10 * number}]} for number in range(1, len(children) + 1)]
    rules = compile_response_mapping(mapping([("data[0].x", "x")]))

    assert with_responses(rules, record, path, responses) == expected


@pytest.mark.parametrize(
    ("kind", "id_", "source"),
    [
        (ResourceKind.EXPORT, "unknown", "resource"),
        (ResourceKind.EXPORT, "lost", "connection"),
        (ResourceKind.EXPORT, "offline", "connection"),
        (ResourceKind.EXPORT, "malformed", "resource"),
    ],
)
def test_a_desk_says_what_it_lacks(house: FlowHouse, kind: ResourceKind, id_: str, source: str) -> None:
    house.given(ResourceKind.CONNECTION, "c2", type="http", offline=True, http={"baseURI": "https://depot.example"})
    house.export("lost", _connectionId="gone")
    house.export("offline", _connectionId="c2")
    house.export("malformed", filter=failing(["resembles"]))

    with pytest.raises(FlowHttpError) as caught:
        desk_of(house, kind, id_)

    assert (caught.value.source, caught.value.is_passing) == (source, False)


# -- by hand ----------------------------------------------------------------------------------------------------------


def stored(house: FlowHouse, kind: ResourceKind, id_: str) -> Any:
    return house.resources.get(WORKSPACE, kind, id_)


def test_an_export_is_invoked_page_by_page(house: FlowHouse, invoke: FlowInvoke) -> None:
    house.export("e1", "/items?p={{export.http.paging.page}}", http={"paging": {"method": "page"}})
    house.api.routes["/items"] = lambda asked: {"0": numbered(2), "1": numbered(1, 3)}.get(asked.query["p"], [])
    export = stored(house, ResourceKind.EXPORT, "e1")

    first = invoke.invoke_export(export, None)
    second = invoke.invoke_export(export, None, first.state)

    assert (first.records, second.records) == (numbered(2), numbered(1, 3))
    assert first.state is not None


def test_a_lookup_is_invoked_about_records(house: FlowHouse, invoke: FlowInvoke) -> None:
    house.export("l1", "/owners/{{record.id}}")
    house.api.routes["/owners"] = lambda asked: [{"of": asked.path}]

    found = invoke.invoke_export(stored(house, ResourceKind.EXPORT, "l1"), numbered(2))

    assert found.records == [{"of": "/owners/1"}, {"of": "/owners/2"}]


def test_an_export_that_fails_says_why(house: FlowHouse, invoke: FlowInvoke) -> None:
    house.export("e1")
    house.api.routes["/items"] = answer(403, {"error": "no"})

    with pytest.raises(FieldsRefusedError) as caught:
        invoke.invoke_export(stored(house, ResourceKind.EXPORT, "e1"), None)

    assert (caught.value.facts["code"], caught.value.facts["source"]) == ("403", "application")


def test_an_import_is_invoked_with_a_result_for_each_record(house: FlowHouse, invoke: FlowInvoke) -> None:
    house.import_("i1", filter=failing(["notequals", ["extract", "id"], 2]))
    house.api.routes["/sink"] = lambda asked: answer(503, {}) if asked.body["id"] == 3 else {"id": "7781"}

    results = invoke.invoke_import(stored(house, ResourceKind.IMPORT, "i1"), numbered(3))

    assert results[0] == {"statusCode": 200, "id": "7781", "_json": {"id": "7781"}}
    assert results[1] == {"statusCode": 200, "ignored": True}
    assert (results[2]["statusCode"], "errors" in results[2]) == (503, True)


def test_a_preview_shows_every_stage(house: FlowHouse, invoke: FlowInvoke) -> None:
    document: dict[str, Any] = {
        "_connectionId": "c1",
        "http": {"method": "GET", "relativeURI": "/items?since={{lastExportDateTime}}"},
        "filter": failing(["equals", ["extract", "id"], 2]),
        "postData": {"lastExportDateTime": "2024-08-01T00:00:00.000Z"},
    }

    shown = invoke.preview(WORKSPACE, document)

    stages: Any = shown["stages"]
    assert (shown["data"], shown["dataURIs"]) == ([{"id": 2}], [""])
    assert [stage["name"] for stage in stages] == ["request", "raw", "parse", "transform"]
    assert stages[0]["data"][0]["url"].endswith("/items?since=2024-08-01T00%3A00%3A00.000Z")
    assert stages[1]["data"][0]["statusCode"] == 200
    assert stages[2]["data"] == numbered(2)


def test_a_preview_that_fails_shows_how(house: FlowHouse, invoke: FlowInvoke) -> None:
    house.api.routes["/items"] = answer(401, {"error": "token"})

    shown = invoke.preview(WORKSPACE, {"_connectionId": "c1", "http": {"relativeURI": "/items"}})

    stages: Any = shown["stages"]
    assert shown["data"] == []
    assert stages[-1]["errors"][0]["code"] == "401"
    assert stages[-1]["data"][0]["statusCode"] == 401


@pytest.mark.parametrize(
    "document",
    [{"_connectionId": "gone"}, {"_connectionId": "c1", "filter": failing(["resembles"])}, {}],
)
def test_a_preview_of_what_cannot_be_called_is_refused(
    house: FlowHouse, invoke: FlowInvoke, document: dict[str, Any]
) -> None:
    if not document:
        shown: Any = invoke.preview(WORKSPACE, document)
        assert shown["stages"][-1]["errors"][0]["source"] == "connection"
        return
    with pytest.raises(FieldsRefusedError):
        invoke.preview(WORKSPACE, document)


def test_nobody_learns_a_secret_from_a_preview(house: FlowHouse, invoke: FlowInvoke) -> None:
    http = {"baseURI": "https://depot.example/api", "mediaType": "json", "encrypted": {"key": "k-secret/1"}}
    house.given(ResourceKind.CONNECTION, "c1", type="http", http=http)
    house.api.routes["/items"] = lambda asked: {"echo": asked.query["k"]}
    uri = "/items?k={{connection.http.encrypted.key}}"

    shown = invoke.preview(WORKSPACE, {"_connectionId": "c1", "http": {"relativeURI": uri}})

    stages: Any = shown["stages"]
    assert house.api.seen[0].query == {"k": "k-secret/1"}
    assert "secret" not in str(stages[:2])
