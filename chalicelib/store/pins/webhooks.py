"""Which pin and workflow id a webhook is for: by its id, by its pin, and by its user.

The three never change. A webhook is there while both these and its endpoint are: the endpoint is made first and removed
first, so what a crash leaves behind is an endpoint that hears of nothing, or an entry that nobody is shown.
"""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.errors import AlreadyExistsError
from chalicelib.domain.pins import PinWebhook
from chalicelib.store.attributes import TimeAttribute
from chalicelib.store.pins.items import POINTER, PinItem, pointer_to_webhook, webhooks_of_pin, webhooks_of_user
from chalicelib.store.pins.pins import is_new
from chalicelib.store.table import ConditionFailedError, Key, RawItem, Table


class WebhookItem(PinItem):
    webhook_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    pin_id = UnicodeAttribute()
    workflow_id = UnicodeAttribute()
    created_at = TimeAttribute()


class DynamoPinWebhookStore:
    """The `PinWebhookStore` port on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, webhook: PinWebhook) -> None:
        pointer, *others = _keys(webhook)
        try:
            self._table.put(_item(pointer, webhook), is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(webhook_id=webhook.id) from failed
        for key in others:
            self._table.put(_item(key, webhook))

    def find(self, webhook_id: str) -> PinWebhook | None:
        raw = self._table.get(pointer_to_webhook(webhook_id), POINTER)
        return None if raw is None else _webhook(raw)

    def of_pin(self, pin_id: str) -> tuple[PinWebhook, ...]:
        return self._under(webhooks_of_pin(pin_id))

    def of_user(self, workspace_id: str, user_id: str) -> tuple[PinWebhook, ...]:
        return self._under(webhooks_of_user(workspace_id, user_id))

    def delete(self, webhook: PinWebhook) -> None:
        self._table.delete_all(_keys(webhook))

    def _under(self, partition: str) -> tuple[PinWebhook, ...]:
        found = map(_webhook, self._table.query(PinItem.partition == partition))
        return tuple(sorted(found, key=lambda webhook: (webhook.created_at, webhook.id), reverse=True))


def _keys(webhook: PinWebhook) -> list[Key]:
    return [
        (pointer_to_webhook(webhook.id), POINTER),
        (webhooks_of_user(webhook.workspace_id, webhook.user_id), webhook.id),
        (webhooks_of_pin(webhook.pin_id), webhook.id),
    ]


def _item(key: Key, webhook: PinWebhook) -> WebhookItem:
    return WebhookItem(
        *key,
        webhook_id=webhook.id,
        workspace_id=webhook.workspace_id,
        user_id=webhook.user_id,
        pin_id=webhook.pin_id,
        workflow_id=webhook.workflow_id,
        created_at=webhook.created_at,
    )


def _webhook(raw: RawItem) -> PinWebhook:
    item = WebhookItem.from_raw_data(raw)
    return PinWebhook(
        id=item.webhook_id,
        workspace_id=item.workspace_id,
        user_id=item.user_id,
        pin_id=item.pin_id,
        workflow_id=item.workflow_id,
        created_at=item.created_at,
    )
