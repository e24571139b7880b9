"""Who changed what: an entry for every change, with the leaves that changed, and none where nothing did."""

from __future__ import annotations

import pytest

from tests.api.celigo.conftest import Depot


def test_every_change_of_a_flow_is_noted_newest_first(depot: Depot) -> None:
    flow = depot.flow()
    path = f"/flows/{flow['_id']}"
    depot.call("PATCH", path, [{"op": "replace", "path": "/disabled", "value": True}])
    depot.world.clock.advance(1)
    processors = [{**flow["pageProcessors"][0], "proceedOnFailure": True}]
    depot.call("PUT", path, {**flow, "disabled": True, "pageProcessors": processors, "schedule": "? 0 2 ? * *"})

    entries = depot.call("GET", f"{path}/audit").json

    assert [entry["event"] for entry in entries] == ["update", "update", "create"]
    assert [entry["fieldChanges"] for entry in entries] == [
        [
            {"oldValue": None, "newValue": True, "fieldPath": "pageProcessors[0].proceedOnFailure"},
            {"oldValue": None, "newValue": "? 0 2 ? * *", "fieldPath": "schedule"},
        ],
        [{"oldValue": False, "newValue": True, "fieldPath": "disabled"}],
        [],
    ]
    assert set(entries[0]) == {
        "_id",
        "resourceType",
        "_resourceId",
        "source",
        "event",
        "time",
        "byUser",
        "fieldChanges",
    }
    assert entries[0]["source"] == "API"
    assert entries[0]["byUser"] == {"email": "ws_one@penstock.invalid", "name": "ws_one"}


def test_a_replacement_that_changes_nothing_is_not_noted(depot: Depot) -> None:
    flow, export = depot.flow(), depot.export()
    for kind, made in (("flows", flow), ("exports", export), ("connections", depot.connection())):
        path = f"/{kind}/{made['_id']}"
        depot.world.clock.advance(1)

        answer = depot.call("PUT", path, made)

        assert answer.json["lastModified"] > made["lastModified"]
        assert [entry["event"] for entry in depot.call("GET", f"{path}/audit").json] == ["create"]


@pytest.mark.parametrize("kind", ["exports", "imports", "connections"])
def test_every_kind_has_its_entries(kind: str, depot: Depot) -> None:
    makers = {"exports": depot.export, "imports": depot.import_, "connections": depot.connection}
    made = makers[kind]()
    path = f"/{kind}/{made['_id']}"
    depot.call("PATCH", path, [{"op": "replace", "path": "/name", "value": "Renamed"}])

    entries = depot.call("GET", f"{path}/audit").json

    assert entries[0]["resourceType"] == kind[:-1]
    assert entries[0]["fieldChanges"] == [{"oldValue": made["name"], "newValue": "Renamed", "fieldPath": "name"}]


def test_the_entries_of_what_is_deleted_stay_with_the_workspace(depot: Depot) -> None:
    flow = depot.flow()
    depot.call("DELETE", f"/flows/{flow['_id']}")

    assert depot.call("GET", f"/flows/{flow['_id']}/audit").status == 404
    found = depot.call("GET", f"/audit?resourceType=flow&_resourceId={flow['_id']}").json
    assert [entry["event"] for entry in found] == ["delete", "create"]


def test_entries_are_found_by_what_happened_when_and_by_whom(depot: Depot) -> None:
    flow = depot.flow()
    me = depot.call("GET", "/tokenInfo").json["_userId"]
    at = flow["createdAt"]

    def kinds(query: str) -> list[str]:
        answer = depot.call("GET", f"/audit?{query}")
        return [entry["resourceType"] for entry in answer.json] if answer.status == 200 else []

    assert kinds("") == ["flow", "import", "export", "connection"]
    assert kinds("limit=1") == ["flow"]
    assert kinds("limit=2&offset=1") == ["import", "export"]
    assert kinds("resourceType=export") == ["export"]
    assert kinds("action=delete") == []
    assert kinds("source=API&action=create&limit=1") == ["flow"]
    assert kinds("source=UI") == []
    assert kinds(f"_byUserId={me}&limit=1") == ["flow"]
    assert kinds(f"_byUserId={'0' * 24}") == []
    assert kinds(f"from={at}") == ["flow"]
    assert kinds(f"to={at[:19]}.000Z&limit=1") == ["flow"]
    assert kinds("to=2020-01-01") == []
    for query in ("from=yesterday", "limit=0", "offset=-1", "action=look"):
        assert depot.call("GET", f"/audit?{query}").status == 400


def test_runs_are_not_audited(depot: Depot) -> None:
    flow = depot.flow()
    depot.call("POST", f"/flows/{flow['_id']}/run")

    assert len(depot.call("GET", f"/flows/{flow['_id']}/audit").json) == 1


def test_a_change_that_is_refused_is_not_noted(depot: Depot) -> None:
    flow = depot.flow()
    depot.call("PUT", f"/flows/{flow['_id']}", {**flow, "schedule": "never"})

    assert len(depot.call("GET", f"/flows/{flow['_id']}/audit").json) == 1
