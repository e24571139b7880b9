"""Values of the event half for the contract suite, and what is done to them, with defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.domain.deliveries import Attempt, Delivery, DeliveryStatus, Origin
from chalicelib.domain.endpoints import Endpoint, Secret
from chalicelib.domain.events import Emission, Emitter, EmitterKind, Event
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.subscriptions import AutoSubscription, ListenerKind, Subscription
from tests.fakes import START
from tests.store.backends import Stores
from tests.store.samples import LEASE, after

EMITTER = Emitter("ws_a", EmitterKind.WORKFLOW, "p_1")
WORKFLOW, SOURCE = EmitterKind.WORKFLOW, EmitterKind.SOURCE
PENDING, HELD, SUCCEEDED, DEAD = DeliveryStatus
ENDED: dict[str, Any] = {"next_attempt_at": None, "due_at": None}


def emission(emit_id: str = "e1", **changes: Any) -> Emission:
    return replace(Emission(EMITTER, "", {"n": 1}, emit_id), **changes)


def append(
    stores: Stores,
    emit_id: str = "e1",
    at: float = 0,
    *,
    due: float | None = None,
    may_repeat: bool = False,
    **changes: Any,
) -> Event:
    due_at = None if due is None else after(due)
    wanted = emission(emit_id, **changes)
    return stores.events.append(wanted, now=after(at), due_at=due_at, may_repeat=may_repeat)


def due_events(stores: Stores, at: float) -> list[Any]:
    found = [entry for shard in range(DUE_SHARDS) for entry in stores.events.due(shard, after(at), 100)]
    return sorted(found, key=lambda entry: entry.due_at)


def subscription(**changes: Any) -> Subscription:
    usual = Subscription("sub_1", "ws_a", "user_1", "p_1", "", "wh_1", ListenerKind.WEBHOOK, START)
    return replace(usual, **changes)


def auto(**changes: Any) -> AutoSubscription:
    usual = AutoSubscription("sub_9", "ws_a", "user_1", "$errors", "wh_1", ListenerKind.WEBHOOK, START)
    return replace(usual, **changes)


def endpoint(**changes: Any) -> Endpoint:
    usual = Endpoint("wh_1", "ws_a", "user_1", "https://a.example", START, START, (Secret("whsec_new"),))
    return replace(usual, **changes)


def delivery(**changes: Any) -> Delivery:
    usual = Delivery(
        id="msg_1",
        workspace_id="ws_a",
        endpoint_id="wh_1",
        type="order",
        payload={"n": 1},
        origin=Origin(WORKFLOW, "p_1", "", "5-0", "e1", 2),
        created_at=START,
        next_attempt_at=START,
        due_at=after(60),
    )
    return replace(usual, **changes)


def attempt(number: int = 1, **changes: Any) -> Attempt:
    return replace(Attempt(number, after(number), 120, 503, None, "busy"), **changes)


def claim(stores: Stores, at: float = 0, of: Delivery | None = None) -> Delivery | None:
    place = (of or delivery()).place
    return stores.deliveries.claim(place, now=after(at), lease_expires_at=after(at) + LEASE)


def attempted(stores: Stores, fence: int = 1, tried: Attempt | None = None, **changes: Any) -> None:
    usual: dict[str, Any] = {"status": PENDING, "next_attempt_at": after(300), "due_at": after(360)}
    stores.deliveries.attempted(delivery().place, fence, tried or attempt(), **(usual | changes))


def put_off(stores: Stores, fence: int = 1, **changes: Any) -> None:
    usual: dict[str, Any] = {"status": PENDING, "next_attempt_at": after(300), "due_at": after(360)}
    stores.deliveries.put_off(delivery().place, fence, **(usual | changes))


def due_deliveries(stores: Stores, at: float) -> list[Any]:
    found = [entry for shard in range(DUE_SHARDS) for entry in stores.deliveries.due(shard, after(at), 100)]
    return sorted(found, key=lambda entry: entry.due_at)
