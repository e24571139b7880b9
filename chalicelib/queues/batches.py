"""A batch of messages as a function gets it from SQS: parsed, worked on side by side, failures reported one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.queues.runs import RunMessage, parse

logger = logging.getLogger(__name__)


class Group(Protocol):
    def start(self, task: Callable[[], object]) -> None: ...

    def wait(self, timeout_seconds: float | None = None) -> bool: ...


class Batches:
    """Turns batches into calls of `handle(body, until)`, the messages of a batch overlapping their waiting. `after` is
    called once at the end of each."""

    def __init__(
        self,
        handle: Callable[[str, datetime], None],
        group: Callable[[], Group],
        now: Callable[[], datetime],
        after: Callable[[], None] | None = None,
    ) -> None:
        self._handle = handle
        self._group = group
        self._now = now
        self._after = after

    def handle_batch(self, event: Mapping[str, Any], remaining_ms: int) -> dict[str, Any]:
        """Returns `{"batchItemFailures": […]}` with the messages to be delivered again."""
        until = self._now() + timedelta(milliseconds=remaining_ms)
        records = event["Records"]
        failed: list[str] = []
        # A batch of one, the usual case at little load, needs no thread.
        if len(records) == 1:
            self._work(records[0], until, failed)
        else:
            group = self._group()
            for record in records:
                # The default binds this record; the variable itself goes on to the next.
                group.start(lambda record=record: self._work(record, until, failed))  # type: ignore[misc]
            for _ in records:
                group.wait()
        if self._after is not None:
            self._after()
        # Never an exception: it would bring back the whole batch, also what was done.
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _work(self, record: Mapping[str, Any], until: datetime, failed: list[str]) -> None:
        message_id = record["messageId"]
        try:
            self._handle(record["body"], until)
        # Also what will never be understood: given up by the queue, it is kept for people to look at.
        except (InvalidError, UnavailableError) as error:
            facts = {"action": "message_failed", "message_id": message_id}
            logger.warning("message not worked off: %s", error.message, extra=facts)
            failed.append(message_id)
        except Exception:  # one message must not take the others of its batch with it
            logger.exception("message failed", extra={"action": "message_failed", "message_id": message_id})
            failed.append(message_id)


class RunBatches(Batches):
    """Batches of the runs queue, as calls of `advance(run_id, until)` and `fire(schedule_id, workspace_id, until)`."""

    def __init__(
        self,
        advance: Callable[[str, datetime], None],
        group: Callable[[], Group],
        now: Callable[[], datetime],
        after: Callable[[], None] | None = None,
        *,
        fire: Callable[[str, str, datetime], None],
    ) -> None:
        super().__init__(self._dispatch, group, now, after)
        self._advance = advance
        self._fire = fire

    def _dispatch(self, body: str, until: datetime) -> None:
        message = parse(body)
        if isinstance(message, RunMessage):
            self._advance(message.run_id, until)
        else:
            self._fire(message.schedule_id, message.workspace_id, until)
