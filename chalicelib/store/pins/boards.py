"""Pinboards, and a pointer for each, by which a call that does not know its author finds it.

Views are counted beside the revision: looking at a board is no change of it.
"""

from __future__ import annotations

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import AlreadyExistsError, PinboardNotFoundError, StaleWriteError
from chalicelib.domain.json import decode, encode_text
from chalicelib.domain.pins import Pinboard
from chalicelib.store.attributes import OptionalTimeAttribute, TimeAttribute, assign
from chalicelib.store.pins.items import POINTER, PinItem, boards_of, pointer_to_board
from chalicelib.store.pins.pins import PinPointer, is_free_for, is_new
from chalicelib.store.table import ConditionFailedError, RawItem, Table


class BoardRecord(PinItem):
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    title = UnicodeAttribute()
    description = UnicodeAttribute()
    pins = UnicodeAttribute()
    tags = UnicodeAttribute()
    is_public = BooleanAttribute()
    created_at = TimeAttribute()
    updated_at = OptionalTimeAttribute()
    views = NumberAttribute()
    revision = NumberAttribute()


class DynamoPinboardStore:
    """The `PinboardStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, board: Pinboard) -> None:
        pointer = PinPointer(
            pointer_to_board(board.id), POINTER, workspace_id=board.workspace_id, user_id=board.user_id
        )
        try:
            self._table.put(pointer, is_free_for(board.workspace_id, board.user_id))
            self._table.put(_item(board), is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(board_id=board.id) from failed

    def find(self, board_id: str) -> Pinboard:
        raw = self._table.get(pointer_to_board(board_id), POINTER)
        if raw is not None:
            pointer = PinPointer.from_raw_data(raw)
            raw = self._table.get(boards_of(pointer.workspace_id, pointer.user_id), board_id)
        if raw is None:
            raise PinboardNotFoundError(board_id=board_id)
        return _board(raw)

    def of_user(self, workspace_id: str, user_id: str) -> tuple[Pinboard, ...]:
        found = self._table.query(PinItem.partition == boards_of(workspace_id, user_id))
        return tuple(sorted(map(_board, found), key=lambda board: (board.created_at, board.id), reverse=True))

    def replace(self, board: Pinboard) -> None:
        item = _item(board)
        actions = [
            BoardRecord.title.set(item.title),
            BoardRecord.description.set(item.description),
            BoardRecord.pins.set(item.pins),
            BoardRecord.tags.set(item.tags),
            BoardRecord.is_public.set(item.is_public),
            assign(BoardRecord.updated_at, item.updated_at),
            BoardRecord.revision.set(item.revision),
        ]
        try:
            self._table.update(item.partition, item.name, actions, BoardRecord.revision == board.revision - 1)
        except ConditionFailedError as failed:
            if not failed.item:
                raise PinboardNotFoundError(board_id=board.id) from failed
            raise StaleWriteError(board_id=board.id) from failed

    def count_view(self, board: Pinboard) -> int:
        key = boards_of(board.workspace_id, board.user_id), board.id
        try:
            # Beside `replace`, which names its attributes: it takes back no view that was counted meanwhile.
            raw = self._table.update(*key, [BoardRecord.views.add(1)], _exists(), returns="ALL_NEW")
        except ConditionFailedError:
            return board.views
        return int(BoardRecord.from_raw_data(raw).views)

    def delete(self, board: Pinboard) -> None:
        # The board first: while it is there, its pointer is to lead to it.
        self._table.delete(boards_of(board.workspace_id, board.user_id), board.id)
        self._table.delete(pointer_to_board(board.id), POINTER)


def _exists() -> Condition:
    """Guards against bringing a deleted board back."""
    return PinItem.partition.exists()


def _item(board: Pinboard) -> BoardRecord:
    return BoardRecord(
        boards_of(board.workspace_id, board.user_id),
        board.id,
        workspace_id=board.workspace_id,
        user_id=board.user_id,
        title=board.name,
        description=board.description,
        pins=encode_text(list(board.pins)),
        tags=encode_text(list(board.tags)),
        is_public=board.is_public,
        created_at=board.created_at,
        updated_at=board.updated_at,
        views=board.views,
        revision=board.revision,
    )


def _board(raw: RawItem) -> Pinboard:
    item = BoardRecord.from_raw_data(raw)
    return Pinboard(
        id=item.name,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        name=item.title,
        description=item.description,
        pins=_texts(item.pins),
        is_public=item.is_public,
        tags=_texts(item.tags),
        created_at=item.created_at,
        updated_at=item.updated_at,
        views=int(item.views),
        revision=int(item.revision),
    )


def _texts(text: str) -> tuple[str, ...]:
    values = decode(text.encode())
    assert isinstance(values, list)
    return tuple(map(str, values))
