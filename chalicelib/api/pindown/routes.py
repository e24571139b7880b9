"""The PinDown door: pins, their live data and webhooks under `/api`, and the page that shows a pin at `/pins/{pid}`.

Checks come in one order: who calls, whether the pin exists, what they may do with it, the body. Workflow data is
counted by workflow id, everything else by user.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.doors import Door
from chalicelib.api.common.mount import Route
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import errors
from chalicelib.api.pindown.admission import admit, admit_anybody, admit_counted
from chalicelib.api.pindown.keys import KeyCalls
from chalicelib.api.pindown.parts import PartCalls
from chalicelib.api.pindown.pinboards import PinboardCalls
from chalicelib.api.pindown.pins import PinCalls
from chalicelib.api.pindown.public import PublicCalls
from chalicelib.api.pindown.webhooks import WebhookCalls
from chalicelib.api.pindown.workflow_data import WorkflowDataCalls
from chalicelib.domain.times import iso_ms

PREFIX = "/api"
PAGE_PREFIX = "/pins"

Get = Callable[[], Services]


def doors(services: Get) -> tuple[Door, ...]:
    def complete(_: Call, reply: Reply) -> Reply:
        return errors.with_timestamp(reply, iso_ms(services().clock.now()))

    def nobody(_: Call) -> None:
        pass

    return (
        Door(("/api/workflow-data",), lambda call: admit(call, services()), errors.flat, errors.with_action),
        Door(("/api/webhooks",), lambda call: admit_counted(call, services()), errors.flat, errors.with_action),
        Door(("/api/webhooks/receive",), nobody, errors.flat, errors.with_action),
        Door(("/api",), lambda call: admit_counted(call, services()), errors.nested, complete),
        Door(("/api/public",), lambda call: admit_anybody(call, services()), errors.nested, complete),
        Door(("/api/health", PAGE_PREFIX), nobody, errors.nested, complete),
    )


def routes(services: Get) -> tuple[Route, ...]:
    """Below `PREFIX`."""
    return (
        *_data_routes(WorkflowDataCalls(services), WebhookCalls(services)),
        *_pin_routes(PinCalls(services)),
        *_board_routes(PinboardCalls(services)),
        *_part_routes(PartCalls(services)),
        *_other_routes(KeyCalls(services), PublicCalls(services)),
    )


def page_routes(services: Get) -> tuple[Route, ...]:
    """Below `PAGE_PREFIX`."""
    return (Route("GET", "/{pid}", PublicCalls(services).page),)


def _data_routes(data: WorkflowDataCalls, webhooks: WebhookCalls) -> tuple[Route, ...]:
    return (
        Route("PUT", "/workflow-data/{pin_id}/{workflow_id}", data.put),
        Route("GET", "/workflow-data/{pin_id}/{workflow_id}", data.get),
        Route("GET", "/workflow-data/{pin_id}", data.all),
        Route("POST", "/webhooks", webhooks.create),
        Route("GET", "/webhooks", webhooks.list),
        Route("GET", "/webhooks/{webhook_id}", webhooks.get),
        Route("PUT", "/webhooks/{webhook_id}", webhooks.update),
        Route("DELETE", "/webhooks/{webhook_id}", webhooks.delete),
        Route("POST", "/webhooks/receive/{webhook_id}", webhooks.receive),
    )


def _pin_routes(pins: PinCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/pins/send", pins.send),
        Route("GET", "/pins", pins.list),
        Route("GET", "/pins/{pid}", pins.get),
        Route("PUT", "/pins/{pid}", pins.update),
        Route("DELETE", "/pins/{pid}", pins.delete),
        Route("POST", "/pins/{pid}/publish", pins.publish),
        Route("POST", "/pins/{pid}/unpublish", pins.unpublish),
        Route("GET", "/pins/{pid}/overview", pins.overview),
    )


def _board_routes(boards: PinboardCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/pinboards", boards.create),
        Route("GET", "/pinboards", boards.list),
        Route("GET", "/pinboards/{pinboard_id}", boards.get),
        Route("PUT", "/pinboards/{pinboard_id}", boards.update),
        Route("DELETE", "/pinboards/{pinboard_id}", boards.delete),
        Route("POST", "/pinboards/{pinboard_id}/publish", boards.publish),
        Route("POST", "/pinboards/{pinboard_id}/unpublish", boards.unpublish),
        Route("POST", "/pinboards/{pinboard_id}/pins", boards.add_pin),
        Route("DELETE", "/pinboards/{pinboard_id}/pins/{pin_id}", boards.remove_pin),
    )


def _part_routes(parts: PartCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/pins/{pid}/blocks", parts.add_block),
        Route("GET", "/pins/{pid}/blocks", parts.list_blocks),
        Route("PUT", "/pins/{pid}/blocks/{block_id}", parts.update_block),
        Route("DELETE", "/pins/{pid}/blocks/{block_id}", parts.delete_block),
        Route("POST", "/pins/{pid}/datasets", parts.add_dataset),
        Route("GET", "/pins/{pid}/datasets", parts.list_datasets),
        Route("GET", "/pins/{pid}/datasets/{dataset_id}", parts.get_dataset),
        Route("PUT", "/pins/{pid}/datasets/{dataset_id}", parts.update_dataset),
        Route("DELETE", "/pins/{pid}/datasets/{dataset_id}", parts.delete_dataset),
    )


def _other_routes(keys: KeyCalls, public: PublicCalls) -> tuple[Route, ...]:
    return (
        Route("POST", "/auth/api-keys", keys.create),
        Route("GET", "/auth/api-keys", keys.list),
        Route("DELETE", "/auth/api-keys/{key_id}", keys.revoke),
        Route("GET", "/public/pins/{pid}", public.pin),
        Route("GET", "/public/pins/{pid}/overview", public.overview),
        Route("GET", "/public/pinboards/{pinboard_id}", public.pinboard),
        Route("GET", "/health", public.health),
    )
