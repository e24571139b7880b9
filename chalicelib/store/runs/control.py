"""What others than a run's worker do to it: pausing, resuming, restarting, answering; and what follows its end.

Each change is one conditional update. Where it is refused, the item that came back with the refusal says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.errors import (
    IllegalTransitionError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
    RunNotPausedError,
    StaleWriteError,
    TooLargeError,
    UnavailableError,
)
from chalicelib.domain.run import Answer, Reset, Run, RunStatus, Touch
from chalicelib.store.attributes import Member, assign
from chalicelib.store.runs import conditions
from chalicelib.store.runs.items import RunItem, RunTable, check_child_id, member_bytes, touching
from chalicelib.store.runs.places import RUN
from chalicelib.store.table import ConditionFailedError
from chalicelib.store.values import MAX_ANSWERS_BYTES

_SIGNAL_ATTEMPTS = 3  # the usual one, one with what the refusal showed, one for a change in between


class RunControl:
    _runs: RunTable

    def pause(self, run_id: str, touch: Touch | None = None) -> Run:
        actions: list[Action] = [
            RunItem.status.set(RunStatus.PAUSED.value),
            RunItem.lease_expires_at.remove(),
            # Nothing is to happen to a paused run; whoever resumes it makes it due again.
            RunItem.due_at.remove(),
            RunItem.fence.add(1),
            *touching(touch),
        ]
        try:
            return self._changed(run_id, actions, conditions.may_be_paused())
        except ConditionFailedError as failed:
            item = _live(run_id, failed)  # live, but not to be paused: it is
            return self._runs.run(item)

    def resume(self, run_id: str, due_at: datetime, touch: Touch | None = None) -> Run:
        """Whoever held the run when it was paused did not fail it: stalls are counted anew."""
        actions: list[Action] = [
            RunItem.status.set(RunStatus.QUEUED.value),
            RunItem.due_at.set(due_at),
            RunItem.stalls.set(0),
            *touching(touch),
        ]
        try:
            return self._changed(run_id, actions, conditions.is_paused())
        except ConditionFailedError as failed:
            item = _live(run_id, failed)
            raise RunNotPausedError(f"The run is {item.status}, not paused.", run_id=run_id) from failed

    def restart(
        self,
        run_id: str,
        fence: int,
        *,
        resets: Mapping[str, Reset],
        deadline_at: datetime | None,
        due_at: datetime,
        touch: Touch | None = None,
    ) -> Run:
        actions: list[Action] = [
            RunItem.status.set(RunStatus.QUEUED.value),
            RunItem.due_at.set(due_at),
            RunItem.hops.set(0),
            RunItem.stalls.set(0),
            RunItem.fence.add(1),
            assign(RunItem.deadline_at, deadline_at),
            assign(RunItem.resets, self._runs.pack_resets(run_id, resets)),
            RunItem.output.remove(),
            RunItem.failure.remove(),
            RunItem.finished_at.remove(),
            # Or DynamoDB would delete the run while it goes on.
            RunItem.expires_at.remove(),
            *touching(touch),
        ]
        try:
            return self._changed(run_id, actions, conditions.has_ended_under(fence))
        except ConditionFailedError as failed:
            status = RunStatus(_found(run_id, failed).status)
            if not status.is_final:
                raise IllegalTransitionError(f"The run is {status}; it has not ended.", run_id=run_id) from failed
            raise StaleWriteError(run_id=run_id, fence=fence) from failed

    def told(self, run_id: str, fence: int) -> None:
        try:
            # A run that was restarted meanwhile needs its due time.
            self._runs.table.update(run_id, RUN, [RunItem.due_at.remove()], conditions.has_ended_under(fence))
        except ConditionFailedError:
            return

    def adopt(self, run_id: str, fence: int, child_id: str) -> None:
        """Raises TooLargeError once the run has more children than its item can name."""
        check_child_id(child_id)
        # Sets have no duplicates: who adopts once more, because an answer was lost, adds nothing.
        condition = conditions.is_held_under(fence) & conditions.may_adopt(child_id)
        try:
            self._runs.table.update(run_id, RUN, [RunItem.children.add({child_id})], condition)
        except ConditionFailedError as failed:
            if is_held(failed, fence):
                raise TooLargeError("The run has started too many runs.", run_id=run_id) from failed
            raise LeaseLostError(run_id=run_id, fence=fence) from failed

    def signal(self, run_id: str, slot: str, answer: Answer, due_at: datetime, touch: Touch | None = None) -> bool:
        """One update, but for a paused run and one that an earlier release stored: what was expected first shows in
        the refusal. Raises TooLargeError once the run has more answers than its item can hold."""
        text = self._runs.pack_answer(run_id, answer)
        paused, has_answers = False, True
        for _ in range(_SIGNAL_ATTEMPTS):
            try:
                #     live ──► answer + due        paused ──► answer alone, `resume` makes it due
                # Which of the two it is, the update's condition asks: a pause in between refuses it.
                self._signal(run_id, slot, text, None if paused else due_at, has_answers, touch)
            except ConditionFailedError as failed:
                item = _live(run_id, failed)
                if slot in (item.answers or {}):
                    return False
                if item.answer_bytes + member_bytes(slot, text) > MAX_ANSWERS_BYTES:
                    raise TooLargeError("The run has too many answers.", run_id=run_id) from failed
                paused, has_answers = item.status == RunStatus.PAUSED.value, item.answers is not None
            else:
                return True
        raise UnavailableError("The run kept changing.", run_id=run_id)

    def _signal(
        self, run_id: str, slot: str, text: str, due_at: datetime | None, has_answers: bool, touch: Touch | None
    ) -> None:
        size = member_bytes(slot, text)
        if has_answers:
            stored = Member(RunItem.answers, slot).set(text)
            room = conditions.has_room_for(slot, size)
        else:
            stored = RunItem.answers.set({slot: text})
            room = conditions.has_no_answers_yet()
        # The size is counted apart, because no condition can ask how large a map is.
        actions = [stored, RunItem.answer_bytes.add(size), RunItem.signals.add(1), *touching(touch)]
        if due_at is not None:
            actions.append(RunItem.due_at.set(due_at))
        self._runs.table.update(run_id, RUN, actions, conditions.takes_signals(paused=due_at is None) & room)

    def _changed(self, run_id: str, actions: list[Action], condition: Condition) -> Run:
        raw = self._runs.table.update(run_id, RUN, actions, condition, returns="ALL_NEW")
        return self._runs.run(RunItem.from_raw_data(raw))


def is_held(failed: ConditionFailedError, fence: int) -> bool:
    """Whether the refused write was that of the lease's holder."""
    if not failed.item:
        return False
    item = RunItem.from_raw_data(failed.item)
    return int(item.fence) == fence and item.status == RunStatus.RUNNING.value


def _found(run_id: str, failed: ConditionFailedError) -> RunItem:
    """The run as it was when the write was refused. Raises RunNotFoundError."""
    if not failed.item:
        raise RunNotFoundError(run_id=run_id) from failed
    return RunItem.from_raw_data(failed.item)


def _live(run_id: str, failed: ConditionFailedError) -> RunItem:
    """Raises RunNotFoundError, RunEndedError."""
    item = _found(run_id, failed)
    if RunStatus(item.status).is_final:
        raise RunEndedError(run_id=run_id) from failed
    return item
