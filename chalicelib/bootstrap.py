"""Builds the adapters and hands them to the services. The only place that sees both sides.

What a function does not need it neither builds nor loads: everything beyond the settings is made, and its module
imported, when it is first asked for. Each module costs about half a millisecond of a cold start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib import config
from chalicelib.config import Settings
from chalicelib.domain.events import EmitterKind
from chalicelib.domain.schedules import TargetKind
from chalicelib.domain.subscriptions import ListenerKind
from chalicelib.store.aws import AwsClients
from chalicelib.system import SystemClock, SystemEntropy, ThreadSpawner

if TYPE_CHECKING:
    from chalicelib.domain.json import Json
    from chalicelib.nodes.code import CodeNodes
    from chalicelib.nodes.flows.ports import FlowPorts
    from chalicelib.nodes.integrations import Integrations
    from chalicelib.nodes.registry import NodeRegistry
    from chalicelib.nodes.steps import Handler
    from chalicelib.outbound import GuardedClient
    from chalicelib.queues.batches import RunBatches
    from chalicelib.queues.deliveries import DeliveryBatches, SqsDeliveryQueue
    from chalicelib.queues.runs import SqsRunQueue
    from chalicelib.services.access import Access
    from chalicelib.services.events.attempts import Deliverer
    from chalicelib.services.events.deliveries import Deliveries
    from chalicelib.services.events.endpoints import Endpoints
    from chalicelib.services.events.events import Events
    from chalicelib.services.events.fanout import Fanout
    from chalicelib.services.events.subscriptions import Subscriptions
    from chalicelib.services.files import Files
    from chalicelib.services.flows.archives import FlowArchives
    from chalicelib.services.flows.audit import FlowAudit
    from chalicelib.services.flows.connections import Connections
    from chalicelib.services.flows.desk import FlowDesks
    from chalicelib.services.flows.error_files import FlowErrorFiles
    from chalicelib.services.flows.errors import FlowErrors
    from chalicelib.services.flows.flows import Flows
    from chalicelib.services.flows.http import FlowHttp
    from chalicelib.services.flows.invoke import FlowInvoke
    from chalicelib.services.flows.jobs import FlowJobs
    from chalicelib.services.flows.listeners import FlowListeners
    from chalicelib.services.flows.pings import FlowPings
    from chalicelib.services.flows.references import References
    from chalicelib.services.flows.resources import FlowResources
    from chalicelib.services.flows.state import FlowState
    from chalicelib.services.hooks import Hooks
    from chalicelib.services.identity import Identity
    from chalicelib.services.limits import Limits
    from chalicelib.services.overview import DueIndex, Overview
    from chalicelib.services.pins.access import PinAccess
    from chalicelib.services.pins.boards import Pinboards
    from chalicelib.services.pins.data import PinData
    from chalicelib.services.pins.keys import PinKeys
    from chalicelib.services.pins.limits import PinLimits
    from chalicelib.services.pins.parts import PinParts
    from chalicelib.services.pins.passes import PinChores
    from chalicelib.services.pins.pins import Pins
    from chalicelib.services.pins.webhooks import PinWebhooks
    from chalicelib.services.ports import MqttPublisher
    from chalicelib.services.profiles import Profiles
    from chalicelib.services.runs.bulk import BulkRetries
    from chalicelib.services.runs.children import Children
    from chalicelib.services.runs.chores import Chores
    from chalicelib.services.runs.concurrency import Limiter
    from chalicelib.services.runs.control import Control
    from chalicelib.services.runs.lifecycle import Lifecycle
    from chalicelib.services.runs.mirror import Mirror, MirroringAnnouncer
    from chalicelib.services.runs.runs import Runs
    from chalicelib.services.runs.worker import Programs, Worker
    from chalicelib.services.schedules.firing import Firing
    from chalicelib.services.schedules.schedules import Schedules
    from chalicelib.services.schedules.triggers import TriggerSchedules
    from chalicelib.services.sources.accounts import Accounts
    from chalicelib.services.sources.code_steps import CodeSteps
    from chalicelib.services.sources.components import Components
    from chalicelib.services.sources.http import SourceRequests
    from chalicelib.services.sources.runs import SourceRuns
    from chalicelib.services.sources.sandbox import JsRunner
    from chalicelib.services.sources.scripts import Scripts
    from chalicelib.services.sources.sources import Sources
    from chalicelib.services.sources.timers import SourceTimers
    from chalicelib.services.tick import Tick
    from chalicelib.services.usage import UsageMeter
    from chalicelib.services.workflows import Workflows
    from chalicelib.store import stores


REGISTRY = Path(__file__).resolve().parent / "registry"
"""The components that everybody has, unless the settings name another directory."""

BATCH_THREADS = 32
STEP_THREADS = 64
FLOW_THREADS = 64
TELLING_THREADS = 16
COUNTING_THREADS = 16
DELIVERY_THREADS = 128
FLOW_NODE_TYPES = ("flow_begin", "export", "lookup", "import", "router", "tally", "flow_end")


class Services:
    """The services of one process, over AWS or whatever answers like it."""

    def __init__(self, settings: Settings, clients: AwsClients | None = None) -> None:
        self.settings = settings
        self.clients = clients or AwsClients(settings.endpoint_url, settings.region)
        self.clock = SystemClock()
        self.entropy = SystemEntropy()

    @cached_property
    def stores(self) -> stores.Stores:
        from chalicelib.store import stores

        settings = self.settings
        tables = stores.Tables(
            identities=settings.identities_table,
            definitions=settings.definitions_table,
            runs=settings.runs_table,
            counters=settings.counters_table,
            events=settings.events_table,
            deliveries=settings.deliveries_table,
            pins=settings.pins_table,
            flows=settings.flows_table,
        )
        retention_seconds = settings.retention_days * 86_400
        return stores.Stores(self.clients, tables, settings.bodies_bucket, self.clock.now, retention_seconds)

    @cached_property
    def queue(self) -> SqsRunQueue:
        from chalicelib.queues.runs import SqsRunQueue

        sqs = self.clients.sqs
        url = self.settings.runs_queue_url or sqs.get_queue_url(QueueName=self.settings.runs_queue)["QueueUrl"]
        return SqsRunQueue(sqs, url)

    @cached_property
    def delivery_queue(self) -> SqsDeliveryQueue:
        from chalicelib.queues.deliveries import SqsDeliveryQueue

        sqs = self.clients.sqs
        name, url = self.settings.deliveries_queue, self.settings.deliveries_queue_url
        return SqsDeliveryQueue(sqs, url or sqs.get_queue_url(QueueName=name)["QueueUrl"])

    @cached_property
    def http(self) -> GuardedClient:
        from chalicelib.outbound import GuardedClient

        return GuardedClient(self.settings.outbound_allow, refuse_hosts=_own_hosts())

    @cached_property
    def mqtt(self) -> MqttPublisher:
        # Few steps publish, and the functions that run none of them do without the client.
        from chalicelib.outbound.mqtt import GuardedMqttPublisher

        return GuardedMqttPublisher(self.settings.outbound_allow, refuse_hosts=_own_hosts())

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
    def files(self) -> Files:
        from chalicelib.services.files import Files

        return Files(self.stores.files, self.runs)

    @cached_property
    def programs(self) -> Programs:
        from chalicelib.services.runs.worker import Programs

        return Programs(self.stores.workflows)

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
        return lambda context: self.flow_handlers[node_type](context)

    @cached_property
    def flow_handlers(self) -> Mapping[str, Handler]:
        # Few functions run a flow, and those that do not load nothing of one.
        from chalicelib.nodes.flows.registry import handlers

        return handlers(lambda: self.flow_ports)

    @cached_property
    def flow_ports(self) -> FlowPorts:
        from chalicelib.nodes.flows.ports import FlowPorts
        from chalicelib.services.flows.following import FollowingFlows
        from chalicelib.services.flows.slots import FlowSlots

        stores = self.stores
        return FlowPorts(
            resources=stores.resources,
            desks=self.flow_desks,
            slots=FlowSlots(stores.leases, self.flow_connections, self.clock),
            jobs=stores.jobs,
            errors=stores.flow_errors,
            marks=stores.flow_marks,
            files=stores.files,
            spawner=ThreadSpawner(FLOW_THREADS, "flow"),
            clock=self.clock,
            follower=FollowingFlows(stores.workflows, self.runs),
        )

    @cached_property
    def flow_desks(self) -> FlowDesks:
        from chalicelib.services.flows.desk import FlowDesks

        return FlowDesks(self.stores.resources, self.flow_connections, self.flow_http, self.clock)

    @cached_property
    def flow_invoke(self) -> FlowInvoke:
        from chalicelib.services.flows.invoke import FlowInvoke

        return FlowInvoke(self.flow_desks, self.clock)

    @cached_property
    def access(self) -> Access:
        from chalicelib.services.access import Access

        return Access(self.stores.workflows, self.stores.hooks)

    @cached_property
    def identity(self) -> Identity:
        from chalicelib.services.identity import Identity

        return Identity(self.stores.keys, self.clock, self.entropy, self.settings.auth_cache_seconds)

    @cached_property
    def limits(self) -> Limits:
        from chalicelib.services.limits import Limits

        return Limits(
            self.stores.counters, self.clock, per_key=self.settings.rate_limit, per_hook=self.settings.hook_rate_limit
        )

    @cached_property
    def runs(self) -> Runs:
        from chalicelib.services.runs.runs import Runs

        return Runs(
            store=self.stores.runs,
            queue=self.queue,
            access=self.access,
            programs=self.programs,
            performer=self.performer,
            marks=self.stores.marks,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def children(self) -> Children:
        from chalicelib.services.runs.children import Children

        return Children(self.stores.runs, self.stores.workflows, self.queue, self.clock, self.announcer)

    @cached_property
    def announcer(self) -> MirroringAnnouncer:
        from chalicelib.services.runs.mirror import MirroringAnnouncer

        return MirroringAnnouncer(self.lifecycle, self.mirror)

    @cached_property
    def mirror(self) -> Mirror:
        from chalicelib.services.runs.mirror import Mirror

        return Mirror(self.stores.runs, self.programs, self.pin_access, self.pin_data)

    @cached_property
    def events(self) -> Events:
        from chalicelib.services.events.events import Events

        return Events(
            store=self.stores.events,
            subscriptions=self.stores.subscriptions,
            queue=self.delivery_queue,
            emitters={
                EmitterKind.WORKFLOW: self.access.workflow,
                EmitterKind.SOURCE: lambda principal, id_, scope: self.sources.get(principal, id_, scope),
            },
            chores=lambda: self.chores,
            clock=self.clock,
        )

    @cached_property
    def lifecycle(self) -> Lifecycle:
        from chalicelib.services.runs.lifecycle import Lifecycle

        return Lifecycle(self.events, self.programs.of)

    @cached_property
    def chores(self) -> Chores:
        from chalicelib.services.events.events import DELETE_EVENTS
        from chalicelib.services.runs.chores import Chores

        return Chores(
            workflows=self.stores.workflows,
            runs=self.runs,
            clock=self.clock,
            kinds={DELETE_EVENTS: self.events.delete_slice, **self.deliveries.slices, **self.pin_chores.slices},
        )

    @cached_property
    def subscriptions(self) -> Subscriptions:
        from chalicelib.services.events.subscriptions import Subscriptions

        stores = self.stores
        return Subscriptions(
            stores.subscriptions,
            stores.endpoints,
            self.access,
            self.clock,
            self.entropy,
            lambda workspace_id, id_: self.sources.check(workspace_id, id_),
        )

    @cached_property
    def endpoints(self) -> Endpoints:
        from chalicelib.services.events.endpoints import Endpoints

        return Endpoints(
            store=self.stores.endpoints,
            subscriptions=self.stores.subscriptions,
            deliveries=self.deliveries,
            marks=self.stores.marks,
            clock=self.clock,
            entropy=self.entropy,
            check_url=self.http.check_url,
        )

    @cached_property
    def deliveries(self) -> Deliveries:
        from chalicelib.services.events.deliveries import Deliveries

        return Deliveries(
            store=self.stores.deliveries,
            endpoints=self.stores.endpoints,
            queue=self.delivery_queue,
            chores=lambda: self.chores,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def profiles(self) -> Profiles:
        from chalicelib.services.profiles import Profiles, Quotas

        settings = self.settings
        quotas = Quotas(
            settings.daily_invocations_quota, settings.daily_compute_time_quota_ms, settings.daily_credits_quota
        )
        return Profiles(self.stores.profiles, self.stores.usage, self.clock, quotas)

    @cached_property
    def overview(self) -> Overview:
        from chalicelib.queues.depths import SqsQueueDepths
        from chalicelib.services.overview import Overview

        urls = {"runs": lambda: self.queue.url, "deliveries": lambda: self.delivery_queue.url}
        dues: Mapping[str, DueIndex] = {"runs": self.stores.runs, "deliveries": self.stores.deliveries}
        return Overview(self.stores.runs, dues, SqsQueueDepths(self.clients.sqs, urls), self.clock)

    @cached_property
    def fanout(self) -> Fanout:
        from chalicelib.services.events.fanout import Fanout

        return Fanout(
            events=self.stores.events,
            subscriptions=self.stores.subscriptions,
            endpoints=self.stores.endpoints,
            deliveries=self.stores.deliveries,
            queue=self.delivery_queue,
            workflows=self.stores.workflows,
            runs=self.runs,
            emitting=self.events,
            clock=self.clock,
            spawner=ThreadSpawner(TELLING_THREADS, "telling"),
            others={ListenerKind.SOURCE: lambda event, listener: self.sources.tell(event, listener)},
        )

    @cached_property
    def deliverer(self) -> Deliverer:
        from chalicelib.services.events.attempts import Deliverer

        return Deliverer(
            deliveries=self.stores.deliveries,
            endpoints=self.stores.endpoints,
            queue=self.delivery_queue,
            counters=self.stores.counters,
            sender=self.http,
            emitting=self.events,
            clock=self.clock,
            timeout_seconds=self.settings.delivery_timeout_seconds,
        )

    @cached_property
    def deliveries_worker(self) -> DeliveryBatches:
        from chalicelib.queues.deliveries import DeliveryBatches

        spawner = ThreadSpawner(DELIVERY_THREADS, "delivery")
        return DeliveryBatches(self.fanout.tell, self.deliverer.attempt, spawner.group, self.clock.now)

    @cached_property
    def limiter(self) -> Limiter:
        from chalicelib.services.runs.concurrency import Limiter

        return Limiter(self.stores.runs, self.stores.slots, self.children, self.queue, self.clock)

    @cached_property
    def control(self) -> Control:
        from chalicelib.services.runs.control import Control

        return Control(
            store=self.stores.runs, queue=self.queue, runs=self.runs, programs=self.programs, clock=self.clock
        )

    @cached_property
    def bulk(self) -> BulkRetries:
        from chalicelib.services.runs.bulk import BulkRetries

        return BulkRetries(
            store=self.stores.runs,
            workflows=self.stores.workflows,
            access=self.access,
            runs=self.runs,
            control=self.control,
            marks=self.stores.marks,
            clock=self.clock,
        )

    @cached_property
    def workflows(self) -> Workflows:
        from chalicelib.services.workflows import Workflows

        return Workflows(
            workflows=self.stores.workflows,
            hooks=self.stores.hooks,
            runs=self.runs,
            access=self.access,
            clock=self.clock,
            entropy=self.entropy,
            watchers=(self.subscriptions, self.trigger_schedules),
        )

    @cached_property
    def schedules(self) -> Schedules:
        from chalicelib.services.schedules.schedules import Schedules

        return Schedules(self.stores.schedules, self.queue, self.access, self.clock, self.entropy)

    @cached_property
    def trigger_schedules(self) -> TriggerSchedules:
        from chalicelib.services.schedules.triggers import TriggerSchedules

        return TriggerSchedules(self.stores.schedules, self.queue, self.stores.workflows, self.clock)

    @cached_property
    def firing(self) -> Firing:
        from chalicelib.services.flows.rest import FlowRest
        from chalicelib.services.schedules.firing import Firing
        from chalicelib.services.schedules.targets import ScheduleTarget, WorkflowTarget

        stores, triggers = self.stores, self.trigger_schedules
        rests = FlowRest(stores.resources).is_resting
        target = WorkflowTarget(stores.workflows, self.runs, stores.runs, self.limiter, triggers, self.clock, rests)
        from chalicelib.services.sources.timers import SourceTarget

        load = self.components.load
        of_sources = SourceTarget(stores.sources, load, self.source_timers, self.runs, stores.runs, self.clock)
        targets: dict[TargetKind, ScheduleTarget] = {TargetKind.WORKFLOW: target, TargetKind.SOURCE: of_sources}
        return Firing(stores.schedules, self.queue, targets, self.clock)

    @cached_property
    def js(self) -> JsRunner:
        if self.settings.sandbox_function:
            from chalicelib.sandbox_client.client import LambdaJsRunner, invoking

            return LambdaJsRunner(invoking(self.clients.functions, self.settings.sandbox_function))
        # Only who runs code of users starts the process that its runs are forked from.
        from chalicelib.sandbox.runner import ProcessRunner

        return ProcessRunner()

    @cached_property
    def components(self) -> Components:
        # Few functions have to do with components; what those need the others do not load.
        from chalicelib.services.sources.component_fetch import ComponentFetcher
        from chalicelib.services.sources.components import Components
        from chalicelib.store.sources.registry import DirectoryRegistry

        configured = self.settings.component_registry
        registry = DirectoryRegistry(Path(configured) if configured else REGISTRY)
        fetcher = ComponentFetcher(self.http, self.clock)
        return Components(self.stores.components, registry, fetcher, lambda: self.js, self.clock, self.entropy)

    @cached_property
    def scripts(self) -> Scripts:
        from chalicelib.services.sources.scripts import Scripts

        return Scripts(self.components)

    @cached_property
    def code_nodes(self) -> CodeNodes:
        from chalicelib.nodes.code import CodeNodes

        return CodeNodes(lambda: self.code_steps, lambda: self.events)

    @cached_property
    def code_steps(self) -> CodeSteps:
        from chalicelib.services.sources.code_steps import CodeSteps

        return CodeSteps(self.components, lambda: self.js, self.http, self._credentials)

    def _credentials(self, workspace_id: str, account_id: str) -> Mapping[str, Json]:
        return self.accounts.credentials(workspace_id, account_id)

    @cached_property
    def accounts(self) -> Accounts:
        from chalicelib.services.sources.accounts import Accounts
        from chalicelib.store.vault import KmsVault

        vault = KmsVault(self.clients, self.settings.accounts_kms_key)
        return Accounts(self.stores.accounts, vault, self.clock, self.entropy)

    @cached_property
    def source_timers(self) -> SourceTimers:
        from chalicelib.services.sources.timers import SourceTimers

        return SourceTimers(self.stores.schedules, self.queue, self.clock)

    @cached_property
    def source_handler(self) -> Handler:
        from chalicelib.nodes import source

        return source.handlers(lambda: self.source_runs)["source"]

    @cached_property
    def source_runs(self) -> SourceRuns:
        from chalicelib.services.sources.runs import SourceRuns

        return SourceRuns(
            sources=self.stores.sources,
            states=self.stores.source_states,
            load=self.components.load,
            js=lambda: self.js,
            http=self.http,
            events=self.events,
            credentials=self._credentials,
            clock=self.clock,
        )

    @cached_property
    def sources(self) -> Sources:
        from chalicelib.services.sources.sources import Sources

        return Sources(
            store=self.stores.sources,
            components=self.components,
            source_runs=self.source_runs,
            runs=self.runs,
            timers=self.source_timers,
            subscriptions=self.subscriptions,
            events=self.events,
            check_account=lambda principal, id_: self.accounts.app_of(principal, id_),
            clock=self.clock,
            entropy=self.entropy,
        )

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
    def hooks(self) -> Hooks:
        from chalicelib.services.hooks import Hooks

        return Hooks(
            hooks=self.stores.hooks,
            workflows=self.stores.workflows,
            access=self.access,
            runs=self.runs,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def pin_access(self) -> PinAccess:
        from chalicelib.services.pins.access import PinAccess

        return PinAccess(self.stores.pins, self.stores.pinboards)

    @cached_property
    def pins(self) -> Pins:
        from chalicelib.services.pins.pins import Pins

        return Pins(
            access=self.pin_access,
            store=self.stores.pins,
            boards=self.stores.pinboards,
            webhooks=self.stores.pin_webhooks,
            remove_endpoint=lambda webhook: self.pin_webhooks.remove_endpoint(webhook),
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def pinboards(self) -> Pinboards:
        from chalicelib.services.pins.boards import Pinboards

        return Pinboards(self.pin_access, self.stores.pins, self.stores.pinboards, self.clock, self.entropy)

    @cached_property
    def pin_parts(self) -> PinParts:
        from chalicelib.services.pins.parts import PinParts

        return PinParts(self.pin_access, self.stores.pin_parts, self.clock, self.entropy)

    @cached_property
    def pin_data(self) -> PinData:
        from chalicelib.services.pins.data import PinData

        return PinData(self.pin_access, self.stores.pin_data, self.pin_webhooks, self.clock, self.entropy)

    @cached_property
    def pin_webhooks(self) -> PinWebhooks:
        from chalicelib.services.pins.webhooks import PinWebhooks

        return PinWebhooks(
            access=self.pin_access,
            store=self.stores.pin_webhooks,
            endpoint_store=self.stores.endpoints,
            endpoints=lambda: self.endpoints,
            deliveries=self.stores.deliveries,
            queue=lambda: self.delivery_queue,
            clock=self.clock,
        )

    @cached_property
    def pin_keys(self) -> PinKeys:
        from chalicelib.services.pins.keys import PinKeys

        return PinKeys(self.identity, self.stores.counters, self.entropy)

    @cached_property
    def pin_limits(self) -> PinLimits:
        from chalicelib.services.pins.limits import PinLimits

        counts = self.settings.pin_limits_count
        return PinLimits(self.stores.moments, self.stores.counters, self.clock, counts=counts)

    @cached_property
    def pin_chores(self) -> PinChores:
        from chalicelib.services.pins.passes import PinChores

        return PinChores(self.pin_access, self.pins, self.pin_data)

    @cached_property
    def flow_connections(self) -> Connections:
        from chalicelib.services.flows.connections import Connections
        from chalicelib.store.vault import KmsVault

        return Connections(self.stores.resources, KmsVault(self.clients, self.settings.accounts_kms_key))

    @cached_property
    def flow_http(self) -> FlowHttp:
        from chalicelib.services.flows.http import FlowHttp
        from chalicelib.services.flows.templates import Templates

        return FlowHttp(self.http, Templates(self.clock, self.entropy), self.clock, self.entropy)

    @cached_property
    def flow_audit(self) -> FlowAudit:
        from chalicelib.services.flows.audit import FlowAudit

        return FlowAudit(self.stores.audit, self.clock, self.entropy)

    @cached_property
    def flow_references(self) -> References:
        from chalicelib.services.flows.references import References

        return References(self.stores.resources, self.stores.workflows)

    @cached_property
    def flow_resources(self) -> FlowResources:
        from chalicelib.services.flows.resources import FlowResources

        return FlowResources(
            store=self.stores.resources,
            references=self.flow_references,
            connections=self.flow_connections,
            audit=self.flow_audit,
            marks=self.stores.marks,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def flows(self) -> Flows:
        from chalicelib.services.flows.flows import Flows

        return Flows(
            workflows=self.workflows,
            store=self.stores.workflows,
            access=self.access,
            resources=self.flow_resources,
            references=self.flow_references,
            marks=self.stores.flow_marks,
            runs=self.runs,
            audit=self.flow_audit,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def flow_archives(self) -> FlowArchives:
        from chalicelib.services.flows.archives import FlowArchives

        stores = self.stores
        return FlowArchives(
            stores.workflows, stores.resources, self.flow_references, stores.marks, self.clock, self.entropy
        )

    @cached_property
    def flow_listeners(self) -> FlowListeners:
        from chalicelib.services.flows.listeners import FlowListeners

        return FlowListeners(self.flow_resources, self.flow_references, self.stores.workflows, self.runs)

    @cached_property
    def flow_pings(self) -> FlowPings:
        from chalicelib.services.flows.pings import FlowPings

        return FlowPings(self.flow_resources, self.flow_connections, self.flow_http)

    @cached_property
    def flow_state(self) -> FlowState:
        from chalicelib.services.flows.state import FlowState

        return FlowState(self.stores.state)

    @cached_property
    def flow_jobs(self) -> FlowJobs:
        from chalicelib.services.flows.jobs import FlowJobs

        return FlowJobs(self.runs, self.workflows, self.stores.jobs, self.clock)

    @cached_property
    def flow_errors(self) -> FlowErrors:
        from chalicelib.services.flows.errors import FlowErrors

        spawner = ThreadSpawner(COUNTING_THREADS, "counting")
        return FlowErrors(self.access, self.workflows, self.stores.flow_errors, self.runs, self.clock, spawner)

    @cached_property
    def flow_error_files(self) -> FlowErrorFiles:
        from chalicelib.services.flows.error_files import FlowErrorFiles

        return FlowErrorFiles(self.stores.jobs, self.flow_errors, self.stores.marks, self.clock, self.entropy)

    @property
    def public_base_url(self) -> str | None:
        return self.settings.public_base_url

    @cached_property
    def worker(self) -> RunBatches:
        from chalicelib.queues.batches import RunBatches

        runs = ThreadSpawner(BATCH_THREADS, "run")
        advance = self.run_worker.advance
        return RunBatches(advance, runs.group, self.clock.now, self._write_usage, fire=self.firing.fire)

    @cached_property
    def run_worker(self) -> Worker:
        from chalicelib.services.runs.worker import Worker, WorkerSettings

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

    def _advance_here(self, run_id: str, until: datetime) -> None:
        """For a function that is no worker, and advances a run because somebody waits for it."""
        self.run_worker.advance(run_id, until)
        self._write_usage()

    @cached_property
    def usage_meter(self) -> UsageMeter:
        from chalicelib.services.usage import UsageMeter

        return UsageMeter()

    def _write_usage(self) -> None:
        self.usage_meter.flush(self.stores.usage)

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


def _own_hosts() -> list[str]:
    """What stays closed to outbound calls whatever is allowed."""
    runtime_api = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    return [runtime_api] if runtime_api else []


_services: Services | None = None


def use(services: Services) -> None:
    """Makes these the services of this process, instead of those that its environment describes."""
    global _services
    _services = services


def services() -> Services:
    """Those of this process, by its environment. Built at the first call."""
    global _services
    if _services is None:
        _services = Services(config.from_environment())
    return _services
