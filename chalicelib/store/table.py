"""One DynamoDB table: conditional writes, consistent reads and keyed queries.

PynamoDB gives the item schemas and the expressions. The calls are made here, because its models can neither
ask for the item that failed a condition nor leave out the item that an update returns, and because every
model would make a client of its own.

A key that DynamoDB cannot hold (empty or too long) names nothing: reads find no item and conditions fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.exceptions import ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from chalicelib.store.aws import aws_errors, error_code

RawItem: TypeAlias = dict[str, dict[str, Any]]

MAX_HASH_BYTES = 2048
MAX_RANGE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables."""

    identities: str
    definitions: str
    runs: str
    counters: str

    @classmethod
    def of_stage(cls, stage: str) -> Tables:
        return cls(*(f"penstock-{stage}-{name}" for name in ("identities", "definitions", "runs", "counters")))


class ConditionFailedError(Exception):
    """The stored item did not meet a write's condition. `item` is that item, empty if there is none."""

    def __init__(self, item: RawItem) -> None:
        super().__init__("the condition failed")
        self.item = item


class Table:
    """`hash_name` and `range_name` are the attributes of the table's key."""

    def __init__(self, client: Any, name: str, hash_name: str, range_name: str | None = None) -> None:
        self._client = client
        self._name = name
        self._hash_name = hash_name
        self._range_name = range_name

    def put(self, item: Model, condition: Condition | None = None) -> None:
        """Stores the whole item. Raises ConditionFailedError."""
        call = _Call(self._name)
        call.parameters["Item"] = item.serialize()
        call.require(condition)
        self._write("put_item", call)

    def update(
        self,
        hash_key: str,
        range_key: str | None,
        actions: Sequence[Action],
        condition: Condition | None = None,
        *,
        returns: str = "NONE",
    ) -> RawItem:
        """Raises ConditionFailedError."""
        if not _can_be_stored(hash_key, range_key):
            raise ConditionFailedError({})
        call = _Call(self._name)
        call.parameters["Key"] = self._key(hash_key, range_key)
        call.parameters["ReturnValues"] = returns
        call.require(condition)
        call.parameters["UpdateExpression"] = Update(*actions).serialize(call.names, call.values)
        item: RawItem = self._write("update_item", call).get("Attributes", {})
        return item

    def delete(self, hash_key: str, range_key: str | None, condition: Condition | None = None) -> None:
        """Nothing happens if the item is gone. Raises ConditionFailedError."""
        if not _can_be_stored(hash_key, range_key):
            return
        call = _Call(self._name)
        call.parameters["Key"] = self._key(hash_key, range_key)
        call.require(condition)
        self._write("delete_item", call)

    def get(self, hash_key: str, range_key: str | None = None) -> RawItem | None:
        """The item as of now, or None."""
        if not _can_be_stored(hash_key, range_key):
            return None
        with aws_errors():
            answer = self._client.get_item(
                TableName=self._name, Key=self._key(hash_key, range_key), ConsistentRead=True
            )
        item: RawItem | None = answer.get("Item")
        return item

    def query(
        self,
        keys: Condition,
        where: Condition | None = None,
        *,
        index: str | None = None,
        newest_first: bool = False,
        page_size: int | None = None,
    ) -> Iterator[RawItem]:
        """Items in the order of the range key. The table is read consistently; an index cannot be."""
        call = self._query(keys, where, index)
        call.parameters["ScanIndexForward"] = not newest_first
        if page_size is not None:
            call.parameters["Limit"] = page_size
        for page in self._pages(call):
            yield from page["Items"]

    def count(self, keys: Condition, where: Condition | None = None, *, index: str | None = None) -> int:
        call = self._query(keys, where, index)
        call.parameters["Select"] = "COUNT"
        return sum(page["Count"] for page in self._pages(call))

    def _query(self, keys: Condition, where: Condition | None, index: str | None) -> _Call:
        call = _Call(self._name)
        call.parameters["KeyConditionExpression"] = keys.serialize(call.names, call.values)
        if where is not None:
            call.parameters["FilterExpression"] = where.serialize(call.names, call.values)
        if index is None:
            call.parameters["ConsistentRead"] = True
        else:
            call.parameters["IndexName"] = index
        return call

    def _pages(self, call: _Call) -> Iterator[Mapping[str, Any]]:
        parameters = call.finished()
        while True:
            with aws_errors():
                page = self._client.query(**parameters)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _write(self, operation: str, call: _Call) -> Mapping[str, Any]:
        try:
            with aws_errors():
                answer: Mapping[str, Any] = getattr(self._client, operation)(**call.finished())
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            raise ConditionFailedError(error.response.get("Item", {})) from error
        return answer

    def _key(self, hash_key: str, range_key: str | None) -> RawItem:
        key = {self._hash_name: {"S": hash_key}}
        if self._range_name is not None and range_key is not None:
            key[self._range_name] = {"S": range_key}
        return key


class _Call:
    """The parameters of one call, and the placeholders that its expressions share."""

    def __init__(self, table_name: str) -> None:
        self.parameters: dict[str, Any] = {"TableName": table_name}
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def require(self, condition: Condition | None) -> None:
        if condition is not None:
            self.parameters["ConditionExpression"] = condition.serialize(self.names, self.values)
            # The stored item comes back with the refusal, so that its cause can be told without a read.
            self.parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"

    def finished(self) -> dict[str, Any]:
        if self.names:
            self.parameters["ExpressionAttributeNames"] = {place: name for name, place in self.names.items()}
        if self.values:
            self.parameters["ExpressionAttributeValues"] = self.values
        return self.parameters


def can_be_key(text: str) -> bool:
    """Whether the text fits every key, also beside the short texts that some keys put before it."""
    return 0 < len(text.encode()) <= MAX_RANGE_BYTES


def bounded(text: str, most_bytes: int) -> str:
    """The text itself, or its hash where it would be longer."""
    raw = text.encode()
    return text if len(raw) <= most_bytes else f"sha256#{hashlib.sha256(raw).hexdigest()}"


def _can_be_stored(hash_key: str, range_key: str | None) -> bool:
    return 0 < len(hash_key.encode()) <= MAX_HASH_BYTES and (range_key is None or can_be_key(range_key))
