"""The queue of events and deliveries: what is sent arrives, and nothing else is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain.deliveries import DeliveryPlace
from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.domain.events import Emitter, EmitterKind, EventId, EventPlace
from chalicelib.local.resources import Resources
from chalicelib.queues.deliveries import DeliveryBatches, SqsDeliveryQueue, parse
from chalicelib.store.aws import AwsClients
from tests.fakes import START, FixedClock, InlineSpawner
from tests.store.samples import after

EVENT = EventPlace(Emitter("ws_a", EmitterKind.WORKFLOW, "wf_1"), "$errors", EventId(1_700_000_000_123, 4))
DELIVERY = DeliveryPlace("ws_a", "wh_1", after(0.25), "msg_1")


@pytest.fixture
def queue(aws: AwsClients, resources: Resources) -> SqsDeliveryQueue:
    return SqsDeliveryQueue(aws.sqs, resources.deliveries_queue_url)


def receive(aws: AwsClients, resources: Resources) -> list[dict[str, Any]]:
    answer = aws.sqs.receive_message(
        QueueUrl=resources.deliveries_queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def test_an_events_message_is_parsed_back(queue: SqsDeliveryQueue, aws: AwsClients, resources: Resources) -> None:
    queue.send_event(EVENT)

    (message,) = receive(aws, resources)
    assert parse(message["Body"]) == EVENT
    assert message["Attributes"]["MessageGroupId"] == "ws_a"


def test_a_deliverys_message_names_its_endpoint_as_its_tenant(
    queue: SqsDeliveryQueue, aws: AwsClients, resources: Resources
) -> None:
    queue.send_deliveries((DELIVERY,))

    (message,) = receive(aws, resources)
    assert parse(message["Body"]) == DELIVERY
    assert message["Attributes"]["MessageGroupId"] == "wh_1"


def test_many_deliveries_are_sent_by_tens(queue: SqsDeliveryQueue, aws: AwsClients, resources: Resources) -> None:
    places = tuple(DeliveryPlace("ws_a", f"wh_{number}", START, "msg_1") for number in range(23))

    queue.send_deliveries(places)

    found = [message for _ in range(4) for message in receive(aws, resources)]
    assert {parse(message["Body"]) for message in found} == set(places)
    assert len(found) == len(places)


@pytest.mark.parametrize("delay_seconds", [1, 900, 5000])
def test_a_delayed_message_is_not_received_yet(
    queue: SqsDeliveryQueue, aws: AwsClients, resources: Resources, delay_seconds: int
) -> None:
    queue.send_deliveries((DELIVERY,), delay_seconds)

    assert receive(aws, resources) == []


def test_no_delivery_is_no_call() -> None:
    SqsDeliveryQueue(None, "https://queue").send_deliveries(())


def test_what_the_queue_did_not_take_is_an_error() -> None:
    class Refusing:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}

    with pytest.raises(UnavailableError):
        SqsDeliveryQueue(Refusing(), "https://queue").send_deliveries((DELIVERY, DELIVERY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"type":"run","v":1}',
        '{"type":"event","v":1}',
        '{"type":"event","v":2,"workspace_id":"w","emitter_kind":"workflow","emitter_id":"e","stream":"","id":"1-0"}',
        '{"type":"event","v":1,"workspace_id":"w","emitter_kind":"pin","emitter_id":"e","stream":"","id":"1-0"}',
        '{"type":"event","v":1,"workspace_id":"w","emitter_kind":"workflow","emitter_id":"e","stream":"","id":"x"}',
        '{"type":"delivery","v":1,"workspace_id":"w","endpoint_id":"wh_1","created_at":"1","id":"msg_1"}',
        "\ud800",
    ],
    ids=ascii,
)
def test_a_message_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(InvalidError):
        parse(text)


def test_a_batch_goes_to_whom_its_messages_are_for_and_reports_what_failed() -> None:
    told: list[EventPlace] = []

    def attempt(place: DeliveryPlace, until: object) -> None:
        assert until == after(60)
        raise UnavailableError(delivery_id=place.id)

    batches = DeliveryBatches(lambda place, until: told.append(place), attempt, InlineSpawner().group, FixedClock().now)
    event = {"v": 1, "type": "event", "workspace_id": "ws_a", "emitter_kind": "workflow", "emitter_id": "wf_1"}
    event |= {"stream": "$errors", "id": "1700000000123-4"}
    delivery = {"v": 1, "type": "delivery", "workspace_id": "ws_a", "endpoint_id": "wh_1", "created_at": 1, "id": "m"}
    bodies = {"a": json.dumps(event), "b": json.dumps(delivery), "c": "?"}

    answer = batches.handle_batch({"Records": [{"messageId": id_, "body": bodies[id_]} for id_ in bodies]}, 60_000)

    assert told == [EVENT]
    assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}
