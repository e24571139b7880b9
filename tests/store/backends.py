"""The stores under test: in memory, or the adapters on an emulated AWS."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

from chalicelib.local.resources import Resources, create_resources
from chalicelib.queues.runs import SqsRunQueue
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
from chalicelib.store.aws import AwsClients
from chalicelib.store.blobs import Blobs
from chalicelib.store.counters import DynamoCounterStore, counters_table
from chalicelib.store.definition_items import definitions_table
from chalicelib.store.hooks import DynamoHookStore
from chalicelib.store.keys import DynamoKeyStore, identities_table
from chalicelib.store.marks import DynamoMarkStore
from chalicelib.store.run_items import RunTable, runs_table
from chalicelib.store.runs import DynamoRunStore
from chalicelib.store.slots import DynamoSlotStore
from chalicelib.store.values import Values
from chalicelib.store.workflows import DynamoWorkflowStore
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
    counters = counters_table(aws.dynamodb, tables.counters)
    runs = RunTable(runs_table(aws.dynamodb, tables.runs), values, clock.now, retention_seconds)
    return Stores(
        clock=clock,
        workflows=DynamoWorkflowStore(definitions, values),
        hooks=DynamoHookStore(definitions),
        runs=DynamoRunStore(runs),
        keys=DynamoKeyStore(identities_table(aws.dynamodb, tables.identities)),
        counters=DynamoCounterStore(counters),
        marks=DynamoMarkStore(counters, clock.now),
        slots=DynamoSlotStore(counters, clock.now),
        queue=SqsRunQueue(aws.sqs, resources.runs_queue_url),
    )
