"""Events of `$errors`, in the shape that the events API documents. What our own kinds have beside it, they add."""

from __future__ import annotations

import hashlib
from datetime import datetime

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.events import base62
from chalicelib.domain.json import Json, encode
from chalicelib.domain.times import iso_ms
from chalicelib.domain.version import VERSION

LARGEST_VALUE_BYTES = 256 * 1024
DELIVERY_EXHAUSTED = "DeliveryExhausted"
ENDPOINT_DISABLED = "EndpointDisabled"
HOP_LIMIT = "HopLimitError"

_DERIVED_DIGITS = 8
_OF_ENDPOINTS = (DELIVERY_EXHAUSTED, ENDPOINT_DISABLED)


def event(original: Json, name: str, context: dict[str, Json], error: dict[str, Json]) -> dict[str, Json]:
    """`original` is what the error arose from; `name` says what it is, should it be too large to go along."""
    return {"original_event": fitting(original, name), "original_context": context, "error": error}


def context(
    id_: str, at: datetime, emitter_id: str, *, deployment: str, source_type: str, owner_id: str
) -> dict[str, Json]:
    """`id_` has the 27 characters of an emission's; the deployment's id follows from what names it; the
    owner's is the short one."""
    return {
        "id": id_,
        "ts": iso_ms(at),
        "workflow_id": emitter_id,
        "deployment_id": _derived("d_", deployment),
        "source_type": source_type,
        "verified": False,
        "owner_id": owner_id,
        "platform_version": VERSION,
    }


def error(
    code: str,
    message: str,
    at: datetime,
    *,
    cell: str | None = None,
    stack: str = "",
    node_id: str | None = None,
) -> dict[str, Json]:
    """`cell` names the node that is to blame, if one is."""
    return {
        "code": code,
        "cellId": None if cell is None else _derived("c_", cell),
        "ts": iso_ms(at),
        "msg": message,
        "stack": stack,
        "node_id": node_id,
    }


def is_about(payload: Json, endpoint_id: str) -> bool:
    """Whether an event of `$errors` tells of a delivery that this endpoint did not take, or that it was disabled."""
    told = payload.get("error") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(told, dict):
        return False
    return told.get("code") in _OF_ENDPOINTS and payload.get("endpoint_id") == endpoint_id


def fitting(value: Json, name: str) -> Json:
    """The value, or what says instead of it that it would be too large, or too deeply nested, inside an event."""
    try:
        # Four levels stand for those that it is put into: what just fits by itself would be too deep inside an event.
        size = len(encode([[[[value]]]]))
    except TooLargeError:
        return {f"{name}_too_large": True}
    return value if size <= LARGEST_VALUE_BYTES else {f"{name}_too_large": True, "bytes": size}


def _derived(prefix: str, name: str) -> str:
    """An id that follows from `name` alone."""
    digest = hashlib.sha256(name.encode()).digest()
    return prefix + base62(int.from_bytes(digest[:16], "big"), _DERIVED_DIGITS)
