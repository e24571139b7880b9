"""`events`: what a workflow or source said, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.cli.arguments import Parser, positive
from chalicelib.cli.client import segment
from chalicelib.cli.output import clean
from chalicelib.cli.session import Session

MOST_AT_ONCE = 100
EMITTER_HELP = "a workflow or source, and perhaps one of its channels, such as 'wf_…/orders' or 'dc_…/$errors'"
_SOURCE_PREFIX = "dc_"


def add(_: str, parser: Parser) -> None:
    parser.add_argument("stream", metavar="EMITTER[/CHANNEL]", help=EMITTER_HELP)
    parser.add_argument("--limit", type=positive, default=10, help="so many at most (default: 10)")
    parser.add_argument("--after", metavar="EVENT", help="older than this event")
    parser.leaf(events)


def events(session: Session) -> None:
    asked = session.asked
    found: list[Any] = []
    path, after = path_of(asked.stream), asked.after
    while len(found) < asked.limit:
        page = read(session, path, {"limit": min(asked.limit - len(found), MOST_AT_ONCE), "after": after})
        if not page:
            break
        found += page
        after = page[-1]["id"]
    rows = [(event["id"], time_of(event), event["metadata"].get("name"), _excerpt(event)) for event in found]
    session.out.table(found, ("ID", "TIME", "CHANNEL", "EVENT"), rows)


def path_of(stream: str) -> str:
    """Where the events of `EMITTER[/CHANNEL]` are read."""
    emitter, _, channel = stream.partition("/")
    kind = "sources" if emitter.startswith(_SOURCE_PREFIX) else "workflows"
    middle = f"/{segment(channel)}" if channel else ""
    return f"/v1/{kind}/{segment(emitter)}{middle}/event_summaries"


def read(session: Session, path: str, query: dict[str, Any]) -> list[Any]:
    """A page of whole events, newest first."""
    page: list[Any] = session.client.get(path, {**query, "expand": "event"}).data
    return page


def words(event: Any) -> str:
    channel = event["metadata"].get("name")
    at = f"{time_of(event)}  {event['id']}" + (f"  {channel}" if channel else "")
    return clean(f"{at}  {msgspec.json.encode(event['event']).decode()}")


def time_of(event: Any) -> str:
    return datetime.fromtimestamp(event["indexed_at_ms"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _excerpt(event: Any) -> str:
    summary = event["metadata"].get("summary")
    text = summary or msgspec.json.encode(event["event"]).decode()
    return text if len(text) <= 100 else text[:99] + "…"
