"""Event source mappings: SQS messages into Lambda handlers, as the Lambda service does it.

A message is deleted only when its handler has succeeded. What failed becomes visible again by itself
after the queue's visibility timeout and, received too often, moves to the dead-letter queue.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.local.gateway import LocalContext

_log = logging.getLogger(__name__)

# Short, because it also bounds how long a stop takes. A message does not wait for it: the embedded
# queues wake their receivers.
_WAIT_SECONDS = 1
_PAUSE_AFTER_ERROR_SECONDS = 1.0


@dataclass(frozen=True)
class EventSource:
    """One queue and the handler that gets its messages, `batch_size` (at most 10) at a time."""

    queue_url: str
    handler: Callable[[Any, Any], Any]
    batch_size: int = 10
    max_concurrency: int = 4
    function_timeout_seconds: float = 300.0


class Poller:
    """Threads that receive and invoke; as many invocations run at once as there are threads."""

    def __init__(self, client: Any, source: EventSource) -> None:
        self._client = client
        self._source = source
        self._stopping = threading.Event()
        self._arn, self._region = _arn_of(client, source.queue_url)
        self._name = self._arn.rsplit(":", 1)[-1]
        _build_middleware(source.handler)
        self._threads = [
            threading.Thread(target=self._run, name=f"poll-{self._name}-{number}", daemon=True)
            for number in range(source.max_concurrency)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def request_stop(self) -> None:
        self._stopping.set()

    def join(self, deadline: float) -> None:
        """Wait for running invocations until `deadline` on the monotonic clock."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def stop(self, grace_seconds: float = 2.0) -> None:
        self.request_stop()
        self.join(time.monotonic() + grace_seconds)

    def poll_once(self, wait_seconds: int = 0) -> int:
        """Receive one batch, invoke, delete what succeeded; the number of messages received."""
        answer = self._client.receive_message(
            QueueUrl=self._source.queue_url,
            MaxNumberOfMessages=self._source.batch_size,
            WaitTimeSeconds=wait_seconds,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if messages:
            #     receive ──► invoke ──► delete what succeeded      a kill before the last shows the messages again
            self._delete(messages, self._invoke(messages))
        return len(messages)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.poll_once(_WAIT_SECONDS)
            except Exception:  # noqa: BLE001 - a backend that fails for a moment must not end the polling
                if self._stopping.is_set():
                    return
                _log.exception("polling failed", extra={"action": "poll", "queue": self._name})
                self._stopping.wait(_PAUSE_AFTER_ERROR_SECONDS)

    def _invoke(self, messages: list[dict[str, Any]]) -> set[str]:
        """The ids of the messages that succeeded."""
        ids = {message["MessageId"] for message in messages}
        event = {"Records": [_record(message, self._arn, self._region) for message in messages]}
        context = LocalContext(self._name, self._source.function_timeout_seconds)
        try:
            return ids - failed_ids(self._source.handler(event, context), ids)
        except Exception:  # noqa: BLE001 - whatever a function raises, its messages stay in the queue
            _log.exception("the handler failed", extra={"action": "invoke", "queue": self._name})
            return set()

    def _delete(self, messages: list[dict[str, Any]], succeeded: set[str]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
            if message["MessageId"] in succeeded
        ]
        if entries:
            self._client.delete_message_batch(QueueUrl=self._source.queue_url, Entries=entries)


def failed_ids(answer: Any, ids: set[str]) -> set[str]:
    """What a handler's answer says failed. An answer that names no message of the batch fails it all."""
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        return ids
    failures = answer.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return ids
    failed: set[Any] = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    # As Lambda does: an answer that names something else is not trusted in the rest either.
    return failed if failed <= ids else ids


def _record(message: dict[str, Any], arn: str, region: str) -> dict[str, Any]:
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return attribute


def _arn_of(client: Any, queue_url: str) -> tuple[str, str]:
    answer = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn, arn.split(":")[3]


def _build_middleware(handler: Any) -> None:
    """Chalice chains a handler's middleware on its first call, from a generator: of two first calls at
    the same time one would run without middleware, or raise."""
    with contextlib.suppress(AttributeError):
        if handler.handler is None:
            handler.handler = handler._build_middleware_handlers(
                handler._middleware_handlers, original_handler=handler.func
            )
