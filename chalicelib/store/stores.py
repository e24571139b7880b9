"""Every store of one stage, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.store.aws import AwsClients
from chalicelib.store.table import Table, Tables

if TYPE_CHECKING:
    from chalicelib.domain.flows.flows import AuditEntry
    from chalicelib.store.counters import DynamoCounterStore
    from chalicelib.store.events.deliveries import DynamoDeliveryStore
    from chalicelib.store.events.endpoints import DynamoEndpointStore
    from chalicelib.store.events.events import DynamoEventStore
    from chalicelib.store.events.subscriptions import DynamoSubscriptionStore
    from chalicelib.store.files import S3FileStore
    from chalicelib.store.flows.audit import AuditLog, DynamoAuditStore
    from chalicelib.store.flows.calls import DynamoCallLogStore
    from chalicelib.store.flows.errors import DynamoFlowErrorStore
    from chalicelib.store.flows.jobs import DynamoJobStore
    from chalicelib.store.flows.marks import DynamoFlowMarkStore
    from chalicelib.store.flows.resources import DynamoResourceStore
    from chalicelib.store.flows.state import DynamoStateStore
    from chalicelib.store.flows.tags import DynamoTagStore
    from chalicelib.store.hooks import DynamoHookStore
    from chalicelib.store.keys import DynamoKeyStore
    from chalicelib.store.leases import DynamoLeaseStore
    from chalicelib.store.marks import DynamoMarkStore
    from chalicelib.store.moments import DynamoMomentStore
    from chalicelib.store.pins.boards import DynamoPinboardStore
    from chalicelib.store.pins.data import DynamoPinDataStore
    from chalicelib.store.pins.parts import DynamoPinPartStore
    from chalicelib.store.pins.pins import DynamoPinStore
    from chalicelib.store.pins.values import PinValues
    from chalicelib.store.pins.webhooks import DynamoPinWebhookStore
    from chalicelib.store.profiles import DynamoProfileStore
    from chalicelib.store.runs.runs import DynamoRunStore
    from chalicelib.store.schedules import DynamoScheduleStore
    from chalicelib.store.slots import DynamoSlotStore
    from chalicelib.store.sources.accounts import DynamoAccountStore
    from chalicelib.store.sources.components import DynamoComponentStore
    from chalicelib.store.sources.sources import DynamoSourceStore
    from chalicelib.store.sources.states import DynamoSourceStateStore
    from chalicelib.store.transactions import Write
    from chalicelib.store.usage import DynamoUsageStore
    from chalicelib.store.values import Values
    from chalicelib.store.workflows import DynamoWorkflowStore


__all__ = ["Stores", "Tables"]


# Each property imports what it makes: a cold start loads the stores that its function asks for, and no others.
class Stores:
    """`retention_seconds` is how long ended runs, events and finished deliveries are kept; None keeps them forever."""

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
        from chalicelib.store.blobs import Blobs
        from chalicelib.store.values import Values

        return Values(Blobs(self._clients, self._bucket))

    @cached_property
    def runs(self) -> DynamoRunStore:
        from chalicelib.store.runs.items import RunTable, runs_table
        from chalicelib.store.runs.runs import DynamoRunStore

        table = runs_table(self._clients.dynamodb, self._tables.runs)
        return DynamoRunStore(RunTable(table, self._values, self._now, self._retention_seconds))

    @cached_property
    def files(self) -> S3FileStore:
        from chalicelib.store.files import S3FileStore

        return S3FileStore(self._clients, self._bucket)

    @cached_property
    def workflows(self) -> DynamoWorkflowStore:
        from chalicelib.store.definition_items import definitions_table
        from chalicelib.store.workflows import DynamoWorkflowStore

        table = definitions_table(self._clients.dynamodb, self._tables.definitions)
        return DynamoWorkflowStore(table, self._values, self._now, self._retention_seconds, self._log_entry)

    @cached_property
    def hooks(self) -> DynamoHookStore:
        from chalicelib.store.definition_items import definitions_table
        from chalicelib.store.hooks import DynamoHookStore

        return DynamoHookStore(definitions_table(self._clients.dynamodb, self._tables.definitions))

    @cached_property
    def schedules(self) -> DynamoScheduleStore:
        from chalicelib.store.definition_items import definitions_table
        from chalicelib.store.schedules import DynamoScheduleStore

        return DynamoScheduleStore(definitions_table(self._clients.dynamodb, self._tables.definitions), self._values)

    @cached_property
    def keys(self) -> DynamoKeyStore:
        from chalicelib.store.keys import DynamoKeyStore, identities_table

        return DynamoKeyStore(identities_table(self._clients.dynamodb, self._tables.identities))

    @cached_property
    def _counters(self) -> Table:
        from chalicelib.store.counters import counters_table

        return counters_table(self._clients.dynamodb, self._tables.counters)

    @cached_property
    def counters(self) -> DynamoCounterStore:
        from chalicelib.store.counters import DynamoCounterStore

        return DynamoCounterStore(self._counters)

    @cached_property
    def marks(self) -> DynamoMarkStore:
        from chalicelib.store.marks import DynamoMarkStore

        return DynamoMarkStore(self._counters, self._now)

    @cached_property
    def moments(self) -> DynamoMomentStore:
        from chalicelib.store.moments import DynamoMomentStore

        return DynamoMomentStore(self._counters)

    @cached_property
    def _pins(self) -> Table:
        from chalicelib.store.pins.items import pins_table

        return pins_table(self._clients.dynamodb, self._tables.pins)

    @cached_property
    def _pin_values(self) -> PinValues:
        from chalicelib.store.blobs import Blobs
        from chalicelib.store.pins.values import PinValues

        return PinValues(Blobs(self._clients, self._bucket))

    @cached_property
    def pins(self) -> DynamoPinStore:
        from chalicelib.store.pins.pins import DynamoPinStore

        return DynamoPinStore(self._pins, self._pin_values)

    @cached_property
    def pinboards(self) -> DynamoPinboardStore:
        from chalicelib.store.pins.boards import DynamoPinboardStore

        return DynamoPinboardStore(self._pins)

    @cached_property
    def pin_data(self) -> DynamoPinDataStore:
        from chalicelib.store.pins.data import DynamoPinDataStore

        return DynamoPinDataStore(self._pins, self._pin_values, self._retention_seconds)

    @cached_property
    def pin_parts(self) -> DynamoPinPartStore:
        from chalicelib.store.pins.parts import DynamoPinPartStore

        return DynamoPinPartStore(self._pins, self._pin_values)

    @cached_property
    def pin_webhooks(self) -> DynamoPinWebhookStore:
        from chalicelib.store.pins.webhooks import DynamoPinWebhookStore

        return DynamoPinWebhookStore(self._pins)

    @cached_property
    def slots(self) -> DynamoSlotStore:
        from chalicelib.store.slots import DynamoSlotStore

        return DynamoSlotStore(self._counters, self._now)

    @cached_property
    def events(self) -> DynamoEventStore:
        from chalicelib.store.events.events import DynamoEventStore, events_table

        table = events_table(self._clients.dynamodb, self._tables.events)
        return DynamoEventStore(table, self._values, self._now, self._retention_seconds)

    @cached_property
    def _definitions(self) -> Table:
        from chalicelib.store.definition_items import definitions_table

        return definitions_table(self._clients.dynamodb, self._tables.definitions)

    @cached_property
    def components(self) -> DynamoComponentStore:
        from chalicelib.store.sources.components import DynamoComponentStore

        return DynamoComponentStore(self._definitions, self._values)

    @cached_property
    def sources(self) -> DynamoSourceStore:
        from chalicelib.store.sources.sources import DynamoSourceStore

        return DynamoSourceStore(self._definitions, self._values)

    @cached_property
    def source_states(self) -> DynamoSourceStateStore:
        from chalicelib.store.sources.states import DynamoSourceStateStore

        return DynamoSourceStateStore(self._definitions, self._values)

    @cached_property
    def accounts(self) -> DynamoAccountStore:
        from chalicelib.store.sources.accounts import DynamoAccountStore

        return DynamoAccountStore(self._definitions)

    @cached_property
    def subscriptions(self) -> DynamoSubscriptionStore:
        from chalicelib.store.definition_items import definitions_table
        from chalicelib.store.events.subscriptions import DynamoSubscriptionStore

        return DynamoSubscriptionStore(definitions_table(self._clients.dynamodb, self._tables.definitions))

    @cached_property
    def endpoints(self) -> DynamoEndpointStore:
        from chalicelib.store.definition_items import definitions_table
        from chalicelib.store.events.endpoints import DynamoEndpointStore

        return DynamoEndpointStore(definitions_table(self._clients.dynamodb, self._tables.definitions))

    @cached_property
    def deliveries(self) -> DynamoDeliveryStore:
        from chalicelib.store.events.deliveries import DynamoDeliveryStore
        from chalicelib.store.events.delivery_items import deliveries_table

        table = deliveries_table(self._clients.dynamodb, self._tables.deliveries)
        return DynamoDeliveryStore(table, self._values, self._now, self._retention_seconds)

    @cached_property
    def usage(self) -> DynamoUsageStore:
        from chalicelib.store.usage import DynamoUsageStore

        return DynamoUsageStore(self._counters)

    @cached_property
    def profiles(self) -> DynamoProfileStore:
        from chalicelib.store.keys import identities_table
        from chalicelib.store.profiles import DynamoProfileStore

        return DynamoProfileStore(identities_table(self._clients.dynamodb, self._tables.identities))

    @cached_property
    def _flows(self) -> Table:
        from chalicelib.store.flows.items import flows_table

        return flows_table(self._clients.dynamodb, self._tables.flows)

    @cached_property
    def _audit_log(self) -> AuditLog:
        from chalicelib.store.flows.audit import AuditLog

        return AuditLog(self._flows, self._values)

    def _log_entry(self, entry: AuditEntry) -> list[Write]:
        return self._audit_log.writes(entry)

    @cached_property
    def resources(self) -> DynamoResourceStore:
        from chalicelib.store.flows.resources import DynamoResourceStore

        return DynamoResourceStore(self._flows, self._values, self._audit_log)

    @cached_property
    def jobs(self) -> DynamoJobStore:
        from chalicelib.store.flows.jobs import DynamoJobStore

        return DynamoJobStore(self._flows, self._now)

    @cached_property
    def flow_errors(self) -> DynamoFlowErrorStore:
        from chalicelib.store.flows.errors import DynamoFlowErrorStore

        return DynamoFlowErrorStore(self._flows, self._values, self._now)

    @cached_property
    def flow_marks(self) -> DynamoFlowMarkStore:
        from chalicelib.store.flows.marks import DynamoFlowMarkStore

        return DynamoFlowMarkStore(self._flows, self._values, self._now)

    @cached_property
    def state(self) -> DynamoStateStore:
        from chalicelib.store.flows.state import DynamoStateStore

        return DynamoStateStore(self._flows)

    @cached_property
    def call_logs(self) -> DynamoCallLogStore:
        from chalicelib.store.flows.calls import DynamoCallLogStore

        return DynamoCallLogStore(self._flows, self._now)

    @cached_property
    def tags(self) -> DynamoTagStore:
        from chalicelib.store.flows.tags import DynamoTagStore

        return DynamoTagStore(self._flows)

    @cached_property
    def audit(self) -> DynamoAuditStore:
        from chalicelib.store.flows.audit import DynamoAuditStore

        return DynamoAuditStore(self._flows, self._values, self._now)

    @cached_property
    def leases(self) -> DynamoLeaseStore:
        from chalicelib.store.leases import DynamoLeaseStore

        return DynamoLeaseStore(self._counters)
