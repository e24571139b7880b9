"""Steps per second on one core without I/O, and whether a step costs more after many others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from bench import double
from bench.table import Cell, Table
from chalicelib.domain.engine import Execution
from chalicelib.domain.graph import Edge, Graph, Node
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program
from chalicelib.domain.run import History, Outcome, Round, Run, RunStatus
from chalicelib.domain.tasks import Task
from chalicelib.domain.workflow import WorkflowBody
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.system import SystemClock
from tests import fakes

ROUNDS = 7
CHAIN = 200
RECORDED = (10, 1_000, 100_000)
_MEASURED_ITERATIONS = 1_000
_GOAL = 5_000.0
_URL = "http://receiver.example/{{ $loop.index }}"
_BODY: dict[str, Json] = {"n": "{{ $input.n }}", "ok": "{{ $prev.ok }}"}


class InstantSender:
    """Every call is answered at once."""

    def send(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/json"}, b'{"ok":true}', request.url, 0.0)


def measure() -> Iterator[Table]:
    clock = SystemClock()
    http = InstantSender()
    registry = NodeRegistry(clock, http)
    rates: list[tuple[str, Callable[[], float]]] = [
        ("engine and performer, transforms", lambda: _advance(chain("transform"), registry)),
        ("engine and performer, HTTP calls", lambda: _advance(chain("http_request"), registry)),
        ("worker and memory stores, transforms", lambda: _work(chain("transform"), http)),
        ("worker and memory stores, HTTP calls", lambda: _work(chain("http_request"), http)),
    ]
    found: dict[str, list[float]] = {name: [] for name, _ in rates}
    for _ in range(ROUNDS):
        for name, rate in rates:
            found[name].append(rate())
    rows: list[list[Cell]] = [[name, statistics.median(each), _GOAL] for name, each in found.items()]
    note = f"medians of {ROUNDS} rounds over a chain of {CHAIN} steps; calls are answered at once by a function"
    yield Table("Engine: steps per second on one core", ("through", "steps/s", "goal"), rows, [note])
    yield _flatness(registry)


def chain(type_: str) -> Graph:
    config: Json = {"values": _BODY} if type_ == "transform" else {"url": "http://receiver.example/", "body": _BODY}
    steps = (Node(f"step{number}", type_, config=config) for number in range(CHAIN))  # type: ignore[arg-type]
    nodes = [Node("start", "trigger"), *steps]
    return Graph(tuple(nodes), tuple(Edge(one.id, other.id) for one, other in pairwise(nodes)))


def loop(iterations: int) -> Graph:
    body = Graph((Node("call", "http_request", config={"url": _URL}),), ())
    config: Json = {"while": f"$loop.index < {iterations}", "max_iterations": 1_000_000}
    return Graph((Node("loop", "loop", config=config, bodies={"body": body}),), ())  # type: ignore[arg-type]


def _run(**members: object) -> Run:
    run = Run("exec_bench", "ws_bench", "wf_bench", "Bench", 1, "1", RunStatus.QUEUED, fakes.START, {"n": 1})
    return replace(run, **members)  # type: ignore[arg-type]


def _advance(graph: Graph, registry: NodeRegistry) -> float:
    execution = Execution(Program.of(graph), _run(), History(), resumed=False)
    begun = time.process_time()
    count = _perform(execution, registry)
    return count / (time.process_time() - begun)


def _perform(execution: Execution, registry: NodeRegistry, most: int = 10_000_000) -> int:
    """Performs steps until there are none, or `most` of them were; how many it were."""
    count = 0
    while count < most and execution.advance(fakes.START) is None and (task := execution.next_task()) is not None:
        execution.conclude(task, registry.perform(task, 30.0))
        count += 1
    return count


def _work(graph: Graph, http: InstantSender) -> float:
    """Through the handler of a queue's message, as a function's own wiring builds it."""
    services = double.services(http)
    services.stores.workflows._put_body("ws_bench", WorkflowBody("1", "wf_bench", 1, {}, graph))
    services.stores.runs.create(_run())
    services.queue.send("exec_bench", "ws_bench")
    (message,) = services.sqs.receive_message(MaxNumberOfMessages=1, WaitTimeSeconds=0)["Messages"]
    event = {"Records": [{"messageId": "1", "body": message["Body"]}]}
    worker = services.worker
    begun = time.process_time()
    worker.handle_batch(event, 300_000)
    seconds = time.process_time() - begun
    run = services.stores.runs.get("exec_bench")
    if run.status is not RunStatus.SUCCEEDED:
        raise RuntimeError(f"the run went wrong: {run.failure}")
    return (CHAIN + 1) / seconds


# -- long loops -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Recorded:
    """What a loop's earlier rounds left: all of it, by round, as the store has it."""

    by_round: dict[int, tuple[Outcome, ...]]

    @classmethod
    def of(cls, rounds: int, registry: NodeRegistry) -> _Recorded:
        execution = Execution(Program.of(loop(rounds)), _run(), History(), resumed=False)
        task = execution.next_task()
        assert task is not None
        one = registry.perform(task, 30.0)
        return cls({index: (_in_round(one, task, index),) for index in range(1, rounds + 1)})

    def newest(self, _: Task) -> tuple[History, Round | None]:
        index = len(self.by_round)
        outcomes = self.by_round[index]
        return History(outcomes), outcomes[0].round


def _in_round(one: Outcome, task: Task, index: int) -> Outcome:
    assert one.round is not None
    return replace(one, key=task.key.replace(".1/", f".{index}/"), round=replace(one.round, index=index))


def _flatness(registry: NodeRegistry) -> Table:
    """A resumed run's first thousand iterations, after ever more recorded ones."""
    recorded = {count: _Recorded.of(count, registry) for count in RECORDED}
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in RECORDED}
    for _ in range(ROUNDS):
        for count, records in recorded.items():
            found[count].append(_resume(records, count, registry))
    rows: list[list[Cell]] = []
    for count, times in found.items():
        resuming, step = (statistics.median(each[at] for each in times) for at in (0, 1))
        rows.append([count, resuming * 1e6, step * 1e6])
    notes = [
        "a loop around an HTTP call, taken over by another worker after as many recorded iterations",
        "resuming: from the claimed run to its first ready step; it reads the newest round's records only",
    ]
    return Table("Engine: after many steps", ("recorded steps", "resuming µs", "µs per step"), rows, notes)


def _resume(records: _Recorded, count: int, registry: NodeRegistry) -> tuple[float, float]:
    program = Program.of(loop(count + _MEASURED_ITERATIONS + 1))
    newest = records.by_round[count][0].round
    assert newest is not None
    run = _run(rounds=(newest,), fence=2)
    begun = time.process_time()
    execution = Execution(program, run, History())
    while (task := execution.next_lookup()) is not None:
        execution.supply(task, *records.newest(task))
    resumed = time.process_time()
    done = _perform(execution, registry, _MEASURED_ITERATIONS)
    ended = time.process_time()
    if done != _MEASURED_ITERATIONS:
        raise RuntimeError(f"{done} iterations after {count} recorded ones")
    return resumed - begun, (ended - resumed) / done
