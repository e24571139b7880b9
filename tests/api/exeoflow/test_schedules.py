"""What schedules do beyond the conversations that the fixtures pin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World

TRIGGER = {"id": "takt", "type": "trigger", "config": {"kind": "schedule", "cron": "30 12 * * *"}}


def managed(world: World) -> dict[str, Any]:
    workflow_id = world.active_workflow(nodes=[TRIGGER])
    (found,) = world.call("GET", f"/v1/schedules?workflow_id={workflow_id}").data["schedules"]
    schedule: dict[str, Any] = found
    return schedule


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("PUT", "", {"cron": "@daily"}),
        ("PUT", "", {}),
        ("DELETE", "", None),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
    ],
)
def test_a_managed_schedule_is_changed_by_no_call(world: World, method: str, suffix: str, body: Any) -> None:
    schedule = managed(world)
    before = world.stored()

    refused = world.call(method, f"/v1/schedules/{schedule['id']}{suffix}", body)

    assert (refused.status, refused.json["error"]["code"]) == (400, "SCHEDULE_MANAGED")
    assert world.stored() == before


def test_a_managed_schedule_can_be_read_and_previewed(world: World) -> None:
    schedule = managed(world)

    assert world.call("GET", f"/v1/schedules/{schedule['id']}").data == schedule
    previewed = world.call("GET", f"/v1/schedules/{schedule['id']}/upcoming").data["upcoming"]
    assert [fire["at"] for fire in previewed][:2] == ["2026-11-02T12:30:00Z", "2026-11-03T12:30:00Z"]
    assert len(previewed) == 20


def test_a_call_sees_no_difference_between_the_prefixes(world: World) -> None:
    schedule = world.schedule(world.active_workflow())

    answers = [world.call("GET", f"{prefix}/schedules/{schedule['id']}") for prefix in ("/v1", "/api/v1")]
    assert answers[0].data == answers[1].data == schedule


@pytest.mark.parametrize("count", ["0", "101", "-1", "x", "1.5", ""])
def test_a_preview_has_one_to_a_hundred_due_times(world: World, count: str) -> None:
    schedule = world.schedule(world.workflow())

    refused = world.call("GET", f"/v1/schedules/{schedule['id']}/upcoming?count={count}")

    assert refused.status == 400
    assert "count" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    "timing", [{"cron": "30 7 * * MON-FRI", "timezone": "Europe/Berlin"}, {"interval_seconds": 90}]
)
def test_a_preview_of_what_is_not_made_yet_is_that_of_what_is_made(world: World, timing: Any) -> None:
    workflow_id = world.workflow()
    before = world.stored()

    previewed = world.call("POST", "/v1/schedules/preview?count=3", timing)

    assert world.stored() == before
    schedule = world.schedule(workflow_id, **timing)
    made = world.call("GET", f"/v1/schedules/{schedule['id']}/upcoming?count=3").data
    assert previewed.data["timezone"] == made["timezone"]
    assert [fire["at"] for fire in previewed.data["upcoming"]] == [fire["at"] for fire in made["upcoming"]]


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        ({}, "cron"),
        ({"timezone": "UTC"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "@daily", "interval_seconds": 5}, "interval_seconds"),
        ({"interval_seconds": 0}, "interval_seconds"),
        ({"cron": "@daily", "timezone": "Europe/Atlantis"}, "timezone"),
    ],
)
def test_a_timing_that_no_schedule_can_have_has_no_preview(world: World, timing: Any, field: str) -> None:
    refused = world.call("POST", "/v1/schedules/preview", timing)

    assert (refused.status, refused.json["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert field in str(refused.json["error"])


def test_a_preview_says_what_a_change_of_the_clocks_does(world: World) -> None:
    workflow_id = world.workflow()
    spring = world.schedule(workflow_id, cron="30 2 27-29 3 *", timezone="Europe/Berlin")
    autumn = world.schedule(workflow_id, cron="30 2 31 10 *", timezone="Europe/Berlin")

    def reasons(schedule: Any, count: int) -> list[tuple[str, str]]:
        shown = world.call("GET", f"/v1/schedules/{schedule['id']}/upcoming?count={count}").data["upcoming"]
        return [(fire["local"], fire["reason"].split("; ")[-1]) for fire in shown]

    assert reasons(spring, 3)[1:] == [
        (
            "2027-03-29T02:30:00+02:00",
            "the clocks are put forward: 2027-03-28 02:30:00 is left out",
        ),
        (
            "2028-03-27T02:30:00+02:00",
            "minute 30 matches '30', hour 2 matches '2', day of the month 27 matches '27-29', month 3 matches '3'",
        ),
    ]
    assert reasons(autumn, 1) == [
        (
            "2027-10-31T02:30:00+02:00",
            "the clocks are put back: this local time comes twice and counts the first time",
        )
    ]


def test_a_preview_of_an_interval_that_has_not_begun_says_which_turn_it_is(world: World) -> None:
    (fire,) = world.call("POST", "/v1/schedules/preview?count=1", {"interval_seconds": 90}).data["upcoming"]

    assert (fire["codes"], fire["reason"].split("; ")[1:]) == (["interval"], ["turn 1 of every 90 seconds"])


def test_a_preview_is_worded_in_german_for_those_who_prefer_it(world: World) -> None:
    path = f"/v1/schedules/{world.schedule(world.workflow(), cron='30 7 * * *')['id']}/upcoming?count=1"
    timing = {"cron": "30 7 * * *"}

    shown = world.call("GET", path, headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}).data["upcoming"]
    previewed = world.call("POST", "/v1/schedules/preview?count=1", timing, headers={"Accept-Language": "de"}).data

    assert shown == previewed["upcoming"]
    assert shown[0]["codes"] == ["matched"]
    assert shown[0]["reason"].endswith("; Minute 30 passt auf '30', Stunde 7 passt auf '7'")


def test_an_update_changes_what_it_names(world: World) -> None:
    schedule = world.schedule(world.workflow(), timezone="Asia/Tokyo", input={"a": 1}, name="Tokio")

    def update(**members: Any) -> dict[str, Any]:
        answer = world.call("PUT", f"/v1/schedules/{schedule['id']}", members)
        assert answer.status == 200, answer.text
        data: dict[str, Any] = answer.data
        return data

    assert update(cron="0 13 * * *") == schedule | {"cron": "0 13 * * *", "next_run_at": "2026-11-03T04:00:00Z"}
    assert update(timezone="UTC")["next_run_at"] == "2026-11-02T13:00:00Z"
    assert update(input={}, overlap="skip")["input"] == {}
    assert update(enabled=False)["next_run_at"] is None
    assert update(interval_seconds=10)["next_run_at"] is None
    assert update(enabled=True)["next_run_at"] == "2026-11-02T09:30:10Z"
    assert update()["cron"] is None


@pytest.mark.parametrize(
    "members",
    [
        {"cron": "x"},
        {"cron": None},
        {"enabled": 1},
        {"name": "x" * 256},
        {"catch_up": "all "},
        {"interval_seconds": True},
    ],
)
def test_a_refused_update_changes_nothing(world: World, members: Any) -> None:
    schedule = world.schedule(world.workflow())
    before = world.stored()

    assert world.call("PUT", f"/v1/schedules/{schedule['id']}", members).status == 400
    assert world.stored() == before


def test_lists_are_paged_newest_first(world: World) -> None:
    workflow_id = world.workflow()
    made = []
    for _ in range(5):
        made.append(world.schedule(workflow_id)["id"])
        world.clock.advance(1)

    page = world.call("GET", "/v1/schedules?page=2&limit=2").data

    assert [each["id"] for each in page["schedules"]] == [made[2], made[1]]
    assert page["pagination"] == {"page": 2, "limit": 2, "total": 5, "pages": 3}


def test_a_schedule_may_be_made_at_rest(world: World) -> None:
    schedule = world.schedule(world.workflow(), enabled=False)

    assert (schedule["enabled"], schedule["next_run_at"]) == (False, None)


def test_a_bad_timing_in_an_update_of_a_workflow_changes_nothing(world: World) -> None:
    schedule = managed(world)
    before = world.stored()
    bad = {**TRIGGER, "config": {"kind": "schedule", "cron": "61 * * * *"}}

    refused = world.call("PUT", f"/v1/workflows/{schedule['workflow_id']}", {"nodes": [bad]})

    assert refused.status == 400
    assert "nodes[0].config.cron" in refused.json["error"]["message"]
    assert world.stored() == before


def test_a_trigger_that_something_leads_to_or_that_lies_in_a_body_is_no_schedule(world: World) -> None:
    inner = {"nodes": [TRIGGER], "connections": []}
    loop = {"id": "loop", "type": "loop", "config": {"while": "false", "body": inner}}
    world.active_workflow(
        nodes=[{"id": "a", "type": "noop"}, {**TRIGGER, "id": "b"}, loop],
        connections=[{"from": "a", "to": "b"}],
    )

    assert world.call("GET", "/v1/schedules").data["schedules"] == []
