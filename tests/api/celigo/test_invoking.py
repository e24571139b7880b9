"""Exports and imports used by hand, previews of what is not stored, and runs for a test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.celigo.conftest import CONNECTION, EXPORT, LISTENER, Depot, codes
from tests.flows.depot import Depot as DepotApi

UNKNOWN = "66b1f150c4d7e8910a2b3c31"
HTTP = {"baseURI": "https://depot.example", "mediaType": "json"}


@pytest.fixture
def api(depot: Depot) -> DepotApi:
    """What the depot's connection leads to."""
    made = DepotApi(parcels=3)
    depot.world.sender.respond = made.send
    token = CONNECTION["http"]["auth"]
    depot.connection_id = depot.made("connections", {"name": "API", "type": "http", "http": {**HTTP, "auth": token}})[
        "_id"
    ]
    return made


def test_an_export_is_read_page_by_page_with_the_state_that_it_gave(api: DepotApi, depot: Depot) -> None:
    path = f"/exports/{depot.export()['_id']}/invoke"

    first = depot.call("POST", path)
    second = depot.call("POST", path, {"pagedExportState": first.json["pagedExportState"]})

    assert [each["number"] for each in first.json["data"]] == ["P-1", "P-2"]
    assert first.json["dataURIs"] == []
    assert [each["number"] for each in second.json["data"]] == ["P-3"]
    assert set(second.json) == {"data", "dataURIs"}


def test_a_call_by_hand_moves_nothing(api: DepotApi, depot: Depot) -> None:
    export = depot.export()
    before = depot.world.stored()

    depot.call("POST", f"/exports/{export['_id']}/invoke")

    assert depot.world.stored() == before
    assert api.asked[-1].query["since"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("body", [{"data": {}}, {"data": "x"}, {"pagedExportState": 5}])
def test_an_export_is_not_called_with_what_it_cannot_take(body: Any, api: DepotApi, depot: Depot) -> None:
    answer = depot.call("POST", f"/exports/{depot.export()['_id']}/invoke", body)

    assert answer.status == 422
    assert codes(answer) == [(next(iter(body)), "invalid_field")]
    assert api.asked == []


def test_a_call_that_fails_is_told_with_the_status_that_came_back(api: DepotApi, depot: Depot) -> None:
    api.trouble("GET /parcels", 403, body={"error": "not yours"})

    answer = depot.call("POST", f"/exports/{depot.export()['_id']}/invoke")

    assert answer.status == 422
    assert answer.json["errors"][0]["code"] == "403"
    assert "dp-7719" not in answer.text


def test_an_import_answers_for_every_record(api: DepotApi, depot: Depot) -> None:
    api.refused = {"P-2"}
    mappings = [{"generate": "ref", "dataType": "string", "extract": "$.number", "status": "Active"}]
    import_ = depot.import_(mappings=mappings)

    answer = depot.call("POST", f"/imports/{import_['_id']}/invoke", [{"number": "P-1"}, {"number": "P-2"}])

    assert answer.status == 200
    assert [each["statusCode"] for each in answer.json] == [201, 422]
    assert answer.json[0]["_json"]["ref"] == "P-1"
    assert answer.json[1]["errors"][0]["source"] == "application"


@pytest.mark.parametrize("body", [{}, "x", None, 5])
def test_an_import_takes_a_list_of_records(body: Any, api: DepotApi, depot: Depot) -> None:
    import_ = depot.import_()

    answer = depot.world.call("POST", f"/v1/imports/{import_['_id']}/invoke", body)

    assert (answer.status, answer.json["errors"][0]["code"]) == (400, "invalid_json")


def test_a_preview_shows_what_was_asked_and_what_came(api: DepotApi, depot: Depot) -> None:
    body = {**EXPORT, "_connectionId": depot.connection_id}
    body["postData"] = {"lastExportDateTime": "2026-11-01T12:00:02.000Z"}
    before = depot.world.stored()

    answer = depot.call("POST", "/exports/preview", body)

    assert answer.status == 200
    assert [each["number"] for each in answer.json["data"]] == ["P-2", "P-3"]
    stages = {stage["name"]: stage["data"] for stage in answer.json["stages"]}
    assert stages["request"][0]["method"] == "GET"
    assert stages["request"][0]["url"].startswith("https://depot.example/parcels?since=2026-11-01")
    assert stages["raw"][0]["statusCode"] == 200
    assert stages["parse"] == answer.json["data"]
    assert depot.world.stored() == before


def test_a_preview_needs_no_name_but_everything_else(api: DepotApi, depot: Depot) -> None:
    unnamed = {name: value for name, value in EXPORT.items() if name != "name"}

    assert depot.call("POST", "/exports/preview", {**unnamed, "_connectionId": depot.connection_id}).status == 200
    refused = depot.call("POST", "/exports/preview", {**unnamed, "_connectionId": UNKNOWN, "pageSize": 0})
    assert codes(refused) == [("pageSize", "invalid_field"), ("_connectionId", "invalid_ref")]


def test_an_old_export_over_an_old_connection_works_as_a_new_one_does(api: DepotApi, depot: Depot) -> None:
    rest = {**HTTP, "authType": "token", "bearerToken": "old-1234", "authScheme": "Bearer", "tokenLocation": "header"}
    connection_id = depot.made("connections", {"name": "Old", "type": "rest", "rest": rest})["_id"]
    old = {"method": "GET", "relativeURI": "/parcels", "resourcePath": "parcels", "pagingMethod": "nextpageurl"}
    body = {"name": "Old", "_connectionId": connection_id, "rest": {**old, "nextPagePath": "meta.next"}}
    export = depot.made("exports", body)

    answer = depot.call("POST", f"/exports/{export['_id']}/invoke")

    assert [each["number"] for each in answer.json["data"]] == ["P-1", "P-2"]
    assert answer.json["pagedExportState"]["url"] == "https://depot.example/parcels?offset=2"
    assert api.asked[-1].headers["authorization"] == "Bearer old-1234"
    posting = {"method": "POST", "relativeURI": "/shipments", "responseIdPath": "id"}
    import_ = depot.made("imports", {"name": "Old", "_connectionId": connection_id, "rest": posting})
    sent = depot.call("POST", f"/imports/{import_['_id']}/invoke", [{"ref": "P-1"}])
    assert [(each["statusCode"], each["id"]) for each in sent.json] == [(201, "7000")]


def test_a_disabled_flow_is_run_for_a_test(api: DepotApi, depot: Depot) -> None:
    flow = depot.flow(disabled=True)
    path = f"/flows/{flow['_id']}/test/run"
    export_id = flow["pageGenerators"][0]["_exportId"]

    answer = depot.call("POST", path, {"_exportId": export_id})

    assert answer.status == 200, answer.text
    assert set(answer.json) == {"metadata", "flowJob", "childJobs"}
    assert answer.json["flowJob"]["status"] == "queued"
    depot.world.work()
    job = depot.call("GET", f"/jobs/{answer.json['flowJob']['_id']}").json
    assert job["status"] == "completed"
    assert depot.call("GET", f"/flows/{flow['_id']}/lastExportDateTime").json == {"lastExportDateTime": None}
    assert codes(depot.call("POST", path, {"_exportId": UNKNOWN})) == [("_exportId", "invalid_ref")]


def test_an_export_may_say_where_people_find_its_records(api: DepotApi, depot: Depot) -> None:
    export = depot.export(dataURITemplate="https://depot.example/ui/{{record.number}}?of={{name}}", name="Parcels")

    answer = depot.call("POST", f"/exports/{export['_id']}/invoke").json

    assert answer["dataURIs"] == ["https://depot.example/ui/P-1?of=", "https://depot.example/ui/P-2?of="]
    bad = {**EXPORT, "_connectionId": depot.connection_id, "dataURITemplate": "{{"}
    assert codes(depot.call("POST", "/exports", bad)) == [("dataURITemplate", "invalid_field")]


def test_a_test_takes_what_exports_are_said_to_have_brought(api: DepotApi, depot: Depot) -> None:
    """As if all their rules had been applied to it, and a run that is none takes none of it."""

    def mock(*records: Any) -> Any:
        return {"page_of_records": [{"record": record} for record in records]}

    rules = ["equals", ["string", ["extract", "number"]], "nothing"]
    nothing = {"type": "expression", "expression": {"version": "1", "rules": rules}}
    export = depot.export(mockOutput=mock({"id": 1, "number": "M-1"}, {"id": 2, "number": "M-2"}), filter=nothing)
    lookup = depot.lookup(mockOutput=mock({"name": "Mara"}))
    mappings = [
        {"generate": "ref", "dataType": "string", "extract": "$.number", "status": "Active"},
        {"generate": "owner", "dataType": "string", "extract": "$.owner", "status": "Active"},
    ]
    processors = [
        {
            "type": "export",
            "_exportId": lookup["_id"],
            "responseMapping": {"fields": [{"extract": "data[0].name", "generate": "owner"}], "lists": []},
        },
        {"type": "import", "_importId": depot.import_(mappings=mappings)["_id"]},
    ]
    flow = depot.flow(disabled=True, pageGenerators=[{"_exportId": export["_id"]}], pageProcessors=processors)

    tested = depot.call("POST", f"/flows/{flow['_id']}/test/run", {"_exportId": export["_id"]})
    depot.world.work()

    assert depot.call("GET", f"/jobs/{tested.json['flowJob']['_id']}").json["numSuccess"] == 6
    assert [asked.path for asked in api.asked] == ["/shipments", "/shipments"]
    assert [(each["ref"], each["owner"]) for each in api.shipments.values()] == [("M-1", "Mara"), ("M-2", "Mara")]
    assert depot.call("POST", f"/exports/{export['_id']}/invoke").json["data"] == []
    assert api.calls("GET /parcels")


def test_a_listener_is_previewed_with_what_it_is_said_to_hear(depot: Depot) -> None:
    mock = {"page_of_records": [{"record": {"id": 7}}]}

    answer = depot.call("POST", "/exports/preview", {**LISTENER, "mockOutput": mock})

    assert answer.json == {"data": [{"id": 7}], "dataURIs": [""], "stages": [{"name": "parse", "data": [{"id": 7}]}]}


@pytest.mark.parametrize(
    "mock", [[], {"page_of_records": [{}]}, {"page_of_records": [{"record": {}}] * 11}, {"page_of_records": "x"}]
)
def test_a_mock_that_is_none_is_refused(mock: Any, depot: Depot) -> None:
    answer = depot.call("POST", "/exports", {**EXPORT, "_connectionId": depot.connection_id, "mockOutput": mock})

    assert codes(answer) == [("mockOutput", "invalid_field")]
    assert answer.json["errors"][0]["message"] == "mockOutput is invalid"


def test_an_enabled_flow_is_not_run_for_a_test(depot: Depot) -> None:
    answer = depot.call("POST", f"/flows/{depot.flow()['_id']}/test/run")

    assert (answer.status, answer.json["errors"][0]["code"]) == (403, "feature_not_enabled")
    assert answer.json["message"]


def test_jobs_of_a_deleted_flow_stay_readable(api: DepotApi, depot: Depot) -> None:
    flow = depot.flow()
    job_id = depot.call("POST", f"/flows/{flow['_id']}/run").json["_jobId"]
    depot.world.work()

    depot.call("DELETE", f"/flows/{flow['_id']}")

    assert depot.call("GET", f"/jobs/{job_id}").json["status"] == "completed"


def test_what_a_listener_hears_goes_through_its_flow(api: DepotApi, depot: Depot) -> None:
    webhook = {"verify": "token", "token": "open-sesame", "tokenLocation": "header", "tokenHeaderName": "x-token"}
    listener = depot.made("exports", {"name": "Events", "type": "webhook", "webhook": webhook})
    mappings = [{"generate": "ref", "dataType": "string", "extract": "$.number", "status": "Active"}]
    import_ = depot.import_(mappings=mappings)
    processors = [{"type": "import", "_importId": import_["_id"]}]
    flow = depot.flow(pageGenerators=[{"_exportId": listener["_id"]}], pageProcessors=processors)

    heard = depot.world.call(
        "POST",
        f"/v1/exports/{listener['_id']}/data",
        [{"number": "P-7"}, {"number": "P-8"}],
        key=None,
        headers={"x-token": "open-sesame"},
    )
    depot.world.work()

    assert heard.status == 204
    assert api.refs() == ["P-7", "P-8"]
    jobs = depot.call("GET", f"/flows/{flow['_id']}/jobs/latest").json
    assert [(job["status"], job["numSuccess"]) for job in jobs] == [("completed", 4)]
