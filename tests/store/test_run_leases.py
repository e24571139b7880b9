"""Claiming, renewing, parking and ending runs, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.errors import (
    AlreadyExistsError,
    LeaseHeldError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
)
from chalicelib.domain.json import Json
from chalicelib.domain.run import FINAL, LIVE, Failure, RunStatus
from tests.fakes import START
from tests.store.actions import claim, finish, park
from tests.store.backends import Stores
from tests.store.samples import FULL_OUTCOME, FULL_RUN, after, outcome, run

CLAIMABLE = [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING]
UNHEARD_OF = ["exec_none", "", "x" * 3000, "a#b/ü"]


def test_a_created_run_is_read_back_whole(stores: Stores) -> None:
    stores.runs.create(FULL_RUN)

    assert stores.runs.get("exec_1") == FULL_RUN


def test_a_run_without_input_or_output_is_read_back(stores: Stores) -> None:
    stored = run(input=None, due_at=None)

    stores.runs.create(stored)

    assert stores.runs.get("exec_1") == stored


def test_a_run_cannot_be_created_twice(stores: Stores) -> None:
    stores.runs.create(run())

    with pytest.raises(AlreadyExistsError):
        stores.runs.create(run(input={"order": 8}))

    assert stores.runs.get("exec_1").input == {"order": 7}


@pytest.mark.parametrize("run_id", UNHEARD_OF)
def test_an_unknown_run_is_not_found(stores: Stores, run_id: str) -> None:
    with pytest.raises(RunNotFoundError):
        stores.runs.get(run_id)
    with pytest.raises(RunNotFoundError):
        claim(stores, run_id)
    with pytest.raises(RunNotFoundError):
        stores.runs.end(run_id, status=RunStatus.CANCELLED, at=START)
    with pytest.raises(LeaseLostError):
        stores.runs.renew(run_id, 1, after(60))
    assert not stores.runs.rearm(run_id, START, after(1))


@pytest.mark.parametrize("status", CLAIMABLE)
def test_a_claim_takes_the_lease_and_raises_the_counts(stores: Stores, status: RunStatus) -> None:
    before = run(status=status, fence=2, hops=5, stalls=1, tail=(outcome("a"),))
    stores.runs.create(before)

    claimed = claim(stores, at=10)

    expected = replace(
        before,
        status=RunStatus.RUNNING,
        fence=3,
        hops=6,
        stalls=2,
        lease_expires_at=after(70),
        began_at=after(10),
        due_at=after(70),
    )
    assert claimed == expected
    assert stores.runs.get("exec_1") == expected


def test_a_run_begins_with_its_first_claim_unless_it_was_turned_away(stores: Stores) -> None:
    stores.runs.create(run())
    first = claim(stores, at=10)
    park(stores, first.fence, begun=False)

    second = claim(stores, at=100)
    park(stores, second.fence)
    third = claim(stores, at=200)

    assert (first.began_at, second.began_at, third.began_at) == (after(10), after(100), after(100))
    assert (first.hops, second.hops, third.hops) == (1, 1, 2)


def test_a_lease_that_lasts_is_not_taken(stores: Stores) -> None:
    stores.runs.create(run())
    first = claim(stores)

    with pytest.raises(LeaseHeldError):
        claim(stores, at=59.999)

    assert stores.runs.get("exec_1") == first


def test_a_lease_that_has_just_expired_is_taken(stores: Stores) -> None:
    stores.runs.create(run())
    claim(stores)

    second = claim(stores, at=60)

    assert (second.fence, second.hops, second.stalls) == (2, 2, 2)


@pytest.mark.parametrize("status", sorted({*FINAL, RunStatus.PAUSED}))
def test_an_ended_or_paused_run_is_not_claimed(stores: Stores, status: RunStatus) -> None:
    stores.runs.create(run(status=status))

    with pytest.raises(RunEndedError):
        claim(stores)

    assert stores.runs.get("exec_1").fence == 0


@pytest.mark.parametrize(("deadline", "due"), [(None, 60), (59, 59), (60, 60), (61, 60), (-10, -10)], ids=str)
def test_a_claimed_run_is_due_when_its_lease_or_deadline_ends(
    stores: Stores, deadline: float | None, due: float
) -> None:
    stores.runs.create(run(deadline_at=None if deadline is None else after(deadline)))

    claimed = claim(stores)

    assert claimed.due_at == after(due)
    assert claimed.lease_expires_at == after(60)
    assert claimed.fence == 1


def test_a_held_run_with_a_near_deadline_is_still_held(stores: Stores) -> None:
    stores.runs.create(run(deadline_at=after(20)))
    claim(stores)

    with pytest.raises(LeaseHeldError):
        claim(stores, at=10)


def test_renewing_moves_the_lease_alone(stores: Stores) -> None:
    stores.runs.create(run())
    claimed = claim(stores)

    stores.runs.renew("exec_1", 1, after(100))

    assert stores.runs.get("exec_1") == replace(claimed, lease_expires_at=after(100))
    with pytest.raises(LeaseHeldError):
        claim(stores, at=99)


def test_a_run_is_held_under_its_newest_fence_alone(stores: Stores) -> None:
    stores.runs.create(run())
    claim(stores)

    assert stores.runs.is_held("exec_1", 1)
    assert not stores.runs.is_held("exec_1", 0)
    assert not stores.runs.is_held("exec_9", 1)
    stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(1))
    assert not stores.runs.is_held("exec_1", 1)


@pytest.mark.parametrize("status", [RunStatus.WAITING, RunStatus.QUEUED])
def test_parking_releases_the_lease(stores: Stores, status: RunStatus) -> None:
    stores.runs.create(run())
    claimed = claim(stores)
    tail = (outcome("a"), FULL_OUTCOME)

    park(stores, status=status, tail=tail)

    assert stores.runs.get("exec_1") == replace(
        claimed, status=status, due_at=after(500), tail=tail, stalls=0, lease_expires_at=None
    )
    assert claim(stores, at=1).fence == 2


def test_parking_without_a_tail_forgets_the_one_before(stores: Stores) -> None:
    stores.runs.create(run(tail=(outcome("a"),)))
    claim(stores)

    park(stores)

    assert stores.runs.get("exec_1").tail == ()


@pytest.mark.parametrize("output", [{"total": 3}, None, "", 0, []])
def test_finishing_ends_the_run(stores: Stores, output: Json) -> None:
    stores.runs.create(run())
    claimed = claim(stores)

    finish(stores, 1, output=output, tail=(outcome("a"),))

    assert stores.runs.get("exec_1") == replace(
        claimed,
        status=RunStatus.SUCCEEDED,
        finished_at=after(5),
        output=output,
        due_at=None,
        lease_expires_at=None,
        tail=(outcome("a"),),
    )


def test_a_failed_run_says_why(stores: Stores) -> None:
    stores.runs.create(run())
    claim(stores)

    finish(stores, 1, status=RunStatus.FAILED, output=None, failure=Failure("http_error", "Nö.", "fetch"))

    found = stores.runs.get("exec_1")
    assert (found.status, found.failure) == (RunStatus.FAILED, Failure("http_error", "Nö.", "fetch"))


def lose_to_another_claim(stores: Stores) -> None:
    claim(stores, at=61)


def lose_to_an_end(stores: Stores) -> None:
    stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(2))


def lose_by_parking(stores: Stores) -> None:
    park(stores)


def lose_by_finishing(stores: Stores) -> None:
    finish(stores, 1, output="first")


@pytest.mark.parametrize("lose", [lose_to_another_claim, lose_to_an_end, lose_by_parking, lose_by_finishing])
def test_a_lost_lease_allows_nothing(stores: Stores, lose: Callable[[Stores], None]) -> None:
    stores.runs.create(run())
    claim(stores)
    lose(stores)
    before = stores.runs.get("exec_1")

    with pytest.raises(LeaseLostError):
        stores.runs.renew("exec_1", 1, after(900))
    with pytest.raises(LeaseLostError):
        park(stores, status=RunStatus.QUEUED)
    with pytest.raises(LeaseLostError):
        finish(stores, 1, output="late")

    assert stores.runs.get("exec_1") == before


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_live_run_is_ended_from_outside(stores: Stores, status: RunStatus) -> None:
    before = run(status=status, fence=1, lease_expires_at=after(60), tail=(outcome("a"),))
    stores.runs.create(before)
    failure = Failure("cancelled", "By the caller.")

    ended = stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(3), failure=failure)

    expected = replace(
        before,
        status=RunStatus.CANCELLED,
        finished_at=after(3),
        failure=failure,
        fence=2,
        due_at=None,
        lease_expires_at=None,
    )
    assert ended == expected
    assert stores.runs.get("exec_1") == expected


@pytest.mark.parametrize("status", sorted(FINAL))
def test_an_ended_run_is_not_ended_again(stores: Stores, status: RunStatus) -> None:
    before = run(status=status, finished_at=after(1), due_at=None)
    stores.runs.create(before)

    with pytest.raises(RunEndedError):
        stores.runs.end("exec_1", status=RunStatus.CANCELLED, at=after(3))

    assert stores.runs.get("exec_1") == before
