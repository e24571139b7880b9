"""The command line without processes or sockets: its client calls the API over in-memory stores."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from chalicelib.cli import shell
from chalicelib.cli.client import Client, Reply
from chalicelib.cli.profiles import Target
from chalicelib.cli.session import Session
from tests.api.world import World


class CrashError(BaseException):
    """The process is gone in the middle of whatever it did."""


class WorldClient(Client):
    """`before` and `after` are called around each call, with its number."""

    def __init__(self, world: World, key: str, sleep: Callable[[float], None]) -> None:
        super().__init__("http://api.test", key, sleep=sleep)
        self.world = world
        self.calls: list[str] = []
        self.before: Callable[[int], None] = lambda _: None
        self.after: Callable[[int], None] = lambda _: None

    def _send(self, method: str, target: str, content: bytes | None, headers: Mapping[str, str]) -> Reply:
        number = len(self.calls)
        self.calls.append(f"{method} {target}")
        self.before(number)
        lower = {name.lower(): value for name, value in headers.items()}
        answer = self.world.call(method, target, raw=content or b"", key=self._key, headers=lower)
        self.after(number)
        body = json.loads(answer.text) if answer.text else None
        return Reply(answer.status, body, {name.lower(): value for name, value in answer.headers.items()})


class House:
    """`run` is a command line; what it said is in `out` and `err`."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.directory = directory
        self.environ = {
            "PENSTOCK_URL": "http://api.test",
            "PENSTOCK_KEY": world.key,
            "XDG_CONFIG_HOME": str(directory / "config"),
        }
        self.clients: list[WorldClient] = []
        self.prepare: Callable[[WorldClient], None] = lambda _: None
        self.slept: list[float] = []
        self.out = self.err = ""

    def run(self, *arguments: str, given: str = "") -> int:
        house = self

        class HouseSession(Session):
            def connect(self, target: Target) -> Client:
                client = WorldClient(house.world, target.key, house.sleep)
                house.prepare(client)
                house.clients.append(client)
                return client

        def make(*values: Any) -> Session:
            made = HouseSession(*values)
            made.sleep = house.sleep
            made.clock = lambda: house.world.clock.now().timestamp()
            return made

        out, err = io.StringIO(), io.StringIO()
        try:
            return shell.run(arguments, io.StringIO(given), out, err, self.environ, make)  # type: ignore[arg-type]
        finally:
            self.out, self.err = out.getvalue(), err.getvalue()

    def sleep(self, seconds: float) -> None:
        """Meanwhile the workers work."""
        self.slept.append(seconds)
        self.world.clock.advance(seconds)
        self.world.work()

    def json(self, *arguments: str, code: int = 0, given: str = "") -> Any:
        assert self.run("--json", *arguments, given=given) == code, self.err
        return json.loads(self.out)

    def lines(self, *arguments: str, code: int = 0) -> list[Any]:
        assert self.run("--json", *arguments) == code, self.err
        return [json.loads(line) for line in self.out.splitlines()]

    def write(self, name: str, document: Any) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path


def graph(name: str, *nodes: Any, **members: Any) -> dict[str, Any]:
    """A workflow whose nodes follow one another."""
    every = [{"id": "start", "type": "trigger"}, *nodes]
    connections = [{"from": a["id"], "to": b["id"]} for a, b in pairwise(every)]
    return {"name": name, "nodes": every, "connections": connections, **members}


def calls(name: str, other: str) -> dict[str, Any]:
    return graph(name, {"id": "call", "type": "sub_workflow", "config": {"workflow_id": f"@{other}"}})


def tasks(name: str, **params: Any) -> dict[str, Any]:
    """A Twinit definition with one task."""
    task = {"_name": "script", "_type": "SCRIPT_EXECUTION", "_inputParams": {"_scriptName": "main", **params}}
    return {"_name": name, "_namespaces": ["plant_1"], "_taskDefs": [task]}
