"""Subscriptions: one item each, which both lists it and delivers by it, and a pointer from its listener.

Only the subscription itself makes it exist. Its pointer, which has a name of its own, is written before it and removed
after it: so whatever exists is found from its listener, however many create and delete it at the same time, and a crash
in between leaves a pointer to nothing, which nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.events import EmitterKind
from chalicelib.domain.subscriptions import (
    EVERYTHING,
    GLOB_OF,
    AutoSubscription,
    ListenerKind,
    Subscription,
    patterns_for,
)
from chalicelib.store.attributes import TimeAttribute
from chalicelib.store.definition_items import DefinitionItem, autos_of, listener_of, short, subscriptions_of
from chalicelib.store.table import ConditionFailedError, RawItem, Table

_GLOBS = frozenset({*GLOB_OF.values(), EVERYTHING})
_ONE, _MANY = "=", "*"  # no prefix of the one kind begins a name of the other


class SubscriptionItem(DefinitionItem):
    """Of an auto-subscription, without emitter."""

    subscription_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    emitter = UnicodeAttribute(null=True)
    channel = UnicodeAttribute()
    listener_id = UnicodeAttribute()
    listener_kind = UnicodeAttribute()
    created_at = TimeAttribute()


class PointerItem(DefinitionItem):
    """Named for the subscription's item and its id; there is nothing else to know."""


class DynamoSubscriptionStore:
    """The `SubscriptionStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, subscription: Subscription) -> Subscription:
        """Whoever repeats it is answered without a write."""
        item = _item(subscription)
        stored = self._table.get(item.partition, item.name)
        if stored is not None:
            return _subscription(stored)
        pointer = _pointer(item)
        #     pointer ──► subscription       a crash between them leaves a pointer to nothing
        # The other order could leave a subscription that the deletion of its listener does not find.
        self._table.put(pointer)
        try:
            self._table.put(item, _is_new())
        except ConditionFailedError as failed:
            self._table.delete(pointer.partition, pointer.name)
            return _subscription(failed.item)
        return subscription

    def delete(self, workspace_id: str, emitter: str, channel: str, listener_id: str) -> bool:
        return self._delete(workspace_id, _name(emitter, channel, listener_id))

    def list(self, workspace_id: str) -> tuple[Subscription, ...]:
        found = self._table.query(SubscriptionItem.partition == subscriptions_of(workspace_id))
        return tuple(sorted(map(_subscription, found), key=lambda each: (each.created_at, each.id), reverse=True))

    def any_for(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> bool:
        """Of globs, some other kind's may be what is found."""
        prefixes = (_many(channel), _one(emitter_id, channel))
        return any(True for prefix in prefixes for _ in islice(self._names(workspace_id, prefix), 1))

    def matching(self, workspace_id: str, kind: EmitterKind, emitter_id: str, channel: str) -> tuple[Subscription, ...]:
        prefixes = (_one(emitter_id, channel), _many(channel))
        found = (_subscription(raw) for prefix in prefixes for raw in self._beginning(workspace_id, prefix))
        patterns = patterns_for(kind, emitter_id)
        return tuple(subscription for subscription in found if subscription.emitter in patterns)

    def delete_of(self, workspace_id: str, resource_id: str) -> None:
        listener = listener_of(workspace_id, resource_id)
        pointers = self._table.query(DefinitionItem.partition == listener, attributes=[DefinitionItem.name])
        # Deleting while reading is safe: a query goes on after a key, whether its item is still there or not.
        emitted = self._names(workspace_id, f"{_ONE}{short(resource_id)}#", page_size=None)
        for name in emitted:
            self._delete(workspace_id, name)
        for raw in pointers:
            pointer = raw["name"]["S"]
            # At the last separator: the subscription's name has others, its id, which follows, has none.
            if not self._delete(workspace_id, pointer.rpartition("#")[0]):
                self._table.delete(listener, pointer)
        self._delete_autos_of(workspace_id, resource_id)

    def create_auto(self, auto: AutoSubscription) -> AutoSubscription:
        try:
            self._table.put(_auto_item(auto), _is_new())
        except ConditionFailedError as failed:
            return _auto(failed.item)
        return auto

    def list_auto(self, workspace_id: str) -> tuple[AutoSubscription, ...]:
        """Newest first."""
        found = self._table.query(SubscriptionItem.partition == autos_of(workspace_id))
        return tuple(sorted(map(_auto, found), key=lambda each: (each.created_at, each.id), reverse=True))

    def delete_auto(self, workspace_id: str, channel: str, listener_id: str) -> bool:
        try:
            self._table.delete(autos_of(workspace_id), _auto_name(channel, listener_id), _exists())
        except ConditionFailedError:
            return False
        return True

    def _delete(self, workspace_id: str, name: str) -> bool:
        raw = self._table.delete(subscriptions_of(workspace_id), name, returns="ALL_OLD")
        if not raw:
            return False
        pointer = _pointer(SubscriptionItem.from_raw_data(raw))
        self._table.delete(pointer.partition, pointer.name)
        return True

    def _delete_autos_of(self, workspace_id: str, listener_id: str) -> None:
        keys = SubscriptionItem.partition == autos_of(workspace_id)
        for raw in self._table.query(keys, SubscriptionItem.listener_id == listener_id):
            item = SubscriptionItem.from_raw_data(raw)
            self.delete_auto(workspace_id, item.channel, item.listener_id)

    def _names(self, workspace_id: str, prefix: str, page_size: int | None = 1) -> Iterator[str]:
        keys = (DefinitionItem.partition == subscriptions_of(workspace_id)) & DefinitionItem.name.startswith(prefix)
        found: Iterable[RawItem] = self._table.query(keys, page_size=page_size, attributes=[DefinitionItem.name])
        return (raw["name"]["S"] for raw in found)

    def _beginning(self, workspace_id: str, prefix: str) -> Iterator[RawItem]:
        keys = (DefinitionItem.partition == subscriptions_of(workspace_id)) & DefinitionItem.name.startswith(prefix)
        return self._table.query(keys)


def _is_new() -> Condition:
    """Guards a subscription against a second one of its triple."""
    return DefinitionItem.partition.does_not_exist()


def _exists() -> Condition:
    """Tells whether there was one."""
    return DefinitionItem.partition.exists()


def _pointer(item: SubscriptionItem) -> PointerItem:
    return PointerItem(listener_of(item.workspace_id, item.listener_id), f"{item.name}#{item.subscription_id}")


def _name(emitter: str, channel: str, listener_id: str) -> str:
    """Begins with what an event is known by, so that those it concerns lie together."""
    if emitter in _GLOBS:
        return f"{_many(channel)}{short(emitter)}#{short(listener_id)}"
    return f"{_one(emitter, channel)}{short(listener_id)}"


def _one(emitter: str, channel: str) -> str:
    return f"{_ONE}{short(emitter)}#{short(channel)}#"


def _many(channel: str) -> str:
    return f"{_MANY}{short(channel)}#"


def _auto_name(channel: str, listener_id: str) -> str:
    return f"{short(channel)}#{short(listener_id)}"


def _item(subscription: Subscription) -> SubscriptionItem:
    return SubscriptionItem(
        subscriptions_of(subscription.workspace_id),
        _name(subscription.emitter, subscription.channel, subscription.listener_id),
        subscription_id=subscription.id,
        workspace_id=subscription.workspace_id,
        user_id=subscription.user_id,
        emitter=subscription.emitter,
        channel=subscription.channel,
        listener_id=subscription.listener_id,
        listener_kind=subscription.listener_kind.value,
        created_at=subscription.created_at,
    )


def _subscription(raw: RawItem) -> Subscription:
    item = SubscriptionItem.from_raw_data(raw)
    return Subscription(
        id=item.subscription_id,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        emitter=item.emitter,
        channel=item.channel,
        listener_id=item.listener_id,
        listener_kind=ListenerKind(item.listener_kind),
        created_at=item.created_at,
    )


def _auto_item(auto: AutoSubscription) -> SubscriptionItem:
    return SubscriptionItem(
        autos_of(auto.workspace_id),
        _auto_name(auto.channel, auto.listener_id),
        subscription_id=auto.id,
        workspace_id=auto.workspace_id,
        user_id=auto.user_id,
        channel=auto.channel,
        listener_id=auto.listener_id,
        listener_kind=auto.listener_kind.value,
        created_at=auto.created_at,
    )


def _auto(raw: RawItem) -> AutoSubscription:
    item = SubscriptionItem.from_raw_data(raw)
    return AutoSubscription(
        id=item.subscription_id,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        channel=item.channel,
        listener_id=item.listener_id,
        listener_kind=ListenerKind(item.listener_kind),
        created_at=item.created_at,
    )
