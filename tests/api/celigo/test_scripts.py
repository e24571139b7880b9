"""Scripts as documents: who names them, what is copied with whom, and calls by hand that run them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from chalicelib.domain.flows.scripts import MAX_CONTENT_BYTES
from tests.api.celigo.conftest import CONNECTION, Depot, codes
from tests.api.celigo.test_secrets import raw
from tests.flows.depot import Depot as DepotApi

UNKNOWN = "66b1f150c4d7e8910a2b3c31"
CONTENT = """function save(options) { return { data: options.data.map((d) => ({ ...d, saved: true })), errors: [] }; }
const odd = { code: "odd", message: "no" };
const pre = ({ data }) => data.map((d) => (d.number === "P-2" ? { errors: [odd] } : { data: d }));
const post = ({ responseData }) => responseData.map((r) => ({ ...r, id: `made-${r.id}` }));
const keep = ({ record }) => record.number !== "P-3";
const all = ({ postResponseMapData }) => postResponseMapData;
const route = () => [0];
function broken() { return nothing.at.all; }
"""


def script(depot: Depot, **members: Any) -> Any:
    return depot.made("scripts", {"name": "Depot hooks", "content": CONTENT, **members})


def hook(script_id: str, function: str) -> dict[str, str]:
    return {"_scriptId": script_id, "function": function}


def test_lists_leave_out_what_scripts_consist_of(depot: Depot) -> None:
    made = script(depot, description="All of them")

    listed = depot.call("GET", "/scripts").json
    asked = depot.call("GET", "/scripts?include=content,description").json

    assert listed == [{name: value for name, value in made.items() if name != "content"}]
    assert asked == [{"_id": made["_id"], "name": "Depot hooks", "description": "All of them"}]
    assert depot.call("GET", f"/scripts/{made['_id']}").json == made


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, [("name", "missing_required_field"), ("content", "missing_required_field")]),
        ({"name": "x", "content": 5}, [("content", "invalid_field")]),
        ({"name": "x", "content": "x" * (MAX_CONTENT_BYTES + 1)}, [("content", "invalid_field")]),
        ({"name": "x", "content": "function f( {"}, [("content", "invalid_field")]),
        ({"name": 5, "content": "}"}, [("name", "invalid_field")]),
    ],
)
def test_what_can_be_no_script_is_refused(depot: Depot, body: Any, wrong: list[Any]) -> None:
    answer = depot.call("POST", "/scripts", body)

    assert (answer.status, codes(answer)) == (422, wrong)
    assert depot.call("GET", "/scripts").status == 204


def test_a_mistake_is_told_with_its_place(depot: Depot) -> None:
    answer = depot.call("POST", "/scripts", {"name": "x", "content": "let a = 1;\nlet b = ;\n"})

    assert answer.json["errors"][0]["message"].endswith("(script.js:2)")


def test_a_script_that_cannot_run_yet_can_be_stored(depot: Depot) -> None:
    for content in ("", "throw new Error('not yet')", "import { exports } from 'integrator-api';\nexports.run({});"):
        script(depot, content=content)


def test_nothing_is_stored_while_no_sandbox_can_be_reached(depot: Depot) -> None:
    made = script(depot)

    class Unreachable:
        def describe(self, bundle: Any) -> Any:
            raise UnavailableError("The sandbox could not be reached.")

    depot.world.flow_half.js = Unreachable()  # type: ignore[assignment]
    new = depot.call("POST", "/scripts", {"name": "x", "content": ""})
    changed = depot.call("PUT", f"/scripts/{made['_id']}", {"name": "x", "content": "1"})
    renamed = depot.call("PUT", f"/scripts/{made['_id']}", {"name": "x", "content": CONTENT})

    assert (new.status, changed.status, renamed.status) == (503, 503, 200)


def test_a_script_in_use_is_not_deleted(depot: Depot) -> None:
    id_ = script(depot)["_id"]
    export = depot.export(hooks={"preSavePage": hook(id_, "save")})["_id"]
    import_ = depot.import_(filter={"type": "script", "script": hook(id_, "keep")})["_id"]
    processor = {"type": "import", "_importId": import_, "hooks": {"postResponseMap": hook(id_, "all")}}
    router = {"id": "r", "routeRecordsUsing": "script", "script": hook(id_, "route")}
    flow = depot.flow(
        pageGenerators=[{"_exportId": export}],
        pageProcessors=[],
        routers=[{**router, "branches": [{"pageProcessors": [processor]}]}],
    )["_id"]

    users = depot.call("GET", f"/scripts/{id_}/dependencies").json
    used = depot.call("GET", f"/flows/{flow}/dependencies").json["scripts"]
    refused = depot.call("DELETE", f"/scripts/{id_}")

    at = ["routers[0].script._scriptId", "routers[0].branches[0].pageProcessors[0].hooks.postResponseMap._scriptId"]
    assert {kind: [(each["id"], each["paths"]) for each in found] for kind, found in users.items()} == {
        "flows": [(flow, at)],
        "exports": [(export, ["hooks.preSavePage._scriptId"])],
        "imports": [(import_, ["filter.script._scriptId"])],
    }
    assert [(each["id"], each["paths"]) for each in used] == [(id_, at)]
    assert (refused.status, codes(refused)) == (422, [(None, "invalid_ref")])
    assert refused.json["errors"][0]["message"] == f"Script is used by flow {flow}"
    for path in (f"/flows/{flow}", f"/exports/{export}", f"/imports/{import_}"):
        assert depot.call("DELETE", path).status == 204
    assert depot.call("DELETE", f"/scripts/{id_}").status == 204


def test_a_flow_may_name_only_scripts_that_there_are(depot: Depot) -> None:
    processor = {"type": "import", "_importId": depot.import_()["_id"]}
    generators = [{"_exportId": depot.export()["_id"]}]
    hooks = {"hooks": {"postResponseMap": hook(UNKNOWN, "f")}}

    answer = depot.call(
        "POST", "/flows", {"name": "F", "pageGenerators": generators, "pageProcessors": [{**processor, **hooks}]}
    )

    assert codes(answer) == [("pageProcessors[0].hooks.postResponseMap._scriptId", "invalid_ref")]


def test_copies_of_flows_have_scripts_of_their_own(depot: Depot) -> None:
    ids = [script(depot, name=f"S{n}")["_id"] for n in (1, 2)]
    export = depot.export(hooks={"preSavePage": hook(ids[0], "save")})["_id"]
    import_ = depot.import_(transform={"type": "script", "script": hook(ids[0], "keep")})["_id"]
    processor = {"type": "import", "_importId": import_, "hooks": {"postResponseMap": hook(ids[1], "all")}}
    flow = depot.flow(pageGenerators=[{"_exportId": export}], pageProcessors=[processor])["_id"]

    made = depot.call("POST", f"/flows/{flow}/clone?manifest=true").json
    copy = depot.call("GET", f"/flows/{made[-1]['_id']}").json
    steps = depot.call("GET", f"/flows/{copy['_id']}/descendants").json

    assert [(each["model"], each["name"]) for each in made[:2]] == [("Script", "S2"), ("Script", "S1")]
    second, first = (each["_id"] for each in made[:2])
    assert copy["pageProcessors"][0]["hooks"]["postResponseMap"] == hook(second, "all")
    assert steps["exports"][0]["hooks"]["preSavePage"] == hook(first, "save")
    assert steps["imports"][0]["transform"]["script"] == hook(first, "keep")
    copied = depot.call("GET", f"/scripts/{first}").json
    assert (copied["content"], copied["_sourceId"]) == (CONTENT, ids[0])


def test_a_copy_of_an_export_or_a_script_stands_by_itself(depot: Depot) -> None:
    id_ = script(depot)["_id"]
    export = depot.export(hooks={"preSavePage": hook(id_, "save")})["_id"]

    copy = depot.call("POST", f"/exports/{export}/clone").json
    other = depot.call("POST", f"/scripts/{id_}/clone").json

    assert copy["hooks"]["preSavePage"]["_scriptId"] not in (id_, other["_id"])
    assert (other["name"], other["content"], other["_sourceId"]) == ("Clone - Depot hooks", CONTENT, id_)


def test_the_archive_of_a_flow_has_its_scripts(depot: Depot) -> None:
    id_ = script(depot)["_id"]
    flow = depot.flow(pageGenerators=[{"_exportId": depot.export(hooks={"preSavePage": hook(id_, "save")})["_id"]}])

    address = depot.call("GET", f"/flows/{flow['_id']}/template").json["signedURL"]
    packed = depot.call("GET", address.partition("/v1")[2], key=None)

    with zipfile.ZipFile(io.BytesIO(raw(packed.text))) as archive:
        assert json.loads(archive.read(f"scripts/{id_}.json"))["content"] == CONTENT


def test_every_change_of_a_script_is_noted(depot: Depot) -> None:
    id_ = script(depot)["_id"]
    depot.call("PATCH", f"/scripts/{id_}", [{"op": "replace", "path": "/name", "value": "Hooks"}])
    depot.world.clock.advance(1)
    depot.call("PUT", f"/scripts/{id_}", {"name": "Hooks", "content": "var a;"})

    entries = depot.call("GET", f"/scripts/{id_}/audit").json

    assert [(each["event"], [change["fieldPath"] for change in each["fieldChanges"]]) for each in entries] == [
        ("update", ["content"]),
        ("update", ["name"]),
        ("create", []),
    ]
    assert depot.call("GET", "/audit?resourceType=script").json == entries
    refused = depot.call("PATCH", f"/scripts/{id_}", [{"op": "replace", "path": "/content", "value": ""}])
    assert refused.status == 422


# -- by hand ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(depot: Depot) -> DepotApi:
    """What the depot's connection leads to."""
    made = DepotApi(parcels=3, size=3)
    depot.world.sender.respond = made.send
    http = {**CONNECTION["http"], "baseURI": "https://depot.example"}
    depot.connection_id = depot.made("connections", {"name": "API", "type": "http", "http": http})["_id"]
    return made


def test_an_export_called_by_hand_goes_through_its_scripts(api: DepotApi, depot: Depot) -> None:
    id_ = script(depot)["_id"]
    keep = {"type": "script", "script": hook(id_, "keep")}
    export = depot.export(hooks={"preSavePage": hook(id_, "save")}, filter=keep)["_id"]

    answer = depot.call("POST", f"/exports/{export}/invoke")

    assert [(each["number"], each["saved"]) for each in answer.json["data"]] == [("P-1", True), ("P-2", True)]


def test_a_lookup_called_by_hand_goes_through_its_scripts(api: DepotApi, depot: Depot) -> None:
    id_ = script(depot)["_id"]
    lookup = depot.lookup(hooks={"preSavePage": hook(id_, "save")})["_id"]

    answer = depot.call("POST", f"/exports/{lookup}/invoke", {"data": [{"ownerId": 4}, {"ownerId": 5}]})

    assert answer.json["data"] == [{"id": n, "name": f"Owner {n}", "saved": True} for n in ("4", "5")]


def test_a_script_that_fails_fails_a_call_by_hand(api: DepotApi, depot: Depot) -> None:
    id_ = script(depot)["_id"]
    export = depot.export(hooks={"preSavePage": hook(id_, "broken")})["_id"]
    lookup = depot.lookup(hooks={"preSavePage": hook(id_, "nowhere")})["_id"]

    thrown = depot.call("POST", f"/exports/{export}/invoke")
    missing = depot.call("POST", f"/exports/{lookup}/invoke", {"data": [{"ownerId": 4}]})

    assert (thrown.status, codes(thrown)) == (422, [(None, "ReferenceError")])
    assert thrown.json["errors"][0]["message"] == "nothing is not defined (line 8)"
    assert (missing.status, codes(missing)) == (422, [(None, "function_not_found")])


def test_an_import_called_by_hand_goes_through_its_scripts(api: DepotApi, depot: Depot) -> None:
    id_ = script(depot)["_id"]
    rules = {"filter": {"type": "script", "script": hook(id_, "keep")}}
    import_ = depot.import_(hooks={"preMap": hook(id_, "pre"), "postSubmit": hook(id_, "post")}, **rules)["_id"]

    answer = depot.call("POST", f"/imports/{import_}/invoke", [{"number": f"P-{n}"} for n in (1, 2, 3)])

    first, second, third = answer.json
    assert (first["statusCode"], first["id"], first["_json"]["number"]) == (201, "made-7000", "P-1")
    assert second == {"statusCode": 422, "errors": [{"code": "odd", "message": "no", "source": "pre_map_hook"}]}
    assert third == {"statusCode": 200, "ignored": True}
    assert [each.body for each in api.calls("POST /shipments")] == [{"number": "P-1"}]


def test_a_preview_shows_what_scripts_make_of_the_page(api: DepotApi, depot: Depot) -> None:
    id_ = script(depot)["_id"]
    keep = {"type": "script", "script": hook(id_, "keep")}
    made = depot.export(hooks={"preSavePage": hook(id_, "save")}, filter=keep)
    body = {name: value for name, value in made.items() if name != "_id"}

    answer = depot.call("POST", "/exports/preview", body)
    failed = depot.call("POST", "/exports/preview", {**body, "hooks": {"preSavePage": hook(id_, "broken")}})

    assert [each["saved"] for each in answer.json["data"]] == [True, True]
    assert [stage["name"] for stage in answer.json["stages"]] == ["request", "raw", "parse", "transform", "preSavePage"]
    assert answer.json["stages"][-1]["data"] == answer.json["data"]
    assert (failed.status, failed.json["data"]) == (200, [])
    assert failed.json["stages"][-1]["errors"][0]["source"] == "pre_save_page_hook"
