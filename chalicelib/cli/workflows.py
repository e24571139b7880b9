"""`workflows`: definitions one at a time, and starting them."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.cli.arguments import Parser, seconds
from chalicelib.cli.client import segment
from chalicelib.cli.exits import CommandError, Exit
from chalicelib.cli.session import Session, pages
from chalicelib.domain.flows.flows import is_object_id
from chalicelib.domain.json import Json

if TYPE_CHECKING:
    from chalicelib.cli.definitions.kinds import Kind
    from chalicelib.cli.definitions.problems import Definition

_UUID_LENGTH = 36
_FLOW = "celigo-flow"


def add(_: str, parser: Parser) -> None:
    group = parser.group()
    listing = group.leaf("list", list_, "newest first")
    listing.add_argument("--status", choices=("active", "inactive"))
    _takes_namespace(listing, "the Twinit definitions of this namespace")
    for name, command, help_ in (
        ("show", show, "a workflow and its nodes"),
        ("pull", pull, "write a workflow as a file"),
        ("delete", delete, "delete a workflow; its live runs are cancelled"),
    ):
        leaf = group.leaf(name, command, help_)
        leaf.add_argument("workflow_id", metavar="ID")
        _takes_namespace(leaf, "where a Twinit definition is")
        if name == "pull":
            leaf.add_argument("--out", "-o", type=Path, metavar="FILE", help=".json or .yaml (default: stdout)")
            leaf.add_argument("--force", action="store_true", help="overwrite the file")
        if name == "delete":
            leaf.add_argument("--yes", "-y", action="store_true", help="do not ask")
    _takes_file(group.leaf("push", push, "create or change the workflow of a file"))
    comparing = group.leaf("diff", diff, "what push would change")
    _takes_file(comparing)
    comparing.add_argument("--exit-code", action="store_true", help="end with 6 if there is a difference")
    group.leaf("activate", activate, "let it start by itself").add_argument("workflow_id", metavar="ID")
    group.leaf("deactivate", deactivate, "do not let it start").add_argument("workflow_id", metavar="ID")
    _takes_run(group.leaf("run", run, "start it"))


def _takes_namespace(parser: Parser, help_: str) -> None:
    parser.add_argument("--namespace", metavar="NAME", help=help_)


def _takes_file(parser: Parser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--id", dest="workflow_id", metavar="ID", help="the workflow, where the file has no id")


def _takes_run(parser: Parser) -> None:
    parser.add_argument("workflow_id", metavar="ID")
    parser.add_argument("--input", metavar="JSON", help="an object: JSON, @FILE, or - for stdin")
    parser.add_argument("--wait", action="store_true", help="until it ends; exit code 3 if it fails, 4 if cancelled")
    parser.add_argument("--timeout", type=seconds, metavar="SECONDS", help="wait so long at most (exit code 5)")
    parser.add_argument("--idempotency-key", metavar="KEY", help="of several starts with one key, one counts")


def list_(session: Session) -> None:
    asked = session.asked
    if asked.namespace:
        found = [{"id": each.id, "name": each.name} for each in _twinit().list(session.client, (asked.namespace,))]
        document: list[Json] = [{**each} for each in found]
        session.out.table(document, ("ID", "NAME"), [(each["id"], each["name"]) for each in found])
        return
    rows = pages(session, "/v1/workflows", "workflows", {"status": asked.status, "dialect": "all"})
    session.out.table(
        rows,
        ("ID", "STATUS", "CHANGED", "DIALECT", "NAME"),
        [(each["id"], each["status"], each["updated_at"], each.get("dialect"), each["name"]) for each in rows],
    )


def show(session: Session) -> None:
    _, shown = _shown(session)
    if "nodes" not in shown:
        session.out.record(shown, shown)
        return
    fields = {name: shown[name] for name in ("id", "name", "description", "status", "created_at", "updated_at")}
    session.out.record(shown, {**fields, "nodes": len(shown["nodes"]), "connections": len(shown["connections"])})
    if not session.out.json and shown["nodes"]:
        session.out.text("")
        nodes = [(node["id"], node["type"], node.get("name")) for node in shown["nodes"]]
        session.out.table(None, ("NODE", "TYPE", "NAME"), nodes)


def pull(session: Session) -> None:
    from chalicelib.cli.definitions import files

    kind, shown = _shown(session)
    if not kind.fits(shown) and kind.name != _FLOW:
        raise CommandError(f"{session.asked.workflow_id} is of a dialect that has no files")
    named = {} if kind.fits(shown) else {"kind": kind.name}
    document = {"id": session.asked.workflow_id, **named, **kind.comparable(shown)}
    if kind.has_status:
        document["status"] = shown["status"]
    out = session.asked.out
    if out is None:
        session.out.text(files.text_of(document, files.JSON_SUFFIX).rstrip("\n"))
        return
    if out.suffix not in files.SUFFIXES:
        raise CommandError(f"{out}: the name has to end in {', '.join(files.SUFFIXES)}")
    if out.exists() and not session.asked.force:
        raise CommandError(f"{out} is there already; --force overwrites it")
    files.write(out, document)
    session.out.note(f"written to {out}")


def push(session: Session) -> None:
    definition = _definition(session)
    kind, id_ = definition.kind, _id_in(session, definition)
    desired, scope = _whole(session, definition), kind.scope(definition.document)
    if id_:
        shown = kind.get(session.client, id_, scope)
        if shown is None:
            raise CommandError(f"there is no workflow {id_}")
        kind.update(session.client, id_, desired, shown, scope)
    else:
        id_, shown = kind.create(session.client, desired, scope), {}
        session.out.note(f'created; to change it later: --id {id_}, or "id" in the file')
    status = definition.document.get("status")
    if kind.has_status and status is not None and status != shown.get("status", "inactive"):
        session.client.post(f"/v1/workflows/{segment(id_)}/status", {"status": status})
    document: dict[str, Json] = {"id": id_, "kind": kind.name, "name": kind.title(definition.document)}
    session.out.record(document, document)


def diff(session: Session) -> int:
    from chalicelib.cli.definitions.differences import Change, changes
    from chalicelib.cli.files import change_line

    definition = _definition(session)
    kind, id_ = definition.kind, _id_in(session, definition)
    if not id_:
        raise CommandError('which workflow? say --id, or "id" in the file')
    shown = kind.get(session.client, id_, kind.scope(definition.document))
    if shown is None:
        raise CommandError(f"there is no workflow {id_}")
    desired, _ = kind.parted(_whole(session, definition))
    found = [*changes(kind.comparable(shown), desired, mask=kind.mask)]
    status = definition.document.get("status")
    if kind.has_status and status is not None and status != shown["status"]:
        found.append(Change("replace", "status", shown["status"], status))
    if session.out.json:
        document: list[Json] = [change.document for change in found]
        session.out.record(document, {})
    for change in () if session.out.json else found:
        session.out.text(change_line(change))
    return Exit.HAS_CHANGES if found and session.asked.exit_code else Exit.DONE


def activate(session: Session) -> None:
    _set_status(session, "active")


def deactivate(session: Session) -> None:
    _set_status(session, "inactive")


def delete(session: Session) -> None:
    kind, shown = _shown(session)
    id_ = session.asked.workflow_id
    if not session.asked.yes:
        session.confirm(f"Delete {id_} ({kind.title(shown)}) and cancel its live runs?")
    kind.delete(session.client, id_, session.asked.namespace or "")
    session.out.record({"id": id_, "deleted": True}, {"deleted": id_})


def run(session: Session) -> int:
    from chalicelib.cli.runs import show_run
    from chalicelib.cli.waiting import wait_for

    asked = session.asked
    given = {} if asked.input is None else session.input_argument(asked.input)
    once = asked.idempotency_key or str(uuid.uuid4())
    path = f"/v1/workflows/{segment(asked.workflow_id)}/execute"
    started = session.client.post(path, {"input": given}, once=once).data
    if not asked.wait:
        session.out.record(started, {"run": started["execution_id"], "status": started["status"]})
        return Exit.DONE
    code, execution = wait_for(session, started["execution_id"], asked.timeout)
    if execution is not None:
        show_run(session, execution)
    return code


def _set_status(session: Session, status: str) -> None:
    if is_object_id(session.asked.workflow_id):
        _set_disabled(session, status == "inactive")
        return
    path = f"/v1/workflows/{segment(session.asked.workflow_id)}/status"
    shown = session.client.post(path, {"status": status}).data
    session.out.record(shown, {name: shown[name] for name in ("id", "name", "status")})


def _set_disabled(session: Session, disabled: bool) -> None:
    """A flow is not of the dialect that calls this a status."""
    path = f"/v1/flows/{segment(session.asked.workflow_id)}"
    session.client.call("PATCH", path, [{"op": "replace", "path": "/disabled", "value": disabled}])
    shown = session.client.get(path).body
    session.out.record(shown, {"id": shown["_id"], "name": shown["name"], "disabled": shown["disabled"]})


def _shown(session: Session) -> tuple[Kind, dict[str, Any]]:
    """The workflow that the arguments name. Raises CommandError."""
    from chalicelib.cli.definitions.kinds import kinds

    id_, namespace = session.asked.workflow_id, session.asked.namespace
    name = "twinit" if namespace else _FLOW if is_object_id(id_) else "exeoflow"
    kind = kinds()[name]
    shown = kind.get(session.client, id_, namespace or "")
    if shown is None:
        hint = "" if namespace or len(id_) != _UUID_LENGTH else "; for a Twinit definition say --namespace"
        raise CommandError(f"there is no workflow {id_}{hint}")
    return kind, shown


def _twinit() -> Kind:
    from chalicelib.cli.definitions.twinit import Twinit

    return Twinit()


def _definition(session: Session) -> Definition:
    """The file's definition. Raises CommandError, with all problems, if it cannot stand alone."""
    from chalicelib.cli.definitions import files
    from chalicelib.cli.definitions.problems import examine

    read, unreadable = files.read_all([(session.asked.file, session.asked.file.stem)])
    definitions, problems = examine(read)
    for problem in (*unreadable, *problems):
        session.out.warn(str(problem))
    if unreadable or problems:
        count = len(unreadable) + len(problems)
        raise CommandError(f"{count} {'problem' if count == 1 else 'problems'}; nothing was done")
    for member in ("schedules", "subscriptions"):
        if definitions[0].document.get(member):
            session.out.note(f"{member} are for apply, and left alone here")
    return definitions[0]


def _whole(session: Session, definition: Definition) -> dict[str, Json]:
    """The definition with what it takes from the environment. Raises CommandError for what is not set there."""
    from chalicelib.cli.definitions import variables

    desired = definition.kind.desired(definition.document)
    if not definition.kind.has_variables:
        return desired
    unset = variables.missing(desired, session.environ)
    if unset:
        raise CommandError(f"not set in the environment: {definition.key} needs {', '.join(unset)}")
    filled: dict[str, Json] = variables.filled(desired, session.environ)
    return filled


def _id_in(session: Session, definition: Definition) -> str:
    return session.asked.workflow_id or str(definition.document.get("id") or "")
