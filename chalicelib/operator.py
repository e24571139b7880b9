"""`python -m chalicelib.operator`: workspaces, users and keys of a deployed stage, and what operators do to it.

Works with the caller's AWS credentials on the stage that STAGE (or --stage) names. A key's secret is printed once,
by the command that makes it. Exit codes: 0 done, 1 refused or unreachable, 2 wrong usage, 3 something wants
attention: work lags, there are dead letters or stuck runs, or a backfill left items behind.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import SettingsError
from chalicelib.domain.errors import InvalidError, PenstockError
from chalicelib.domain.identity import ALL_SCOPES, SCOPES, ApiKey, is_scope
from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.times import iso_z
from chalicelib.operations import stuck_runs
from chalicelib.operations.backfill import Backfill
from chalicelib.operations.dead_letters import QUEUES, DeadLetter, DeadLetters
from chalicelib.operations.upgrades import TABLES, VERSION, upgrades_of
from chalicelib.operations.workspaces import Pace, Workspaces
from chalicelib.services.identity import IssuedKey, UserNotFoundError, WorkspaceNotFoundError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.services.overview import Lag

WANTS_ATTENTION = 3

Row: TypeAlias = "dict[str, Json]"


@dataclass(frozen=True, slots=True)
class Result:
    rows: list[Row]
    code: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What a command is given: the stage's services, the arguments, and where to write of its progress."""

    services: Services
    asked: argparse.Namespace
    err: TextIO


Connect = Callable[[], "Services"]
Command = Callable[[Call], Result]


def main(
    arguments: Sequence[str] | None = None,
    connect: Connect | None = None,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> int:
    out, err = out or sys.stdout, err or sys.stderr
    asked = _parser().parse_args(arguments)
    if asked.stage:
        os.environ["STAGE"] = asked.stage
    if asked.region:
        os.environ["AWS_REGION"] = asked.region
    command: Command = asked.command
    try:
        result = command(Call((connect or _deployed)(), asked, err))
    except (PenstockError, SettingsError, ClientError, BotoCoreError) as error:
        err.write(f"{error}\n")
        return 1
    out.write(_json(result.rows) if asked.json else _table(result.rows))
    return result.code


def _deployed() -> Services:
    from chalicelib import bootstrap

    return bootstrap.services()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.operator", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", help="the deployed stage (default: STAGE, else dev)")
    parser.add_argument("--region", help="its AWS region (default: AWS_REGION)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_keys(commands)
    _add_names(commands)
    _add_status(commands)
    _add_dead_letters(commands)
    _add_stuck_runs(commands)
    _add_backfill(commands)
    _add_workspaces(commands)
    return parser


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _makes_key(commands.add_parser("create-workspace", help="a workspace with a user and a key"), _create_workspace)
    user = commands.add_parser("create-user", help="another user of a workspace, with a key")
    user.add_argument("workspace")
    _makes_key(user, _create_user)
    key = commands.add_parser("create-key", help="another key of a user")
    key.add_argument("workspace")
    key.add_argument("user")
    _makes_key(key, _create_key)
    listing = commands.add_parser("list-keys", help="a workspace's keys, without their secrets")
    listing.add_argument("workspace")
    listing.set_defaults(command=_list_keys)
    revoke = commands.add_parser("revoke-key", help="end a key")
    revoke.add_argument("workspace")
    revoke.add_argument("key")
    revoke.set_defaults(command=_revoke_key)


def _add_names(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    user = commands.add_parser("name-user", help="what a user is called; shows it, and sets what is given")
    user.add_argument("workspace")
    user.add_argument("user")
    user.add_argument("--username")
    user.add_argument("--email")
    user.set_defaults(command=_name_user)
    workspace = commands.add_parser("name-workspace", help="what a workspace is called; the same")
    workspace.add_argument("workspace")
    workspace.add_argument("--name")
    workspace.add_argument("--orgname", help="a short name: lower-case letters, digits, '.', '_' and '-'")
    workspace.add_argument("--email")
    workspace.set_defaults(command=_name_workspace)


def _scope(text: str) -> str:
    if not is_scope(text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a scope")
    return text


def _makes_key(parser: argparse.ArgumentParser, command: Command) -> None:
    parser.add_argument("--name", default="", help="what the key is for")
    parser.add_argument(
        "--scope",
        action="append",
        type=_scope,
        help=f"what the key may do: {', '.join(sorted(SCOPES))} or {ALL_SCOPES} (the default); "
        "namespace:<name> restricts it to that namespace; may be repeated",
    )
    parser.set_defaults(command=command)


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="how far work lags, and what the queues hold")
    status.add_argument("--late", type=_positive, default=900, metavar="SECONDS", help="too far behind (default: 900)")
    status.set_defaults(command=_status)


def _add_dead_letters(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    letters = commands.add_parser("dead-letters", help="messages that were given up")
    doings = letters.add_subparsers(required=True, metavar="doing")
    for name, help_, command in (
        ("list", "look at them", _list_dead_letters),
        ("redrive", "send them to their queue again", _redrive),
        ("delete", "throw them away", _delete_dead_letters),
    ):
        doing = doings.add_parser(name, help=help_)
        doing.add_argument("--queue", choices=QUEUES, default="runs")
        doing.add_argument("--limit", type=_positive, default=1000, help="so many messages at most (default: 1000)")
        doing.set_defaults(command=command)
        if name != "list":
            which = doing.add_mutually_exclusive_group(required=True)
            which.add_argument("--all", action="store_true", help="every message")
            which.add_argument("--message", action="append", help="the message of this id; may be repeated")


def _add_stuck_runs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stuck = commands.add_parser("stuck-runs", help="live runs that should have gone on long ago")
    stuck.add_argument("--late", type=_positive, default=900, metavar="SECONDS", help="how long ago (default: 900)")
    stuck.add_argument("--limit", type=_positive, default=1000, help="so many runs at most (default: 1000)")
    stuck.add_argument("--hint", action="store_true", help="send each run's message again")
    stuck.set_defaults(command=_stuck_runs)


def _add_backfill(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    backfill = commands.add_parser("backfill", help="rewrite a table's items of older schema versions")
    backfill.add_argument("table", choices=TABLES)
    backfill.add_argument("--per-second", type=_positive, default=100, help="items to read (default: 100)")
    backfill.add_argument("--from", dest="place", help="the place that a walk which was broken off named last")
    backfill.add_argument("--dry-run", action="store_true", help="count only")
    backfill.set_defaults(command=_backfill)


def _add_workspaces(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export-workspace", help="everything of a workspace, as lines of JSON")
    export.add_argument("--out", required=True, metavar="FILE", help="a new file")
    export.set_defaults(command=_export_workspace)
    delete = commands.add_parser("delete-workspace", help="delete everything of a workspace, its keys first")
    delete.add_argument("--yes", action="store_true", required=True, help="it cannot be undone")
    delete.set_defaults(command=_delete_workspace)
    for command in (export, delete):
        command.add_argument("workspace")
        command.add_argument("--per-second", type=_positive, default=1000, help="items to read (default: 1000)")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _create_workspace(call: Call) -> Result:
    issued = call.services.identity.create_workspace(call.asked.name, call.asked.scope or (ALL_SCOPES,))
    return Result([_issued(issued)])


def _create_user(call: Call) -> Result:
    asked = call.asked
    issued = call.services.identity.create_user(asked.workspace, asked.name, asked.scope or (ALL_SCOPES,))
    return Result([_issued(issued)])


def _create_key(call: Call) -> Result:
    asked = call.asked
    issued = call.services.identity.create_key(asked.workspace, asked.user, asked.name, asked.scope or (ALL_SCOPES,))
    return Result([_issued(issued)])


def _list_keys(call: Call) -> Result:
    return Result([_shown(key) for key in call.services.identity.keys(call.asked.workspace)])


def _revoke_key(call: Call) -> Result:
    return Result([_shown(call.services.identity.revoke(call.asked.workspace, call.asked.key))])


def _name_user(call: Call) -> Result:
    asked = call.asked
    if all(key.user_id != asked.user for key in call.services.identity.keys(asked.workspace)):
        raise UserNotFoundError(workspace_id=asked.workspace, user_id=asked.user)
    profile = call.services.profiles.name_user(asked.user, asked.username, asked.email)
    return Result([{"user": profile.user_id, "username": profile.username, "email": profile.email}])


def _name_workspace(call: Call) -> Result:
    asked = call.asked
    if not call.services.identity.keys(asked.workspace):
        raise WorkspaceNotFoundError(workspace_id=asked.workspace)
    profile = call.services.profiles.name_workspace(asked.workspace, asked.name, asked.orgname, asked.email)
    row: Row = {
        "workspace": profile.workspace_id,
        "name": profile.name,
        "orgname": profile.orgname,
        "email": profile.email,
    }
    return Result([row])


def _status(call: Call) -> Result:
    lags = call.services.overview.installation(call.services.clock.now())
    wants = any(
        lag.overdue_seconds is None or lag.overdue_seconds > call.asked.late or lag.depth is None or lag.depth.dead
        for lag in lags.values()
    )
    return Result([_lag(kind, lag) for kind, lag in lags.items()], WANTS_ATTENTION if wants else 0)


def _lag(kind: str, lag: Lag) -> Row:
    depth = lag.depth
    return {
        "work": kind,
        "overdue_seconds": "unknown" if lag.overdue_seconds is None else int(lag.overdue_seconds),
        "waiting": "unknown" if depth is None else depth.waiting,
        "in_flight": "unknown" if depth is None else depth.in_flight,
        "delayed": "unknown" if depth is None else depth.delayed,
        "dead": "unknown" if depth is None else depth.dead,
    }


def _list_dead_letters(call: Call) -> Result:
    rows = [_letter(letter) for letter in _dead_letters(call).look(call.asked.limit)]
    return Result(rows, WANTS_ATTENTION if rows else 0)


def _redrive(call: Call) -> Result:
    return Result([_letter(each) for each in _dead_letters(call).redrive(call.asked.message, call.asked.limit)])


def _delete_dead_letters(call: Call) -> Result:
    return Result([_letter(each) for each in _dead_letters(call).delete(call.asked.message, call.asked.limit)])


def _dead_letters(call: Call) -> DeadLetters:
    services = call.services
    return DeadLetters(services.clients.sqs, services.settings.stage, call.asked.queue)


def _stuck_runs(call: Call) -> Result:
    services, asked = call.services, call.asked
    late = timedelta(seconds=asked.late)
    found = stuck_runs.find(services.stores.runs, services.clock.now(), late, asked.limit)
    if asked.hint:
        return Result([_stuck(each) for each in stuck_runs.hint(services.queue, found)])
    return Result([_stuck(each) for each in found], WANTS_ATTENTION if found else 0)


def _backfill(call: Call) -> Result:
    services, asked = call.services, call.asked
    name = getattr(services.settings, f"{asked.table}_table")
    backfill = Backfill(services.clients.dynamodb, name, upgrades_of(asked.table), VERSION)
    walk = backfill.walk(place=asked.place, per_second=asked.per_second, pause=services.clock.sleep, dry=asked.dry_run)
    for done in walk:
        if done.place is not None:
            call.err.write(f"{done.seen} seen, {done.upgraded} upgraded; to go on from here: --from {done.place}\n")
    row: Row = {"table": name, "seen": done.seen, "upgraded": done.upgraded, "contested": done.contested}
    return Result([row], WANTS_ATTENTION if done.contested else 0)


def _export_workspace(call: Call) -> Result:
    lines = 0
    try:
        with open(call.asked.out, "x", encoding="utf-8") as file:
            for each in _workspaces(call).everything(call.asked.workspace):
                file.write(encode_text(each) + "\n")
                lines += 1
    except OSError as error:
        raise InvalidError(f"{call.asked.out}: {error.strerror}", field="out") from error
    return Result([{"workspace": call.asked.workspace, "file": call.asked.out, "lines": lines}])


def _delete_workspace(call: Call) -> Result:
    deleted = _workspaces(call).delete(call.asked.workspace)
    rows: list[Row] = [{"workspace": call.asked.workspace, "of": word, "deleted": count} for word, count in deleted]
    return Result(rows)


def _workspaces(call: Call) -> Workspaces:
    services = call.services
    tables = {word: getattr(services.settings, f"{word}_table") for word in TABLES}
    pace = Pace(call.asked.per_second, services.clock.sleep)
    return Workspaces(services.clients, tables, services.settings.bodies_bucket, pace)


def _issued(issued: IssuedKey) -> Row:
    return {**_shown(issued.key), "secret": issued.secret}


def _shown(key: ApiKey) -> Row:
    return {
        "workspace": key.workspace_id,
        "user": key.user_id,
        "key": key.id,
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "created_at": iso_z(key.created_at),
        "revoked_at": "" if key.revoked_at is None else iso_z(key.revoked_at),
    }


def _letter(letter: DeadLetter) -> Row:
    return {
        "queue": letter.queue,
        "message": letter.message_id,
        "sent_at": iso_z(letter.sent_at),
        "receives": letter.receives,
        "body": letter.body,
    }


def _stuck(stuck: stuck_runs.StuckRun) -> Row:
    return {
        "run": stuck.run.run_id,
        "workspace": stuck.run.workspace_id,
        "status": stuck.run.status.value,
        "due_at": iso_z(stuck.run.due_at),
        "late_seconds": stuck.late_seconds,
    }


def _json(rows: list[Row]) -> str:
    return encode_text([*rows]) + "\n"


def _table(rows: list[Row]) -> str:
    """One row as lines of name and value, several as columns."""
    if len(rows) == 1:
        return "".join(f"{name + ':':<12} {value}\n" for name, value in rows[0].items())
    if not rows:
        return "none\n"
    texts = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in texts
    )


if __name__ == "__main__":
    sys.exit(main())
