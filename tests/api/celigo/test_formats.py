"""APIs that speak XML or CSV: what is asked of them, and the records that their answers become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.api.celigo.conftest import Depot, codes

PAGE = """<?xml version="1.0"?><Parcels><Status>ok</Status>
<Parcel id="{0}"><Number>P-{0} &amp; Co</Number></Parcel><Next>{1}</Next></Parcels>"""
Answers = Callable[[HttpRequest], HttpResponse]


def answers(depot: Depot, body: str, kind: str = "application/xml", status: int = 200) -> list[HttpRequest]:
    """Whatever is asked is answered so; what was asked."""
    depot.world.sender.respond = lambda request: HttpResponse(
        status, {"content-type": kind} if kind else {}, body.encode(), request.url, 0.001
    )
    return depot.world.sender.requests


def connection(depot: Depot, media: str = "xml", **http: Any) -> str:
    id_: str = depot.made(
        "connections",
        {"name": "Old API", "type": "http", "http": {"baseURI": "https://old.example", "mediaType": media, **http}},
    )["_id"]
    return id_


def export(depot: Depot, connection_id: str, http: dict[str, Any] | None = None, **members: Any) -> Any:
    body = {"name": "Parcels", "adaptorType": "HTTPExport", "_connectionId": connection_id, **members}
    return depot.made("exports", {**body, "http": {"method": "GET", "relativeURI": "/parcels", **(http or {})}})


def invoked(depot: Depot, made: Any, **body: Any) -> Any:
    answer = depot.call("POST", f"/exports/{made['_id']}/invoke", body)
    assert answer.status == 200, answer.text
    return answer.json


def test_xml_becomes_a_record_for_each_element_at_the_path(depot: Depot) -> None:
    asked = answers(depot, PAGE.format(7, ""))
    made = export(depot, connection(depot), {"response": {"resourcePath": "/Parcels/Parcel"}})

    assert invoked(depot, made)["data"] == [{"id": "7", "Number": "P-7 & Co"}]
    assert asked[-1].headers["Accept"].startswith("application/xml")


def test_xml_without_a_path_is_one_record(depot: Depot) -> None:
    answers(depot, "<a><b>1</b></a>", kind="text/xml; charset=utf-8")

    assert invoked(depot, export(depot, connection(depot)))["data"] == [{"a": {"b": "1"}}]


def test_rules_of_the_export_say_how_elements_are_read(depot: Depot) -> None:
    answers(depot, PAGE.format(7, ""))
    parsers = [{"type": "xml", "version": 1, "rules": {"attributePrefix": "@", "listNodes": ["/Parcel/Number"]}}]
    made = export(depot, connection(depot), {"response": {"resourcePath": "//Parcel"}}, parsers=parsers)

    assert made["parsers"] == parsers
    assert invoked(depot, made)["data"] == [{"@id": "7", "Number": ["P-7 & Co"]}]


def test_paths_of_elements_judge_page_and_word_an_answer(depot: Depot) -> None:
    http: dict[str, Any] = {
        "response": {"resourcePath": "//Parcel", "successPath": "/Parcels/Status", "successValues": ["ok"]},
        "paging": {"method": "url", "path": "/Parcels/Next"},
    }
    made = export(depot, connection(depot), http)
    answers(depot, PAGE.format(1, "https://old.example/parcels?page=2"))

    assert invoked(depot, made)["pagedExportState"]["url"] == "https://old.example/parcels?page=2"

    response = {**http["response"], "errorPath": "/Parcels/Error/@text"}
    failing = export(depot, connection(depot), {**http, "response": response})
    answers(depot, '<Parcels><Status>no</Status><Error text="closed on Sundays"/></Parcels>')
    refused = depot.call("POST", f"/exports/{failing['_id']}/invoke")

    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "response_failure")
    assert refused.json["errors"][0]["message"] == "closed on Sundays"


def test_a_failing_status_is_worded_by_the_path_into_its_xml(depot: Depot) -> None:
    answers(depot, "<Fault><Reason>no such depot</Reason></Fault>", status=404)
    made = export(depot, connection(depot), {"response": {"errorPath": "/Fault/Reason"}})

    refused = depot.call("POST", f"/exports/{made['_id']}/invoke").json["errors"][0]

    assert (refused["code"], refused["message"]) == ("404", "no such depot")


@pytest.mark.parametrize(
    "body",
    ['<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>', "<a>" * 40 + "</a>" * 40, "<a>", "<html><br>log in</html>"],
)
def test_xml_that_is_dangerous_or_none_is_an_error_of_the_export(body: str, depot: Depot) -> None:
    answers(depot, body)

    refused = depot.call("POST", f"/exports/{export(depot, connection(depot))['_id']}/invoke")

    assert (refused.status, codes(refused)) == (422, [(None, "invalid_response")])


def test_csv_becomes_a_record_for_each_row(depot: Depot) -> None:
    asked = answers(depot, 'id;note\n1;"a\nb"\n', kind="text/plain")
    file = {"csv": {"columnDelimiter": ";"}}
    made = export(depot, connection(depot, "json"), {"successMediaType": "csv"}, file=file)

    assert invoked(depot, made)["data"] == [{"id": "1", "note": "a\nb"}]
    assert asked[-1].headers["Accept"].startswith("text/csv")


def test_an_answer_that_says_to_be_csv_is_read_as_such(depot: Depot) -> None:
    answers(depot, "id\n1\n2\n", kind="text/csv")

    assert invoked(depot, export(depot, connection(depot, "json")))["data"] == [{"id": "1"}, {"id": "2"}]


def test_a_page_to_log_in_at_is_no_answer_of_an_api_of_json(depot: Depot) -> None:
    answers(depot, "<html>log in</html>", kind="text/html")

    refused = depot.call("POST", f"/exports/{export(depot, connection(depot, 'json'))['_id']}/invoke")

    assert codes(refused) == [(None, "invalid_response")]


def test_text_stays_one_record(depot: Depot) -> None:
    answers(depot, "all is well", kind="text/plain")
    made = export(depot, connection(depot, "json", successMediaType="plaintext"))

    assert invoked(depot, made)["data"] == ["all is well"]


def test_an_import_of_xml_is_escaped_by_its_template_and_found_by_paths(depot: Depot) -> None:
    asked = answers(depot, "<Made><Id>s-7</Id></Made>")
    http = {
        "method": ["POST"],
        "relativeURI": ["/shipments"],
        "body": ["<S><Name>{{record.name}}</Name>{{{record.raw}}}</S>"],
        "response": {"resourceIdPath": ["/Made/Id"]},
    }
    made = depot.import_(_connectionId=connection(depot), http=http)

    record = {"name": "Größe & <Maß>", "raw": "<Kept/>"}
    answer = depot.call("POST", f"/imports/{made['_id']}/invoke", [record])

    assert asked[-1].body == "<S><Name>Größe &amp; &lt;Maß&gt;</Name><Kept/></S>".encode()
    assert asked[-1].headers["Content-Type"] == "application/xml"
    assert answer.json == [{"statusCode": 200, "id": "s-7", "_json": {"Made": {"Id": "s-7"}}}]


def test_an_import_of_xml_without_a_template_says_what_it_lacks(depot: Depot) -> None:
    asked = answers(depot, "")

    answer = depot.call("POST", f"/imports/{depot.import_(_connectionId=connection(depot))['_id']}/invoke", [{"a": 1}])

    assert answer.json[0]["errors"][0]["code"] == "invalid_body"
    assert asked == []


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"parsers": {}}, "parsers"),
        ({"parsers": [{"type": "csv"}]}, "parsers[0].type"),
        ({"parsers": [{"rules": {"trimSpaces": "yes"}}]}, "parsers[0].rules.trimSpaces"),
        ({"parsers": [{"rules": {"listNodes": "/a"}}]}, "parsers[0].rules.listNodes"),
        ({"file": {"encoding": "klingon"}}, "file.encoding"),
        ({"file": {"csv": {"columnDelimiter": "::"}}}, "file.csv.columnDelimiter"),
        ({"file": {"csv": {"columnDelimiter": '"'}}}, "file.csv.columnDelimiter"),
        ({"file": {"csv": {"rowDelimiter": "|"}}}, "file.csv.rowDelimiter"),
        ({"file": {"csv": {"rowsToSkip": -1}}}, "file.csv.rowsToSkip"),
        ({"http": {"method": "GET", "response": {"resourcePath": "//a[["}}}, "http.response.resourcePath"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(members: dict[str, Any], field: str, depot: Depot) -> None:
    body = {"name": "Parcels", "adaptorType": "HTTPExport", "_connectionId": connection(depot), "http": {}, **members}

    answer = depot.call("POST", "/exports", body)

    assert (answer.status, codes(answer)) == (422, [(field, "invalid_field")])


def test_a_flow_carries_records_of_xml_page_by_page(depot: Depot) -> None:
    def respond(request: HttpRequest) -> HttpResponse:
        kind = {"content-type": "application/xml"}
        if request.method == "POST":
            return HttpResponse(201, kind, b"<Made><Id>1</Id></Made>", request.url, 0.001)
        follows = "" if "page=2" in request.url else "https://old.example/parcels?page=2"
        body = PAGE.format(2 if "page=2" in request.url else 1, follows)
        return HttpResponse(200, kind, body.encode(), request.url, 0.001)

    depot.world.sender.respond = respond
    through = connection(depot)
    http = {"response": {"resourcePath": "//Parcel"}, "paging": {"method": "url", "path": "//Next"}}
    import_ = depot.import_(
        _connectionId=through,
        http={"method": ["POST"], "relativeURI": ["/s"], "body": ["<S>{{record.Number}}</S>"]},
    )
    flow = depot.flow(
        pageGenerators=[{"_exportId": export(depot, through, http)["_id"]}],
        pageProcessors=[{"type": "import", "_importId": import_["_id"]}],
    )

    job = depot.call("POST", f"/flows/{flow['_id']}/run").json["_jobId"]
    depot.world.work()

    done = depot.call("GET", f"/jobs/{job}").json
    assert (done["status"], done["numSuccess"], done["numError"]) == ("completed", 4, 0)
    sent = [request.body for request in depot.world.sender.requests if request.method == "POST"]
    assert sent == [b"<S>P-1 &amp; Co</S>", b"<S>P-2 &amp; Co</S>"]
