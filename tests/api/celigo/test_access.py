"""Who may come in, what they may do, what others see of it, and how refusals are worded."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.http import HttpRequest, HttpResponse
from tests.api.celigo.conftest import CONNECTION, Depot, codes
from tests.api.world import World

UNKNOWN = "66b1f150c4d7e8910a2b3c31"
FLOW, STEP = f"/flows/{UNKNOWN}", "/{kind}/" + UNKNOWN
CALLS = [
    *((verb, "/flows") for verb in ("GET", "POST")),
    *((verb, FLOW) for verb in ("GET", "PUT", "PATCH", "DELETE", "POST")),
    *(("POST", f"{FLOW}/{last}") for last in ("run", "clone")),
    *(("GET", f"{FLOW}/{last}") for last in ("audit", "dependencies", "template", "descendants", "lastExportDateTime")),
    ("PUT", f"{FLOW}/replaceConnection"),
    ("PUT", "/flows/updateFlowGrouping"),
    *((verb, f"/{kind}") for kind in ("exports", "imports", "connections", "integrations") for verb in ("GET", "POST")),
    *(
        (verb, f"/{kind}/{UNKNOWN}")
        for kind in ("exports", "imports", "connections", "integrations")
        for verb in ("GET", "PUT", "PATCH", "DELETE")
    ),
    *(
        ("GET", f"/{kind}/{UNKNOWN}/{last}")
        for kind in ("exports", "imports", "connections")
        for last in ("audit", "dependencies")
    ),
    *(("POST", f"/{kind}/{UNKNOWN}/clone") for kind in ("exports", "imports")),
    *(("PUT", f"/{kind}/{UNKNOWN}/replaceConnection") for kind in ("exports", "imports")),
    *((verb, f"/connections/{UNKNOWN}/ping") for verb in ("GET", "POST")),
    ("POST", "/connections/ping"),
    *(("GET", f"/integrations/{UNKNOWN}/{last}") for last in ("flows", "exports", "imports")),
    *((verb, "/state") for verb in ("GET", "DELETE")),
    *((verb, "/state/cursor") for verb in ("GET", "PUT", "DELETE")),
    ("GET", "/audit"),
    ("GET", "/tokenInfo"),
]


@pytest.mark.parametrize(("verb", "path"), CALLS)
def test_without_a_token_nobody_comes_in(verb: str, path: str, world: World) -> None:
    for how in ({"key": None}, {"headers": {"authorization": "Bearer nobody"}}):
        answer = world.call(verb, f"/v1{path}", raw=b"{", **how)

        assert answer.status == 401
        assert answer.json == {
            "message": "Invalid token",
            "errors": [{"code": "unauthorized", "message": "Invalid token"}],
        }


@pytest.mark.parametrize(("verb", "path"), [call for call in CALLS if call[1] != "/tokenInfo"])
def test_a_token_without_the_right_is_refused_before_anything_else(verb: str, path: str, world: World) -> None:
    key = world.new_key("ws_one", "pins:read")

    answer = world.call(verb, f"/v1{path}", raw=b"{", key=key)

    assert answer.status == 403, answer.text
    assert answer.json["errors"][0]["code"] == "access_restricted"
    assert answer.json["message"] == answer.json["errors"][0]["message"]


def test_another_workspaces_things_are_as_unknown_as_those_that_do_not_exist(depot: Depot) -> None:
    flow = depot.flow()
    other = {"key": depot.world.other_key}
    depot.call("PUT", "/state/cursor", {"n": 4})
    paths = [
        f"/flows/{flow['_id']}",
        f"/exports/{flow['pageGenerators'][0]['_exportId']}",
        f"/imports/{flow['pageProcessors'][0]['_importId']}",
        f"/connections/{depot.connection_id}",
    ]
    before = depot.world.stored()

    for path in (*paths, "/state/cursor"):
        for verb in ("GET", "DELETE"):
            assert depot.call(verb, path, **other).status == 404
    for path in paths:
        assert depot.call("PUT", path, flow, **other).status == 404
        assert depot.call("PATCH", path, [], **other).status == 404
        assert depot.call("GET", f"{path}/audit", **other).status == 404
        assert depot.call("GET", f"{path}/dependencies", **other).status == 404
    assert depot.call("POST", f"{paths[0]}/run", **other).status == 404
    assert depot.call("POST", f"{paths[0]}/clone", **other).status == 404
    assert depot.call("GET", f"/connections/{depot.connection_id}/ping", **other).status == 404
    for path in ("/flows", "/exports", "/imports", "/connections", "/audit"):
        assert depot.call("GET", path, **other).status == 204
    assert depot.call("GET", "/state", **other).json == {"keys": []}
    assert depot.world.stored() == before


def test_nothing_of_another_workspace_can_be_named(depot: Depot) -> None:
    flow = depot.flow()
    other = {"key": depot.world.other_key}
    export_id = flow["pageGenerators"][0]["_exportId"]

    refused = depot.call("POST", "/flows", {"name": "x", "pageGenerators": [{"_exportId": export_id}]}, **other)
    assert codes(refused) == [("pageGenerators[0]._exportId", "invalid_ref")]
    body = {
        "name": "x",
        "_connectionId": depot.connection_id,
        "adaptorType": "HTTPExport",
        "http": {"relativeURI": "/"},
    }
    assert codes(depot.call("POST", "/exports", body, **other)) == [("_connectionId", "invalid_ref")]


def test_flows_of_other_doors_are_unknown_here_and_these_there(depot: Depot) -> None:
    flow = depot.flow()
    other = depot.world.workflow()

    assert depot.call("GET", f"/workflows/{flow['_id']}").status == 404
    assert depot.call("GET", f"/flows/{other}").status == 404
    assert [each["_id"] for each in depot.call("GET", "/flows").json] == [flow["_id"]]


def test_an_unknown_address_is_refused_in_this_doors_words(world: World) -> None:
    answer = world.call("GET", "/v1/flows/a/b/c/d/e")
    assert (answer.status, answer.json["errors"][0]["code"]) == (404, "resource_not_found")

    scripts = world.call("GET", "/v1/scripts/66b1f150c4d7e8910a2b3c31")
    assert (scripts.status, scripts.json["errors"][0]["code"]) == (404, "resource_not_found")

    other_verb = world.call("DELETE", "/v1/flows")
    assert (other_verb.status, other_verb.json["errors"][0]["code"]) == (405, "method_not_allowed")
    assert "POST" in other_verb.headers["Allow"]


def test_too_many_calls_are_told_when_to_come_back() -> None:
    world = World(rate_limit=2)
    for _ in range(2):
        assert world.call("GET", "/v1/flows").status == 204

    answer = world.call("GET", "/v1/flows")

    assert (answer.status, answer.json["errors"][0]["code"]) == (429, "rate_limit_exceeded")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_token_tells_whose_it_is_and_what_it_may(world: World) -> None:
    whole = world.call("GET", "/v1/tokenInfo").json
    narrow = world.call("GET", "/v1/tokenInfo", key=world.new_key("ws_one", "workflows:read", "executions:read")).json

    assert set(whole) == {"_userId", "scope"}
    assert len(whole["_userId"]) == 24
    assert whole["scope"] == "*"
    assert narrow == {"_userId": whole["_userId"], "scope": "executions:read workflows:read"}


def test_state_is_kept_by_its_key(world: World) -> None:
    assert world.call("GET", "/v1/state/cursor").status == 404
    created = world.call("PUT", "/v1/state/cursor", {"n": 4})
    assert (created.status, created.text) == (200, "Created")
    assert created.headers["Content-Type"].startswith("text/plain")
    assert world.call("PUT", "/v1/state/cursor", {"n": 5}).text == "OK"
    assert world.call("GET", "/v1/state/cursor").json == {"n": 5}
    assert world.call("PUT", "/v1/state/nothing", raw=b"null").status == 200
    assert world.call("GET", "/v1/state/nothing").text == "null"
    assert world.call("GET", "/v1/state").json == {"keys": ["cursor", "nothing"]}
    assert world.call("PUT", "/v1/state/cursor", raw=b"").status == 400
    assert world.call("PUT", f"/v1/state/{'k' * 600}", 1).status == 413

    deleted = world.call("DELETE", "/v1/state/cursor")
    assert (deleted.status, deleted.text) == (204, "")
    assert world.call("DELETE", "/v1/state/cursor").status == 404
    assert world.call("DELETE", "/v1/state").status == 204
    assert world.call("GET", "/v1/state").json == {"keys": []}


def answering(status: int, body: bytes) -> Any:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status, {"content-type": "application/json"}, body, request.url, 0.1)

    return answer


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_ping_says_whether_a_connection_works(verb: str, depot: Depot) -> None:
    path = f"/connections/{depot.connection_id}/ping"
    depot.world.sender.respond = answering(200, b"{}")
    assert depot.call(verb, path).json == {"code": 200}
    sent = depot.world.sender.requests[-1]
    assert (sent.method, sent.url) == ("GET", "https://depot.example/api/me")
    assert sent.headers["Authorization"] == "Bearer dp-7719"

    depot.world.sender.respond = answering(401, b"token expired")
    failed = depot.call(verb, path)
    assert (failed.status, failed.json["code"]) == (200, 401)
    assert failed.json["errors"][0]["code"] == "401"
    assert "dp-7719" not in failed.text


def test_a_connection_can_be_tried_before_it_is_stored(depot: Depot) -> None:
    depot.world.sender.respond = answering(200, b"{}")
    before = depot.world.stored()

    assert depot.call("POST", "/connections/ping", CONNECTION).json == {"code": 200}
    assert depot.call("POST", "/connections/ping", {**CONNECTION, "name": None}).status == 422
    unnamed = {name: value for name, value in CONNECTION.items() if name != "name"}
    assert depot.call("POST", "/connections/ping", unnamed).json == {"code": 200}
    assert depot.world.sender.requests[-1].headers["Authorization"] == "Bearer dp-7719"
    assert depot.call("POST", "/connections/ping", {"name": "x"}).status == 422
    assert depot.world.stored() == before
