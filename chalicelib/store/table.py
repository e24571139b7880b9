"""One DynamoDB table: conditional writes, consistent reads and keyed queries.

PynamoDB gives the item schemas and the expressions. The calls are made here, because its models can neither
ask for the item that failed a condition nor leave out the item that an update returns, and because every
model would make a client of its own.

A key that DynamoDB cannot hold (empty or too long) names nothing: reads find no item and conditions fail.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from botocore.exceptions import ClientError
from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.projection import create_projection_expression
from pynamodb.expressions.update import Action, Update
from pynamodb.models import Model

from chalicelib.domain.errors import UnavailableError
from chalicelib.store.aws import aws_errors, error_code
from chalicelib.store.transactions import Write, commit

RawItem: TypeAlias = dict[str, dict[str, Any]]

MAX_HASH_BYTES = 2048  # these two are DynamoDB's own bounds
MAX_RANGE_BYTES = 1024

Key: TypeAlias = tuple[str, "str | None"]
# What DynamoDB takes in one call.
_MAX_BATCH_WRITES = 25
_MAX_BATCH_READS = 100
# The pauses add up to 0.65 s. Answers are also cut at 16 MB; of 100 items at their largest, that takes three calls.
_BATCH_ATTEMPTS = 10
_BATCH_PAUSE_SECONDS = 0.01
_MOST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of the tables."""

    identities: str
    definitions: str
    runs: str
    counters: str
    events: str
    deliveries: str
    pins: str
    flows: str

    @classmethod
    def of_stage(cls, stage: str) -> Tables:
        return cls(**{field.name: f"penstock-{stage}-{field.name}" for field in fields(cls)})


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
            # As for an item that is not there: no condition on it could hold, and none could be made.
            raise ConditionFailedError({})
        call = _Call(self._name)
        call.parameters["Key"] = self._key(hash_key, range_key)
        call.parameters["ReturnValues"] = returns
        call.require(condition)
        # Into the placeholders of the condition: what names the same attribute in both has one.
        call.parameters["UpdateExpression"] = Update(*actions).serialize(call.names, call.values)
        item: RawItem = self._write("update_item", call).get("Attributes", {})
        return item

    def delete(
        self, hash_key: str, range_key: str | None, condition: Condition | None = None, *, returns: str = "NONE"
    ) -> RawItem:
        """Nothing happens if the item is gone. Raises ConditionFailedError."""
        if not _can_be_stored(hash_key, range_key):
            return {}
        call = _Call(self._name)
        call.parameters["Key"] = self._key(hash_key, range_key)
        if returns != "NONE":
            call.parameters["ReturnValues"] = returns
        call.require(condition)
        item: RawItem = self._write("delete_item", call).get("Attributes", {})
        return item

    def putting(self, item: Model, condition: Condition | None = None) -> Write:
        """`put` as a part of a transaction."""
        call = _Call(self._name)
        call.parameters["Item"] = item.serialize()
        call.require(condition)
        return Write("Put", call.finished())

    def updating(
        self, hash_key: str, range_key: str | None, actions: Sequence[Action], condition: Condition | None = None
    ) -> Write:
        """`update` as a part of a transaction."""
        call = self._keyed(hash_key, range_key, condition)
        call.parameters["UpdateExpression"] = Update(*actions).serialize(call.names, call.values)
        return Write("Update", call.finished())

    def deleting(self, hash_key: str, range_key: str | None, condition: Condition | None = None) -> Write:
        """`delete` as a part of a transaction."""
        return Write("Delete", self._keyed(hash_key, range_key, condition).finished())

    def checking(self, hash_key: str, range_key: str | None, condition: Condition) -> Write:
        """A condition on an item that the transaction does not write."""
        return Write("ConditionCheck", self._keyed(hash_key, range_key, condition).finished())

    def transact(self, writes: Sequence[Write]) -> None:
        """Makes the writes, of this table or others, together. Raises TransactionRefusedError."""
        commit(self._client, writes)

    def delete_all(self, keys: Sequence[Key]) -> None:
        """Deletes the items of these keys, each of which may be gone."""
        for start in range(0, len(keys), _MAX_BATCH_WRITES):
            some = keys[start : start + _MAX_BATCH_WRITES]
            requests: Any = {self._name: [{"DeleteRequest": {"Key": self._key(*key)}} for key in some]}
            for _ in self._batches("batch_write_item", requests, "UnprocessedItems"):
                pass

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

    def get_all(self, keys: Sequence[Key]) -> list[RawItem]:
        """The items of these keys as of now, those that there are, in no order."""
        found: list[RawItem] = []
        for start in range(0, len(keys), _MAX_BATCH_READS):
            # DynamoDB refuses a key that is asked for twice: callers name each once.
            some = [self._key(*key) for key in keys[start : start + _MAX_BATCH_READS]]
            requests: Any = {self._name: {"Keys": some, "ConsistentRead": True}}
            for answer in self._batches("batch_get_item", requests, "UnprocessedKeys"):
                found += answer["Responses"].get(self._name, ())
        return found

    def query(
        self,
        keys: Condition,
        where: Condition | None = None,
        *,
        index: str | None = None,
        newest_first: bool = False,
        page_size: int | None = None,
        attributes: Sequence[Attribute[Any]] | None = None,
    ) -> Iterator[RawItem]:
        """Items in the order of the range key, or these attributes of them. The table is read consistently; an index
        cannot be."""
        call = self._query(keys, where, index)
        call.parameters["ScanIndexForward"] = not newest_first
        if page_size is not None:
            call.parameters["Limit"] = page_size
        if attributes is not None:
            call.parameters["ProjectionExpression"] = create_projection_expression(attributes, call.names)
        # A page may be empty and not the last: the filter drops items after they have been read.
        for page in self._pages(call):
            yield from page["Items"]

    def count(
        self,
        keys: Condition,
        where: Condition | None = None,
        *,
        index: str | None = None,
        most: int | None = None,
    ) -> int:
        """With `most`, of the items from the last in the order of the range key on, and no more than that many."""
        call = self._query(keys, where, index)
        call.parameters["Select"] = "COUNT"
        if most is not None:
            call.parameters |= {"Limit": most, "ScanIndexForward": False}
        total = 0
        for page in self._pages(call):
            total += page["Count"]
            if most is not None and total >= most:
                return most
        return total

    def _keyed(self, hash_key: str, range_key: str | None, condition: Condition | None) -> _Call:
        call = _Call(self._name)
        call.parameters["Key"] = self._key(hash_key, range_key)
        call.require(condition)
        return call

    def _query(self, keys: Condition, where: Condition | None, index: str | None) -> _Call:
        call = _Call(self._name)
        call.parameters["KeyConditionExpression"] = keys.serialize(call.names, call.values)
        if where is not None:
            call.parameters["FilterExpression"] = where.serialize(call.names, call.values)
        if index is None:
            # What a call stored, the next call shows. An index refuses to be asked for that.
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

    def _batches(self, operation: str, requests: Any, left_out: str) -> Iterator[Mapping[str, Any]]:
        """Answers until nothing is left out. Raises UnavailableError for a table that keeps leaving things out."""
        for attempt in range(_BATCH_ATTEMPTS):
            if attempt:
                # What was left out was throttled; asked for again at once it would be left out again.
                time.sleep(min(_BATCH_PAUSE_SECONDS * 2 ** (attempt - 1), _MOST_PAUSE_SECONDS))
            with aws_errors():
                answer: Mapping[str, Any] = getattr(self._client, operation)(RequestItems=requests)
            yield answer
            # What was left out comes as the request that asks for it.
            requests = answer.get(left_out)
            if not requests:
                return
        raise UnavailableError(reason=left_out)

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


def can_be_partition(text: str) -> bool:
    return 0 < len(text.encode()) <= MAX_HASH_BYTES


def bounded(text: str, most_bytes: int) -> str:
    """The text itself, or its hash where it would be longer."""
    raw = text.encode()
    return text if len(raw) <= most_bytes else f"sha256#{hashlib.sha256(raw).hexdigest()}"


def part(text: str) -> str:
    """`text` without the separator: an id that a caller made up cannot name somebody else's partition."""
    # `%` first, or those of the other replacement would be escaped once more; `whole` goes the other way.
    return text.replace("%", "%25").replace("#", "%23")


def whole(text: str) -> str:
    """What `part` was made of."""
    return text.replace("%23", "#").replace("%25", "%")


def _can_be_stored(hash_key: str, range_key: str | None) -> bool:
    return can_be_partition(hash_key) and (range_key is None or can_be_key(range_key))
