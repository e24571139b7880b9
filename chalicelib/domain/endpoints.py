"""Endpoints: registered receiver URLs, and the secrets that what they get is signed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES_UNTIL_DISABLED = timedelta(days=5)
ROTATION_OVERLAP = timedelta(hours=24)


class EndpointStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """Deliveries are made, and held until it is resumed."""
    DISABLED = "disabled"
    """Because its receiver said 410, or failed for too long: deliveries are dead letters from the start."""


class EndpointStyle(StrEnum):
    """Which headers a delivery carries beside the standard ones."""

    PIPEDREAM = "pipedream"
    PINDOWN = "pindown"


@dataclass(frozen=True, slots=True)
class Secret:
    """`whsec_` and the base64 of 24 to 64 bytes. One that was replaced still signs until `expires_at`."""

    value: str
    expires_at: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`secrets` has the newest first. `event_types` empty means all; `rate_limit` is deliveries per second.

    `failing_since` is the first failure after the last success. `revision` counts changes made by callers, not what
    deliveries note on it.
    """

    id: str
    workspace_id: str
    user_id: str
    url: str
    created_at: datetime
    updated_at: datetime
    secrets: tuple[Secret, ...]
    name: str | None = None
    description: str | None = None
    status: EndpointStatus = EndpointStatus.ACTIVE
    status_reason: str | None = None
    secret_was_read: bool = False
    event_types: frozenset[str] = frozenset()
    rate_limit: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    style: EndpointStyle = EndpointStyle.PIPEDREAM
    failing_since: datetime | None = None
    revision: int = 1

    def wants(self, type_: str) -> bool:
        return not self.event_types or type_ in self.event_types
