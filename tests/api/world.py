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
from chalicelib.domain.schedules import TargetKind
from chalicelib.nodes import bulk_retry, chore, emit
from chalicelib.nodes.flows import registry as flow_nodes
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.services.access import Access
from chalicelib.services.events.deliveries import Deliveries
from chalicelib.services.events.endpoints import Endpoints
from chalicelib.services.events.events import Events
from chalicelib.services.events.subscriptions import Subscriptions
from chalicelib.services.flows.archives import FlowArchives
from chalicelib.services.flows.audit import FlowAudit
from chalicelib.services.flows.call_logs import CallLogs
from chalicelib.services.flows.error_files import FlowErrorFiles
from chalicelib.services.flows.errors import FlowErrors
from chalicelib.services.flows.flows import Flows
from chalicelib.services.flows.invoke import FlowInvoke
from chalicelib.services.flows.jobs import FlowJobs
from chalicelib.services.flows.listeners import FlowListeners
from chalicelib.services.flows.pings import FlowPings
from chalicelib.services.flows.resources import FlowResources
from chalicelib.services.flows.state import FlowState
from chalicelib.services.flows.tags import FlowTags
from chalicelib.services.hooks import Hooks
from chalicelib.services.identity import Identity
from chalicelib.services.limits import Limits
from chalicelib.services.overview import Overview
from chalicelib.services.pins.access import PinAccess
from chalicelib.services.pins.boards import Pinboards
from chalicelib.services.pins.data import PinData
from chalicelib.services.pins.keys import PinKeys
from chalicelib.services.pins.limits import PinLimits
from chalicelib.services.pins.parts import PinParts
from chalicelib.services.pins.pins import Pins
from chalicelib.services.pins.webhooks import PinWebhooks
from chalicelib.services.ports import Clock
from chalicelib.services.profiles import Profiles
from chalicelib.services.runs.bulk import BulkRetries
from chalicelib.services.runs.children import Children
from chalicelib.services.runs.concurrency import Limiter
from chalicelib.services.runs.control import Control
from chalicelib.services.runs.lifecycle import Lifecycle
from chalicelib.services.runs.programs import Programs
from chalicelib.services.runs.runs import Runs
from chalicelib.services.runs.worker import Worker
from chalicelib.services.schedules.firing import Firing
from chalicelib.services.schedules.schedules import Schedules
from chalicelib.services.schedules.targets import ScheduleTarget, WorkflowTarget
from chalicelib.services.schedules.triggers import TriggerSchedules
from chalicelib.services.sources.accounts import Accounts
from chalicelib.services.sources.components import Components
from chalicelib.services.sources.http import SourceRequests
from chalicelib.services.sources.sources import Sources
from chalicelib.services.workflows import Workflows
from tests import fakes, flow_fakes
from tests.api.event_half import EventHalf
from tests.api.flow_half import FlowHalf
from tests.api.gateway import Answer, send
from tests.api.pin_half import PinHalf
from tests.api.source_half import SourceHalf
from tests.schedule_fakes import MemoryScheduleQueue, MemoryScheduleStore


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
    events: Events
    subscriptions: Subscriptions
    endpoints: Endpoints
    deliveries: Deliveries
    profiles: Profiles
    schedules: Schedules
    overview: Overview
    clock: Clock
    components: Components
    sources: Sources
    source_requests: SourceRequests
    accounts: Accounts
    pins: Pins
    pin_access: PinAccess
    pin_data: PinData
    pin_webhooks: PinWebhooks
    pin_parts: PinParts
    pinboards: Pinboards
    pin_keys: PinKeys
    pin_limits: PinLimits
    flows: Flows
    flow_resources: FlowResources
    flow_audit: FlowAudit
    flow_archives: FlowArchives
    flow_invoke: FlowInvoke
    flow_listeners: FlowListeners
    flow_pings: FlowPings
    flow_state: FlowState
    flow_jobs: FlowJobs
    flow_errors: FlowErrors
    flow_error_files: FlowErrorFiles
    flow_call_logs: CallLogs
    flow_tags: FlowTags
    public_base_url: str | None = None


def refuse_request(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"nothing is to be sent here: {request}")


class World:
    """`call` sends a request with the first workspace's key unless told otherwise."""

    def __init__(
        self, rate_limit: int = 1_000_000, hook_rate_limit: int = 1_000_000, pin_limits_count: bool = False
    ) -> None:
        self.pin_limits_count = pin_limits_count
        self.clock = fakes.FixedClock()
        self.entropy = fakes.SeededEntropy()
        self.audit_store = flow_fakes.MemoryAuditStore(self.clock.now)
        self.workflow_store = fakes.MemoryWorkflowStore(self.audit_store)
        self.hook_store = fakes.MemoryHookStore()
        self.run_store = fakes.MemoryRunStore(self.clock)
        self.key_store = fakes.MemoryKeyStore()
        self.counter_store = fakes.MemoryCounterStore()
        self.mark_store = fakes.MemoryMarkStore(self.clock)
        self.queue = fakes.MemoryRunQueue(self.clock)
        self.queue_depths = fakes.FixedQueueDepths()
        self.services = self._services(rate_limit, hook_rate_limit)
        self.app, self.pipeline = application.build(lambda: self.services)
        self.key = self.new_key("ws_one")
        self.other_key = self.new_key("ws_two")

    def _services(self, rate_limit: int, hook_rate_limit: int) -> Services:
        access = Access(self.workflow_store, self.hook_store)
        programs = Programs(self.workflow_store)
        self.sender = fakes.FunctionSender(refuse_request)
        self.event_half = half = EventHalf(
            self.clock,
            self.entropy,
            access,
            self.workflow_store,
            self.mark_store,
            self.counter_store,
            lambda: self.services.runs,
        )
        self.pin_half = pins = PinHalf(self.clock, self.entropy, self.counter_store, half, counts=self.pin_limits_count)
        half.more_chores.update(pins.chores.slices)
        self.schedule_store = MemoryScheduleStore()
        self.schedule_queue = MemoryScheduleQueue(self.clock)
        self.source_half = code = SourceHalf(
            self.clock, self.entropy, half, self.sender, (self.schedule_store, self.schedule_queue)
        )
        self.flow_half = flow_half = FlowHalf(
            self.clock, self.entropy, self.audit_store, self.workflow_store, self.mark_store, self.sender
        )
        handlers = {
            **code.handlers,
            **pins.handlers,
            **bulk_retry.handlers(lambda: self.services.bulk),
            **emit.handlers(lambda: half.events, self.clock),
            **flow_nodes.handlers(lambda: flow_half.ports(self.services.runs, self.run_store)),
            **chore.handlers(lambda: half.chores),
        }
        self.performer = NodeRegistry(self.clock, self.sender, handlers)
        runs = Runs(
            store=self.run_store,
            queue=self.queue,
            access=access,
            programs=programs,
            performer=self.performer,
            marks=self.mark_store,
            clock=self.clock,
            entropy=self.entropy,
            spawner=fakes.InlineSpawner(),
            announcer=lambda: lifecycle,
        )
        triggers = TriggerSchedules(self.schedule_store, self.schedule_queue, self.workflow_store, self.clock)
        lifecycle = pins.announcer(Lifecycle(half.events, programs.of), self.run_store, programs)
        children = Children(self.run_store, self.workflow_store, self.queue, self.clock, lifecycle)
        slots = fakes.MemorySlotStore(self.clock)
        limiter = Limiter(self.run_store, slots, children, self.queue, self.clock)
        target = WorkflowTarget(self.workflow_store, runs, self.run_store, limiter, triggers, self.clock)
        targets: dict[TargetKind, ScheduleTarget] = {TargetKind.WORKFLOW: target, **code.targets(runs, self.run_store)}
        self.firing = Firing(self.schedule_store, self.schedule_queue, targets, self.clock)
        self.worker = Worker(
            self.run_store,
            self.queue,
            programs,
            self.performer,
            self.clock,
            fakes.InlineSpawner(),
            children,
            limiter,
            began=pins.mirror.run_began,
        )
        control = Control(store=self.run_store, queue=self.queue, runs=runs, programs=programs, clock=self.clock)
        identity = Identity(self.key_store, self.clock, self.entropy)
        workflows = Workflows(
            access,
            self.workflow_store,
            self.hook_store,
            runs,
            self.clock,
            self.entropy,
            watchers=(half.subscriptions, triggers),
        )
        flow_errors = flow_half.errors(workflows, access, runs)
        return Services(
            access=access,
            identity=identity,
            limits=Limits(self.counter_store, self.clock, rate_limit, hook_rate_limit),
            workflows=workflows,
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
            events=half.events,
            subscriptions=half.subscriptions,
            endpoints=half.endpoints,
            deliveries=half.deliveries,
            profiles=half.profiles,
            overview=Overview(
                self.run_store,
                {"runs": self.run_store, "deliveries": half.delivery_store},
                self.queue_depths,
                self.clock,
            ),
            schedules=Schedules(self.schedule_store, self.schedule_queue, access, self.clock, self.entropy),
            clock=self.clock,
            components=code.components,
            sources=code.sources(runs),
            source_requests=code.requests(runs, self.run_store, self.counter_store, self.worker.advance),
            accounts=code.accounts,
            pins=pins.pins,
            pin_access=pins.access,
            pin_data=pins.data,
            pin_webhooks=pins.webhooks,
            pin_parts=pins.parts,
            pinboards=pins.boards,
            pin_keys=pins.keys(identity),
            pin_limits=pins.limits,
            flows=flow_half.flows(workflows, access, runs),
            flow_resources=flow_half.resources,
            flow_audit=flow_half.audit,
            flow_archives=flow_half.archives,
            flow_invoke=flow_half.invoke,
            flow_listeners=flow_half.listeners(runs),
            flow_pings=flow_half.pings,
            flow_state=flow_half.state,
            flow_jobs=flow_half.jobs(workflows, runs),
            flow_errors=flow_errors,
            flow_error_files=flow_half.error_files(flow_errors),
            flow_call_logs=flow_half.call_logs,
            flow_tags=flow_half.tags,
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
        stores: tuple[object, ...] = (
            self.workflow_store,
            self.hook_store,
            self.run_store,
            self.key_store,
            self.mark_store,
            self.schedule_store,
        )
        stores = (*stores, *self.event_half.stores, *self.pin_half.stores, *self.source_half.stores)
        stores = (*stores, *self.flow_half.stores)
        return copy.deepcopy([_kept(store) for store in stores]), [*self.queue.hints]

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

    def schedule(self, workflow_id: str, key: str = "", **members: Any) -> Any:
        body = {
            "workflow_id": workflow_id,
            **({} if "interval_seconds" in members else {"cron": "0 12 * * *"}),
            **members,
        }
        made = self.call("POST", "/v1/schedules", body, key=key)
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
        while (fire := self.schedule_queue.receive()) is not None:
            self.firing.fire(fire.schedule_id, fire.workspace_id, self.clock.now() + timedelta(seconds=300))
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


def _kept(store: object) -> dict[str, object]:
    """What a store in memory keeps, without its clock and the stores that it tells of changes."""
    module = flow_fakes.__name__
    return {
        name: value
        for name, value in vars(store).items()
        if name not in ("_clock", "_now") and type(value).__module__ != module
    }


def step_error(message: str = "refused", type_: str = "http_status", status: int | None = None) -> StepError:
    return StepError(type_, message, status=status)
