"""The queue of runs: what is sent arrives, and nothing else is understood."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.local.resources import Resources
from chalicelib.queues.batches import RunBatches
from chalicelib.queues.runs import RunMessage, ScheduleMessage, SqsRunQueue, parse
from chalicelib.store.aws import AwsClients
from tests.fakes import FixedClock, Hint, InlineSpawner, MemoryRunQueue
from tests.store.backends import Stores
from tests.store.samples import after


def receive(aws: AwsClients, resources: Resources) -> list[dict[str, Any]]:
    answer = aws.sqs.receive_message(
        QueueUrl=resources.runs_queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def test_a_sent_message_is_parsed_back(on_aws: Stores, aws: AwsClients, resources: Resources) -> None:
    on_aws.queue.send("exec_1", "ws_a")

    (message,) = receive(aws, resources)
    assert parse(message["Body"]) == RunMessage("exec_1", "ws_a")
    assert json.loads(message["Body"]) == {"v": 1, "run_id": "exec_1", "workspace_id": "ws_a"}


def test_a_message_about_a_schedule_is_parsed_back(aws: AwsClients, resources: Resources) -> None:
    SqsRunQueue(aws.sqs, resources.runs_queue_url).send_fire("sch_1", "ws_a")

    (message,) = receive(aws, resources)
    assert parse(message["Body"]) == ScheduleMessage("sch_1", "ws_a")
    assert json.loads(message["Body"]) == {"v": 1, "schedule_id": "sch_1", "workspace_id": "ws_a"}
    assert message["Attributes"]["MessageGroupId"] == "ws_a"


def test_a_message_names_its_workspace_as_its_tenant(on_aws: Stores, aws: AwsClients, resources: Resources) -> None:
    on_aws.queue.send("exec_1", "ws_a")

    (message,) = receive(aws, resources)
    assert message["Attributes"]["MessageGroupId"] == "ws_a"


@pytest.mark.parametrize("delay_seconds", [1, 900, 5000])
def test_a_delayed_message_is_not_received_yet(
    on_aws: Stores, aws: AwsClients, resources: Resources, delay_seconds: int
) -> None:
    on_aws.queue.send("exec_1", "ws_a", delay_seconds)

    assert receive(aws, resources) == []
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=resources.runs_queue_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert answer["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_delay_that_has_passed_is_none(on_aws: Stores, aws: AwsClients, resources: Resources) -> None:
    on_aws.queue.send("exec_1", "ws_a", -5)

    assert len(receive(aws, resources)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exec_1",
        "[]",
        "null",
        "{}",
        '{"v":1,"run_id":"exec_1"}',
        '{"v":2,"run_id":"exec_1","workspace_id":"ws_a"}',
        '{"v":"1","run_id":"exec_1","workspace_id":"ws_a"}',
        '{"v":1,"run_id":7,"workspace_id":"ws_a"}',
        '{"v":1,"run_id":"","workspace_id":"ws_a"}',
        '{"v":1,"run_id":"exec_1","workspace_id":""}',
        '{"v":1,"run_id":"exec_1","workspace_id":"ws_a"',
        '{"v":1,"schedule_id":"sch_1"}',
        '{"v":1,"schedule_id":"","workspace_id":"ws_a"}',
        '{"v":1,"run_id":"exec_1","schedule_id":"sch_1","workspace_id":"ws_a"}',
        "\ud800",
    ],
    ids=ascii,
)
def test_a_message_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse(text)


def test_members_that_a_later_version_adds_are_ignored() -> None:
    assert parse('{"v":1,"run_id":"exec_1","workspace_id":"ws_a","more":[]}') == RunMessage("exec_1", "ws_a")


def test_the_queue_in_memory_gives_hints_when_they_become_visible() -> None:
    clock = FixedClock()
    queue = MemoryRunQueue(clock)
    queue.send("exec_1", "ws_a", 30)
    queue.send("exec_2", "ws_a")
    queue.send("exec_3", "ws_a", 10)

    assert queue.receive() == Hint("exec_2", "ws_a", 0, after(0))
    assert queue.receive() is None
    clock.advance(60)
    assert [queue.receive(), queue.receive(), queue.receive()] == [
        Hint("exec_3", "ws_a", 10, after(10)),
        Hint("exec_1", "ws_a", 30, after(30)),
        None,
    ]


def test_a_batch_advances_runs_and_fires_schedules() -> None:
    clock = FixedClock()
    advanced: list[tuple[str, datetime]] = []
    fired: list[tuple[str, str, datetime]] = []

    def fire(schedule_id: str, workspace_id: str, until: datetime) -> None:
        fired.append((schedule_id, workspace_id, until))
        if schedule_id == "sch_2":
            raise UnavailableError

    batches = RunBatches(
        lambda run_id, until: advanced.append((run_id, until)), InlineSpawner().group, clock.now, fire=fire
    )
    bodies = {
        "m1": '{"v":1,"run_id":"exec_1","workspace_id":"ws_a"}',
        "m2": '{"v":1,"schedule_id":"sch_1","workspace_id":"ws_a"}',
        "m3": '{"v":1,"schedule_id":"sch_2","workspace_id":"ws_b"}',
        "m4": '{"v":1}',
    }
    answer = batches.handle_batch({"Records": [{"messageId": id_, "body": bodies[id_]} for id_ in bodies]}, 60_000)

    until = after(60)
    assert advanced == [("exec_1", until)]
    assert fired == [("sch_1", "ws_a", until), ("sch_2", "ws_b", until)]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m3"}, {"itemIdentifier": "m4"}]}
