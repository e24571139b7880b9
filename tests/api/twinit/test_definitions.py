"""Definitions: created, listed, changed and deleted, in their namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.twinit.house import NAMESPACE, Plant, ask, fork, loop, rest, switch

SECRET = {"_type": "Basic", "_params": {"_username": "reader", "_password": "geheim"}}


@pytest.fixture
def plant() -> Plant:
    return Plant()


def definition(plant: Plant, id_: str, **query: Any) -> Any:
    found = plant.call("GET", f"/workflowdefs/{id_}", **query)
    assert found.status == 200, found.text
    return found.json


def names(plant: Plant, **query: Any) -> list[str]:
    found = plant.call("GET", "/workflowdefs", **query)
    assert found.status == 200, found.text
    return [each["_name"] for each in found.json["_list"]]


def test_tasks_get_ids_and_names_and_keep_what_else_they_have(plant: Plant) -> None:
    id_ = plant.define({"_type": "REST_CONNECTOR", "_inputParams": {"_url": "https://x.example"}, "_note": [1, None]})

    (task,) = definition(plant, id_)["_taskDefs"]

    assert task == {
        "_id": task["_id"],
        "_name": "REST_CONNECTOR",
        "_type": "REST_CONNECTOR",
        "_inputParams": {"_url": "https://x.example"},
        "_note": [1, None],
    }
    assert len(task["_id"]) == 36


def test_a_task_keeps_its_id_by_id_or_by_name_wherever_it_stands(plant: Plant) -> None:
    inner, body = rest("inner"), rest("body")
    id_ = plant.define(rest("a"), switch("s", "x", {"x": [inner]}), loop("l", "false", body), fork("f", [rest("b")]))
    before = {task["_name"]: task["_id"] for task in every(definition(plant, id_)["_taskDefs"])}

    changed = [
        {**rest("renamed"), "_id": before["a"]},
        loop("l", "$.l.iteration < 2", {**body, "_description": "moved"}),
        rest("inner"),
        rest("new"),
    ]
    answer = plant.call("PUT", f"/workflowdefs/{id_}", {"_taskDefs": changed})

    assert answer.status == 200
    after = {task["_name"]: task["_id"] for task in every(answer.json["_taskDefs"])}
    assert after == {
        "renamed": before["a"],
        "l": before["l"],
        "body": before["body"],
        "inner": before["inner"],
        "new": after["new"],
    }
    assert after["new"] not in before.values()


def every(tasks: Any) -> list[Any]:
    inside = [
        branch
        for task in tasks
        for branch in (
            task.get("_loopOver", []),
            *task.get("_forkTasks", []),
            *task.get("_decisionCases", {}).values(),
        )
    ]
    return [*tasks, *(inner for branch in inside for inner in every(branch))]


def test_an_update_changes_what_it_names_and_nothing_else(plant: Plant) -> None:
    id_ = plant.define(rest("a"), _description="Reads", _timeoutSeconds=120, _version="7")
    before = definition(plant, id_)
    plant.world.clock.advance(5)

    after = plant.call("PUT", f"/workflowdefs/{id_}", {"_timeoutSeconds": 300}).json

    assert after == {**before, "_timeoutSeconds": 300, "_updatedAt": "2026-11-02T09:30:05.000000Z"}
    assert before["_version"] == "7"


def test_secrets_are_masked_and_a_mask_that_comes_back_means_the_stored_secret(plant: Plant) -> None:
    task = rest("a", params={"_url": "https://x.example/a", "_auth": SECRET})
    id_ = plant.define(task)

    shown = definition(plant, id_)
    assert shown["_taskDefs"][0]["_inputParams"]["_auth"]["_params"] == {"_username": "reader", "_password": "***"}
    assert "geheim" not in plant.call("GET", "/workflowdefs").text

    shown["_taskDefs"][0]["_inputParams"]["_url"] = "https://x.example/b"
    assert plant.call("PUT", f"/workflowdefs/{id_}", shown).status == 200
    plant.start(id_)
    plant.world.work()
    (request,) = plant.requests
    assert request.url == "https://x.example/b"
    assert request.headers["Authorization"] == "Basic cmVhZGVyOmdlaGVpbQ=="


def test_an_expression_in_place_of_a_secret_is_shown(plant: Plant) -> None:
    auth = {"_type": "Bearer", "_params": {"_token": "${workflow.input.meterToken}"}}
    id_ = plant.define(rest("a", params={"_url": "https://x.example", "_auth": auth}))

    assert definition(plant, id_)["_taskDefs"][0]["_inputParams"]["_auth"] == auth


def test_lists_filter_by_part_of_the_name_and_the_very_user_type(plant: Plant) -> None:
    for name, user_type in (("meter_sync", "energy"), ("METER_check", "Energy"), ("valve", "energy")):
        plant.define(rest("a"), _name=name, _userType=user_type)
        plant.world.clock.advance(1)

    assert names(plant) == ["valve", "METER_check", "meter_sync"]
    assert names(plant, _name="eter_") == ["METER_check", "meter_sync"]
    assert names(plant, _userType="energy") == ["valve", "meter_sync"]
    assert names(plant, _name="meter", _userType="energy") == ["meter_sync"]
    assert names(plant, _name="nothing") == []
    assert names(plant, sort='{"_userType":1,"_name":-1,"_unknown":1}') == ["METER_check", "valve", "meter_sync"]


def test_lists_are_paged_and_count_everything(plant: Plant) -> None:
    for number in range(12):
        plant.define(rest("a"), _name=f"n{number:02}")
        plant.world.clock.advance(1)

    first = plant.call("GET", "/workflowdefs").json
    assert (first["_offset"], first["_pageSize"], first["_total"], len(first["_list"])) == (0, 10, 12, 10)
    assert names(plant, _offset=10) == ["n01", "n00"]
    assert names(plant, _count=2, _offset=1) == ["n10", "n09"]
    assert plant.call("GET", "/workflowdefs", _pageSize=5000).json["_pageSize"] == 1000
    assert names(plant, _pageSize=0) == []


def test_a_definition_is_in_its_namespaces_and_in_no_other(plant: Plant) -> None:
    id_ = plant.define(rest("a"), _namespaces=[NAMESPACE, "second"])
    alone = plant.define(rest("a"), _name="alone")

    assert definition(plant, alone)["_namespaces"] == [NAMESPACE]
    assert definition(plant, id_, nsfilter="second")["_id"] == id_
    assert names(plant, nsfilter="second") == ["meter_sync"]
    for method in ("GET", "PUT", "DELETE"):
        answer = plant.call(method, f"/workflowdefs/{alone}", {}, nsfilter="second")
        assert answer.status == 404
        assert answer.json["message"] == f"Workflow definition {alone} not found"


def test_a_definition_can_be_moved(plant: Plant) -> None:
    id_ = plant.define(rest("a"))

    assert plant.call("PUT", f"/workflowdefs/{id_}", {"_namespaces": ["second"]}).json["_namespaces"] == ["second"]
    assert names(plant) == []
    assert names(plant, nsfilter="second") == ["meter_sync"]


def test_a_deleted_definition_is_gone_and_its_runs_stay_in_their_lists(plant: Plant) -> None:
    id_ = plant.define(rest("a"))
    run_id = plant.start(id_)
    plant.world.work()
    plant.world.clock.advance(1)
    live = plant.start(id_)

    answer = plant.call("DELETE", f"/workflowdefs/{id_}")

    assert (answer.status, answer.json) == (200, {"message": "Workflow definition deleted successfully"})
    assert plant.call("DELETE", f"/workflowdefs/{id_}").status == 404
    assert names(plant) == []
    runs = plant.call("GET", "/workflows", _name="meter").json
    assert [(run["_id"], run["_status"]) for run in runs["_list"]] == [(live, "TERMINATED"), (run_id, "COMPLETED")]
    assert plant.get(run_id)["_namespaces"] == [NAMESPACE]
    assert plant.call("GET", f"/workflows/{run_id}", nsfilter="second").status == 404


def test_a_definition_is_shown_and_changed_by_its_own_api_alone(plant: Plant) -> None:
    id_ = plant.define(ask())
    other = plant.world.workflow()

    listed = plant.world.call("GET", "/v1/workflows").data
    assert [each["id"] for each in listed["workflows"]] == [other]
    assert listed["pagination"]["total"] == 1
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/status")):
        assert plant.world.call(method, f"/v1/workflows/{id_}{path}", {"status": "active"}).status == 404
    for method in ("GET", "PUT", "DELETE"):
        assert plant.call(method, f"/workflowdefs/{other}", {}).status == 404
    assert plant.call("POST", "/workflows", {"_workflowDefId": other}).status == 404


def test_another_workspaces_definition_is_not_found(plant: Plant) -> None:
    id_ = plant.define(rest("a"))
    other = plant.world.other_key

    for method in ("GET", "PUT", "DELETE"):
        assert plant.call(method, f"/workflowdefs/{id_}", {}, key=other).status == 404
    assert plant.call("GET", "/workflowdefs", key=other).json["_total"] == 0
    assert plant.call("POST", "/workflows", {"_workflowDefId": id_}, key=other).status == 404
