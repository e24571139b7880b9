"""Telling an event to its listeners: deliveries for endpoints, runs of workflows, and whatever else listens.

What a listener gets has an id that follows from the emission and the listener. So an event may be told twice, or in
part and then again, and everybody hears of it once; it stays in the due index until it was told to all. Listeners are
told in the order of their names, so that who has to stop can note how far he came, whoever subscribes meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.deliveries import Delivery, DeliveryPlace, DeliveryStatus, Origin, delivery_id
from chalicelib.domain.endpoints import Endpoint, EndpointStatus
from chalicelib.domain.errors import EndpointNotFoundError, PenstockError, UnavailableError, WorkflowNotFoundError
from chalicelib.domain.events import (
    ERRORS,
    MAX_HOPS,
    Cause,
    Emission,
    Event,
    EventPlace,
    emit_id,
    event_type,
)
from chalicelib.domain.flows.flows import object_id_of
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.identity import short_workspace_id
from chalicelib.domain.ids import derived
from chalicelib.domain.run import Start
from chalicelib.domain.subscriptions import ListenerKind, Subscription, hears
from chalicelib.domain.workflow import CELIGO, WorkflowStatus
from chalicelib.services.events import error_events
from chalicelib.services.events.events import Events
from chalicelib.services.events.failure_news import FailureNews
from chalicelib.services.events.held import release_unless_paused
from chalicelib.services.events.ports import DeliveryQueue, DeliveryStore, EndpointStore, EventStore, SubscriptionStore
from chalicelib.services.ports import Clock, Spawner, WorkflowStore
from chalicelib.services.runs.runs import Runs

logger = logging.getLogger(__name__)

SLICE = 100
SPARE_SECONDS = 3.0  # of the function's time, for noting how far it came
FEW = 10
"""Up to so many endpoints are read one by one, by whoever tells them."""

DISABLED_REASON = "the webhook is disabled"

TellListener = Callable[[Event, Subscription], None]
"""Tells one listener of a kind, once however often it is called. May raise UnavailableError, and then is called again;
a listener that is gone is no error."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """`others` are kinds of listeners that this module knows nothing of; without one, nobody of the kind is told."""

    events: EventStore
    subscriptions: SubscriptionStore
    endpoints: EndpointStore
    deliveries: DeliveryStore
    queue: DeliveryQueue
    workflows: WorkflowStore
    runs: Runs
    emitting: Events
    clock: Clock
    spawner: Spawner
    others: Mapping[ListenerKind, TellListener] = field(default_factory=dict)

    def tell(self, place: EventPlace, until: datetime) -> None:
        """Tells the event to everybody who hears it, as far as that goes before `until`, when the function must have
        let go of it; another message, or the due index, brings the rest. Raises UnavailableError."""
        event = self.events.get(place)
        telling = None if event is None else _Telling(self, event)
        if telling is None or telling.tell(until - timedelta(seconds=SPARE_SECONDS)):
            self.events.settle(place)
            return
        logger.info("not told to all yet", extra={"action": "telling_goes_on", "event_id": str(place.id)})
        if telling.told is not None:
            self.events.note_told(place, telling.told)
            # Only after progress: who had no time for a single slice would otherwise call for himself without end.
            with suppress(UnavailableError):
                self.queue.send_event(place)


class _Telling:
    """One event being told. `told` is the last of those who all have heard of it by now, if this made any progress."""

    def __init__(self, fanout: Fanout, event: Event) -> None:
        self.told: str | None = None
        self._fanout = fanout
        self._event = event
        self._endpoints: Mapping[str, Endpoint] | None = None
        self._made: list[DeliveryPlace] = []
        self._failures: list[UnavailableError] = []

    def tell(self, stop_at: datetime) -> bool:
        """False if the time was over first."""
        # By name and not by number: subscriptions that came or went since then move nobody across this mark.
        listeners = [each for each in self._listeners() if _name(each) > (self._event.told or "")]
        if any(not is_webhook(each) for each in listeners) and self._is_over_the_limit():
            # Webhooks end outside, so nothing follows from them: they still hear, however long the chain is.
            listeners = [each for each in listeners if is_webhook(each)]
            self._emit_hop_limit()
        webhooks = [each.listener_id for each in listeners if is_webhook(each)]
        if len(webhooks) > FEW:
            self._endpoints = self._fanout.endpoints.find(self._event.emission.emitter.workspace_id, webhooks)
        # A slice is as many threads at once, and what is lost at most when the function ends in the middle of it.
        for begin in range(0, len(listeners), SLICE):
            if self._fanout.clock.now() >= stop_at:
                return False
            told = listeners[begin : begin + SLICE]
            self._tell_slice(told)
            # Once somebody failed the mark stays before them, or they would never hear: who did is told twice instead.
            if not self._failures:
                self.told = _name(told[-1])
        if self._failures:
            # Only now, when everybody else was told; the message comes again, and the due index keeps the event.
            raise self._failures[0]
        return True

    def _listeners(self) -> list[Subscription]:
        """Each listener once, however many subscriptions it has; in the order of their names."""
        emission = self._event.emission
        emitter = emission.emitter
        matching = self._fanout.subscriptions.matching(emitter.workspace_id, emitter.kind, emitter.id, emission.channel)
        chosen: dict[tuple[ListenerKind, str], Subscription] = {}
        # Of several subscriptions of one listener always the same is chosen: it is whose user the run belongs to.
        for subscription in sorted(matching, key=lambda each: each.id):
            if hears(subscription, self._event):
                chosen.setdefault((subscription.listener_kind, subscription.listener_id), subscription)
        return sorted(chosen.values(), key=_name)

    def _tell_slice(self, listeners: Iterable[Subscription]) -> None:
        group = self._fanout.spawner.group()
        count = 0
        for listener in listeners:
            group.start(lambda listener=listener: self._tell_one(listener))  # type: ignore[misc]
            count += 1
        # All of them end before the slice counts as told, whichever failed.
        for _ in range(count):
            group.wait()
        made, self._made = self._made, []
        if made:
            self._hint(tuple(made))

    def _tell_one(self, listener: Subscription) -> None:
        """What fails for one listener keeps nobody else from hearing of the event."""
        facts = {"action": "telling_failed", "listener_id": listener.listener_id}
        try:
            match listener.listener_kind:
                case ListenerKind.WEBHOOK:
                    self._tell_webhook(listener.listener_id)
                case ListenerKind.WORKFLOW:
                    self._tell_workflow(listener)
                case kind:
                    self._tell_other(kind, listener)
        except UnavailableError as error:
            # Appended to from several threads: one append is atomic, and only the first failure is ever looked at.
            self._failures.append(error)
        except PenstockError as error:
            logger.warning("the listener was not told: %s", error.message, extra=facts)

    # -- endpoints ----------------------------------------------------------------------------------------------------

    def _tell_webhook(self, endpoint_id: str) -> None:
        endpoint = self._endpoint(endpoint_id)
        emission = self._event.emission
        if endpoint is None:
            return
        if endpoint.untold is not None:
            FailureNews(self._fanout.endpoints, self._fanout.emitting).tell_disabling(endpoint, endpoint.untold)
        if not endpoint.wants(event_type(emission.channel, emission.payload)):
            return
        if emission.channel == ERRORS and error_events.is_about(emission.payload, endpoint_id):
            return  # it would fail at hearing of its own failures, and that would be the next one
        delivery = self._delivery(endpoint)
        is_new = self._fanout.deliveries.create(delivery)
        match delivery.status:
            case DeliveryStatus.DEAD:
                is_to_be_attempted = False
            # It was active a moment ago; should it be paused by now, the attempt finds that out and holds it.
            case DeliveryStatus.PENDING if is_new:
                is_to_be_attempted = True
            case _:
                is_to_be_attempted = self._release(delivery.place)
        if is_to_be_attempted:
            self._made.append(delivery.place)

    def _release(self, place: DeliveryPlace) -> bool:
        """Of one that was there before, it is not known whether whoever made it came to look at the endpoint again."""
        fanout = self._fanout
        return release_unless_paused(fanout.endpoints, fanout.deliveries, place, fanout.clock.now())

    def _endpoint(self, endpoint_id: str) -> Endpoint | None:
        if self._endpoints is not None:
            return self._endpoints.get(endpoint_id)
        try:
            return self._fanout.endpoints.get(self._event.emission.emitter.workspace_id, endpoint_id)
        except EndpointNotFoundError:
            return None

    def _delivery(self, endpoint: Endpoint) -> Delivery:
        """Its place follows from the event, as its id does: repeated telling finds it there."""
        event, emission, now = self._event, self._event.emission, self._fanout.clock.now()
        emitter = emission.emitter
        origin = Origin(emitter.kind, emitter.id, emission.channel, str(event.id), emission.emit_id, emission.hops)
        is_live = endpoint.status is EndpointStatus.ACTIVE
        is_dead = endpoint.status is EndpointStatus.DISABLED
        status = DeliveryStatus.DEAD if is_dead else DeliveryStatus.PENDING if is_live else DeliveryStatus.HELD
        return Delivery(
            id=delivery_id(emission.emit_id, endpoint.id),
            workspace_id=endpoint.workspace_id,
            endpoint_id=endpoint.id,
            type=event_type(emission.channel, emission.payload),
            payload=emission.payload,
            origin=origin,
            created_at=event.stored_at,
            status=status,
            next_attempt_at=now if is_live else None,
            due_at=now + timedelta(seconds=RESEND_SECONDS) if is_live else None,
            finished_at=now if is_dead else None,
            reason=endpoint.status_reason or DISABLED_REASON if is_dead else None,
        )

    def _hint(self, places: tuple[DeliveryPlace, ...]) -> None:
        try:
            self._fanout.queue.send_deliveries(places)
        except UnavailableError:
            facts = {"action": "delivery_hints_lost", "event_id": str(self._event.id)}
            logger.warning("deliveries begin a little later", extra=facts)

    # -- workflows and others -----------------------------------------------------------------------------------------

    def _tell_workflow(self, listener: Subscription) -> None:
        """A workflow that is gone or inactive is not told."""
        emission = self._event.emission
        try:
            workflow = self._fanout.workflows.get(listener.workspace_id, listener.listener_id)
        except WorkflowNotFoundError:
            return
        if workflow.status is not WorkflowStatus.ACTIVE:
            return
        cause = Cause(emission.emitter.id, emission.channel, str(self._event.id), emission.hops + 1)
        # Derived, so that starting it again finds the run of the first telling.
        run_id = listener_run_id(emission.emit_id, listener.listener_id)
        if workflow.dialect == CELIGO:
            # That door's ids are 24 hexadecimal digits with a time in front: the stored one, so that it stays the same.
            run_id = object_id_of(run_id, self._event.stored_at)
        start = Start(listener.user_id, cause=cause, run_id=run_id)
        self._fanout.runs.start(workflow, emission.payload, "event", start=start)

    def _tell_other(self, kind: ListenerKind, listener: Subscription) -> None:
        tell = self._fanout.others.get(kind)
        if tell is not None:
            tell(self._event, listener)

    def _is_over_the_limit(self) -> bool:
        return self._event.emission.hops >= MAX_HOPS

    def _emit_hop_limit(self) -> None:
        """One event on the emitter's `$errors`, unless this is one: that chain ends in silence."""
        event, emission = self._event, self._event.emission
        if emission.channel == ERRORS:
            return
        emitter = emission.emitter
        message = f"the event was told to no workflow or source: {MAX_HOPS} of them followed from one another before"
        context = error_events.context(
            emission.emit_id,
            event.stored_at,
            emitter.id,
            deployment=emitter.id,
            source_type="COMPONENT",
            owner_id=short_workspace_id(emitter.workspace_id),
        )
        error = error_events.error(error_events.HOP_LIMIT, message, event.stored_at)
        payload = error_events.event(emission.payload, "event", context, error)
        # Follows from the event: told in part and then again, it makes one event of `$errors` all the same.
        name = emit_id(event.stored_at, f"{emission.emit_id}/hops")
        told = Emission(emitter, ERRORS, {**payload, "event_id": str(event.id)}, name, cause=emission.cause)
        self._fanout.emitting.emit(told, may_repeat=True)


def _name(listener: Subscription) -> str:
    return f"{listener.listener_kind}/{listener.listener_id}"


def is_webhook(subscription: Subscription) -> bool:
    return subscription.listener_kind is ListenerKind.WEBHOOK


def listener_run_id(emission: str, listener_id: str) -> str:
    """The one id that the run can have with which a workflow hears of an emission."""
    return derived("exec_", f"{emission}/{listener_id}")
