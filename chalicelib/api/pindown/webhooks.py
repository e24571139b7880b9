"""Calls on webhooks, and what comes in through them."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.admission import spend_if_counted
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import LONGEST_ID, Body, body_of, choice, member, named, required
from chalicelib.api.pindown.workflow_data import UPDATED, wrapped_data
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json
from chalicelib.domain.pins import LONGEST_WORKFLOW_ID, PinEvent
from chalicelib.services.pins.webhooks import WebhookChange

LONGEST_URL = 2_048
_EVENTS = {each.value: each for each in PinEvent}


class WebhookCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def create(self, call: Call) -> Reply:
        body = body_of(call)
        webhooks = self._services().pin_webhooks
        pin = webhooks.subscribable(call.principal, required(named(body, "pinId", LONGEST_ID), "pinId"))
        view = webhooks.create(
            call.principal,
            pin,
            required(named(body, "workflowId", LONGEST_WORKFLOW_ID), "workflowId"),
            required(member(body, "url", str), "url"),
            required(_events(body), "events"),
        )
        return success(status=201, message="Webhook created successfully", data=wire.webhook(view, with_secret=True))

    def list(self, call: Call) -> Reply:
        found = self._services().pin_webhooks.list(call.principal, call.param("pinId"), call.param("workflowId"))
        return success(data={"webhooks": [wire.webhook(view) for view in found], "total": len(found)})

    def get(self, call: Call) -> Reply:
        return success(data=wire.webhook(self._services().pin_webhooks.get(call.principal, call.params["webhook_id"])))

    def update(self, call: Call) -> Reply:
        webhooks = self._services().pin_webhooks
        view = webhooks.changeable(call.principal, call.params["webhook_id"])
        body = body_of(call)
        change = WebhookChange(member(body, "url", str), _events(body), member(body, "is_active", bool))
        return success(message="Webhook updated successfully", data=wire.webhook(webhooks.update(view, change)))

    def delete(self, call: Call) -> Reply:
        webhook_id = call.params["webhook_id"]
        self._services().pin_webhooks.delete(call.principal, webhook_id)
        return success(message="Webhook deleted successfully", data={"webhookId": webhook_id})

    def receive(self, call: Call) -> Reply:
        """A push by whoever knows the webhook's secret: of the object itself, or of its only member `data`."""
        services = self._services()
        signature = call.headers.get("x-pindown-signature")
        pin, workflow_id = services.pin_webhooks.open(call.params["webhook_id"], signature, call.body())
        spend_if_counted(call, services.pin_limits.spend_for_workflow(pin, workflow_id))
        body = call.json()
        if not (isinstance(body, dict) and list(body) == ["data"] and isinstance(body["data"], dict)):
            body = {"data": body}
        version = services.pin_data.push(pin, workflow_id, wrapped_data(body))
        return success(message=UPDATED, data=wire.pushed(pin.id, workflow_id, version))


def _events(body: Body) -> frozenset[PinEvent] | None:
    events = member(body, "events", list)
    if events is None:
        return None
    if not events:
        raise InvalidError("'events' must not be empty", field="events")
    return frozenset(_event(each) for each in events)


def _event(value: Json) -> PinEvent:
    if not isinstance(value, str):
        raise InvalidError("'events' must be a list of texts", field="events")
    return choice(value, "events", _EVENTS)
