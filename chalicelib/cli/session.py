"""What a command is given: its arguments, the API, and where to say what comes of it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from chalicelib.cli.exits import CommandError, UsageError
from chalicelib.cli.output import Output
from chalicelib.cli.profiles import Profiles, Target, choose, config_path
from chalicelib.domain.errors import InvalidError
from chalicelib.domain.json import Json, decode

if TYPE_CHECKING:
    from chalicelib.cli.client import Client


@dataclass
class Session:
    asked: argparse.Namespace
    out: Output
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    @cached_property
    def _clients(self) -> list[Client]:
        return []

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles(config_path(self.environ))

    @cached_property
    def target(self) -> Target:
        return choose(self.profiles, self.environ, self.asked.url, self.asked.profile)

    @cached_property
    def client(self) -> Client:
        return self.connect(self.target)

    def connect(self, target: Target) -> Client:
        # What speaks HTTP takes longer to load than everything else, and not every command needs it.
        from chalicelib.cli.client import Client

        client = Client(target.url, target.key, note=self.out.note, sleep=self.sleep)
        self._clients.append(client)
        return client

    def json_argument(self, text: str, name: str) -> Json:
        """JSON that was written out, or that a file (`@path`) or stdin (`@-` or `-`) holds. Raises UsageError."""
        try:
            if text in {"-", "@-"}:
                return decode(self.stdin.read().encode("utf-8", "surrogateescape"))
            if text.startswith("@"):
                return decode(Path(text[1:]).read_bytes())
            return decode(text.encode("utf-8", "surrogateescape"))
        except InvalidError as error:
            raise UsageError(f"{name}: {error}") from error
        except OSError as error:
            raise UsageError(f"{name}: {text[1:]} cannot be read: {error.strerror}") from error

    def input_argument(self, text: str) -> Json:
        """What `--input` says. Raises UsageError unless it is an object."""
        given = self.json_argument(text, "--input")
        if not isinstance(given, dict):
            raise UsageError('--input: has to be an object such as {"name": "x"}')
        return given

    def confirm(self, question: str) -> None:
        """Raises CommandError unless somebody says yes."""
        if not self.stdin.isatty():
            raise CommandError(f"{question} Nobody is there to ask; say --yes")
        self.err.write(f"{question} [y/N] ")
        self.err.flush()
        if self.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise CommandError("nothing was done")


def pages(session: Session, path: str, name: str, query: Mapping[str, Any], most: int | None = None) -> list[Any]:
    """Items of a list of numbered pages, all of them or the first `most`."""
    found: list[Any] = []
    size = min(most or 100, 100)
    number = 1
    while True:
        data = session.client.get(path, {**query, "page": number, "limit": size}).data
        found += data[name]
        number += 1
        if number > data["pagination"]["pages"] or (most is not None and len(found) >= most):
            return found[:most]
