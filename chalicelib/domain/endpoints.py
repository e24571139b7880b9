"""Endpoints: registered receiver URLs, and the secrets that what they get is signed with."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.deliveries import Origin
from chalicelib.domain.events import base62

FAILURES_UNTIL_DISABLED = timedelta(days=5)
SILENCE = timedelta(days=2)
"""A failure so long after the one before it begins the days of failures anew, or the two only failures of a receiver
that hears little would disable it. Longer than the longest pause between two attempts of a delivery."""
ROTATION_OVERLAP = timedelta(hours=24)

ID_PREFIX = "wh_"
SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
_RANDOM_DIGITS = 6
_ID = re.compile(r"wh_([0-9A-Za-z]{6})([0-9A-Za-z])", re.ASCII)


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
class Disabling:
    """That an endpoint was disabled, as it is to be told: at which delivery of which event (`origin`, `created_at`),
    since when it had failed, and how the last attempt ended. `url` shows no credentials."""

    at: datetime
    reason: str
    url: str
    since: datetime
    origin: Origin
    created_at: datetime
    last_status: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`secrets` has the newest first. `event_types` empty means all; `rate_limit` is deliveries per second.

    `failing_since` is the first failure after the last success, or after a silence of more than `SILENCE`; `failed_at`
    is the last one. `untold` is news that nobody has told yet. `revision` counts changes made by callers, not what
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
    failed_at: datetime | None = None
    untold: Disabling | None = None
    revision: int = 1

    def wants(self, type_: str) -> bool:
        return not self.event_types or type_ in self.event_types


def endpoint_id(entropy: bytes) -> str:
    """`wh_` and seven characters, the last of which follows from the others.

    Inbound hooks have ids with the same prefix; by the last character an endpoint's id can be told from those without
    asking a store, even when the endpoint is gone or the caller unknown.
    """
    random_part = base62(int.from_bytes(entropy, "big"), _RANDOM_DIGITS)
    return f"{ID_PREFIX}{random_part}{_check_digit(random_part)}"


def is_endpoint_id(text: str) -> bool:
    """Whether `endpoint_id` may have made it. One in 62 texts of that length passes by chance."""
    match = _ID.fullmatch(text)
    return match is not None and _check_digit(match[1]) == match[2]


def _check_digit(random_part: str) -> str:
    return base62(zlib.crc32(random_part.encode()), 1)


def secret_of(key: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(key).decode()


def is_secret(text: str) -> bool:
    """Whether it is `whsec_` and the base64 of 24 to 64 bytes."""
    if not text.startswith(SECRET_PREFIX) or len(text) > 100:
        return False
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        return False
    return 24 <= len(key) <= 64
