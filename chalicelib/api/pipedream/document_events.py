"""What calls on events and subscriptions take and answer."""

from __future__ import annotations

from typing import Any

from chalicelib.api.common.describe import (
    Content,
    Operation,
    Parameter,
    Schema,
    bare,
)
from chalicelib.api.pipedream import document_types as types
from chalicelib.api.pipedream.document_parts import (
    EVENT_PAGE,
    LIST,
    OLDER,
    PAGING,
    change,
    delete,
    read,
)
from chalicelib.domain.events import EmitterKind

_OF_EVENTS = (
    *PAGING,
    Parameter("n", "An older name of `limit`.", {"type": "integer"}),
    Parameter("expand", "`event` shows whole events.", {"type": "string"}),
)
_RANGE = (
    Parameter("start_id", "The first event to delete; by default the first there is."),
    Parameter("end_id", "The last event to delete; by default the last there is."),
)
_TRIPLE = (
    Parameter("emitter_id", "Who emits.", required=True),
    Parameter("event_name", "The channel; without one, the default channel."),
    Parameter("listener_id", "Who listens.", required=True),
)
_PAIR = (
    Parameter("event_name", "The channel.", required=True),
    Parameter("listener_id", "Who listens.", required=True),
)
SUBSCRIPTIONS = {
    "GET /users/me/subscriptions": read(
        "Subscriptions", "list_subscriptions", "List subscriptions", types.Subscription, LIST
    ),
    "GET /workspaces/{workspace_id}/subscriptions": read(
        "Subscriptions", "list_workspace_subscriptions", "List a workspace's subscriptions", types.Subscription, LIST
    ),
    "GET /orgs/{workspace_id}/subscriptions": read(
        "Subscriptions",
        "list_org_subscriptions",
        "List a workspace's subscriptions",
        types.Subscription,
        LIST,
        about=OLDER,
        deprecated=True,
    ),
    "POST /subscriptions": change(
        "Subscriptions",
        "create_subscription",
        "Subscribe a listener to an emitter",
        types.Subscription,
        types.NewSubscription,
        refuses=(404,),
    ),
    "DELETE /subscriptions": delete("Subscriptions", "delete_subscription", "Delete a subscription", *_TRIPLE),
    "GET /auto_subscriptions": read(
        "Subscriptions", "list_auto_subscriptions", "List auto-subscriptions", types.AutoSubscription, LIST
    ),
    "POST /auto_subscriptions": change(
        "Subscriptions",
        "create_auto_subscription",
        "Subscribe a listener to all emitters, future ones too",
        types.AutoSubscription,
        types.NewAutoSubscription,
        refuses=(404,),
    ),
    "DELETE /auto_subscriptions": delete(
        "Subscriptions", "delete_auto_subscription", "Delete an auto-subscription", *_PAIR
    ),
}
_EITHER_ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {"description": "A text, or an object with `code` and `message`."},
        "success": {"type": "boolean", "description": "Beside an object."},
    },
    "required": ["error"],
}
_NOBODYS = {
    status: Content(_EITHER_ERROR, "Refused in the words of either dialect.", bare)
    for status in (401, 403, 404, 413, 429, 500)
}
"""At an address that means nothing, the other dialect's door answers."""


def _events(kind: EmitterKind) -> dict[str, Operation]:
    path = f"/{kind}s/{{{kind}_id}}"
    tail = "The query may follow `event_summaries` behind an `&`, as some clients write it."

    def events(id_: str, summary: str, **more: Any) -> Operation:
        return read(
            "Events", f"{id_}_of_{kind}", f"{summary} of a {kind}", types.EventSummary, EVENT_PAGE, *_OF_EVENTS, **more
        )

    return {
        f"GET {path}/event_summaries": events("list_events", "List the newest events"),
        f"GET {path}/{{stream}}": events(
            "list_events_with_tail", "List the newest events", about=tail, deprecated=True, others=_NOBODYS
        ),
        f"GET {path}/{{stream}}/event_summaries": events("list_channel_events", "List the newest events of a channel"),
        f"GET {path}/{{stream}}/{{summaries}}": events(
            "list_channel_events_with_tail",
            "List the newest events of a channel",
            about=tail,
            deprecated=True,
            others=_NOBODYS,
        ),
    }


EVENTS = {
    **_events(EmitterKind.SOURCE),
    "GET /sources/{source_id}/events": read(
        "Events",
        "list_whole_events",
        "List the newest events of a source, whole",
        types.EventSummary,
        EVENT_PAGE,
        *_OF_EVENTS[:-1],
        about=OLDER,
        deprecated=True,
    ),
    "DELETE /sources/{source_id}/events": delete(
        "Events", "delete_events", "Delete events of a source", *_RANGE, status=202
    ),
    **_events(EmitterKind.WORKFLOW),
}
