"""This dialect's JSON of our objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from chalicelib.domain.identity import ApiKey
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json
from chalicelib.domain.pins import Block, Dataset, Pin, Pinboard, Version
from chalicelib.domain.times import iso_ms
from chalicelib.services.pins.boards import BoardView
from chalicelib.services.pins.data import Overview, Shown
from chalicelib.services.pins.keys import CountedKey
from chalicelib.services.pins.webhooks import WebhookView

Members = dict[str, Json]


def pin(pin: Pin) -> Members:
    return {
        "id": pin.id,
        "user_id": pin.user_id,
        "data_type": pin.data_type.value,
        "content": pin.content,
        "metadata": metadata(pin),
        "permissions": {"is_public": pin.is_public, "created_by": pin.user_id},
    }


def listed_pin(pin: Pin) -> Members:
    return {"id": pin.id, "user_id": pin.user_id, "data_type": pin.data_type.value, "metadata": metadata(pin)}


def metadata(pin: Pin) -> Members:
    members: Members = {
        "title": pin.title,
        "description": pin.description,
        "tags": list(pin.tags),
        "is_public": pin.is_public,
        "created_at": iso_ms(pin.created_at),
    }
    if pin.updated_at is not None:
        members["updated_at"] = iso_ms(pin.updated_at)
    return members


def board(view: BoardView) -> Members:
    board = view.board
    return {
        "id": board.id,
        "name": board.name,
        "description": board.description,
        "pins": [pin.id for pin in view.pins],
        "created_at": iso_ms(board.created_at),
        "author": board.user_id,
        "views": board.views,
        "is_public": board.is_public,
    }


def changed_board(view: BoardView) -> Members:
    board = view.board
    return {
        "id": board.id,
        "name": board.name,
        "description": board.description,
        "pins": [pin.id for pin in view.pins],
        "updated_at": iso_ms(board.updated_at or board.created_at),
    }


def public_pin(pin: Pin, blocks: tuple[Block, ...]) -> Members:
    return {"id": pin.id, "metadata": metadata(pin), "blocks": [block_item(block) for block in blocks]}


def public_board(view: BoardView, blocks: Mapping[str, tuple[Block, ...]]) -> Members:
    return {
        "id": view.board.id,
        "metadata": _board_metadata(view.board),
        "pins": [
            {
                "id": pin.id,
                "name": pin.title,
                "description": pin.description,
                "content": pin.content,
                "blocks": [block_item(block) for block in blocks.get(pin.id, ())],
            }
            for pin in view.pins
        ],
    }


def _board_metadata(board: Pinboard) -> Members:
    return {
        "title": board.name,
        "description": board.description,
        "tags": list(board.tags),
        "created_at": iso_ms(board.created_at),
        "updated_at": iso_ms(board.updated_at or board.created_at),
        "is_public": board.is_public,
        "user_id": board.user_id,
    }


def new_block(block: Block) -> Members:
    return {
        "id": block.id,
        "name": block.name,
        "type": block.type.value,
        "template": block.template,
        "order": block.order,
    }


def block_item(block: Block) -> Members:
    """Its times are in milliseconds since 1970, unlike all others of this dialect."""
    return {
        **new_block(block),
        "created_at": epoch_ms(block.created_at),
        "updated_at": epoch_ms(block.updated_at),
    }


def dataset(dataset: Dataset) -> Members:
    return {
        "id": dataset.id,
        "metadata": {
            "name": dataset.name,
            "type": dataset.type.value,
            "datasetType": dataset.kind.value,
            "description": dataset.description,
            "createdBy": dataset.created_by,
            "createdAt": iso_ms(dataset.created_at),
            "updatedAt": iso_ms(dataset.updated_at),
            "status": "active",
        },
        "data": dataset.data,
        "permissions": {"viewers": [dataset.created_by], "editors": [dataset.created_by]},
    }


def pushed(pin_id: str, workflow_id: str, version: Version) -> Members:
    return {"pid": pin_id, "wid": workflow_id, "data": data(version)}


def data(version: Version) -> Json:
    return cast(Json, version.data)


def past_version(version: Version) -> Members:
    return {"version": version.version, "updated_at": iso_ms(version.at), "data": data(version)}


def overview(found: Overview) -> Members:
    return {
        "pin": {"id": found.pin.id, "data_type": found.pin.data_type.value, "metadata": metadata(found.pin)},
        "workflows": [_shown(each) for each in found.workflows],
        "total": found.total,
    }


def _shown(shown: Shown) -> Members:
    summary = shown.summary
    return {
        "id": summary.workflow_id,
        "version": summary.version,
        "updated_at": iso_ms(summary.at),
        "fields": [[path, value] for path, value in summary.fields.items()],
        "fields_total": summary.fields_total,
        "series": {path: [[version, n] for version, n in values] for path, values in shown.series.items()},
    }


def webhook(view: WebhookView, *, with_secret: bool = False) -> Members:
    webhook, endpoint = view.webhook, view.endpoint
    members: Members = {
        "id": webhook.id,
        "url": endpoint.url,
        "events": list[Json](sorted(endpoint.event_types)),
        "pinId": webhook.pin_id,
        "workflowId": webhook.workflow_id,
        "is_active": view.is_active,
    }
    if with_secret:
        members["secret"] = endpoint.secrets[0].value
    return {**members, "created_at": iso_ms(webhook.created_at)}


def key(counted: CountedKey) -> Members:
    key: ApiKey = counted.key
    return {
        "keyId": key.id,
        "name": key.name,
        "permissions": list[Json](key.scopes),
        "is_active": key.revoked_at is None,
        "created_at": iso_ms(key.created_at),
        "usage_count": counted.uses,
    }
