"""What this door's descriptions are made of: parameters that many calls understand, envelopes, kinds of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.api.common.describe import (
    NOTHING,
    Body,
    Content,
    Operation,
    Parameter,
    Schema,
    closed,
)
from chalicelib.api.pipedream import document_types as types
from chalicelib.api.pipedream.params import DEFAULT_LIMIT, MAX_LIMIT

ANY_BODY = ("application/json", "application/x-www-form-urlencoded")
OLDER = "An older address of the same."
COMMON = (
    Parameter("workspace_id", "The caller's own workspace."),
    Parameter("org_id", "The same, by its older name."),
    Parameter("include", "Members that the reply is to have alone, with commas."),
    Parameter("exclude", "Members that the reply is not to have, with commas."),
)
LIMIT = Parameter(
    "limit",
    f"How many, from 1 to {MAX_LIMIT}; what is beyond is lowered or raised.",
    {"type": "integer"},
    DEFAULT_LIMIT,
)
CURSORS = (
    Parameter("after", "Only what is older than this cursor."),
    Parameter("before", "Only what is newer than this cursor."),
)
PAGING = (LIMIT, *CURSORS)


def many(info: Schema | None = None) -> Callable[[Schema], Schema]:
    members: dict[str, Schema] = {} if info is None else {"page_info": info}
    return lambda item: closed({**members, "data": {"type": "array", "items": item}})


def component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/Pipedream.{name}"}


LIST, PAGE = many(), many(component("PageInfo"))
EVENT_PAGE, DELIVERY_PAGE = many(component("EventInfo")), many(component("CursorInfo"))


def read(
    tag: str,
    id_: str,
    summary: str,
    type_: Any,
    wrap: Callable[[Schema], Schema] | None = None,
    *parameters: Parameter,
    **more: Any,
) -> Operation:
    return Operation(
        id_,
        tag,
        summary,
        {200: Content(type_, wrap=wrap), **more.pop("others", {})},
        parameters=(*parameters, *COMMON),
        **more,
    )


def change(tag: str, id_: str, summary: str, type_: Any, body: Any = types.Nothing, **more: Any) -> Operation:
    """What is sent may stand in the body or in the query."""
    taken = Body(body, required=False, in_query=True, media_types=ANY_BODY)
    return Operation(id_, tag, summary, {more.pop("status", 200): Content(type_)}, body=taken, **more)


def delete(tag: str, id_: str, summary: str, *parameters: Parameter, status: int = 204) -> Operation:
    return Operation(id_, tag, summary, {status: Content(NOTHING)}, parameters=(*parameters, *COMMON), refuses=(404,))
