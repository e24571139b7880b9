"""The runs table: one item for a run, one for each thing recorded of its steps, all under the run's id.

An item's place in its partition says what it is (`store.places`). Indexes list the runs of a workspace and of a
workflow by age (their keys never change) and by due time the live runs, and ended ones of which others are to hear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import TooLargeError
from chalicelib.domain.run import Answer, Outcome, Reset, Round, Run, RunStatus, RunSummary, Touch
from chalicelib.store.attributes import (
    Item,
    OptionalTextAttribute,
    OptionalTimeAttribute,
    TextMapAttribute,
    TimeAttribute,
    assign,
)
from chalicelib.store.runs import json as run_json
from chalicelib.store.runs import outcomes, round_json
from chalicelib.store.runs.places import RUN
from chalicelib.store.shards import shard_of
from chalicelib.store.table import RawItem, Table
from chalicelib.store.values import MAX_ANSWERS_BYTES, MAX_CHILD_ID_BYTES, MAX_CHILDREN, Values

BY_WORKSPACE = "by_workspace"
BY_WORKFLOW = "by_workflow"
DUE = "due"

LONGEST_RUN = timedelta(days=366)
"""A step may be recorded this long before its run ends, so it is kept this much longer than the run is."""

_ANSWER_INLINE_BYTES = 1024
_MEMBER_BYTES = 8  # what DynamoDB counts for a member of a map, and something to spare
_VALUES_PER_RUN = 7  # those before the answers in `run`


class RunItem(Item):
    """Runs of earlier releases lack what follows `tail`. `answer_bytes` bounds what `answers` may grow to."""

    run_id = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True, default_for_new=RUN)
    workspace_id = UnicodeAttribute()
    workflow_id = UnicodeAttribute()
    workflow_key = UnicodeAttribute()
    workflow_name = UnicodeAttribute()
    version = NumberAttribute()
    body_ref = UnicodeAttribute()
    trigger = UnicodeAttribute()
    age = UnicodeAttribute()
    created_at = TimeAttribute()
    finished_at = OptionalTimeAttribute()
    deadline_at = OptionalTimeAttribute()
    status = UnicodeAttribute()
    due_shard = UnicodeAttribute()
    due_at = OptionalTimeAttribute()
    fence = NumberAttribute()
    hops = NumberAttribute()
    stalls = NumberAttribute()
    lease_expires_at = OptionalTimeAttribute()
    began_at = OptionalTimeAttribute()
    input = UnicodeAttribute()
    output = OptionalTextAttribute()
    failure = OptionalTextAttribute()
    tail = OptionalTextAttribute()
    rounds = OptionalTextAttribute()
    resets = OptionalTextAttribute()
    origin = OptionalTextAttribute()
    depth = NumberAttribute(default=0)
    signals = NumberAttribute(default=0)
    answers = TextMapAttribute()
    answer_bytes = NumberAttribute(default=0)
    children = UnicodeSetAttribute()
    touched_at = OptionalTimeAttribute()
    touched_by = OptionalTextAttribute()


class StepItem(Item):
    """A final outcome, a failed attempt, an intent (which has only its key) or a carrier (which has only `also`)."""

    run_id = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)
    step_key = UnicodeAttribute()
    outcome = OptionalTextAttribute()
    output = OptionalTextAttribute()
    input = OptionalTextAttribute()
    also = OptionalTextAttribute()
    round = OptionalTextAttribute()


def runs_table(client: Any, name: str) -> Table:
    return Table(client, name, "run_id", "place")


@dataclass(frozen=True, slots=True)
class RunTable:
    """What the parts of the run store share. `retention_seconds` None keeps runs forever."""

    table: Table
    values: Values
    now: Callable[[], datetime]
    retention_seconds: int | None = None

    def run_expires_at(self, finished_at: datetime | None) -> datetime | None:
        """A run that has not ended never expires."""
        if self.retention_seconds is None or finished_at is None:
            return None
        return finished_at + timedelta(seconds=self.retention_seconds)

    def step_expires_at(self, recorded_at: datetime) -> datetime | None:
        if self.retention_seconds is None:
            return None
        return recorded_at + timedelta(seconds=self.retention_seconds) + LONGEST_RUN

    def run_item(self, run: Run) -> RunItem:
        """Raises TooLargeError for a run with more answers or children than an item can hold."""
        owner = owner_of(run.id)
        origin = run_json.origin_to_json(run)
        answers = {slot: self.pack_answer(run.id, answer) for slot, answer in run.answers.items()}
        answer_bytes = sum(member_bytes(slot, text) for slot, text in answers.items())
        if answer_bytes > MAX_ANSWERS_BYTES:
            raise TooLargeError("The run has too many answers.", run_id=run.id)
        for child_id in run.children:
            check_child_id(child_id)
        if len(run.children) > MAX_CHILDREN:
            raise TooLargeError("The run has started too many runs.", run_id=run.id)
        return RunItem(
            run.id,
            workspace_id=run.workspace_id,
            workflow_id=run.workflow_id,
            workflow_key=workflow_key(run.workspace_id, run.workflow_id),
            workflow_name=run.workflow_name,
            version=run.version,
            body_ref=run.body_ref,
            trigger=run.trigger,
            age=age(run.created_at, run.id),
            created_at=run.created_at,
            finished_at=run.finished_at,
            deadline_at=run.deadline_at,
            status=run.status.value,
            due_shard=shard_of(run.id),
            due_at=run.due_at,
            fence=run.fence,
            hops=run.hops,
            stalls=run.stalls,
            lease_expires_at=run.lease_expires_at,
            began_at=run.began_at,
            input=self.values.pack(owner, run.input),
            output=None if run.output is None else self.values.pack(owner, run.output),
            failure=None if run.failure is None else self.values.pack(owner, outcomes.failure_to_json(run.failure)),
            tail=self.pack_outcomes(run.id, run.tail),
            rounds=self.pack_rounds(run.id, run.rounds),
            resets=self.pack_resets(run.id, run.resets),
            origin=self.values.pack(owner, origin) if origin else None,
            depth=run.depth,
            signals=run.signals,
            answers=answers,
            answer_bytes=answer_bytes,
            children=set(run.children) or None,  # DynamoDB has no empty sets
            touched_at=run.touched and run.touched.at,
            touched_by=run.touched and run.touched.user_id,
            expires_at=self.run_expires_at(run.finished_at),
        )

    def run(self, item: RunItem) -> Run:
        answers = item.answers or {}
        texts = (item.input, item.output, item.failure, item.tail, item.rounds, item.resets, item.origin)
        values = self.values.unpack(owner_of(item.run_id), (*texts, *answers.values()))
        origin = run_json.origin_from_json(values[6])
        unpacked = zip(answers, map(run_json.answer_from_json, values[_VALUES_PER_RUN:]), strict=True)
        return Run(
            id=item.run_id,
            workspace_id=item.workspace_id,
            workflow_id=item.workflow_id,
            workflow_name=item.workflow_name,
            version=int(item.version),
            body_ref=item.body_ref,
            status=RunStatus(item.status),
            created_at=item.created_at,
            input=values[0],
            trigger=item.trigger,
            output=values[1],
            failure=outcomes.failure_from_json(values[2]),
            finished_at=item.finished_at,
            deadline_at=item.deadline_at,
            due_at=item.due_at,
            fence=int(item.fence),
            hops=int(item.hops),
            stalls=int(item.stalls),
            lease_expires_at=item.lease_expires_at,
            began_at=item.began_at,
            tail=outcomes.all_from_json(values[3]),
            rounds=round_json.all_from_json(values[4]),
            resets=run_json.resets_from_json(values[5]),
            parent=origin.parent,
            part=origin.part,
            lineage=origin.lineage,
            depth=int(item.depth),
            signals=int(item.signals),
            answers=dict(unpacked),
            children=frozenset(item.children or ()),
            created_by=origin.created_by,
            cause=origin.cause,
            exclusive=origin.exclusive,
            scheduled_at=origin.scheduled_at,
            touched=None if item.touched_at is None else Touch(item.touched_at, item.touched_by),
        )

    def pack_outcomes(self, run_id: str, several: tuple[Outcome, ...]) -> str | None:
        """None for no outcomes."""
        return self.values.pack(owner_of(run_id), outcomes.all_to_json(several)) if several else None

    def pack_rounds(self, run_id: str, rounds: tuple[Round, ...]) -> str | None:
        """None for no rounds."""
        return self.values.pack(owner_of(run_id), round_json.all_to_json(rounds)) if rounds else None

    def pack_resets(self, run_id: str, resets: Mapping[str, Reset]) -> str | None:
        """None for no resets."""
        return self.values.pack(owner_of(run_id), run_json.resets_to_json(resets)) if resets else None

    def pack_answer(self, run_id: str, answer: Answer) -> str:
        """Inline only if it is small, because a run may have many."""
        return self.values.pack(owner_of(run_id), run_json.answer_to_json(answer), _ANSWER_INLINE_BYTES)


def member_bytes(slot: str, text: str) -> int:
    """What an answer takes of its run's item."""
    return len(slot.encode()) + len(text.encode()) + _MEMBER_BYTES


def touching(touch: Touch | None) -> list[Action]:
    """What notes a command on the run that it changes; nothing for what nobody commanded."""
    if touch is None:
        return []
    return [RunItem.touched_at.set(touch.at), assign(RunItem.touched_by, touch.user_id)]


def check_child_id(child_id: str) -> None:
    """Raises TooLargeError."""
    if len(child_id.encode()) > MAX_CHILD_ID_BYTES:
        raise TooLargeError("The child's id is too long.", child_id=child_id)


def summary(raw: RawItem) -> RunSummary:
    """From an entry of a list index, which has just these attributes."""
    item = RunItem.from_raw_data(raw)
    return RunSummary(
        id=item.run_id,
        workspace_id=item.workspace_id,
        workflow_id=item.workflow_id,
        workflow_name=item.workflow_name,
        status=RunStatus(item.status),
        created_at=item.created_at,
        finished_at=item.finished_at,
    )


def owner_of(run_id: str) -> str:
    """Where the run's spilled values are, apart from those of workflows: they expire."""
    return f"runs/{run_id}"


def workflow_key(workspace_id: str, workflow_id: str) -> str:
    """Holds the workspace, so that no workflow's list can show another tenant's runs."""
    return f"{workspace_id}#{workflow_id}"


def age(created_at: datetime, run_id: str) -> str:
    return f"{_milliseconds(created_at, math.floor)}#{run_id}"


def ages_from(since: datetime) -> str:
    """Sorts before every run of that time or later, and after every earlier one."""
    return _milliseconds(since, math.ceil)


def ages_until(until: datetime) -> str:
    """Sorts after every run of that time or earlier, and before every later one: `$` follows `#`."""
    # Down, as `ages_from` rounds up: the index knows whole milliseconds, and a bound between two takes neither more.
    return f"{_milliseconds(until, math.floor)}$"


def _milliseconds(at: datetime, rounding: Callable[[float], int]) -> str:
    """14 digits reach the year 5138."""
    return f"{max(rounding(at.timestamp() * 1000), 0):014d}"
