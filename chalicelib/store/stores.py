"""Every store of one stage, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

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
from chalicelib.store.table import Table, Tables
from chalicelib.store.values import Values
from chalicelib.store.workflows import DynamoWorkflowStore

__all__ = ["Stores", "Tables"]


class Stores:
    """`retention_seconds` is how long ended runs are kept; None keeps them forever."""

    def __init__(
        self,
        clients: AwsClients,
        tables: Tables,
        bucket: str,
        now: Callable[[], datetime],
        retention_seconds: int | None = None,
    ) -> None:
        self._clients = clients
        self._tables = tables
        self._bucket = bucket
        self._now = now
        self._retention_seconds = retention_seconds

    @cached_property
    def _values(self) -> Values:
        return Values(Blobs(self._clients, self._bucket))

    @cached_property
    def runs(self) -> DynamoRunStore:
        table = runs_table(self._clients.dynamodb, self._tables.runs)
        return DynamoRunStore(RunTable(table, self._values, self._now, self._retention_seconds))

    @cached_property
    def workflows(self) -> DynamoWorkflowStore:
        return DynamoWorkflowStore(definitions_table(self._clients.dynamodb, self._tables.definitions), self._values)

    @cached_property
    def hooks(self) -> DynamoHookStore:
        return DynamoHookStore(definitions_table(self._clients.dynamodb, self._tables.definitions))

    @cached_property
    def keys(self) -> DynamoKeyStore:
        return DynamoKeyStore(identities_table(self._clients.dynamodb, self._tables.identities))

    @cached_property
    def _counters(self) -> Table:
        return counters_table(self._clients.dynamodb, self._tables.counters)

    @cached_property
    def counters(self) -> DynamoCounterStore:
        return DynamoCounterStore(self._counters)

    @cached_property
    def marks(self) -> DynamoMarkStore:
        return DynamoMarkStore(self._counters, self._now)

    @cached_property
    def slots(self) -> DynamoSlotStore:
        return DynamoSlotStore(self._counters, self._now)
