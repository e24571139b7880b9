"""Counts what botocore clients are asked to do, and what DynamoDB would charge for it.

A write costs one unit per started KB of the larger of the item before and after it; a refused one costs the same, and
one in a transaction twice that.
An index is written only when its entry changes: one unit per started KB of the entry, and twice if its key changes,
because the old entry is deleted and a new one put. A consistent read costs one unit per started 4 KB, an eventually
consistent one half of it. Sizes follow the documented rules: names and texts by their UTF-8 bytes, numbers by two
digits a byte and one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

Item = Mapping[str, Mapping[str, Any]]

_WRITES = frozenset({"put_item", "update_item", "delete_item"})
_WRITE_UNIT = 1024
_READ_UNIT = 4096


@dataclass(slots=True)
class Spent:
    """`calls` are the operations in order, as `table.operation` or `service.operation`."""

    calls: list[str] = field(default_factory=list)
    write_units: int = 0
    index_units: int = 0
    read_units: float = 0.0

    def count(self, *beginnings: str) -> int:
        return sum(call.startswith(beginnings) for call in self.calls)


class Meter:
    """`dynamodb`, `sqs` and `s3` in place of the clients of that name; `spent` is what went through them.

    `sent` are the parameters of the messages sent.
    """

    def __init__(self, clients: Any) -> None:
        self.spent = Spent()
        self.sent: list[Mapping[str, Any]] = []
        self.dynamodb = _Dynamo(clients.dynamodb, self)
        self.sqs = _Client(clients.sqs, "sqs", self)
        self.s3 = _Client(clients.s3, "s3", self)

    def take(self) -> Spent:
        spent, self.spent = self.spent, Spent()
        return spent


class _Client:
    def __init__(self, client: Any, name: str, meter: Meter) -> None:
        self._client = client
        self._name = name
        self._meter = meter

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._client, operation)

        def call(**parameters: Any) -> Any:
            self._meter.spent.calls.append(f"{self._name}.{operation}")
            if operation == "send_message":
                self._meter.sent.append(parameters)
            elif operation == "send_message_batch":
                self._meter.sent.extend(parameters["Entries"])
            return method(**parameters)

        return call


class _Dynamo:
    """Reads an item before and after each write, uncounted."""

    def __init__(self, client: Any, meter: Meter) -> None:
        self._client = client
        self._meter = meter
        self._tables: dict[str, Any] = {}

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._client, operation)

        def call(**parameters: Any) -> Any:
            if operation == "transact_write_items":
                return self._transact(method, parameters)
            name = parameters.get("TableName") or next(iter(parameters["RequestItems"]))
            self._meter.spent.calls.append(f"{name.rpartition('-')[2]}.{operation}")
            if operation in _WRITES:
                return self._write(method, self._table(name), parameters)
            answer = method(**parameters)
            if operation == "batch_get_item":
                self._meter.spent.read_units += _batch_units(
                    parameters["RequestItems"][name], answer["Responses"][name]
                )
                return answer
            items = answer.get("Items", [answer.get("Item", {})])
            units = -(-max(sum(map(size_of, items)), 1) // _READ_UNIT)
            self._meter.spent.read_units += units if parameters.get("ConsistentRead") else units / 2
            return answer

        return call

    def _table(self, name: str) -> Any:
        if name not in self._tables:
            self._tables[name] = self._client.describe_table(TableName=name)["Table"]
        return self._tables[name]

    def _write(self, method: Any, table: Any, parameters: dict[str, Any]) -> Any:
        key = _key_of(table, parameters)
        before = self._item(table, key)
        try:
            return method(**parameters)
        finally:
            self._count(table, before, self._item(table, key))

    def _transact(self, method: Any, parameters: dict[str, Any]) -> Any:
        """One call, in which everything costs twice what it does by itself."""
        parts = [part for each in parameters["TransactItems"] for part in each.values()]
        tables = [self._table(part["TableName"]) for part in parts]
        self._meter.spent.calls.append(f"{parts[0]['TableName'].rpartition('-')[2]}.transact_write_items")
        keys = [_key_of(table, part) for table, part in zip(tables, parts, strict=True)]
        before = [self._item(table, key) for table, key in zip(tables, keys, strict=True)]
        try:
            return method(**parameters)
        finally:
            for table, key, old in zip(tables, keys, before, strict=True):
                self._count(table, old, self._item(table, key), times=2)

    def _count(self, table: Any, before: Item, after: Item, times: int = 1) -> None:
        self._meter.spent.write_units += times * units(max(size_of(before), size_of(after)))
        for index in table.get("GlobalSecondaryIndexes", ()):
            self._meter.spent.index_units += times * _index_units(table, index, before, after)

    def _item(self, table: Any, key: Item) -> Item:
        try:
            item: Item = self._client.get_item(TableName=table["TableName"], Key=key, ConsistentRead=True)["Item"]
        except (KeyError, ClientError):
            return {}
        return item


def _key_of(table: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    given = parameters.get("Key") or parameters["Item"]
    return {each["AttributeName"]: given[each["AttributeName"]] for each in table["KeySchema"]}


def _batch_units(asked: Mapping[str, Any], items: list[Item]) -> float:
    """Each item is rounded up by itself; one that is not there costs the least there is."""
    missing = len(asked["Keys"]) - len(items)
    units = sum(-(-size_of(item) // _READ_UNIT) for item in items) + missing
    return units if asked.get("ConsistentRead") else units / 2


def units(size: int) -> int:
    return max(1, -(-size // _WRITE_UNIT))


def size_of(item: Item) -> int:
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Mapping[str, Any]) -> int:
    ((type_, content),) = value.items()
    match type_:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.strip("-").strip("0").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _size_of_value(inner) for name, inner in content.items())
        case "L":
            return 3 + sum(1 + _size_of_value(inner) for inner in content)
        case _:
            return sum(_size_of_value({type_[0]: each}) for each in content)


def _index_units(table: Any, index: Any, before: Item, after: Item) -> int:
    old, new = _entry(table, index, before), _entry(table, index, after)
    if old == new:
        return 0
    keys = [each["AttributeName"] for each in index["KeySchema"]]
    if old and new and any(old[name] != new[name] for name in keys):
        return units(size_of(old)) + units(size_of(new))
    return units(max(size_of(old), size_of(new)))


def _entry(table: Any, index: Any, item: Item) -> Item:
    """The item as the index holds it; empty where it lacks one of the index's keys."""
    keys = [each["AttributeName"] for each in index["KeySchema"]]
    if any(name not in item for name in keys):
        return {}
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return item
    names = {*keys, *(each["AttributeName"] for each in table["KeySchema"]), *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in names}
