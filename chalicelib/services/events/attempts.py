"""Attempts: one delivery sent to its endpoint, and what follows from the answer.

A delivery is claimed before it is sent and what came of it is written under that claim, so that at most one attempt of
it is under way. A crash in between leaves a claim that runs out, and the attempt is made again: receivers get every
event at least once, and know a repetition by its id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.deliveries import (
    EXCERPT_BYTES,
    Attempt,
    Delivery,
    DeliveryPlace,
    DeliveryStatus,
    next_delay_seconds,
)
from chalicelib.domain.endpoints import FAILURES_UNTIL_DISABLED, SILENCE, Endpoint, EndpointStatus
from chalicelib.domain.errors import (
    EndpointNotFoundError,
    InvalidError,
    LeaseLostError,
    OutboundError,
    OutboundRefusedError,
    OutboundTimeoutError,
    UnavailableError,
)
from chalicelib.domain.hints import MOST_DELAY_SECONDS, RESEND_SECONDS, whole_delay
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import encode
from chalicelib.domain.retry import fraction, retry_after
from chalicelib.services.events.endpoint_gate import EndpointGate
from chalicelib.services.events.events import Events
from chalicelib.services.events.failure_news import FailureNews
from chalicelib.services.events.held import release_unless_paused
from chalicelib.services.events.messages import headers_for
from chalicelib.services.events.ports import DeliveryQueue, DeliveryStore, EndpointStore
from chalicelib.services.ports import Clock, CounterStore, HttpSender

logger = logging.getLogger(__name__)

SPARE_SECONDS = 3.0  # of the function's time, for what is written after the answer
LEAST_SECONDS = 1.0  # an attempt with less would fail for our haste, and count against the receiver
LEASE_SPARE_SECONDS = 15.0  # beyond the attempt's own time: waiting for a turn, and the writes that follow
TURN_SECONDS = 0.02
TURN_LOOKS = 25
"""How often a delivery looks, so many seconds apart, whether it is its turn, before it is put off."""
LONGEST_WAIT = 64
"""How many times the first pause a delivery waits for its turn at most."""

_ASKS_FOR_A_PAUSE = frozenset({429, 503})
_GONE = 410


@dataclass(frozen=True, slots=True)
class Deliverer:
    """`timeout_seconds` bounds an attempt. `gate` is shared by everybody who attempts in this process."""

    deliveries: DeliveryStore
    endpoints: EndpointStore
    queue: DeliveryQueue
    counters: CounterStore
    sender: HttpSender
    emitting: Events
    clock: Clock
    timeout_seconds: float = 15.0
    gate: EndpointGate = field(default_factory=EndpointGate)

    def attempt(self, place: DeliveryPlace, until: datetime) -> None:
        """Makes the attempt that is due, if one is; the function must have let go of it by `until`. Raises
        UnavailableError."""
        now = self.clock.now()
        seconds = min(self.timeout_seconds, (until - now).total_seconds() - SPARE_SECONDS)
        if seconds < LEAST_SECONDS:
            # Not claimed yet, so nothing has to be undone: another invocation takes it up with all of its time.
            self.queue.send_deliveries((place,))
            return
        lease_expires_at = now + timedelta(seconds=seconds + LEASE_SPARE_SECONDS)
        delivery = self.deliveries.claim(place, now=now, lease_expires_at=lease_expires_at)
        # Not due, held by somebody else or over: hints come late, and more than once.
        if delivery is None:
            return
        try:
            _Hold(self, delivery, seconds).drive()
        except LeaseLostError:
            logger.info("overtaken", extra={"action": "delivery_overtaken", "delivery_id": place.id})


class _Hold:
    """One claim of one delivery, from its beginning to its end."""

    def __init__(self, deliverer: Deliverer, delivery: Delivery, seconds: float) -> None:
        self._deliverer = deliverer
        self._delivery = delivery
        self._place = delivery.place
        self._seconds = seconds
        # Follows from the claim, so that a replay computes the same pauses; each claim draws anew.
        self._chance = fraction(f"{delivery.id}/{delivery.fence}")
        self._news = FailureNews(deliverer.endpoints, deliverer.emitting)

    def drive(self) -> None:
        try:
            endpoint = self._deliverer.endpoints.get(self._place.workspace_id, self._place.endpoint_id)
        except EndpointNotFoundError:
            self._give_up("the webhook was deleted")
            return
        if endpoint.untold is not None:
            # Whoever disabled it died before he told of it.
            self._news.tell_disabling(endpoint, endpoint.untold)
        match endpoint.status:
            case EndpointStatus.PAUSED:
                self._hold()
            case EndpointStatus.DISABLED:
                self._give_up_untried(endpoint, endpoint.status_reason or "the webhook is disabled")
            case EndpointStatus.ACTIVE:
                self._attempt_in_turn(endpoint)

    # -- without an attempt -------------------------------------------------------------------------------------------

    def _give_up_untried(self, endpoint: Endpoint, reason: str) -> None:
        self._news.tell_given_up(endpoint, self._delivery, reason, self._deliverer.clock.now())
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self._put_off(DeliveryStatus.DEAD, reason=reason)

    def _hold(self) -> None:
        # Held first, looked at after: whoever resumes in between releases what is held, and may have looked before.
        self._put_off(DeliveryStatus.HELD)
        deliverer = self._deliverer
        if release_unless_paused(deliverer.endpoints, deliverer.deliveries, self._place, deliverer.clock.now()):
            self._hint(0.0)

    def _put_off(self, status: DeliveryStatus, seconds: float | None = None, reason: str | None = None) -> None:
        """Later by so many seconds, if it goes on."""
        next_attempt_at, due_at = self._times(seconds)
        self._deliverer.deliveries.put_off(
            self._place,
            self._delivery.fence,
            status=status,
            next_attempt_at=next_attempt_at,
            due_at=due_at,
            reason=reason,
        )
        self._hint(seconds)

    def _times(self, seconds: float | None) -> tuple[datetime | None, datetime | None]:
        """When the next attempt is, and when the tick looks: at once where the hint is up to it, else after it."""
        if seconds is None:
            return None, None
        at = self._deliverer.clock.now() + timedelta(milliseconds=round(seconds * 1000))
        # A hint within the queue's reach has a minute before the tick looks; what is later has none but the tick's.
        is_near = seconds <= MOST_DELAY_SECONDS
        return at, at + timedelta(seconds=RESEND_SECONDS) if is_near else at

    def _hint(self, seconds: float | None) -> None:
        if seconds is None or seconds > MOST_DELAY_SECONDS:
            return
        try:
            self._deliverer.queue.send_deliveries((self._place,), whole_delay(seconds))
        except UnavailableError:
            logger.warning("the tick hints", extra={"action": "hint_lost", "delivery_id": self._place.id})

    # -- with an attempt ----------------------------------------------------------------------------------------------

    def _attempt_in_turn(self, endpoint: Endpoint) -> None:
        """Not beyond what the endpoint is to get at the same time, or in a second."""
        gate = self._deliverer.gate
        if not self._is_let_in(endpoint):
            pause = self._deliverer.timeout_seconds / 2 if gate.is_hung(endpoint.id) else 1.0
            # Claims that brought no attempt: who has waited often waits longer, so that many that wait cost little.
            turns = self._delivery.fence - self._delivery.attempts
            times = min(2 ** max(turns - 1, 0), LONGEST_WAIT)
            self._put_off(DeliveryStatus.PENDING, pause * times * (1 + 2 * self._chance))
            return
        timed_out: bool | None = None
        began_at = self._deliverer.clock.now()
        try:
            excess = self._excess(endpoint)
            if excess is not None:
                self._put_off(DeliveryStatus.PENDING, excess)
                return
            timed_out = self._attempt(endpoint)
        finally:
            seconds = (self._deliverer.clock.now() - began_at).total_seconds()
            # In any case: a place that nobody leaves would be missing until the process ends.
            gate.leave(endpoint.id, timed_out=timed_out, seconds=seconds)

    def _is_let_in(self, endpoint: Endpoint) -> bool:
        """Where turns are short, a moment's wait costs less than another claim; it never adds up to a slow receiver's
        time, because one who waited in vain is the last to wait."""
        gate, is_failing = self._deliverer.gate, endpoint.failing_since is not None
        for _ in range(TURN_LOOKS):
            if gate.enter(endpoint.id, is_failing=is_failing):
                return True
            if not gate.is_quick(endpoint.id, is_failing=is_failing):
                return False
            self._deliverer.clock.sleep(TURN_SECONDS)
        gate.note_wait(endpoint.id)
        return False

    def _excess(self, endpoint: Endpoint) -> float | None:
        """How long the delivery waits because this second's are used up; None if they are not. Many that wait are
        spread over as many seconds as it takes to send them."""
        if endpoint.rate_limit is None:
            return None
        now = self._deliverer.clock.now()
        name = f"deliveries/{endpoint.id}/{int(now.timestamp())}"
        # The second is part of the name, so nobody ever resets a counter; it outlives its second for slow clocks.
        count = self._deliverer.counters.add(name, 1, now + timedelta(minutes=5))
        if count <= endpoint.rate_limit:
            return None
        # Those counted before fill so many seconds: who waits is sent somewhere within them, by chance.
        until_next = 1.0 - now.microsecond / 1_000_000
        return until_next + self._chance * ((count - 1) // endpoint.rate_limit)

    def _attempt(self, endpoint: Endpoint) -> bool:
        """Whether it timed out."""
        clock = self._deliverer.clock
        began_at = clock.now()
        answer: HttpResponse | None = None
        error: OutboundError | InvalidError | None = None
        try:
            answer = self._deliverer.sender.send(self._request(endpoint, began_at))
        except (OutboundError, InvalidError) as raised:
            error = raised
        attempt = Attempt(
            number=self._delivery.attempts + 1,
            at=began_at,
            latency_ms=round((clock.now() - began_at).total_seconds() * 1000),
            status=answer.status if answer is not None else None,
            error=error.message if error is not None else None,
            excerpt=answer.body[:EXCERPT_BYTES].decode("utf-8", "replace") if answer is not None else None,
        )
        if attempt.succeeded:
            if endpoint.failing_since is not None:
                # First, because nobody comes back to a delivery that is recorded: a death in between would leave the
                # endpoint failing, and it would be disabled too early.
                self._deliverer.endpoints.note_success(endpoint.workspace_id, endpoint.id)
            self._record(attempt, DeliveryStatus.SUCCEEDED)
        # The address or the request itself is at fault, so that a further attempt would end alike.
        elif isinstance(error, (OutboundRefusedError, InvalidError)):
            self._bury(endpoint, attempt, error.message)
        elif attempt.status == _GONE:
            self._bury(endpoint, attempt, "the receiver answered 410 Gone", disables=True)
        else:
            self._go_on_after(endpoint, attempt, self._wish(answer))
        return isinstance(error, OutboundTimeoutError)

    def _request(self, endpoint: Endpoint, at: datetime) -> HttpRequest:
        # Encoded anew at each attempt, and always the same bytes: receivers compare signatures and bodies.
        body = encode(self._delivery.payload)
        return HttpRequest(
            "POST",
            endpoint.url,
            headers=headers_for(endpoint, self._delivery, at, body),
            body=body,
            timeout_seconds=self._seconds,
            max_response_bytes=EXCERPT_BYTES,
            cut_response=True,
        )

    def _wish(self, answer: HttpResponse | None) -> float | None:
        if answer is None or answer.status not in _ASKS_FOR_A_PAUSE:
            return None
        return retry_after(answer.headers.get("retry-after"), self._deliverer.clock.now())

    def _go_on_after(self, endpoint: Endpoint, attempt: Attempt, wish: float | None) -> None:
        delay = next_delay_seconds(self._delivery.tried + 1, self._chance, wish)
        if delay is None:
            self._bury(endpoint, attempt, None)
            return
        # Recorded first: a death in between loses a note, which the next failure makes, and repeats no attempt.
        self._record(attempt, DeliveryStatus.PENDING, delay)
        self._note_failure(endpoint, attempt)
        self._hint(delay)

    def _bury(self, endpoint: Endpoint, attempt: Attempt, reason: str | None, *, disables: bool = False) -> None:
        """Makes the delivery a dead letter, once everything is done that follows from it: after a crash in between, all
        of it is done again."""
        self._news.tell_dead_letter(endpoint, self._delivery, attempt, reason)
        if disables and self._is_still_there(endpoint):
            since, now = endpoint.failing_since or attempt.at, self._deliverer.clock.now()
            self._news.disable(endpoint, self._delivery, attempt, reason=str(reason), since=since, at=now)
        # Before the record, because nobody comes back to a dead letter: a disabling might go untold.
        self._note_failure(endpoint, attempt)
        self._record(attempt, DeliveryStatus.DEAD, reason=reason)

    def _is_still_there(self, endpoint: Endpoint) -> bool:
        """Whether events go to that URL still: what is gone at an old one says nothing of the one that replaced it."""
        try:
            stored = self._deliverer.endpoints.get(endpoint.workspace_id, endpoint.id)
        except EndpointNotFoundError:
            return False
        # By the URL and not by the revision: a new name does not bring back a receiver that is gone.
        return stored.url == endpoint.url

    def _record(
        self, attempt: Attempt, status: DeliveryStatus, seconds: float | None = None, reason: str | None = None
    ) -> None:
        next_attempt_at, due_at = self._times(seconds)
        self._deliverer.deliveries.attempted(
            self._place,
            self._delivery.fence,
            attempt,
            status=status,
            next_attempt_at=next_attempt_at,
            due_at=due_at,
            reason=reason,
        )
        facts = {"action": "delivery_attempted", "delivery_id": self._place.id, "status": status.value}
        logger.info("attempted", extra={**facts, "attempt": attempt.number, "answer": attempt.status})

    def _note_failure(self, endpoint: Endpoint, attempt: Attempt) -> None:
        endpoints = self._deliverer.endpoints
        # Forgotten before it is noted, or `failing_since` would stay at the failure of long ago.
        if endpoint.failed_at is not None and attempt.at - endpoint.failed_at > SILENCE:
            endpoints.note_success(endpoint.workspace_id, endpoint.id)
        since = endpoints.note_failure(endpoint.workspace_id, endpoint.id, attempt.at)
        if attempt.at - since >= FAILURES_UNTIL_DISABLED:
            reason = f"no delivery has succeeded for {FAILURES_UNTIL_DISABLED.days} days"
            self._news.disable(endpoint, self._delivery, attempt, reason=reason, since=since, at=attempt.at)
