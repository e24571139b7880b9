"""Workflow data: the newest version of each workflow id, and a ring of those before it.

A push files the version that it replaces before it replaces it, and only over the version that it saw. So a crash
anywhere leaves a newest version with all that are kept before it, and of two pushes at once one comes after the
other. A version that webhooks are to hear of is in the due index until they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar, cast

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.errors import BlobNotFoundError, StaleWriteError, TooLargeError
from chalicelib.domain.json import Json, decode, encode_text
from chalicelib.domain.pin_figures import fields_of
from chalicelib.domain.pins import KEPT_VERSIONS, Head, PinEvent, Point, Push, Summary, Version
from chalicelib.store.attributes import OptionalTextAttribute, TimeAttribute
from chalicelib.store.pins.items import PinItem, data_of, shard_of, versions_of
from chalicelib.store.pins.values import PinValues, is_reference, size_of
from chalicelib.store.table import ConditionFailedError, Table

Members = Mapping[str, Json]
T = TypeVar("T")

_READS = 3


class DataItem(PinItem):
    """`fields` is there where the data itself is not in the item."""

    version = NumberAttribute()
    data = UnicodeAttribute()
    status = OptionalTextAttribute()
    at = TimeAttribute()
    numbers = UnicodeAttribute()
    fields = OptionalTextAttribute()
    push = UnicodeAttribute()
    untold = OptionalTextAttribute()


class VersionItem(PinItem):
    version = NumberAttribute()
    data = UnicodeAttribute()
    at = TimeAttribute()
    numbers = UnicodeAttribute()


class DynamoPinDataStore:
    """The `PinDataStore` port on DynamoDB and S3. `retention_seconds` None keeps versions until they are too many."""

    def __init__(self, table: Table, values: PinValues, retention_seconds: int | None) -> None:
        self._table = table
        self._values = values
        self._retention_seconds = retention_seconds

    def keep(self, pin_id: str, data: Members, unique: str) -> str:
        text = self._values.pack(pin_id, cast(Json, data), unique, versions=True)
        # The fields are found now, while the data is at hand, and go with the reference into the item.
        return f"{text}\n{_text_of_fields(data)}" if is_reference(text) else text

    def drop(self, pin_id: str, kept: str) -> None:
        self._values.drop(pin_id, kept.partition("\n")[0])

    def head(self, pin_id: str, workflow_id: str) -> Head | None:
        raw = self._table.get(data_of(pin_id), workflow_id)
        return None if raw is None else _head(DataItem.from_raw_data(raw))

    def replace(self, pin_id: str, workflow_id: str, before: Head | None, push: Push) -> Head:
        seen = None if before is None else before.stored
        #     file n ──► put n + 1 over n ──► drop the blob of n
        #            │                    └ a crash here leaves a blob that nobody refers to
        #            └ a crash here leaves n in both places; readers show it once, and the next push finds it filed
        if before is not None:
            assert isinstance(seen, DataItem)
            self._file(pin_id, workflow_id, seen)
        version = 1 if before is None else before.version + 1
        item = _item(pin_id, workflow_id, version, push)
        try:
            self._table.put(item, _is_at(before))
        except ConditionFailedError as failed:
            # A write whose answer was lost is repeated by the client, and then fails because of itself.
            if failed.item.get("push") != {"S": push.id}:
                raise StaleWriteError(pin_id=pin_id, workflow_id=workflow_id) from failed
        # Last, and only once it is replaced: until then the newest version refers to it.
        if isinstance(seen, DataItem):
            self._values.drop(pin_id, seen.data)
        return _head(item)

    def remove(self, pin_id: str, workflow_id: str) -> None:
        versions = versions_of(pin_id, workflow_id)
        found = self._table.query(PinItem.partition == versions)
        self._table.delete_all([(versions, raw["name"]["S"]) for raw in found])
        raw = self._table.delete(data_of(pin_id), workflow_id, returns="ALL_OLD")
        if raw:
            self._values.drop(pin_id, raw["data"]["S"])

    def count(self, pin_id: str, most: int) -> int:
        return self._table.count(PinItem.partition == data_of(pin_id), most=most)

    def settle(self, pin_id: str, workflow_id: str, version: int) -> None:
        actions = [DataItem.untold.remove(), DataItem.due_shard.remove(), DataItem.due_at.remove()]
        try:
            # A later version has news of its own, and stays due.
            self._table.update(data_of(pin_id), workflow_id, actions, DataItem.version == version)
        except ConditionFailedError:
            return

    def newest(self, pin_id: str, workflow_id: str) -> Version | None:
        def read() -> Version | None:
            raw = self._table.get(data_of(pin_id), workflow_id)
            return None if raw is None else self._versions(pin_id, [DataItem.from_raw_data(raw)])[0]

        return _again(read)

    def all_of(self, pin_id: str, max_bytes: int) -> Mapping[str, Version]:
        def read() -> Mapping[str, Version]:
            items: list[DataItem] = []
            size = 0
            for raw in self._table.query(PinItem.partition == data_of(pin_id)):
                items.append(DataItem.from_raw_data(raw))
                # By what the references say, before any blob is fetched.
                size += size_of(items[-1].data)
                if size > max_bytes:
                    raise TooLargeError("The pin's workflow data is too large for one answer.", limit=max_bytes)
            return dict(zip((item.name for item in items), self._versions(pin_id, items), strict=True))

        return _again(read)

    def history(
        self, pin_id: str, workflow_id: str, *, limit: int, max_bytes: int, now: datetime
    ) -> tuple[Version, ...]:
        def read() -> tuple[Version, ...]:
            raw = self._table.get(data_of(pin_id), workflow_id)
            if raw is None:
                return ()
            newest = DataItem.from_raw_data(raw)
            older = self._older(pin_id, workflow_id, newest, now) if limit > 1 else []
            left = max_bytes - size_of(newest.data)
            kept: list[VersionItem] = []
            for item in older[: limit - 1]:
                left -= size_of(item.data)
                if left < 0:
                    break
                kept.append(item)
            return (*self._versions(pin_id, [newest]), *self._versions(pin_id, kept, older=True))

        return _again(read)

    def summaries(self, pin_id: str) -> tuple[Summary, ...]:
        items = map(DataItem.from_raw_data, self._table.query(PinItem.partition == data_of(pin_id)))
        return tuple(sorted(map(_summary, items), key=lambda each: (each.at, each.workflow_id), reverse=True))

    def points(self, pin_id: str, workflow_id: str, now: datetime) -> tuple[Point, ...]:
        raw = self._table.get(data_of(pin_id), workflow_id)
        if raw is None:
            return ()
        newest = DataItem.from_raw_data(raw)
        items: list[DataItem | VersionItem] = [newest, *self._older(pin_id, workflow_id, newest, now)]
        return tuple(Point(int(item.version), item.at, _numbers(item.numbers)) for item in items)

    def _file(self, pin_id: str, workflow_id: str, item: DataItem) -> None:
        """Puts a version among those before the newest, at the place of the one that is kept no longer. Repeating it
        changes nothing, also after later ones were filed."""
        version = int(item.version)
        filed = VersionItem(
            versions_of(pin_id, workflow_id),
            f"{version % KEPT_VERSIONS:02}",
            version=version,
            data=item.data,
            at=item.at,
            numbers=item.numbers,
            expires_at=self._expires_at(item.at),
        )
        try:
            self._table.put(filed, _is_free_for(version))
        except ConditionFailedError:
            return

    def _expires_at(self, at: datetime) -> datetime | None:
        return None if self._retention_seconds is None else at + timedelta(seconds=self._retention_seconds)

    def _older(self, pin_id: str, workflow_id: str, newest: DataItem, now: datetime) -> list[VersionItem]:
        """The versions before the newest that are still kept, newest first."""
        found = self._table.query(PinItem.partition == versions_of(pin_id, workflow_id))
        items = [VersionItem.from_raw_data(raw) for raw in found]
        oldest = int(newest.version) - KEPT_VERSIONS
        # Not the newest, which a push that broke off may have filed, nor the one whose place is taken next.
        kept = [item for item in items if oldest < item.version < newest.version and not item.is_expired(now)]
        return sorted(kept, key=lambda item: int(item.version), reverse=True)

    def _versions(
        self, pin_id: str, items: Iterable[DataItem | VersionItem], *, older: bool = False
    ) -> tuple[Version, ...]:
        items = list(items)
        values = self._values.unpack(pin_id, [item.data for item in items], older=older)
        return tuple(
            Version(int(item.version), item.at, cast(Members, value)) for item, value in zip(items, values, strict=True)
        )


def _again(read: Callable[[], T]) -> T:
    """Reads once more where the data that an item refers to was replaced, and dropped, in between."""
    for _ in range(_READS - 1):
        try:
            return read()
        except BlobNotFoundError:
            continue
    return read()


def _is_at(before: Head | None) -> Condition:
    """Guards a version that the push did not see, and that it would therefore not file."""
    if before is None:
        return PinItem.partition.does_not_exist()
    return DataItem.version == before.version


def _is_free_for(version: int) -> Condition:
    """Guards a later version that was filed at the same place meanwhile."""
    condition: Condition = VersionItem.version.does_not_exist() | (VersionItem.version < version)
    return condition


def _item(pin_id: str, workflow_id: str, version: int, push: Push) -> DataItem:
    text, _, fields = push.kept.partition("\n")
    return DataItem(
        data_of(pin_id),
        workflow_id,
        version=version,
        data=text,
        status=push.status,
        at=push.at,
        numbers=encode_text(cast(Json, dict(push.numbers))),
        fields=fields or None,
        push=push.id,
        untold=" ".join(push.untold) or None,
        due_shard=shard_of(pin_id, workflow_id) if push.untold else None,
        due_at=push.due_at if push.untold else None,
    )


def _head(item: DataItem) -> Head:
    untold = tuple(map(PinEvent, item.untold.split())) if item.untold else ()
    return Head(int(item.version), item.at, item.status, untold, item)


def _text_of_fields(data: Members) -> str:
    fields, total = fields_of(data)
    return encode_text([total, fields])


def _summary(item: DataItem) -> Summary:
    if item.fields is None:
        fields, total = fields_of(cast(Members, decode(item.data.encode())))
    else:
        total, fields = cast("tuple[int, dict[str, Json]]", decode(item.fields.encode()))
    return Summary(item.name, int(item.version), item.at, fields, total, len(item.data))


def _numbers(text: str) -> dict[str, float]:
    return cast("dict[str, float]", decode(text.encode()))
