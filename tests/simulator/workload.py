"""What the worlds work on: random graphs with every node type, and workflows made of them.

Each call goes to `http://receiver.test/<run>/<node>/<round>`, so that a request tells which step it should be.
"""

from __future__ import annotations

import random
from dataclasses import replace

from chalicelib.domain.graph import ERROR, MAIN, Backoff, Concurrency, Edge, Graph, Node, OnError, OnLimit, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.program import Program
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from tests.fakes import START

WORKSPACE = "ws_1"
FLAGS = 4

_PAUSES = (0.2, 0.8, 3, 40, 400, 1500, 9000, 180_000)
_SIMPLE = ("call",) * 8 + ("transform", "transform", "noop", "wait", "wait", "child", "input", "fail")
_STAGES = ("simple",) * 8 + ("parallel", "parallel", "condition", "switch", "loop", "map", "fork")


def workflows(rng: random.Random) -> list[tuple[Workflow, WorkflowBody]]:
    """One to four workflows; each may start those before it, so that none starts itself."""
    made: list[tuple[Workflow, WorkflowBody]] = []
    for number in range(1, rng.randint(1, 4) + 1):
        maker = GraphMaker(rng, [workflow.id for workflow, _ in made])
        graph = maker.graph(rng.choice((1, 2, 3, 4, 6)))
        limit = rng.choice((None, None, None, 30.0, 3000.0, 90_000.0))
        workflow = Workflow(
            f"wf_{number}",
            WORKSPACE,
            f"Workflow {number}",
            "",
            WorkflowStatus.ACTIVE,
            1,
            "1",
            START,
            START,
            timeout_seconds=limit,
        )
        if rng.random() < 0.15:
            limit_of_runs = Concurrency(rng.randint(1, 2), on_limit=rng.choice(list(OnLimit)))
            graph = replace(graph, concurrency=limit_of_runs)
        Program.of(graph)
        made.append((workflow, WorkflowBody("1", workflow.id, 1, {}, graph)))
    return made


def run_input(rng: random.Random) -> Json:
    return {
        **{f"flag{number}": rng.random() < 0.5 for number in range(FLAGS)},
        "case": rng.choice(("a", "b", "c")),
        "items": [rng.randrange(10) for _ in range(rng.randrange(4))],
    }


class GraphMaker:
    """Makes one graph: stages one after the other, each a node or a bundle of branches that join again."""

    def __init__(self, rng: random.Random, children: list[str]) -> None:
        self._random = rng
        self._children = children
        self._count = 0

    def graph(self, stages: int, depth: int = 0, around: str = "") -> Graph:
        """`around` is the round of the container it stands in, as a template."""
        part = _Part(self, depth, around)
        if depth == 0 and self._random.random() < 0.9:
            part.append(Node(self.name("t"), "trigger"))
        for _ in range(stages):
            part.stage(self._random.choice(_STAGES))
        return Graph(tuple(part.nodes), tuple(part.edges))

    def name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def simple(self, around: str) -> Node:
        """A node that is no container."""
        kind = self._random.choice(_SIMPLE)
        match kind:
            case "call":
                return self.call(around)
            case "transform":
                return Node(self.name("v"), "transform", config={"values": {"of": "{{ $prev }}", "sum": "{{ 1 + 1 }}"}})
            case "wait":
                return Node(self.name("w"), "wait", config={"seconds": self._random.choice(_PAUSES)})
            case "child" if self._children:
                config: dict[str, Json] = {"workflow_id": self._random.choice(self._children), "input": "{{ $input }}"}
                return replace(Node(self.name("s"), "sub_workflow", config=config), on_error=self._survives(0.5))
            case "input":
                limits: list[Json] = [None, 2, 60, 4000]
                limit = self._random.choice(limits)
                asked: dict[str, Json] = {"timeout_seconds": limit} if limit else {}
                return replace(Node(self.name("u"), "user_input", config=asked), on_error=self._survives(0.7))
            case "fail" if self._random.random() < 0.3:
                return replace(Node(self.name("f"), "fail"), on_error=self._survives(0.7))
        return Node(self.name("n"), "noop")

    def call(self, around: str) -> Node:
        rng = self._random
        name = self.name("c")
        retry = RetryPolicy(
            max_attempts=rng.choice((1, 2, 3, 6)),
            backoff=rng.choice(list(Backoff)),
            delay_seconds=rng.choice((0.1, 0.5, 5.0, 100.0, 1000.0)),
            max_delay_seconds=2000.0,
            jitter=rng.choice((0.0, 0.2)),
        )
        return Node(
            name,
            "http_request",
            config={
                "url": f"http://receiver.test/{{{{ $run.id }}}}/{name}/{around or '-'}",
                "method": "POST",
                "body": {"prev": "{{ $prev }}"},
            },
            retry=retry,
            timeout_seconds=rng.choice((None, None, 2.0, 20.0, 200.0)),
            on_error=self._survives(0.3),
            at_most_once=rng.random() < 0.15,
        )

    def container(self, kind: str, depth: int) -> Node:
        rng = self._random
        stages = rng.choice((1, 1, 2, 3))
        on_error = self._survives(0.3)
        if kind == "fork":
            branches = {f"b{n}": self.graph(stages, depth + 1, "-") for n in range(rng.randint(1, 3))}
            return Node(self.name("k"), "fork", bodies=branches, on_error=on_error)
        if kind == "loop":
            config: dict[str, Json] = {"while": f"$loop.index < {rng.randint(1, 3)}"}
            body = self.graph(stages, depth + 1, "{{ $loop.index }}")
            return Node(self.name("l"), "loop", config=config, bodies={"body": body}, on_error=on_error)
        choices: list[Json] = ["{{ $input.items }}", [1, 2, 3], []]
        config = {"items": rng.choice(choices), "concurrency": rng.randint(1, 3)}
        body = self.graph(stages, depth + 1, "{{ $index }}")
        return Node(self.name("m"), "map", config=config, bodies={"body": body}, on_error=on_error)

    def _survives(self, odds: float) -> OnError:
        return OnError.CONTINUE if self._random.random() < odds else OnError.FAIL


class _Part:
    """A graph in the making. `ends` are the nodes, with their ports, that the next stage follows."""

    def __init__(self, maker: GraphMaker, depth: int, around: str) -> None:
        self._maker = maker
        self._random = maker._random
        self._depth = depth
        self._around = around
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._ends: list[tuple[str, str | None]] = []

    def append(self, node: Node) -> None:
        """Behind everything that stands open; now and then a failed call has a way out of its own."""
        rng = self._random
        condition = f"$input.flag{rng.randrange(FLAGS)}" if rng.random() < 0.05 else None
        for source, port in self._ends:
            self.edges.append(Edge(source, node.id, port or MAIN, condition))
        self._ends = [(node.id, None)]
        if node.type == "http_request" and rng.random() < 0.2:
            rescue = self._maker.call(self._around)
            self.nodes.append(rescue)
            self.edges.append(Edge(node.id, rescue.id, ERROR))
            node = replace(node, on_error=OnError.PORT)
            self._ends.append((rescue.id, None))
        self.nodes.append(node)

    def stage(self, kind: str) -> None:
        match kind:
            case "parallel":
                self._branches([(None, 1 + self._random.randrange(2)) for _ in range(self._random.randint(2, 4))])
            case "condition":
                flag = f"$input.flag{self._random.randrange(FLAGS)}"
                self.append(Node(self._maker.name("i"), "condition", config={"condition": flag}))
                self._branches([("true", 1), ("false", self._random.randrange(2))])
            case "switch":
                config: dict[str, Json] = {"value": "{{ $input.case }}", "cases": ["a", "b"]}
                self.append(Node(self._maker.name("x"), "switch", config=config))
                self._branches([("a", 1), ("b", 1), ("default", self._random.randrange(2))])
            case "loop" | "map" | "fork" if self._depth < 2:
                self.append(self._maker.container(kind, self._depth))
            case _:
                self.append(self._maker.simple(self._around))

    def _branches(self, branches: list[tuple[str | None, int]]) -> None:
        """Branches from where the graph stands, which the next stage joins."""
        before = self._ends
        after: list[tuple[str, str | None]] = []
        for port, length in branches:
            self._ends = [(source, port or other) for source, other in before]
            for _ in range(length):
                self.append(self._maker.simple(self._around))
            after.extend(self._ends)
        self._ends = after
