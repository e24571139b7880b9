"""Schedules, jobs and triggers of a definition, and the runs that they start."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.api.twinit.house import NAMESPACE, Plant, rest

WEEKDAYS = {"_type": "TIME_BASED", "_runInterval": "0 30 5 ? * MON-FRI", "_timeZone": "Europe/Vienna"}


class Calendar(Plant):
    """A definition, and calls below it."""

    def __init__(self) -> None:
        super().__init__()
        self.definition = self.define(rest("a"))

    def at(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        return self.call(method, f"/workflowdefs/{self.definition}{path}", body, **query)

    def schedule(self, timing: Any = None, **members: Any) -> Any:
        made = self.at("POST", "/schedules", {"_schedule": timing or WEEKDAYS, **members})
        assert made.status == 201, made.text
        return made.json

    def triggers(self, job_id: str) -> list[str]:
        return [each["_id"] for each in self.at("GET", f"/jobs/{job_id}/triggers").json["_list"]]

    def tick(self, seconds: float) -> None:
        """Time passes, and whatever schedule is due is fired and worked off."""
        self.world.clock.advance(seconds)
        world = self.world
        for schedule in world.schedule_store:
            world.firing.fire(schedule.id, schedule.workspace_id, world.clock.now() + timedelta(seconds=60))
        world.work()


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def test_a_schedule_makes_a_job_with_a_trigger(calendar: Calendar) -> None:
    made = calendar.schedule(_inputParams={"_url": "https://x.example", "_token": "geheim"})

    assert made["_namespaces"] == [NAMESPACE]
    assert made["_inputParams"] == {"_url": "https://x.example", "_token": "***"}
    assert {uuid.UUID(made[name]).version for name in ("_id", "_jobId", "_triggerId")} == {4}
    assert calendar.at("GET", f"/schedules/{made['_id']}").json == made
    assert calendar.at("GET", "/schedules").json["_list"] == [made]
    job = calendar.at("GET", f"/jobs/{made['_jobId']}").json
    assert (job["_triggers"], job["_inputParams"]) == ([made["_triggerId"]], made["_inputParams"])
    assert calendar.at("GET", "/jobs").json["_list"] == [job]
    trigger = calendar.at("GET", f"/jobs/{job['_id']}/triggers/{made['_triggerId']}").json
    assert trigger == {
        "_id": made["_triggerId"],
        "_jobId": made["_jobId"],
        "_scheduleId": made["_id"],
        "_runInterval": "0 30 5 ? * MON-FRI",
        "_timeZone": "Europe/Vienna",
        "_nextFireTime": "2026-11-03T04:30:00.000000Z",
        "_lastFireTime": None,
        "_status": "ACTIVE",
    }


def test_each_trigger_of_a_job_starts_runs_with_its_inputs(calendar: Calendar) -> None:
    each_minute = {"_type": "TIME_BASED", "_runInterval": "0 * * ? * *"}
    made = calendar.schedule(each_minute, _inputParams={"_url": "https://x.example/here"})
    job = f"/jobs/{made['_jobId']}/triggers"
    second = calendar.at("POST", job, {"_runInterval": "30 * * ? * * 2026"}).json
    assert second["_timeZone"] == "UTC"

    calendar.tick(30)
    calendar.tick(30)

    runs = calendar.call("GET", "/workflows").json["_list"]
    assert [run["_createdAt"][11:19] for run in runs] == ["09:31:00", "09:30:30"]
    assert {run["_inputParams"]["_url"] for run in runs} == {"https://x.example/here"}
    assert {run["_createdBy"] for run in runs} == {made["_createdBy"]}
    assert all(uuid.UUID(run["_id"]).version == 4 for run in runs)
    shown = calendar.at("GET", f"/schedules/{made['_id']}").json
    assert shown["_lastFireTime"] == "2026-11-02T09:31:00.000000Z"
    assert shown["_nextFireTime"] == "2026-11-02T09:31:30.000000Z"


def test_an_update_changes_what_it_names(calendar: Calendar) -> None:
    made = calendar.schedule(_inputParams={"_url": "https://x.example", "_token": "geheim"})
    calendar.at("POST", f"/jobs/{made['_jobId']}/triggers", {"_runInterval": "0 0 18 ? * SUN"})
    calendar.world.clock.advance(1)
    path = f"/schedules/{made['_id']}"

    timing = {**WEEKDAYS, "_runInterval": "0 0 6 ? * *"}
    changed = calendar.at("PUT", path, {"_schedule": timing}).json
    assert changed == {
        **made,
        "_schedule": timing,
        "_nextFireTime": "2026-11-03T05:00:00.000000Z",
        "_updatedAt": "2026-11-02T09:30:01.000000Z",
    }
    inputs = {"_url": "https://y.example", "_token": "***"}
    assert calendar.at("PUT", path, {"_inputParams": inputs}).json["_inputParams"] == inputs
    assert [schedule.input for schedule in calendar.world.schedule_store] == [
        {"_url": "https://y.example", "_token": "geheim"}
    ] * 2

    trigger = f"/jobs/{made['_jobId']}/triggers/{made['_triggerId']}"
    answer = calendar.at("PUT", trigger, {"_timeZone": "UTC"}).json
    assert (answer["_runInterval"], answer["_timeZone"]) == ("0 0 6 ? * *", "UTC")
    assert answer["_nextFireTime"] == "2026-11-03T06:00:00.000000Z"


def test_deleting_the_last_trigger_deletes_job_and_schedule(calendar: Calendar) -> None:
    made = calendar.schedule()
    job = f"/jobs/{made['_jobId']}"
    second = calendar.at("POST", f"{job}/triggers", {"_runInterval": "0 0 18 ? * SUN"}).json["_id"]
    assert calendar.triggers(made["_jobId"]) == [second, made["_triggerId"]]

    answer = calendar.at("DELETE", f"{job}/triggers/{made['_triggerId']}")
    assert (answer.status, answer.json) == (200, {"message": "Trigger deleted successfully"})
    assert calendar.at("GET", job).json["_triggers"] == [second]
    assert calendar.at("GET", f"/schedules/{made['_id']}").json["_triggerId"] == second

    calendar.at("DELETE", f"{job}/triggers/{second}")
    assert calendar.at("GET", job).status == 404
    assert calendar.at("GET", f"/schedules/{made['_id']}").status == 404


@pytest.mark.parametrize(
    ("path", "member", "message"),
    [("/schedules", "_id", "Schedule deleted successfully"), ("/jobs", "_jobId", "Job deleted successfully")],
)
def test_deleting_a_schedule_or_job_takes_its_triggers_along(
    calendar: Calendar, path: str, member: str, message: str
) -> None:
    made, kept = calendar.schedule(), calendar.schedule()
    calendar.at("POST", f"/jobs/{made['_jobId']}/triggers", {"_runInterval": "0 0 18 ? * SUN"})

    answer = calendar.at("DELETE", f"{path}/{made[member]}")

    assert (answer.status, answer.json) == (200, {"message": message})
    assert [each["_id"] for each in calendar.at("GET", "/schedules").json["_list"]] == [kept["_id"]]
    assert calendar.at("DELETE", f"{path}/{made[member]}").status == 404


def test_deleting_the_definition_deletes_its_schedules(calendar: Calendar) -> None:
    calendar.schedule()

    calendar.call("DELETE", f"/workflowdefs/{calendar.definition}")

    assert [*calendar.world.schedule_store] == []


def test_lists_are_paged(calendar: Calendar) -> None:
    made = [calendar.schedule()["_id"] for _ in range(3) if calendar.world.clock.advance(1)]

    page = calendar.at("GET", "/schedules", _pageSize=2, _offset=1).json
    assert (page["_total"], [each["_id"] for each in page["_list"]]) == (3, [made[1], made[0]])
    assert calendar.at("GET", "/jobs", _pageSize=1).json["_total"] == 3


def test_a_schedule_is_in_its_own_namespaces(calendar: Calendar) -> None:
    calendar.call("PUT", f"/workflowdefs/{calendar.definition}", {"_namespaces": [NAMESPACE, "second"]})
    made = calendar.schedule(_namespaces=[NAMESPACE])
    both = calendar.schedule()

    assert both["_namespaces"] == [NAMESPACE, "second"]
    assert calendar.at("GET", f"/schedules/{made['_id']}", nsfilter="second").status == 404
    seen = calendar.at("GET", "/schedules", nsfilter="second").json["_list"]
    assert [each["_id"] for each in seen] == [both["_id"]]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "_schedule"),
        ({"_schedule": "0 0 6 ? * *"}, "_schedule"),
        ({"_schedule": {"_runInterval": "0 0 6 ? * *"}}, "_type"),
        ({"_schedule": {"_type": "EVENT", "_runInterval": "0 0 6 ? * *"}}, "_type"),
        ({"_schedule": {"_type": "TIME_BASED"}}, "_runInterval"),
        ({"_schedule": {"_type": "TIME_BASED", "_runInterval": ""}}, "_runInterval"),
        ({"_schedule": {"_type": "TIME_BASED", "_runInterval": "*/5 * * * *"}}, "_runInterval"),
        ({"_schedule": {"_type": "TIME_BASED", "_runInterval": "0 0 6 * * *"}}, "_runInterval"),
        ({"_schedule": {"_type": "TIME_BASED", "_runInterval": "0 0 25 ? * *"}}, "_runInterval"),
        ({"_schedule": {**WEEKDAYS, "_timeZone": "Mars/Base"}}, "_timeZone"),
        ({"_schedule": {**WEEKDAYS, "_timeZone": 1}}, "_timeZone"),
        ({"_schedule": WEEKDAYS, "_inputParams": []}, "_inputParams"),
        ({"_schedule": WEEKDAYS, "_namespaces": ["elsewhere"]}, "_namespaces"),
        ({"_schedule": WEEKDAYS, "_namespaces": []}, "_namespaces"),
    ],
)
def test_schedules_that_break_a_rule_are_refused(calendar: Calendar, body: Any, complaint: str) -> None:
    answer = calendar.at("POST", "/schedules", body)

    assert answer.status == 400
    assert complaint in answer.json["message"]
    assert [*calendar.world.schedule_store] == []


@pytest.mark.parametrize(
    "cron", ["0 0/5 * ? * * *", "0 0 12 1/1 * ? *", "0 0 12 1/1 * ?", "0 0 0 L * ?", "0 0 9 ? * 6#3"]
)
def test_quartz_expressions_of_both_lengths_are_taken(calendar: Calendar, cron: str) -> None:
    assert calendar.schedule({"_type": "TIME_BASED", "_runInterval": cron})["_nextFireTime"] is not None


def test_schedules_go_where_their_definition_is_moved(calendar: Calendar) -> None:
    plain, named = calendar.schedule(), calendar.schedule(_namespaces=[NAMESPACE])

    calendar.call("PUT", f"/workflowdefs/{calendar.definition}", {"_namespaces": ["second"]})

    seen = calendar.at("GET", "/schedules", nsfilter="second").json["_list"]
    assert {each["_id"] for each in seen} == {plain["_id"], named["_id"]}
    assert [each["_namespaces"] for each in seen] == [["second"], ["second"]]
    assert calendar.at("DELETE", f"/jobs/{named['_jobId']}", nsfilter="second").status == 200


def test_a_page_of_large_inputs_leaves_out_those_that_no_answer_has_room_for(calendar: Calendar) -> None:
    for _ in range(6):
        calendar.schedule(_inputParams={"text": "x" * 900_000})

    for path in ("/schedules", "/jobs"):
        page = calendar.at("GET", path)
        inputs = [each["_inputParams"] for each in page.json["_list"]]
        assert (page.status, len(inputs), len(page.text) < 5_000_000) == (200, 6, True)
        assert {"_message": "Too large for one answer"} in inputs


def test_credentials_of_a_schedule_are_masked_at_every_door_and_survive_being_written_back(calendar: Calendar) -> None:
    given = {"valve": 7, "auth": {"password": "hunter2-plant"}, "url": "https://svc:pw7719@plant.example.com/a"}
    calendar.schedule(_inputParams=given)

    call = calendar.world.call
    [schedule] = call("GET", "/v1/schedules").data["schedules"]
    assert schedule["input"] == {"valve": 7, "auth": {"password": "***"}, "url": "https://***@plant.example.com/a"}
    changed = call("PUT", f"/v1/schedules/{schedule['id']}", {"input": {**schedule["input"], "valve": 8}})

    assert changed.data["input"] == {**schedule["input"], "valve": 8}
    [stored] = calendar.world.schedule_store
    assert stored.input == {**given, "valve": 8}
