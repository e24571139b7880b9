"""Calls on pins."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import overviews, wire
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import body_of, choice, member, metadata, paging
from chalicelib.domain.pins import DataType
from chalicelib.domain.times import iso_ms
from chalicelib.services.pins.pins import PinChange

_DATA_TYPES = {each.value: each for each in DataType}


class PinCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def send(self, call: Call) -> Reply:
        body = body_of(call)
        data_type = choice(member(body, "data_type", str) or DataType.MARKDOWN, "data_type", _DATA_TYPES)
        pin = self._services().pins.create(call.principal, data_type, metadata(body, needed=False))
        return success(pid=pin.id, message="Pin created successfully", data=wire.pin(pin))

    def list(self, call: Call) -> Reply:
        offset, limit = paging(call)
        page = self._services().pins.page(call.principal, offset, limit)
        return success(data={"pins": [wire.listed_pin(pin) for pin in page.items], "total": page.total})

    def get(self, call: Call) -> Reply:
        return success(data=wire.pin(self._services().pins.get(call.principal, call.params["pid"])))

    def update(self, call: Call) -> Reply:
        pins = self._services().pins
        pin = pins.own(call.principal, call.params["pid"])
        changed = pins.update(pin, metadata(body_of(call), needed=True))
        return success(data={"id": changed.id, "metadata": wire.metadata(changed)}, message="Pin updated successfully")

    def delete(self, call: Call) -> Reply:
        services = self._services()
        services.pins.delete(call.principal, call.params["pid"])
        return success(
            message="Pin deleted successfully",
            data={"pinId": call.params["pid"]},
            timestamp=iso_ms(services.clock.now()),
        )

    def publish(self, call: Call) -> Reply:
        return self._set_public(call, True, "Pin published successfully")

    def unpublish(self, call: Call) -> Reply:
        return self._set_public(call, False, "Pin unpublished successfully")

    def overview(self, call: Call) -> Reply:
        """What the page shows."""
        services = self._services()
        return overviews.own(call, services, services.pin_data.readable(call.principal, call.params["pid"]))

    def _set_public(self, call: Call, is_public: bool, message: str) -> Reply:
        services = self._services()
        pin = services.pins.own(call.principal, call.params["pid"])
        services.pins.update(pin, PinChange(is_public=is_public))
        return success(
            message=message, data={"pinId": pin.id, "is_public": is_public}, timestamp=iso_ms(services.clock.now())
        )
