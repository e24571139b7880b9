"""Items of what was recorded of steps, to and from outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.domain.json import Json
from chalicelib.domain.run import History, Outcome, Round
from chalicelib.store.runs import outcomes, round_json
from chalicelib.store.runs.items import RunTable, StepItem, owner_of
from chalicelib.store.runs.places import START, STEP, TRY, WITH, generation_of_intent, kind_of

_VALUES_PER_STEP = 5  # as many as `_recorded` takes of an item


class StepRecords:
    """What recording and reading steps share."""

    _runs: RunTable

    def _step_item(self, run_id: str, place: str, outcome: Outcome) -> StepItem:
        return StepItem(
            run_id,
            place,
            step_key=outcome.key,
            outcome=self._runs.values.pack(owner_of(run_id), outcomes.to_json(outcome)),
            output=self._pack(run_id, outcome.output),
            input=self._pack(run_id, outcome.input),
            round=self._pack_round(run_id, outcome.round),
            expires_at=self._runs.step_expires_at(outcome.finished_at),
        )

    def _pack(self, run_id: str, value: Json) -> str | None:
        return None if value is None else self._runs.values.pack(owner_of(run_id), value)

    def _pack_round(self, run_id: str, around: Round | None) -> str | None:
        return None if around is None else self._runs.values.pack(owner_of(run_id), round_json.to_json(around))

    def _unpack_round(self, item: StepItem) -> Round | None:
        return round_json.from_json(self._runs.values.unpack(owner_of(item.run_id), (item.round,))[0])

    def _recorded(self, run_id: str, items: Sequence[StepItem]) -> list[tuple[Outcome | None, tuple[Outcome, ...]]]:
        """Each item's outcome and what was recorded with it; spilled values of all items are fetched together."""
        texts = [text for item in items for text in (item.outcome, item.output, item.input, item.also, item.round)]
        values: list[Any] = self._runs.values.unpack(owner_of(run_id), texts)
        found = []
        for at in range(0, len(values), _VALUES_PER_STEP):
            head, output, input_, also, around = values[at : at + _VALUES_PER_STEP]
            outcome = head and outcomes.from_json(head, output, input_, round_json.from_json(around))
            found.append((outcome, outcomes.all_from_json(also)))
        return found

    def _history(self, run_id: str, items: Sequence[StepItem]) -> History:
        kinds = [kind_of(item.place) for item in items]
        recorded = list(zip(kinds, self._recorded(run_id, items), strict=True))
        return History(
            outcomes=_first_of_each(
                (outcome for kind, (outcome, _) in recorded if kind == STEP and outcome is not None),
                (each for kind, (_, also) in recorded if kind in {STEP, WITH} for each in also),
            ),
            attempts=tuple(
                sorted((attempt for kind, (attempt, _) in recorded if kind == TRY and attempt is not None), key=_by_end)
            ),
            intents=frozenset(
                f"{item.step_key}#{generation_of_intent(item.place)}"
                for kind, item in zip(kinds, items, strict=True)
                if kind == START
            ),
        )


def _by_end(outcome: Outcome) -> tuple[Any, ...]:
    return outcome.finished_at, outcome.key, outcome.generation, outcome.attempt


def _first_of_each(recorded: Iterable[Outcome], also: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Several records may carry the same step without effect; a step's own record goes before those."""
    found: dict[tuple[str, int], Outcome] = {}
    for outcome in (*sorted(recorded, key=_by_end), *sorted(also, key=_by_end)):
        found.setdefault((outcome.key, outcome.generation), outcome)
    return tuple(sorted(found.values(), key=_by_end))
