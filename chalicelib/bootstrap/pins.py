"""The services of pins and of the data that is pushed to them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.bootstrap.events import EventServices

if TYPE_CHECKING:
    from chalicelib.services.pins.access import PinAccess
    from chalicelib.services.pins.boards import Pinboards
    from chalicelib.services.pins.data import PinData
    from chalicelib.services.pins.keys import PinKeys
    from chalicelib.services.pins.limits import PinLimits
    from chalicelib.services.pins.parts import PinParts
    from chalicelib.services.pins.passes import PinChores
    from chalicelib.services.pins.pins import Pins
    from chalicelib.services.pins.webhooks import PinWebhooks


class PinServices(EventServices):
    @cached_property
    def pin_access(self) -> PinAccess:
        from chalicelib.services.pins.access import PinAccess

        return PinAccess(self.stores.pins, self.stores.pinboards)

    @cached_property
    def pins(self) -> Pins:
        from chalicelib.services.pins.pins import Pins

        return Pins(
            access=self.pin_access,
            store=self.stores.pins,
            boards=self.stores.pinboards,
            webhooks=self.stores.pin_webhooks,
            remove_endpoint=lambda webhook: self.pin_webhooks.remove_endpoint(webhook),
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def pinboards(self) -> Pinboards:
        from chalicelib.services.pins.boards import Pinboards

        return Pinboards(self.pin_access, self.stores.pins, self.stores.pinboards, self.clock, self.entropy)

    @cached_property
    def pin_parts(self) -> PinParts:
        from chalicelib.services.pins.parts import PinParts

        return PinParts(self.pin_access, self.stores.pin_parts, self.clock, self.entropy)

    @cached_property
    def pin_data(self) -> PinData:
        from chalicelib.services.pins.data import PinData

        return PinData(self.pin_access, self.stores.pin_data, self.pin_webhooks, self.clock, self.entropy)

    @cached_property
    def pin_webhooks(self) -> PinWebhooks:
        from chalicelib.services.pins.webhooks import PinWebhooks

        return PinWebhooks(
            access=self.pin_access,
            store=self.stores.pin_webhooks,
            endpoint_store=self.stores.endpoints,
            endpoints=lambda: self.endpoints,
            deliveries=self.stores.deliveries,
            queue=lambda: self.delivery_queue,
            clock=self.clock,
        )

    @cached_property
    def pin_keys(self) -> PinKeys:
        from chalicelib.services.pins.keys import PinKeys

        return PinKeys(self.identity, self.stores.counters, self.entropy)

    @cached_property
    def pin_limits(self) -> PinLimits:
        from chalicelib.services.pins.limits import PinLimits

        counts = self.settings.pin_limits_count
        return PinLimits(self.stores.moments, self.stores.counters, self.clock, counts=counts)

    @cached_property
    def pin_chores(self) -> PinChores:
        from chalicelib.services.pins.passes import PinChores

        return PinChores(self.pin_access, self.pins, self.pin_data)
