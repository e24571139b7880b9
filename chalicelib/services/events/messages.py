"""What a delivery says on the wire, and what is said of one that nobody took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from chalicelib.domain.deliveries import Attempt, Delivery, Origin
from chalicelib.domain.endpoints import Disabling, Endpoint, EndpointStyle
from chalicelib.domain.identity import short_workspace_id
from chalicelib.domain.json import Json
from chalicelib.domain.masking import mask_url
from chalicelib.domain.signatures import pindown_signature, sign
from chalicelib.domain.times import iso_ms
from chalicelib.domain.version import VERSION
from chalicelib.services.events import error_events


def _pipedream_headers(delivery: Delivery, _secret: str, _body: bytes) -> Mapping[str, str]:
    origin = delivery.origin
    return {
        "x-pd-emitter-id": origin.emitter_id,
        "x-pd-event-id": origin.event_id,
        "x-pd-emit-id": origin.emit_id,
        "x-pd-event-name": origin.channel,
    }


def _pindown_headers(delivery: Delivery, secret: str, body: bytes) -> Mapping[str, str]:
    return {
        "X-PinDown-Event": delivery.type,
        "X-PinDown-Delivery": delivery.id,
        "X-PinDown-Signature": pindown_signature(secret, body),
    }


STYLES: Mapping[EndpointStyle, Callable[[Delivery, str, bytes], Mapping[str, str]]] = {
    EndpointStyle.PIPEDREAM: _pipedream_headers,
    EndpointStyle.PINDOWN: _pindown_headers,
}
"""The headers that a delivery carries beside those of Standard Webhooks, by how its endpoint was registered: told from
the delivery, the endpoint's newest secret and the body."""


def headers_for(endpoint: Endpoint, delivery: Delivery, at: datetime, body: bytes) -> dict[str, str]:
    """The endpoint's own headers, where they are not ours, and ours."""
    # Of this attempt, not of the event: receivers refuse old timestamps, and the last attempts come days later.
    timestamp = int(at.timestamp())
    # All that still hold, newest first: a receiver may know the old one for a day after a rotation.
    secrets = (secret.value for secret in endpoint.secrets if secret.holds_at(at))
    style = STYLES.get(endpoint.style)
    ours = {
        "Content-Type": "application/json",
        "User-Agent": f"Penstock/{VERSION}",
        # What is kept of the answer is cut off, and a cut-off compressed text cannot be read.
        "Accept-Encoding": "identity",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, delivery.id, timestamp, body) for secret in secrets),
        **(style(delivery, endpoint.secrets[0].value, body) if style is not None else {}),
    }
    # Header names are compared without case: `Webhook-Id` of the endpoint's own would stand beside ours.
    taken = {name.lower() for name in ours}
    return {**{name: value for name, value in endpoint.headers.items() if name.lower() not in taken}, **ours}


def dead_letter(
    endpoint: Endpoint, delivery: Delivery, attempt: Attempt | None, reason: str | None, at: datetime
) -> Json:
    """The event that tells of a dead letter, whose last attempt was this one, if there was any."""
    origin = delivery.origin
    why = reason or f"none of {delivery.tried + 1} attempts succeeded"
    context = _context(delivery.workspace_id, origin, delivery.created_at)
    message = f"the event was not delivered to {endpoint.id}: {why}"
    error = error_events.error(error_events.DELIVERY_EXHAUSTED, message, at)
    return {
        **error_events.event(delivery.payload, "event", context, error),
        "event_id": origin.event_id,
        "delivery_id": delivery.id,
        "endpoint_id": endpoint.id,
        "url": shown(endpoint.url),
        "attempts": attempt.number if attempt is not None else 0,
        "last_status": attempt.status if attempt is not None else None,
        "last_error": attempt.error if attempt is not None else None,
    }


def disabled(workspace_id: str, endpoint_id: str, news: Disabling) -> Json:
    """The event that tells of an endpoint that was disabled. It arose from no single event."""
    context = _context(workspace_id, news.origin, news.created_at)
    message = f"the webhook {endpoint_id} was disabled: {news.reason}"
    error = error_events.error(error_events.ENDPOINT_DISABLED, message, news.at)
    return {
        **error_events.event(None, "event", context, error),
        "endpoint_id": endpoint_id,
        "url": news.url,
        "reason": news.reason,
        "failing_since": iso_ms(news.since),
        "last_status": news.last_status,
        "last_error": news.last_error,
    }


def _context(workspace_id: str, origin: Origin, at: datetime) -> dict[str, Json]:
    return error_events.context(
        origin.emit_id,
        at,
        origin.emitter_id,
        deployment=origin.emitter_id,
        source_type="WEBHOOK",
        owner_id=short_workspace_id(workspace_id),
    )


def shown(url: str) -> str:
    """The URL without what could be a credential."""
    parts = urlsplit(url)
    # Behind the last `@`, as a password may have one; the query is masked by its names.
    return mask_url(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
