"""Many threads at once: what AWS decides atomically is decided once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from chalicelib.domain.errors import (
    AlreadyExistsError,
    LeaseHeldError,
    LeaseLostError,
    PenstockError,
    SignalledError,
    StaleWriteError,
)
from chalicelib.domain.run import Answer, Run, RunStatus
from tests.fakes import START
from tests.store.actions import claim, park
from tests.store.backends import Stores
from tests.store.samples import after, body, hook, outcome, run, workflow

THREADS = 32
T = TypeVar("T")


def at_once(act: Callable[[int], T]) -> list[T | PenstockError]:
    """What each of the threads got, errors of ours included."""
    barrier = Barrier(THREADS)

    def attempt(number: int) -> T | PenstockError:
        barrier.wait()
        try:
            return act(number)
        except PenstockError as error:
            return error

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(attempt, range(THREADS)))


def test_one_of_many_claims_wins(on_aws: Stores) -> None:
    on_aws.runs.create(run())

    results = at_once(lambda _: on_aws.runs.claim("exec_1", now=START, lease_expires_at=after(60)))

    assert sum(isinstance(result, Run) for result in results) == 1
    assert sum(isinstance(result, LeaseHeldError) for result in results) == THREADS - 1
    assert on_aws.runs.get("exec_1").fence == 1


def test_one_of_many_claims_wins_when_a_deadline_is_near(on_aws: Stores) -> None:
    on_aws.runs.create(run(deadline_at=after(30)))

    results = at_once(lambda _: on_aws.runs.claim("exec_1", now=START, lease_expires_at=after(60)))

    assert sum(isinstance(result, Run) for result in results) == 1
    assert on_aws.runs.get("exec_1").fence == 1


def test_all_continue_from_the_one_outcome_that_was_recorded(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.runs.record("exec_1", outcome(output=number)))

    (recorded,) = on_aws.runs.history("exec_1").outcomes
    assert results == [recorded] * THREADS


def test_one_of_many_may_try_an_at_most_once_effect(on_aws: Stores) -> None:
    results = at_once(lambda _: on_aws.runs.record_intent("exec_1", "pay", 0))

    assert results.count(True) == 1


def test_one_of_many_changes_of_a_revision_wins(on_aws: Stores) -> None:
    on_aws.workflows.create(workflow(), body())

    results = at_once(lambda number: on_aws.workflows.replace(workflow(name=str(number), revision=2)))

    winner = results.index(None)
    assert sum(isinstance(result, StaleWriteError) for result in results) == THREADS - 1
    assert on_aws.workflows.get("ws_a", "wf_1").name == str(winner)


def test_one_workspace_gets_a_hooks_id(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.hooks.create(hook(workspace_id=f"ws_{number}")))

    winner = results.index(None)
    assert sum(isinstance(result, AlreadyExistsError) for result in results) == THREADS - 1
    assert on_aws.hooks.find("wh_1").workspace_id == f"ws_{winner}"


def test_no_count_is_lost(on_aws: Stores) -> None:
    results = at_once(lambda _: on_aws.counters.add("c", 1, START))

    assert sorted(results, key=str) == sorted(range(1, THREADS + 1), key=str)


def test_a_due_time_is_moved_by_one_of_many(on_aws: Stores) -> None:
    on_aws.runs.create(run(due_at=after(60)))

    results = at_once(lambda number: on_aws.runs.rearm("exec_1", after(60), after(100 + number)))

    assert results.count(True) == 1


def test_one_of_many_answers_of_a_step_wins(on_aws: Stores) -> None:
    on_aws.runs.create(run(status=RunStatus.WAITING))

    results = at_once(lambda number: on_aws.runs.signal("exec_1", "ask", Answer(START, number), after(60)))

    found = on_aws.runs.get("exec_1")
    assert (results.count(True), results.count(False)) == (1, THREADS - 1)
    assert (found.answers["ask"].output, found.signals) == (results.index(True), 1)


def test_no_answer_is_lost(on_aws: Stores) -> None:
    on_aws.runs.create(run(status=RunStatus.WAITING))

    results = at_once(lambda number: on_aws.runs.signal("exec_1", f"ask{number}", Answer(START, number), after(60)))

    found = on_aws.runs.get("exec_1")
    assert results == [True] * THREADS
    assert (len(found.answers), found.signals) == (THREADS, THREADS)


def test_a_run_is_parked_or_paused_but_an_answer_is_never_overlooked(on_aws: Stores) -> None:
    for attempt in range(4):
        run_id = f"exec_{attempt}"
        on_aws.runs.create(run(id=run_id))
        claim(on_aws, run_id)
        acts: list[Callable[[], object]] = [
            partial(park, on_aws, run_id=run_id),
            partial(on_aws.runs.pause, run_id),
            partial(on_aws.runs.signal, run_id, "ask", Answer(START), after(60)),
        ]

        results = at_once(lambda number, acts=acts: acts[number % 3]())  # type: ignore[misc]

        found = on_aws.runs.get(run_id)
        parked = [result for result in results[::3] if not isinstance(result, PenstockError)]
        assert len(parked) <= 1
        assert {type(result) for result in results[::3]} <= {type(None), SignalledError, LeaseLostError}
        assert all(isinstance(result, Run) for result in results[1::3])
        assert results[2::3].count(True) == 1
        assert (found.status, found.fence, found.due_at) == (RunStatus.PAUSED, 2, None)
        assert (found.signals, list(found.answers)) == (1, ["ask"])


def test_one_of_many_restarts_wins(on_aws: Stores) -> None:
    on_aws.runs.create(run(status=RunStatus.FAILED, fence=3))

    results = at_once(lambda _: on_aws.runs.restart("exec_1", 3, resets={}, deadline_at=None, due_at=after(60)))

    assert sum(isinstance(result, Run) for result in results) == 1
    assert on_aws.runs.get("exec_1").fence == 4


def test_a_limit_is_never_exceeded(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.slots.take("wf", f"exec_{number:02}", 5))

    holders = [f"exec_{number:02}" for number, result in enumerate(results) if result is None]
    assert len(holders) == 5
    assert all(len(result) == 5 for result in results if isinstance(result, tuple))
    assert on_aws.slots.take("wf", "exec_more", 5) == tuple(holders)


def test_slots_that_are_given_back_meanwhile_do_not_add_up(on_aws: Stores) -> None:
    held: set[str] = set()
    most: list[int] = []

    def take_and_give_back(number: int) -> None:
        holder = f"exec_{number}"
        for _ in range(5):
            if on_aws.slots.take("wf", holder, 3) is None:
                held.add(holder)
                most.append(len(held))
                held.discard(holder)
                on_aws.slots.give_back("wf", holder)

    at_once(take_and_give_back)

    assert max(most) <= 3
    assert on_aws.slots.take("wf", "exec_last", 1) is None


def test_one_of_many_marks_counts(on_aws: Stores) -> None:
    results = at_once(lambda number: on_aws.marks.put("seen", str(number), after(60)))

    assert results == [on_aws.marks.get("seen")] * THREADS
