"""The stores under test: in memory, or the adapters on an emulated AWS."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from chalicelib.local.resources import Resources, create_resources
from chalicelib.queues.runs import SqsRunQueue
from chalicelib.services.events.ports import (
    DeliveryStore,
    EndpointStore,
    EventStore,
    ProfileStore,
    SubscriptionStore,
    UsageStore,
)
from chalicelib.services.ports import (
    CounterStore,
    HookStore,
    KeyStore,
    MarkStore,
    RunQueue,
    RunStore,
    SlotStore,
    WorkflowStore,
)
from chalicelib.services.schedules.ports import ScheduleStore
from chalicelib.services.sources.ports import AccountStore, ComponentStore, SourceStateStore, SourceStore
from chalicelib.store.aws import AwsClients
from chalicelib.store.blobs import Blobs
from chalicelib.store.counters import DynamoCounterStore, counters_table
from chalicelib.store.definition_items import definitions_table
from chalicelib.store.events.deliveries import DynamoDeliveryStore
from chalicelib.store.events.delivery_items import deliveries_table
from chalicelib.store.events.endpoints import DynamoEndpointStore
from chalicelib.store.events.events import DynamoEventStore, events_table
from chalicelib.store.events.subscriptions import DynamoSubscriptionStore
from chalicelib.store.hooks import DynamoHookStore
from chalicelib.store.keys import DynamoKeyStore, identities_table
from chalicelib.store.marks import DynamoMarkStore
from chalicelib.store.profiles import DynamoProfileStore
from chalicelib.store.runs.items import RunTable, runs_table
from chalicelib.store.runs.runs import DynamoRunStore
from chalicelib.store.schedules import DynamoScheduleStore
from chalicelib.store.slots import DynamoSlotStore
from chalicelib.store.sources.accounts import DynamoAccountStore
from chalicelib.store.sources.components import DynamoComponentStore
from chalicelib.store.sources.sources import DynamoSourceStore
from chalicelib.store.sources.states import DynamoSourceStateStore
from chalicelib.store.usage import DynamoUsageStore
from chalicelib.store.values import Values
from chalicelib.store.workflows import DynamoWorkflowStore
from tests.event_fakes import (
    MemoryDeliveryStore,
    MemoryEndpointStore,
    MemoryEventStore,
    MemoryProfileStore,
    MemorySubscriptionStore,
    MemoryUsageStore,
)
from tests.fakes import (
    FixedClock,
    MemoryCounterStore,
    MemoryHookStore,
    MemoryKeyStore,
    MemoryMarkStore,
    MemoryRunQueue,
    MemoryRunStore,
    MemorySlotStore,
    MemoryWorkflowStore,
)
from tests.schedule_fakes import MemoryScheduleStore
from tests.source_fakes import (
    MemoryAccountStore,
    MemoryComponentStore,
    MemorySourceStateStore,
    MemorySourceStore,
)

_stages = itertools.count(1)


@dataclass
class Stores:
    """Every store of one empty stage."""

    clock: FixedClock
    workflows: WorkflowStore
    hooks: HookStore
    runs: RunStore
    keys: KeyStore
    counters: CounterStore
    marks: MarkStore
    slots: SlotStore
    queue: RunQueue
    events: EventStore
    subscriptions: SubscriptionStore
    endpoints: EndpointStore
    deliveries: DeliveryStore
    usage: UsageStore
    profiles: ProfileStore
    schedules: ScheduleStore
    components: ComponentStore
    sources: SourceStore
    source_states: SourceStateStore
    accounts: AccountStore


@dataclass
class Calls:
    """Counts the calls to AWS, by operation, and the items that queries read until the last `take`."""

    made: list[str] = field(default_factory=list)
    read: int = 0
    items: int = 0

    def note(self, model: Any, **_: Any) -> None:
        self.made.append(model.name)

    def note_answer(self, parsed: dict[str, Any], **_: Any) -> None:
        self.read += parsed.get("ScannedCount", 0)

    def take(self) -> list[str]:
        made, self.made = self.made, []
        self.items, self.read = self.read, 0
        return made


def clients() -> AwsClients:
    return AwsClients(endpoint_url=os.environ.get("AWS_ENDPOINT_URL"), region="eu-central-1")


def new_stage(aws: AwsClients) -> Resources:
    return create_resources(aws, f"t{os.getpid()}-{next(_stages)}")


def memory_stores(retention_seconds: int | None = None) -> Stores:
    clock = FixedClock()
    return Stores(
        clock=clock,
        workflows=MemoryWorkflowStore(),
        hooks=MemoryHookStore(),
        runs=MemoryRunStore(clock, retention_seconds),
        keys=MemoryKeyStore(),
        counters=MemoryCounterStore(),
        marks=MemoryMarkStore(clock),
        slots=MemorySlotStore(clock),
        queue=MemoryRunQueue(clock),
        events=MemoryEventStore(clock, retention_seconds),
        subscriptions=MemorySubscriptionStore(),
        endpoints=MemoryEndpointStore(),
        deliveries=MemoryDeliveryStore(clock, retention_seconds),
        usage=MemoryUsageStore(),
        profiles=MemoryProfileStore(),
        schedules=MemoryScheduleStore(),
        components=MemoryComponentStore(),
        sources=MemorySourceStore(),
        source_states=MemorySourceStateStore(),
        accounts=MemoryAccountStore(),
    )


def aws_stores(
    aws: AwsClients,
    resources: Resources,
    *,
    clock: FixedClock | None = None,
    retention_seconds: int | None = None,
) -> Stores:
    clock = clock or FixedClock()
    tables = resources.tables
    values = Values(Blobs(aws, resources.bucket))
    definitions = definitions_table(aws.dynamodb, tables.definitions)
    identities = identities_table(aws.dynamodb, tables.identities)
    counters = counters_table(aws.dynamodb, tables.counters)
    events = events_table(aws.dynamodb, tables.events)
    deliveries = deliveries_table(aws.dynamodb, tables.deliveries)
    runs = RunTable(runs_table(aws.dynamodb, tables.runs), values, clock.now, retention_seconds)
    return Stores(
        clock=clock,
        workflows=DynamoWorkflowStore(definitions, values, clock.now, retention_seconds),
        hooks=DynamoHookStore(definitions),
        runs=DynamoRunStore(runs),
        keys=DynamoKeyStore(identities),
        counters=DynamoCounterStore(counters),
        marks=DynamoMarkStore(counters, clock.now),
        slots=DynamoSlotStore(counters, clock.now),
        queue=SqsRunQueue(aws.sqs, resources.runs_queue_url),
        events=DynamoEventStore(events, values, clock.now, retention_seconds),
        subscriptions=DynamoSubscriptionStore(definitions),
        endpoints=DynamoEndpointStore(definitions),
        deliveries=DynamoDeliveryStore(deliveries, values, clock.now, retention_seconds),
        usage=DynamoUsageStore(counters),
        profiles=DynamoProfileStore(identities),
        schedules=DynamoScheduleStore(definitions, values),
        components=DynamoComponentStore(definitions, values),
        sources=DynamoSourceStore(definitions, values),
        source_states=DynamoSourceStateStore(definitions, values),
        accounts=DynamoAccountStore(definitions),
    )
