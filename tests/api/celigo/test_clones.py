"""Copies of flows and their steps: new ids, other connections, nothing of the original changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.celigo.conftest import Depot, codes
from tests.api.gateway import Answer

UNKNOWN = "66b1f150c4d7e8910a2b3c31"


def whole(depot: Depot, **members: Any) -> Any:
    """A flow with a lookup and two imports, one of which it names twice."""
    first, second = depot.import_()["_id"], depot.import_(name="Second")["_id"]
    lookup = depot.lookup()["_id"]
    return depot.flow(
        pageProcessors=[
            {"type": "export", "_exportId": lookup},
            {"type": "import", "_importId": first},
            {"type": "import", "_importId": second},
            {"type": "import", "_importId": first},
        ],
        **members,
    )


def clone(depot: Depot, flow: Any, body: Any = None, query: str = "") -> Answer:
    return depot.call("POST", f"/flows/{flow['_id']}/clone{query}", body)


def test_a_copy_has_steps_of_its_own_over_the_connections_that_were_named(depot: Depot) -> None:
    integration = depot.made("integrations", {"name": "Depot"})["_id"]
    flow = whole(depot, _integrationId=integration, schedule="? 0 2 ? * *")
    other = depot.connection()["_id"]

    answer = clone(depot, flow, {"name": "Parcels (test)", "connectionMap": {depot.connection_id: other}})

    copy = answer.json
    assert answer.status == 201
    assert copy["_id"] != flow["_id"]
    assert (copy["name"], copy["disabled"], copy["_sourceId"]) == ("Parcels (test)", True, flow["_id"])
    assert (copy["schedule"], copy["_integrationId"]) == ("? 0 2 ? * *", integration)
    steps = depot.call("GET", f"/flows/{copy['_id']}/descendants").json
    originals = depot.call("GET", f"/flows/{flow['_id']}/descendants").json
    for kind in ("exports", "imports"):
        assert [each["_connectionId"] for each in steps[kind]] == [other] * 2
        assert [each["_sourceId"] for each in steps[kind]] == [each["_id"] for each in originals[kind]]
        assert [each["name"] for each in steps[kind]] == [each["name"] for each in originals[kind]]
        assert not {each["_id"] for each in steps[kind]} & {each["_id"] for each in originals[kind]}
        assert not {each["apiIdentifier"] for each in steps[kind]} & {each["apiIdentifier"] for each in originals[kind]}
    named = [each.get("_exportId") or each.get("_importId") for each in copy["pageProcessors"]]
    assert named[1] == named[3]
    assert depot.call("GET", f"/flows/{flow['_id']}").json == flow


def test_without_a_body_everything_is_copied_over_the_same_connections(depot: Depot) -> None:
    flow = whole(depot)

    copy = clone(depot, flow).json

    assert copy["name"] == f"Clone - {flow['name']}"
    steps = depot.call("GET", f"/flows/{copy['_id']}/descendants").json
    assert {each["_connectionId"] for each in (*steps["exports"], *steps["imports"])} == {depot.connection_id}


def test_a_manifest_lists_what_was_made_for_those_who_ask(depot: Depot) -> None:
    flow = whole(depot)

    answer = clone(depot, flow, {"name": "Copy"}, "?manifest=true")

    assert answer.status == 201
    assert [(each["model"], each["name"]) for each in answer.json] == [
        ("Export", "Changed parcels"),
        ("Export", "Parcel owner"),
        ("Import", "Push parcels"),
        ("Import", "Second"),
        ("Flow", "Copy"),
    ]
    assert depot.call("GET", f"/flows/{answer.json[-1]['_id']}").status == 200


def test_a_copy_of_a_simple_flow_is_a_simple_flow(depot: Depot) -> None:
    ids = {"_exportId": depot.export()["_id"], "_importId": depot.import_()["_id"]}
    flow = depot.made("flows", {"name": "One to one", **ids})

    copy = clone(depot, flow).json

    assert "pageGenerators" not in copy
    assert copy["_exportId"] not in ids.values()
    assert copy["_importId"] not in ids.values()


def test_steps_inside_of_branches_are_copied_too(depot: Depot) -> None:
    import_id = depot.import_()["_id"]
    branch = {"name": "all", "pageProcessors": [{"type": "import", "_importId": import_id}]}
    flow = depot.made(
        "flows",
        {
            "name": "Routed",
            "pageGenerators": [{"_exportId": depot.export()["_id"]}],
            "routers": [{"id": "r1", "branches": [branch]}],
        },
    )

    copy = clone(depot, flow).json

    assert copy["routers"][0]["branches"][0]["pageProcessors"][0]["_importId"] != import_id


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"connectionMap": {}}, 400, ("connectionMap", "invalid_connectionMap")),
        ({"connectionMap": []}, 400, ("connectionMap", "invalid_connectionMap")),
        ({"connectionMap": {"CONNECTION": UNKNOWN}}, 422, ("connectionMap.CONNECTION", "invalid_ref")),
        ({"connectionMap": {"CONNECTION": 5}}, 422, ("connectionMap.CONNECTION", "invalid_ref")),
        ({"connectionMap": {"CONNECTION": "OTHER"}}, 422, ("connectionMap.CONNECTION", "invalid_field")),
        ({"_integrationId": UNKNOWN}, 422, ("_integrationId", "invalid_ref")),
        ({"_integrationId": 5}, 422, ("_integrationId", "invalid_ref")),
        ({"name": 5}, 422, ("name", "invalid_field")),
        ({"name": "n" * 256}, 422, ("name", "invalid_field")),
    ],
)
def test_a_copy_that_cannot_be_leaves_nothing_behind(
    body: Any, status: int, expected: tuple[str, str], depot: Depot
) -> None:
    flow = depot.flow()
    rest = {"baseURI": "https://depot.example", "mediaType": "json"}
    other = depot.made("connections", {"name": "Old", "type": "rest", "rest": rest})["_id"]
    names = {"CONNECTION": depot.connection_id, "OTHER": other}
    connections = body.get("connectionMap")
    if isinstance(connections, dict):
        body = {"connectionMap": {names.get(old, old): names.get(str(new), new) for old, new in connections.items()}}
    before = depot.world.stored()

    answer = clone(depot, flow, body)

    assert answer.status == status, answer.text
    assert codes(answer) == [(expected[0].replace("CONNECTION", depot.connection_id), expected[1])]
    assert depot.world.stored() == before


def test_a_copy_whose_name_would_be_too_long_has_as_much_of_it_as_goes(depot: Depot) -> None:
    flow, export = depot.flow(name="n" * 255), depot.export(name="e" * 255)

    assert clone(depot, flow).json["name"] == "Clone - " + "n" * 247
    assert depot.call("POST", f"/exports/{export['_id']}/clone").json["name"] == "Clone - " + "e" * 247


def test_an_unknown_integration_is_refused_in_the_words_that_clients_know(depot: Depot) -> None:
    answer = clone(depot, depot.flow(), {"_integrationId": UNKNOWN})

    assert answer.json["errors"][0]["message"] == "Integration not found for the given id"


@pytest.mark.parametrize("kind", ["exports", "imports"])
def test_a_step_alone_is_copied(kind: str, depot: Depot) -> None:
    made = depot.export() if kind == "exports" else depot.import_()
    other = depot.connection()["_id"]

    answer = depot.call("POST", f"/{kind}/{made['_id']}/clone", {"connectionMap": {depot.connection_id: other}})

    assert answer.status == 201
    assert answer.json["name"] == f"Clone - {made['name']}"
    assert (answer.json["_sourceId"], answer.json["_connectionId"]) == (made["_id"], other)
    assert answer.json["apiIdentifier"] != made["apiIdentifier"]
    assert depot.call("GET", f"/{kind}/{made['_id']}").json == made
