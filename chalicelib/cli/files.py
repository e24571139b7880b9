"""`validate`, `plan`, `apply`, `export`: definitions as files. How they are compared is in `definitions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from chalicelib.cli.arguments import Parser
from chalicelib.cli.definitions import files
from chalicelib.cli.definitions.differences import is_same
from chalicelib.cli.definitions.problems import Definition, examine
from chalicelib.cli.exits import CommandError, Exit
from chalicelib.cli.output import clean
from chalicelib.cli.session import Session
from chalicelib.domain.json import Json

if TYPE_CHECKING:
    from chalicelib.cli.definitions.places import Problem
    from chalicelib.cli.definitions.planning import Planner, Step

_SIGNS = {"create": "+", "update": "~", "delete": "-", "conflict": "!", "orphaned": "?", "unchanged": "="}
_CHANGE_SIGNS = {"add": "+", "remove": "-", "replace": "~", "move": "~"}
_LONGEST_VALUE = 60


def add(name: str, parser: Parser) -> None:
    if name == "validate":
        parser.add_argument("paths", nargs="+", metavar="PATH", help="files, or directories of files")
        parser.leaf(validate)
        return
    parser.add_argument("directory", metavar="DIR", type=Path)
    if name == "export":
        parser.add_argument("--format", choices=("json", "yaml"), default="json")
        parser.add_argument("--namespace", action="append", default=[], help="with the Twinit definitions of it")
        parser.add_argument("--force", action="store_true", help="overwrite files that are there")
        parser.leaf(export)
        return
    parser.add_argument("--prune", action="store_true", help="delete what was applied from files that are gone")
    parser.add_argument("--adopt", action="store_true", help="take over what has a file's name and no other file")
    parser.add_argument("--force", action="store_true", help="overwrite what somebody changed meanwhile")
    if name == "plan":
        parser.add_argument("--exit-code", action="store_true", help="end with 6 if there is anything to do")
        parser.leaf(plan)
    else:
        parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
        parser.leaf(apply)


def validate(session: Session) -> int:
    """Each directory is a whole; a file by itself may refer to others."""
    problems: list[Problem] = []
    good = 0
    for path in dict.fromkeys(map(Path, session.asked.paths)):
        is_whole = path.is_dir()
        read, unreadable = files.read_all(_paths_of_directory(path) if is_whole else [(path, path.stem)])
        definitions, found = examine(read, is_whole=is_whole)
        problems += (*unreadable, *found)
        good += len(definitions)
    return _report(session, problems, good)


def plan(session: Session) -> int:
    definitions = _definitions(session)
    steps = _planner(session).plan(definitions)
    _show(session, steps)
    return Exit.HAS_CHANGES if session.asked.exit_code and _changing(steps) else Exit.DONE


def apply(session: Session) -> int:
    from chalicelib.cli.definitions.lock import held

    definitions = _definitions(session)
    with held(session.asked.directory):
        return _apply(session, definitions)


def _apply(session: Session, definitions: list[Definition]) -> int:
    from chalicelib.cli.definitions.applying import Applier
    from chalicelib.cli.progress import Progress

    planner = _planner(session)
    steps = planner.plan(definitions)
    changing = _changing(steps)
    if changing and not session.asked.yes and not any(step.action == "conflict" for step in changing):
        for line in _lines(session, steps):
            session.err.write(line + "\n")
        session.confirm(f"Do this to {session.target.url}?")
    made: list[str] = []
    with Progress(session.err, quiet=session.out.quiet) as progress:

        def told(step: Step, id_: str) -> None:
            made.append(step.key)
            progress.happened(_told(step, id_))

        try:
            done = Applier(planner, told).apply(steps)
        except (CommandError, KeyboardInterrupt):
            if made:
                session.out.note(f"{len(made)} of {len(changing)} done, and noted; apply again for the rest")
            raise
    document: dict[str, Json] = {
        "applied": [{"key": step.key, "action": step.action.value, "id": _id_of(planner, step)} for step in changing],
        "unchanged": len(steps) - len(changing),
    }
    session.out.record(document, {"applied": done, "unchanged": len(steps) - len(changing)})
    return Exit.DONE


def export(session: Session) -> int:
    from chalicelib.cli.definitions.exporting import Exporter

    asked = session.asked
    if asked.directory.exists() and not asked.directory.is_dir():
        raise CommandError(f"{asked.directory} is no directory")
    exporter = Exporter(session.client, asked.directory, _lock(session), f".{asked.format}", session.environ)
    pulled = exporter.export(tuple(dict.fromkeys(asked.namespace)), overwrite=asked.force)
    for each in pulled:
        for note in each.notes:
            session.out.note(f"{each.key}: {note}")
    found = [{"key": each.key, "kind": each.kind.name, "id": each.id} for each in pulled]
    document: list[Json] = [{**each} for each in found]
    session.out.table(document, ("KEY", "KIND", "ID"), [tuple(each.values()) for each in found])
    return Exit.DONE


def _definitions(session: Session) -> list[Definition]:
    """Those of the directory. Raises CommandError, with all problems, if there is one."""
    read, unreadable = files.read_all(_paths_of_directory(session.asked.directory))
    definitions, problems = examine(read)
    if unreadable or problems:
        for problem in (*unreadable, *problems):
            session.out.warn(str(problem))
        raise CommandError(f"{_counted(len(unreadable) + len(problems), 'problem')}; nothing was done")
    return definitions


def _paths_of_directory(directory: Path) -> list[tuple[Path, str]]:
    return [(each, files.key_of(each, directory)) for each in files.found_in(directory)]


def _report(session: Session, problems: list[Problem], good: int) -> int:
    if session.out.json:
        document: list[Json] = [
            {
                "file": problem.file,
                "line": problem.at.line if problem.at else None,
                "column": problem.at.column if problem.at else None,
                "pointer": problem.pointer,
                "message": problem.message,
            }
            for problem in problems
        ]
        session.out.record(document, {})
    else:
        for problem in problems:
            session.out.text(clean(str(problem)))
    judged = _counted(len(problems), "problem") if problems else "all fine"
    session.out.note(f"{_counted(good, 'definition')}, {judged}")
    return Exit.REFUSED if problems else Exit.DONE


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _planner(session: Session) -> Planner:
    from chalicelib.cli.definitions.planning import Planner

    asked = session.asked
    return Planner(session.client, _lock(session), asked.adopt, asked.force, asked.prune, session.environ)


def _lock(session: Session) -> Any:
    """Of the workspace that the key belongs to, wherever it is reached."""
    from chalicelib.cli.definitions.lock import Lock

    workspace = session.client.get("/v1/users/me").data["orgs"][0]["id"]
    return Lock(session.asked.directory / files.LOCK_NAME, f"{session.target.url} {workspace}")


def _changing(steps: list[Step]) -> list[Step]:
    from chalicelib.cli.definitions.planning import CHANGING

    return [step for step in steps if step.action in CHANGING]


def _show(session: Session, steps: list[Step]) -> None:
    counts = {action: sum(1 for step in steps if step.action == action) for action in _SIGNS}
    if session.out.json:
        summary: dict[str, Json] = {**counts}
        session.out.record({"steps": [step.document for step in steps], "summary": summary}, {})
        return
    for line in _lines(session, steps):
        session.out.text(line)
    told = [f"{count} {action}" for action, count in counts.items() if count]
    session.out.text(f"Plan: {', '.join(told) or 'nothing'}")


def _lines(session: Session, steps: list[Step]) -> list[str]:
    lines = []
    for step in steps:
        if step.action == "unchanged" and not step.reason:
            continue
        named = f"{_SIGNS[step.action]} {step.action.value} {step.key}"
        about = ", ".join(filter(None, (step.kind.name, step.id, step.reason)))
        lines.append(f"{session.out.paint(step.action.value, clean(named))}  ({clean(about)})")
        changes = (*step.changes, *(op.change for op in step.ops))
        lines += (f"    {clean(change_line(change))}" for change in changes)
    return lines


def change_line(change: Any) -> str:
    sign = _CHANGE_SIGNS[change.op]
    if change.op == "replace" and is_same(change.old, change.new):
        # Both are masked.
        return f"{sign} {change.path}"
    if change.op == "replace":
        return f"{sign} {change.path}: {_value(change.old)} → {_value(change.new)}"
    if change.op == "move":
        return f"{sign} {change.path}: in another order"
    return f"{sign} {change.path}" + ("" if change.new is None else f": {_value(change.new)}")


def _value(value: Json) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _told(step: Step, id_: str) -> str:
    return f"{_SIGNS[step.action]} {step.key}  {id_}"


def _id_of(planner: Planner, step: Step) -> str:
    item = planner.lock.items.get(step.key)
    return item.id if item else step.id
