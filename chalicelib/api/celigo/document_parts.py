"""What this door's descriptions are made of: parameters that many calls understand, and kinds of operations."""

from __future__ import annotations

from typing import Any

from chalicelib.api.celigo.audit import EVENTS
from chalicelib.api.celigo.listing import MAX_LIMIT
from chalicelib.api.common.describe import (
    NOTHING,
    Body,
    Content,
    Operation,
    Parameter,
    Schema,
)
from chalicelib.api.common.parsing import IDEMPOTENCY_KEY_PATTERN

OLDER = "An older address of the same."
REFUSES = (422, 503)
NUMBER: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "string", "enum": ["true", "false"]}
LIMIT = Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, MAX_LIMIT)
SHOWN = (
    Parameter("include", "Members to show alone, with commas; those inside others behind a dot."),
    Parameter("exclude", "Members not to show, with commas."),
)
PAGING = (
    LIMIT,
    Parameter("after", "Where to go on; the header `Link` has the address."),
    Parameter("before", "Where to go back; the header `Link` has the address."),
    Parameter("skip", "How many to leave out first.", NUMBER, 0),
)
KEY = Parameter(
    "Idempotency-Key",
    "A key of the caller's own. Another call with it starts nothing, and is answered as the first.",
    {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    where="header",
)
AUDIT = (
    LIMIT,
    Parameter("offset", "How many to leave out first.", NUMBER, 0),
    Parameter("action", "Only changes of this kind.", {"type": "string", "enum": [*EVENTS]}),
    Parameter("event", "The same, by another name.", {"type": "string", "enum": [*EVENTS]}),
    Parameter("source", "Only changes that came this way."),
    Parameter("from", "Only changes at or after this ISO 8601 date or time."),
    Parameter("to", "Only changes at or before this ISO 8601 date or time."),
)
LINK = {"Link": "Addresses of the next and of the previous page."}


def operation(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    body: Any = None,
    *parameters: Parameter,
    status: int = 200,
    **more: Any,
) -> Operation:
    taken = body if body is None or isinstance(body, Body) else Body(body)
    replies: dict[int | str, Content] = {status: Content(type_)}
    return Operation(id_, tag, summary, replies, parameters=parameters, body=taken, refuses=REFUSES, **more)


def listing_of(tag: str, id_: str, summary: str, item: Any, *parameters: Parameter, **more: Any) -> Operation:
    """An empty one has no body."""
    replies: dict[int | str, Content] = {
        200: Content(list[item], headers=LINK),
        204: Content(NOTHING, "There is none."),
    }
    return Operation(id_, tag, summary, replies, parameters=parameters, refuses=REFUSES, **more)


def optional(type_: Any) -> Body:
    return Body(type_, required=False)


FLOW = "/flows/{flow_id}"


def component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/Celigo.{name}"}


TEXT: Schema = {"type": "string"}


def file(id_: str, tag: str, summary: str) -> Operation:
    content = Content({}, "The file, for whoever knows its address.", media_type="*/*")
    return Operation(id_, tag, summary, {200: content}, refuses=REFUSES, security=())
