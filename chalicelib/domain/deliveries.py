"""Deliveries: one event for one endpoint, its attempts, and when the next one is.

A delivery's status changes along `TRANSITIONS` only. It ends as a success or as a dead letter that everybody can see
and do again; nothing ends otherwise but with its endpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.events import EmitterKind, base62
from chalicelib.domain.json import Json

SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after the attempt before it each attempt is made."""

MAX_ATTEMPTS = len(SCHEDULE_SECONDS)
JITTER = 0.2
MAX_RETRY_AFTER_SECONDS = 86_400
EXCERPT_BYTES = 1_024


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    HELD = "held"
    """Its endpoint is paused."""
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    """A dead letter: given up, kept, and deliverable again by a call."""

    @property
    def is_final(self) -> bool:
        return self in {DeliveryStatus.SUCCEEDED, DeliveryStatus.DEAD}


TRANSITIONS: Mapping[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.PENDING: frozenset(DeliveryStatus),
    DeliveryStatus.HELD: frozenset({DeliveryStatus.PENDING, DeliveryStatus.DEAD}),
    DeliveryStatus.SUCCEEDED: frozenset({DeliveryStatus.PENDING}),
    DeliveryStatus.DEAD: frozenset({DeliveryStatus.PENDING}),
}
"""Out of a final status leads only a redelivery that somebody asked for."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The event that a delivery carries. A test event has no emitter."""

    emitter_kind: EmitterKind | None
    emitter_id: str
    channel: str
    event_id: str
    emit_id: str
    hops: int = 0


@dataclass(frozen=True, slots=True, order=True)
class DeliveryPlace:
    """Where a delivery is kept. Deliveries of an endpoint are in the order of their creation, then id."""

    workspace_id: str
    endpoint_id: str
    created_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """`number` counts from 1 through redeliveries. `status` is the HTTP status, None without an answer; then `error`
    says why. `excerpt` is how the answer's body begins."""

    number: int
    at: datetime
    latency_ms: int
    status: int | None = None
    error: str | None = None
    excerpt: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id` is the `webhook-id`, the same for every attempt and redelivery. `tried` counts attempts in the present
    series: a redelivery begins a new one. `fence` counts claims; what is written under a claim names it.

    `next_attempt_at` is the truth about the next attempt, `due_at` when the tick looks at it if nothing else happened:
    a pending delivery always has one, one in another status never.
    """

    id: str
    workspace_id: str
    endpoint_id: str
    type: str
    payload: Json
    origin: Origin
    created_at: datetime
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    tried: int = 0
    next_attempt_at: datetime | None = None
    due_at: datetime | None = None
    lease_expires_at: datetime | None = None
    fence: int = 0
    finished_at: datetime | None = None
    last: Attempt | None = None
    reason: str | None = None
    """Why it is a dead letter, for one that died otherwise than by its last attempt."""

    @property
    def place(self) -> DeliveryPlace:
        return DeliveryPlace(self.workspace_id, self.endpoint_id, self.created_at, self.id)


@dataclass(frozen=True, slots=True)
class DueDelivery:
    place: DeliveryPlace
    due_at: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """`since` and `until` are inclusive bounds on `created_at`; an empty `statuses` means all."""

    statuses: frozenset[DeliveryStatus] = frozenset()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Newest first, payloads left out (None); `next` is where the next page begins, None after the last."""

    items: tuple[Delivery, ...]
    next: str | None


def delivery_id(emit_id: str, endpoint_id: str) -> str:
    """The one id that an emission's delivery to this endpoint can have."""
    digest = hashlib.sha256(f"{emit_id}/{endpoint_id}".encode()).digest()
    # 20 bytes are 160 bits, which 27 digits of base 62 hold.
    return "msg_" + base62(int.from_bytes(digest[:20], "big"), 27)


def next_delay_seconds(tried: int, chance: float, retry_after: float | None) -> float | None:
    """How long until the attempt after `tried` attempts of this series; None after the last one.

    `chance` in [0, 1) decides the jitter. A receiver's wish for a longer pause is met up to a day.
    """
    if tried >= MAX_ATTEMPTS:
        return None
    delay = SCHEDULE_SECONDS[tried] * (1 + JITTER * (2 * chance - 1))
    return max(delay, min(retry_after or 0.0, MAX_RETRY_AFTER_SECONDS))
