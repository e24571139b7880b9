"""Pinboards: ordered sets of pins, which they name and do not own.

A board may name a public pin of somebody else. What is shown of a board leaves out pins that are gone and pins that
whoever looks may not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from chalicelib.domain.errors import AlreadyExistsError, InvalidError, PinForbiddenError, PinNotFoundError
from chalicelib.domain.identity import Principal
from chalicelib.domain.ids import ENTROPY_BYTES
from chalicelib.domain.pins import Pin, Pinboard, short_id
from chalicelib.services.access import Scope, require
from chalicelib.services.pins.access import Act, PinAccess, may_look, owns
from chalicelib.services.pins.pins import TRIES, until_fresh
from chalicelib.services.pins.ports import PinboardStore, PinStore
from chalicelib.services.ports import Clock, Entropy, Page

MOST_PINS = 500  # a board is one item, and showing it may read each pin


@dataclass(frozen=True, slots=True)
class BoardChange:
    """What is set of a board; None leaves it as it is."""

    name: str | None = None
    description: str | None = None
    pins: tuple[str, ...] | None = None
    is_public: bool | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BoardView:
    """A board and those of its pins that its reader may see."""

    board: Pinboard
    pins: tuple[Pin, ...]


class Pinboards:
    def __init__(self, access: PinAccess, pins: PinStore, store: PinboardStore, clock: Clock, entropy: Entropy) -> None:
        self._access = access
        self._pins = pins
        self._store = store
        self._clock = clock
        self._entropy = entropy

    def create(self, principal: Principal, name: str, given: BoardChange) -> BoardView:
        """Raises ForbiddenError, InvalidError, PinNotFoundError for a pin that is to be on it."""
        require(principal, Scope.WRITE_PINS)
        pins = self._checked(principal, given.pins or ())
        for _ in range(TRIES):
            board = Pinboard(
                id=short_id("pb-", self._entropy.bytes(ENTROPY_BYTES)),
                workspace_id=principal.workspace_id,
                user_id=principal.user_id,
                name=name,
                description=given.description or "",
                pins=pins,
                is_public=given.is_public or False,
                tags=given.tags or (),
                created_at=self._clock.now(),
            )
            try:
                self._store.create(board)
            except AlreadyExistsError:
                continue
            return self._view(principal, board, self._own_pins([board]))
        raise AlreadyExistsError

    def get(self, principal: Principal, board_id: str) -> BoardView:
        """Raises PinboardNotFoundError, ForbiddenError."""
        return self._looked_at(principal, self._access.readable_board(principal, board_id))

    def look(self, caller: Principal | None, board_id: str) -> BoardView:
        """For whoever looks, known or not. Raises PinboardNotFoundError."""
        return self._looked_at(caller, self._access.shown_board(caller, board_id))

    def page(self, principal: Principal, offset: int, limit: int) -> Page[BoardView]:
        """The caller's, newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_PINS)
        boards = self._store.of_user(principal.workspace_id, principal.user_id)
        shown = boards[offset : offset + limit]
        known = self._own_pins(shown)
        views = tuple(self._view(principal, board, known) for board in shown)
        return Page(views, len(boards))

    def own(self, principal: Principal, board_id: str) -> Pinboard:
        """One that the caller may change. Raises PinboardNotFoundError, ForbiddenError."""
        return self._access.own_board(principal, board_id, Scope.WRITE_PINS, Act.UPDATE_BOARD)

    def update(self, principal: Principal, board: Pinboard, change: BoardChange) -> BoardView:
        """Raises PinboardNotFoundError, InvalidError, PinNotFoundError for a pin that is to be on it."""
        # What is on it already may stay, also a pin that has become private or is gone since.
        new = tuple(pin for pin in change.pins or () if pin not in board.pins)
        self._checked(principal, new)
        pins = None if change.pins is None else _once(change.pins)
        if pins is not None and len(pins) > MOST_PINS:
            raise InvalidError(f"'pins' has more than {MOST_PINS} items", field="pins")

        def attempt(current: Pinboard) -> Pinboard:
            return replace(
                current,
                name=current.name if change.name is None else change.name,
                description=current.description if change.description is None else change.description,
                pins=current.pins if pins is None else pins,
                is_public=current.is_public if change.is_public is None else change.is_public,
                tags=current.tags if change.tags is None else change.tags,
            )

        changed = self._changed(board, attempt)
        return self._view(principal, changed, self._own_pins([changed]))

    def add_pin(self, principal: Principal, board: Pinboard, pin_id: str) -> None:
        """Nothing happens if it is on it. Raises InvalidError, PinNotFoundError, PinForbiddenError."""
        self._checked(principal, (pin_id,))

        def attempt(current: Pinboard) -> Pinboard:
            if pin_id in current.pins:
                return current
            if len(current.pins) >= MOST_PINS:
                raise InvalidError(f"A pinboard has at most {MOST_PINS} pins", field="pinId")
            return replace(current, pins=(*current.pins, pin_id))

        self._changed(board, attempt)

    def remove_pin(self, board: Pinboard, pin_id: str) -> None:
        """Nothing happens if it is not on it."""
        self._changed(board, lambda current: replace(current, pins=tuple(p for p in current.pins if p != pin_id)))

    def delete(self, principal: Principal, board_id: str) -> None:
        """Its pins stay. Raises PinboardNotFoundError, ForbiddenError."""
        board = self._access.own_board(principal, board_id, Scope.DELETE_PINS, Act.DELETE_BOARD)
        self._store.delete(board)

    def _changed(self, board: Pinboard, change: Callable[[Pinboard], Pinboard]) -> Pinboard:
        def attempt(current: Pinboard) -> Pinboard:
            changed = change(current)
            if changed == current:
                return current
            changed = replace(changed, updated_at=self._clock.now(), revision=current.revision + 1)
            self._store.replace(changed)
            return changed

        return until_fresh(board, attempt, lambda: self._store.find(board.id), self._clock, self._entropy)

    def _checked(self, principal: Principal, pin_ids: Iterable[str]) -> tuple[str, ...]:
        """The ids, each once, of pins that the caller may see."""
        ids = _once(pin_ids)
        if len(ids) > MOST_PINS:
            raise InvalidError(f"'pins' has more than {MOST_PINS} items", field="pins")
        for pin_id in ids:
            pin = self._access.find(pin_id)
            if not (pin.is_public or owns(principal, pin)):
                raise PinForbiddenError(pin_id=pin_id, act=Act.READ)
        return ids

    def _looked_at(self, caller: Principal | None, board: Pinboard) -> BoardView:
        # An author's own looks are no views.
        if caller is None or not owns(caller, board):
            board = replace(board, views=self._store.count_view(board))
        return self._view(caller, board, self._own_pins([board]))

    def _own_pins(self, boards: Iterable[Pinboard]) -> dict[str, Pin | None]:
        """The pins of these boards' author, if there are any on them: most pins on a board are its author's."""
        board = next((board for board in boards if board.pins), None)
        pins = () if board is None else self._pins.of_user(board.workspace_id, board.user_id)
        return {pin.id: pin for pin in pins}

    def _view(self, caller: Principal | None, board: Pinboard, known: dict[str, Pin | None]) -> BoardView:
        """Adds to the known pins what it had to look for; None is one that is gone."""
        for pin_id in board.pins:
            # None is kept as well: a pin that is gone and stands on many boards is looked for once.
            if pin_id not in known:
                known[pin_id] = self._foreign(pin_id)
        found = (known[pin_id] for pin_id in board.pins)
        return BoardView(board, tuple(pin for pin in found if pin is not None and may_look(caller, pin)))

    def _foreign(self, pin_id: str) -> Pin | None:
        try:
            return self._access.find(pin_id)
        except PinNotFoundError:
            return None


def _once(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))
