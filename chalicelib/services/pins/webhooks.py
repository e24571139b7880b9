"""Webhooks of pins: endpoints of the shared delivery engine that hear of one workflow id, and by whose secret others
may push to it.

An endpoint's URL, events, secret and state are the engine's. What it gets for a version has an id that follows from
version, event and endpoint, so that telling again tells nobody twice.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from chalicelib.domain.deliveries import Delivery, DeliveryPlace, DeliveryStatus, Origin, delivery_id
from chalicelib.domain.endpoints import Endpoint, EndpointStatus, EndpointStyle
from chalicelib.domain.errors import (
    AlreadyExistsError,
    EndpointNotFoundError,
    ForbiddenError,
    InvalidError,
    PinNotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from chalicelib.domain.events import emit_id
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.domain.identity import Principal
from chalicelib.domain.json import Json
from chalicelib.domain.pins import Pin, PinEvent, PinWebhook, Version
from chalicelib.domain.signatures import pindown_signature
from chalicelib.domain.times import iso_ms
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.events.held import release_unless_paused
from chalicelib.services.events.ports import DeliveryQueue, DeliveryStore, EndpointStore
from chalicelib.services.pins.access import Act, PinAccess
from chalicelib.services.pins.ports import PinWebhookStore
from chalicelib.services.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.services.events.endpoints import Endpoints

logger = logging.getLogger(__name__)

MOST_WEBHOOKS = 200
_TRIES = 5
_DISABLED_REASON = "the webhook is disabled"


@dataclass(frozen=True, slots=True)
class WebhookView:
    webhook: PinWebhook
    endpoint: Endpoint

    @property
    def is_active(self) -> bool:
        return self.endpoint.status is EndpointStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is set of a webhook; None leaves it as it is."""

    url: str | None = None
    events: frozenset[PinEvent] | None = None
    is_active: bool | None = None


class PinWebhooks:
    """Implements `services.pin_data.Teller`. `endpoints` is asked for when callers manage webhooks."""

    def __init__(
        self,
        access: PinAccess,
        store: PinWebhookStore,
        endpoint_store: EndpointStore,
        endpoints: Callable[[], Endpoints],
        deliveries: DeliveryStore,
        queue: Callable[[], DeliveryQueue],
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._endpoint_store = endpoint_store
        self._endpoints = endpoints
        self._deliveries = deliveries
        self._queue = queue
        self._clock = clock

    # -- management ---------------------------------------------------------------------------------------------------

    def subscribable(self, principal: Principal, pin_id: str) -> Pin:
        """A pin whose data the caller may read and push, as a webhook does both. Raises PinNotFoundError,
        ForbiddenError."""
        pin = self._access.own(principal, pin_id, Scope.WRITE_PIN_DATA, Act.SUBSCRIBE)
        require(principal, Scope.READ_PIN_DATA)
        return pin

    def create(
        self, principal: Principal, pin: Pin, workflow_id: str, url: str, events: frozenset[PinEvent]
    ) -> WebhookView:
        """Its secret is shown now and never again. Raises InvalidError, PinNotFoundError if the pin is deleted
        meanwhile."""
        from chalicelib.services.events.endpoints import Settings

        if not self._has_room(pin):
            raise InvalidError(f"A pin has at most {MOST_WEBHOOKS} webhooks", field="pinId")
        settings = Settings(url=url, event_types=frozenset(event.value for event in events))
        for _ in range(_TRIES):
            # First, as it gives the id: an endpoint that no webhook names hears nothing.
            endpoint = self._endpoints().create(_for_endpoints(principal), settings, EndpointStyle.PINDOWN)
            webhook = PinWebhook(endpoint.id, pin.workspace_id, pin.user_id, pin.id, workflow_id, endpoint.created_at)
            try:
                self._store.create(webhook)
            except AlreadyExistsError:
                # The ids of endpoints are unique in their workspace alone.
                self._endpoints().delete(endpoint)
                continue
            self._check_presence(webhook)
            # Shown by this answer, and so marked: the other door shows it once, too.
            self._endpoints().read_secret(endpoint)
            return WebhookView(webhook, endpoint)
        raise AlreadyExistsError

    def list(self, principal: Principal, pin_id: str | None, workflow_id: str | None) -> tuple[WebhookView, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_PIN_DATA)
        webhooks = [
            webhook
            for webhook in self._store.of_user(principal.workspace_id, principal.user_id)
            if pin_id in (None, webhook.pin_id) and workflow_id in (None, webhook.workflow_id)
        ]
        found = self._endpoint_store.list(principal.workspace_id) if webhooks else ()
        endpoints = {endpoint.id: endpoint for endpoint in found}
        return tuple(WebhookView(each, endpoints[each.id]) for each in webhooks if each.id in endpoints)

    def get(self, principal: Principal, webhook_id: str, scope: Scope = Scope.READ_PIN_DATA) -> WebhookView:
        """Raises EndpointNotFoundError, ForbiddenError."""
        return self._view(self._own(principal, webhook_id, scope))

    def changeable(self, principal: Principal, webhook_id: str) -> WebhookView:
        """Raises EndpointNotFoundError, ForbiddenError."""
        require(principal, Scope.READ_PIN_DATA)
        return self.get(principal, webhook_id, Scope.WRITE_PIN_DATA)

    def update(self, view: WebhookView, change: WebhookChange) -> WebhookView:
        """Raises InvalidError, EndpointNotFoundError."""
        from chalicelib.services.events.endpoints import Settings

        endpoints, endpoint = self._endpoints(), view.endpoint
        if change.url is not None:
            endpoint = endpoints.update(endpoint, Settings(url=change.url))
        if change.events is not None:
            endpoint = endpoints.update(endpoint, Settings(event_types=frozenset(e.value for e in change.events)))
        if change.is_active is True and endpoint.status is not EndpointStatus.ACTIVE:
            endpoint, _ = endpoints.resume(endpoint)
        # A disabled one, too: only what its owner switched off refuses what is pushed to it.
        elif change.is_active is False:
            endpoint = endpoints.pause(endpoint)
        return replace(view, endpoint=endpoint)

    def delete(self, principal: Principal, webhook_id: str) -> None:
        """Raises EndpointNotFoundError, ForbiddenError."""
        require(principal, Scope.READ_PIN_DATA)
        # Its endpoint may be gone: by a deletion that was cut short, or by the other door. The rest goes all the same.
        webhook = self._own(principal, webhook_id, Scope.WRITE_PIN_DATA)
        self.remove_endpoint(webhook)
        self._store.delete(webhook)

    def remove_endpoint(self, webhook: PinWebhook) -> None:
        """With what is to be delivered to it. Nothing happens if it is gone."""
        with suppress(EndpointNotFoundError):
            endpoint = self._endpoint_store.get(webhook.workspace_id, webhook.id)
            self._endpoints().delete(endpoint)

    def _has_room(self, pin: Pin) -> bool:
        webhooks = self._store.of_pin(pin.id)
        if len(webhooks) < MOST_WEBHOOKS:
            return True
        found = self._endpoint_store.find(pin.workspace_id, [each.id for each in webhooks])
        # An endpoint is there before its webhook is: one without was being deleted, and would take a place for ever.
        gone = [each for each in webhooks if each.id not in found]
        for webhook in gone:
            self._store.delete(webhook)
        return len(webhooks) - len(gone) < MOST_WEBHOOKS

    def _check_presence(self, webhook: PinWebhook) -> None:
        """A deletion of the pin that did not see the webhook is seen here, as it hides the pin first."""
        try:
            self._access.find(webhook.pin_id)
        except PinNotFoundError:
            self.remove_endpoint(webhook)
            self._store.delete(webhook)
            raise

    # -- from outside -------------------------------------------------------------------------------------------------

    def open(self, webhook_id: str, signature: str | None, body: bytes) -> tuple[Pin, str]:
        """The pin and workflow id that somebody may push this body to who knows the webhook's secret.

        Raises EndpointNotFoundError, UnauthenticatedError, ForbiddenError for a webhook that is switched off,
        PinNotFoundError.
        """
        view = self._view(self._find(webhook_id))
        now = self._clock.now()
        secrets = [secret.value for secret in view.endpoint.secrets if secret.holds_at(now)]
        # As bytes: `compare_digest` raises for texts beyond ASCII, and a caller chooses this one.
        given = (signature or "").strip().lower().encode()
        if not any(hmac.compare_digest(pindown_signature(secret, body).encode(), given) for secret in secrets):
            raise UnauthenticatedError("Valid webhook signature required", signature=True)
        if view.endpoint.status is EndpointStatus.PAUSED:
            raise ForbiddenError("The webhook is not active")
        return self._access.find(view.webhook.pin_id), view.webhook.workflow_id

    # -- telling ------------------------------------------------------------------------------------------------------

    def wanted(self, pin: Pin, workflow_id: str) -> frozenset[PinEvent]:
        endpoints = self._listeners(pin, workflow_id)
        return frozenset(event for event in PinEvent if any(endpoint.wants(event) for endpoint in endpoints))

    def tell(self, pin: Pin, workflow_id: str, version: Version, events: tuple[PinEvent, ...]) -> None:
        made: list[DeliveryPlace] = []
        for endpoint in self._listeners(pin, workflow_id):
            for event in events:
                if endpoint.wants(event):
                    made += self._deliver(endpoint, pin, workflow_id, version, event)
        if made:
            self._hint(tuple(made))

    def _listeners(self, pin: Pin, workflow_id: str) -> tuple[Endpoint, ...]:
        found = []
        for webhook in self._store.of_pin(pin.id):
            if webhook.workflow_id == workflow_id:
                with suppress(EndpointNotFoundError):
                    found.append(self._endpoint_store.get(webhook.workspace_id, webhook.id))
        return tuple(found)

    def _deliver(
        self, endpoint: Endpoint, pin: Pin, workflow_id: str, version: Version, event: PinEvent
    ) -> tuple[DeliveryPlace, ...]:
        """Records one delivery; its place, if there is something to be attempted."""
        now = self._clock.now()
        emission = emit_id(version.at, f"{pin.id}/{version.version}/{event}/{workflow_id}")
        is_live = endpoint.status is EndpointStatus.ACTIVE
        is_dead = endpoint.status is EndpointStatus.DISABLED
        delivery = Delivery(
            id=delivery_id(emission, endpoint.id),
            workspace_id=endpoint.workspace_id,
            endpoint_id=endpoint.id,
            type=event.value,
            payload=_payload(pin, workflow_id, version, event),
            origin=Origin(None, pin.id, workflow_id, str(version.version), emission),
            created_at=version.at,
            status=DeliveryStatus.DEAD if is_dead else DeliveryStatus.PENDING if is_live else DeliveryStatus.HELD,
            next_attempt_at=now if is_live else None,
            due_at=now + timedelta(seconds=RESEND_SECONDS) if is_live else None,
            finished_at=now if is_dead else None,
            reason=(endpoint.status_reason or _DISABLED_REASON) if is_dead else None,
        )
        is_new = self._deliveries.create(delivery)
        if is_dead:
            return ()
        if is_live and is_new:
            return (delivery.place,)
        # Held, or there before: whoever made it may have died before he looked at the endpoint again.
        released = release_unless_paused(self._endpoint_store, self._deliveries, delivery.place, now)
        return (delivery.place,) if released else ()

    def _hint(self, places: tuple[DeliveryPlace, ...]) -> None:
        try:
            self._queue().send_deliveries(places)
        except UnavailableError:
            logger.warning("deliveries begin a little later", extra={"action": "delivery_hints_lost"})

    def _own(self, principal: Principal, webhook_id: str, scope: Scope) -> PinWebhook:
        webhook = self._find(webhook_id)
        # Before the scope is asked for: that somebody else has one of this id is nobody's business.
        if (webhook.workspace_id, webhook.user_id) != (principal.workspace_id, principal.user_id):
            raise EndpointNotFoundError(endpoint_id=webhook_id)
        require(principal, scope)
        return webhook

    def _find(self, webhook_id: str) -> PinWebhook:
        webhook = self._store.find(webhook_id) if is_id(webhook_id) else None
        if webhook is None:
            raise EndpointNotFoundError(endpoint_id=webhook_id)
        return webhook

    def _view(self, webhook: PinWebhook) -> WebhookView:
        return WebhookView(webhook, self._endpoint_store.get(webhook.workspace_id, webhook.id))


def _for_endpoints(principal: Principal) -> Principal:
    """Who may make a webhook for a pin may make its endpoint, whatever else the key may do."""
    return replace(principal, scopes=principal.scopes | {Scope.WRITE_HOOKS})


def _payload(pin: Pin, workflow_id: str, version: Version, event: PinEvent) -> dict[str, Json]:
    return {
        "event": event.value,
        "pinId": pin.id,
        "workflowId": workflow_id,
        "data": cast("dict[str, Json]", _plain(version.data)),
        "timestamp": iso_ms(version.at),
    }


def _plain(data: Mapping[str, Json]) -> Mapping[str, Json]:
    return data if isinstance(data, dict) else dict(data)
