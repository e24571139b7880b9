"""What this door's operations take and answer, for the document of all doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from chalicelib.api.common.describe import (
    Body,
    Content,
    DoorDocument,
    Operation,
    Parameter,
    Prefix,
    Schema,
    bare,
    closed,
)
from chalicelib.api.pindown import document_data_types as live
from chalicelib.api.pindown import document_types as types
from chalicelib.api.pindown.errors import GIVEN_CODE, TABLE
from chalicelib.api.pindown.overviews import SERIES_WANTED
from chalicelib.api.pindown.parsing import DEFAULT_LIMIT, MAX_LIMIT, MOST_HISTORY
from chalicelib.api.pindown.routes import PAGE_PREFIX, PREFIX
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.json import decode

_EXAMPLES = Path(__file__).with_name("examples.json")
_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_SCHEMES = ("bearer", "apiKey")

_PAGING = (
    Parameter("offset", "How many to leave out first.", {"type": "integer", "minimum": 0}, 0),
    Parameter("limit", f"How many, at most {MAX_LIMIT}.", {"type": "integer", "minimum": 0}, DEFAULT_LIMIT),
)
_SERIES = Parameter("series", "Whether to show numbers of past versions.", {"type": "string", "enum": [*SERIES_WANTED]})
_HISTORY = Parameter(
    "history",
    f"How many of the last versions to show as well, at most {MOST_HISTORY}.",
    {"type": "integer", "minimum": 1},
)
_IF_MATCH = Parameter("If-Match", "The version that the push may replace: the `ETag` of a reply.", where="header")
_IF_NONE_MATCH = Parameter("If-None-Match", "The `ETag` of an answer that the caller has.", where="header")
_SIGNATURE = Parameter(
    "X-PinDown-Signature", "`sha256=` and the HMAC of the body, in hex.", required=True, where="header"
)
_OF = (
    Parameter("pinId", "Only those of this pin."),
    Parameter("workflowId", "Only those of this workflow id."),
)
_VERSION = {"ETag": "The version, for `If-Match`."}


def _with(**members: Schema) -> Callable[[Schema], Schema]:
    """An envelope that has more than the data."""
    return lambda data: closed({"success": {"const": True}, **members, "data": data})


_SAID = _with(message=_TEXT)
_DATED = _with(timestamp=_TIME)
_BOTH = _with(message=_TEXT, timestamp=_TIME)


def _with_history(versions: Schema) -> Schema:
    data: Schema = {"type": "object"}
    return closed({"success": {"const": True}, "data": data, "history": versions}, "history")


def _message(**members: Schema) -> Callable[[Schema], Schema]:
    """An envelope without data."""
    return lambda _: closed({"success": {"const": True}, "message": _TEXT, **members})


def _op(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    body: Any = None,
    wrap: Callable[[Schema], Schema] | None = None,
    *parameters: Parameter,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Operation:
    taken = body if body is None or isinstance(body, Body) else Body(body)
    replies: dict[int | str, Content] = {status: Content(type_, wrap=wrap, headers=headers or {})}
    return Operation(id_, tag, summary, replies, parameters=parameters, body=taken, **more)


_pin, _board, _part, _key = (partial(_op, tag) for tag in ("Pins", "Pinboards", "Blocks and datasets", "API keys"))
_data, _hook, _public = (partial(_op, tag) for tag in ("Workflow data", "Webhooks", "Public"))


def _overview(tag: str, id_: str, summary: str, **more: Any) -> Operation:
    replies: dict[int | str, Content] = {
        200: Content(types.Overview, headers={"ETag": "What names this answer, for `If-None-Match`."}),
        304: Content({}, "The caller has it already."),
    }
    return Operation(id_, tag, summary, replies, parameters=(_SERIES, _IF_NONE_MATCH), **more)


_FLAT = {
    "PUT /workflow-data/{pin_id}/{workflow_id}": _data(
        "push_data",
        "Push live data of a workflow",
        live.Pushed,
        live.Push,
        _SAID,
        _IF_MATCH,
        refuses=(412,),
        headers=_VERSION,
    ),
    "GET /workflow-data/{pin_id}/{workflow_id}": _data(
        "get_data", "Read live data of a workflow", live.Versions, None, _with_history, _HISTORY, headers=_VERSION
    ),
    "GET /workflow-data/{pin_id}": _data(
        "get_all_data", "Read the live data of all workflows of a pin", live.DataByWorkflow
    ),
    "POST /webhooks": _hook(
        "create_webhook", "Create a webhook", live.Webhook, live.NewWebhook, _SAID, status=201, refuses=(404,)
    ),
    "GET /webhooks": _hook("list_webhooks", "List webhooks", live.Webhooks, None, None, *_OF),
    "GET /webhooks/{webhook_id}": _hook("get_webhook", "Read a webhook", live.Webhook),
    "PUT /webhooks/{webhook_id}": _hook("update_webhook", "Change a webhook", live.Webhook, live.WebhookChange, _SAID),
    "DELETE /webhooks/{webhook_id}": _hook("delete_webhook", "Delete a webhook", live.WebhookId, None, _SAID),
    "POST /webhooks/receive/{webhook_id}": _hook(
        "receive",
        "Push live data through a webhook",
        live.Pushed,
        live.WrappedPush,
        _SAID,
        _SIGNATURE,
        refuses=(401,),
        security=("signature",),
    ),
}
_PINS = {
    "POST /pins/send": _pin(
        "send_pin", "Create a pin", types.Pin, Body(types.NewPin, required=False), _with(pid=_TEXT, message=_TEXT)
    ),
    "GET /pins": _pin("list_pins", "List pins", types.Pins, None, None, *_PAGING),
    "GET /pins/{pid}": _pin("get_pin", "Read a pin", types.Pin),
    "PUT /pins/{pid}": _pin("update_pin", "Change a pin", types.ChangedPin, types.PinChange, _SAID),
    "DELETE /pins/{pid}": _pin("delete_pin", "Delete a pin", types.PinId, None, _BOTH),
    "POST /pins/{pid}/publish": _pin("publish_pin", "Make a pin public", types.PublishedPin, None, _BOTH),
    "POST /pins/{pid}/unpublish": _pin("unpublish_pin", "Make a pin private", types.PublishedPin, None, _BOTH),
    "GET /pins/{pid}/overview": _overview("Pins", "get_pin_overview", "Read what the page of a pin shows"),
}
_BOARDS = {
    "POST /pinboards": _board("create_board", "Create a pinboard", types.Board, types.NewBoard, _SAID, refuses=(404,)),
    "GET /pinboards": _board("list_boards", "List pinboards", types.Boards, None, None, *_PAGING),
    "GET /pinboards/{pinboard_id}": _board("get_board", "Read a pinboard", types.Board),
    "PUT /pinboards/{pinboard_id}": _board(
        "update_board", "Change a pinboard", types.ChangedBoard, Body(types.BoardChange, required=False), _SAID
    ),
    "DELETE /pinboards/{pinboard_id}": _board("delete_board", "Delete a pinboard", types.BoardId, None, _BOTH),
    "POST /pinboards/{pinboard_id}/publish": _board(
        "publish_board", "Make a pinboard public", types.PublishedBoard, None, _BOTH
    ),
    "POST /pinboards/{pinboard_id}/unpublish": _board(
        "unpublish_board", "Make a pinboard private", types.PublishedBoard, None, _BOTH
    ),
    "POST /pinboards/{pinboard_id}/pins": _board(
        "add_pin", "Put a pin on a pinboard", types.Message, types.PinOnBoard, _message(timestamp=_TIME)
    ),
    "DELETE /pinboards/{pinboard_id}/pins/{pin_id}": _board(
        "remove_pin", "Take a pin off a pinboard", types.Message, None, _message(timestamp=_TIME)
    ),
}
_PARTS = {
    "POST /pins/{pid}/blocks": _part("add_block", "Add a block", types.AddedBlock, types.NewBlock, status=201),
    "GET /pins/{pid}/blocks": _part("list_blocks", "List blocks", types.Blocks),
    "PUT /pins/{pid}/blocks/{block_id}": _part(
        "update_block", "Change a block", types.BlockMessage, Body(types.BlockChange, required=False)
    ),
    "DELETE /pins/{pid}/blocks/{block_id}": _part("delete_block", "Delete a block", types.BlockMessage),
    "POST /pins/{pid}/datasets": _part("add_dataset", "Add a dataset", types.DatasetMessage, types.NewDataset),
    "GET /pins/{pid}/datasets": _part("list_datasets", "List datasets", types.Datasets),
    "GET /pins/{pid}/datasets/{dataset_id}": _part("get_dataset", "Read a dataset", types.OneDataset),
    "PUT /pins/{pid}/datasets/{dataset_id}": _part(
        "update_dataset", "Change a dataset", types.DatasetMessage, types.DatasetChange
    ),
    "DELETE /pins/{pid}/datasets/{dataset_id}": _part("delete_dataset", "Delete a dataset", types.Message),
}
_KEYS = {
    "POST /auth/api-keys": _key("create_key", "Create an API key", types.MadeKey, types.NewKey),
    "GET /auth/api-keys": _key("list_keys", "List API keys", list[types.Key]),
    "DELETE /auth/api-keys/{key_id}": _key("revoke_key", "Revoke an API key", types.Message, None, _message()),
}
_PUBLIC = {
    "GET /public/pins/{pid}": _public(
        "look_at_pin", "Read a public pin", live.OnePublicPin, None, _DATED, security=("", *_SCHEMES)
    ),
    "GET /public/pins/{pid}/overview": _overview(
        "Public", "look_at_pin_overview", "Read what the page of a public pin shows", security=("", *_SCHEMES)
    ),
    "GET /public/pinboards/{pinboard_id}": _public(
        "look_at_board", "Read a public pinboard", live.OnePublicBoard, None, _DATED, security=("", *_SCHEMES)
    ),
    "GET /health": _public("health", "Whether the API is there", live.Health, None, bare, security=()),
}
_PATH = {
    "pin_id": "The pin's id.",
    "pid": "The pin's id.",
    "workflow_id": "Which of the pin's data; the pushing automation's own id.",
    "webhook_id": "The webhook's id.",
    "pinboard_id": "The pinboard's id.",
    "block_id": "The block's id.",
    "dataset_id": "The dataset's id.",
    "key_id": "The key's id.",
}


def documents() -> tuple[DoorDocument, ...]:
    """Two, for their refusals have two shapes; and the page of a pin."""
    common = partial(
        DoorDocument,
        title="PinDown",
        prefixes=(Prefix(PREFIX),),
        path_parameters=_PATH,
        envelope=_envelope,
        conflict=TABLE[ConflictError].status,
        security=_SCHEMES,
        examples=examples,
    )
    flat = common(
        name="PinDownData",
        about="Live data and webhooks.",
        operations=_FLAT,
        tags={"Workflow data": "What automations push to pins.", "Webhooks": "Who is told of it."},
        errors=_errors(_flat_error),
    )
    nested = common(
        name="PinDown",
        about="Pins, pinboards and their parts.",
        operations={**_PINS, **_BOARDS, **_PARTS, **_KEYS, **_PUBLIC},
        tags={
            "Pins": "What people look at.",
            "Pinboards": "Pins gathered.",
            "Blocks and datasets": "Parts of pins.",
            "API keys": "Keys for automations.",
            "Public": "What needs no key.",
        },
        errors=_errors(_nested_error),
    )
    return flat, nested, _pages()


def _pages() -> DoorDocument:
    page = Operation(
        "page", "Public", "The page of a pin", {200: Content(_TEXT, wrap=bare, media_type="text/html")}, security=()
    )
    return DoorDocument(
        "Pages",
        "PinDown",
        "Pages for people.",
        (Prefix(PAGE_PREFIX),),
        {"GET /{pid}": page},
        {"Public": "What needs no key."},
        _PATH,
        {},
        bare,
        conflict=409,
        limited=False,
    )


@cache
def examples() -> Mapping[str, Any]:
    kept = decode(_EXAMPLES.read_bytes())
    assert isinstance(kept, dict)
    return kept


def _envelope(data: Schema) -> Schema:
    return closed({"success": {"const": True}, "data": data})


def _errors(shape: Callable[[int], Schema]) -> Mapping[int, Schema]:
    return {status: shape(status) for status in {wording.status for wording in TABLE.values()}}


def _flat_error(status: int) -> Schema:
    phrases = [*dict.fromkeys(wording.phrase for wording in TABLE.values() if wording.status == status)]
    return closed({"error": {"type": "string", "enum": phrases}, "message": _TEXT})


def _nested_error(status: int) -> Schema:
    wordings = [wording for wording in TABLE.values() if wording.status == status]
    codes = [*dict.fromkeys(wording.code for wording in wordings), *([GIVEN_CODE] if status == 401 else [])]
    error = closed(
        {
            "code": {"type": "string", "enum": codes},
            "type": {"type": "string", "enum": [*dict.fromkeys(wording.type for wording in wordings)]},
            "message": _TEXT,
            "details": closed({"field": _TEXT}),
            "timestamp": _TIME,
        },
        "details",
    )
    nested = closed({"success": {"const": False}, "error": error})
    # An API key that is not there is refused in the other shape.
    return {"oneOf": [nested, _flat_error(status)]} if status == 404 else nested
