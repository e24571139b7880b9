"""What imports send, and what they make of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.http import FlowHttpError
from chalicelib.domain.json import Json
from chalicelib.services.flows.writing import submit
from tests.flows.flow_house import Asked, FlowHouse, answer
from tests.unit.nodes.flows.bench import desk_of, sent

COMPOSITE: dict[str, Any] = {
    "method": ["PUT", "POST"],
    "relativeURI": ["/things/{{record.shipmentId}}", "/things"],
    "requestType": ["UPDATE", "CREATE"],
    "body": [None, None],
    "existingExtract": "shipmentId",
    "response": {"resourceIdPath": ["id", "id"]},
}


@pytest.fixture
def house() -> FlowHouse:
    house = FlowHouse()
    house.api.routes = {"/sink": {"id": 7781, "ref": "P-1"}, "/things": {"id": "t"}}
    return house


def test_a_record_is_sent_as_it_is_without_a_mapping(house: FlowHouse) -> None:
    (result,) = sent(house, [{"a": 1}])

    assert house.api.bodies("/sink") == [{"a": 1}]
    assert result.response["id"] == "7781"
    assert (result.response["statusCode"], result.response["_json"]) == (200, {"id": 7781, "ref": "P-1"})
    assert (result.fault, result.is_ignored) == (None, False)


def test_an_address_may_use_what_the_mapping_leaves_behind(house: FlowHouse) -> None:
    mappings = [{"generate": "ref", "dataType": "string", "extract": "$.number", "status": "Active"}]

    sent(house, [{"number": "P-1", "shipmentId": 9}], http=COMPOSITE, mappings=mappings)
    sent(house, [{"number": "P-2"}], http=COMPOSITE, mappings=mappings)

    assert house.api.paths() == ["PUT /things/9", "POST /things"]
    assert house.api.bodies("/things") == [{"ref": "P-1"}, {"ref": "P-2"}]


def test_a_body_may_be_a_template(house: FlowHouse) -> None:
    body = '{"wrapped": {{{jsonSerialize record}}}, "old": "{{shipmentId}}", "flow": "{{settings.flow.region}}"}'
    mappings = [{"generate": "ref", "dataType": "string", "extract": "$.number"}]

    sent(house, [{"number": "P-1", "shipmentId": 9}], http={"body": [body]}, mappings=mappings)

    assert house.api.bodies("/sink") == [{"wrapped": {"ref": "P-1"}, "old": "9", "flow": "north"}]


def test_templates_may_be_given_the_record_before_its_mapping(house: FlowHouse) -> None:
    http = {"body": ["{{{jsonSerialize record}}}"], "sendPostMappedData": False}

    sent(house, [{"number": "P-1"}], http=http, mappings=[{"generate": "x", "extract": "$.number"}])

    assert house.api.bodies("/sink") == [{"number": "P-1"}]


@pytest.mark.parametrize(
    ("document", "record", "is_ignored"),
    [
        ({"ignoreExisting": True, "http": {"ignoreExtract": "known"}}, {"known": 1}, True),
        ({"ignoreExisting": True, "http": {"ignoreExtract": "known"}}, {"known": ""}, False),
        ({"ignoreMissing": True, "http": {"ignoreExtract": "known"}}, {}, True),
        ({"ignoreMissing": True, "http": {"existingExtract": "known"}}, {"known": 1}, False),
        ({"ignoreExisting": True, "http": {"ignoreLookupName": "search"}}, {"n": 1}, True),
        ({"ignoreExisting": True, "http": {"ignoreLookupName": "search"}}, {"n": 2}, False),
        ({"ignoreExisting": True, "http": {"ignoreLookupName": "search"}}, {"n": 3}, False),
    ],
)
def test_records_are_ignored_by_whether_the_receiver_has_them(
    house: FlowHouse, document: dict[str, Any], record: Any, is_ignored: bool
) -> None:
    found = {"1": [{"id": 5}], "2": []}
    house.api.routes["/search"] = lambda asked: found.get(asked.query["n"], answer(404))
    lookups = [{"name": "search", "method": "GET", "relativeURI": "/search?n={{record.n}}", "extract": "[0].id"}]

    (result,) = sent(house, [record], **document, lookups=lookups)

    assert (result.is_ignored, len(house.api.bodies("/sink"))) == (is_ignored, not is_ignored)


def test_an_address_may_name_a_lookup(house: FlowHouse) -> None:
    house.api.routes["/search"] = [{"id": 5}]
    lookups = [{"name": "search", "method": "GET", "relativeURI": "/search", "extract": "[0].id"}]

    sent(house, [{"n": 1}], uri="/things/{{lookup.search}}", http={"lookups": lookups})

    assert house.api.paths() == ["GET /search", "POST /things/5"]


def test_a_mapping_may_look_values_up(house: FlowHouse) -> None:
    lookups = [{"name": "colours", "map": {"r": "red"}, "allowFailures": False}]
    mappings = [{"generate": "colour", "dataType": "string", "extract": "$.c", "lookupName": "colours"}]

    red, other = (sent(house, [{"c": colour}], mappings=mappings, lookups=lookups)[0] for colour in "rx")

    assert house.api.bodies("/sink") == [{"colour": "red"}]
    assert red.fault is None
    assert other.fault is not None
    assert other.fault.source == "lookup"


def test_an_answer_may_be_a_failure_by_its_content(house: FlowHouse) -> None:
    house.api.routes["/sink"] = lambda asked: {"ok": asked.body["id"] == 1, "why": "too old"}
    rules = {"successPath": ["ok"], "successValues": [["true"]], "errorPath": "why"}

    (good,) = sent(house, [{"id": 1}], http={"response": rules})
    (bad,) = sent(house, [{"id": 2}], http={"response": rules})

    assert good.fault is None
    assert bad.fault is not None
    assert (bad.fault.code, bad.fault.message) == ("response_failure", "too old")
    assert bad.response["errors"] == [{"code": "response_failure", "message": "too old", "source": "application"}]


# -- several in one request -------------------------------------------------------------------------------------------

BATCH = {"batchSize": 3, "response": {"resourcePath": ["results"], "resourceIdPath": ["key"], "successPath": ["ok"]}}


def test_a_batch_is_one_request_with_a_result_for_each(house: FlowHouse) -> None:
    def results(asked: Asked) -> Any:
        return {"results": [{"key": f"k{each['id']}", "ok": each["id"] != 2} for each in asked.body]}

    house.api.routes["/sink"] = results

    found = sent(house, [{"id": 1}, {"id": 2}, {"id": 3}], http=BATCH)

    assert house.api.bodies("/sink") == [[{"id": 1}, {"id": 2}, {"id": 3}]]
    assert [each.response.get("id") for each in found] == ["k1", None, "k3"]
    assert [each.fault is None for each in found] == [True, False, True]
    assert found[0].response["_json"] == {"key": "k1", "ok": True}


def test_of_a_batch_each_failure_tells_its_own_result_alone(house: FlowHouse) -> None:
    house.api.routes["/sink"] = {"results": [{"key": "k1", "ok": True}, {"ok": False, "why": "too old"}]}

    _, bad = sent(house, [{"id": 1}, {"id": 2}], http=BATCH)

    assert bad.fault is not None
    assert bad.fault.message == '{"ok":false,"why":"too old"}'


def test_an_answer_of_another_length_is_about_all_of_them(house: FlowHouse) -> None:
    house.api.routes["/sink"] = {"results": [{"ok": True}], "ok": True}

    found = sent(house, [{"id": 1}, {"id": 2}], http=BATCH)

    assert [each.fault for each in found] == [None, None]


def test_what_cannot_be_mapped_is_left_out_of_its_batch(house: FlowHouse) -> None:
    mappings = [{"generate": "n", "dataType": "number", "extract": "$.n"}]

    found = sent(house, [{"n": 1}, {"n": "x"}, {"n": 3}], http={"batchSize": 5}, mappings=mappings)

    assert house.api.bodies("/sink") == [[{"n": 1}, {"n": 3}]]
    assert [each.fault is None for each in found] == [True, False, True]


def test_a_template_of_a_batch_sees_all_its_records(house: FlowHouse) -> None:
    body = "[{{#each batch_of_records}}{{#if @index}},{{/if}}{{record.id}}{{/each}}]"

    sent(house, [{"id": 1}, {"id": 2}], http={"batchSize": 2, "body": [body]})

    assert house.api.bodies("/sink") == [[1, 2]]


def test_new_and_known_records_of_a_batch_go_in_requests_of_their_own(house: FlowHouse) -> None:
    http = {**COMPOSITE, "relativeURI": ["/things/known", "/things/new"], "batchSize": 10}

    sent(house, [{"shipmentId": 1}, {"n": 2}, {"shipmentId": 3}], http=http)

    assert [(asked.path, asked.body) for asked in house.api.seen] == [
        ("/things/known", [{"shipmentId": 1}, {"shipmentId": 3}]),
        ("/things/new", [{"n": 2}]),
    ]
    assert [asked.headers["Idempotency-Key"] for asked in house.api.seen] == ["key", "key/1"]


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_failure_that_may_pass_is_left_to_whoever_tries_again(house: FlowHouse) -> None:
    house.api.routes["/sink"] = answer(503)

    with pytest.raises(FlowHttpError) as caught:
        sent(house, [{"id": 1}])

    assert caught.value.is_passing


def test_a_template_that_cannot_be_rendered_fails_the_record(house: FlowHouse) -> None:
    (result,) = sent(house, [{"id": 1}], http={"body": ["{{nonsense 1 2}}"]})

    assert result.fault is not None
    assert result.fault.source == "resource"
    assert house.api.seen == []


def test_a_mapped_record_may_lose_its_empty_nodes(house: FlowHouse) -> None:
    record: Json = {"a": None, "b": {"c": ""}, "d": [None, {}, 0], "e": False}

    sent(house, [record], http={"ignoreEmptyNodes": True})

    assert house.api.bodies("/sink") == [{"d": [0], "e": False}]


def test_an_import_in_the_old_form_works_as_well(house: FlowHouse) -> None:
    rest = {"method": ["POST"], "relativeURI": ["/sink"], "body": [None], "responseIdPath": ["ref"]}
    house.given(ResourceKind.IMPORT, "i2", _connectionId="c1", adaptorType="RESTImport", rest=rest)

    (result,) = submit(desk_of(house, ResourceKind.IMPORT, "i2"), [{"a": 1}], "key")

    assert (house.api.bodies("/sink"), result.response["id"]) == ([{"a": 1}], "P-1")
