"""AWS calls and capacity units of a run, counted at the clients that the adapters call, with AWS embedded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bench.meter import Meter, Spent
from bench.table import Cell, Table
from chalicelib import bootstrap, config
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import RunStatus
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.resources import create_resources
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.store.aws import AwsClients
from tests.fakes import START, FixedClock

_WORKSPACE = "ws_bench"
_RUN_WRITES = ("runs.put_item", "runs.update_item", "events.put_item")
_READS = ("runs.get_item", "runs.query", "definitions.get_item", "definitions.query", "events.query")
_WAIT_SECONDS = 60


@dataclass
class ScriptedSender:
    """Answers with these statuses one after the other, and with 200 when they are used up."""

    statuses: list[int] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        status = self.statuses.pop(0) if self.statuses else 200
        return HttpResponse(status, {"content-type": "application/json"}, b'{"ok":true}', request.url, 0.0)


class Rig:
    """The services of one stage over metered clients, on a clock that stands still."""

    def __init__(self) -> None:
        settings = config.from_environment({"STAGE": "bench", "AWS_REGION": "us-east-1"})
        clients = AwsClients(None, settings.region)
        resources = create_resources(clients, settings.stage)
        self.meter = Meter(clients)
        self.sender = ScriptedSender()
        metered: Any = self.meter
        self.clock = FixedClock()
        self.services: Any = bootstrap.Services(settings, metered)
        queue = SqsRunQueue(self.meter.sqs, resources.runs_queue_url)
        vars(self.services).update(clock=self.clock, http=self.sender, queue=queue)
        self._workflows = 0

    def workflow(self, graph: Graph) -> Workflow:
        self._workflows += 1
        workflow_id = f"wf_{self._workflows}"
        workflow = Workflow(workflow_id, _WORKSPACE, "Bench", "", WorkflowStatus.ACTIVE, 1, "1", START, START)
        self.services.stores.workflows.create(workflow, WorkflowBody("1", workflow_id, 1, {}, graph))
        return workflow

    def run(self, workflow: Workflow) -> Spent:
        """From start to end; a wait is over at once. The definition is known from an earlier run."""
        self.meter.take()
        self.meter.sent.clear()
        run = self.services.runs.start(workflow, {"n": 1})
        while self.meter.sent:
            sent = self.meter.sent.pop(0)
            self.clock.advance(sent["DelaySeconds"] + 0.01)
            event = {"Records": [{"messageId": "1", "body": sent["MessageBody"]}]}
            if self.services.worker.handle_batch(event, 300_000)["batchItemFailures"]:
                raise RuntimeError("the message was not worked off")
        spent = self.meter.take()
        status = self.services.stores.runs.get(run.id).status
        if status is not RunStatus.SUCCEEDED:
            raise RuntimeError(f"the run is {status}")
        return spent

    def admitted(self, workflow: Workflow, secret: str) -> Spent:
        """What a call costs before its run is started."""
        self.meter.take()
        principal = self.services.identity.authenticate(secret)
        self.services.limits.spend_for_key(principal.key_id)
        self.services.access.workflow(principal, workflow.id, "executions:write")
        return self.meter.take()


def measure() -> Iterator[Table]:
    with EmbeddedAws():
        rig = Rig()
        spent = {name: _spent(rig, graph(), statuses) for name, (graph, statuses) in CASES.items()}
        spent |= _admission(rig)
    one = spent["1 effect"]
    rows = [_row(name, each) for name, each in spent.items()]
    rows.append(_row("… more for a retry", spent["1 effect, retried once"], one))
    rows.append(_row("… more for a wait", spent["1 effect after a wait"], one))
    columns = ("run of", "writes", "reads", "sends", "other", "write units", "index units", "read units")
    yield Table("AWS calls of a run", columns, rows, _NOTES)


def chain(effects: int, *before: Node, **members: Any) -> Graph:
    nodes = [Node("start", "trigger"), *before, *(_call(number, **members) for number in range(effects))]
    return Graph(tuple(nodes), tuple(Edge(one.id, other.id) for one, other in pairwise(nodes)))


def parallel(effects: int) -> Graph:
    nodes = [Node("start", "trigger"), *(_call(number) for number in range(effects)), Node("join", "noop")]
    edges = [edge for each in nodes[1:-1] for edge in (Edge("start", each.id), Edge(each.id, "join"))]
    return Graph(tuple(nodes), tuple(edges))


def _call(number: int, **members: Any) -> Node:
    config: Json = {"method": "POST", "url": f"http://receiver.example/{number}", "body": {"n": "{{ $input.n }}"}}
    return Node(f"call{number}", "http_request", config=config, **members)  # type: ignore[arg-type]


def _wait() -> Node:
    return Node("wait", "wait", config={"seconds": _WAIT_SECONDS})


CASES: dict[str, tuple[Callable[[], Graph], list[int]]] = {
    "0 effects": (lambda: chain(0), []),
    "1 effect": (lambda: chain(1), []),
    "5 effects in a row": (lambda: chain(5), []),
    "5 effects in parallel": (lambda: parallel(5), []),
    "50 effects in a row": (lambda: chain(50), []),
    "1 effect, retried once": (lambda: chain(1, retry=RetryPolicy(max_attempts=2, delay_seconds=0)), [503]),
    "1 effect after a wait": (lambda: chain(1, _wait()), []),
}

_NOTES = (
    "writes: put and update of runs and events; reads: get and query of runs, definitions and events; sends: SQS;",
    "other: what the run used, counted once per batch of messages",
    "a run with E effects: create, claim, E records, finish, the event of its end, and that it was told; at its end",
    "two reads ask who listens and one for the newest event; its definition was read by an earlier run",
    "index units: a new run enters its two lists and the due index (3); a claim moves it in the due index and changes",
    "its status in the lists (4); its end changes all three (3, or 4 where its due time moves), until it was told (1)",
    "receiving and deleting a message is SQS's event source mapping's, one each per send and batch of up to 10",
)


def _spent(rig: Rig, graph: Graph, statuses: list[int]) -> Spent:
    workflow = rig.workflow(graph)
    rig.run(workflow)
    rig.sender.statuses = list(statuses)
    return rig.run(workflow)


def _admission(rig: Rig) -> dict[str, Spent]:
    secret = rig.services.identity.issue(_WORKSPACE, "user_bench", "bench").secret
    workflow = rig.workflow(chain(0))
    return {
        "admission, a key's first call": rig.admitted(workflow, secret),
        "admission, a later one": rig.admitted(workflow, secret),
    }


def _row(name: str, spent: Spent, less: Spent | None = None) -> list[Cell]:
    figures, taken = _figures(spent), _figures(less or Spent())
    return [name, *(figure - other for figure, other in zip(figures, taken, strict=True))]


def _figures(spent: Spent) -> list[float]:
    counted = [spent.count(*_RUN_WRITES), spent.count(*_READS), spent.count("sqs.send_message")]
    return [*counted, len(spent.calls) - sum(counted), spent.write_units, spent.index_units, spent.read_units]
