"""Calls on the deliveries of a webhook: what was sent, what came back, and sending it again. All of them are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.cursors import as_cursor, place_of
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import bounds, wire
from chalicelib.api.pipedream.paging import Shown, many, one
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.deliveries import DeliveryFilter, DeliveryStatus
from chalicelib.domain.errors import InvalidError, PenstockError
from chalicelib.services.access import Scope

if TYPE_CHECKING:
    from chalicelib.domain.endpoints import Endpoint


class DeliveryCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def list(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.READ_HOOKS)
        params = Params(call)
        where, after, limit = _filter(params), _cursor(params), params.limit()
        params.check_workspace()
        page = self._services().deliveries.page(endpoint, where, after, limit)
        next_cursor = None if page.next is None else as_cursor(page.next)
        info: Shown = {"count": len(page.items), "next_cursor": next_cursor}
        return many(params, map(wire.delivery, page.items), info)

    def get(self, call: Call) -> Reply:
        endpoint = self._endpoint(call, Scope.READ_HOOKS)
        view = self._services().deliveries.get(endpoint, call.params["delivery_id"])
        params = Params(call)
        params.check_workspace()
        attempts = [wire.attempt(each) for each in view.attempts]
        shown = wire.delivery(view.delivery)
        return one(params, {**shown, "payload": bounds.payload(view.delivery.payload), "attempts": [*attempts]})

    def redeliver(self, call: Call) -> Reply:
        endpoint, delivery_id = self._endpoint(call, Scope.WRITE_HOOKS), call.params["delivery_id"]
        deliveries = self._services().deliveries
        try:
            params = Params(call)
            params.check_workspace()
        except PenstockError:
            deliveries.get(endpoint, delivery_id)
            raise
        return one(params, wire.delivery(deliveries.redeliver(endpoint, delivery_id)))

    def recover(self, call: Call) -> Reply:
        """At once, or by a run that goes on with it."""
        endpoint = self._endpoint(call, Scope.WRITE_HOOKS)
        params = Params(call)
        params.required("since")
        since, until = params.span("since"), params.span("until")
        params.check_workspace()
        assert since is not None
        done = self._services().deliveries.recover(endpoint, since[0], None if until is None else until[1])
        reply = one(params, {"recovered": done.recovered, "execution_id": done.run_id})
        return reply if done.run_id is None else Reply(202, reply.body)

    def _endpoint(self, call: Call, scope: Scope) -> Endpoint:
        return self._services().endpoints.get(call.principal, call.params["webhook_id"], scope)


def _filter(params: Params) -> DeliveryFilter:
    since, until = params.span("since"), params.span("until")
    return DeliveryFilter(_statuses(params), None if since is None else since[0], None if until is None else until[1])


def _statuses(params: Params) -> frozenset[DeliveryStatus]:
    names = params.names("status")
    try:
        return frozenset(map(DeliveryStatus, names))
    except ValueError as error:
        known = ", ".join(DeliveryStatus)
        raise InvalidError(f"status must be one of {known}, or several with commas", field="status") from error


def _cursor(params: Params) -> str | None:
    text = params.text("cursor")
    try:
        return place_of(text, "cursor") if text else None
    except InvalidError as error:
        raise InvalidError("cursor is not a cursor", field="cursor") from error
