"""Messages that were given up: looking at them, sending them again, throwing them away.

Looking at a message hides it from others for a moment; whatever is not deleted is shown again before the call ends.
A redriven message is sent before it is deleted, so that an interruption repeats it rather than loses it: messages
are hints, and one that comes twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import NotFoundError
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.aws import aws_errors, error_code

QUEUES = ("runs", "deliveries")

PATIENCE_SECONDS = 1
"""A long poll asks every one of the queue's servers; a short one may find nothing where there is much."""

_HIDDEN_SECONDS = 120  # for the time of a look; after a crash the letters stay unseen for as long
_BATCH = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`receives` counts the looks at the message since it was given up, this one included."""

    queue: str
    message_id: str
    sent_at: datetime
    receives: int
    group: str | None
    body: str
    receipt: str


class DeadLetters:
    """Those of one queue of a stage. Calls raise NotFoundError if the stage has no such queue."""

    def __init__(self, sqs: Any, stage: str, queue: str) -> None:
        self._sqs = sqs
        self._queue = queue
        self._source_name = f"penstock-{stage}-{queue}"

    def look(self, limit: int) -> tuple[DeadLetter, ...]:
        """So many at most, in no order."""
        with self._hidden(limit) as letters:
            return tuple(letters)

    def redrive(self, message_ids: Collection[str] | None, limit: int) -> tuple[DeadLetter, ...]:
        """Sends those messages (None for all) to the queue they came from; returns them."""
        source = self._url(self._source_name)

        def send(letter: DeadLetter) -> None:
            group = {"MessageGroupId": letter.group} if letter.group else {}
            self._sqs.send_message(QueueUrl=source, MessageBody=letter.body, **group)

        return self._take(message_ids, limit, send)

    def delete(self, message_ids: Collection[str] | None, limit: int) -> tuple[DeadLetter, ...]:
        """Throws those messages (None for all) away; returns them."""
        return self._take(message_ids, limit, lambda letter: None)

    def _take(
        self, message_ids: Collection[str] | None, limit: int, before: Callable[[DeadLetter], None]
    ) -> tuple[DeadLetter, ...]:
        with self._hidden(limit) as letters:
            taken = tuple(each for each in letters if message_ids is None or each.message_id in message_ids)
            for letter in taken:
                # Sent before it is deleted: a crash in between repeats the message, the other order would lose it.
                before(letter)
                self._sqs.delete_message(QueueUrl=self._dead_url, ReceiptHandle=letter.receipt)
                letters.remove(letter)
        return taken

    @contextmanager
    def _hidden(self, limit: int) -> Iterator[list[DeadLetter]]:
        """Messages that others do not see meanwhile. Those that are left in the list at the end are shown again."""
        letters: list[DeadLetter] = []
        with aws_errors():
            try:
                letters.extend(self._receive(limit))
                yield letters
            finally:
                # Also after an error: what was not taken is shown again at once, not after two minutes.
                for letter in letters:
                    self._sqs.change_message_visibility(
                        QueueUrl=self._dead_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
                    )

    def _receive(self, limit: int) -> Iterator[DeadLetter]:
        seen: set[str] = set()
        while len(seen) < limit:
            answer = self._sqs.receive_message(
                QueueUrl=self._dead_url,
                MaxNumberOfMessages=min(_BATCH, limit - len(seen)),
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=PATIENCE_SECONDS,
                MessageSystemAttributeNames=["All"],
            )
            # A queue may show a message twice while others are still unseen; one that was seen ends the looking.
            fresh = [message for message in answer.get("Messages", ()) if message["MessageId"] not in seen]
            if not fresh:
                return
            seen.update(message["MessageId"] for message in fresh)
            yield from (self._letter(message) for message in fresh)

    def _letter(self, message: dict[str, Any]) -> DeadLetter:
        attributes = message["Attributes"]
        return DeadLetter(
            queue=self._queue,
            message_id=message["MessageId"],
            sent_at=from_epoch_ms(int(attributes["SentTimestamp"])),
            receives=int(attributes["ApproximateReceiveCount"]),
            group=attributes.get("MessageGroupId"),
            body=message["Body"],
            receipt=message["ReceiptHandle"],
        )

    @property
    def _dead_url(self) -> str:
        return self._url(f"{self._source_name}-dead")

    def _url(self, name: str) -> str:
        try:
            return str(self._sqs.get_queue_url(QueueName=name)["QueueUrl"])
        except ClientError as error:
            if "NonExistentQueue" not in error_code(error) and "QueueDoesNotExist" not in error_code(error):
                raise
            raise NotFoundError(f"There is no queue {name}.", queue=name) from error
