"""What can be asked for. Each area brings its own commands; only the areas that a command line names are loaded."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.times import parse_iso
from chalicelib.domain.version import VERSION

if TYPE_CHECKING:
    from chalicelib.cli.session import Session

    Command = Callable[[Session], int | None]

EPILOG = """\
exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the run that was
waited for failed, 4 was cancelled, 5 waiting took too long, 6 the plan has
changes (plan and diff with --exit-code), 7 the server cannot be reached,
130 interrupted, 141 nobody reads the output any more
environment: PENSTOCK_URL, PENSTOCK_KEY, PENSTOCK_PROFILE, NO_COLOR
"""


@dataclass(frozen=True, slots=True)
class Area:
    module: str
    help: str


AREAS: Mapping[str, Area] = {
    "login": Area("account", "store an address and its key"),
    "logout": Area("account", "forget a stored key"),
    "whoami": Area("account", "who the key belongs to"),
    "workflows": Area("workflows", "list, show, push, pull, diff, activate, delete, run"),
    "runs": Area("runs", "list, show, retry, cancel, pause, resume, answer, logs"),
    "tail": Area("tail", "follow a run, or a stream of events"),
    "events": Area("events", "what a workflow or source emitted"),
    "webhooks": Area("webhooks", "receivers of events, and addresses that start workflows: list, pause, resume"),
    "deliveries": Area("webhooks", "what was sent to a webhook, and sending it again"),
    "schedules": Area("schedules", "what starts workflows again and again"),
    "keys": Area("keys", "API keys of the workspace"),
    "validate": Area("files", "check files of definitions, without a server"),
    "plan": Area("files", "what apply would do"),
    "apply": Area("files", "make the workspace what a directory says"),
    "export": Area("files", "write the workspace's definitions into files"),
    "postman": Area("postman", "write the API as a Postman collection"),
    "completion": Area("completion", "completion of commands for bash or zsh"),
    "version": Area("account", "this program's version"),
}


class Parser(argparse.ArgumentParser):
    """No abbreviations of options: they would change their meaning with the next option that is added."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **settings)

    def leaf(self, command: Command) -> Parser:
        """Says what carries this command out."""
        self.set_defaults(run=command)
        return self

    def group(self) -> Group:
        return Group(self.add_subparsers(required=True, metavar="command", parser_class=Parser))


class Group:
    def __init__(self, parsers: argparse._SubParsersAction[Parser]) -> None:
        self._parsers = parsers

    def leaf(self, name: str, command: Command, help_: str) -> Parser:
        parser = self._parsers.add_parser(name, help=help_, description=help_, parents=[common()])
        return parser.leaf(command)


def parser_for(arguments: Iterable[str]) -> Parser:
    """A parser that knows the areas that are named among the arguments, and of the others that they exist."""
    return parser(AREAS.keys() & set(arguments))


def parser(areas: Iterable[str] = AREAS) -> Parser:
    made = Parser(
        prog="penstock",
        description="Workflows, runs, events and definitions of an installation, over its HTTP API.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common(default=None)],
    )
    made.add_argument("--version", action="version", version=VERSION)
    commands = made.add_subparsers(required=True, metavar="command", parser_class=Parser)
    loaded = set(areas)
    for name, area in AREAS.items():
        below = commands.add_parser(name, help=area.help, description=area.help, parents=[common()])
        if name in loaded:
            import_module(f"chalicelib.cli.{area.module}").add(name, below)
    return made


def common(default: Any = argparse.SUPPRESS) -> Parser:
    """Options that may stand before a command and behind it."""
    shared = Parser(add_help=False)
    flag = False if default is None else default
    shared.add_argument("--json", action="store_true", default=flag, help="results as JSON")
    shared.add_argument("--quiet", "-q", action="store_true", default=flag, help="no notes, no progress")
    shared.add_argument("--profile", default=default, metavar="NAME", help="the profile of `login` to use")
    shared.add_argument("--url", default=default, help="the installation's address")
    return shared


def positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number") from error
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def moment(text: str) -> str:
    """A time that the API understands, as it was written."""
    try:
        parse_iso(text)
    except InvalidError as error:
        message = f"'{text}' is not a time such as 2026-11-22 or 2026-11-22T08:00:00Z"
        raise argparse.ArgumentTypeError(message) from error
    return text


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds") from error
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return value
