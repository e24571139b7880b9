"""Builds the adapters and hands them to the services. The only place that sees both sides.

What a function does not need it does not build: everything beyond the settings is made when first asked for.
"""

from __future__ import annotations

import os
from functools import cached_property

from chalicelib import config
from chalicelib.config import Settings
from chalicelib.nodes import bulk_retry
from chalicelib.nodes.registry import NodeRegistry
from chalicelib.outbound import GuardedClient
from chalicelib.queues.batches import RunBatches
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.services.access import Access
from chalicelib.services.bulk import BulkRetries
from chalicelib.services.children import Children
from chalicelib.services.concurrency import Limiter
from chalicelib.services.control import Control
from chalicelib.services.hooks import Hooks
from chalicelib.services.identity import Identity
from chalicelib.services.limits import Limits
from chalicelib.services.runs import Runs
from chalicelib.services.tick import Tick
from chalicelib.services.worker import Programs, Worker, WorkerSettings
from chalicelib.services.workflows import Workflows
from chalicelib.store import stores
from chalicelib.store.aws import AwsClients
from chalicelib.system import SystemClock, SystemEntropy, ThreadSpawner

BATCH_THREADS = 32
STEP_THREADS = 64


class Services:
    """The services of one process, over AWS or whatever answers like it."""

    def __init__(self, settings: Settings, clients: AwsClients | None = None) -> None:
        self.settings = settings
        self.clients = clients or AwsClients(settings.endpoint_url, settings.region)
        self.clock = SystemClock()
        self.entropy = SystemEntropy()

    @cached_property
    def stores(self) -> stores.Stores:
        settings = self.settings
        tables = stores.Tables(
            identities=settings.identities_table,
            definitions=settings.definitions_table,
            runs=settings.runs_table,
            counters=settings.counters_table,
        )
        retention_seconds = settings.retention_days * 86_400
        return stores.Stores(self.clients, tables, settings.bodies_bucket, self.clock.now, retention_seconds)

    @cached_property
    def queue(self) -> SqsRunQueue:
        sqs = self.clients.sqs
        url = self.settings.runs_queue_url or sqs.get_queue_url(QueueName=self.settings.runs_queue)["QueueUrl"]
        return SqsRunQueue(sqs, url)

    @cached_property
    def http(self) -> GuardedClient:
        runtime_api = os.environ.get("AWS_LAMBDA_RUNTIME_API")
        return GuardedClient(self.settings.outbound_allow, refuse_hosts=[runtime_api] if runtime_api else [])

    @cached_property
    def programs(self) -> Programs:
        return Programs(self.stores.workflows)

    @cached_property
    def performer(self) -> NodeRegistry:
        return NodeRegistry(self.clock, self.http, bulk_retry.handlers(lambda: self.bulk))

    @cached_property
    def access(self) -> Access:
        return Access(self.stores.workflows, self.stores.hooks)

    @cached_property
    def identity(self) -> Identity:
        return Identity(self.stores.keys, self.clock, self.entropy, self.settings.auth_cache_seconds)

    @cached_property
    def limits(self) -> Limits:
        return Limits(
            self.stores.counters, self.clock, per_key=self.settings.rate_limit, per_hook=self.settings.hook_rate_limit
        )

    @cached_property
    def runs(self) -> Runs:
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
        return Children(self.stores.runs, self.stores.workflows, self.queue, self.clock)

    @cached_property
    def limiter(self) -> Limiter:
        return Limiter(self.stores.runs, self.stores.slots, self.children, self.queue, self.clock)

    @cached_property
    def control(self) -> Control:
        return Control(
            store=self.stores.runs, queue=self.queue, runs=self.runs, programs=self.programs, clock=self.clock
        )

    @cached_property
    def bulk(self) -> BulkRetries:
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
        return Workflows(
            workflows=self.stores.workflows,
            hooks=self.stores.hooks,
            runs=self.runs,
            access=self.access,
            clock=self.clock,
            entropy=self.entropy,
        )

    @cached_property
    def hooks(self) -> Hooks:
        return Hooks(
            hooks=self.stores.hooks,
            workflows=self.stores.workflows,
            access=self.access,
            runs=self.runs,
            clock=self.clock,
            entropy=self.entropy,
        )

    @property
    def public_base_url(self) -> str | None:
        return self.settings.public_base_url

    @cached_property
    def worker(self) -> RunBatches:
        steps = ThreadSpawner(STEP_THREADS, "step")
        runs = ThreadSpawner(BATCH_THREADS, "run")
        worker = Worker(
            self.stores.runs,
            self.queue,
            self.programs,
            self.performer,
            self.clock,
            steps,
            self.children,
            self.limiter,
            WorkerSettings(lease=self.settings.lease_seconds),
        )
        return RunBatches(worker.advance, runs.group, self.clock.now)

    @cached_property
    def tick(self) -> Tick:
        return Tick(self.stores.runs, self.queue, self.clock)


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
