"""`schedules`: what starts workflows again and again, and when it will."""

from __future__ import annotations

from typing import Any

from chalicelib.cli.arguments import Parser, positive
from chalicelib.cli.client import segment
from chalicelib.cli.session import Session, pages
from chalicelib.domain.json import Json


def add(_: str, parser: Parser) -> None:
    group = parser.group()
    listing = group.leaf("list", list_, "schedules of the workspace")
    listing.add_argument("--workflow", metavar="ID", help="of this workflow alone")
    creating = group.leaf("create", create, "start a workflow again and again")
    creating.add_argument("workflow_id", metavar="WORKFLOW")
    when = creating.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", help="five fields, Quartz's six or seven, or a shorthand such as @daily")
    when.add_argument("--every", type=positive, metavar="SECONDS")
    creating.add_argument("--timezone", help="an IANA name (default: UTC)")
    creating.add_argument("--name")
    creating.add_argument("--input", metavar="JSON", help="what each run is given: JSON, @FILE, or - for stdin")
    creating.add_argument("--overlap", choices=("allow", "skip", "queue"))
    creating.add_argument("--catch-up", choices=("none", "last", "all"))
    creating.add_argument("--paused", action="store_true", help="not to fire before it is resumed")
    for name, command, help_ in (
        ("show", show, "a schedule"),
        ("pause", pause, "let it rest"),
        ("resume", resume, "let it fire again"),
        ("delete", delete, "end it"),
        ("upcoming", upcoming, "when it will fire, and why then"),
    ):
        leaf = group.leaf(name, command, help_)
        leaf.add_argument("schedule_id", metavar="SCHEDULE")
        if name == "upcoming":
            leaf.add_argument("--count", type=positive, default=10, help="so many due times (default: 10)")


def list_(session: Session) -> None:
    found = pages(session, "/v1/schedules", "schedules", {"workflow_id": session.asked.workflow})
    session.out.table(
        found,
        ("ID", "NAME", "WHEN", "ENABLED", "NEXT", "WORKFLOW"),
        [
            (each["id"], each["name"], _when(each), each["enabled"], each["next_run_at"], each["workflow_id"])
            for each in found
        ],
    )


def create(session: Session) -> None:
    asked = session.asked
    given = None if asked.input is None else session.input_argument(asked.input)
    members: dict[str, Json] = {
        "cron": asked.cron,
        "interval_seconds": asked.every,
        "timezone": asked.timezone,
        "name": asked.name,
        "input": given,
        "overlap": asked.overlap,
        "catch_up": asked.catch_up,
    }
    body: dict[str, Json] = {name: value for name, value in members.items() if value is not None}
    body |= {"workflow_id": asked.workflow_id, "enabled": not asked.paused}
    _show(session, session.client.post("/v1/schedules", body).data)


def show(session: Session) -> None:
    _show(session, session.client.get(_path(session)).data)


def pause(session: Session) -> None:
    _show(session, session.client.post(f"{_path(session)}/pause").data)


def resume(session: Session) -> None:
    _show(session, session.client.post(f"{_path(session)}/resume").data)


def delete(session: Session) -> None:
    session.client.delete(_path(session))
    document = {"id": session.asked.schedule_id, "deleted": True}
    session.out.record(document, {"deleted": session.asked.schedule_id})


def upcoming(session: Session) -> None:
    shown = session.client.get(f"{_path(session)}/upcoming", {"count": session.asked.count}).data
    rows = [(each["at"], each["local"], each["reason"]) for each in shown["upcoming"]]
    session.out.table(shown, ("AT", f"IN {shown['timezone']}", "WHY"), rows)


def _show(session: Session, schedule: Any) -> None:
    fields = {
        "schedule": schedule["id"],
        "name": schedule["name"],
        "workflow": schedule["workflow_id"],
        "when": _when(schedule),
        "enabled": schedule["enabled"],
        "next": schedule["next_run_at"],
        "last": schedule["last_run_at"],
        "input": schedule["input"],
        "overlap": schedule["overlap"],
        "catch-up": schedule["catch_up"],
        "managed": schedule["managed"],
    }
    session.out.record(schedule, fields)


def _when(schedule: Any) -> str:
    if schedule["cron"]:
        return f"{schedule['cron']} ({schedule['timezone']})"
    return f"every {schedule['interval_seconds']} s"


def _path(session: Session) -> str:
    return f"/v1/schedules/{segment(session.asked.schedule_id)}"
