"""Where a process calls AWS, and where it is made to die there."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import chalicelib
from chalicelib.store.aws import AwsClients
from chalicelib.store.runs.places import RUN

_ROOT = Path(chalicelib.__path__[0])
# What every store calls tells nothing about why it was called.
_PLUMBING = frozenset({"store/table.py", "store/values.py", "store/runs/items.py", "store/runs/step_records.py"})
_FRAMES = 3


class Killed(BaseException):
    """The process is gone. Not an Exception, so that no handler of the product's takes it for an error."""


class Moment(Enum):
    """Before the call, or after it: applied, and its answer lost."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Site:
    """A call as the code has it: what is called, on which table, queue or bucket, and by which functions."""

    operation: str
    resource: str
    callers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operation} {self.resource} < {' < '.join(self.callers)}"


@dataclass(frozen=True, slots=True)
class Crash:
    """The death at the site's `occurrence`, counted from 1."""

    site: Site
    occurrence: int
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment.value} call {self.occurrence} of {self.site}"


@dataclass
class Script:
    """Notes every site that is reached, and says whose turn it is to die. The crashes come one after the other."""

    crashes: tuple[Crash, ...] = ()
    reached: Counter[Site] = field(default_factory=Counter)
    struck: int = 0

    def pass_by(self, site: Site) -> Moment | None:
        self.reached[site] += 1
        if self.is_over:
            return None
        crash = self.crashes[self.struck]
        if (site, self.reached[site]) != (crash.site, crash.occurrence):
            return None
        self.struck += 1
        return crash.moment

    @property
    def is_over(self) -> bool:
        return self.struck == len(self.crashes)


@dataclass
class Log:
    """What was stored and sent, whoever did it: every run, and after how many seconds each message is to be seen."""

    run_ids: list[str] = field(default_factory=list)
    delays: dict[str, int] = field(default_factory=dict)


class Wire:
    """What a process has of AWS: the clients of `AwsClients`, until it is dead."""

    def __init__(self, clients: AwsClients, script: Script, log: Log) -> None:
        self.is_dead = False
        self._script = script
        self._log = log
        self.dynamodb = _Client(self, clients.dynamodb)
        self.sqs = _Client(self, clients.sqs)
        self.s3 = _Client(self, clients.s3)

    def check(self) -> None:
        """A dead process does nothing more, whatever its handlers and `finally` clauses try."""
        if self.is_dead:
            raise Killed

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        self.check()
        moment = self._script.pass_by(Site(operation, _resource(parameters), _callers()))
        if moment is Moment.BEFORE:
            self._die()
        try:
            return self._send(client, operation, parameters)
        finally:
            if moment is Moment.AFTER:
                self._die()

    def _send(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        # A delay is kept by the test's clock, not by the queue's own.
        delay = parameters.pop("DelaySeconds", 0)
        delays = {entry["Id"]: entry.pop("DelaySeconds", 0) for entry in parameters.get("Entries", ())}
        answer = getattr(client, operation)(**parameters)
        if operation == "send_message":
            self._log.delays[answer["MessageId"]] = delay
        if operation == "send_message_batch":
            self._log.delays |= {each["MessageId"]: delays[each["Id"]] for each in answer["Successful"]}
        if operation == "put_item" and parameters["Item"].get("place", {}).get("S") == RUN:
            self._log.run_ids.append(parameters["Item"]["run_id"]["S"])
        return answer

    def _die(self) -> None:
        self.is_dead = True
        raise Killed


class _Client:
    def __init__(self, wire: Wire, client: Any) -> None:
        self._wire = wire
        self._client = client

    def __getattr__(self, operation: str) -> Any:
        return lambda **parameters: self._wire.call(self._client, operation, parameters)


def _resource(parameters: Mapping[str, Any]) -> str:
    """What it is called on every stage: names are `penstock-<stage>-<this>`, a bucket's with more behind it."""
    several = next(iter(parameters.get("RequestItems", ())), None)
    name: str = parameters.get("TableName") or several or parameters.get("QueueUrl") or parameters["Bucket"]
    index = parameters.get("IndexName")
    return name.rpartition("penstock-")[2].split("-")[1] + (f"/{index}" if index else "")


def _callers() -> tuple[str, ...]:
    """Files and functions of the product on the stack, innermost first."""
    names: list[str] = []
    frame: FrameType | None = sys._getframe()
    while frame is not None and len(names) < _FRAMES:
        name = _name(frame.f_code)
        if name is not None:
            names.append(name)
        frame = frame.f_back
    return tuple(names)


@cache
def _name(code: CodeType) -> str | None:
    """None for code of others, and for the product's own that says nothing about why a call is made."""
    path = Path(code.co_filename)
    if not path.is_relative_to(_ROOT) or code.co_name.startswith("<"):
        return None
    file = path.relative_to(_ROOT).as_posix()
    return None if file in _PLUMBING else f"{file}:{code.co_qualname}"
