"""Messages reach handlers as Lambda's event source mapping would bring them, and leave only on success."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.app import Chalice, SQSEvent

from chalicelib.local.backend import Backend, start_backend
from chalicelib.local.pollers import EventSource, Poller, failed_ids
from chalicelib.local.settings import LocalSettings


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = start_backend(LocalSettings())
    yield backend
    backend.close()


@pytest.fixture
def sqs(backend: Backend) -> Any:
    return backend.client("sqs")


@pytest.fixture
def queue(sqs: Any) -> str:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    attributes = {"VisibilityTimeout": "30", "RedrivePolicy": redrive}
    url: str = sqs.create_queue(QueueName="work", Attributes=attributes)["QueueUrl"]
    return url


def poller(sqs: Any, queue: str, handler: Callable[[Any, Any], Any], **settings: Any) -> Poller:
    return Poller(sqs, EventSource(queue, handler, **settings))


def left(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in attributes.values())


def test_a_record_has_the_shape_that_lambda_gives_it(sqs: Any, queue: str) -> None:
    events: list[Any] = []
    sent = sqs.send_message(
        QueueUrl=queue,
        MessageBody="hello",
        MessageAttributes={
            "kind": {"DataType": "String", "StringValue": "greeting"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\xff"},
        },
    )

    def keep(event: Any, context: Any) -> None:
        events.append((event, context))

    assert poller(sqs, queue, keep).poll_once() == 1

    (event, context), (record,) = events[0], events[0][0]["Records"]
    json.dumps(event)
    assert record["messageId"] == sent["MessageId"]
    assert record["body"] == "hello"
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["md5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert record["receiptHandle"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert int(record["attributes"]["SentTimestamp"]) > 1_600_000_000_000
    assert record["messageAttributes"] == {
        "kind": {
            "dataType": "String",
            "stringValue": "greeting",
            "stringListValues": [],
            "binaryListValues": [],
        },
        "raw": {"dataType": "Binary", "binaryValue": "/w==", "stringListValues": [], "binaryListValues": []},
    }
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:work"
    assert record["awsRegion"] == "us-east-1"
    assert context.get_remaining_time_in_millis() > 299_000


def test_a_batch_has_up_to_ten_distinct_messages(sqs: Any, queue: str) -> None:
    batches: list[set[str]] = []
    for number in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))

    def keep(event: Any, _: Any) -> None:
        batches.append({record["messageId"] for record in event["Records"]})

    polled = poller(sqs, queue, keep)

    assert [polled.poll_once(), polled.poll_once(), polled.poll_once()] == [10, 2, 0]
    assert [len(batch) for batch in batches] == [10, 2]
    assert left(sqs, queue) == 0


def test_only_what_succeeded_is_deleted(sqs: Any, queue: str) -> None:
    for body in ("good", "bad", "good"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    def judge(event: Any, _: Any) -> Any:
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in bad]}

    polled = poller(sqs, queue, judge)

    assert polled.poll_once() == 3
    assert left(sqs, queue) == 1
    assert polled.poll_once() == 0  # hidden until its visibility timeout, as on AWS


def test_a_batch_whose_handler_raises_stays(sqs: Any, queue: str, caplog: pytest.LogCaptureFixture) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x")

    def fail(_event: Any, _context: Any) -> None:
        raise RuntimeError("broken on purpose")

    poller(sqs, queue, fail).poll_once()

    assert left(sqs, queue) == 1
    assert "broken on purpose" in caplog.text


def test_what_fails_too_often_becomes_a_dead_letter(sqs: Any, queue: str) -> None:
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "0"})
    sqs.send_message(QueueUrl=queue, MessageBody="x")
    polled = poller(sqs, queue, lambda _event, _context: "not an answer")

    assert [polled.poll_once() for _ in range(3)] == [1, 1, 0]

    dead = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=dead)["Messages"]] == ["x"]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"wrong": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": "a"}, {"a", "b"}),
        ("done", {"a", "b"}),
    ],
)
def test_an_answer_that_names_no_message_of_the_batch_fails_it_all(answer: Any, failed: set[str]) -> None:
    assert failed_ids(answer, {"a", "b"}) == failed


def test_running_pollers_take_a_message_within_milliseconds(sqs: Any, queue: str) -> None:
    latencies: list[float] = []
    handled = threading.Semaphore(0)

    def keep(event: Any, _: Any) -> None:
        latencies.append(time.monotonic() - float(event["Records"][0]["body"]))
        handled.release()

    running = poller(sqs, queue, keep)
    running.start()
    for _ in range(10):
        sqs.send_message(QueueUrl=queue, MessageBody=str(time.monotonic()))
        assert handled.acquire(timeout=5)
    running.stop()

    assert min(latencies) < 0.005


def test_no_more_invocations_run_at_once_than_allowed(sqs: Any, queue: str) -> None:
    for number in range(6):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    running, most = 0, 0
    lock = threading.Lock()
    pair = threading.Barrier(2, timeout=5)
    handled = threading.Semaphore(0)

    def count(_event: Any, _context: Any) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pair.wait()  # proves that two do run at once
        with lock:
            running -= 1
        handled.release()

    limited = poller(sqs, queue, count, batch_size=1, max_concurrency=2)
    limited.start()
    for _ in range(6):
        assert handled.acquire(timeout=5)
    limited.stop()

    assert most == 2


def test_every_first_invocation_runs_with_its_middleware(sqs: Any, queue: str) -> None:
    app = Chalice("tiny")
    together = threading.Barrier(4, timeout=5)
    seen: list[str] = []
    handled = threading.Semaphore(0)

    @app.middleware("sqs")
    def mark(event: Any, get_response: Any) -> Any:
        together.wait()
        seen.append("middleware")
        return get_response(event)

    @app.on_sqs_message(queue="work")
    def handler(event: SQSEvent) -> None:
        handled.release()

    for number in range(4):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    racing = poller(sqs, queue, handler, batch_size=1, max_concurrency=4)
    racing.start()
    for _ in range(4):
        assert handled.acquire(timeout=5)
    racing.stop()

    assert seen == ["middleware"] * 4
