"""The product on AWS, process by process: a function that serves the API, and one that works and ticks.

Nothing is shared between processes but AWS. Whoever dies is followed by a new one that knows nothing. Everything
happens in one thread, on a clock that moves only when nothing else is left to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import app as application
from chalicelib import config
from chalicelib.bootstrap import Services
from chalicelib.domain.events import ERRORS, Emitter, EmitterKind, EventQuery
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.identity import SCOPES, Principal
from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.domain.run import LIVE, RunStatus
from chalicelib.local.resources import Resources, create_resources
from chalicelib.queues.batches import RunBatches
from chalicelib.queues.deliveries import DeliveryBatches
from chalicelib.services.events.endpoints import Settings
from chalicelib.services.runs.worker import Worker
from chalicelib.store.aws import AwsClients
from chalicelib.store.runs.places import RUN
from tests.api.gateway import Answer, send
from tests.crash.sites import Killed, Log, Script, Wire
from tests.fakes import START, FixedClock, InlineSpawner, SeededEntropy

FUNCTION_SECONDS = 300
TICK_SECONDS = 60
_MOST_MOVES = 600


@dataclass
class Stage:
    """Tables, queue and bucket, and the workspaces that were used up on them."""

    clients: AwsClients
    resources: Resources
    workspaces: int = 0

    @staticmethod
    def new(clients: AwsClients, name: str) -> Stage:
        return Stage(clients, create_resources(clients, name))

    def settings(self) -> config.Settings:
        tables = self.resources.tables
        return replace(
            config.from_environment({"RATE_LIMIT_PER_MINUTE": "1000000", "AUTH_CACHE_SECONDS": "0"}),
            identities_table=tables.identities,
            definitions_table=tables.definitions,
            runs_table=tables.runs,
            counters_table=tables.counters,
            events_table=tables.events,
            deliveries_table=tables.deliveries,
            pins_table=tables.pins,
            flows_table=tables.flows,
            bodies_bucket=self.resources.bucket,
            runs_queue_url=self.resources.runs_queue_url,
            deliveries_queue_url=self.resources.deliveries_queue_url,
        )


@dataclass(frozen=True, slots=True)
class Message:
    visible_at: datetime
    id: str
    body: str
    is_delivery: bool


@dataclass
class Receiver:
    """Answers every request, and keeps it. `broken` paths are refused, `gone` ones for ever, `flaky` ones the first
    time; `during` is done once, while the request for its path is under way."""

    clock: FixedClock
    requests: list[HttpRequest] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    flaky: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    during: dict[str, Callable[[], object]] = field(default_factory=dict)
    seconds: float = 0.0

    def answer(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        path = request.url.removeprefix("http://receiver.test")
        self.clock.advance(self.seconds)
        if path in self.during:
            self.during.pop(path)()
        if path in self.broken:
            return self._reply(request, 400, b'{"is": "broken"}')
        if path in self.gone:
            return self._reply(request, 410, b'{"is": "gone"}')
        if path in self.flaky:
            self.flaky.discard(path)
            return self._reply(request, 503, b'{"is": "flaky"}')
        return self._reply(request, 200, self.bodies.get(path, json.dumps({"at": path}).encode()))

    @staticmethod
    def _reply(request: HttpRequest, status: int, body: bytes) -> HttpResponse:
        return HttpResponse(status, {"content-type": "application/json"}, body, request.url, 0.01)


class Process(Services):
    """The product's own wiring, but for the clock, chance, threads, and the way out."""

    def __init__(self, world: World, wire: Wire) -> None:
        super().__init__(world.stage.settings(), wire)  # type: ignore[arg-type]
        self.clock = world.clock  # type: ignore[assignment]
        self.entropy = world.entropy  # type: ignore[assignment]
        self._world = world
        self._wire = wire

    @cached_property
    def http(self) -> Any:
        return self

    def send(self, request: HttpRequest) -> HttpResponse:
        self._wire.check()
        answer = self._world.receiver.answer(request)
        self._wire.check()
        return answer

    def check_url(self, url: str) -> None:
        """Any may be called."""

    @cached_property
    def worker(self) -> RunBatches:
        inline = InlineSpawner()
        worker = Worker(
            self.stores.runs,
            self.queue,
            self.programs,
            self.performer,
            self.clock,
            inline,
            self.children,
            self.limiter,
        )
        return RunBatches(worker.advance, inline.group, self.clock.now, fire=self.firing.fire)

    @cached_property
    def deliveries_worker(self) -> DeliveryBatches:
        inline = InlineSpawner()
        fanout = replace(self.fanout, spawner=inline)
        return DeliveryBatches(fanout.tell, self.deliverer.attempt, inline.group, self.clock.now)


class World:
    """One workspace and its client, from an empty start. `script` notes what its processes do, and kills one."""

    def __init__(self, stage: Stage, script: Script) -> None:
        self.stage = stage
        self.script = script
        self.clock = FixedClock()
        self.entropy = SeededEntropy(stage.workspaces)
        self.receiver = Receiver(self.clock)
        self.accepted: dict[str, str] = {}
        self.recorded: dict[tuple[str, str], Any] = {}
        self.log = Log()
        self.endpoints: dict[str, str] = {}
        self._messages: list[Message] = []
        self._ticked_at = START
        self._api_died = False
        stage.workspaces += 1
        self.workspace_id = f"ws_{stage.workspaces}"
        self.observer = Process(self, Wire(stage.clients, Script(), self.log))
        self.api, self.worker = self._process(), self._process()
        self._app, self._pipeline = application.build(lambda: self.api)
        self.key = self.observer.identity.issue(self.workspace_id, "user_1", "test").secret

    def _process(self) -> Process:
        return Process(self, Wire(self.stage.clients, self.script, self.log))

    # -- the client ---------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        settled: tuple[int, ...] = (),
    ) -> Any:
        """What the request is answered with. A client that gets no answer repeats it; a repetition may also be told,
        with a status of `settled`, that there is nothing left to do."""
        is_repeated = False
        while (answer := self._answer(method, target, body, headers)) is None:
            is_repeated = True
        good = answer.status in {200, 201} or (is_repeated and answer.status in settled)
        assert good, f"{method} {target}: {answer.status} {answer.text}"
        return answer.data if answer.status in {200, 201} else None

    def order(self, method: str, target: str) -> None:
        """A call of a door whose answers have no envelope, repeated until there is one."""
        while (answer := self._answer(method, target, None, None)) is None:
            pass
        assert answer.status in {200, 204}, f"{method} {target}: {answer.status} {answer.text}"

    def _answer(self, *request: Any) -> Answer | None:
        """None if the process died before it had answered."""
        try:
            return self._send(*request)
        except Killed:
            self._bury()
            self.api, self._api_died = self._process(), True
            return None

    def _send(self, method: str, target: str, body: Any, headers: dict[str, str] | None) -> Answer:
        sent = {
            "host": "flow.example.org",
            "x-forwarded-proto": "https",
            "content-type": "application/json",
            "authorization": f"Bearer {self.key}",
            **(headers or {}),
        }
        raw = b"" if body is None else json.dumps(body).encode()
        return send(self._app, self._pipeline, method, target, headers=sent, body=raw)

    def prepare(self, nodes: list[Any], *edges: tuple[str, ...], **members: Any) -> str:
        """An active workflow that is there before anything can go wrong."""
        connections = [dict(zip(("from", "to", "output"), edge, strict=False)) for edge in edges]
        document = {"name": "Test", "nodes": nodes, "connections": connections, **members}
        with self._unnoted():
            workflow_id: str = self.call("POST", "/v1/workflows", document)["id"]
            self.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"})
        return workflow_id

    def listen(self, workflow_id: str, name: str, *channels: str) -> str:
        """An endpoint at the path of this name that hears these channels of the workflow."""
        owner = Principal("user_1", self.workspace_id, "key", SCOPES)
        endpoint = self.observer.endpoints.create(owner, Settings(url=f"http://receiver.test/{name}"))
        self.endpoints[name] = endpoint.id
        for channel in channels:
            self.observer.subscriptions.create(owner, workflow_id, channel, endpoint.id)
        return endpoint.id

    def tell_workflow(self, emitter_id: str, channel: str, workflow_id: str) -> None:
        owner = Principal("user_1", self.workspace_id, "key", SCOPES)
        self.observer.subscriptions.create(owner, emitter_id, channel, workflow_id)

    def read_everything(self) -> None:
        """Whatever a list shows can be read, so nothing is half there that a dead process of the API left behind."""
        if not self._api_died:
            return
        with self._unnoted():
            for target in ("workflows", "executions", "webhooks"):
                for each in self.call("GET", f"/v1/{target}")[target]:
                    self.call("GET", f"/v1/{target}/{each['id']}")

    @contextmanager
    def _unnoted(self) -> Iterator[None]:
        """Calls of a process that nobody kills."""
        self.api, api = self.observer, self.api
        yield
        self.api = api

    def begin(self, workflow_id: str, name: str = "a", **given: Any) -> str:
        """A run that was accepted before anything can go wrong."""
        workflow = self.observer.stores.workflows.get(self.workspace_id, workflow_id)
        run = self.observer.runs.start(workflow, {"name": name, **given})
        self.accepted[name] = run.id
        return run.id

    def start(self, workflow_id: str, name: str = "a", idempotency_key: str | None = None, **given: Any) -> str:
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        target = f"/v1/workflows/{workflow_id}/execute"
        started = self.call("POST", target, {"input": {"name": name, **given}}, headers=headers)
        run_id: str = started["execution_id"]
        self.accepted[name] = run_id
        return run_id

    # -- the rest of the world ----------------------------------------------------------------------------------------

    def status(self, run_id: str) -> RunStatus:
        return self.observer.stores.runs.get(run_id).status

    def go_on_until(self, run_id: str, status: RunStatus) -> None:
        """Until the run has this status and no worker is on its way to it."""
        self._go_on(lambda: self.status(run_id) is status and not self._is_visible())

    def go_on(self) -> None:
        """Until nothing is left to do: no message, and nothing that will be due."""
        self._go_on(lambda: not self._messages and not self._due())

    def _go_on(self, is_enough: Callable[[], bool]) -> None:
        for _ in range(_MOST_MOVES):
            self._take_messages()
            if is_enough():
                return
            if not self._deliver():
                self._pass_time()
        raise AssertionError(f"the world does not come to rest: {self._due()}")

    def lose_messages(self) -> None:
        self._take_messages()
        self._messages.clear()

    def _take_messages(self) -> None:
        resources = self.stage.resources
        self._take_messages_of(resources.runs_queue_url, is_delivery=False)
        self._take_messages_of(resources.deliveries_queue_url, is_delivery=True)

    def _take_messages_of(self, url: str, *, is_delivery: bool) -> None:
        sqs = self.stage.clients.sqs
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                visible_at = self.clock.now() + timedelta(seconds=self.log.delays.pop(message["MessageId"]))
                self._messages.append(Message(visible_at, message["MessageId"], message["Body"], is_delivery))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _is_visible(self) -> bool:
        return any(message.visible_at <= self.clock.now() for message in self._messages)

    def _deliver(self) -> bool:
        """Hands the message that became visible first to a worker. A dead worker's message is delivered again, before
        anybody knows that it is dead."""
        if not self._is_visible():
            return False
        message = min(self._messages, key=lambda message: message.visible_at)
        self._messages.remove(message)
        event = {"Records": [{"messageId": message.id, "body": message.body}]}
        try:
            batches = self.worker.deliveries_worker if message.is_delivery else self.worker.worker
            answer = batches.handle_batch(event, FUNCTION_SECONDS * 1000)
        except Killed:
            self._bury()
            self.worker = self._process()
            self._messages.append(message)
        else:
            assert not answer["batchItemFailures"], f"a message failed: {message.body}"
        return True

    def _pass_time(self) -> None:
        next_tick = self._ticked_at + timedelta(seconds=TICK_SECONDS)
        self.clock.at = max(min([next_tick, *(each.visible_at for each in self._messages)]), self.clock.at)
        if self.clock.at >= next_tick:
            self._ticked_at = self.clock.at
            self.tick()

    def tick(self) -> None:
        try:
            self.worker.tick.run()
        except Killed:
            self._bury()
            self.worker = self._process()

    def _due(self) -> list[str]:
        """What is in a due index: runs, and where there are listeners, events and deliveries."""
        runs = [run_id for run_id in self.log.run_ids if "due_at" in self._stored(run_id)]
        return [*runs, *(self._due_for_listeners() if self.endpoints else ())]

    def _due_for_listeners(self) -> Iterator[str]:
        stores, later = self.observer.stores, self.clock.now() + timedelta(days=30)
        for shard in range(DUE_SHARDS):
            yield from (str(entry.place.id) for entry in stores.events.due(shard, later, 100))
            yield from (entry.place.id for entry in stores.deliveries.due(shard, later, 100))

    def _stored(self, run_id: str) -> dict[str, Any]:
        answer = self.stage.clients.dynamodb.get_item(
            TableName=self.stage.resources.tables.runs,
            Key={"run_id": {"S": run_id}, "place": {"S": RUN}},
            ConsistentRead=True,
        )
        item: dict[str, Any] = answer["Item"]
        return item

    # -- what is true -------------------------------------------------------------------------------------------------

    def _bury(self) -> None:
        """What has to hold at the moment of a death, whoever died where."""
        items = self.items()
        live = {status.value for status in LIVE - {RunStatus.PAUSED}}
        for (run_id, place), item in items.items():
            if place == RUN and item["status"]["S"] in live:
                assert "due_at" in item, f"nobody will ever look at {run_id}, which is {item['status']['S']}"
        self.recorded = {key: item for key, item in items.items() if key[1] != RUN}

    def items(self) -> dict[tuple[str, str], Any]:
        """The workspace's runs and everything that was recorded of their steps, as it is stored."""
        answers = (
            self.stage.clients.dynamodb.query(
                TableName=self.stage.resources.tables.runs,
                KeyConditionExpression="run_id = :run",
                ExpressionAttributeValues={":run": {"S": run_id}},
                ConsistentRead=True,
            )
            for run_id in self.log.run_ids
        )
        return {(item["run_id"]["S"], item["place"]["S"]): item for answer in answers for item in answer["Items"]}

    def ends(self) -> dict[str, Any]:
        """How each accepted run ended."""
        ends = {}
        for name, run_id in self.accepted.items():
            run = self.observer.stores.runs.get(run_id)
            failure = run.failure and (run.failure.type, run.failure.node_id)
            ends[name] = (run.status.value, self._unnamed(run.output), failure)
        return ends

    def effects(self) -> list[tuple[str, str]]:
        """The distinct effects of accepted runs: where they went, and their keys, in the order of the first of each."""
        names = {run_id: name for name, run_id in self.accepted.items()}
        keyed = [request for request in self.receiver.requests if "Idempotency-Key" in request.headers]
        keys = ((request.url, request.headers["Idempotency-Key"]) for request in keyed)
        known = ((url, key.partition("/")) for url, key in keys)
        return list(dict.fromkeys((url, f"{names[run]}/{step}") for url, (run, _, step) in known if run in names))

    def delivered(self) -> list[tuple[str, str]]:
        """What each endpoint got, and whether it says of which it is, however often each came."""
        got: dict[str, HttpRequest] = {}
        for request in self.receiver.requests:
            if "webhook-id" in request.headers:
                first = got.setdefault(request.headers["webhook-id"], request)
                assert first.body == request.body, "a delivery is the same at every attempt"
        return sorted((request.url, self._kind_of(json.loads(request.body or b""))) for request in got.values())

    @staticmethod
    def _kind_of(payload: Any) -> str:
        """A payload without what differs from world to world."""
        if "error" in payload:
            return f"error {payload['error']['code']}"
        return f"{payload['type']} {payload.get('n', '')}"

    def told(self) -> dict[str, int]:
        """How many events there are of the ends of each accepted run."""
        told = dict.fromkeys(self.accepted, 0)
        names = {run_id: name for name, run_id in self.accepted.items()}
        runs = (self.observer.stores.runs.get(run_id) for run_id in self.accepted.values())
        for workflow_id in {run.workflow_id for run in runs}:
            emitter = Emitter(self.workspace_id, EmitterKind.WORKFLOW, workflow_id)
            for stream in ("", ERRORS):
                for event in self.observer.stores.events.page(emitter, stream, EventQuery(limit=100)).items:
                    payload: Any = event.emission.payload
                    run_id = payload.get("run_id") or payload.get("data", {}).get("run_id")
                    if run_id in names:
                        told[names[run_id]] += 1
        return told

    def _unnamed(self, output: Any) -> Any:
        """Without ids, which differ from world to world."""
        text = json.dumps(output, sort_keys=True)
        for name, run_id in self.accepted.items():
            text = text.replace(run_id, f"<{name}>")
        return json.loads(text)
