"""Lists of runs, from the indexes. On AWS an index follows its table within a fraction of a second."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from pynamodb.expressions.condition import Condition

from chalicelib.domain.listing import DueRun, Page, RunFilter
from chalicelib.domain.run import RunStatus, RunSummary
from chalicelib.store.attributes import unexpired
from chalicelib.store.run_items import (
    BY_WORKFLOW,
    BY_WORKSPACE,
    DUE,
    RunItem,
    RunTable,
    ages_from,
    ages_until,
    summary,
    workflow_key,
)
from chalicelib.store.table import can_be_key

_OLDEST = "0"
_NEWEST = "~"  # sorts after every digit


class RunLists:
    _runs: RunTable

    def page(self, workspace_id: str, where: RunFilter, *, offset: int, limit: int) -> Page[RunSummary]:
        first, last = _ages(where)
        if first > last or not can_be_key(where.workflow_id or workspace_id):
            return Page((), 0)  # DynamoDB refuses to be asked
        index, keys = _keys(workspace_id, where.workflow_id)
        keys &= RunItem.age.between(first, last)
        filters = _filters(where, self._runs.now())
        total = self._runs.table.count(keys, filters, index=index)
        if offset >= total or limit <= 0:
            return Page((), total)
        found = self._runs.table.query(
            keys,
            filters,
            index=index,
            newest_first=True,
            # A page's size counts what the filter then drops: with a selective filter small pages are many.
            page_size=None if where.statuses else offset + limit,
        )
        return Page(tuple(summary(raw) for raw in islice(found, offset, offset + limit)), total)

    def due(self, shard: int, now: datetime, limit: int) -> tuple[DueRun, ...]:
        """The index may still show what a run's item no longer says, or not yet show it: the next tick sees it."""
        keys = (RunItem.due_shard == str(shard)) & (RunItem.due_at <= now)
        found = self._runs.table.query(keys, index=DUE, page_size=limit)
        items = (RunItem.from_raw_data(raw) for raw in islice(found, limit))
        return tuple(
            DueRun(item.run_id, item.workspace_id, item.due_at, RunStatus(item.status))
            for item in items
            if item.due_at is not None
        )


def _keys(workspace_id: str, workflow_id: str | None) -> tuple[str, Condition]:
    if workflow_id is None:
        return BY_WORKSPACE, RunItem.workspace_id == workspace_id
    return BY_WORKFLOW, RunItem.workflow_key == workflow_key(workspace_id, workflow_id)


def _ages(where: RunFilter) -> tuple[str, str]:
    first = _OLDEST if where.since is None else ages_from(where.since)
    last = _NEWEST if where.until is None else ages_until(where.until)
    return first, last


def _filters(where: RunFilter, now: datetime) -> Condition:
    filters: Condition = unexpired(now)
    if where.statuses:
        filters &= RunItem.status.is_in(*sorted(status.value for status in where.statuses))
    return filters
