"""Calls on pinboards."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import (
    LONGEST_DESCRIPTION,
    LONGEST_ID,
    LONGEST_TAG,
    MOST_TAGS,
    Body,
    body_of,
    member,
    named,
    paging,
    required,
    text_member,
    texts,
)
from chalicelib.domain.times import iso_ms
from chalicelib.services.access import Scope, require
from chalicelib.services.pins.boards import MOST_PINS, BoardChange

LONGEST_NAME = 100


class PinboardCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_PINS)
        given = _change(body_of(call))
        view = self._services().pinboards.create(call.principal, required(given.name, "name"), given)
        return success(data=wire.board(view), message="Pinboard created successfully")

    def list(self, call: Call) -> Reply:
        offset, limit = paging(call)
        page = self._services().pinboards.page(call.principal, offset, limit)
        return success(data={"pinboards": [wire.board(view) for view in page.items], "total": page.total})

    def get(self, call: Call) -> Reply:
        return success(data=wire.board(self._services().pinboards.get(call.principal, call.params["pinboard_id"])))

    def update(self, call: Call) -> Reply:
        boards = self._services().pinboards
        board = boards.own(call.principal, call.params["pinboard_id"])
        view = boards.update(call.principal, board, _change(body_of(call)))
        return success(data=wire.changed_board(view), message="Pinboard updated successfully")

    def delete(self, call: Call) -> Reply:
        services = self._services()
        board_id = call.params["pinboard_id"]
        services.pinboards.delete(call.principal, board_id)
        return success(
            message="Pinboard deleted successfully",
            data={"pinboardId": board_id},
            timestamp=iso_ms(services.clock.now()),
        )

    def publish(self, call: Call) -> Reply:
        return self._set_public(call, True, "Pinboard published successfully")

    def unpublish(self, call: Call) -> Reply:
        return self._set_public(call, False, "Pinboard unpublished successfully")

    def add_pin(self, call: Call) -> Reply:
        services = self._services()
        board = services.pinboards.own(call.principal, call.params["pinboard_id"])
        pin_id = required(named(body_of(call), "pinId", LONGEST_ID), "pinId")
        services.pinboards.add_pin(call.principal, board, pin_id)
        return success(message="Pin added to pinboard successfully", timestamp=iso_ms(services.clock.now()))

    def remove_pin(self, call: Call) -> Reply:
        services = self._services()
        board = services.pinboards.own(call.principal, call.params["pinboard_id"])
        services.pinboards.remove_pin(board, call.params["pin_id"])
        return success(message="Pin removed from pinboard successfully", timestamp=iso_ms(services.clock.now()))

    def _set_public(self, call: Call, is_public: bool, message: str) -> Reply:
        services = self._services()
        board = services.pinboards.own(call.principal, call.params["pinboard_id"])
        services.pinboards.update(call.principal, board, BoardChange(is_public=is_public))
        return success(
            message=message,
            data={"pinboardId": board.id, "is_public": is_public},
            timestamp=iso_ms(services.clock.now()),
        )


def _change(body: Body) -> BoardChange:
    return BoardChange(
        name=named(body, "name", LONGEST_NAME),
        description=text_member(body, "description", LONGEST_DESCRIPTION),
        pins=texts(body, "pins", MOST_PINS, LONGEST_ID),
        is_public=member(body, "is_public", bool),
        tags=texts(body, "tags", MOST_TAGS, LONGEST_TAG),
    )
