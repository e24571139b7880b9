"""The only way from a caller and an id to a pin or a pinboard.

First whether it exists, then whether the caller's key may do such a thing, then whose it is. Unlike other resources a
pin does not hide from strangers: that one exists which they may not see is answered as such.
"""

from __future__ import annotations

from enum import StrEnum

from chalicelib.domain.errors import PinboardNotFoundError, PinForbiddenError, PinNotFoundError
from chalicelib.domain.identity import Principal
from chalicelib.domain.pins import Pin, Pinboard
from chalicelib.services.access import Scope, is_id, require
from chalicelib.services.pins.ports import PinboardStore, PinStore


class Act(StrEnum):
    """What is to be done with somebody's pin or pinboard."""

    READ = "read"
    UPDATE = "update"
    DELETE = "delete"
    READ_DATA = "read_data"
    PUSH = "push"
    SUBSCRIBE = "subscribe"
    READ_BOARD = "read_board"
    UPDATE_BOARD = "update_board"
    DELETE_BOARD = "delete_board"


class PinAccess:
    def __init__(self, pins: PinStore, boards: PinboardStore) -> None:
        self._pins = pins
        self._boards = boards

    def own(self, principal: Principal, pin_id: str, scope: Scope, act: Act) -> Pin:
        """A pin of the caller's. Raises PinNotFoundError, ForbiddenError, PinForbiddenError."""
        pin = self.find(pin_id)
        require(principal, scope)
        if not owns(principal, pin):
            raise PinForbiddenError(pin_id=pin_id, act=act)
        return pin

    def readable(self, principal: Principal, pin_id: str, scope: Scope, act: Act = Act.READ) -> Pin:
        """A pin of the caller's, or anybody's public one. Raises PinNotFoundError, ForbiddenError,
        PinForbiddenError."""
        pin = self.find(pin_id)
        require(principal, scope)
        if not (pin.is_public or owns(principal, pin)):
            raise PinForbiddenError(pin_id=pin_id, act=act)
        return pin

    def shown(self, caller: Principal | None, pin_id: str) -> Pin:
        """A pin for whoever looks at it, known or not: one that they may not see does not exist. Raises
        PinNotFoundError."""
        pin = self.find(pin_id)
        if not may_look(caller, pin):
            raise PinNotFoundError(pin_id=pin_id)
        return pin

    def find(self, pin_id: str) -> Pin:
        """Raises PinNotFoundError."""
        if not is_id(pin_id):
            raise PinNotFoundError(pin_id=pin_id)
        pin = self._pins.find(pin_id)
        # Hidden from its first moment: a push that looks again after its write relies on it.
        if pin.is_deleting:
            raise PinNotFoundError(pin_id=pin_id)
        return pin

    def own_board(self, principal: Principal, board_id: str, scope: Scope, act: Act) -> Pinboard:
        """Raises PinboardNotFoundError, ForbiddenError, PinForbiddenError."""
        board = self._find_board(board_id)
        require(principal, scope)
        if not owns(principal, board):
            raise PinForbiddenError(board_id=board_id, act=act)
        return board

    def readable_board(self, principal: Principal, board_id: str) -> Pinboard:
        """Raises PinboardNotFoundError, ForbiddenError, PinForbiddenError."""
        board = self._find_board(board_id)
        require(principal, Scope.READ_PINS)
        if not (board.is_public or owns(principal, board)):
            raise PinForbiddenError(board_id=board_id, act=Act.READ_BOARD)
        return board

    def shown_board(self, caller: Principal | None, board_id: str) -> Pinboard:
        """As `shown`. Raises PinboardNotFoundError."""
        board = self._find_board(board_id)
        if not may_look(caller, board):
            raise PinboardNotFoundError(board_id=board_id)
        return board

    def _find_board(self, board_id: str) -> Pinboard:
        if not is_id(board_id):
            raise PinboardNotFoundError(board_id=board_id)
        return self._boards.find(board_id)


def owns(principal: Principal, thing: Pin | Pinboard) -> bool:
    return (principal.workspace_id, principal.user_id) == (thing.workspace_id, thing.user_id)


def may_look(caller: Principal | None, thing: Pin | Pinboard) -> bool:
    """Whether it may be shown to somebody who did not have to prove who they are."""
    return thing.is_public or (caller is not None and owns(caller, thing) and caller.may(Scope.READ_PINS))
