"""Lists of runs, from the indexes. On AWS an index follows its table within a fraction of a second."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from pynamodb.expressions.condition import Condition

from chalicelib.domain.listing import DueRun, Page, RunFilter
from chalicelib.domain.run import RunStatus, RunSummary
from chalicelib.store.attributes import unexpired
from chalicelib.store.runs.items import (
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
from chalicelib.store.table import RawItem, can_be_key

_OLDEST = "0"
_NEWEST = "~"  # sorts after every digit
_MOST_MERGED = 20
"""Lists that are merged for one page; beyond that going through the whole workspace costs less."""


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
        # DynamoDB knows no offset: what is before the page is read and dropped.
        found = self._runs.table.query(
            keys,
            filters,
            index=index,
            newest_first=True,
            # A page's size counts what the filter then drops: with a selective filter small pages are many.
            page_size=None if where.statuses else offset + limit,
        )
        return Page(tuple(summary(raw) for raw in islice(found, offset, offset + limit)), total)

    def newest(self, workspace_id: str, where: RunFilter, limit: int) -> tuple[RunSummary, ...]:
        first, last = _ages(where)
        if first > last or limit <= 0 or not can_be_key(where.workflow_id or workspace_id):
            return ()
        index, keys = _keys(workspace_id, where.workflow_id)
        keys &= RunItem.age.between(first, last)
        found = self._runs.table.query(
            keys, _filters(where, self._runs.now()), index=index, newest_first=True, page_size=limit
        )
        return tuple(summary(raw) for raw in islice(found, limit))

    def page_of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, offset: int, limit: int
    ) -> Page[RunSummary]:
        wanted = sorted({each for each in workflow_ids if can_be_key(each)})
        first, last = _ages(where)
        if first > last or not wanted:
            return Page((), 0)
        if len(wanted) > _MOST_MERGED:
            return self._picked(workspace_id, frozenset(wanted), where, offset, limit)
        return self._merged(workspace_id, wanted, where, offset, limit)

    def of_workflows(
        self, workspace_id: str, workflow_ids: Collection[str], where: RunFilter, *, page_size: int
    ) -> Iterator[RunSummary]:
        wanted = sorted({each for each in workflow_ids if can_be_key(each)})
        first, last = _ages(where)
        if first > last or not wanted:
            return
        if len(wanted) > _MOST_MERGED:
            everything = self._newest_first(workspace_id, None, where, None)
            yield from (summary(raw) for raw in everything if raw["workflow_id"]["S"] in wanted)
            return
        # Of a list of which a condition chooses, a call takes as much as it can: few may be wanted.
        limit = None if where.statuses else page_size // len(wanted) + 1
        lists = [self._newest_first(workspace_id, each, where, limit) for each in wanted]
        # The merge reads as lazily as the lists do; each is newest first already, as `reverse` expects.
        yield from map(summary, heapq.merge(*lists, key=_age_of, reverse=True))

    def _newest_first(
        self, workspace_id: str, workflow_id: str | None, where: RunFilter, page_size: int | None
    ) -> Iterator[RawItem]:
        index, keys = _keys(workspace_id, workflow_id)
        keys &= RunItem.age.between(*_ages(where))
        filters = _filters(where, self._runs.now())
        return self._runs.table.query(keys, filters, index=index, newest_first=True, page_size=page_size)

    def _merged(
        self, workspace_id: str, wanted: Iterable[str], where: RunFilter, offset: int, limit: int
    ) -> Page[RunSummary]:
        """Each workflow's own list, counted, and read only as far as the page reaches."""
        ages = RunItem.age.between(*_ages(where))
        filters = _filters(where, self._runs.now())
        lists = []
        total = 0
        for workflow_id in wanted:
            index, keys = _keys(workspace_id, workflow_id)
            count = self._runs.table.count(keys & ages, filters, index=index)
            total += count
            if count and limit > 0:
                page_size = None if where.statuses else offset + limit
                lists.append(
                    self._runs.table.query(keys & ages, filters, index=index, newest_first=True, page_size=page_size)
                )
        if offset >= total:
            return Page((), total)
        found = islice(heapq.merge(*lists, key=_age_of, reverse=True), offset, offset + max(limit, 0))
        return Page(tuple(map(summary, found)), total)

    def _picked(
        self, workspace_id: str, wanted: frozenset[str], where: RunFilter, offset: int, limit: int
    ) -> Page[RunSummary]:
        """Of many workflows: those of the workspace's list, gone through once and never held as a whole."""
        index, keys = _keys(workspace_id, None)
        keys &= RunItem.age.between(*_ages(where))
        found = self._runs.table.query(keys, _filters(where, self._runs.now()), index=index, newest_first=True)
        shown: list[RunSummary] = []
        total = 0
        for raw in found:
            if raw["workflow_id"]["S"] in wanted:
                if offset <= total < offset + limit:
                    shown.append(summary(raw))
                total += 1
        return Page(tuple(shown), total)

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


def _age_of(raw: RawItem) -> str:
    age: str = raw["age"]["S"]
    return age


def _ages(where: RunFilter) -> tuple[str, str]:
    first = _OLDEST if where.since is None else ages_from(where.since)
    last = _NEWEST if where.until is None else ages_until(where.until)
    return first, last


def _filters(where: RunFilter, now: datetime) -> Condition:
    filters: Condition = unexpired(now)
    if where.statuses:
        filters &= RunItem.status.is_in(*sorted(status.value for status in where.statuses))
    return filters
