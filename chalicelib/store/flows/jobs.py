"""Figures of jobs: one item for a job, in which each generator's pages and each child's resolved errors have a member
of their own, so that they are written apart. What the pages of a generator come to is told for every child; generators
of which a job has unusually many share further items, so that each stays well under what an item may hold.

`reached` tells how far a generator came, without reading what its pages came to:

    page 1 ──► 1 ──► page 2 ──► 2 ──► … ──► done ──► ENDED      a write that is not further than that is refused
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
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

ENDED = 10**12  # further than any page
GENERATORS_TOGETHER = 8
"""How many generators share an item: with 255 children of about 70 bytes each, they take some 140 KB."""


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


class SpreadItem(FlowItem):
    """Progress of generators that have no room in the item of their job."""

    job_id = UnicodeAttribute()
    progress = TextMapAttribute()
    reached = NumberMapAttribute()


class DynamoJobStore:
    """The `JobStore` port on DynamoDB."""

    def __init__(self, table: Table, now: Callable[[], datetime]) -> None:
        self._table = table
        self._now = now

    def begin(self, figures: JobFigures) -> None:
        # The job's own item comes last: whoever sees it can rely on the others.
        for item in (*_spread_items(figures), _item(figures)):
            with suppress(ConditionFailedError):
                self._table.put(item, is_new())

    def advance(self, workspace_id: str, job_id: str, progress: Progress) -> bool:
        reached = ENDED if progress.is_done else progress.page
        actions = [
            # Single members: generators of a job write side by side, and a whole map would take back what others wrote.
            Member(JobItem.progress, progress.generator).set(_packed(progress)),
            Member(JobItem.reached, progress.generator).set(reached),
        ]
        key, place = job_key(workspace_id, job_id), place_of_generator(progress.generator)
        try:
            self._table.update(key, place, actions, _is_before(progress.generator, reached))
        except ConditionFailedError:
            return False
        return True

    def get(self, workspace_id: str, job_ids: Collection[str]) -> Mapping[str, JobFigures]:
        found = self._table.get_all([(job_key(workspace_id, each), JOB) for each in set(job_ids)])
        now = self._now()
        items = [item for item in map(JobItem.from_raw_data, found) if not item.is_expired(now)]
        spread = self._spread(workspace_id, [_figures(item) for item in items])
        return {figures.job_id: figures for figures in spread}

    def _spread(self, workspace_id: str, jobs: Sequence[JobFigures]) -> list[JobFigures]:
        """With the progress of all their generators. Only jobs with many cost another call."""
        places = {figures.job_id: _places(figures) for figures in jobs}
        keys = [(job_key(workspace_id, job_id), place) for job_id, some in places.items() for place in some]
        found: dict[str, dict[str, Progress]] = defaultdict(dict)
        for item in map(SpreadItem.from_raw_data, self._table.get_all(keys)):
            found[item.job_id] |= _progress(item)
        return [replace(each, progress={**each.progress, **found[each.job_id]}) for each in jobs]


def resolving(table: Table, workspace_id: str, job_id: str, amounts: Mapping[str, int]) -> Write:
    """Adds to how many errors of the job's children were resolved, as a part of the transaction that moves them. Its
    condition fails for a job that is not kept any more."""
    actions = []
    for child, amount in amounts.items():
        resolved = Member(JobItem.resolved, child)
        # `|` is if_not_exists: a child's first resolved error finds no member to add to.
        actions.append(resolved.set((resolved | 0) + amount))
    return table.updating(job_key(workspace_id, job_id), JOB, actions, is_there())


def place_of_generator(key: str) -> str:
    """The range key of the item that a generator's progress is in, by its number alone: no look is needed for it."""
    number = key.removeprefix("g")
    together = int(number) // GENERATORS_TOGETHER if number.isdecimal() else 0
    return f"{together}" if together else JOB


def _places(figures: JobFigures) -> list[str]:
    """Of the items beside the job's own."""
    return sorted({place_of_generator(each.key) for each in figures.children if each.order == 0} - {JOB})


def _spread_items(figures: JobFigures) -> list[SpreadItem]:
    key, expires_at = job_key(figures.workspace_id, figures.job_id), _expires_at(figures)
    return [
        SpreadItem(key, place, job_id=figures.job_id, **_reached(figures, place), expires_at=expires_at)
        for place in _places(figures)
    ]


def _reached(figures: JobFigures, place: str) -> dict[str, Any]:
    known = {name: each for name, each in figures.progress.items() if place_of_generator(name) == place}
    return {
        "progress": {name: _packed(each) for name, each in known.items()},
        "reached": {name: ENDED if each.is_done else each.page for name, each in known.items()},
    }


def _expires_at(figures: JobFigures) -> datetime:
    return figures.started_at + timedelta(days=RETENTION_DAYS)


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
        **_reached(figures, JOB),
        resolved=dict(figures.resolved),
        expires_at=_expires_at(figures),
    )


def _figures(item: JobItem) -> JobFigures:
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
        progress=_progress(item),
        resolved=dict(item.resolved or {}),
    )


def _progress(item: JobItem | SpreadItem) -> dict[str, Progress]:
    return {name: _unpacked(name, text) for name, text in (item.progress or {}).items()}


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
