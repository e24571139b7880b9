"""What every area builds upon: the settings, the stores, the queues, who speaks to the outside, and who may do what.

The areas are a chain of classes, each upon the one before it, so that every service is an attribute of one object. What
an area needs of a later one is declared here: those are the circles between areas, and there are no others.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.config import Settings
from chalicelib.store.aws import AwsClients
from chalicelib.system import SystemClock, SystemEntropy

if TYPE_CHECKING:
    from chalicelib.nodes.registry import NodeRegistry
    from chalicelib.outbound import GuardedClient
    from chalicelib.queues.deliveries import SqsDeliveryQueue
    from chalicelib.queues.runs import SqsRunQueue
    from chalicelib.services.access import Access
    from chalicelib.services.identity import Identity
    from chalicelib.services.limits import Limits
    from chalicelib.services.ports import MqttPublisher
    from chalicelib.services.profiles import Profiles
    from chalicelib.services.runs.chores import Chores
    from chalicelib.services.runs.runs import Runs
    from chalicelib.services.sources.sandbox import JsRunner
    from chalicelib.services.sources.sources import Sources
    from chalicelib.services.usage import UsageMeter
    from chalicelib.store import stores


class Foundation(ABC):
    """What one process has, over AWS or whatever answers like it."""

    def __init__(self, settings: Settings, clients: AwsClients | None = None) -> None:
        self.settings = settings
        self.clients = clients or AwsClients(settings.endpoint_url, settings.region)
        self.clock = SystemClock()
        self.entropy = SystemEntropy()

    @property
    @abstractmethod
    def runs(self) -> Runs: ...

    @property
    @abstractmethod
    def chores(self) -> Chores: ...

    @property
    @abstractmethod
    def sources(self) -> Sources: ...

    @property
    @abstractmethod
    def performer(self) -> NodeRegistry: ...

    @property
    def public_base_url(self) -> str | None:
        return self.settings.public_base_url

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
        # Where it is deployed the URL is among the settings, which spares a cold start the question.
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
    def js(self) -> JsRunner:
        if self.settings.sandbox_function:
            from chalicelib.sandbox_client.client import LambdaJsRunner, invoking

            return LambdaJsRunner(invoking(self.clients.functions, self.settings.sandbox_function))
        # Only who runs code of users starts the process that its runs are forked from.
        from chalicelib.sandbox.runner import ProcessRunner

        return ProcessRunner()

    @cached_property
    def usage_meter(self) -> UsageMeter:
        from chalicelib.services.usage import UsageMeter

        return UsageMeter()

    def _write_usage(self) -> None:
        self.usage_meter.flush(self.stores.usage)

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
    def profiles(self) -> Profiles:
        from chalicelib.services.profiles import Profiles, Quotas

        settings = self.settings
        quotas = Quotas(
            settings.daily_invocations_quota, settings.daily_compute_time_quota_ms, settings.daily_credits_quota
        )
        return Profiles(self.stores.profiles, self.stores.usage, self.clock, quotas)


def _own_hosts() -> list[str]:
    """What stays closed to outbound calls whatever is allowed."""
    # Lambda's runtime API hands out invocations and takes their answers, whoever in the function asks.
    runtime_api = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    return [runtime_api] if runtime_api else []
