"""Calls that nobody has to say who they are for: public pins and pinboards, and whether the API is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.overviews import SharedOverviews
from chalicelib.api.pindown.page import page
from chalicelib.domain.pins import Block, Pin
from chalicelib.domain.times import iso_ms
from chalicelib.services.pins.parts import MAX_BLOCKS_BYTES, size_of_blocks

_MOST_PINS_WITH_BLOCKS = 100


class PublicCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._overviews = SharedOverviews()

    def pin(self, call: Call) -> Reply:
        services = self._services()
        pin = services.pin_access.shown(call.caller, call.params["pid"])
        shown = wire.public_pin(pin, services.pin_parts.blocks_of(pin))
        return success(data={"pin": shown}, timestamp=iso_ms(services.clock.now()))

    def overview(self, call: Call) -> Reply:
        services = self._services()
        pin = services.pin_access.shown(call.caller, call.params["pid"])
        return self._overviews.reply(call, services, pin)

    def pinboard(self, call: Call) -> Reply:
        services = self._services()
        view = services.pinboards.look(call.caller, call.params["pinboard_id"])
        shown = wire.public_board(view, _blocks_of(view.pins, services))
        return success(data={"pinboard": shown}, timestamp=iso_ms(services.clock.now()))

    def health(self, _: Call) -> Reply:
        return Reply(200, {"status": "OK", "timestamp": iso_ms(self._services().clock.now())})

    def page(self, _: Call) -> Reply:
        """The same for every pin: it finds out by itself which one it is to show, and whether it may."""
        return page()


def _blocks_of(pins: tuple[Pin, ...], services: Services) -> Mapping[str, tuple[Block, ...]]:
    """By pin, of the first pins, for as long as one answer has room for them."""
    found: dict[str, tuple[Block, ...]] = {}
    left = MAX_BLOCKS_BYTES
    for pin in pins[:_MOST_PINS_WITH_BLOCKS]:
        blocks = services.pin_parts.blocks_of(pin)
        # By the templates alone, by far the largest part of a block.
        left -= size_of_blocks(blocks)
        if left < 0:
            break
        found[pin.id] = blocks
    return found
