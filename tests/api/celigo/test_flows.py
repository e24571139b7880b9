"""Flows: what is filled in, what is refused, and what changes change."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.celigo.conftest import Depot, codes
from tests.api.world import World

ID = re.compile(r"[0-9a-f]{24}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UNKNOWN = "66b1f150c4d7e8910a2b3c31"


def test_a_new_flow_is_answered_as_it_is_read_later(depot: Depot) -> None:
    flow = depot.flow()

    read = depot.call("GET", f"/flows/{flow['_id']}")

    assert read.status == 200
    assert read.json == flow
    assert ID.fullmatch(flow["_id"])
    assert TIME.fullmatch(flow["createdAt"])
    assert TIME.fullmatch(flow["lastModified"])


def test_what_a_flow_does_not_say_is_filled_in(depot: Depot) -> None:
    flow = depot.flow()

    assert flow["disabled"] is False
    assert flow["skipRetries"] is False
    assert flow["autoResolveMatchingTraceKeys"] is True
    assert flow["pageGenerators"][0]["skipRetries"] is False
    assert flow["pageProcessors"][0]["responseMapping"] == {"fields": [], "lists": []}
    assert "proceedOnFailure" not in flow["pageProcessors"][0]
    assert "schedule" not in flow
    assert "lastExecutedAt" not in flow


def test_a_simple_flow_is_given_no_lists(depot: Depot) -> None:
    ids = {"_exportId": depot.export()["_id"], "_importId": depot.import_()["_id"]}

    flow = depot.made("flows", {"name": "One to one", "timezone": "UTC", **ids})

    assert set(flow) == {
        "_id",
        "name",
        "disabled",
        "timezone",
        "skipRetries",
        "createdAt",
        "lastModified",
        "_exportId",
        "_importId",
    }


def test_unknown_members_come_back_unchanged(depot: Depot) -> None:
    strange = {"wizardState": "done", "x-own": {"deep": [1, None, {"a": 1.5}]}}

    flow = depot.flow(**strange)

    assert {name: flow[name] for name in strange} == strange


def test_members_that_are_not_the_callers_are_ignored(depot: Depot) -> None:
    ours = {"_id": UNKNOWN, "createdAt": "2001-01-01T00:00:00.000Z", "lastModified": "x", "lastExecutedAt": "x"}

    flow = depot.flow(**ours)

    assert flow["_id"] != UNKNOWN
    assert flow["createdAt"] != ours["createdAt"]
    assert "lastExecutedAt" not in flow


def test_the_last_execution_is_told_once_there_was_one(depot: Depot) -> None:
    flow = depot.flow()
    at = depot.world.clock.now()
    depot.world.flow_half.flow_mark_store.note_executed("ws_one", flow["_id"], at)

    assert depot.call("GET", f"/flows/{flow['_id']}").json["lastExecutedAt"].startswith("2026-")
    assert "lastExecutedAt" in depot.call("GET", "/flows").json[0]


BAD: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no name": ({"name": None}, [("name", "missing_required_field")]),
    "empty name": ({"name": ""}, [("name", "missing_required_field")]),
    "name of another type": ({"name": 7}, [("name", "invalid_field")]),
    "long name": ({"name": "n" * 256}, [("name", "invalid_field")]),
    "five fields": ({"schedule": "0 2 * * *"}, [("schedule", "invalid_field")]),
    "seconds": ({"schedule": "30 0 2 * * *"}, [("schedule", "invalid_field")]),
    "no such hour": ({"schedule": "? 0 25 ? * *"}, [("schedule", "invalid_field")]),
    "no such zone": ({"timezone": "Mars/Olympus"}, [("timezone", "invalid_field")]),
    "text for a flag": ({"disabled": "yes"}, [("disabled", "invalid_field")]),
    "unknown export": ({"pageGenerators": [{"_exportId": UNKNOWN}]}, [("pageGenerators[0]._exportId", "invalid_ref")]),
    "short id": ({"pageGenerators": [{"_exportId": "598e0c"}]}, [("pageGenerators[0]._exportId", "invalid_ref")]),
    "generator without export": ({"pageGenerators": [{}]}, [("pageGenerators[0]._exportId", "missing_required_field")]),
    "unknown import": (
        {"pageProcessors": [{"type": "import", "_importId": UNKNOWN}]},
        [("pageProcessors[0]._importId", "invalid_ref")],
    ),
    "processor without type": ({"pageProcessors": [{}]}, [("pageProcessors[0].type", "missing_required_field")]),
    "no list": ({"pageProcessors": {}}, [("pageProcessors", "invalid_field")]),
    "unknown integration": ({"_integrationId": UNKNOWN}, [("_integrationId", "invalid_ref")]),
    "two at once": (
        {"name": None, "schedule": "never"},
        [("name", "missing_required_field"), ("schedule", "invalid_field")],
    ),
    "script": (
        {"pageProcessors": [{"type": "import", "_importId": UNKNOWN, "hooks": {"postResponseMap": {"function": "f"}}}]},
        [("pageProcessors[0].hooks.postResponseMap._scriptId", "missing_required_field")],
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_wrong_is_refused_all_at_once(case: str, depot: Depot) -> None:
    members, expected = BAD[case]
    before = depot.world.stored()

    answer = depot.call("POST", "/flows", {"name": "Bad", **members})

    assert answer.status == 422, answer.text
    assert codes(answer) == expected
    assert depot.world.stored() == before


def test_the_messages_that_clients_know_are_word_for_word(depot: Depot) -> None:
    body = {"pageProcessors": [{}], "routers": [{}], "schedule": "0 2 * * *"}

    found = {each["field"]: each["message"] for each in depot.call("POST", "/flows", body).json["errors"]}

    assert found["name"] == "Path `name` is required."
    assert found["schedule"] == "Invalid cron expression"
    assert found["pageProcessors"] == '"pageProcessors" is not allowed when "routers" is present'


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff"])
def test_a_body_that_is_no_object_is_refused_before_its_members(raw: bytes, world: World) -> None:
    answer = world.call("POST", "/v1/flows", raw=raw)

    assert answer.status == 400
    assert answer.json["errors"][0]["code"] == "invalid_json"


@pytest.mark.parametrize("id_", [UNKNOWN, "598e0c", "x", "66B1F150C4D7E8910A2B3C31", "%F0%9F%93%A6"])
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE", "POST"])
def test_an_id_that_nothing_has_is_not_found_whatever_the_body(verb: str, id_: str, world: World) -> None:
    answer = world.call(verb, f"/v1/flows/{id_}", raw=b"{")

    assert answer.status == 404, answer.text
    assert answer.json["errors"][0]["code"] == "resource_not_found"


def test_replacing_erases_what_is_left_out(depot: Depot) -> None:
    flow = depot.flow(schedule="? 0 2 ? * *", timezone="Europe/Oslo", description="Nightly")
    depot.world.clock.advance(60)
    changed = {name: value for name, value in flow.items() if name not in ("schedule", "description")}

    answer = depot.call("PUT", f"/flows/{flow['_id']}", {**changed, "name": "Parcels nightly"})

    assert answer.status == 200
    assert "schedule" not in answer.json
    assert "description" not in answer.json
    assert answer.json["name"] == "Parcels nightly"
    assert answer.json["createdAt"] == flow["createdAt"]
    assert answer.json["lastModified"] > flow["lastModified"]
    assert depot.call("GET", f"/flows/{flow['_id']}").json == answer.json


def test_a_replacement_without_a_name_changes_nothing(depot: Depot) -> None:
    flow = depot.flow()

    answer = depot.call("PUT", f"/flows/{flow['_id']}", {"disabled": True})

    assert answer.status == 422
    assert codes(answer) == [("name", "missing_required_field")]
    assert depot.call("GET", f"/flows/{flow['_id']}").json == flow


def test_a_patch_is_answered_without_a_body_and_seen_later(depot: Depot) -> None:
    flow = depot.flow(schedule="? 0 2 ? * *")

    answer = depot.call(
        "PATCH",
        f"/flows/{flow['_id']}",
        [
            {"op": "replace", "path": "/disabled", "value": True},
            {"op": "remove", "path": "/schedule"},
            {"op": "add", "path": "/pageGenerators/0/skipRetries", "value": True},
            {"op": "add", "path": "/logging/mode", "value": "full"},
        ],
    )

    assert (answer.status, answer.text) == (204, "")
    read = depot.call("GET", f"/flows/{flow['_id']}").json
    assert read["disabled"] is True
    assert "schedule" not in read
    assert read["pageGenerators"][0]["skipRetries"] is True
    assert read["logging"] == {"mode": "full"}
    assert [each["_id"] for each in depot.call("GET", "/flows?disabled=true").json] == [flow["_id"]]
    assert depot.call("GET", "/flows?disabled=false").status == 204


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ({"op": "replace", "path": "/disabled", "value": True}, 400),
        (["x"], 400),
        ([{"op": "replace", "path": "/pageGenerators", "value": []}], 422),
        ([{"op": "replace", "path": "/_id", "value": "x"}], 422),
        ([{"op": "move", "path": "/name", "from": "/description"}], 422),
        ([{"op": "replace", "path": "/name"}], 422),
        ([{"op": "replace", "path": "/name", "value": ""}], 422),
        ([{"op": "remove", "path": "/name"}], 422),
        ([{"op": "replace", "path": "/schedule", "value": "0 2 * * *"}], 422),
        ([{"op": "replace", "path": "/pageGenerators/7/schedule", "value": "? 0 2 ? * *"}], 422),
        ([{"op": "replace", "path": "/routers/0/name", "value": "x"}], 422),
    ],
)
def test_a_patch_beyond_what_is_allowed_changes_nothing(patch: Any, status: int, depot: Depot) -> None:
    flow = depot.flow()

    answer = depot.call("PATCH", f"/flows/{flow['_id']}", patch)

    assert answer.status == status, answer.text
    assert depot.call("GET", f"/flows/{flow['_id']}").json == flow


def test_a_deleted_flow_is_gone_with_its_name_from_lists(depot: Depot) -> None:
    flow = depot.flow()

    answer = depot.call("DELETE", f"/flows/{flow['_id']}")

    assert (answer.status, answer.text) == (204, "")
    assert depot.call("GET", f"/flows/{flow['_id']}").status == 404
    assert depot.call("DELETE", f"/flows/{flow['_id']}").status == 404
    assert depot.call("GET", "/flows").status == 204


def test_flows_are_put_into_a_group_together(depot: Depot) -> None:
    flows = [depot.flow()["_id"] for _ in range(2)]

    answer = depot.call("PUT", "/flows/updateFlowGrouping", {"_flowIds": flows, "_flowGroupingId": UNKNOWN})

    assert answer.status == 204
    assert {each["_flowGroupingId"] for each in depot.call("GET", "/flows").json} == {UNKNOWN}
    refused = depot.call("PUT", "/flows/updateFlowGrouping", {"_flowIds": [UNKNOWN], "_flowGroupingId": UNKNOWN})
    assert codes(refused) == [("_flowIds[0]", "invalid_ref")]
    assert codes(depot.call("PUT", "/flows/updateFlowGrouping", {})) == [("_flowIds", "missing_required_field")]


def test_what_a_flow_names_is_told_with_the_paths_at_which_it_does(depot: Depot) -> None:
    export, lookup, import_ = depot.export(), depot.lookup(), depot.import_()
    flow = depot.flow(
        pageGenerators=[{"_exportId": export["_id"]}],
        pageProcessors=[
            {"type": "export", "_exportId": lookup["_id"]},
            {"type": "import", "_importId": import_["_id"]},
            {"type": "import", "_importId": import_["_id"]},
        ],
    )

    named = depot.call("GET", f"/flows/{flow['_id']}/dependencies").json

    assert [each["paths"] for each in named["exports"]] == [
        ["pageGenerators[0]._exportId"],
        ["pageProcessors[0]._exportId"],
    ]
    assert named["imports"] == [
        {
            "id": import_["_id"],
            "name": "Push parcels",
            "paths": ["pageProcessors[1]._importId", "pageProcessors[2]._importId"],
            "accessLevel": "owner",
        }
    ]
    assert depot.call("GET", f"/flows/{flow['_id']}/descendants").json == {
        "exports": [export, lookup],
        "imports": [import_],
    }


def test_the_last_export_is_told_once_there_was_one(depot: Depot) -> None:
    flow = depot.flow()
    path = f"/flows/{flow['_id']}/lastExportDateTime"
    assert depot.call("GET", path).json == {"lastExportDateTime": None}

    now = depot.world.clock.now()
    export_id = flow["pageGenerators"][0]["_exportId"]
    depot.world.flow_half.flow_mark_store.move_delta("ws_one", flow["_id"], export_id, now, now)

    assert TIME.fullmatch(depot.call("GET", path).json["lastExportDateTime"])


def test_a_schedule_starts_a_flow_only_while_it_is_enabled(depot: Depot) -> None:
    flow = depot.flow(schedule="? 0 2 ? * *", timezone="Europe/Oslo")
    schedules = depot.world.schedule_store.list("ws_one", flow["_id"])
    assert [schedule.enabled for schedule in schedules] == [True]

    depot.call("PATCH", f"/flows/{flow['_id']}", [{"op": "replace", "path": "/disabled", "value": True}])

    assert [schedule.enabled for schedule in depot.world.schedule_store.list("ws_one", flow["_id"])] == [False]
