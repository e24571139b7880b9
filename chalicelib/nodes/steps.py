"""What a node type's implementation gets and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.graph import MAIN
from chalicelib.domain.json import Json
from chalicelib.domain.run import LogLine, StepError
from chalicelib.domain.tasks import Task


class StepFailure(Exception):
    """The attempt failed; `error` says why and whether another may help."""

    def __init__(self, error: StepError, input: Json = None) -> None:  # noqa: A002 - the step's word
        self.error = error
        self.input = input
        super().__init__(error.message)


def never() -> bool:
    return False


@dataclass(slots=True)
class StepContext:
    """`seconds_left` bounds the attempt: the node's own limit, the run's, and the function's. `is_over` says whether
    the run was ended, paused or taken over since, where somebody looks."""

    task: Task
    seconds_left: float
    now: Callable[[], datetime]
    logs: list[LogLine] = field(default_factory=list)
    is_over: Callable[[], bool] = never

    def log(self, level: str, message: str) -> None:
        self.logs.append(LogLine(self.now(), level, message[:2000]))


@dataclass(frozen=True, slots=True)
class Result:
    """A success. `input` is what the history shows as the step's input, secrets already masked."""

    output: Json = None
    ports: tuple[str, ...] = (MAIN,)
    input: Json = None


Handler = Callable[[StepContext], Result]
