"""The product over an in-memory double of AWS, in a process of its own: what is left is our own code.

The stores are the fakes of the tests, each behind a lock; the queue adapters send to a dictionary's worth of SQS.
API, workers, outbound calls, HTTP server and pollers are those of the local stack.
"""

from __future__ import annotations

import heapq
import os
import signal
import sys
import threading
import time
from datetime import datetime
from functools import cached_property
from typing import Any

from chalicelib import bootstrap, config
from chalicelib.domain.events import Emission, Event, EventId, stream_of
from chalicelib.domain.ids import epoch_ms
from chalicelib.local.gateway import Gateway
from chalicelib.local.http_server import HttpServer
from chalicelib.local.pollers import EventSource, Poller
from chalicelib.local.settings import settings_from
from chalicelib.local.wiring import DELIVERY_INVOCATIONS, create_keys
from chalicelib.queues.deliveries import SqsDeliveryQueue
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.system import SystemClock
from tests import event_fakes, fakes, file_fakes, flow_fakes, pin_fakes, schedule_fakes, source_fakes

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/000000000000/bench-runs"
DELIVERIES_URL = "https://sqs.us-east-1.amazonaws.com/000000000000/bench-deliveries"
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


class MemoryEvents(event_fakes.MemoryEventStore):
    """Remembers each stream's newest id: the fake sorts the whole stream for it, which no measurement should see."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._newest: dict[tuple[Any, str], EventId] = {}

    def append(self, emission: Emission, *, now: datetime, due_at: datetime | None, may_repeat: bool = False) -> Event:
        if may_repeat:
            return super().append(emission, now=now, due_at=due_at, may_repeat=True)
        key, ms = (emission.emitter, stream_of(emission.channel)), epoch_ms(now)
        newest = self._newest.get(key)
        self._newest[key] = EventId(ms, 0) if newest is None else newest.next_at(ms)
        event = Event(self._newest[key], emission, now)
        self.put(event, due_at=due_at)
        return event


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
        self.schedules: Any = Locked(schedule_fakes.MemoryScheduleStore())
        self.events: Any = Locked(MemoryEvents(clock))
        self.subscriptions: Any = Locked(event_fakes.MemorySubscriptionStore())
        self.endpoints: Any = Locked(event_fakes.MemoryEndpointStore())
        self.deliveries: Any = Locked(event_fakes.MemoryDeliveryStore(clock))
        self.usage: Any = Locked(event_fakes.MemoryUsageStore())
        self.profiles: Any = Locked(event_fakes.MemoryProfileStore())
        data, parts = pin_fakes.MemoryPinDataStore(), pin_fakes.MemoryPinPartStore()
        webhooks = pin_fakes.MemoryPinWebhookStore()
        self.pins: Any = Locked(pin_fakes.MemoryPinStore(data, parts, webhooks))
        self.pinboards: Any = Locked(pin_fakes.MemoryPinboardStore())
        self.pin_data: Any = Locked(data)
        self.pin_parts: Any = Locked(parts)
        self.pin_webhooks: Any = Locked(webhooks)
        self.moments: Any = Locked(pin_fakes.MemoryMomentStore())
        self.files: Any = Locked(file_fakes.MemoryFileStore())
        self.components: Any = Locked(source_fakes.MemoryComponentStore())
        self.sources: Any = Locked(source_fakes.MemorySourceStore())
        self.source_states: Any = Locked(source_fakes.MemorySourceStateStore())
        self.accounts: Any = Locked(source_fakes.MemoryAccountStore())
        self._add_flows(clock)

    def _add_flows(self, clock: Any) -> None:
        audit, jobs = flow_fakes.MemoryAuditStore(clock.now), flow_fakes.MemoryJobStore(clock.now)
        self.audit: Any = Locked(audit)
        self.jobs: Any = Locked(jobs)
        self.resources: Any = Locked(flow_fakes.MemoryResourceStore(audit))
        self.flow_errors: Any = Locked(flow_fakes.MemoryFlowErrorStore(jobs, clock.now))
        self.flow_marks: Any = Locked(flow_fakes.MemoryFlowMarkStore())
        self.state: Any = Locked(flow_fakes.MemoryStateStore())
        self.leases: Any = Locked(flow_fakes.MemoryLeaseStore())
        self.tags: Any = Locked(flow_fakes.MemoryTagStore())
        self.call_logs: Any = Locked(flow_fakes.MemoryCallLogStore(clock.now))


class MemorySqs:
    """As much of an SQS client as a queue adapter and a poller call. Messages have a delay, but no visibility timeout:
    nothing that is measured here fails."""

    def __init__(self) -> None:
        self._messages: list[tuple[float, int, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._count = 0

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        name = asked["QueueUrl"].rpartition("/")[2]
        return {"Attributes": {"QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name}"}}

    def send_message(self, **message: Any) -> dict[str, Any]:
        visible_at = time.monotonic() + message.get("DelaySeconds", 0)
        with self._changed:
            self._count += 1
            name = str(self._count)
            stored = {"MessageId": name, "ReceiptHandle": name, "Body": message["MessageBody"], "MD5OfBody": ""}
            heapq.heappush(self._messages, (visible_at, self._count, stored))
            self._changed.notify()
        return {}

    def send_message_batch(self, **batch: Any) -> dict[str, Any]:
        for entry in batch["Entries"]:
            self.send_message(**entry)
        return {}

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        deadline = time.monotonic() + asked["WaitTimeSeconds"]
        with self._changed:
            while not (found := self._visible(asked["MaxNumberOfMessages"])):
                until = min([deadline, *(visible_at for visible_at, _, _ in self._messages[:1])])
                if (now := time.monotonic()) >= deadline:
                    break
                self._changed.wait(max(until - now, 0.0))
        return {"Messages": found}

    def delete_message_batch(self, **_: Any) -> dict[str, Any]:
        return {}

    def _visible(self, most: int) -> list[dict[str, Any]]:
        now = time.monotonic()
        found: list[dict[str, Any]] = []
        while self._messages and self._messages[0][0] <= now and len(found) < most:
            found.append(heapq.heappop(self._messages)[2])
        return found


class DoubleServices(bootstrap.Services):
    """`http` takes the place of the client for outbound calls."""

    def __init__(self, settings: config.Settings, http: Any = None) -> None:
        super().__init__(settings)
        self.sqs = MemorySqs()
        self.deliveries_sqs = MemorySqs()
        if http is not None:
            self.http = http

    @cached_property
    def stores(self) -> Any:
        return MemoryStores()

    @cached_property
    def queue(self) -> SqsRunQueue:
        return SqsRunQueue(self.sqs, QUEUE_URL)

    @cached_property
    def delivery_queue(self) -> SqsDeliveryQueue:
        return SqsDeliveryQueue(self.deliveries_sqs, DELIVERIES_URL)


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
    deliveries = EventSource(DELIVERIES_URL, app.deliveries_worker, max_concurrency=DELIVERY_INVOCATIONS)
    pollers = (
        Poller(made.sqs, EventSource(QUEUE_URL, app.runs_worker, max_concurrency=POLLERS)),
        Poller(made.deliveries_sqs, deliveries),
    )
    server = HttpServer(Gateway(app.app, app.fallback))
    server.start()
    for poller in pollers:
        poller.start()
    sys.stdout.write(f"Penstock is running at http://localhost:{server.port}\n")
    sys.stdout.flush()
    stop.wait()
    server.stop(1.0)
    for poller in pollers:
        poller.request_stop()
    for poller in pollers:
        poller.stop(1.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
