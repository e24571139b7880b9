"""SQS remedies: moto's queues with every operation independent of the backlog.

moto keeps a queue as a list, scans it on each receive and delete, and counts it three times for each
message sent or received. Here the same messages also hang in two heaps (visible, and hidden until a
time) and in an index by receipt handle. A long poll sleeps on a condition that a send notifies, and
wakes by itself when a delayed or received message becomes visible. What is answered stays moto's.
"""

from __future__ import annotations

import copy
import heapq
import json
import string
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import moto.sqs.models as sqs_models
from moto.core.utils import camelcase_to_underscores, unix_time_millis
from moto.moto_api._internal import mock_random
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, Queue, SQSBackend

from chalicelib.local.moto_lock import EMULATION_LOCK
from chalicelib.local.patches import Patches

# Waking exactly at a message's time could find it still a fraction of a millisecond hidden.
_WAKE_MARGIN_SECONDS = 0.001


class IndexedMessages:
    """What a queue holds, in sending order, found by visibility and by receipt handle."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._positions = count()
        self._by_position: dict[int, Message] = {}
        self._position_of: dict[Message, int] = {}
        self._by_handle: dict[str, Message] = {}
        self._ready: list[int] = []
        self._in_ready: set[int] = set()
        self._hidden: list[tuple[float, int]] = []
        for message in messages:
            self.append(message)

    def __iter__(self) -> Iterator[Message]:
        # A copy, as moto's list may be changed while it is gone through.
        return iter(list(self._by_position.values()))

    def __len__(self) -> int:
        return len(self._by_position)

    def append(self, message: Message) -> None:
        position = next(self._positions)
        self._by_position[position] = message
        self._position_of[message] = position
        for handle in message.all_receipt_handles:
            if handle is not None:
                self._by_handle[handle] = message
        self.settle(message)

    def remove(self, message: Message) -> None:
        del self._by_position[self._position_of.pop(message)]
        for handle in message.all_receipt_handles:
            # Positions in the heaps stay, and are passed over when they come up: taking them out would mean a search.
            self._by_handle.pop(handle or "", None)

    def by_handle(self, receipt_handle: str) -> Message | None:
        return self._by_handle.get(receipt_handle)

    def settle(self, message: Message) -> None:
        """File a message anew after its visibility or its receipt handle changed."""
        if message.receipt_handle:
            self._by_handle[message.receipt_handle] = message
        position = self._position_of[message]
        if _is_visible(message):
            self._push_ready(position)
        else:
            heapq.heappush(self._hidden, (_hidden_until(message), position))

    def pop_visible(self) -> Message | None:
        """The earliest sent visible message; the caller settles it when done."""
        self._reveal()
        while self._ready:
            position = heapq.heappop(self._ready)
            self._in_ready.discard(position)
            message = self._by_position.get(position)
            if message is not None and _is_visible(message):
                return message
        return None

    def seconds_until_visible(self) -> float | None:
        self._reveal()
        if self._ready:
            return 0.0
        if not self._hidden:
            return None
        return max(0.0, (self._hidden[0][0] - unix_time_millis()) / 1000) + _WAKE_MARGIN_SECONDS

    def _reveal(self) -> None:
        while self._hidden:
            hidden_until, position = self._hidden[0]
            message = self._by_position.get(position)
            # Entries of deleted messages, and of messages whose visibility was changed since, are stale.
            if message is not None and _hidden_until(message) == hidden_until:
                if not _is_visible(message):
                    return
                self._push_ready(position)
            heapq.heappop(self._hidden)

    def _push_ready(self, position: int) -> None:
        # Each once, or a message that is settled often would fill the heap.
        if position not in self._in_ready:
            self._in_ready.add(position)
            heapq.heappush(self._ready, position)


def _is_visible(message: Message) -> bool:
    return message.visible and not message.delayed


def _hidden_until(message: Message) -> float:
    return max(message.visible_at, message.delayed_until)


class LazyAttributes(Mapping[str, Any]):
    """A queue's attributes, each computed when asked for: moto computes all, counts included."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._names = list(queue.BASE_ATTRIBUTES)
        if queue.fifo_queue:
            self._names += queue.FIFO_ATTRIBUTES
        if queue.kms_master_key_id:  # type: ignore[attr-defined]
            self._names += queue.KMS_ATTRIBUTES

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        value = getattr(self._queue, camelcase_to_underscores(name))
        if name == "RedrivePolicy" and value:
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def apply(patches: Patches) -> None:
    _index_the_messages(patches)
    _compute_attributes_lazily(patches)
    _draw_receipt_handles_at_once(patches)
    _wake_receivers_on_send(patches)
    _delete_by_index(patches)
    _change_visibility_by_index(patches)
    _receive_from_the_index(patches)


def _index_the_messages(patches: Patches) -> None:
    """Whatever moto assigns to `_messages` becomes an index that iterates like its list."""

    def read(queue: Queue) -> IndexedMessages:
        messages: IndexedMessages = queue.__dict__["_indexed"]
        return messages

    def write(queue: Queue, messages: Iterable[Message]) -> None:
        queue.__dict__["_indexed"] = IndexedMessages(messages)

    patches.replace(Queue, "_messages", property(read, write))


def _compute_attributes_lazily(patches: Patches) -> None:
    patches.replace(Queue, "attributes", property(LazyAttributes))


def _draw_receipt_handles_at_once(patches: Patches) -> None:
    """185 letters by one call instead of 185."""

    def generate_receipt_handle() -> str:
        return "".join(mock_random.choices(string.ascii_lowercase, k=185))

    patches.replace(sqs_models, "generate_receipt_handle", generate_receipt_handle)


def _arrivals(queue: Queue) -> threading.Condition:
    condition: threading.Condition = queue.__dict__.setdefault("_arrivals", threading.Condition(EMULATION_LOCK))
    return condition


def _wake_receivers_on_send(patches: Patches) -> None:
    original = Queue.add_message

    def add_message(queue: Queue, message: Message) -> None:
        with EMULATION_LOCK:
            original(queue, message)
            _arrivals(queue).notify()

    patches.replace(Queue, "add_message", add_message)


def _delete_by_index(patches: Patches) -> None:
    def delete_message(queue: Queue, receipt_handle: str) -> None:
        if receipt_handle in queue.deleted_messages:
            return
        messages = _messages_of(queue)
        message = messages.by_handle(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid
        queue.pending_messages.discard(message)
        queue.deleted_messages.update(handle for handle in message.all_receipt_handles if handle)
        messages.remove(message)

    patches.replace(Queue, "delete_message", delete_message)


def _change_visibility_by_index(patches: Patches) -> None:
    """moto's own method judges and changes; it is shown only the one message it looks for."""
    original = SQSBackend.change_message_visibility

    def change_message_visibility(
        backend: SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        queue = backend.get_queue(queue_name)
        messages = _messages_of(queue)
        message = messages.by_handle(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid
        original(_BackendOfOne(queue, message), queue_name, receipt_handle, visibility_timeout)  # type: ignore[arg-type]
        messages.settle(message)
        with EMULATION_LOCK:
            _arrivals(queue).notify()

    patches.replace(SQSBackend, "change_message_visibility", change_message_visibility)


class _BackendOfOne:
    """The part of a backend and a queue that changing one message's visibility looks at."""

    def __init__(self, queue: Queue, message: Message) -> None:
        self._messages = [message]
        self.pending_messages = queue.pending_messages

    def get_queue(self, _name: str) -> _BackendOfOne:
        return self


def _receive_from_the_index(patches: Patches) -> None:
    original = SQSBackend.receive_message

    def receive_message(
        backend: SQSBackend,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        queue = backend.get_queue(queue_name)
        names = message_attribute_names or []
        deadline = time.monotonic() + wait_seconds_timeout
        with EMULATION_LOCK:
            while True:
                if queue.fifo_queue:
                    received = original(backend, queue_name, count, 0, visibility_timeout, names)
                else:
                    received = _take(backend, queue, count, visibility_timeout, names)
                remaining = deadline - time.monotonic()
                if received or remaining <= 0:
                    return received
                until_visible = _messages_of(queue).seconds_until_visible()
                # Lets go of the lock meanwhile, and wakes by itself when the next hidden message comes up.
                _arrivals(queue).wait(remaining if until_visible is None else min(remaining, until_visible))

    patches.replace(SQSBackend, "receive_message", receive_message)


def _take(backend: SQSBackend, queue: Queue, count: int, visibility_timeout: int, names: list[str]) -> list[Message]:
    messages = _messages_of(queue)
    received: list[Message] = []
    handled: list[Message] = []
    while len(received) < count and (message := messages.pop_visible()) is not None:
        queue.pending_messages.discard(message)
        if _is_exhausted(queue, message):
            messages.remove(message)
            queue.dead_letter_queue.add_message(message)  # type: ignore[union-attr]
            continue
        queue.pending_messages.add(message)
        message.mark_received(visibility_timeout=visibility_timeout)
        handled.append(message)
        if not backend.is_message_valid_based_on_retention_period(queue.name, message):
            break
        # The filter replaces the dictionary of attributes and changes nothing below it, so a flat
        # copy does where moto makes a deep one.
        answered = copy.copy(message)
        sqs_models._filter_message_attributes(answered, names)
        received.append(answered)
    for message in handled:
        messages.settle(message)
    return received


def _is_exhausted(queue: Queue, message: Message) -> bool:
    if queue.dead_letter_queue is None or not queue.redrive_policy:
        return False
    return bool(message.approximate_receive_count >= queue.redrive_policy["maxReceiveCount"])


def _messages_of(queue: Queue) -> IndexedMessages:
    messages: IndexedMessages = queue.__dict__["_indexed"]
    return messages
