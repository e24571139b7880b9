"""How many messages queues hold, and what becomes of that where SQS does not say."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.domain.listing import QueueDepth
from chalicelib.local.resources import Resources
from chalicelib.queues.depths import DEAD_SUFFIX, SqsQueueDepths
from chalicelib.store.aws import AwsClients
from tests.store.backends import Stores


class RefusingSqs:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_queue_attributes(self, **_: Any) -> Any:
        raise self._error


def test_messages_are_counted_by_where_they_are(on_aws: Stores, aws: AwsClients, resources: Resources) -> None:
    for delay in (0, 0, 900):
        on_aws.queue.send("exec_1", "ws_a", delay)
    aws.sqs.receive_message(QueueUrl=resources.runs_queue_url, MaxNumberOfMessages=1)
    aws.sqs.send_message(QueueUrl=resources.runs_dead_letters_url, MessageBody="poison")

    depth = SqsQueueDepths(aws.sqs, {"runs": lambda: resources.runs_queue_url}).of("runs")

    assert depth == QueueDepth(waiting=1, in_flight=1, delayed=1, dead=1)


def test_the_names_of_dead_letter_queues_follow_from_those_of_their_queues(resources: Resources) -> None:
    assert resources.runs_dead_letters_url == resources.runs_queue_url + DEAD_SUFFIX
    assert resources.deliveries_dead_letters_url == resources.deliveries_queue_url + DEAD_SUFFIX


def test_what_sqs_refuses_or_cannot_be_asked_is_unknown() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueAttributes")
    for error in (denied, EndpointConnectionError(endpoint_url="https://sqs.example")):
        assert SqsQueueDepths(RefusingSqs(error), {"runs": lambda: "https://sqs.example/1/runs"}).of("runs") is None
