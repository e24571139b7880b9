"""The whole API over in-memory stores, with keys of two workspaces."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import app as application
from chalicelib.domain.http import HttpRequest, HttpResponse
from chalicelib.domain.json import Json
from chalicelib.domain.run import Failure, Outcome, RunStatus, StepError, StepStatus
from chalicelib.nodes import bulk_retry
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.bulk import BulkRetries
from chalicelib.services.children import Children
from chalicelib.services.concurrency import Limiter
from chalicelib.services.control import Control
from chalicelib.services.hooks import Hooks
from chalicelib.services.identity import Identity
from chalicelib.services.limits import Limits
from chalicelib.services.runs import Runs
from chalicelib.services.worker import Programs, Worker
from chalicelib.services.workflows import Workflows
from tests import fakes
from tests.api.gateway import Answer, send


@dataclass
class Services:
    access: Access
    identity: Identity
    limits: Limits
    workflows: Workflows
    hooks: Hooks
    runs: Runs
    control: Control
    bulk: BulkRetries
    public_base_url: str | None = None


def refuse_request(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"nothing is to be sent here: {request}")


class World:
    """`call` sends a request with the first workspace's key unless told otherwise."""

    def __init__(self, rate_limit: int = 1_000_000, hook_rate_limit: int = 1_000_000) -> None:
        self.clock = fakes.FixedClock()
        self.entropy = fakes.SeededEntropy()
        self.workflow_store = fakes.MemoryWorkflowStore()
        self.hook_store = fakes.MemoryHookStore()
        self.run_store = fakes.MemoryRunStore(self.clock)
        self.key_store = fakes.MemoryKeyStore()
        self.counter_store = fakes.MemoryCounterStore()
        self.mark_store = fakes.MemoryMarkStore(self.clock)
        self.queue = fakes.MemoryRunQueue(self.clock)
        self.services = self._services(rate_limit, hook_rate_limit)
        self.app, self.pipeline = application.build(lambda: self.services)
        self.key = self.new_key("ws_one")
        self.other_key = self.new_key("ws_two")

    def _services(self, rate_limit: int, hook_rate_limit: int) -> Services:
        access = Access(self.workflow_store, self.hook_store)
        programs = Programs(self.workflow_store)
        self.sender = fakes.FunctionSender(refuse_request)
        self.performer = NodeRegistry(self.clock, self.sender, bulk_retry.handlers(lambda: self.services.bulk))
        runs = Runs(
            store=self.run_store,
            queue=self.queue,
            access=access,
            programs=programs,
            performer=self.performer,
            marks=self.mark_store,
            clock=self.clock,
            entropy=self.entropy,
        )
        children = Children(self.run_store, self.workflow_store, self.queue, self.clock)
        slots = fakes.MemorySlotStore(self.clock)
        self.worker = Worker(
            self.run_store,
            self.queue,
            programs,
            self.performer,
            self.clock,
            fakes.InlineSpawner(),
            children,
            Limiter(self.run_store, slots, children, self.queue, self.clock),
        )
        control = Control(store=self.run_store, queue=self.queue, runs=runs, programs=programs, clock=self.clock)
        return Services(
            access=access,
            identity=Identity(self.key_store, self.clock, self.entropy),
            limits=Limits(self.counter_store, self.clock, rate_limit, hook_rate_limit),
            workflows=Workflows(access, self.workflow_store, self.hook_store, runs, self.clock, self.entropy),
            hooks=Hooks(access, self.hook_store, self.workflow_store, runs, self.clock, self.entropy),
            runs=runs,
            control=control,
            bulk=BulkRetries(
                store=self.run_store,
                workflows=self.workflow_store,
                access=access,
                runs=runs,
                control=control,
                marks=self.mark_store,
                clock=self.clock,
            ),
        )

    def new_key(self, workspace_id: str, *scopes: str) -> str:
        return self.services.identity.issue(workspace_id, f"user_{workspace_id}", "test", scopes or ("*",)).secret

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        key: str | None = "",
        headers: dict[str, str] | None = None,
        stage: str = "",
    ) -> Answer:
        if raw is None:
            raw = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "flow.example.org", "x-forwarded-proto": "https", "content-type": "application/json"}
        if key is not None:
            sent["authorization"] = f"Bearer {key or self.key}"
        sent |= headers or {}
        return send(self.app, self.pipeline, method, target, headers=sent, body=raw, stage=stage)

    def stored(self) -> Any:
        """Everything that a request may change, but for the counting of requests."""
        stores = (self.workflow_store, self.hook_store, self.run_store, self.key_store, self.mark_store)
        return copy.deepcopy([{name: v for name, v in vars(s).items() if name != "_clock"} for s in stores]), [
            *self.queue.hints
        ]

    def workflow(self, key: str = "", **members: Any) -> str:
        made = self.call("POST", "/v1/workflows", {"name": "Rechnungen", **members}, key=key)
        assert made.status == 201, made.text
        workflow_id: str = made.data["id"]
        return workflow_id

    def active_workflow(self, key: str = "", **members: Any) -> str:
        workflow_id = self.workflow(key, **members)
        assert self.call("POST", f"/v1/workflows/{workflow_id}/status", {"status": "active"}, key=key).status == 200
        return workflow_id

    def execution(self, workflow_id: str, run_input: Any = None, key: str = "") -> str:
        started = self.call("POST", f"/v1/workflows/{workflow_id}/execute", {"input": run_input or {}}, key=key)
        assert started.status == 200, started.text
        execution_id: str = started.data["execution_id"]
        return execution_id

    def webhook(self, workflow_id: str, key: str = "", **members: Any) -> Any:
        made = self.call("POST", "/v1/webhooks", {"workflow_id": workflow_id, **members}, key=key)
        assert made.status == 201, made.text
        return made.data

    def run_it(
        self,
        run_id: str,
        *outcomes: Outcome,
        output: Json = None,
        failure: Failure | None = None,
        status: RunStatus = RunStatus.SUCCEEDED,
        seconds: float = 7.0,
    ) -> None:
        """What a worker writes: a claim, the steps' outcomes, the end."""
        now = self.clock.now()
        run = self.run_store.claim(run_id, now=now, lease_expires_at=now + timedelta(seconds=60))
        for outcome in outcomes:
            self.run_store.record(run_id, outcome)
        finished_at = self.clock.advance(seconds)
        self.run_store.finish(
            run_id,
            run.fence,
            status=status,
            finished_at=finished_at,
            output=output,
            failure=failure,
            tail=(),
            news_due_at=None,
        )

    def work_on(self, run_id: str, seconds: float = 300.0) -> None:
        """What a worker does that was hinted at one run."""
        self.worker.advance(run_id, self.clock.now() + timedelta(seconds=seconds))

    def work(self) -> None:
        """Works off every hint that is visible, and those that come of it."""
        while (hint := self.queue.receive()) is not None:
            self.work_on(hint.run_id)

    def outcome(
        self,
        node_id: str,
        status: StepStatus = StepStatus.SUCCEEDED,
        seconds: float = 1.0,
        **members: Any,
    ) -> Outcome:
        started_at = self.clock.now()
        return Outcome(
            key=members.pop("key", node_id),
            node_id=node_id,
            status=status,
            attempt=members.pop("attempt", 1),
            started_at=started_at,
            finished_at=started_at + timedelta(seconds=seconds),
            **members,
        )


def step_error(message: str = "refused", type_: str = "http_status", status: int | None = None) -> StepError:
    return StepError(type_, message, status=status)
