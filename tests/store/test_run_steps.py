"""What is recorded of steps, on every backend."""

from __future__ import annotations

from chalicelib.domain.run import History, StepStatus
from tests.store.backends import Stores
from tests.store.samples import FULL_OUTCOME, after, outcome, run


def test_a_run_of_which_nothing_is_recorded_has_an_empty_history(stores: Stores) -> None:
    stores.runs.create(run(tail=(outcome("a"),)))

    assert stores.runs.history("exec_1") == History()
    assert stores.runs.history("exec_none") == History()


def test_a_recorded_outcome_counts_and_is_read_back(stores: Stores) -> None:
    assert stores.runs.record("exec_1", FULL_OUTCOME) == FULL_OUTCOME

    assert stores.runs.history("exec_1") == History(outcomes=(FULL_OUTCOME,))


def test_the_first_outcome_of_a_step_counts(stores: Stores) -> None:
    first = outcome(output={"winner": 1})
    stores.runs.record("exec_1", first, (outcome("a"),))

    counted = stores.runs.record("exec_1", outcome(output={"winner": 2}), (outcome("b"),))

    assert counted == first
    assert {each.key for each in stores.runs.history("exec_1").outcomes} == {"fetch", "a"}
    assert first in stores.runs.history("exec_1").outcomes


def test_each_generation_of_a_step_has_its_own_outcome(stores: Stores) -> None:
    first, second = outcome(), outcome(generation=1, finished_at=after(2))

    stores.runs.record("exec_1", first)
    stores.runs.record("exec_1", second)

    assert stores.runs.history("exec_1").outcomes == (first, second)


def test_outcomes_that_go_with_a_record_are_in_the_history(stores: Stores) -> None:
    recorded = outcome("c", finished_at=after(3))
    also = (outcome("a", finished_at=after(1)), outcome("b", finished_at=after(2), input=1.0, output=None))

    stores.runs.record("exec_1", recorded, also)

    assert stores.runs.history("exec_1").outcomes == (*also, recorded)


def test_a_step_that_several_records_carry_is_in_the_history_once(stores: Stores) -> None:
    carried = outcome("a", finished_at=after(0.5))
    stores.runs.record("exec_1", outcome("b"), (carried,))
    stores.runs.record("exec_1", outcome("c"), (carried,))
    stores.runs.record("exec_1", outcome("d"), (outcome("b", output="another"),))

    assert stores.runs.history("exec_1").outcomes == (carried, outcome("b"), outcome("c"), outcome("d"))


def test_runs_do_not_share_their_records(stores: Stores) -> None:
    stores.runs.record("exec_1", outcome(output=1))

    assert stores.runs.record("exec_2", outcome(output=2)).output == 2


def test_failed_attempts_are_kept_beside_the_outcome(stores: Stores) -> None:
    failed = [outcome(status=StepStatus.FAILED, attempt=n, finished_at=after(n)) for n in (1, 2, 10)]
    for attempt in reversed(failed):
        stores.runs.record_attempt("exec_1", attempt)
    final = outcome(attempt=11, finished_at=after(11))
    stores.runs.record("exec_1", final)

    assert stores.runs.history("exec_1") == History(outcomes=(final,), attempts=tuple(failed))


def test_the_first_record_of_an_attempt_counts(stores: Stores) -> None:
    first = outcome(status=StepStatus.FAILED)
    stores.runs.record_attempt("exec_1", first)

    counts = stores.runs.record_attempt("exec_1", outcome(status=StepStatus.FAILED, output="late"))
    assert counts == first

    assert stores.runs.history("exec_1").attempts == (first,)


def test_an_intent_is_marked_once_for_each_generation(stores: Stores) -> None:
    assert stores.runs.record_intent("exec_1", "pay", 0)
    assert not stores.runs.record_intent("exec_1", "pay", 0)
    assert stores.runs.record_intent("exec_1", "pay", 1)
    assert stores.runs.record_intent("exec_1", "ship", 0)

    assert stores.runs.history("exec_1") == History(intents=frozenset({"pay#0", "pay#1", "ship#0"}))


def test_steps_whose_keys_are_alike_or_long_do_not_mix(stores: Stores) -> None:
    keys = ["a", "a#0", "a#1", "0", "ü" * 600, "ü" * 600 + "x", "sha256#0"]

    for number, key in enumerate(keys):
        assert stores.runs.record("exec_1", outcome(key, output=number)).output == number
        assert stores.runs.record_intent("exec_1", key, 0)

    history = stores.runs.history("exec_1")
    assert {each.key: each.output for each in history.outcomes} == {key: n for n, key in enumerate(keys)}
    assert history.intents == {f"{key}#0" for key in keys}
