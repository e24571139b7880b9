"""What is told of deliveries that nobody took and of endpoints that were disabled: events of `$errors`.

An endpoint's disabling is stored together with the news of it, in one write, and the news goes once it was told. What
a death leaves behind, the next who looks at the endpoint finds: the news names its emitter and makes the emission's
id, so that telling it again is no second event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.deliveries import Attempt, Delivery, Origin
from chalicelib.domain.endpoints import Disabling, Endpoint
from chalicelib.domain.events import ERRORS, Cause, Emission, Emitter, emit_id
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.times import from_epoch_ms
from chalicelib.services.events.events import Events
from chalicelib.services.events.messages import dead_letter, disabled, shown
from chalicelib.services.events.ports import EndpointStore


@dataclass(frozen=True, slots=True)
class FailureNews:
    endpoints: EndpointStore
    emitting: Events

    def tell_dead_letter(self, endpoint: Endpoint, delivery: Delivery, attempt: Attempt, reason: str | None) -> None:
        """Of a delivery that ends with this attempt. May be repeated. Raises UnavailableError."""
        payload = dead_letter(endpoint, delivery, attempt, reason, attempt.at)
        self._tell_of(delivery, payload, f"{delivery.id}/dead/{attempt.number}")

    def tell_given_up(self, endpoint: Endpoint, delivery: Delivery, reason: str, at: datetime) -> None:
        """Of a delivery that ends without a further attempt. May be repeated. Raises UnavailableError."""
        payload = dead_letter(endpoint, delivery, delivery.last, reason, at)
        # Named as if the attempt had been made: where one was, told of, and lost with its worker, it is the same news.
        self._tell_of(delivery, payload, f"{delivery.id}/dead/{delivery.attempts + 1}")

    def disable(
        self, endpoint: Endpoint, delivery: Delivery, attempt: Attempt, *, reason: str, since: datetime, at: datetime
    ) -> None:
        """Disables the endpoint, unless it is, and tells of it. Raises UnavailableError."""
        origin = delivery.origin
        news = None
        if origin.emitter_kind is not None:
            # Whole milliseconds, as they are stored: they are part of the emission's id, whoever tells.
            news = Disabling(
                at=from_epoch_ms(epoch_ms(at)),
                reason=reason,
                url=shown(endpoint.url),
                since=since,
                origin=origin,
                created_at=delivery.created_at,
                last_status=attempt.status,
                last_error=attempt.error,
            )
        # Of several whose attempts fail at once, the store lets one disable it: the others tell nothing.
        if self.endpoints.disable(endpoint.workspace_id, endpoint.id, reason, at, news) and news is not None:
            self.tell_disabling(endpoint, news)

    def tell_disabling(self, endpoint: Endpoint, news: Disabling) -> None:
        """May be repeated. Raises UnavailableError."""
        # On `$errors` as well, unlike a dead letter: an endpoint is disabled once, so that nothing goes round.
        payload = disabled(endpoint.workspace_id, endpoint.id, news)
        self._emit(endpoint.workspace_id, news.origin, payload, news.at, f"{endpoint.id}/disabled/{epoch_ms(news.at)}")
        # Told before it is taken away: a death in between makes the same emission again, which is no second event.
        self.endpoints.note_told(endpoint.workspace_id, endpoint.id, news)

    def _tell_of(self, delivery: Delivery, payload: Json, name: str) -> None:
        """What cannot be delivered on `$errors` makes no further event, or two endpoints that take nothing would tell
        of each other for ever."""
        if delivery.origin.channel != ERRORS:
            self._emit(delivery.workspace_id, delivery.origin, payload, delivery.created_at, name)

    def _emit(self, workspace_id: str, origin: Origin, payload: Json, at: datetime, name: str) -> None:
        if origin.emitter_kind is None:
            return
        emission = Emission(
            Emitter(workspace_id, origin.emitter_kind, origin.emitter_id),
            ERRORS,
            payload,
            emit_id(at, name),
            cause=Cause(origin.emitter_id, origin.channel, origin.event_id, origin.hops),
        )
        self.emitting.emit(emission, may_repeat=True)
