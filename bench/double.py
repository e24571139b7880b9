"""The product over an in-memory double of AWS, in a process of its own: what is left is our own code.

The stores are the fakes of the tests, each behind a lock; the queue adapter sends to a dictionary's worth of SQS.
API, worker, outbound calls, HTTP server and pollers are those of the local stack.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import deque
from functools import cached_property
from typing import Any

from chalicelib import bootstrap, config
from chalicelib.local.gateway import Gateway
from chalicelib.local.http_server import HttpServer
from chalicelib.local.pollers import EventSource, Poller
from chalicelib.local.settings import settings_from
from chalicelib.local.wiring import create_keys
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.system import SystemClock
from tests import fakes

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/000000000000/bench-runs"
POLLERS = 4
_SETTINGS = {
    "STAGE": "bench",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "OUTBOUND_ALLOW": "127.0.0.0/8",
    "LOG_LEVEL": "WARNING",
}


class Locked:
    """Another object's methods, one call at a time."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return method(*arguments, **named)

        self.__dict__[name] = call
        return call


class MemoryStores:
    """What `store.Stores` has, in memory."""

    def __init__(self) -> None:
        clock: Any = SystemClock()
        self.runs: Any = Locked(fakes.MemoryRunStore(clock))
        self.workflows: Any = Locked(fakes.MemoryWorkflowStore())
        self.hooks: Any = Locked(fakes.MemoryHookStore())
        self.keys: Any = Locked(fakes.MemoryKeyStore())
        self.counters: Any = Locked(fakes.MemoryCounterStore())
        self.marks: Any = Locked(fakes.MemoryMarkStore(clock))
        self.slots: Any = Locked(fakes.MemorySlotStore(clock))


class MemorySqs:
    """As much of an SQS client as the queue adapter and a poller call. Messages have no visibility timeout."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque()
        self._changed = threading.Condition()
        self._count = 0

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:bench-runs"}}

    def send_message(self, **message: Any) -> dict[str, Any]:
        with self._changed:
            self._count += 1
            name = str(self._count)
            self._messages.append(
                {"MessageId": name, "ReceiptHandle": name, "Body": message["MessageBody"], "MD5OfBody": ""}
            )
            self._changed.notify()
        return {}

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._messages, asked["WaitTimeSeconds"])
            count = min(len(self._messages), asked["MaxNumberOfMessages"])
            return {"Messages": [self._messages.popleft() for _ in range(count)]}

    def delete_message_batch(self, **_: Any) -> dict[str, Any]:
        return {}


class DoubleServices(bootstrap.Services):
    """`http` takes the place of the client for outbound calls."""

    def __init__(self, settings: config.Settings, http: Any = None) -> None:
        super().__init__(settings)
        self.sqs = MemorySqs()
        if http is not None:
            self.http = http

    @cached_property
    def stores(self) -> Any:
        return MemoryStores()

    @cached_property
    def queue(self) -> SqsRunQueue:
        return SqsRunQueue(self.sqs, QUEUE_URL)


def services(http: Any = None) -> DoubleServices:
    """With the local stack's settings, whose limits nobody meets."""
    return DoubleServices(config.from_environment({**_SETTINGS, **os.environ}), http)


def main() -> int:
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    os.environ |= {**_SETTINGS, **os.environ}
    made = services()
    bootstrap.use(made)
    import app

    create_keys(made, settings_from(os.environ).api_keys)
    poller = Poller(made.sqs, EventSource(QUEUE_URL, app.runs_worker, max_concurrency=POLLERS))
    server = HttpServer(Gateway(app.app, app.fallback))
    server.start()
    poller.start()
    sys.stdout.write(f"Penstock is running at http://localhost:{server.port}\n")
    sys.stdout.flush()
    stop.wait()
    server.stop(1.0)
    poller.stop(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
