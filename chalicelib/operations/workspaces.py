"""Everything that an installation holds of one workspace: taken out into a file, or deleted.

No index knows all of it, so every table is read as a whole, slowly: first to learn which runs, pins, sources and users
are the workspace's, then for what hangs on them. Deleting begins with the keys, so that nobody adds to what is being
deleted, and may be repeated: what is gone already is not found again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.json import Json
from chalicelib.store.aws import AwsClients, aws_errors
from chalicelib.store.table import RawItem, Table, part

_OWNERS_IN_BUCKET = ("audits", "components", "payloads", "resources", "schedules", "sources", "workflows")
_KEPT_BY_PIN = ("pins", "pin-versions")


@dataclass(slots=True)
class Owned:
    """The ids that things of the workspace are filed under which do not name it."""

    workspace_id: str
    users: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    pins: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    @property
    def prefix(self) -> str:
        return f"{part(self.workspace_id)}#"

    def learn(self, table: str, key: str, item: RawItem) -> bool:
        """Whether the item told of anything that is owned."""
        is_source = table == "definitions" and key == f"{self.prefix}source"
        if is_source:
            self.sources.add(item["name"]["S"])
        if item.get("workspace_id") != {"S": self.workspace_id}:
            return is_source
        if table == "identities":
            self.users.add(item["user_id"]["S"])
        elif table == "runs":
            self.runs.add(key)
        elif table == "pins" and key.startswith("#pin#"):
            self.pins.add(key.removeprefix("#pin#"))
        else:
            return is_source
        return True

    def holds(self, table: str, key: str, item: RawItem) -> bool:
        if item.get("workspace_id") == {"S": self.workspace_id} or key.startswith(self.prefix):
            return True
        match table:
            case "identities":
                return key == f"workspace#{part(self.workspace_id)}" or key in {f"user#{part(u)}" for u in self.users}
            case "runs":
                return key in self.runs
            case "pins":
                return key.startswith("#pin#") and key.split("#")[2] in self.pins
            case "flows":
                return key.split("#")[1:2] == [part(self.workspace_id)]
            case "counters":
                return key.startswith(f"usage#{self.prefix}")
        return False

    def places_in_bucket(self) -> Iterator[str]:
        yield from (f"{owner}/{part(self.workspace_id)}/" for owner in _OWNERS_IN_BUCKET)
        yield from (f"runs/{run_id}/" for run_id in sorted(self.runs))
        # Outboxes of sources are kept with the values of runs, and expire with them.
        yield from (f"runs/{part(source_id)}/" for source_id in sorted(self.sources))
        yield from (f"{owner}/{pin}/" for pin in sorted(self.pins) for owner in _KEPT_BY_PIN)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many items are read of a table in a second; `pause` waits that many seconds."""

    per_second: int
    pause: Callable[[float], None]


class Workspaces:
    """`tables` are the tables' names by their words, identities first."""

    def __init__(self, clients: AwsClients, tables: Mapping[str, str], bucket: str, pace: Pace) -> None:
        self._clients = clients
        self._tables = tables
        self._bucket = bucket
        self._pace = pace

    def everything(self, workspace_id: str) -> Iterator[dict[str, Json]]:
        """Each item as `{table, item}`, each value that is too large for one as `{object, base64}`."""
        owned = self._owned(workspace_id)
        for word in self._tables:
            for _, _, item in self._items(word, owned):
                yield {"table": word, "item": plain(item)}
        for key in self._objects(owned):
            with aws_errors():
                content = self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            yield {"object": key, "base64": base64.b64encode(content).decode()}

    def delete(self, workspace_id: str) -> Iterator[tuple[str, int]]:
        """How much was deleted of each table, and of the bucket. Keys go first."""
        owned = self._owned(workspace_id)
        counts = dict.fromkeys(self._tables, 0)
        for word in self._tables:
            counts[word] += sum(1 for _ in self._deleted(word, owned, telling=False))
            if word == "identities":
                counts[word] += sum(1 for _ in self._deleted(word, owned, telling=True))
        yield "bucket", sum(1 for _ in self._deleted_objects(owned))
        # Items that tell what else is owned go last: whoever begins again after an interruption still learns of it.
        for word in self._tables:
            yield word, counts[word] + sum(1 for _ in self._deleted(word, owned, telling=True))

    def _owned(self, workspace_id: str) -> Owned:
        owned = Owned(workspace_id)
        # Before anything is deleted: what belongs to a run or a pin names only that, and is not known without it.
        for word in ("identities", "definitions", "runs", "pins"):
            hash_name, _ = self._key_names(word)
            for item in self._scan(word):
                owned.learn(word, item[hash_name]["S"], item)
        return owned

    def _deleted(self, word: str, owned: Owned, *, telling: bool) -> Iterator[None]:
        hash_name, range_name = self._key_names(word)
        table = Table(self._clients.dynamodb, self._tables[word], hash_name, range_name)
        for key, place, item in self._items(word, owned):
            if owned.learn(word, key, item) is telling:
                table.delete(key, place)
                yield None

    def _deleted_objects(self, owned: Owned) -> Iterator[None]:
        for key in self._objects(owned):
            with aws_errors():
                self._clients.s3.delete_object(Bucket=self._bucket, Key=key)
            yield None

    def _items(self, word: str, owned: Owned) -> Iterator[tuple[str, str | None, RawItem]]:
        hash_name, range_name = self._key_names(word)
        for item in self._scan(word):
            key = item[hash_name]["S"]
            if owned.holds(word, key, item):
                yield key, item[range_name]["S"] if range_name else None, item

    def _scan(self, word: str) -> Iterator[RawItem]:
        asked: dict[str, Any] = {"TableName": self._tables[word], "Limit": self._pace.per_second}
        while True:
            with aws_errors():
                page = self._clients.dynamodb.scan(ConsistentRead=True, **asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            self._pace.pause(1.0)

    def _key_names(self, word: str) -> tuple[str, str | None]:
        with aws_errors():
            keys = self._clients.dynamodb.describe_table(TableName=self._tables[word])["Table"]["KeySchema"]
        names = {key["KeyType"]: key["AttributeName"] for key in keys}
        return names["HASH"], names.get("RANGE")

    def _objects(self, owned: Owned) -> Iterator[str]:
        for prefix in owned.places_in_bucket():
            for page in self._clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (each["Key"] for each in page.get("Contents", ()))


def plain(item: RawItem) -> dict[str, Json]:
    """The item as JSON, bytes in base64."""
    return {name: _plain(value) for name, value in sorted(item.items())}


def _plain(typed: Mapping[str, Any]) -> Json:
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            # DynamoDB gives numbers as texts; as floats, large whole ones would lose digits.
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "B":
            return base64.b64encode(value).decode()
        case "NULL":
            return None
        case "L":
            return [_plain(member) for member in value]
        case "M":
            return {name: _plain(member) for name, member in value.items()}
        case "SS" | "NS" | "BS":
            return [_plain({kind[0]: member}) for member in value]
    found: Json = value
    return found
