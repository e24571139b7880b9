"""Places where the documentation contradicts itself, or readers trip, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.twinit.house import BASE, NAMESPACE, Plant, ask, rest


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_the_status_is_changed_with_the_slash_and_as_the_heading_prints_it(plant: Plant) -> None:
    run = plant.run(ask())

    assert plant.call("PUT", f"/workflows/{run['_id']}/status", {"_status": "PAUSED"}).status == 200
    assert plant.call("PUT", f"/workflows{run['_id']}/status", {"_status": "RESUMED"}).status == 200


def test_keys_without_a_value_are_printed(plant: Plant) -> None:
    run = plant.run(ask())

    assert [*run] == [
        "_id",
        "_workflowDefId",
        "_name",
        "_namespaces",
        "_userType",
        "_tasks",
        "_timeoutSeconds",
        "_timeoutPolicy",
        "_status",
        "_createdAt",
        "_updatedAt",
        "_createdBy",
        "_updatedBy",
        "_inputParams",
        "_output",
    ]
    assert (run["_timeoutSeconds"], run["_timeoutPolicy"], run["_output"]) == (None, None, None)


def test_the_documented_query_with_a_day_that_does_not_exist_is_answered(plant: Plant) -> None:
    query = (
        "nsfilter=x&_pageSize=10&_offset=0&_name=ActiveMQ&_defId=824beec4-4a58-4bf8-b9df-b86172a2d5d5&_status=FAILED"
        "&startDate=2026-02-01&endDate=2026-02-29&sort=%7B%22_updatedAt%22%3A-1%2C%22_name%22%3A1%7D"
    )
    answer = plant.world.call("GET", f"{BASE}/workflows?{query}")

    assert (answer.status, answer.json) == (200, {"_offset": 0, "_pageSize": 10, "_total": 0, "_list": []})


def test_resumed_and_retried_are_commands_and_never_rest(plant: Plant) -> None:
    run = plant.run(ask())
    plant.command(run["_id"], "PAUSED")

    assert plant.command(run["_id"], "RESUMED").json["_status"] == "RESUMED"
    assert plant.get(run["_id"])["_status"] == "QUEUED"
    plant.world.work()
    assert plant.get(run["_id"])["_status"] == "RUNNING"


def test_a_notification_is_sent_when_the_task_is_reached_and_only_if_wanted(plant: Plant) -> None:
    other = ask("quiet", _notificationId="valve-78")
    run = plant.run(rest("a"), ask("loud", _sendNotification="yes"), other)

    path = f"/v1/workflows/{run['_workflowDefId']}/notifications/event_summaries?expand=event"
    events = plant.world.call("GET", path).json["data"]
    assert [event["event"] for event in events] == [
        {
            "_workflowId": run["_id"],
            "_workflowDefId": run["_workflowDefId"],
            "_taskName": "loud",
            "_notificationId": "valve-77",
        }
    ]


@pytest.mark.parametrize("place", ["inputs", "definition"])
def test_secrets_are_never_shown_nor_logged(plant: Plant, caplog: pytest.LogCaptureFixture, place: str) -> None:
    caplog.set_level("DEBUG")
    secret = {"_auth": {"_type": "Basic", "_params": {"_uname": "reader", "_pwd": "geheim"}}}
    inputs = secret if place == "inputs" else {}
    task = rest("a", params={"_url": "https://x.example/a", **({} if inputs else secret)})
    plant.answers["a"] = 500

    run = plant.run(task, params=inputs)

    assert plant.requests[0].headers["Authorization"] == "Basic cmVhZGVyOmdlaGVpbQ=="
    shown = [
        json.dumps(run),
        json.dumps(plant.task(run, "a")),
        plant.call("GET", f"/workflowdefs/{run['_workflowDefId']}").text,
        plant.call("GET", f"/workflows/{run['_id']}/tasks/{run['_tasks'][0]['_id']}/logs").text,
        caplog.text,
    ]
    for text in shown:
        assert "geheim" not in text
        assert "cmVhZGVyOmdlaGVpbQ==" not in text


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"_type": "NoAuth"}, None),
        ({"_type": "basic", "params": {"username": "a", "password": "b"}}, "Basic YTpi"),
        ({"type": "BEARER", "_params": {"token": "t"}}, "Bearer t"),
        (
            {
                "_type": "OAuth2ClientCredentials",
                "_params": {"_tokenUrl": "https://x.example/token", "_clientId": "c", "_clientSecret": "s"},
            },
            "Bearer fetched",
        ),
        (
            {
                "_type": "oauth2_password_grant",
                "_params": {"tokenUrl": "https://x.example/token", "_username": "u", "_password": "p"},
            },
            "Bearer fetched",
        ),
    ],
)
def test_credentials_are_read_in_each_spelling(plant: Plant, auth: Any, sent: str | None) -> None:
    plant.answers["token"] = '{"access_token": "fetched", "expires_in": 60}'

    run = plant.run(rest("a", params={"_url": "https://x.example/a", "_auth": auth}))

    assert run["_status"] == "COMPLETED", plant.task(run, "a")
    assert plant.requests[-1].headers.get("Authorization") == sent


@pytest.mark.parametrize("auth", [{"_type": "Kerberos"}, "Basic", {"_type": "Basic", "_params": {"_username": "a"}}])
def test_credentials_that_make_no_sense_fail_the_task(plant: Plant, auth: Any) -> None:
    run = plant.run(rest("a", params={"_url": "https://x.example/a", "_auth": auth}))

    assert run["_status"] == "FAILED"
    assert plant.task(run, "a")["_reasonForIncompletion"]
    assert plant.requests == []


def test_further_arguments_make_the_request(plant: Plant) -> None:
    args = {
        "method": "put",
        "headers": {"Accept-Language": "de"},
        "params": {"q": [1, "x"]},
        "body": {"n": 1.5},
    }
    plant.run(rest("a", params={"_url": "https://x.example/a?z=1", "_args": args}))

    (request,) = plant.requests
    assert (request.method, request.url) == ("PUT", "https://x.example/a?z=1&q=1&q=x")
    assert request.headers["Accept-Language"] == "de"
    assert json.loads(request.body or b"") == {"n": 1.5}


def test_text_that_is_no_json_is_the_output_as_text(plant: Plant) -> None:
    plant.answers["a"] = "not json"

    assert plant.run(rest("a"))["_output"] == {"a": "not json"}


def test_namespaces_come_into_being_when_they_are_first_used(plant: Plant) -> None:
    made = plant.call("POST", "/workflowdefs", {"_name": "n", "_taskDefs": []}, nsfilter="fresh")

    assert (made.status, made.json["_namespaces"]) == (201, ["fresh"])
    assert plant.call("GET", "/workflowdefs", nsfilter=NAMESPACE).json["_total"] == 0
