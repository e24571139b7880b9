"""Deliveries that are held while their endpoint is paused.

Whoever resumes an endpoint releases what is held then. A delivery that becomes held at that very moment would be
missed, so whoever holds one looks at the endpoint again afterwards.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.domain.deliveries import DeliveryPlace, DeliveryStatus
from chalicelib.domain.endpoints import EndpointStatus
from chalicelib.domain.errors import EndpointNotFoundError
from chalicelib.domain.hints import RESEND_SECONDS
from chalicelib.services.events.ports import DeliveryStore, EndpointStore


def release_unless_paused(
    endpoints: EndpointStore, deliveries: DeliveryStore, place: DeliveryPlace, now: datetime
) -> bool:
    """Makes a delivery that was just held pending again, if its endpoint is not paused any more, or gone."""
    try:
        if endpoints.get(place.workspace_id, place.endpoint_id).status is EndpointStatus.PAUSED:
            return False
    except EndpointNotFoundError:
        pass  # the attempt will find that out, and end the delivery
    # Over the status alone: of several who look again at once, one makes it pending and hints.
    due_at = now + timedelta(seconds=RESEND_SECONDS)
    return deliveries.revive(place, frozenset({DeliveryStatus.HELD}), due_at, now)
