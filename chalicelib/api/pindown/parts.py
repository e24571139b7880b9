"""Calls on blocks and datasets of pins."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pindown import wire
from chalicelib.api.pindown.envelope import success
from chalicelib.api.pindown.parsing import LONGEST_DESCRIPTION, Body, body_of, choice, member, named, required
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.pins import BlockType, DatasetKind, DatasetType, Pin
from chalicelib.services.pins.parts import BlockChange

LONGEST_NAME = 100
LONGEST_TEMPLATE = 100_000
GREATEST_ORDER = 1_000_000

_BLOCK_TYPES = {each.value: each for each in BlockType}
_DATASET_TYPES = {each.value: each for each in DatasetType}
_KINDS = {each.value: each for each in DatasetKind}


class PartCalls:
    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services

    def add_block(self, call: Call) -> Reply:
        pin = self._pin(call)
        given = _block(body_of(call))
        block = self._services().pin_parts.add_block(
            pin,
            required(given.name, "name"),
            required(given.type, "type"),
            required(given.template, "template"),
            given.order or 0,
        )
        return success(status=201, data={"blockId": block.id, "block": wire.new_block(block)})

    def list_blocks(self, call: Call) -> Reply:
        blocks = self._services().pin_parts.blocks(call.principal, call.params["pid"])
        return success(data={"blocks": [wire.block_item(block) for block in blocks], "count": len(blocks)})

    def update_block(self, call: Call) -> Reply:
        pin = self._pin(call)
        block_id = call.params["block_id"]
        self._services().pin_parts.update_block(pin, block_id, _block(body_of(call)))
        return success(data={"blockId": block_id, "message": "Block updated successfully"})

    def delete_block(self, call: Call) -> Reply:
        pin = self._pin(call)
        block_id = call.params["block_id"]
        self._services().pin_parts.delete_block(pin, block_id)
        return success(data={"blockId": block_id, "message": "Block deleted successfully"})

    def add_dataset(self, call: Call) -> Reply:
        pin = self._pin(call)
        body = body_of(call)
        dataset = self._services().pin_parts.add_dataset(
            pin,
            required(named(body, "name", LONGEST_NAME), "name"),
            choice(required(member(body, "type", str), "type"), "type", _DATASET_TYPES),
            choice(member(body, "datasetType", str) or DatasetKind.USER, "datasetType", _KINDS),
            required(_text_data(body), "data"),
            _description(body) or "",
        )
        return success(data={"datasetId": dataset.id, "message": "Dataset created successfully"})

    def list_datasets(self, call: Call) -> Reply:
        datasets = self._services().pin_parts.datasets(call.principal, call.params["pid"])
        return success(data={"datasets": [wire.dataset(dataset) for dataset in datasets], "count": len(datasets)})

    def get_dataset(self, call: Call) -> Reply:
        params = call.params
        dataset = self._services().pin_parts.dataset(call.principal, params["pid"], params["dataset_id"])
        return success(data={"dataset": wire.dataset(dataset)})

    def update_dataset(self, call: Call) -> Reply:
        pin = self._pin(call)
        body = body_of(call)
        if "data" not in body:
            raise InvalidError("'data' is missing", field="data")
        given = member(body, "metadata", dict) or {}
        dataset_id = call.params["dataset_id"]
        self._services().pin_parts.update_dataset(
            pin, dataset_id, body["data"], named(given, "name", LONGEST_NAME), _description(given)
        )
        return success(data={"message": "Dataset updated successfully", "datasetId": dataset_id})

    def delete_dataset(self, call: Call) -> Reply:
        pin = self._pin(call)
        self._services().pin_parts.delete_dataset(pin, call.params["dataset_id"])
        return success(data={"message": "Dataset deleted successfully"})

    def _pin(self, call: Call) -> Pin:
        return self._services().pins.own(call.principal, call.params["pid"])


def _block(body: Body) -> BlockChange:
    type_ = member(body, "type", str)
    order = member(body, "order", int)
    if order is not None and not 0 <= order <= GREATEST_ORDER:
        raise InvalidError(f"'order' must be a whole number from 0 to {GREATEST_ORDER}", field="order")
    return BlockChange(
        name=named(body, "name", LONGEST_NAME),
        type=None if type_ is None else choice(type_, "type", _BLOCK_TYPES),
        template=named(body, "template", LONGEST_TEMPLATE),
        order=order,
    )


def _text_data(body: Body) -> str | None:
    data = member(body, "data", str)
    if data == "":
        raise InvalidError("'data' must not be empty", field="data")
    return data


def _description(body: Body) -> str | None:
    description = member(body, "description", str)
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        raise InvalidError(f"'description' is longer than {LONGEST_DESCRIPTION} characters", field="description")
    return description
