"""Runs: creating, claiming and ending them. Every change is one conditional update of the run's own item.

The fence is raised by whoever takes a run from somebody else: a claim, an end or a pause from outside. A write that
names the stored fence, of a run that is still running, therefore comes from the one holder of its lease.
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.expressions.update import Action

from chalicelib.domain.errors import (
    AlreadyExistsError,
    LeaseHeldError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
    SignalledError,
)
from chalicelib.domain.hints import is_due
from chalicelib.domain.json import Json
from chalicelib.domain.run import Failure, Outcome, Round, Run, RunStatus, Touch
from chalicelib.store.attributes import assign
from chalicelib.store.runs import conditions, outcomes
from chalicelib.store.runs.control import RunControl, is_held
from chalicelib.store.runs.items import RunItem, RunTable, owner_of, touching
from chalicelib.store.runs.lists import RunLists
from chalicelib.store.runs.places import RUN
from chalicelib.store.runs.rounds import RunRounds
from chalicelib.store.runs.step_pages import StepPages
from chalicelib.store.runs.steps import RunSteps
from chalicelib.store.table import ConditionFailedError, RawItem


class DynamoRunStore(RunControl, RunSteps, RunRounds, StepPages, RunLists):
    """The `RunStore` port on DynamoDB and S3."""

    def __init__(self, runs: RunTable) -> None:
        self._runs = runs

    def create(self, run: Run) -> None:
        try:
            self._runs.table.put(self._runs.run_item(run), conditions.is_new())
        except ConditionFailedError as failed:
            raise AlreadyExistsError(run_id=run.id) from failed

    def get(self, run_id: str) -> Run:
        raw = self._runs.table.get(run_id, RUN)
        item = None if raw is None else RunItem.from_raw_data(raw)
        if item is None or item.is_expired(self._runs.now()):
            raise RunNotFoundError(run_id=run_id)
        return self._runs.run(item)

    def claim(self, run_id: str, *, now: datetime, lease_expires_at: datetime) -> Run:
        try:
            raw = self._claim(run_id, now, lease_expires_at, due_at=lease_expires_at)
        except ConditionFailedError as failed:
            deadline_at = _refuse_claim(run_id, failed, now)
            raw = self._claim_until_deadline(run_id, now, lease_expires_at, deadline_at)
        return self._runs.run(RunItem.from_raw_data(raw))

    def _claim_until_deadline(
        self, run_id: str, now: datetime, lease_expires_at: datetime, deadline_at: datetime
    ) -> RawItem:
        """An update cannot take the earlier of two times, so the deadline that a first try met is named here."""
        try:
            return self._claim(run_id, now, lease_expires_at, due_at=deadline_at)
        except ConditionFailedError as failed:
            _refuse_claim(run_id, failed, now)
            raise LeaseHeldError(run_id=run_id) from failed

    def _claim(self, run_id: str, now: datetime, lease_expires_at: datetime, due_at: datetime) -> RawItem:
        return self._runs.table.update(
            run_id,
            RUN,
            [
                RunItem.status.set(RunStatus.RUNNING.value),
                RunItem.lease_expires_at.set(lease_expires_at),
                RunItem.due_at.set(due_at),
                # Kept where it is there: logical time begins with the first claim, and a replay needs the same.
                RunItem.began_at.set(RunItem.began_at | now),
                RunItem.fence.add(1),
                # Both count claims. `park` sets the stalls back: what is left are workers that did not come back.
                RunItem.hops.add(1),
                RunItem.stalls.add(1),
            ],
            conditions.may_be_claimed(now) & conditions.has_no_deadline_before(due_at),
            returns="ALL_NEW",
        )

    def is_held(self, run_id: str, fence: int) -> bool:
        raw = self._runs.table.get(run_id, RUN)
        item = None if raw is None else RunItem.from_raw_data(raw)
        return item is not None and item.fence == fence and item.status == RunStatus.RUNNING.value

    def renew(self, run_id: str, fence: int, lease_expires_at: datetime) -> None:
        self._under_lease(run_id, fence, [RunItem.lease_expires_at.set(lease_expires_at)])

    def park(
        self,
        run_id: str,
        fence: int,
        *,
        status: RunStatus,
        due_at: datetime,
        tail: tuple[Outcome, ...],
        rounds: tuple[Round, ...],
        signals: int,
        begun: bool = True,
    ) -> None:
        actions = [
            RunItem.status.set(status.value),
            RunItem.due_at.set(due_at),
            RunItem.stalls.set(0),
            RunItem.lease_expires_at.remove(),
            assign(RunItem.tail, self._runs.pack_outcomes(run_id, tail)),
            assign(RunItem.rounds, self._runs.pack_rounds(run_id, rounds)),
        ]
        # Given back without having begun: its logical time and its claims count from the next.
        if not begun:
            actions += [RunItem.began_at.remove(), RunItem.hops.set(0)]
        #     worker: has seen 2 signals ───────────────────► park if still 2: refused, it looks again
        #     answer:                     ──► 3, due now
        # Without it the worker's later due time would overwrite that of the answer, and the run sleep on it.
        condition = conditions.is_held_under(fence) & conditions.has_no_news_since(signals)
        try:
            self._runs.table.update(run_id, RUN, actions, condition)
        except ConditionFailedError as failed:
            if is_held(failed, fence):
                raise SignalledError(run_id=run_id, signals=signals) from failed
            raise LeaseLostError(run_id=run_id, fence=fence) from failed

    def finish(
        self,
        run_id: str,
        fence: int,
        *,
        status: RunStatus,
        finished_at: datetime,
        output: Json,
        failure: Failure | None,
        tail: tuple[Outcome, ...],
        news_due_at: datetime | None,
    ) -> None:
        # A spilled value is stored before the item that names it, so that no reader of the end misses it.
        packed = None if output is None else self._runs.values.pack(owner_of(run_id), output)
        actions = [
            *self._ending(run_id, status, finished_at, failure, news_due_at),
            assign(RunItem.output, packed),
            assign(RunItem.tail, self._runs.pack_outcomes(run_id, tail)),
        ]
        self._under_lease(run_id, fence, actions)

    def end(
        self,
        run_id: str,
        *,
        status: RunStatus,
        at: datetime,
        failure: Failure | None = None,
        news_due_at: datetime | None = None,
        touch: Touch | None = None,
    ) -> Run:
        # The fence rises: whoever holds the run hears of its end at its next write.
        actions = [*self._ending(run_id, status, at, failure, news_due_at), RunItem.fence.add(1), *touching(touch)]
        try:
            raw = self._runs.table.update(run_id, RUN, actions, conditions.has_not_ended(), returns="ALL_NEW")
        except ConditionFailedError as failed:
            if not failed.item:
                raise RunNotFoundError(run_id=run_id) from failed
            raise RunEndedError(run_id=run_id) from failed
        return self._runs.run(RunItem.from_raw_data(raw))

    def rearm(self, run_id: str, seen_due_at: datetime, due_at: datetime) -> bool:
        try:
            #     tick A: sees due 10:00 ──► 10:00 becomes 10:05: its caller sends the hint
            #     tick B: sees due 10:00 ──────────────────────► refused: sends none
            self._runs.table.update(run_id, RUN, [RunItem.due_at.set(due_at)], conditions.is_due_at(seen_due_at))
        except ConditionFailedError:
            return False
        return True

    def _ending(
        self,
        run_id: str,
        status: RunStatus,
        finished_at: datetime,
        failure: Failure | None,
        news_due_at: datetime | None,
    ) -> list[Action]:
        packed = failure and self._runs.values.pack(owner_of(run_id), outcomes.failure_to_json(failure))
        return [
            RunItem.status.set(status.value),
            RunItem.finished_at.set(finished_at),
            # An end with news stays in the due index until they are told; without, it leaves it here.
            assign(RunItem.due_at, news_due_at),
            RunItem.lease_expires_at.remove(),
            assign(RunItem.failure, packed),
            assign(RunItem.expires_at, self._runs.run_expires_at(finished_at)),
        ]

    def _under_lease(self, run_id: str, fence: int, actions: list[Action]) -> None:
        try:
            self._runs.table.update(run_id, RUN, actions, conditions.is_held_under(fence))
        except ConditionFailedError as failed:
            raise LeaseLostError(run_id=run_id, fence=fence) from failed


def _refuse_claim(run_id: str, failed: ConditionFailedError, now: datetime) -> datetime:
    """Raises why the run cannot be claimed; returns its deadline if only that stood in the way."""
    if not failed.item:
        raise RunNotFoundError(run_id=run_id) from failed
    item = RunItem.from_raw_data(failed.item)
    status = RunStatus(item.status)
    if status not in conditions.CLAIMABLE:
        # An ended run that is due has news to tell, which is then the caller's to do.
        has_news = status.is_final and item.due_at is not None and is_due(item.due_at, now)
        facts = {"run_id": run_id, "status": status.value, "has_news": has_news}
        raise RunEndedError(f"The run is {status}.", **facts) from failed
    if item.lease_expires_at is not None and item.lease_expires_at > now:
        raise LeaseHeldError(run_id=run_id) from failed
    # Every part of the condition holds for this item: it cannot have been refused. The caller comes back later.
    if item.deadline_at is None:
        raise LeaseHeldError(run_id=run_id) from failed
    return item.deadline_at
