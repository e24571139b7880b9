"""AWS calls and capacity units of events and deliveries, and what signing costs.

One function tells the event and then attempts each delivery, one after the other, so that what is counted does not
depend on threads; the calls are those that any number of functions make.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

from bench.calls import Rig
from bench.meter import Spent
from bench.table import Cell, Table
from chalicelib.domain.deliveries import Delivery as StoredDelivery
from chalicelib.domain.deliveries import DeliveryStatus, Origin, delivery_id
from chalicelib.domain.endpoints import Endpoint, Secret, secret_of
from chalicelib.domain.events import Emission, Emitter, EmitterKind, EventPlace, emit_id
from chalicelib.domain.json import Json, encode
from chalicelib.domain.subscriptions import ListenerKind, Subscription
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.queues.deliveries import parse
from chalicelib.services.events.messages import headers_for
from tests.fakes import START, InlineSpawner

WRITES = tuple(
    f"{table}.{verb}_item" for table in ("events", "deliveries", "definitions") for verb in ("put", "update")
)
READS = tuple(f"{table}.{verb}" for table in ("events", "deliveries", "definitions") for verb in ("get_item", "query"))
SENDS = ("sqs.send_message", "sqs.send_message_batch")
PAYLOADS = {"1 KB": 1_000, "100 KB": 100_000}
_EMITTER_ID = "wf_bench"
_ROUNDS = 7
_TIMEOUT_SECONDS = 300
_workspaces = count(1)


class DeliveryRig(Rig):
    """A rig whose event may be heard, and whose deliveries are made where the test says so."""

    def __init__(self) -> None:
        super().__init__()
        services = self.services
        services.__dict__["fanout"] = replace(services.fanout, spawner=InlineSpawner())
        self._workspace_id = f"ws_bench{next(_workspaces)}"
        self._emitted = 0

    def listen(self, endpoints: int, **members: object) -> None:
        """So many endpoints hear of every event."""
        stores = self.services.stores
        for number in range(endpoints):
            endpoint = _endpoint(self._workspace_id, number, 1, **members)
            stores.endpoints.create(endpoint)
            whose = (f"sub_{number}", self._workspace_id, "user_bench")
            stores.subscriptions.create(Subscription(*whose, _EMITTER_ID, "", endpoint.id, ListenerKind.WEBHOOK, START))

    def emitted(self) -> Spent:
        """One event, until the call that emits it is over."""
        self.meter.take()
        self.meter.sent.clear()
        self._emitted += 1
        name = emit_id(self.clock.now(), f"bench/{self._emitted}")
        emitter = Emitter(self._workspace_id, EmitterKind.WORKFLOW, _EMITTER_ID)
        self.services.events.emit(Emission(emitter, "", {"n": self._emitted}, name))
        return self.meter.take()

    def worked_off(self, statuses: Sequence[int] = ()) -> Spent:
        """The messages that were sent until now, whenever they are due, but none that are sent meanwhile."""
        self.meter.take()
        self.sender.statuses = list(statuses)
        sent, self.meter.sent[:] = list(self.meter.sent), []
        for message in sent:
            self.clock.advance(message.get("DelaySeconds", 0) + 0.01)
            place = parse(message["MessageBody"])
            until = self.clock.now() + timedelta(seconds=_TIMEOUT_SECONDS)
            if isinstance(place, EventPlace):
                self.services.fanout.tell(place, until)
            else:
                self.services.deliverer.attempt(place, until)
        return self.meter.take()

    def costs(self, endpoints: int) -> dict[str, Spent]:
        """What an event costs that so many endpoints hear, by what is done for it."""
        emitted, told = self.emitted(), self.worked_off()
        attempted = self.worked_off()
        if len(self.meter.sent) or attempted.count("deliveries.update_item") != 2 * endpoints:
            raise RuntimeError("not everything was delivered")
        return {"emitted": emitted, "told": told, "attempted": attempted}


def counted() -> Iterator[Table]:
    rows: list[list[Cell]] = []
    with EmbeddedAws():
        rig = DeliveryRig()
        rows.append(_row("an event that nobody hears", rig.emitted()))
        for endpoints in (1, 1_000):
            rig = DeliveryRig()
            rig.listen(endpoints)
            shown = f"{endpoints:,} endpoint{'s' * (endpoints > 1)}"
            rows += [_row(f"{shown}: {name}", spent) for name, spent in rig.costs(endpoints).items()]
        rows.append(_row("an attempt that fails", _failed()))
    yield Table("AWS calls of deliveries", _COLUMNS, rows, _NOTES)


def _failed() -> Spent:
    rig = DeliveryRig()
    rig.listen(1)
    rig.emitted()
    rig.worked_off()
    return rig.worked_off([503])


_COLUMNS = ("what", "writes", "reads", "sends", "other", "write units", "index units", "read units")
_NOTES = (
    "emitted: who hears, the newest id, the event, its message; told: the event, who hears it, the endpoints (one by",
    "one up to ten, else in one query), a pointer and an item for each delivery, ten messages a call, and that it was",
    "told; attempted: claim, endpoint, the attempt's record, the outcome; receiving and deleting messages is the event",
    "source mapping's; index units: a delivery enters two indexes, moves in one at its claim and leaves both (6)",
)


def _row(name: str, spent: Spent) -> list[Cell]:
    figures = [spent.count(*WRITES), spent.count(*READS), spent.count(*SENDS)]
    return [name, *figures, len(spent.calls) - sum(figures), spent.write_units, spent.index_units, spent.read_units]


# -- signing ----------------------------------------------------------------------------------------------------------


def signing() -> Iterator[Table]:
    rows: list[list[Cell]] = []
    for shown, size in PAYLOADS.items():
        delivery = _delivery({"text": "x" * size})
        body = encode(delivery.payload)
        for secrets in (1, 2):
            headers = _microseconds(lambda: headers_for(_endpoint("ws_bench", 0, secrets), delivery, START, body))  # noqa: B023
            rows.append([f"{shown}, {secrets} secret{'s' * (secrets > 1)}", headers])
        rows.append([f"{shown}, as JSON", _microseconds(lambda: encode(delivery.payload))])  # noqa: B023
    note = f"the best of {_ROUNDS} rounds; with all the headers that a delivery carries"
    yield Table("Signing a delivery", ("message", "µs"), rows, [note])


def _microseconds(task: Callable[[], object], times: int = 300) -> float:
    def once() -> float:
        begun = time.process_time()
        for _ in range(times):
            task()
        return (time.process_time() - begun) / times * 1e6

    return min(once() for _ in range(_ROUNDS))


def _endpoint(workspace_id: str, number: int, secrets: int, **members: object) -> Endpoint:
    values = tuple(Secret(secret_of(bytes([each] * 32))) for each in range(secrets))
    url = f"https://receiver.example/{number}"
    return Endpoint(f"wh_{number}", workspace_id, "user_bench", url, START, START, values, **members)  # type: ignore[arg-type]


def _delivery(payload: Json) -> StoredDelivery:
    name = emit_id(START, "bench")
    return StoredDelivery(
        id=delivery_id(name, "wh_0"),
        workspace_id="ws_bench",
        endpoint_id="wh_0",
        type="event",
        payload=payload,
        origin=Origin(EmitterKind.WORKFLOW, _EMITTER_ID, "", "1-0", name, 0),
        created_at=START,
        status=DeliveryStatus.PENDING,
        next_attempt_at=START,
        due_at=START,
    )
