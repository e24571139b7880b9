"""How many messages the queues hold. SQS estimates them, and what it does not say is unknown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.listing import QueueDepth

DEAD_SUFFIX = "-dead"
"""What the name of a queue's dead-letter queue has more than its own."""

_WAITING, _IN_FLIGHT, _DELAYED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_log = logging.getLogger(__name__)


class SqsQueueDepths:
    """The `QueueDepths` port. `urls` are looked up when first needed."""

    def __init__(self, client: Any, urls: Mapping[str, Callable[[], str]]) -> None:
        self._client = client
        self._urls = urls

    def of(self, queue: str) -> QueueDepth | None:
        try:
            url = self._urls[queue]()
            # A queue's URL ends in its name.
            held, given_up = self._attributes(url), self._attributes(url + DEAD_SUFFIX)
        except (BotoCoreError, ClientError) as error:
            facts = {"action": "queue_depth_unknown", "queue": queue, "error": type(error).__name__}
            _log.warning("queue depth unknown", extra=facts)
            return None
        return QueueDepth(
            waiting=int(held[_WAITING]),
            in_flight=int(held[_IN_FLIGHT]),
            delayed=int(held[_DELAYED]),
            # Looking at a dead letter hides it for a moment, and it counts as in flight.
            dead=int(given_up[_WAITING]) + int(given_up[_IN_FLIGHT]),
        )

    def _attributes(self, url: str) -> Mapping[str, str]:
        asked = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING, _IN_FLIGHT, _DELAYED])
        attributes: Mapping[str, str] = asked["Attributes"]
        return attributes
