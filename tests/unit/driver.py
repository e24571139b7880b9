"""Drives an execution in memory: performs its tasks with the real node types, in the order a test asks for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.containers import needs_newest_only
from chalicelib.domain.engine import Execution, Verdict
from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json, encode
from chalicelib.domain.program import Program
from chalicelib.domain.run import History, Outcome, Run, RunStatus, StepStatus
from chalicelib.domain.tasks import Task
from chalicelib.nodes.registry import NodeRegistry

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class StillClock:
    """A clock that a test moves."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Receiver:
    """Answers outbound calls from a function of the request, and remembers them."""

    def __init__(self, answer: Callable[[HttpRequest], Json | HttpResponse] | None = None) -> None:
        self.answer = answer or (lambda request: {"ok": True})
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, HttpResponse):
            return answer
        return HttpResponse(200, {"content-type": "application/json"}, encode(answer), request.url, 0.01)


def status(code: int, body: bytes = b"", **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(code, named, body, "http://receiver.example/", 0.01)


def graph(nodes: list[Node], *edges: tuple[str, ...]) -> Graph:
    """Edges as (source, target[, port])."""
    return Graph(tuple(nodes), tuple(Edge(*edge) for edge in edges))


def a_run(input: Json = None, **members: object) -> Run:  # noqa: A002
    run = Run(
        id="exec_1",
        workspace_id="ws_1",
        workflow_id="wf_1",
        workflow_name="Test",
        version=1,
        body_ref="1",
        status=RunStatus.RUNNING,
        created_at=START,
        input={} if input is None else input,
    )
    return replace(run, **members)  # type: ignore[arg-type]


class Driver:
    """One run's story: what was performed, recorded and concluded. `resume` begins anew from what was recorded."""

    def __init__(self, graph: Graph, run: Run | None = None, receiver: Receiver | None = None, seed: int = 0) -> None:
        self.program = Program.of(graph)
        self.run = run or a_run()
        self.clock = StillClock()
        self.receiver = receiver or Receiver()
        self.registry = NodeRegistry(self.clock, self.receiver)
        self.random = random.Random(seed)
        self.outcomes: list[Outcome] = []
        self.attempts: list[Outcome] = []
        self.concluded: list[Outcome] = []
        self.execution = Execution(self.program, self.run, History(), resumed=False)

    def resume(self) -> None:
        """A new hold on the same run: nothing survives but records, answers and what was parked."""
        tail, rounds = self.execution.take_unrecorded(), self.execution.rounds()
        self.run = replace(self.run, tail=tail, rounds=rounds)
        self.restart()

    def restart(self) -> None:
        """Like `resume`, after a crash: what was not recorded is gone."""
        static = [o for o in self.outcomes if o.round is None]
        tried = [o for o in self.attempts if o.round is None]
        self.execution = Execution(self.program, self.run, History(tuple(static), tuple(tried)))

    def supply(self) -> None:
        while (task := self.execution.next_lookup()) is not None:
            known = [o for o in (*self.outcomes, *self.attempts) if o.round and o.round.within(task.slot)]
            rounds = [within for o in known if o.round and (within := o.round.within(task.slot))]
            newest = max(rounds, key=lambda r: r.index) if rounds and needs_newest_only(task) else None
            direct = [o for o in known if o.round and o.round.container == task.slot]
            if newest is not None:
                direct = [o for o in direct if o.round and o.round.index == newest.index]
            ended = tuple(o for o in direct if o in self.outcomes)
            tried = tuple(o for o in direct if o in self.attempts)
            self.execution.supply(task, History(ended, tried), newest)

    def step(self) -> bool:
        """Performs and records one ready task, picked at random among those that can be taken; False if none."""
        self.supply()
        tasks: list[Task] = []
        while len(tasks) < 5 and (task := self.execution.next_task()) is not None:
            tasks.append(task)
        self.random.shuffle(tasks)
        for task in tasks:
            outcome = task.decided or self.registry.perform(task, 30.0)
            if not task.is_effect:
                self.execution.keep(outcome)
            elif Execution.is_final(task, outcome):
                self.outcomes.extend((*self.execution.take_unrecorded(), outcome))
            else:
                self.attempts.append(outcome)
            self.concluded.append(outcome)
            self.execution.conclude(task, outcome)
        return bool(tasks)

    def go(self, limit: int = 200_000) -> Verdict | None:
        """Until the verdict, or until nothing can be done before the clock moves."""
        for _ in range(limit):
            self.supply()
            verdict = self.execution.advance(self.clock.now())
            while (overdue := self.execution.next_overdue()) is not None:
                self.execution.answer(*overdue)
                verdict = self.execution.advance(self.clock.now())
            if verdict is not None or not (self.step() or self.execution.is_ready()):
                return verdict
        raise AssertionError("the run does not come to rest")

    def go_through_waits(self, limit: int = 1000) -> Verdict:
        for _ in range(limit):
            verdict = self.go()
            if verdict is not None:
                return verdict
            wake_at = self.execution.wake_at()
            assert wake_at is not None, "the run waits for nothing"
            self.clock.at = max(self.clock.at, wake_at)
        raise AssertionError("the run does not end")

    def ran(self) -> list[str]:
        """The keys of performed steps, in order."""
        return [outcome.key for outcome in self.concluded if outcome.status is StepStatus.SUCCEEDED]
