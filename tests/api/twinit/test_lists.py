"""Lists of runs: filters, order, pages and exact totals."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api.twinit import bounds, runs
from tests.api.twinit.house import Plant, ask, rest


@pytest.fixture
def plant() -> Plant:
    return Plant()


def shown(plant: Plant, **query: Any) -> list[str]:
    found = plant.call("GET", "/workflows", **query)
    assert found.status == 200, found.text
    page = found.json
    assert page["_total"] >= len(page["_list"])
    return [run["_inputParams"].get("n", run["_id"]) for run in page["_list"]]


@pytest.fixture
def four(plant: Plant) -> Plant:
    """Runs a, b, c, d of two definitions, a day apart: a failed, b completed, c waits, d is queued."""
    meter = plant.define(
        rest("x", params={"_url": "https://plant.example.com/${workflow.input.n}"}), _name="meter_sync"
    )
    valve = plant.define(ask(), _name="Valve_check", _userType="valves")
    plant.answers["a"] = 500
    for name, definition in (("a", meter), ("b", meter), ("c", valve), ("d", valve)):
        plant.start(definition, {"n": name})
        if name != "d":
            plant.world.work()
        plant.world.clock.advance(86_400)
    return plant


def test_the_newest_come_first(four: Plant) -> None:
    assert shown(four) == ["d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"_name": "METER"}, "ba"),
        ({"_name": "e"}, "dcba"),
        ({"_name": "nothing"}, ""),
        ({"_status": "FAILED"}, "a"),
        ({"_status": "COMPLETED"}, "b"),
        ({"_status": "RUNNING"}, "c"),
        ({"_status": "QUEUED"}, "d"),
        ({"_status": "failed"}, ""),
        ({"_status": "RETRIED"}, ""),
        ({"startDate": "2026-11-03"}, "dcb"),
        ({"endDate": "2026-11-03"}, "ba"),
        ({"enddate": "2026-11-03", "STARTDATE": "2026-11-03"}, "b"),
        ({"startDate": "2026-11-03T09:30:00Z", "endDate": "2026-11-04T09:29:59.999Z"}, "b"),
        ({"startDate": "2026-11-31"}, ""),
        ({"endDate": "2026-02-29"}, ""),
        ({"startDate": "2026-02-29", "endDate": "2026-11-31"}, "dcba"),
        ({"startDate": "2026-11-05", "endDate": "2026-11-01"}, ""),
        ({"sort": '{"_createdAt":1}'}, "abcd"),
        ({"sort": '{"_name":1,"_createdAt":1}'}, "cdab"),
        ({"sort": '{"_name":-1,"_createdAt":-1}'}, "badc"),
        ({"sort": '{"_status":1}'}, "badc"),
        ({"sort": '{"_updatedAt":-1,"_name":1}'}, "dcba"),
        ({"sort": '{"_userType":-1,"_createdAt":1}'}, "cdab"),
        ({"sort": '{"_nobody":1}'}, "dcba"),
        ({"sort": '{"_createdAt":-1}', "_pagesize": "2"}, "dc"),
        ({"_PAGESIZE": "2", "_OFFSET": "1"}, "cb"),
        ({"_count": "3"}, "dcb"),
        ({"sort": '{"_createdAt":1}', "_pageSize": 2, "_offset": 1}, "bc"),
        ({"_pageSize": 0}, ""),
        ({"_offset": 99}, ""),
    ],
)
def test_filters_orders_and_pages(four: Plant, query: dict[str, Any], names: str) -> None:
    assert shown(four, **query) == [*names]


def test_totals_count_all_that_match(four: Plant) -> None:
    page = four.call("GET", "/workflows", _pageSize=1, _name="meter").json

    assert (page["_offset"], page["_pageSize"], page["_total"]) == (0, 1, 2)
    assert four.call("GET", "/workflows", _pageSize=5000).json["_pageSize"] == 1000


def test_the_last_change_of_a_live_run_decides_where_it_is_sorted(four: Plant) -> None:
    queued = four.call("GET", "/workflows", _status="QUEUED").json["_list"][0]
    waiting = four.call("GET", "/workflows", _status="RUNNING").json["_list"][0]
    four.command(waiting["_id"], "PAUSED")

    assert shown(four, sort='{"_updatedAt":-1}') == ["c", "d", "b", "a"]
    assert four.get(queued["_id"])["_updatedAt"] < four.get(waiting["_id"])["_updatedAt"]


def test_the_newest_runs_of_a_definition_are_found_by_part_of_its_id(four: Plant) -> None:
    definition = four.call("GET", "/workflowdefs", _name="valve").json["_list"][0]["_id"]

    assert shown(four, _defId=definition, sort='{"_createdAt":-1}', _pageSize=20) == ["d", "c"]
    assert shown(four, _defId=definition[3:11].upper()) == ["d", "c"]
    assert shown(four, _defId="not-there") == []


def test_a_sort_that_would_need_too_many_runs_is_refused(four: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_SORTED", 3)
    refused = four.call("GET", "/workflows", sort='{"_name":1}')
    assert (refused.status, "narrow the filters" in refused.json["message"]) == (400, True)
    assert shown(four) == ["d", "c", "b", "a"]
    assert shown(four, sort='{"_name":1}', _name="valve") == ["d", "c"]

    monkeypatch.setattr(runs, "MOST_SORTED_LIVE", 1)
    assert four.call("GET", "/workflows", sort='{"_updatedAt":1}', _name="valve").status == 400
    assert shown(four, sort='{"_updatedAt":1}', _name="meter") == ["a", "b"]


def test_runs_of_other_apis_are_in_no_list(four: Plant) -> None:
    workflow_id = four.world.active_workflow()
    four.world.execution(workflow_id)

    assert shown(four) == ["d", "c", "b", "a"]


def test_lists_show_only_their_namespace_and_workspace(four: Plant) -> None:
    assert shown(four, nsfilter="second") == []
    assert four.call("GET", "/workflows", key=four.world.other_key).json["_list"] == []


def test_what_is_too_large_for_one_answer_is_left_out_and_says_so(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.answers["a"] = f'"{"x" * 2_000}"'
    definition = plant.define(rest("a"))
    ids = [plant.start(definition, {"big": "y" * 2_000}) for _ in range(2)]
    plant.world.work()
    left_out = {"_message": "Too large for one answer"}

    monkeypatch.setattr(bounds, "MAX_REPLY_BYTES", 3_500)
    run = plant.get(ids[0])
    assert (run["_output"], len(run["_inputParams"]["big"])) == (left_out, 2_000)
    monkeypatch.setattr(bounds, "MAX_REPLY_BYTES", 1_800)
    shown = plant.call("GET", "/workflows").json["_list"]
    assert [(each["_output"], each["_inputParams"]) for each in shown] == [(left_out, left_out)] * 2
    monkeypatch.setattr(bounds, "MAX_REPLY_BYTES", 900)
    assert plant.call("GET", "/workflows").status == 400
    assert plant.call("GET", "/workflows", _pageSize=1).status == 200
