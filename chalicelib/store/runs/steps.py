"""Recording steps, and reading those that a graph has once. Each record is an item of its own, put once and never
changed.

A record carries outcomes of steps without effect that ended before it, and they come back with it. Where it lies in
a round, `history` does not read it; so those of them that lie in none get an item beside it. That one is written
second: a crash in between loses nothing but their place in the history until the run is resumed, which computes
them again.
"""

from __future__ import annotations

from pynamodb.expressions.condition import Condition

from chalicelib.domain.run import History, Outcome, Round
from chalicelib.store.attributes import unexpired
from chalicelib.store.runs.items import StepItem
from chalicelib.store.runs.places import (
    FIRST_STATIC,
    LAST_STATIC,
    attempt_place,
    carrier_place,
    intent_place,
    step_place,
)
from chalicelib.store.runs.step_records import StepRecords
from chalicelib.store.table import ConditionFailedError


class RunSteps(StepRecords):
    def record(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...] = ()) -> Outcome:
        # Where the record itself lies outside of all rounds, `history` reads it, and all of `also` rides on it.
        static = tuple(each for each in also if each.round is None) if outcome.round is not None else ()
        riding = tuple(each for each in also if each.round is not None) if static else also
        item = self._step_item(run_id, step_place(outcome.key, outcome.generation, outcome.round), outcome)
        item.also = self._runs.pack_outcomes(run_id, riding)
        try:
            self._runs.table.put(item, _is_first_record())
        except ConditionFailedError as failed:
            return self._stored(run_id, failed)
        if static:
            self._carry(run_id, outcome, static)
        return outcome

    def record_attempt(self, run_id: str, attempt: Outcome) -> Outcome:
        place = attempt_place(attempt.key, attempt.generation, attempt.attempt, attempt.round)
        try:
            self._runs.table.put(self._step_item(run_id, place, attempt), _is_first_record())
        except ConditionFailedError as failed:
            return self._stored(run_id, failed)
        return attempt

    def record_intent(self, run_id: str, key: str, generation: int, round: Round | None = None) -> bool:  # noqa: A002
        item = StepItem(run_id, intent_place(key, generation, round), step_key=key)
        item.round = self._pack_round(run_id, round)
        item.expires_at = self._runs.step_expires_at(self._runs.now())
        return self._put_first(item)

    def history(self, run_id: str) -> History:
        static = (StepItem.run_id == run_id) & StepItem.place.between(FIRST_STATIC, LAST_STATIC)
        found = self._runs.table.query(static, unexpired(self._runs.now()))
        return self._history(run_id, [StepItem.from_raw_data(raw) for raw in found])

    def _carry(self, run_id: str, outcome: Outcome, also: tuple[Outcome, ...]) -> None:
        item = StepItem(run_id, carrier_place(outcome.key, outcome.generation), step_key=outcome.key)
        item.also = self._runs.pack_outcomes(run_id, also)
        item.expires_at = self._runs.step_expires_at(outcome.finished_at)
        self._put_first(item)

    def _put_first(self, item: StepItem) -> bool:
        try:
            self._runs.table.put(item, _is_first_record())
        except ConditionFailedError:
            return False
        return True

    def _stored(self, run_id: str, failed: ConditionFailedError) -> Outcome:
        stored, _ = self._recorded(run_id, [StepItem.from_raw_data(failed.item)])[0]
        assert stored is not None
        return stored


def _is_first_record() -> Condition:
    """Guards what was recorded: of two workers that ran the same step, both continue from the first record."""
    return StepItem.run_id.does_not_exist()
