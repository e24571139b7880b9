"""Calls on what workflows and sources emitted: the newest events of a stream, and deleting a source's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.services import Services
from chalicelib.api.pipedream import bounds
from chalicelib.api.pipedream.paging import Shown, many
from chalicelib.api.pipedream.params import Params
from chalicelib.domain.errors import InvalidError, NotFoundError, PenstockError, RouteNotFoundError
from chalicelib.domain.events import (
    ERRORS,
    LOGS,
    EmitterKind,
    EventId,
    EventPage,
    EventQuery,
    check_channel,
    parse_event_id,
    stream_of,
)
from chalicelib.services.access import Scope, require

SUMMARIES = "event_summaries"
_LAST_SEQ = 999_999_999  # the greatest number that an id has room for
_MS_DIGITS = 15


class EventCalls:
    """Some clients write `event_summaries&expand=event`; what stands behind the `&` is then a query."""

    def __init__(self, services: Callable[[], Services], kind: EmitterKind, id_param: str) -> None:
        self._services = services
        self._kind = kind
        self._id_param = id_param

    def visible(self, call: Call) -> Reply:
        return self._summaries(call, None)

    def visible_with_tail(self, call: Call) -> Reply:
        return self._summaries(call, None, tail=_tail(call.params["stream"]))

    def of_channel(self, call: Call) -> Reply:
        return self._summaries(call, call.params["stream"])

    def of_channel_with_tail(self, call: Call) -> Reply:
        return self._summaries(call, call.params["stream"], tail=_tail(call.params["summaries"]))

    def whole(self, call: Call) -> Reply:
        """The older address, which gives whole events and calls the limit `n`."""
        return self._summaries(call, None, whole=True)

    def delete(self, call: Call) -> Reply:
        require(call.principal, Scope.WRITE_EVENTS)
        events, emitter_id = self._services().events, call.params[self._id_param]
        try:
            params = Params(call)
            start = _bound(params, "start_id", 0)
            end = _bound(params, "end_id", _LAST_SEQ)
            params.check_workspace()
        except PenstockError:
            # Nothing is in this range; but an unknown emitter comes before wrong parameters.
            events.delete(call.principal, self._kind, emitter_id, EventId(1, 0), EventId(0, 0))
            raise
        events.delete(call.principal, self._kind, emitter_id, start, end)
        return Reply(202)

    def _summaries(self, call: Call, channel: str | None, *, tail: str = "", whole: bool = False) -> Reply:
        require(call.principal, Scope.READ_EVENTS)
        if channel is not None and not _is_channel(channel):
            raise NotFoundError
        try:
            params = Params(call, tail)
            query = _query(params, channel)
            params.check_workspace()
        except PenstockError:
            # An unknown emitter comes before wrong parameters: this raises for one.
            self._page(call, channel, EventQuery(limit=1))
            raise
        page = self._page(call, channel, query)
        is_whole = (whole or params.text("expand") == "event") and params.wants("event")
        rows = bounds.event_rows(page, query, whole=is_whole)
        return many(params, rows, _page_info(rows, page.total))

    def _page(self, call: Call, channel: str | None, query: EventQuery) -> EventPage:
        events, emitter_id = self._services().events, call.params[self._id_param]
        stream = "" if channel is None else stream_of(channel)
        return events.page(call.principal, self._kind, emitter_id, stream, query)


def _is_channel(text: str) -> bool:
    if text.startswith("$"):
        return text in (ERRORS, LOGS)
    try:
        check_channel(text)
    except InvalidError:
        return False
    return True


def _tail(segment: str) -> str:
    name, _, tail = segment.partition("&")
    if name != SUMMARIES:
        raise RouteNotFoundError
    return tail


def _query(params: Params, channel: str | None) -> EventQuery:
    after, before = (_cursor(params, name) for name in ("after", "before"))
    # A channel with a stream of its own needs no filter.
    visible = None if channel is None or stream_of(channel) else channel
    return EventQuery(after, before, params.limit("n"), visible, most_bytes=bounds.READ_BYTES)


def _cursor(params: Params, name: str) -> EventId | None:
    text = params.text(name)
    return parse_event_id(text) if text else None


def _bound(params: Params, name: str, seq: int) -> EventId | None:
    """An end of a range; milliseconds alone mean all their events. An empty one is refused: who passes a variable that
    is not set does not mean to delete everything."""
    text = params.text(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MS_DIGITS:
        return EventId(int(text), seq)
    return parse_event_id(text)


def _page_info(rows: Sequence[Shown], total: int) -> Shown:
    ids = [row["id"] for row in rows]
    return {
        "total_count": total,
        "start_cursor": ids[0] if ids else None,
        "end_cursor": ids[-1] if ids else None,
        "count": len(ids),
    }
