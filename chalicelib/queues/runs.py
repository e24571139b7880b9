"""The queue of runs to be advanced and schedules to be fired. A message is a hint: what it says is checked in the
store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as AwsConnectionError

from chalicelib.domain.errors import InvalidError, UnavailableError
from chalicelib.domain.hints import MOST_DELAY_SECONDS

_VERSION = 1
_THROTTLED = frozenset({"RequestThrottled", "Throttling", "ThrottlingException", "KmsThrottled"})


@dataclass(frozen=True, slots=True)
class RunMessage:
    run_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class ScheduleMessage:
    schedule_id: str
    workspace_id: str


class _Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of a run or of a schedule."""

    v: int
    run_id: str = ""
    schedule_id: str = ""
    workspace_id: str = ""


class SqsRunQueue:
    """The `RunQueue` and the `ScheduleQueue` port on a standard SQS queue."""

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self.url = queue_url

    def send(self, run_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        self._send(_Body(_VERSION, run_id=run_id, workspace_id=workspace_id), delay_seconds)

    def send_fire(self, schedule_id: str, workspace_id: str, delay_seconds: int = 0) -> None:
        self._send(_Body(_VERSION, schedule_id=schedule_id, workspace_id=workspace_id), delay_seconds)

    def _send(self, body: _Body, delay_seconds: int) -> None:
        try:
            self._client.send_message(
                QueueUrl=self.url,
                MessageBody=msgspec.json.encode(body).decode(),
                DelaySeconds=min(max(delay_seconds, 0), MOST_DELAY_SECONDS),
                # On a standard queue a group is no order but a tenant: one that floods the queue waits, the
                # others' messages go before its own.
                MessageGroupId=body.workspace_id,
            )
        except (AwsConnectionError, HTTPClientError) as error:
            raise UnavailableError(run_id=body.run_id, schedule_id=body.schedule_id) from error
        except ClientError as error:
            if not is_retryable(error):
                raise
            raise UnavailableError(run_id=body.run_id, schedule_id=body.schedule_id) from error


def parse(body: str) -> RunMessage | ScheduleMessage:
    """Raises InvalidError for what this version did not send."""
    try:
        message = msgspec.json.decode(body, type=_Body)
    # The last of a body with half of a surrogate pair, which has no bytes to be decoded.
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError) as error:
        raise InvalidError("The message is not a run's or a schedule's.") from error
    is_one = bool(message.run_id) is not bool(message.schedule_id)
    if message.v != _VERSION or not is_one or not message.workspace_id:
        raise InvalidError("The message is not a run's or a schedule's.", version=message.v)
    if message.run_id:
        return RunMessage(message.run_id, message.workspace_id)
    return ScheduleMessage(message.schedule_id, message.workspace_id)


def is_retryable(error: ClientError) -> bool:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or error.response.get("Error", {}).get("Code") in _THROTTLED
