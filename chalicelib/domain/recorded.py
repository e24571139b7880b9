"""What is known of a run's steps from earlier holds, and what has come about since that no record carries yet.

Each outcome is looked at once, when its step is reached, and forgotten then: what a step costs does not depend on how
many were recorded before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.domain.run import History, Outcome

MAX_UNRECORDED_IN_ROUNDS = 50
MAX_UNRECORDED_WEIGHT = 8_000_000


class Recorded:
    """`tail` are outcomes that the run itself carries: known, and in no record of their own."""

    def __init__(self, tail: Sequence[Outcome]) -> None:
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._attempts: dict[tuple[str, int], Outcome] = {}
        self._intents: set[str] = set()
        self._unrecorded = {outcome.key: outcome for outcome in tail}
        self._weight = 0
        self._know(tail)

    def load(self, history: History) -> None:
        """Adds what was recorded. Of several attempts of a step the last counts, in whatever order they come."""
        self._know(history.outcomes)
        for attempt in history.attempts:
            known = self._attempts.get((attempt.key, attempt.generation))
            if known is None or known.attempt < attempt.attempt:
                self._attempts[attempt.key, attempt.generation] = attempt
        self._intents |= history.intents

    def take_outcome(self, key: str, generation: int) -> Outcome | None:
        """How the step ended, if it has."""
        return self._outcomes.pop((key, generation), None)

    def take_attempt(self, key: str, generation: int) -> Outcome | None:
        """The last attempt of the step that failed and is to be followed by another, if there was one."""
        return self._attempts.pop((key, generation), None)

    def was_begun(self, key: str, generation: int) -> bool:
        """Whether an at-most-once effect was about to be tried."""
        return f"{key}#{generation}" in self._intents

    def keep(self, outcome: Outcome) -> None:
        """Notes an outcome that the next record should carry along. Of rounds only the newest are kept: a long loop
        without effects is not to grow."""
        # Forgotten first, so that a repetition stands last and weighs once.
        self._forget(outcome.key)
        self._unrecorded[outcome.key] = outcome
        self._weight += outcome.weight
        if outcome.round is not None and len(self._unrecorded) > MAX_UNRECORDED_IN_ROUNDS:
            # A dict keeps the order of insertion: the first that lies in a round is the oldest.
            self._forget(next(key for key, kept in self._unrecorded.items() if kept.round is not None))

    def weigh(self, key: str, weight: int) -> None:
        """Says how large the output of a kept outcome is. What is too large together is not carried: a value that
        fifty steps pass on would stand in the record fifty times."""
        kept = self._unrecorded.get(key)
        if kept is None or kept.weight or kept.left_out:
            return
        if self._weight + weight > MAX_UNRECORDED_WEIGHT:
            self._unrecorded[key] = replace(kept, output=None, input=None, left_out=True)
        else:
            self._unrecorded[key] = replace(kept, weight=weight)
            self._weight += weight

    def take_unrecorded(self) -> tuple[Outcome, ...]:
        """The outcomes that no record carries yet; the caller records them or gives them back by `keep`."""
        taken = tuple(self._unrecorded.values())
        self._unrecorded.clear()
        self._weight = 0
        return taken

    def _forget(self, key: str) -> None:
        forgotten = self._unrecorded.pop(key, None)
        if forgotten is not None:
            self._weight -= forgotten.weight

    def _know(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            # Without its values nothing can go on from it, so that the step has to be computed again.
            if not outcome.left_out:
                self._outcomes[outcome.key, outcome.generation] = outcome
