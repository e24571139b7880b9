"""What the worlds of deliveries begin with: small workflows that speak, and a bound on how much they can make of it.

Workflows may listen to one another, and to themselves, in circles: each event makes runs, each run makes events. What
that comes to is counted beforehand, as if every run said all it may say.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from chalicelib.domain.graph import Edge, Graph, Node, OnError, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from tests.fakes import START
from tests.simulator.workload import WORKSPACE

CHANNELS = ("", "orders", "stock")
ERRORS = "$errors"
TYPES = ("order.created", "stock.low")
MOST_RUNS = 20
"""How many runs may follow from one that somebody starts."""

_KINDS = ("plain", "plain", "fails", "emits", "emits", "emits", "emits twice", "emits each", "emits and fails", "asks")

Edges = Iterable[tuple[str, str, str]]
"""Who listens: emitter, or a glob, and channel, and the workflow that is told."""


def workflows(rng: random.Random) -> list[tuple[Workflow, WorkflowBody]]:
    made: list[tuple[Workflow, WorkflowBody]] = []
    for number in range(1, rng.randint(1, 4) + 1):
        id_ = f"wf_{number}"
        graph = _graph(rng, [workflow.id for workflow, _ in made])
        Program.of(graph)
        status = WorkflowStatus.ACTIVE
        workflow = Workflow(id_, WORKSPACE, f"Workflow {number}", "", status, 1, "1", START, START)
        made.append((workflow, WorkflowBody("1", id_, 1, {}, graph)))
    return made


def _graph(rng: random.Random, others: list[str]) -> Graph:
    nodes = [Node("start", "trigger")]
    kind = rng.choice(_KINDS)
    if rng.random() < 0.3:
        nodes.append(Node("rest", "wait", config={"seconds": rng.choice((0.2, 30, 4000))}))
    match kind:
        case "emits" | "emits and fails":
            nodes.append(_emit(rng, "say"))
        case "emits twice":
            nodes += [_emit(rng, "say"), _emit(rng, "more")]
        case "emits each":
            config: dict[str, Json] = {"items": [1, 2], "concurrency": rng.randint(1, 2)}
            nodes.append(Node("each", "map", config=config, bodies={"body": Graph((_emit(rng, "say"),))}))
        case "asks" if others:
            nodes.append(Node("ask", "sub_workflow", config={"workflow_id": rng.choice(others)}))
    if kind in {"fails", "emits and fails"}:
        nodes.append(Node("broken", "fail", config={"message": "so it is"}))
    nodes.append(Node("done", "noop"))
    edges = tuple(Edge(one.id, other.id) for one, other in pairwise(nodes))
    return Graph(tuple(nodes), edges)


def _emit(rng: random.Random, id_: str) -> Node:
    event: dict[str, Json] = {"run": "{{ $run.id }}", "of": id_, "index": "{{ $index }}"}
    if rng.random() < 0.5:
        event["type"] = rng.choice(TYPES)
    if id_ != "say" or rng.random() < 0.5:
        event.pop("index")
    config: dict[str, Json] = {"event": event, "channel": rng.choice(CHANNELS)}
    retry = RetryPolicy(max_attempts=rng.choice((1, 3, 8)), delay_seconds=rng.choice((0.2, 20.0)))
    on_error = OnError.CONTINUE if rng.random() < 0.2 else OnError.FAIL
    return Node(id_, "emit", config=config, retry=retry, on_error=on_error)


def says(graph: Graph) -> Counter[str]:
    """How often a run of the graph may speak on each channel."""
    said = Counter(channel for channel in _emitted(graph))
    if not said:
        said[""] = 1
    # An error of its own, and one for what nobody took.
    said[ERRORS] = 2
    return said


def emits(graph: Graph) -> bool:
    return any(True for _ in _emitted(graph))


def _emitted(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.type == "emit":
            yield str(node.config["channel"])
        for body in node.bodies.values():
            for channel in _emitted(body):
                yield from (channel, channel)


def most_runs(said: dict[str, Counter[str]], edges: Edges, hops: int) -> int:
    """How many runs may follow from one, if as many may follow from one another as `hops` says."""
    edges = list(edges)
    worst = 0
    for first in said:
        runs, total = Counter({first: 1}), 0
        for _ in range(hops + 1):
            following: Counter[str] = Counter()
            for workflow_id, count in runs.items():
                for emitter, channel, listener in edges:
                    if emitter in {workflow_id, "p_*", "*"} and listener in said:
                        following[listener] += count * said[workflow_id][channel]
            total += sum(following.values())
            if total > MOST_RUNS:
                return total
            runs = following
        worst = max(worst, total)
    return worst
