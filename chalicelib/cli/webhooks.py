"""`webhooks` and `deliveries`: who is told of events, what was sent to them, and sending it again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.cli.arguments import Parser, moment, positive
from chalicelib.cli.client import segment
from chalicelib.cli.session import Session


def add(name: str, parser: Parser) -> None:
    if name == "webhooks":
        receivers = parser.group()
        receivers.leaf("list", list_webhooks, "receivers of events, and addresses that start workflows")
        for doing, command, help_ in (
            ("pause", pause, "hold what a receiver of events would be sent"),
            ("resume", resume, "send again, and what was held; also after it was disabled for its answers"),
        ):
            receivers.leaf(doing, command, help_).add_argument("webhook", metavar="WEBHOOK")
        return
    group = parser.group()
    listing = group.leaf("list", list_deliveries, "newest first")
    listing.add_argument("webhook", metavar="WEBHOOK")
    listing.add_argument("--status", help="one of the statuses, or several with commas")
    listing.add_argument("--since", type=moment, metavar="TIME", help="made at this time (ISO 8601) or later")
    listing.add_argument("--limit", type=positive, default=20, help="so many at most (default: 20)")
    for doing, command, help_ in (
        ("show", show, "a delivery with its attempts"),
        ("redeliver", redeliver, "send it again"),
    ):
        leaf = group.leaf(doing, command, help_)
        leaf.add_argument("webhook", metavar="WEBHOOK")
        leaf.add_argument("delivery", metavar="DELIVERY")


def list_webhooks(session: Session) -> None:
    outbound = endpoints(session)
    inbound = session.client.get("/v1/webhooks").data["webhooks"]
    rows = [("outbound", each["id"], each["name"], each["active"], each["url"]) for each in outbound]
    rows += [("inbound", each["id"], each["name"], True, each["url"]) for each in inbound]
    session.out.table(
        {"outbound": outbound, "inbound": inbound}, ("DIRECTION", "ID", "NAME", "ACTIVE", "ADDRESS"), rows
    )


def pause(session: Session) -> None:
    _turn(session, "pause")


def resume(session: Session) -> None:
    _turn(session, "resume")


def _turn(session: Session, doing: str) -> None:
    webhook = session.client.post(f"/v1/webhooks/{segment(session.asked.webhook)}/{doing}").data
    fields = {"webhook": webhook["id"], "name": webhook["name"], "active": webhook["active"], "address": webhook["url"]}
    session.out.record(webhook, fields)


def endpoints(session: Session) -> list[Any]:
    """All receivers of events."""
    found: list[Any] = []
    after = None
    while True:
        body = session.client.get("/v1/users/me/webhooks", {"limit": 100, "after": after}).body
        found += body["data"]
        after = body["page_info"]["end_cursor"]
        if not body["data"]:
            return found


def list_deliveries(session: Session) -> None:
    asked = session.asked
    found: list[Any] = []
    cursor = None
    while len(found) < asked.limit:
        limit = min(asked.limit - len(found), 100)
        query = {"limit": limit, "cursor": cursor, "status": asked.status, "since": asked.since}
        body = session.client.get(_path(session), query).body
        found += body["data"]
        cursor = body["page_info"]["next_cursor"]
        if cursor is None:
            break
    session.out.table(found, ("ID", "STATUS", "ATTEMPTS", "LAST", "MADE", "TYPE"), [_row(each) for each in found])


def show(session: Session) -> None:
    delivery = session.client.get(f"{_path(session)}/{segment(session.asked.delivery)}").data
    _show(session, delivery)
    if session.out.json or not delivery["attempts"]:
        return
    session.out.text("")
    session.out.table(
        None,
        ("ATTEMPT", "AT", "TOOK", "ANSWER", "EXCERPT"),
        [
            (each["number"], _time(each["at_ms"] / 1000), f"{each['latency_ms']} ms", _answer(each), each["excerpt"])
            for each in delivery["attempts"]
        ],
    )


def redeliver(session: Session) -> None:
    _show(session, session.client.post(f"{_path(session)}/{segment(session.asked.delivery)}/redeliver").data)


def _show(session: Session, delivery: Any) -> None:
    fields = {
        "delivery": delivery["id"],
        "status": delivery["status"],
        "reason": delivery["reason"],
        "type": delivery["type"],
        "attempts": delivery["attempt_count"],
        "made": _time(delivery["created_at"]),
        "next": None if delivery["next_attempt_at"] is None else _time(delivery["next_attempt_at"]),
        "event": delivery["event_id"],
    }
    if "payload" in delivery:
        fields["payload"] = delivery["payload"]
    session.out.record(delivery, fields)


def _path(session: Session) -> str:
    return f"/v1/webhooks/{segment(session.asked.webhook)}/deliveries"


def _row(delivery: Any) -> tuple[Any, ...]:
    last = delivery["last_attempt"]
    return (
        delivery["id"],
        delivery["status"],
        delivery["attempt_count"],
        None if last is None else _answer(last),
        _time(delivery["created_at"]),
        delivery["type"],
    )


def _answer(attempt: Any) -> Any:
    return attempt["status"] if attempt["status"] is not None else attempt["error"]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
