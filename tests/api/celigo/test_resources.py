"""Exports, imports, connections and integrations: what is filled in, refused, kept and referred to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.celigo.conftest import CONNECTION, EXPORT, IMPORT, LISTENER, Depot, codes
from tests.api.world import World

UNKNOWN = "66b1f150c4d7e8910a2b3c31"


def test_a_connection_is_answered_with_its_secret_masked(depot: Depot) -> None:
    made = depot.connection()

    assert set(made) == {"_id", "createdAt", "lastModified", "name", "type", "offline", "http"}
    assert made["offline"] is False
    assert made["http"]["concurrencyLevel"] == 25
    assert made["http"]["auth"]["token"]["token"] == "******"
    assert depot.call("GET", f"/connections/{made['_id']}").json == made


def test_an_export_is_given_an_identifier_of_its_own(depot: Depot) -> None:
    made = depot.export()

    assert re.fullmatch(r"e[0-9a-f]{7,10}", made["apiIdentifier"])
    assert made["asynchronous"] is True
    assert set(made) == {"_id", "createdAt", "lastModified", "apiIdentifier", "asynchronous", "_connectionId", *EXPORT}
    assert depot.call("GET", f"/exports/{made['_id']}").json == made


def test_an_import_is_given_an_identifier_of_its_own(depot: Depot) -> None:
    made = depot.import_()

    assert re.fullmatch(r"i[0-9a-f]{7,10}", made["apiIdentifier"])
    assert set(made) == {"_id", "createdAt", "lastModified", "apiIdentifier", "_connectionId", *IMPORT}


def test_an_integration_is_a_name_and_dates(depot: Depot) -> None:
    made = depot.made("integrations", {"name": "Depot"})

    assert set(made) == {"_id", "lastModified", "name", "createdAt"}


@pytest.mark.parametrize(
    ("kind", "old", "adaptor"),
    [
        ("exports", {"relativeURI": "/customers", "method": "GET", "resourcePath": "customers"}, "RESTExport"),
        ("imports", {"relativeURI": ["/customers"], "method": ["POST"], "responseIdPath": ["id"]}, "RESTImport"),
    ],
)
def test_an_old_document_is_kept_as_it_was_written(kind: str, old: Any, adaptor: str, depot: Depot) -> None:
    made = depot.made(kind, {"name": "Customers", "_connectionId": depot.connection_id, "rest": old})

    assert made["adaptorType"] == adaptor
    assert made["rest"] == old
    assert "http" not in made


def test_a_value_alone_is_as_good_as_a_list_of_one(depot: Depot) -> None:
    made = depot.import_(http={"method": "POST", "relativeURI": "/shipments"})

    assert made["http"] == {"method": "POST", "relativeURI": "/shipments"}


BAD_EXPORTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no name": ({"name": None}, [("name", "missing_required_field")]),
    "no connection": ({"_connectionId": None}, [("_connectionId", "missing_required_field")]),
    "unknown connection": ({"_connectionId": UNKNOWN}, [("_connectionId", "invalid_ref")]),
    "short id": ({"_connectionId": "598e0c"}, [("_connectionId", "invalid_ref")]),
    "unknown integration": ({"_integrationId": UNKNOWN}, [("_integrationId", "invalid_ref")]),
    "no adaptor": ({"adaptorType": None}, [("adaptorType", "missing_required_field")]),
    "adaptor in other letters": ({"adaptorType": "httpExport"}, [("adaptorType", "invalid_field")]),
    "adaptor that is not supported": ({"adaptorType": "FTPExport"}, [("adaptorType", "invalid_field")]),
    "no such type": ({"type": "everything"}, [("type", "invalid_field")]),
    "type that is not supported": ({"type": "blob"}, [("type", "invalid_field")]),
    "no http": ({"http": None}, [("http", "missing_required_field")]),
    "http of another type": ({"http": []}, [("http", "invalid_field")]),
    "no such method": ({"http": {**EXPORT["http"], "method": "FETCH"}}, [("http.method", "invalid_field")]),
    "delta that does not ask for it": (
        {"http": {"method": "GET", "relativeURI": "/parcels"}},
        [("http.relativeURI", "invalid_field")],
    ),
    "paging that does not exist": (
        {"http": {**EXPORT["http"], "paging": {"method": "guess"}}},
        [("http.paging.method", "invalid_field")],
    ),
    "token without path": (
        {"http": {**EXPORT["http"], "paging": {"method": "token"}}},
        [("http.paging.path", "missing_required_field")],
    ),
    "page of none": ({"pageSize": 0}, [("pageSize", "invalid_field")]),
    "page in words": ({"pageSize": "20"}, [("pageSize", "invalid_field")]),
    "test of too many": ({"type": "test", "test": {"limit": 101}}, [("test.limit", "invalid_field")]),
    "once without its call": ({"type": "once"}, [("http.once", "missing_required_field")]),
    "bad mock": ({"mockOutput": {"records": []}}, [("mockOutput", "invalid_field")]),
    "hook": (
        {"hooks": {"preSavePage": {"function": "f", "_scriptId": UNKNOWN}}},
        [("hooks.preSavePage._scriptId", "invalid_ref")],
    ),
    "hook of an import": (
        {"hooks": {"preMap": {"function": "f", "_scriptId": UNKNOWN}}},
        [("hooks.preMap", "invalid_field"), ("hooks.preMap._scriptId", "invalid_ref")],
    ),
    "hook of a stack": (
        {"hooks": {"preSavePage": {"function": "f", "_stackId": UNKNOWN}}},
        [("hooks.preSavePage._stackId", "invalid_field")],
    ),
    "script for a filter": ({"filter": {"type": "script"}}, [("filter.script", "missing_required_field")]),
    "script for a transform": (
        {"transform": {"type": "script", "script": {"_scriptId": UNKNOWN, "function": "f"}}},
        [("transform.script._scriptId", "invalid_ref")],
    ),
    "function of a script": (
        {"inputFilter": {"type": "script", "script": {"_scriptId": 7, "function": ""}}},
        [
            ("inputFilter.script._scriptId", "invalid_field"),
            ("inputFilter.script.function", "missing_required_field"),
        ],
    ),
    "headers of another form": (
        {"http": {**EXPORT["http"], "headers": {"a": "b"}}},
        [("http.headers", "invalid_field")],
    ),
    "header of two lines": (
        {"http": {**EXPORT["http"], "headers": [{"name": "a", "value": "b\r\nc: d"}]}},
        [("http.headers[0].value", "invalid_field")],
    ),
    "three at once": (
        {"name": 5, "pageSize": -1, "_connectionId": UNKNOWN},
        [("name", "invalid_field"), ("pageSize", "invalid_field"), ("_connectionId", "invalid_ref")],
    ),
}
BAD_IMPORTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no connection": ({"_connectionId": None}, [("_connectionId", "missing_required_field")]),
    "adaptor of an export": ({"adaptorType": "HTTPExport"}, [("adaptorType", "invalid_field")]),
    "no method": ({"http": {"relativeURI": ["/a"]}}, [("http.method", "missing_required_field")]),
    "uneven lists": (
        {"http": {"method": ["POST"], "relativeURI": ["/a", "/b"]}},
        [("http.relativeURI", "invalid_field")],
    ),
    "two requests without types": (
        {"http": {"method": ["PUT", "POST"], "relativeURI": ["/a", "/b"]}},
        [("http.requestType", "missing_required_field")],
    ),
    "no such request": (
        {"http": {"method": ["POST"], "relativeURI": ["/a"], "requestType": ["UPSERT"]}},
        [("http.requestType[0]", "invalid_field")],
    ),
    "number for a body": (
        {"http": {"method": ["POST"], "relativeURI": ["/a"], "body": [5]}},
        [("http.body[0]", "invalid_field")],
    ),
    "batch of none": (
        {"http": {"method": ["POST"], "relativeURI": ["/a"], "batchSize": 0}},
        [("http.batchSize", "invalid_field")],
    ),
    "hook": ({"hooks": {"preMap": {"function": "f"}}}, [("hooks.preMap._scriptId", "missing_required_field")]),
    "mapping of another form": ({"mappings": {}}, [("mappings", "invalid_field")]),
}
BAD_CONNECTIONS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no type": ({"type": None}, [("type", "missing_required_field")]),
    "type that is not supported": ({"type": "netsuite"}, [("type", "invalid_field")]),
    "no http": ({"http": None}, [("http", "missing_required_field")]),
    "no base": ({"http": {"mediaType": "json"}}, [("http.baseURI", "missing_required_field")]),
    "base of another kind": (
        {"http": {"mediaType": "json", "baseURI": "ftp://depot.example"}},
        [("http.baseURI", "invalid_field")],
    ),
    "no media type": ({"http": {"baseURI": "https://depot.example"}}, [("http.mediaType", "missing_required_field")]),
    "too many at once": (
        {"http": {**CONNECTION["http"], "concurrencyLevel": 51}},
        [("http.concurrencyLevel", "invalid_field")],
    ),
    "no such auth": (
        {"http": {**CONNECTION["http"], "auth": {"type": "magic"}}},
        [("http.auth.type", "invalid_field")],
    ),
    "auth without its block": (
        {"http": {**CONNECTION["http"], "auth": {"type": "basic"}}},
        [("http.auth.basic", "missing_required_field")],
    ),
    "lender that is not there": (
        {"_borrowConcurrencyFromConnectionId": UNKNOWN},
        [("_borrowConcurrencyFromConnectionId", "invalid_ref")],
    ),
    "mask for a secret that was never told": (
        {"http": {**CONNECTION["http"], "auth": {"type": "token", "token": {"token": "******"}}}},
        [("http.auth.token.token", "missing_required_field")],
    ),
}


@pytest.mark.parametrize("case", sorted(BAD_EXPORTS))
def test_what_is_wrong_with_an_export_is_refused_all_at_once(case: str, depot: Depot) -> None:
    members, expected = BAD_EXPORTS[case]

    answer = depot.call("POST", "/exports", {**EXPORT, "_connectionId": depot.connection_id, **members})

    assert answer.status == 422, answer.text
    assert codes(answer) == expected


@pytest.mark.parametrize("case", sorted(BAD_IMPORTS))
def test_what_is_wrong_with_an_import_is_refused_all_at_once(case: str, depot: Depot) -> None:
    members, expected = BAD_IMPORTS[case]

    answer = depot.call("POST", "/imports", {**IMPORT, "_connectionId": depot.connection_id, **members})

    assert answer.status == 422, answer.text
    assert codes(answer) == expected


@pytest.mark.parametrize("case", sorted(BAD_CONNECTIONS))
def test_what_is_wrong_with_a_connection_is_refused_all_at_once(case: str, depot: Depot) -> None:
    members, expected = BAD_CONNECTIONS[case]

    answer = depot.call("POST", "/connections", {**CONNECTION, **members})

    assert answer.status == 422, answer.text
    assert codes(answer) == expected


def test_a_mock_is_refused_in_the_words_that_clients_know(depot: Depot) -> None:
    answer = depot.call("POST", "/exports", {**EXPORT, "_connectionId": depot.connection_id, "mockOutput": []})

    assert answer.json["errors"] == [
        {"field": "mockOutput", "code": "invalid_field", "message": "mockOutput is invalid"}
    ]


@pytest.mark.parametrize(
    "members",
    [
        {"isLookup": True, "http": {"method": "GET", "relativeURI": "/parcels"}},
        {"http": {"method": "POST", "relativeURI": "/search", "body": '{"since": "{{lastExportDateTime}}"}'}},
        {"mockOutput": {"page_of_records": [{"record": {}}]}},
        {"hooks": {}},
        {"type": "test", "test": {"limit": 5}, "http": {"relativeURI": "/parcels"}},
    ],
)
def test_what_looks_alike_and_is_right_is_taken(members: dict[str, Any], depot: Depot) -> None:
    assert depot.export(**members)["_id"]


@pytest.mark.parametrize("kind", ["exports", "imports", "connections", "integrations"])
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_id_that_nothing_has_is_not_found_whatever_the_body(kind: str, verb: str, world: World) -> None:
    for id_ in (UNKNOWN, "598e0c", "x"):
        answer = world.call(verb, f"/v1/{kind}/{id_}", raw=b"{")

        assert answer.status == 404, answer.text
        assert answer.json["errors"][0]["code"] == "resource_not_found"


def test_replacing_keeps_what_is_ours_and_erases_what_is_left_out(depot: Depot) -> None:
    made = depot.export(description="Parcels")
    body = {name: value for name, value in made.items() if name not in ("description", "apiIdentifier", "asynchronous")}

    answer = depot.call("PUT", f"/exports/{made['_id']}", {**body, "pageSize": 100, "createdAt": "never"})

    assert answer.status == 200
    assert answer.json["pageSize"] == 100
    assert "description" not in answer.json
    assert {name: answer.json[name] for name in ("_id", "apiIdentifier", "asynchronous", "createdAt")} == {
        name: made[name] for name in ("_id", "apiIdentifier", "asynchronous", "createdAt")
    }
    assert answer.json["lastModified"] > made["lastModified"]


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [("exports", "adaptorType", "SimpleExport"), ("connections", "type", "rest")],
)
def test_the_kind_of_a_document_cannot_be_changed(kind: str, member: str, value: str, depot: Depot) -> None:
    made = depot.export() if kind == "exports" else depot.connection()

    answer = depot.call("PUT", f"/{kind}/{made['_id']}", {**made, member: value})

    assert answer.status == 422
    assert (member, "invalid_field") in codes(answer)


def test_a_patch_sets_the_few_members_that_it_may(depot: Depot) -> None:
    id_ = depot.connection_id
    rename = [{"op": "replace", "path": "/name", "value": "Depot API 2"}]
    debug = [{"op": "add", "path": "/debugDate", "value": "2026-11-23T00:00:00.000Z"}]

    assert (depot.call("PATCH", f"/connections/{id_}", rename).status) == 204
    assert (depot.call("PATCH", f"/connections/{id_}", debug).status) == 204

    read = depot.call("GET", f"/connections/{id_}").json
    assert (read["name"], read["debugDate"]) == ("Depot API 2", "2026-11-23T00:00:00.000Z")
    for path in ("/http/baseURI", "/type", "/offline"):
        refused = depot.call("PATCH", f"/connections/{id_}", [{"op": "replace", "path": path, "value": "x"}])
        assert codes(refused) == [(path, "invalid_field")]


def test_what_is_in_use_cannot_be_deleted(depot: Depot) -> None:
    integration = depot.made("integrations", {"name": "Depot"})
    flow = depot.flow(_integrationId=integration["_id"])
    export_id = flow["pageGenerators"][0]["_exportId"]
    import_id = flow["pageProcessors"][0]["_importId"]

    expected = {
        f"/exports/{export_id}": f"Export is used by flow {flow['_id']}",
        f"/imports/{import_id}": f"Import is used by flow {flow['_id']}",
        f"/integrations/{integration['_id']}": f"Integration is used by flow {flow['_id']}",
        f"/connections/{depot.connection_id}": f"Connection is used by export {export_id}",
    }
    for path, message in expected.items():
        answer = depot.call("DELETE", path)
        assert answer.status == 422
        assert answer.json == {"errors": [{"code": "invalid_ref", "message": message}]}

    depot.call("DELETE", f"/flows/{flow['_id']}")
    for path in expected:
        answer = depot.call("DELETE", path)
        assert (answer.status, answer.text) == (204, "")
        assert depot.call("GET", path).status == 404


def test_dependencies_of_a_resource_are_those_that_name_it(depot: Depot) -> None:
    flow = depot.flow()
    export_id = flow["pageGenerators"][0]["_exportId"]

    assert depot.call("GET", f"/exports/{export_id}/dependencies").json == {
        "flows": [
            {
                "id": flow["_id"],
                "name": flow["name"],
                "paths": ["pageGenerators[0]._exportId"],
                "accessLevel": "owner",
            }
        ]
    }
    named = depot.call("GET", f"/connections/{depot.connection_id}/dependencies").json
    assert [each["id"] for each in named["exports"]] == [export_id]
    assert [each["paths"] for each in named["imports"]] == [["_connectionId"]]


def test_an_integration_has_what_names_it_and_what_its_flows_name(depot: Depot) -> None:
    integration = depot.made("integrations", {"name": "Depot"})
    path = f"/integrations/{integration['_id']}"
    assert depot.call("GET", f"{path}/flows").status == 204
    own = depot.export(_integrationId=integration["_id"])
    flow = depot.flow(_integrationId=integration["_id"])
    depot.flow()

    assert depot.call("GET", f"{path}/flows").json == [flow]
    assert [each["_id"] for each in depot.call("GET", f"{path}/exports").json] == [
        own["_id"],
        flow["pageGenerators"][0]["_exportId"],
    ]
    assert [each["_id"] for each in depot.call("GET", f"{path}/imports").json] == [
        flow["pageProcessors"][0]["_importId"]
    ]
    assert depot.call("GET", f"/integrations/{UNKNOWN}/flows").status == 404


def test_a_connection_takes_the_place_of_another(depot: Depot) -> None:
    flow = depot.flow()
    export_id = flow["pageGenerators"][0]["_exportId"]
    other = depot.connection(name="Depot API, new")["_id"]

    alone = depot.call("PUT", f"/exports/{export_id}/replaceConnection", {"_newConnectionId": other})
    assert (alone.status, alone.json["_connectionId"]) == (200, other)

    body = {"_connectionId": depot.connection_id, "_newConnectionId": other}
    answer = depot.call("PUT", f"/flows/{flow['_id']}/replaceConnection", body)
    assert (answer.status, answer.json) == (200, flow)
    import_id = flow["pageProcessors"][0]["_importId"]
    assert depot.call("GET", f"/imports/{import_id}").json["_connectionId"] == other

    again = depot.call("PUT", f"/flows/{flow['_id']}/replaceConnection", body)
    assert codes(again) == [("_connectionId", "invalid_ref")]
    nothing = depot.call("PUT", f"/flows/{flow['_id']}/replaceConnection", {})
    assert codes(nothing) == [
        ("_connectionId", "missing_required_field"),
        ("_newConnectionId", "missing_required_field"),
    ]
    unknown = depot.call("PUT", f"/exports/{export_id}/replaceConnection", {"_newConnectionId": UNKNOWN})
    assert codes(unknown) == [("_newConnectionId", "invalid_ref")]


BAD_LISTENERS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a connection": ({"_connectionId": UNKNOWN}, [("_connectionId", "invalid_field")]),
    "no webhook": ({"webhook": None}, [("webhook", "missing_required_field")]),
    "no way to verify": ({"webhook": {}}, [("webhook.verify", "missing_required_field")]),
    "no token": (
        {"webhook": {"verify": "token"}},
        [("webhook.token", "missing_required_field"), ("webhook.path", "missing_required_field")],
    ),
    "no key": (
        {"webhook": {"verify": "hmac", "header": "x-signature"}},
        [("webhook.key", "missing_required_field")],
    ),
    "no such algorithm": (
        {"webhook": {"verify": "hmac", "header": "x", "key": "k", "algorithm": "crc32"}},
        [("webhook.algorithm", "invalid_field")],
    ),
    "a failing status for success": (
        {"webhook": {**LISTENER["webhook"], "successStatusCode": 500}},
        [("webhook.successStatusCode", "invalid_field")],
    ),
}


@pytest.mark.parametrize("case", sorted(BAD_LISTENERS))
def test_what_is_wrong_with_a_listener_is_refused_all_at_once(case: str, depot: Depot) -> None:
    members, expected = BAD_LISTENERS[case]

    answer = depot.call("POST", "/exports", {**LISTENER, **members})

    assert answer.status == 422, answer.text
    assert codes(answer) == expected
