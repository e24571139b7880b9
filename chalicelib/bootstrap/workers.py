"""What the functions without routes run: the nodes, the batches of messages, the tick. The last of the chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.bootstrap.flows import FlowServices
from chalicelib.domain.schedules import TargetKind
from chalicelib.system import ThreadSpawner

if TYPE_CHECKING:
    from chalicelib.nodes.integrations import Integrations
    from chalicelib.nodes.registry import NodeRegistry
    from chalicelib.nodes.steps import Handler
    from chalicelib.queues.batches import RunBatches
    from chalicelib.queues.deliveries import DeliveryBatches
    from chalicelib.services.runs.worker import Worker
    from chalicelib.services.schedules.firing import Firing
    from chalicelib.services.sources.http import SourceRequests
    from chalicelib.services.tick import Tick

BATCH_THREADS = 32
STEP_THREADS = 64
DELIVERY_THREADS = 128
FLOW_NODE_TYPES = ("flow_begin", "export", "lookup", "import", "router", "tally", "flow_end")


class Services(FlowServices):
    """The services of one process, over AWS or whatever answers like it."""

    @cached_property
    def integrations(self) -> Integrations:
        from chalicelib.nodes.integrations import AiService, Integrations

        url, token = self.settings.ai_service_url, self.settings.ai_service_token
        return Integrations(
            http=self.http,
            clock=self.clock,
            entropy=self.entropy,
            files=lambda: self.stores.files,
            mqtt=lambda: self.mqtt,
            ai_service=AiService(url, token) if url else None,
            script_engine=lambda context: self.code_nodes.script(context),
        )

    @cached_property
    def performer(self) -> NodeRegistry:
        from chalicelib.nodes import bulk_retry, chore, emit, pin_data
        from chalicelib.nodes.registry import NodeRegistry

        handlers = {**self.integrations.handlers(), **bulk_retry.handlers(lambda: self.bulk)}
        handlers |= {**emit.handlers(lambda: self.events, self.clock), **chore.handlers(lambda: self.chores)}
        handlers |= pin_data.handlers(lambda: self.pin_access, lambda: self.pin_data)
        handlers |= {
            "source": lambda context: self.source_handler(context),
            "code": lambda context: self.code_nodes.code(context),
        }
        handlers |= {type_: self._flow_handler(type_) for type_ in FLOW_NODE_TYPES}
        return NodeRegistry(self.clock, self.http, handlers)

    def _flow_handler(self, node_type: str) -> Handler:
        # Made in a method: lambdas of a comprehension would all see its last type.
        return lambda context: self.flow_handlers[node_type](context)

    @cached_property
    def flow_handlers(self) -> Mapping[str, Handler]:
        # Few functions run a flow, and those that do not load nothing of one.
        from chalicelib.nodes.flows.registry import handlers

        return handlers(lambda: self.flow_ports)

    @cached_property
    def run_worker(self) -> Worker:
        from chalicelib.services.runs.worker import Worker, WorkerSettings

        # A pool apart from that of the runs: tasks that wait for tasks of their own pool may wait for ever.
        steps = ThreadSpawner(STEP_THREADS, "step")
        return Worker(
            self.stores.runs,
            self.queue,
            self.programs,
            self.performer,
            self.clock,
            steps,
            self.children,
            self.limiter,
            WorkerSettings(lease=self.settings.lease_seconds),
            self.usage_meter,
            self.mirror.run_began,
        )

    @cached_property
    def worker(self) -> RunBatches:
        from chalicelib.queues.batches import RunBatches

        runs = ThreadSpawner(BATCH_THREADS, "run")
        advance = self.run_worker.advance
        return RunBatches(advance, runs.group, self.clock.now, self._write_usage, fire=self._fire)

    def _fire(self, schedule_id: str, workspace_id: str, until: datetime) -> None:
        # What fires schedules is loaded with the first of them: most messages are of runs.
        self.firing.fire(schedule_id, workspace_id, until)

    def _advance_here(self, run_id: str, until: datetime) -> None:
        """For a function that is no worker, and advances a run because somebody waits for it."""
        self.run_worker.advance(run_id, until)
        self._write_usage()

    @cached_property
    def source_requests(self) -> SourceRequests:
        from chalicelib.services.limits import Limits
        from chalicelib.services.sources.http import REQUESTS_PER_MINUTE, SourceRequests

        limits = Limits(self.stores.counters, self.clock, REQUESTS_PER_MINUTE, REQUESTS_PER_MINUTE)
        return SourceRequests(
            self.stores.sources,
            self.components.load,
            self.runs,
            self.stores.runs,
            self._advance_here,
            limits,
            self.clock,
        )

    @cached_property
    def deliveries_worker(self) -> DeliveryBatches:
        from chalicelib.queues.deliveries import DeliveryBatches

        spawner = ThreadSpawner(DELIVERY_THREADS, "delivery")
        return DeliveryBatches(self.fanout.tell, self.deliverer.attempt, spawner.group, self.clock.now)

    @cached_property
    def firing(self) -> Firing:
        from chalicelib.services.flows.rest import FlowRest
        from chalicelib.services.schedules.firing import Firing
        from chalicelib.services.schedules.targets import ScheduleTarget, WorkflowTarget
        from chalicelib.services.sources.timers import SourceTarget

        stores, triggers = self.stores, self.trigger_schedules
        rests = FlowRest(stores.resources).is_resting
        target = WorkflowTarget(stores.workflows, self.runs, stores.runs, self.limiter, triggers, self.clock, rests)
        load = self.components.load
        of_sources = SourceTarget(stores.sources, load, self.source_timers, self.runs, stores.runs, self.clock)
        targets: dict[TargetKind, ScheduleTarget] = {TargetKind.WORKFLOW: target, TargetKind.SOURCE: of_sources}
        return Firing(stores.schedules, self.queue, targets, self.clock)

    @cached_property
    def tick(self) -> Tick:
        from chalicelib.services.events.passes import DeliveryPass, EventPass
        from chalicelib.services.pins.passes import PinPass
        from chalicelib.services.tick import SchedulePass, Tick

        others = (
            EventPass(self.stores.events, self.delivery_queue, self.clock),
            DeliveryPass(self.stores.deliveries, self.delivery_queue, self.clock),
            SchedulePass(self.stores.schedules, self.queue, self.clock),
            PinPass(self.stores.pins, self.pin_access, lambda: self.chores, self.clock),
        )
        return Tick(self.stores.runs, self.queue, self.clock, others=others)
