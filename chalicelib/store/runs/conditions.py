"""The conditions under which a run's item changes, each named for what it guards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pynamodb.expressions.condition import Condition

from chalicelib.domain.run import FINAL, RunStatus, allowed_sources
from chalicelib.store.attributes import Member, has_fewer_than
from chalicelib.store.runs.items import RunItem
from chalicelib.store.values import MAX_ANSWERS_BYTES, MAX_CHILDREN

CLAIMABLE = allowed_sources(RunStatus.RUNNING)


def is_new() -> Condition:
    """Guards against a second run of the same id."""
    return RunItem.run_id.does_not_exist()


def may_be_claimed(now: datetime) -> Condition:
    """Guards a lease that still lasts, and runs that nothing may advance: ended or paused ones.

    A running run without a lease does not come into being, but would be claimable. A deadline that has
    passed does not stand in the way: whoever claims the run is to find that out and end it.
    """
    released = RunItem.lease_expires_at.does_not_exist() | (RunItem.lease_expires_at <= now)
    condition: Condition = RunItem.status.is_in(*_values(CLAIMABLE)) & released
    return condition


def has_no_deadline_before(due_at: datetime) -> Condition:
    """Guards the due index: a run must not sleep there past its deadline because its lease lasts longer."""
    condition: Condition = RunItem.deadline_at.does_not_exist() | (RunItem.deadline_at >= due_at)
    return condition


def is_held_under(fence: int) -> Condition:
    """Guards against a worker whose run was claimed again, paused or ended (the fence rose), or which parked it."""
    condition: Condition = (RunItem.fence == fence) & (RunItem.status == RunStatus.RUNNING.value)
    return condition


def has_not_ended() -> Condition:
    """Guards a final status and its result against a second, different end."""
    return RunItem.status.is_in(*_values(allowed_sources(RunStatus.CANCELLED)))


def is_due_at(seen: datetime) -> Condition:
    """Guards against an entry of the due index that is no longer true: the run was advanced, or is not due at all."""
    return RunItem.due_at == seen


def has_no_news_since(signals: int) -> Condition:
    """Guards an answer against a worker that parks the run without having seen it."""
    condition: Condition = RunItem.signals == signals
    # Runs of earlier releases have no such number, and none of these sizes.
    return condition if signals else condition | RunItem.signals.does_not_exist()


def has_ended() -> Condition:
    """Guards a live run's place in the due index, and what it is doing against being started once more."""
    return RunItem.status.is_in(*_values(FINAL))


def has_ended_under(fence: int) -> Condition:
    """Guards an end that the caller has not seen: of two restarts, or of a restart and a later end, one is refused."""
    condition: Condition = has_ended() & (RunItem.fence == fence)
    return condition


def may_be_paused() -> Condition:
    """Guards a final status, and the fence of a run that is paused already."""
    return RunItem.status.is_in(*_values(allowed_sources(RunStatus.PAUSED)))


def is_paused() -> Condition:
    """Guards a run that goes on, or has ended, against being queued once more."""
    condition: Condition = RunItem.status == RunStatus.PAUSED.value
    return condition


def takes_signals(*, paused: bool) -> Condition:
    """Guards the due index: a paused run is not to enter it, any other live one must not miss it."""
    return is_paused() if paused else RunItem.status.is_in(*_values(CLAIMABLE))


def has_room_for(slot: str, size_bytes: int) -> Condition:
    """Guards the first answer of a step against a second one, and the item against growing past its limit."""
    room = RunItem.answer_bytes.does_not_exist() | (RunItem.answer_bytes <= MAX_ANSWERS_BYTES - size_bytes)
    # Without the map DynamoDB would call the update malformed, instead of refusing it.
    condition: Condition = RunItem.answers.exists() & Member(RunItem.answers, slot).does_not_exist() & room
    return condition


def has_no_answers_yet() -> Condition:
    """Guards the answers of a run that an earlier release stored, and which therefore began without a place for
    them, against being replaced by a first one."""
    return RunItem.answers.does_not_exist()


def may_adopt(child_id: str) -> Condition:
    """Guards the item against growing past its limit; a child that it holds already adds nothing."""
    room = RunItem.children.does_not_exist() | has_fewer_than(MAX_CHILDREN, RunItem.children)
    condition: Condition = room | RunItem.children.contains(child_id)
    return condition


def _values(statuses: Iterable[RunStatus]) -> list[str]:
    return sorted(status.value for status in statuses)
