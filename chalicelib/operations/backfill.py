"""Walks a table and rewrites the items of older schema versions, beside a product that goes on working.

An item is changed only if it still is what the upgrade saw: whatever somebody writes meanwhile wins, and the item is
upgraded anew from that. A walk can be broken off at any time and gone on with from the place that it last named.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import InvalidError
from chalicelib.operations.upgrades import Upgrade
from chalicelib.store.aws import aws_errors, error_code
from chalicelib.store.table import RawItem

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Progress:
    """`contested` items changed under every try and are left for another walk; `place` is where to go on, None at
    the end."""

    seen: int = 0
    upgraded: int = 0
    contested: int = 0
    place: str | None = None


class Backfill:
    """`upgrades` is by the version that each starts from; items of `version` and later are left alone."""

    def __init__(self, client: Any, table_name: str, upgrades: Mapping[int, Upgrade], version: int) -> None:
        self._client = client
        self._table_name = table_name
        self._upgrades = upgrades
        self._version = version

    def walk(
        self, *, place: str | None, per_second: int, pause: Callable[[float], None], dry: bool = False
    ) -> Iterator[Progress]:
        """What has been done so far, after each page of `per_second` items, with a second's `pause` between two.

        Raises InvalidError for a place that no walk named, and for an item whose version has no upgrade.
        """
        keys = self._key_names()
        done = Progress(place=place)
        while True:
            page = self._page(done.place, per_second)
            for item in page["Items"]:
                done = self._count(done, self._upgrade(item, keys, dry))
            done = replace(done, place=_encoded(page.get("LastEvaluatedKey")))
            yield done
            if done.place is None:
                return
            pause(1.0)

    def _count(self, done: Progress, outcome: bool | None) -> Progress:
        return replace(
            done,
            seen=done.seen + 1,
            upgraded=done.upgraded + (outcome is True),
            contested=done.contested + (outcome is None),
        )

    def _upgrade(self, item: RawItem, keys: frozenset[str], dry: bool) -> bool | None:
        """Whether the item was (or would be) upgraded; None if others changed it under every try."""
        #     read v1 ──► write v2 if still as read ──► refused: it comes back as it is now ──► upgrade that
        for _ in range(_TRIES):
            upgraded = self._upgraded(item)
            if upgraded == item:
                return False
            if dry:
                return True
            current = self._replace(item, upgraded, keys)
            if current is None:
                return True
            if not current:
                return False  # it was deleted
            item = current
        return None

    def _upgraded(self, item: RawItem) -> RawItem:
        version = int(item["v"]["N"]) if "v" in item else 0
        while version < self._version:
            if version not in self._upgrades:
                raise InvalidError(f"There is no upgrade of {self._table_name} from version {version}.", item=item)
            item = self._upgrades[version](dict(item))
            version += 1
            item = {**item, "v": {"N": str(version)}}
        return item

    def _replace(self, seen: RawItem, wanted: RawItem, keys: frozenset[str]) -> RawItem | None:
        """Changes what differs if the item still is as seen; otherwise returns what it is now, empty if gone."""
        key = {name: seen[name] for name in keys}
        try:
            with aws_errors():
                self._client.update_item(
                    TableName=self._table_name,
                    Key=key,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **_difference(seen, wanted, keys),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            current: RawItem = error.response.get("Item", {})
            return current
        return None

    def _page(self, place: str | None, size: int) -> Mapping[str, Any]:
        start = {} if place is None else {"ExclusiveStartKey": _decoded(place)}
        with aws_errors():
            # Not consistent, at half the price: what is stale in it, the condition of the write finds out.
            page: Mapping[str, Any] = self._client.scan(TableName=self._table_name, Limit=size, **start)
        return page

    def _key_names(self) -> frozenset[str]:
        with aws_errors():
            table = self._client.describe_table(TableName=self._table_name)["Table"]
        return frozenset(key["AttributeName"] for key in table["KeySchema"])


def _difference(seen: RawItem, wanted: RawItem, keys: frozenset[str]) -> dict[str, Any]:
    """An update that makes the one item of the other, and its condition: every attribute is still as seen."""
    names = {name: f"#{number}" for number, name in enumerate(sorted(seen.keys() | wanted.keys()))}
    values: dict[str, Any] = {}

    def value(of: Mapping[str, Any], name: str, prefix: str) -> str:
        place = f":{prefix}{names[name][1:]}"
        values[place] = of[name]
        return place

    # Never empty: `v` differs at least, and an update without SET or REMOVE would be refused.
    changed = sorted(name for name in wanted if name not in keys and wanted[name] != seen.get(name))
    gone = sorted(seen.keys() - wanted.keys() - keys)
    update = "SET " + ", ".join(f"{names[name]} = {value(wanted, name, 'new')}" for name in changed)
    if gone:
        update += " REMOVE " + ", ".join(names[name] for name in gone)
    absent = sorted(wanted.keys() - seen.keys())
    # Over all attributes, so each name that is declared is used; DynamoDB refuses others.
    conditions = [f"{names[name]} = {value(seen, name, 'old')}" for name in sorted(seen)]
    conditions += [f"attribute_not_exists({names[name]})" for name in absent]
    return {
        "UpdateExpression": update,
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {place: name for name, place in names.items()},
        "ExpressionAttributeValues": values,
    }


def _encoded(key: RawItem | None) -> str | None:
    if key is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(key, sort_keys=True).encode()).decode()


def _decoded(place: str) -> RawItem:
    try:
        key: RawItem = json.loads(base64.urlsafe_b64decode(place))
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"{place!r} is no place that a walk named.") from error
    return key
