"""What a run may cost: exact counts of the calls that reach AWS, because each of them is money and milliseconds.

The adapters are the real ones, each call going botocore's whole way to an emulated AWS.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

import app
from chalicelib import bootstrap, config
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, RunStatus
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.local import moto_lock
from chalicelib.local.embedded import EmbeddedAws
from chalicelib.local.patches import Patches
from chalicelib.local.pollers import EventSource, Poller
from chalicelib.local.resources import create_resources
from chalicelib.store.aws import AwsClients
from tests.fakes import START, FixedClock

WORKSPACE = "ws_1"
WRITES = tuple(
    f"{table}.{call}"
    for table in ("runs", "events")
    for call in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
)
# What a run's end costs: whether anybody listens to its workflow (by id, by glob), the newest event's id, the event,
# and that it was told.
END = ["definitions.Query", "definitions.Query", "events.Query", "events.PutItem", "runs.UpdateItem"]
USAGE = "counters.UpdateItem"
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems", "GetObject")

TABLES = ("runs", "definitions", "identities", "counters", "events", "deliveries", "flows")

_stages = itertools.count(1)

Shape = Callable[[int], Graph]


@dataclass
class Calls:
    """What was asked of AWS and of the receivers, in order: `runs.PutItem`, `sqs.SendMessage`, `effect`."""

    made: list[str] = field(default_factory=list)

    def note(self, model: Any, params: Any, **_: Any) -> None:
        service = model.service_model.service_name
        if service == "dynamodb":
            (service,) = (name for name in TABLES if _names(params, name))
        self.made.append(f"{service}.{model.name}")

    def count(self, *names: str) -> int:
        return sum(call.endswith(names) for call in self.made)

    def before_the_first_effect(self) -> Calls:
        return Calls(self.made[: self.made.index("effect")] if "effect" in self.made else self.made)


def _names(params: Any, table: str) -> bool:
    return f'-{table}"'.encode() in params["body"]


@dataclass
class Receiver:
    """Answers with these statuses one after the other, and with 200 when they are used up."""

    calls: Calls
    statuses: list[int] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpResponse:
        self.calls.made.append("effect")
        status = self.statuses.pop(0) if self.statuses else 200
        return HttpResponse(status, {"content-type": "application/json"}, b'{"ok":true}', request.url, 0.01)


class House:
    """One stage: its services, its clock, and the poller that brings messages to the handler."""

    def __init__(self, aws: AwsClients, stage: str) -> None:
        resources = create_resources(aws, stage)
        urls = {
            "RUNS_QUEUE_URL": resources.runs_queue_url,
            "DELIVERIES_QUEUE_URL": resources.deliveries_queue_url,
        }
        settings = config.from_environment({"STAGE": stage, **urls})
        self.calls = Calls()
        self.receiver = Receiver(self.calls)
        self.clock = FixedClock()
        self.services: Any = bootstrap.Services(settings, aws)
        vars(self.services).update(clock=self.clock, http=self.receiver)
        self._poller = Poller(aws.sqs, EventSource(resources.runs_queue_url, app.runs_worker))

    def workflow(self, graph: Graph) -> Workflow:
        workflow = Workflow("wf_1", WORKSPACE, "Test", "", WorkflowStatus.ACTIVE, 1, "1", START, START)
        self.services.stores.workflows.create(workflow, WorkflowBody("1", "wf_1", 1, {}, graph))
        self.calls.made.clear()
        return workflow

    def start(self, graph: Graph) -> str:
        run: Run = self.services.runs.start(self.workflow(graph), {"n": 1})
        return run.id

    def work(self) -> int:
        """Takes one batch from the queue to the handler; how many messages it had."""
        return self._poller.poll_once()

    def status(self, run_id: str) -> RunStatus:
        """Looks without being counted."""
        before = list(self.calls.made)
        status: RunStatus = self.services.stores.runs.get(run_id).status
        self.calls.made[:] = before
        return status


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsClients]:
    patches = Patches()
    moto_lock.apply(patches)
    with EmbeddedAws(remedies=False):
        yield AwsClients(None, "eu-central-1")
    patches.undo()


@pytest.fixture
def house(aws: AwsClients, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(aws, f"budget-{next(_stages)}")
    monkeypatch.setattr(bootstrap, "_services", made.services)
    clients = (aws.dynamodb, aws.sqs, aws.s3)
    for client in clients:
        client.meta.events.register("before-call", made.calls.note, unique_id="budget")
    yield made
    for client in clients:
        client.meta.events.unregister("before-call", unique_id="budget")


def call(number: int, **members: Any) -> Node:
    config_: dict[str, Json] = {"url": f"http://receiver.example/{number}"}
    return Node(f"call{number}", "http_request", config=config_, **members)


def chain(effects: int, *before: Node, **members: Any) -> Graph:
    nodes = [Node("start", "trigger"), *before, *(call(number, **members) for number in range(effects))]
    nodes.append(Node("say", "transform", config={"values": {"n": "{{ $input.n }}"}}))
    return Graph(tuple(nodes), tuple(Edge(one.id, other.id) for one, other in itertools.pairwise(nodes)))


def parallel(effects: int, **members: Any) -> Graph:
    calls = [call(number, **members) for number in range(effects)]
    nodes = (Node("start", "trigger"), *calls, Node("join", "noop"))
    edges = [edge for each in calls for edge in (Edge("start", each.id), Edge(each.id, "join"))]
    return Graph(nodes, tuple(edges))


@pytest.mark.parametrize("shape", [chain, parallel])
@pytest.mark.parametrize("effects", [0, 1, 2, 5])
def test_a_run_writes_five_times_and_once_for_each_effect(house: House, shape: Shape, effects: int) -> None:
    run_id = house.start(shape(effects))

    house.work()

    assert house.status(run_id) is RunStatus.SUCCEEDED
    assert house.calls.count("effect") == effects
    assert house.calls.count(*WRITES) == effects + 5


@pytest.mark.parametrize("shape", [chain, parallel])
@pytest.mark.parametrize("effects", [0, 1, 2, 5])
def test_a_run_reads_once_before_its_first_step_and_three_times_at_its_end(
    house: House, shape: Shape, effects: int
) -> None:
    run_id = house.start(shape(effects))

    house.work()

    assert house.status(run_id) is RunStatus.SUCCEEDED
    if effects:
        assert house.calls.before_the_first_effect().count(*READS) == 1
    assert house.calls.count(*READS) == 4


@pytest.mark.parametrize("shape", [chain, parallel])
@pytest.mark.parametrize("effects", [0, 1, 2, 5])
def test_a_run_is_one_message_however_many_steps_it_has(house: House, shape: Shape, effects: int) -> None:
    house.start(shape(effects))

    house.work()

    sqs = Counter(name for name in house.calls.made if name.startswith("sqs."))
    assert sqs == {"sqs.SendMessage": 1, "sqs.ReceiveMessage": 1, "sqs.DeleteMessageBatch": 1}
    assert house.work() == 0


def test_a_run_makes_no_other_calls(house: House) -> None:
    house.start(chain(1))

    house.work()

    assert house.calls.made == [
        "runs.PutItem",
        "sqs.SendMessage",
        "sqs.ReceiveMessage",
        "runs.UpdateItem",
        "definitions.GetItem",
        "effect",
        "runs.PutItem",
        "runs.UpdateItem",
        *END,
        USAGE,
        "sqs.DeleteMessageBatch",
    ]


def test_a_workflow_that_emits_pays_for_its_events_and_not_for_its_end(house: House) -> None:
    say = Node("say", "emit", config={"event": {"n": 1}})
    house.start(Graph((Node("start", "trigger"), say), (Edge("start", "say"),)))

    house.work()

    heard_and_stored = END[:-1]
    assert house.calls.made == [
        "runs.PutItem",
        "sqs.SendMessage",
        "sqs.ReceiveMessage",
        "runs.UpdateItem",
        "definitions.GetItem",
        *heard_and_stored,
        "runs.PutItem",
        "runs.UpdateItem",
        "runs.UpdateItem",
        USAGE,
        "sqs.DeleteMessageBatch",
    ]


def test_a_run_that_nobody_else_is_to_hear_of_is_told_by_whoever_ended_it(house: House) -> None:
    house.start(chain(0))

    house.work()

    assert house.calls.count("SendMessage") == 1


def test_the_usage_of_a_batch_is_one_write_however_many_runs_it_has(house: House) -> None:
    workflow = house.workflow(chain(0))
    for _ in range(10):
        house.services.runs.start(workflow, {})

    assert house.work() == 10

    assert house.calls.count(USAGE) == 1


def test_a_definition_is_read_once_however_many_runs_it_has(house: House) -> None:
    workflow = house.workflow(chain(1))

    for _ in range(3):
        house.services.runs.start(workflow, {})
        house.work()

    assert house.calls.count("effect") == 3
    assert house.calls.count("GetItem") == 1


@pytest.mark.parametrize("shape", [chain, parallel])
@pytest.mark.parametrize("retries", [1, 3])
def test_a_retry_is_one_more_write(house: House, shape: Callable[..., Graph], retries: int) -> None:
    house.receiver.statuses = [503] * retries
    run_id = house.start(shape(1, retry=RetryPolicy(max_attempts=5, delay_seconds=0)))

    house.work()

    assert house.status(run_id) is RunStatus.SUCCEEDED
    assert house.calls.count("effect") == 1 + retries
    assert house.calls.count(*WRITES) == 6 + retries
    assert house.calls.count("SendMessage") == 1


def test_a_step_that_may_run_at_most_once_is_one_more_write(house: House) -> None:
    run_id = house.start(chain(1, at_most_once=True))

    house.work()

    assert house.status(run_id) is RunStatus.SUCCEEDED
    assert house.calls.count(*WRITES) == 7


def test_a_wait_is_a_park_a_message_and_a_claim(house: House) -> None:
    run_id = house.start(chain(1, Node("w", "wait", config={"seconds": 2})))
    house.work()
    parked = Counter(house.calls.made)
    house.calls.made.clear()

    house.clock.advance(2)
    house.services.worker.handle_batch({"Records": [message(run_id)]}, 300_000)

    assert house.status(run_id) is RunStatus.SUCCEEDED
    # Created, claimed and parked.
    assert (parked["runs.PutItem"], parked["runs.UpdateItem"], parked["sqs.SendMessage"]) == (1, 2, 2)
    # Claimed once more, its history read, its one effect recorded, finished, told.
    resumed = ["runs.UpdateItem", "runs.Query", "effect", "runs.PutItem", "runs.UpdateItem"]
    assert house.calls.made == [*resumed, *END, USAGE]


def test_a_hint_that_comes_twice_costs_one_refused_write(house: House) -> None:
    run_id = house.start(chain(1))
    house.work()
    house.calls.made.clear()

    house.services.worker.handle_batch({"Records": [message(run_id)]}, 300_000)

    assert house.calls.made == ["runs.UpdateItem"]


def message(run_id: str) -> Json:
    return {"messageId": "1", "body": f'{{"v":1,"run_id":"{run_id}","workspace_id":"{WORKSPACE}"}}'}
