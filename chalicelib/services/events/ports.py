"""What events, subscriptions and deliveries need from the outside.

As in `services.ports`: every store method may raise UnavailableError, and conditions are evaluated by the store,
atomically.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chalicelib.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    DeliveryPlace,
    DeliveryStatus,
    DueDelivery,
)
from chalicelib.domain.endpoints import Disabling, Endpoint
from chalicelib.domain.events import (
    DueEvent,
    Emission,
    Emitter,
    EmitterKind,
    Event,
    EventId,
    EventPage,
    EventPlace,
    EventQuery,
)
from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.domain.subscriptions import AutoSubscription, Subscription
from chalicelib.domain.usage import Usage


class EventStore(Protocol):
    """Streams of events. Reads are consistent."""

    def append(self, emission: Emission, *, now: datetime, due_at: datetime | None, may_repeat: bool = False) -> Event:
        """Stores the emission as the newest of its stream and returns it. With `due_at` it is in the due index until
        `settle`. With `may_repeat`, an event of this `emit_id` among the stream's newest is returned instead: the
        caller cannot rule out that it appended it before. Without, only if it is the newest. Raises TooLargeError."""

    def put(self, event: Event, *, due_at: datetime | None) -> bool:
        """Stores an event under the id that it has, which nobody else may give: for a stream of which one alone gives
        the ids. Once it is stored, repeating that changes nothing. False if another event has the id. Raises
        TooLargeError."""

    def get(self, place: EventPlace) -> Event | None: ...

    def page(self, emitter: Emitter, stream: str, query: EventQuery) -> EventPage:
        """Newest first."""

    def delete(self, emitter: Emitter, stream: str, start: EventId | None, end: EventId | None, limit: int) -> bool:
        """Removes up to `limit` events of an inclusive range, whether or not everybody has heard of them; True if
        there may be more."""

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueEvent, ...]:
        """Entries of one shard of the due index with `due_at` up to `now`, earliest first."""

    def rearm(self, place: EventPlace, seen_due_at: datetime, due_at: datetime) -> bool:
        """Moves the due time, if it still is `seen_due_at`; False otherwise."""

    def note_told(self, place: EventPlace, told: str) -> None:
        """Sets the event's `told`; nothing happens if it is gone."""

    def settle(self, place: EventPlace) -> None:
        """Takes the event out of the due index; nothing happens if it is gone."""


class SubscriptionStore(Protocol):
    """Reads are consistent."""

    def create(self, subscription: Subscription) -> Subscription:
        """Stores it, or returns the one that its triple has."""

    def delete(self, workspace_id: str, emitter: str, channel: str, listener_id: str) -> bool:
        """False if there was none."""

    def list(self, workspace_id: str) -> tuple[Subscription, ...]:
        """Newest first (created_at, then id)."""

    def any_for(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> bool:
        """Whether an event may have listeners. True may be wrong, False may not. A few reads at most, however many
        subscriptions there are."""

    def matching(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> tuple[Subscription, ...]:
        """Those by id and those by glob."""

    def delete_of(self, workspace_id: str, resource_id: str) -> None:
        """Removes every subscription and auto-subscription that names it as emitter or listener."""

    def create_auto(self, auto: AutoSubscription) -> AutoSubscription:
        """Stores it, or returns the one that its channel and listener have."""

    def list_auto(self, workspace_id: str) -> tuple[AutoSubscription, ...]: ...

    def delete_auto(self, workspace_id: str, channel: str, listener_id: str) -> bool: ...


class EndpointStore(Protocol):
    """Reads are consistent."""

    def create(self, endpoint: Endpoint) -> None:
        """Raises AlreadyExistsError."""

    def get(self, workspace_id: str, endpoint_id: str) -> Endpoint:
        """Raises EndpointNotFoundError."""

    def find(self, workspace_id: str, endpoint_ids: Sequence[str]) -> Mapping[str, Endpoint]:
        """By id, those of them that there are."""

    def replace(self, endpoint: Endpoint) -> None:
        """Stores what callers may change over the revision before its own. Raises StaleWriteError,
        EndpointNotFoundError."""

    def delete(self, workspace_id: str, endpoint_id: str) -> None: ...

    def list(self, workspace_id: str) -> tuple[Endpoint, ...]:
        """Newest first (created_at, then id)."""

    def note_failure(self, workspace_id: str, endpoint_id: str, at: datetime) -> datetime:
        """Sets `failed_at`, and `failing_since` unless it is set; returns the latter. `at` if the endpoint is gone."""

    def note_success(self, workspace_id: str, endpoint_id: str) -> None:
        """Removes `failing_since` and `failed_at`."""

    def disable(
        self, workspace_id: str, endpoint_id: str, reason: str, at: datetime, news: Disabling | None = None
    ) -> bool:
        """Disables an endpoint that is not, with the news that is to be told of it; False if it was, or is gone.
        Raises the revision."""

    def note_told(self, workspace_id: str, endpoint_id: str, news: Disabling) -> None:
        """Removes this news; nothing happens if there is other news or none."""


class DeliveryStore(Protocol):
    """A write under a claim names its fence and raises LeaseLostError when the stored fence is another."""

    def create(self, delivery: Delivery) -> bool:
        """False if a delivery of this id is there. Raises TooLargeError."""

    def claim(self, place: DeliveryPlace, *, now: datetime, lease_expires_at: datetime) -> Delivery | None:
        """Raises the fence of a pending delivery whose next attempt is due and which nobody holds, sets lease and
        due_at to the lease's end, and returns it, payload included, in one conditional write. None otherwise."""

    def attempted(
        self,
        place: DeliveryPlace,
        fence: int,
        attempt: Attempt,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        """Keeps the attempt and releases the claim: one more of `attempts` and `tried`, the new status. Raises
        LeaseLostError."""

    def put_off(
        self,
        place: DeliveryPlace,
        fence: int,
        *,
        status: DeliveryStatus,
        next_attempt_at: datetime | None,
        due_at: datetime | None,
        reason: str | None = None,
    ) -> None:
        """Releases the claim without an attempt: later, held, or dead for `reason`. Raises LeaseLostError."""

    def revive(self, place: DeliveryPlace, sources: frozenset[DeliveryStatus], due_at: datetime, now: datetime) -> bool:
        """Makes a delivery in one of these statuses pending and due at once, as a new series, with a new fence. False
        if it is in another or gone."""

    def get(self, workspace_id: str, endpoint_id: str, delivery_id: str) -> Delivery:
        """With its payload, consistently. Raises DeliveryNotFoundError."""

    def attempts(self, place: DeliveryPlace) -> tuple[Attempt, ...]:
        """All of them, oldest first."""

    def page(
        self, workspace_id: str, endpoint_id: str, where: DeliveryFilter, *, after: str | None, limit: int
    ) -> DeliveryPage:
        """Raises InvalidError for an `after` that no page named."""

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueDelivery, ...]: ...

    def rearm(self, place: DeliveryPlace, seen_due_at: datetime, due_at: datetime) -> bool: ...

    def delete_of(self, workspace_id: str, endpoint_id: str, limit: int) -> bool:
        """Removes up to `limit` deliveries of an endpoint that is gone; True if there may be more."""


class DeliveryQueue(Protocol):
    """Hints for the deliveries function. Each may be lost, repeated or late."""

    def send_event(self, place: EventPlace) -> None:
        """The event is to be told to its listeners."""

    def send_deliveries(self, places: tuple[DeliveryPlace, ...], delay_seconds: int = 0) -> None:
        """Attempts are due, after 0 to 900 seconds."""


class UsageStore(Protocol):
    """What a workspace used on a day (UTC)."""

    def add(self, workspace_id: str, day: str, used: Usage) -> None:
        """`day` as `YYYY-MM-DD`."""

    def of(self, workspace_id: str, day: str) -> Usage: ...


class ProfileStore(Protocol):
    """Reads are consistent, and None for whoever was never put."""

    def put_user(self, profile: UserProfile) -> None:
        """Stores or replaces it."""

    def user(self, user_id: str) -> UserProfile | None: ...

    def put_workspace(self, profile: WorkspaceProfile) -> None:
        """Stores or replaces it."""

    def workspace(self, workspace_id: str) -> WorkspaceProfile | None: ...
