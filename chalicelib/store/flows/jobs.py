"""Figures of jobs: one item for a job, in which each generator's pages and each child's resolved errors have a member
of their own, so that they are written apart.

`reached` tells how far a generator came, without reading what its pages came to:

    page 1 ──► 1 ──► page 2 ──► 2 ──► … ──► done ──► ENDED      a write that is not further than that is refused
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.constants import MAP, NUMBER
from pynamodb.expressions.condition import Condition

from chalicelib.domain.flows.flows import (
    RETENTION_DAYS,
    Child,
    Count,
    JobFigures,
    JobType,
    Progress,
    ResourceKind,
)
from chalicelib.domain.ids import epoch_ms
from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.times import from_epoch_ms
from chalicelib.store.attributes import Member, OptionalTextAttribute, TextMapAttribute, TimeAttribute
from chalicelib.store.flows.items import JOB, FlowItem, is_new, is_there, job_key
from chalicelib.store.table import ConditionFailedError, Table
from chalicelib.store.transactions import Write

ENDED = 10**12


class NumberMapAttribute(Attribute["dict[str, int] | None"]):
    """Whole numbers by names that nobody knew beforehand."""

    attr_type = MAP
    null = True

    def serialize(self, value: Mapping[str, int]) -> dict[str, Any]:
        return {name: {NUMBER: str(number)} for name, number in value.items()}

    def deserialize(self, value: Mapping[str, Any]) -> dict[str, int]:
        return {name: int(member[NUMBER]) for name, member in value.items()}


class JobItem(FlowItem):
    """`progress`, `reached` and `resolved` are there from the beginning, so that single members can be written."""

    job_id = UnicodeAttribute()
    workspace_id = UnicodeAttribute()
    flow_id = UnicodeAttribute()
    integration_id = OptionalTextAttribute()
    job_type = UnicodeAttribute()
    children = UnicodeAttribute()
    started_at = TimeAttribute()
    progress = TextMapAttribute()
    reached = NumberMapAttribute()
    resolved = NumberMapAttribute()


class DynamoJobStore:
    """The `JobStore` port on DynamoDB."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def begin(self, figures: JobFigures) -> None:
        try:
            self._table.put(_item(figures), is_new())
        except ConditionFailedError:
            return

    def advance(self, workspace_id: str, job_id: str, progress: Progress) -> bool:
        reached = ENDED if progress.is_done else progress.page
        actions = [
            Member(JobItem.progress, progress.generator).set(_packed(progress)),
            Member(JobItem.reached, progress.generator).set(reached),
        ]
        try:
            self._table.update(job_key(workspace_id, job_id), JOB, actions, _is_before(progress.generator, reached))
        except ConditionFailedError:
            return False
        return True

    def get(self, workspace_id: str, job_ids: Collection[str]) -> Mapping[str, JobFigures]:
        found = self._table.get_all([(job_key(workspace_id, each), JOB) for each in set(job_ids)])
        items = [JobItem.from_raw_data(raw) for raw in found]
        now = self._now()
        return {item.job_id: _figures(item) for item in items if not item.is_expired(now)}


def resolving(table: Table, workspace_id: str, job_id: str, amounts: Mapping[str, int]) -> Write:
    """Adds to how many errors of the job's children were resolved, as a part of the transaction that moves them. Its
    condition fails for a job that is not kept any more."""
    actions = []
    for child, amount in amounts.items():
        resolved = Member(JobItem.resolved, child)
        actions.append(resolved.set((resolved | 0) + amount))
    return table.updating(job_key(workspace_id, job_id), JOB, actions, is_there())


def _is_before(generator: str, reached: int) -> Condition:
    """Guards figures against those of earlier pages that come late, and against those of a job that is gone."""
    number = Member(JobItem.reached, generator)
    condition: Condition = is_there() & (number.does_not_exist() | (number < reached))
    return condition


def _item(figures: JobFigures) -> JobItem:
    children: list[Json] = [[each.key, each.kind.value, each.resource_id, each.order] for each in figures.children]
    return JobItem(
        job_key(figures.workspace_id, figures.job_id),
        JOB,
        job_id=figures.job_id,
        workspace_id=figures.workspace_id,
        flow_id=figures.flow_id,
        integration_id=figures.integration_id,
        job_type=figures.type.value,
        children=encode_text(children),
        started_at=figures.started_at,
        progress={name: _packed(each) for name, each in figures.progress.items()},
        reached={name: ENDED if each.is_done else each.page for name, each in figures.progress.items()},
        resolved=dict(figures.resolved),
        expires_at=figures.started_at + timedelta(days=RETENTION_DAYS),
    )


def _figures(item: JobItem) -> JobFigures:
    progress = {name: _unpacked(name, text) for name, text in (item.progress or {}).items()}
    return JobFigures(
        job_id=item.job_id,
        workspace_id=item.workspace_id,
        flow_id=item.flow_id,
        type=JobType(item.job_type),
        children=tuple(
            Child(key, ResourceKind(kind), resource_id, order)
            for key, kind, resource_id, order in msgspec.json.decode(item.children)
        ),
        started_at=item.started_at,
        integration_id=item.integration_id,
        progress=progress,
        resolved=dict(item.resolved or {}),
    )


def _packed(progress: Progress) -> str:
    """Children that a generator's pages have not reached are left out: there may be many."""
    counts: dict[str, Json] = {
        key: [count.success, count.error, count.ignore, count.pages, _ms(count.started_at), _ms(count.ended_at)]
        for key, count in progress.counts.items()
        if count != Count()
    }
    return encode_text([progress.page, progress.is_done, progress.has_failed, counts])


def _unpacked(generator: str, text: str) -> Progress:
    page, is_done, has_failed, counts = msgspec.json.decode(text)
    return Progress(
        generator,
        page,
        {
            key: Count(success, error, ignore, pages, _time(started_at), _time(ended_at))
            for key, (success, error, ignore, pages, started_at, ended_at) in counts.items()
        },
        is_done,
        has_failed,
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else epoch_ms(at)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else from_epoch_ms(ms)
