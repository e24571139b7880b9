"""Small facts that runs of flows leave: up to when was exported, when they last began, and what is done of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.domain.flows.flows import RETENTION_DAYS
from chalicelib.domain.json import Json
from chalicelib.store.attributes import SCHEMA_VERSION, TimeAttribute
from chalicelib.store.flows.items import FlowItem, deltas_of, executed_of, is_new, parts_of, place_of
from chalicelib.store.table import ConditionFailedError, Table
from chalicelib.store.values import Values


class DeltaItem(FlowItem):
    until = TimeAttribute()
    run_created_at = TimeAttribute()


class ExecutedItem(FlowItem):
    at = TimeAttribute()


class PartItem(FlowItem):
    part = UnicodeAttribute()


class DynamoFlowMarkStore:
    """The `FlowMarkStore` port on DynamoDB and S3."""

    def __init__(self, table: Table, values: Values, now: Callable[[], datetime]) -> None:
        self._table = table
        self._values = values
        self._now = now

    def deltas(self, workspace_id: str, flow_id: str) -> Mapping[str, datetime]:
        found = map(DeltaItem.from_raw_data, self._table.query(FlowItem.hk == deltas_of(workspace_id, flow_id)))
        return {item.rk: item.until for item in found}

    def move_delta(
        self, workspace_id: str, flow_id: str, export_id: str, until: datetime, run_created_at: datetime
    ) -> None:
        item = DeltaItem(deltas_of(workspace_id, flow_id), export_id, until=until, run_created_at=run_created_at)
        try:
            self._table.put(item, _is_not_after(run_created_at))
        except ConditionFailedError:
            return

    def note_executed(self, workspace_id: str, flow_id: str, at: datetime) -> None:
        actions = [ExecutedItem.at.set(at), ExecutedItem.v.set(SCHEMA_VERSION)]
        try:
            self._table.update(executed_of(workspace_id), flow_id, actions, _is_earlier(at))
        except ConditionFailedError:
            return

    def executed(self, workspace_id: str) -> Mapping[str, datetime]:
        found = map(ExecutedItem.from_raw_data, self._table.query(FlowItem.hk == executed_of(workspace_id)))
        return {item.rk: item.at for item in found}

    def executed_at(self, workspace_id: str, flow_id: str) -> datetime | None:
        raw = self._table.get(executed_of(workspace_id), flow_id)
        return None if raw is None else ExecutedItem.from_raw_data(raw).at

    def forget(self, workspace_id: str, flow_id: str) -> None:
        place = deltas_of(workspace_id, flow_id)
        # An item for each export of the flow, also of exports that it has no more.
        exports = [raw["rk"]["S"] for raw in self._table.query(FlowItem.hk == place, attributes=[FlowItem.rk])]
        self._table.delete_all([(executed_of(workspace_id), flow_id), *((place, export) for export in exports)])

    def save_part(self, workspace_id: str, job_id: str, place: str, value: Json) -> None:
        self._table.put(
            PartItem(
                parts_of(workspace_id, job_id),
                place_of(place),
                part=self._values.pack(_owner_of(job_id), value),
                expires_at=self._now() + timedelta(days=RETENTION_DAYS),
            )
        )

    def part(self, workspace_id: str, job_id: str, place: str) -> Json:
        raw = self._table.get(parts_of(workspace_id, job_id), place_of(place))
        if raw is None:
            return None
        (value,) = self._values.unpack(_owner_of(job_id), [PartItem.from_raw_data(raw).part])
        return value


def _is_not_after(run_created_at: datetime) -> Condition:
    """Guards what a later run exported against an earlier one that ends after it."""
    # Equal too: the same run may repeat its write.
    condition: Condition = is_new() | (DeltaItem.run_created_at <= run_created_at)
    return condition


def _is_earlier(at: datetime) -> Condition:
    """Guards a later time."""
    condition: Condition = is_new() | (ExecutedItem.at < at)
    return condition


def _owner_of(job_id: str) -> str:
    return f"runs/{job_id}"
