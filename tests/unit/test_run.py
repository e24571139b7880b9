"""The table of a run's transitions, allowed and refused."""

from __future__ import annotations

import itertools

import pytest

from chalicelib.domain.run import FINAL, LIVE, TRANSITIONS, RunStatus, allowed_sources

Q, R, W, P = RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PAUSED
S, F, C, T = RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT

ALLOWED = {
    (Q, R): "claimed",
    (Q, P): "paused before its first step",
    (Q, C): "cancelled before its first step",
    (Q, T): "its time was over before it began",
    (Q, F): "it cannot be begun",
    (R, R): "claimed again after its worker died",
    (R, Q): "handed over",
    (R, W): "parked",
    (R, P): "paused",
    (R, S): "ended",
    (R, F): "ended",
    (R, C): "ended",
    (R, T): "ended",
    (W, R): "claimed",
    (W, P): "paused",
    (W, C): "cancelled",
    (W, T): "timed out",
    (W, F): "failed from outside",
    (P, Q): "resumed",
    (P, C): "cancelled",
    (P, T): "timed out",
    (S, Q): "rerun",
    (F, Q): "retried",
    (C, Q): "retried",
    (T, Q): "retried",
}


@pytest.mark.parametrize(("source", "target"), list(itertools.product(RunStatus, RunStatus)))
def test_a_change_is_allowed_exactly_where_the_table_says(source: RunStatus, target: RunStatus) -> None:
    assert (target in TRANSITIONS[source]) == ((source, target) in ALLOWED)


def test_every_status_is_live_or_final() -> None:
    assert LIVE | FINAL == set(RunStatus) == set(TRANSITIONS)
    assert not LIVE & FINAL


def test_out_of_a_final_status_leads_only_the_queue() -> None:
    assert {target for status in FINAL for target in TRANSITIONS[status]} == {Q}


def test_the_sources_of_a_status_are_those_that_lead_to_it() -> None:
    assert allowed_sources(Q) == {R, P, S, F, C, T}
