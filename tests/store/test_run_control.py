"""Pausing, resuming, restarting and answering runs, and the news of their end, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.domain.errors import (
    IllegalTransitionError,
    LeaseHeldError,
    LeaseLostError,
    RunEndedError,
    RunNotFoundError,
    RunNotPausedError,
    SignalledError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.run import FINAL, LIVE, Answer, Failure, Parent, Reset, RunStatus, StepError
from chalicelib.local.resources import Resources
from chalicelib.services.ports import DUE_SHARDS
from chalicelib.store.aws import AwsClients
from chalicelib.store.values import MAX_CHILDREN
from tests.store.actions import claim, end, finish, park
from tests.store.backends import Stores
from tests.store.samples import FULL_RUN, after, outcome, round_of, run

PAUSABLE = sorted(LIVE - {RunStatus.PAUSED})
ANSWER = Answer(after(5), {"ok": True})


def due(stores: Stores, at: float) -> list[str]:
    return [entry.run_id for shard in range(DUE_SHARDS) for entry in stores.runs.due(shard, after(at), 20)]


def signal(stores: Stores, slot: str = "ask", answer: Answer = ANSWER, run_id: str = "exec_1") -> bool:
    return stores.runs.signal(run_id, slot, answer, after(60))


class TestPause:
    @pytest.mark.parametrize("status", PAUSABLE)
    def test_a_live_run_leaves_its_lease_and_the_due_index(self, stores: Stores, status: RunStatus) -> None:
        before = run(status=status, fence=1, stalls=1, lease_expires_at=after(60), tail=(outcome("a"),))
        stores.runs.create(before)

        paused = stores.runs.pause("exec_1")

        expected = replace(before, status=RunStatus.PAUSED, fence=2, due_at=None, lease_expires_at=None)
        assert paused == expected
        assert stores.runs.get("exec_1") == expected
        assert due(stores, 999) == []

    def test_a_paused_run_stays_as_it_is(self, stores: Stores) -> None:
        before = replace(FULL_RUN, status=RunStatus.PAUSED)
        stores.runs.create(before)

        assert stores.runs.pause("exec_1") == before
        assert stores.runs.get("exec_1") == before

    @pytest.mark.parametrize("status", sorted(FINAL))
    def test_an_ended_run_is_refused(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status))

        with pytest.raises(RunEndedError):
            stores.runs.pause("exec_1")

        assert stores.runs.get("exec_1") == run(status=status)

    def test_a_run_that_is_not_there_is_refused(self, stores: Stores) -> None:
        with pytest.raises(RunNotFoundError):
            stores.runs.pause("exec_none")

    def test_a_paused_run_is_not_claimed_and_has_no_news(self, stores: Stores) -> None:
        stores.runs.create(run())
        stores.runs.pause("exec_1")

        with pytest.raises(RunEndedError) as raised:
            claim(stores)

        assert raised.value.facts["has_news"] is False


class TestResume:
    def test_a_paused_run_is_queued_and_due(self, stores: Stores) -> None:
        before = run(status=RunStatus.PAUSED, due_at=None, fence=4, hops=3, stalls=2)
        stores.runs.create(before)

        resumed = stores.runs.resume("exec_1", after(60))

        expected = replace(before, status=RunStatus.QUEUED, due_at=after(60), stalls=0)
        assert resumed == expected
        assert stores.runs.get("exec_1") == expected
        assert due(stores, 60) == ["exec_1"]
        assert claim(stores).fence == 5

    @pytest.mark.parametrize("status", PAUSABLE)
    def test_a_run_that_is_not_paused_is_refused(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status))

        with pytest.raises(RunNotPausedError):
            stores.runs.resume("exec_1", after(99))

        assert stores.runs.get("exec_1") == run(status=status)

    @pytest.mark.parametrize("status", sorted(FINAL))
    def test_an_ended_run_is_refused(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status, due_at=None))

        with pytest.raises(RunEndedError):
            stores.runs.resume("exec_1", after(99))

        assert due(stores, 999) == []

    def test_a_run_that_is_not_there_is_refused(self, stores: Stores) -> None:
        with pytest.raises(RunNotFoundError):
            stores.runs.resume("exec_none", after(99))


class TestRestart:
    RESETS = {"fetch": Reset(1, 3), "pay": Reset(2, 1, 1)}

    @pytest.mark.parametrize("status", sorted(FINAL))
    def test_an_ended_run_is_queued_again_with_what_it_knew(self, stores: Stores, status: RunStatus) -> None:
        before = replace(FULL_RUN, status=status, lease_expires_at=None)
        stores.runs.create(before)

        restarted = stores.runs.restart("exec_1", 4, resets=self.RESETS, deadline_at=after(400), due_at=after(160))

        expected = replace(
            before,
            status=RunStatus.QUEUED,
            fence=5,
            hops=0,
            stalls=0,
            output=None,
            failure=None,
            finished_at=None,
            resets=self.RESETS,
            deadline_at=after(400),
            due_at=after(160),
        )
        assert restarted == expected
        assert stores.runs.get("exec_1") == expected
        assert due(stores, 160) == ["exec_1"]
        assert claim(stores, at=200).fence == 6

    def test_resets_and_a_deadline_before_are_forgotten(self, stores: Stores) -> None:
        stores.runs.create(replace(FULL_RUN, status=RunStatus.FAILED))

        restarted = stores.runs.restart("exec_1", 4, resets={}, deadline_at=None, due_at=after(60))

        assert (restarted.resets, restarted.deadline_at) == ({}, None)

    def test_a_run_that_goes_on_is_not_forgotten_when_its_end_would_have_been(
        self, make: Callable[..., Stores]
    ) -> None:
        stores = make(retention_seconds=3600)
        stores.runs.create(run())
        fence = end(stores).fence
        stores.runs.restart("exec_1", fence, resets={}, deadline_at=None, due_at=after(60))

        stores.clock.advance(9999)

        assert stores.runs.get("exec_1").status is RunStatus.QUEUED

    @pytest.mark.parametrize("status", sorted(LIVE))
    def test_a_live_run_is_refused(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status, fence=1))

        with pytest.raises(IllegalTransitionError):
            stores.runs.restart("exec_1", 1, resets={}, deadline_at=None, due_at=after(99))

        assert stores.runs.get("exec_1") == run(status=status, fence=1)

    def test_another_end_than_the_one_seen_is_refused(self, stores: Stores) -> None:
        stores.runs.create(run(status=RunStatus.FAILED, fence=2))

        with pytest.raises(StaleWriteError):
            stores.runs.restart("exec_1", 1, resets={}, deadline_at=None, due_at=after(99))

        assert stores.runs.get("exec_1").status is RunStatus.FAILED

    def test_a_run_that_is_not_there_is_refused(self, stores: Stores) -> None:
        with pytest.raises(RunNotFoundError):
            stores.runs.restart("exec_none", 1, resets={}, deadline_at=None, due_at=after(99))


class TestSignal:
    @pytest.mark.parametrize("status", PAUSABLE)
    def test_an_answer_is_kept_and_makes_the_run_due(self, stores: Stores, status: RunStatus) -> None:
        before = run(status=status, due_at=after(900), fence=3)
        stores.runs.create(before)

        assert signal(stores)

        assert stores.runs.get("exec_1") == replace(before, answers={"ask": ANSWER}, signals=1, due_at=after(60))
        assert due(stores, 60) == ["exec_1"]

    def test_a_paused_run_keeps_it_without_becoming_due(self, stores: Stores) -> None:
        before = run(status=RunStatus.PAUSED, due_at=None)
        stores.runs.create(before)

        assert signal(stores)

        assert stores.runs.get("exec_1") == replace(before, answers={"ask": ANSWER}, signals=1)
        assert due(stores, 999) == []
        assert not signal(stores)

    @pytest.mark.parametrize("status", PAUSABLE)
    def test_the_first_answer_of_a_step_counts(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status))
        signal(stores)
        before = stores.runs.get("exec_1")

        assert not signal(stores, answer=Answer(after(9), "late"))

        assert stores.runs.get("exec_1") == before

    def test_each_step_has_an_answer_of_its_own(self, stores: Stores) -> None:
        stores.runs.create(run())
        slots = ["ask", "ask@1", "loop.1/ask", "loop.1", "ask[0]", "a b.%2F#:ü", "x" * 700]
        answers = {slot: Answer(after(number), number) for number, slot in enumerate(slots)}

        for slot, answer in answers.items():
            assert signal(stores, slot, answer)

        found = stores.runs.get("exec_1")
        assert found.answers == answers
        assert found.signals == len(slots)

    @pytest.mark.parametrize("size", [0, 900, 5000, 2_000_000])
    def test_an_answer_of_any_size_is_claimed_with_its_run(self, stores: Stores, size: int) -> None:
        stores.runs.create(run())
        large = Answer(after(5), {"text": "ü" * (size // 2)})
        failed = Answer(after(6), None, StepError("sub_workflow", "It failed.", retryable=True, body="x" * size))
        signal(stores, "large", large)
        signal(stores, "failed", failed)

        assert claim(stores).answers == {"large": large, "failed": failed}

    @pytest.mark.parametrize("status", sorted(FINAL))
    def test_an_ended_run_takes_none(self, stores: Stores, status: RunStatus) -> None:
        before = run(status=status, due_at=None, answers={"ask": ANSWER}, signals=1)
        stores.runs.create(before)

        for slot in ("ask", "other"):
            with pytest.raises(RunEndedError):
                signal(stores, slot)

        assert stores.runs.get("exec_1") == before

    def test_a_run_that_is_not_there_takes_none(self, stores: Stores) -> None:
        with pytest.raises(RunNotFoundError):
            signal(stores, run_id="exec_none")

    def test_answers_outlast_everything_that_happens_to_the_run(self, stores: Stores) -> None:
        stores.runs.create(run())
        signal(stores)
        claim(stores)
        park(stores, signals=1)
        stores.runs.pause("exec_1")
        stores.runs.resume("exec_1", after(60))
        fence = end(stores).fence

        restarted = stores.runs.restart("exec_1", fence, resets={}, deadline_at=None, due_at=after(60))

        assert (restarted.answers, restarted.signals) == ({"ask": ANSWER}, 1)

    def test_a_run_takes_dozens_of_answers_and_is_never_broken_by_more(self, on_aws: Stores) -> None:
        on_aws.runs.create(run())
        largest_inline = Answer(after(5), "x" * 980)

        def signal_until_refused() -> Iterator[str]:
            for number in count(1):
                signal(on_aws, f"loop.{number}/ask", largest_inline)
                yield f"loop.{number}/ask"

        taken: list[str] = []
        with pytest.raises(TooLargeError):
            taken.extend(signal_until_refused())

        assert len(taken) >= 50
        assert list(claim(on_aws).answers) == taken


class TestParkAfterSignals:
    def test_a_signal_that_the_holder_has_not_seen_keeps_the_lease(self, stores: Stores) -> None:
        stores.runs.create(run())
        claim(stores)
        signal(stores)
        before = stores.runs.get("exec_1")

        with pytest.raises(SignalledError):
            park(stores, signals=0)

        assert stores.runs.get("exec_1") == before
        with pytest.raises(LeaseHeldError):
            claim(stores, at=1)
        park(stores, signals=1)
        assert stores.runs.get("exec_1").status is RunStatus.WAITING

    @pytest.mark.parametrize("seen", [0, 1])
    def test_a_lost_lease_is_told_first(self, stores: Stores, seen: int) -> None:
        stores.runs.create(run())
        claim(stores)
        signal(stores)
        claim(stores, at=61)

        with pytest.raises(LeaseLostError):
            park(stores, signals=seen)

    def test_rounds_are_kept_as_they_were_parked(self, stores: Stores) -> None:
        stores.runs.create(run(rounds=(round_of("before", 1),)))
        claim(stores)
        outer = round_of("outer", 2, carry={"n": 1.0}, begun_at=after(3))
        rounds = (outer, round_of("inner@1", 10, outer, carry="x" * 100_000, begun_at=after(4)))

        park(stores, rounds=rounds)

        assert claim(stores, at=1).rounds == rounds
        park(stores, 2)
        assert stores.runs.get("exec_1").rounds == ()


class TestAdopt:
    def test_children_are_noted_once_each(self, stores: Stores) -> None:
        stores.runs.create(run())
        claimed = claim(stores)

        for child_id in ("exec_b", "exec_c", "exec_b"):
            stores.runs.adopt("exec_1", 1, child_id)

        assert stores.runs.get("exec_1") == replace(claimed, children=frozenset({"exec_b", "exec_c"}))

    def test_more_children_than_a_run_can_name_are_refused(self, on_aws: Stores) -> None:
        children = frozenset(f"exec_{number:0>34}" for number in range(MAX_CHILDREN))
        on_aws.runs.create(run(children=children))
        claim(on_aws)

        with pytest.raises(TooLargeError):
            on_aws.runs.adopt("exec_1", 1, "exec_one_more")
        with pytest.raises(TooLargeError):
            on_aws.runs.adopt("exec_1", 1, "x" * 50)

        on_aws.runs.adopt("exec_1", 1, min(children))
        assert on_aws.runs.get("exec_1").children == children


class TestNews:
    def test_a_run_whose_end_is_to_be_told_stays_due_until_it_is(self, stores: Stores) -> None:
        stores.runs.create(run(parent=Parent("exec_0", "child")))
        claim(stores)
        finish(stores, news_due_at=after(65))

        assert stores.runs.get("exec_1").due_at == after(65)
        assert (due(stores, 64), due(stores, 65)) == ([], ["exec_1"])
        with pytest.raises(RunEndedError) as raised:
            claim(stores, at=59)
        assert raised.value.facts["has_news"] is False, "whoever ended it is telling"
        with pytest.raises(RunEndedError) as raised:
            claim(stores, at=60)
        assert raised.value.facts["has_news"] is True
        stores.runs.told("exec_1", 0)
        assert due(stores, 999) == ["exec_1"], "an earlier end's news are not this one's"
        stores.runs.told("exec_1", 1)

        assert due(stores, 999) == []
        assert stores.runs.get("exec_1").due_at is None
        with pytest.raises(RunEndedError) as raised:
            claim(stores, at=65)
        assert raised.value.facts["has_news"] is False

    @pytest.mark.parametrize("status", sorted(LIVE))
    def test_so_does_one_that_is_ended_from_outside(self, stores: Stores, status: RunStatus) -> None:
        before = run(status=status, due_at=after(9), fence=1)
        stores.runs.create(before)

        ended = end(stores, failure=Failure("cancelled", "By the caller."), news_due_at=after(63))

        assert ended.due_at == after(63)
        assert (due(stores, 62), due(stores, 63)) == ([], ["exec_1"])

    def test_news_are_hinted_at_again_until_they_are_told(self, stores: Stores) -> None:
        stores.runs.create(run())
        end(stores, news_due_at=after(63))

        assert stores.runs.rearm("exec_1", after(63), after(123))

        assert (due(stores, 122), due(stores, 123)) == ([], ["exec_1"])

    @pytest.mark.parametrize("status", sorted(LIVE - {RunStatus.PAUSED}))
    def test_a_live_run_stays_due_whoever_says_that_it_was_told(self, stores: Stores, status: RunStatus) -> None:
        stores.runs.create(run(status=status))

        stores.runs.told("exec_1", 0)

        assert stores.runs.get("exec_1") == run(status=status)

    def test_an_unknown_run_may_be_told(self, stores: Stores) -> None:
        stores.runs.told("exec_none", 1)

        with pytest.raises(RunNotFoundError):
            stores.runs.get("exec_none")


def lose_to_another_claim(stores: Stores) -> None:
    claim(stores, at=61)


def lose_to_a_pause(stores: Stores) -> None:
    stores.runs.pause("exec_1")


def lose_to_a_resumed_pause(stores: Stores) -> None:
    stores.runs.pause("exec_1")
    stores.runs.resume("exec_1", after(60))


def lose_to_a_restart(stores: Stores) -> None:
    stores.runs.restart("exec_1", end(stores).fence, resets={}, deadline_at=None, due_at=after(60))


@pytest.mark.parametrize(
    "lose", [lose_to_another_claim, lose_to_a_pause, lose_to_a_resumed_pause, lose_to_a_restart, end, finish, park]
)
def test_a_lost_lease_allows_nothing(stores: Stores, lose: Callable[[Stores], object]) -> None:
    stores.runs.create(run())
    claim(stores)
    lose(stores)
    before = stores.runs.get("exec_1")

    for act in (park, finish):
        with pytest.raises(LeaseLostError):
            act(stores)
    with pytest.raises(LeaseLostError):
        stores.runs.adopt("exec_1", 1, "exec_2")
    with pytest.raises(LeaseLostError):
        stores.runs.renew("exec_1", 1, after(900))

    assert stores.runs.get("exec_1") == before


def test_nobody_holds_a_run_that_is_not_there(stores: Stores) -> None:
    with pytest.raises(LeaseLostError):
        stores.runs.adopt("exec_none", 1, "exec_2")
    with pytest.raises(LeaseLostError):
        park(stores, run_id="exec_none")


class TestRunsOfEarlierReleases:
    """Their items lack what came later."""

    LATER = ("began_at", "rounds", "resets", "origin", "depth", "signals", "answers", "answer_bytes", "children")

    @pytest.fixture
    def old(self, on_aws: Stores, aws: AwsClients, resources: Resources) -> Stores:
        on_aws.runs.create(run())
        aws.dynamodb.update_item(
            TableName=resources.tables.runs,
            Key={"run_id": {"S": "exec_1"}, "place": {"S": "run"}},
            UpdateExpression="REMOVE " + ", ".join(f"#{name}" for name in self.LATER),
            ExpressionAttributeNames={f"#{name}": name for name in self.LATER},
        )
        return on_aws

    def test_they_are_read(self, old: Stores) -> None:
        assert old.runs.get("exec_1") == run()

    def test_they_are_advanced(self, old: Stores) -> None:
        claim(old)
        old.runs.adopt("exec_1", 1, "exec_2")

        park(old, rounds=(round_of("l", 1),))

        found = old.runs.get("exec_1")
        assert (found.status, found.children) == (RunStatus.WAITING, frozenset({"exec_2"}))

    @pytest.mark.parametrize("pause", [False, True])
    def test_they_are_answered(self, old: Stores, pause: bool) -> None:
        if pause:
            old.runs.pause("exec_1")

        assert signal(old)
        assert signal(old, "more")
        assert not signal(old)

        found = old.runs.get("exec_1")
        assert (found.answers, found.signals) == ({"ask": ANSWER, "more": ANSWER}, 2)
        assert found.due_at == (None if pause else after(60))

    def test_their_holder_notices_a_signal(self, old: Stores) -> None:
        claim(old)
        signal(old)

        with pytest.raises(SignalledError):
            park(old, signals=0)
