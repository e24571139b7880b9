"""`runs`: what was started, how it stands, and changing its course."""

from __future__ import annotations

from typing import Any

from chalicelib.cli.arguments import Parser, moment, positive
from chalicelib.cli.client import segment
from chalicelib.cli.session import Session, pages
from chalicelib.cli.watching import duration
from chalicelib.domain.json import Json

STATUSES = ("running", "success", "failed", "cancelled")


def add(_: str, parser: Parser) -> None:
    group = parser.group()
    listing = group.leaf("list", list_, "newest first")
    listing.add_argument("--workflow", metavar="ID", help="of this workflow alone")
    listing.add_argument("--status", choices=STATUSES)
    listing.add_argument("--since", type=moment, metavar="TIME", help="started at this time (ISO 8601) or later")
    listing.add_argument("--until", type=moment, metavar="TIME", help="started at this time or earlier")
    listing.add_argument("--limit", type=positive, default=20, help="so many at most (default: 20)")
    for name, command, help_ in (
        ("show", show, "a run with its steps"),
        ("logs", logs, "what its steps logged"),
        ("cancel", cancel, "end it"),
        ("pause", pause, "let it rest after the steps under way"),
        ("resume", resume, "let it go on"),
    ):
        group.leaf(name, command, help_).add_argument("run_id", metavar="RUN")
    again = group.leaf("retry", retry, "do it again: as a new run, or the same from its failed steps on")
    again.add_argument("run_id", metavar="RUN")
    again.add_argument("--failed", action="store_true", help="the same run, from its failed steps on")
    answering = group.leaf("answer", answer, "answer a step that waits for input")
    answering.add_argument("run_id", metavar="RUN")
    answering.add_argument("node", metavar="NODE", help="the step's node, or its key inside a loop or map")
    answering.add_argument("value", metavar="VALUE", help="JSON, @FILE, or - for stdin")


def list_(session: Session) -> None:
    asked = session.asked
    query = {"workflow_id": asked.workflow, "status": asked.status, "from": asked.since, "to": asked.until}
    found = pages(session, "/v1/executions", "executions", query, asked.limit)
    session.out.table(
        found,
        ("ID", "STATE", "STARTED", "TOOK", "WORKFLOW"),
        [
            (run["id"], run["state"], run["started_at"], duration(run["duration"]), run["workflow_name"])
            for run in found
        ],
    )


def show(session: Session) -> None:
    show_run(session, session.client.get(_path(session)).data)


def show_run(session: Session, run: Any) -> None:
    error = run.get("error")
    fields = {
        "run": run["id"],
        "workflow": f"{run['workflow_name']} ({run['workflow_id']})",
        "state": run["state"],
        "started": run["started_at"],
        "took": duration(run["duration"]),
        "input": run["input"],
        "output": run["output"],
    }
    if error:
        fields["error"] = f"{error['message']} (at {error['node_id']})" if error["node_id"] else error["message"]
    session.out.record(run, fields)
    if not session.out.json and run["steps"]:
        session.out.text("")
        session.out.table(None, ("STEP", "STATE", "ATTEMPTS", "TOOK", "ERROR"), [_step(step) for step in run["steps"]])


def logs(session: Session) -> None:
    lines = session.client.get(f"{_path(session)}/logs").data["logs"]
    session.out.table(
        lines,
        ("TIME", "STEP", "LEVEL", "MESSAGE"),
        [(line["timestamp"], line["node_id"], line["level"], line["message"]) for line in lines],
    )


def cancel(session: Session) -> None:
    _change(session, "cancel")


def pause(session: Session) -> None:
    _change(session, "pause")


def resume(session: Session) -> None:
    _change(session, "resume")


def retry(session: Session) -> None:
    mode = "failed" if session.asked.failed else "new"
    started = session.client.post(f"{_path(session)}/retry", {"mode": mode}).data
    session.out.record(started, {"run": started["execution_id"], "status": started["status"]})


def answer(session: Session) -> None:
    value = session.json_argument(session.asked.value, "VALUE")
    _change(session, "input", {"node_id": session.asked.node, "value": value})


def _change(session: Session, doing: str, body: Json = None) -> None:
    changed = session.client.post(f"{_path(session)}/{doing}", body).data
    session.out.record(changed, {"run": changed["id"], "status": changed.get("state", changed["status"])})


def _path(session: Session) -> str:
    return f"/v1/executions/{segment(session.asked.run_id)}"


def _step(step: Any) -> tuple[Any, ...]:
    error = step["error"]["message"] if step["error"] else None
    return step["node_name"], step["state"], step["attempts"], duration(step["duration"]), error
