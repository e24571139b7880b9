"""Tags of errors: all those of a workspace are one item, so that no two can be given one name at the same time."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.domain.errors import StaleWriteError, TooLargeError
from chalicelib.domain.flows.tags import Tag, TagBook
from chalicelib.domain.json import Json, decode, encode
from chalicelib.domain.times import iso_ms, parse_iso
from chalicelib.store.flows.items import FlowItem, is_new, tags_of
from chalicelib.store.table import ConditionFailedError, Table

MAX_BYTES = 380 * 1024
_ONE = "-"


class TagsItem(FlowItem):
    tags = UnicodeAttribute()
    revision = NumberAttribute()


class DynamoTagStore:
    """The `TagStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, workspace_id: str) -> TagBook:
        raw = self._table.get(tags_of(workspace_id), _ONE)
        if raw is None:
            return TagBook()
        item = TagsItem.from_raw_data(raw)
        found: Any = decode(item.tags.encode())
        tags = (Tag(id_, name, parse_iso(created), parse_iso(updated)) for id_, name, created, updated in found)
        return TagBook({tag.id: tag for tag in tags}, int(item.revision))

    def save(self, workspace_id: str, book: TagBook) -> None:
        kept: list[Json] = [
            [tag.id, tag.name, iso_ms(tag.created_at), iso_ms(tag.updated_at)] for tag in book.tags.values()
        ]
        content = encode(kept)
        if len(content) > MAX_BYTES:
            raise TooLargeError("The tags of the workspace take too much room.", limit=MAX_BYTES)
        item = TagsItem(tags_of(workspace_id), _ONE, tags=content.decode(), revision=book.revision)
        # Guards against losing the tags that somebody else made in between.
        is_as_read = is_new() if book.revision == 1 else TagsItem.revision == book.revision - 1
        try:
            self._table.put(item, is_as_read)
        except ConditionFailedError as error:
            raise StaleWriteError(workspace_id=workspace_id) from error
