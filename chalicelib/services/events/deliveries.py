"""Deliveries as callers see and steer them: lists, single ones with their attempts, doing them again.

Whatever makes a delivery pending writes first and hints after; the tick finds a delivery whose hint was lost. What may
concern more deliveries than one call should touch is a chore, which survives what a run survives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from chalicelib.domain.deliveries import (
    Attempt,
    Delivery,
    DeliveryFilter,
    DeliveryPage,
    DeliveryPlace,
    DeliveryStatus,
    Origin,
    delivery_id,
)
from chalicelib.domain.endpoints import Endpoint, EndpointStatus
from chalicelib.domain.errors import (
    ConflictError,
    DeliveryNotFoundError,
    EndpointNotFoundError,
    UnavailableError,
)
from chalicelib.domain.events import emit_id
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES
from chalicelib.domain.json import Json
from chalicelib.domain.times import parse_iso
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.events.ports import DeliveryQueue, DeliveryStore, EndpointStore
from chalicelib.services.ports import Clock, Entropy

if TYPE_CHECKING:
    from chalicelib.services.runs.chores import Arguments, Slice

AT_ONCE = 100
"""So many deliveries one call revives itself."""

PASSED_OVER = 10
"""So many pages without anything to revive one slice of a chore reads at most."""

RELEASE, RECOVER, FORGET = "release_deliveries", "recover_deliveries", "forget_deliveries"
"""Kinds of chores. Arguments: `endpoint_id`; where there are bounds `since` and `until`; `again_at`, until when the
chore goes on looking; `asked_at`, after which what died died of being recovered; `after`, where the list goes on."""

SETTLED = timedelta(seconds=30)
"""After so long a list by status shows whatever got that status before. It may lag behind the deliveries themselves."""

_DELETION = timedelta(seconds=60)
"""Longer than a call takes that deletes an endpoint."""

_log = logging.getLogger(__name__)
_RESEND = timedelta(seconds=RESEND_SECONDS)
_FINAL = frozenset(status for status in DeliveryStatus if status.is_final)
_TIMES = ("since", "until", "again_at", "asked_at")
_SOURCES = {RELEASE: DeliveryStatus.HELD, RECOVER: DeliveryStatus.DEAD}


class ChoreStarter(Protocol):
    def start(self, workspace_id: str, kind: str, arguments: Arguments) -> str: ...


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery with its payload and all its attempts, oldest first."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """`recovered` deliveries were made pending, or `run_id` goes on with what is too much for one call."""

    recovered: int
    run_id: str | None = None


def own_endpoint(store: EndpointStore, principal: Principal, endpoint_id: str, scope: Scope) -> Endpoint:
    """The way from a principal and an id to an endpoint. Raises ForbiddenError, EndpointNotFoundError."""
    require(principal, scope)
    if not is_id(endpoint_id):
        raise EndpointNotFoundError(endpoint_id=endpoint_id)
    return store.get(principal.workspace_id, endpoint_id)


class Deliveries:
    def __init__(
        self,
        store: DeliveryStore,
        endpoints: EndpointStore,
        queue: DeliveryQueue,
        chores: Callable[[], ChoreStarter],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._store = store
        self._endpoints = endpoints
        self._queue = queue
        self._chores = chores
        self._clock = clock
        self._entropy = entropy

    def page(self, endpoint: Endpoint, where: DeliveryFilter, after: str | None, limit: int) -> DeliveryPage:
        """Newest first, without payloads. Raises InvalidError for an `after` that no page named."""
        return self._store.page(endpoint.workspace_id, endpoint.id, where, after=after, limit=limit)

    def get(self, endpoint: Endpoint, delivery_id: str) -> DeliveryView:
        """Raises DeliveryNotFoundError."""
        delivery = self._delivery(endpoint, delivery_id)
        return DeliveryView(delivery, self._store.attempts(delivery.place))

    def redeliver(self, endpoint: Endpoint, delivery_id: str) -> Delivery:
        """Begins a new series of attempts, at once. One that is being attempted stays as it is.

        Raises DeliveryNotFoundError, ConflictError where it could not be delivered: it is held, or its endpoint is
        disabled.
        """
        delivery = self._delivery(endpoint, delivery_id)
        _refuse_disabled(endpoint)
        if delivery.status is DeliveryStatus.HELD:
            raise ConflictError("The delivery is held until its webhook is resumed.", delivery_id=delivery.id)
        now = self._clock.now()
        # Reviving raises the fence: what is being sent would go unrecorded, and be sent once more.
        attempted_now = delivery.lease_expires_at is not None and now < delivery.lease_expires_at
        if not attempted_now and self._revive((delivery,), _FINAL | {DeliveryStatus.PENDING}, now):
            return self._delivery(endpoint, delivery_id)
        return delivery

    def test(self, endpoint: Endpoint, type_: str, payload: Json) -> Delivery:
        """An event of its own for this endpoint alone, whatever its filter says. Raises TooLargeError."""
        now = self._clock.now()
        emission = emit_id(now, self._entropy.bytes(ENTROPY_BYTES).hex())
        delivery = Delivery(
            id=delivery_id(emission, endpoint.id),
            workspace_id=endpoint.workspace_id,
            endpoint_id=endpoint.id,
            type=type_,
            payload=payload,
            origin=Origin(None, "", "", "", emission),
            created_at=now,
            next_attempt_at=now,
            due_at=now + _RESEND,
        )
        # Written before it is hinted at; should the hint be lost, `due_at` brings the tick to it.
        self._store.create(delivery)
        self._hint((delivery.place,))
        return delivery

    def recover(self, endpoint: Endpoint, since: datetime, until: datetime | None = None) -> Recovery:
        """Delivers every dead letter again that was created in the time (inclusive; until now by default).

        Raises ConflictError where the endpoint is disabled.
        """
        _refuse_disabled(endpoint)
        until = until or self._clock.now()
        where = DeliveryFilter(frozenset({DeliveryStatus.DEAD}), since, until)
        page = self._store.page(endpoint.workspace_id, endpoint.id, where, after=None, limit=AT_ONCE)
        if page.next is None:
            return Recovery(self._revive(page.items, where.statuses, self._clock.now()))
        # What dies again while the chore goes on died after `asked_at`, or it would be recovered without end.
        arguments: dict[str, Json] = {
            "endpoint_id": endpoint.id,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "asked_at": self._clock.now().isoformat(),
        }
        return Recovery(0, self._chores().start(endpoint.workspace_id, RECOVER, arguments))

    def releasing(self, endpoint: Endpoint) -> str:
        """Starts the chore that releases what is held by an endpoint which is about to be resumed, even if whoever
        resumes it dies right after. It goes on looking for a while: what was held only a moment ago may not be listed
        yet."""
        again_at = (self._clock.now() + SETTLED).isoformat()
        arguments: dict[str, Json] = {"endpoint_id": endpoint.id, "again_at": again_at}
        return self._chores().start(endpoint.workspace_id, RELEASE, arguments)

    def release(self, endpoint: Endpoint, run_id: str) -> Recovery:
        """Makes pending what was held, unless there is so much that it is left to the chore that `releasing` named."""
        where = DeliveryFilter(frozenset({DeliveryStatus.HELD}))
        page = self._store.page(endpoint.workspace_id, endpoint.id, where, after=None, limit=AT_ONCE)
        if page.next is not None:
            return Recovery(0, run_id)
        return Recovery(self._revive(page.items, where.statuses, self._clock.now()))

    def forgetting(self, endpoint: Endpoint) -> None:
        """Sees to it that the deliveries of an endpoint go that is about to be deleted, even if whoever deletes it dies
        right after: what is held has no end of its own, and nobody would ever see it again."""
        if self._store.page(endpoint.workspace_id, endpoint.id, DeliveryFilter(), after=None, limit=1).items:
            again_at = (self._clock.now() + _DELETION).isoformat()
            arguments: dict[str, Json] = {"endpoint_id": endpoint.id, "again_at": again_at}
            self._chores().start(endpoint.workspace_id, FORGET, arguments)

    def forget(self, workspace_id: str, endpoint_id: str) -> None:
        """Removes the deliveries of an endpoint that is gone: as many as one call may, of which there usually are no
        more."""
        self._store.delete_of(workspace_id, endpoint_id, AT_ONCE)

    @property
    def slices(self) -> dict[str, Slice]:
        """What `Chores` needs to know."""
        return {RELEASE: self._release_slice, RECOVER: self._recover_slice, FORGET: self._forget_slice}

    def _release_slice(self, workspace_id: str, arguments: Arguments) -> bool:
        return self._sweep_slice(RELEASE, workspace_id, arguments)

    def _recover_slice(self, workspace_id: str, arguments: Arguments) -> bool:
        return self._sweep_slice(RECOVER, workspace_id, arguments)

    def _forget_slice(self, workspace_id: str, arguments: Arguments) -> bool:
        """Raises UnavailableError as long as the endpoint may yet be deleted."""
        # That there is no endpoint is the usual case: only then may its deliveries go.
        with suppress(EndpointNotFoundError):
            self._endpoints.get(workspace_id, str(arguments["endpoint_id"]))
            again_at = _time(arguments, "again_at")
            if again_at is not None and self._clock.now() < again_at:
                raise UnavailableError("The webhook is about to be deleted.")
            return False
        return self._store.delete_of(workspace_id, str(arguments["endpoint_id"]), AT_ONCE)

    def _sweep_slice(self, kind: str, workspace_id: str, arguments: Arguments) -> bool:
        """What was revived is no longer found, so each slice begins at the beginning. It ends where what is revived
        would at once be held or dead again, and so would be found for ever; what is so already is passed over. Raises
        UnavailableError, by which chores wait, as long as it is to look again."""
        endpoint_id = str(arguments["endpoint_id"])
        try:
            endpoint = self._endpoints.get(workspace_id, endpoint_id)
        except EndpointNotFoundError:
            return False
        if endpoint.status is EndpointStatus.DISABLED:
            return False
        since, until, again_at, asked_at = (_time(arguments, name) for name in _TIMES)
        # The chore is started before the endpoint is resumed, and may be quicker than whoever resumes it.
        if kind == RELEASE and endpoint.status is EndpointStatus.PAUSED:
            if again_at is not None and self._clock.now() < again_at:
                raise UnavailableError("The webhook is about to be resumed.")
            return False
        where = DeliveryFilter(frozenset({_SOURCES[kind]}), since, until)
        now = self._clock.now()
        wanted, following = self._first_wanted(endpoint, where, arguments, asked_at)
        self._revive(wanted, where.statuses, now)
        # The list comes from an index that lags: what was held just before the resumption shows up in it later.
        if following is None and again_at is not None and now < again_at:
            raise UnavailableError("What was held a moment ago may not be listed yet.")
        if following is not None and not wanted:
            # A chore's arguments never change: whoever goes on behind so many is another one. Should this slice be done
            # twice, both go on, and the second finds nothing dead.
            self._chores().start(workspace_id, kind, {**arguments, "after": following})
            return False
        return following is not None

    def _first_wanted(
        self, endpoint: Endpoint, where: DeliveryFilter, arguments: Arguments, asked_at: datetime | None
    ) -> tuple[tuple[Delivery, ...], str | None]:
        """What is to be revived of the first page that has such, and where the list goes on behind that page."""
        following = str(arguments["after"]) if "after" in arguments else None
        wanted: tuple[Delivery, ...] = ()
        for _ in range(PASSED_OVER):
            page = self._store.page(endpoint.workspace_id, endpoint.id, where, after=following, limit=AT_ONCE)
            wanted, following = tuple(each for each in page.items if not _ended_after(each, asked_at)), page.next
            if wanted or following is None:
                break
        return wanted, following

    def _revive(self, deliveries: tuple[Delivery, ...], sources: frozenset[DeliveryStatus], now: datetime) -> int:
        places = tuple(each.place for each in deliveries)
        # One conditional write each: what somebody else revived or deleted meanwhile is neither counted nor hinted at.
        revived = tuple(place for place in places if self._store.revive(place, sources, now + _RESEND, now))
        if revived:
            self._hint(revived)
        return len(revived)

    def _hint(self, places: tuple[DeliveryPlace, ...]) -> None:
        try:
            self._queue.send_deliveries(places)
        except UnavailableError:
            _log.warning("the tick hints", extra={"action": "hint_lost", "delivery_id": places[0].id})

    def _delivery(self, endpoint: Endpoint, delivery_id: str) -> Delivery:
        if not is_id(delivery_id):
            raise DeliveryNotFoundError(delivery_id=delivery_id)
        return self._store.get(endpoint.workspace_id, endpoint.id, delivery_id)


def _ended_after(delivery: Delivery, at: datetime | None) -> bool:
    return at is not None and delivery.finished_at is not None and delivery.finished_at > at


def _time(arguments: Arguments, name: str) -> datetime | None:
    return parse_iso(str(arguments[name])) if name in arguments else None


def _refuse_disabled(endpoint: Endpoint) -> None:
    if endpoint.status is EndpointStatus.DISABLED:
        raise ConflictError("The webhook is disabled; resume it first.", endpoint_id=endpoint.id)
