"""Attribute types that all items share, and the attributes that every item has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynamodb.attributes import Attribute, NumberAttribute
from pynamodb.constants import MAP, NUMBER, STRING
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.times import from_epoch_ms

SCHEMA_VERSION = 1


class TimeAttribute(Attribute[datetime]):
    """A time as whole milliseconds since 1970."""

    attr_type = NUMBER

    def serialize(self, value: datetime) -> str:
        return str(epoch_ms(value))

    def deserialize(self, value: str) -> datetime:
        return from_epoch_ms(int(value))


class OptionalTimeAttribute(Attribute["datetime | None"]):
    """A time as whole milliseconds since 1970, or absent."""

    attr_type = NUMBER
    null = True

    def serialize(self, value: datetime) -> str:
        return str(epoch_ms(value))

    def deserialize(self, value: str) -> datetime:
        return from_epoch_ms(int(value))


class ExpiryAttribute(Attribute["datetime | None"]):
    """A time as DynamoDB's expiry reads it: seconds since 1970, rounded up so that nothing expires early."""

    attr_type = NUMBER
    null = True

    def serialize(self, value: datetime) -> str:
        return str(math.ceil(value.timestamp()))

    def deserialize(self, value: str) -> datetime:
        return from_epoch_ms(int(value) * 1000)


class OptionalTextAttribute(Attribute["str | None"]):
    attr_type = STRING
    null = True


class TextMapAttribute(Attribute["dict[str, str] | None"]):
    """Texts by names that nobody knew beforehand, or absent. One member can be written without the others."""

    attr_type = MAP
    null = True

    def serialize(self, value: Mapping[str, str]) -> dict[str, Any]:
        return {name: {STRING: text} for name, text in value.items()}

    def deserialize(self, value: Mapping[str, Any]) -> dict[str, str]:
        return {name: member[STRING] for name, member in value.items()}


class Member(Path):
    """The place of one member of a map, whatever characters its name has: PynamoDB's own paths take brackets for
    positions in a list."""

    def __init__(self, attribute: Attribute[Any], name: str) -> None:
        super().__init__([*attribute.attr_path, name])

    def _serialize_value(self, value: list[str], names: dict[str, str], values: dict[str, Any]) -> str:
        # A whole call shares `names`: a segment that one of its expressions has named keeps that placeholder.
        return ".".join(names.setdefault(segment, f"#{len(names)}") for segment in value)


class Item(Model):
    """`v` is the schema version, by which a later release can tell how an item was written.

    DynamoDB deletes an expired item within days, not at once, so readers ask for `unexpired` ones.
    """

    v = NumberAttribute(default_for_new=SCHEMA_VERSION)
    expires_at = ExpiryAttribute()

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def unexpired(now: datetime) -> Condition:
    """Guards a list against items that have expired but are not deleted yet."""
    # The stored time is whole seconds; rounded up like it, the present would let items expire too early.
    condition: Condition = Item.expires_at.does_not_exist() | (Item.expires_at > now.replace(microsecond=0))
    return condition


def has_fewer_than(count: int, attribute: Attribute[Any]) -> Condition:
    """Of a set or map that exists: how many members it may have."""
    condition: Condition = size(attribute) < count  # type: ignore[no-untyped-call]
    return condition


def assign(attribute: Attribute[Any], value: object) -> Action:
    """Sets the attribute, or removes it for None."""
    return attribute.remove() if value is None else attribute.set(value)
