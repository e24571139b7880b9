"""What happened, in order: kept as it is while a seed runs, and made readable only when somebody wants to read it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from chalicelib.domain.run import Outcome, Round, Run
from chalicelib.domain.tasks import Task
from tests.fakes import START

_LONGEST = 110

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Trace:
    def __init__(self) -> None:
        self.entries: list[tuple[int, str, str, Arguments | None, str, object]] = []

    def add(
        self,
        at_ms: int,
        actor: str,
        call: str,
        arguments: Arguments | None = None,
        fault: str = "",
        result: object = None,
    ):
        self.entries.append((at_ms, actor, call, arguments, fault, result))

    def lines(self, about: str = "") -> Iterator[str]:
        """Only those that speak of `about`, if it is given."""
        for at_ms, actor, call, arguments, fault, result in self.entries:
            line = (
                f"{_time(at_ms):>16}  {actor:<22} {call}{_cut(_arguments(arguments))}"
                f"{'  !! ' + fault if fault else ''}{'  -> ' + _cut(show(result)) if result is not None else ''}"
            )
            if about in line:
                yield line

    def digest(self) -> str:
        """The same for two traces exactly if they tell the same story."""
        return hashlib.sha256("\n".join(self.lines()).encode()).hexdigest()


def show(value: object) -> str:
    """A value in short: what a reader of a trace needs to know of it."""
    match value:
        case datetime():
            return _time(round((value - START) / timedelta(milliseconds=1)))
        case Run():
            due = f" due {show(value.due_at)}" if value.due_at else ""
            lease = f" lease {show(value.lease_expires_at)}" if value.lease_expires_at else ""
            return f"<{value.id[-4:]} {value.status} f{value.fence}{due}{lease}>"
        case Outcome():
            error = f" {value.error.type}" if value.error else ""
            where = f"#{value.generation}" if value.generation else ""
            return f"<{value.key}{where} {value.status}/{value.attempt}{error}>"
        case Round():
            return f"<{value.container}.{value.index}>"
        case Task():
            return f"<{value.key} attempt {value.attempt}>"
        case BaseException():
            return f"{type(value).__name__}: {value}"
        case Enum():
            return str(value.value)
        case str() if value.startswith("exec_"):
            return value[-4:]
        case tuple() | list():
            return f"[{', '.join(map(show, value))}]"
        case frozenset() | set():
            return f"{{{', '.join(sorted(map(show, value)))}}}"
        case dict():
            return f"{{{', '.join(f'{show(name)}: {show(inner)}' for name, inner in value.items())}}}"
    if is_dataclass(value) and not isinstance(value, type):
        shown = (getattr(value, each.name) for each in fields(value))
        return f"{type(value).__name__}({', '.join(show(inner) for inner in shown if inner not in (None, (), 0))})"
    return str(value)


def _arguments(arguments: Arguments | None) -> str:
    if arguments is None:
        return ""
    positional, named = arguments
    return f"({', '.join([*map(show, positional), *(f'{name}={show(value)}' for name, value in named.items())])})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _time(ms: int) -> str:
    """Virtual time as days, hours, minutes and seconds since the start."""
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    seconds, milliseconds = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{sign}{days}d{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
