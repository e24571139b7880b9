"""All records of a run, page by page, on every backend."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.run import Outcome, StepStatus
from tests.store.backends import Stores
from tests.store.samples import FULL_OUTCOME, INNER_ROUND, OUTER_ROUND, after, in_round, outcome, round_of, run

EVERYTHING = [
    outcome("a"),
    outcome("also_a"),
    outcome("also_b"),
    outcome("b", generation=1),
    outcome("fetch", status=StepStatus.FAILED, attempt=1),
    outcome("fetch", status=StepStatus.FAILED, attempt=2, finished_at=after(2)),
    outcome("rides"),
    in_round(OUTER_ROUND, "x"),
    in_round(INNER_ROUND, "y", status=StepStatus.FAILED),
    in_round(INNER_ROUND, "y", attempt=2, output="x" * 100_000),
    in_round(INNER_ROUND, "rides_too"),
    FULL_OUTCOME,
]


@pytest.fixture
def filled(stores: Stores) -> Stores:
    stores.runs.create(run(tail=(outcome("of_the_tail"),)))
    a, also_a, also_b, b, failed, again, rides, x, tried, y, rides_too, full = EVERYTHING
    stores.runs.record("exec_1", a, (also_a, also_b))
    for each in (b, x, full):
        stores.runs.record("exec_1", each)
    for attempt in (failed, again, tried):
        stores.runs.record_attempt("exec_1", attempt)
    stores.runs.record("exec_1", y, (rides, rides_too))
    stores.runs.record_intent("exec_1", "pay", 0)
    stores.runs.record_intent("exec_1", "outer.3/pay", 0, OUTER_ROUND)
    stores.runs.record("exec_2", outcome("of_another_run"))
    return stores


def pages(stores: Stores, limit: int, run_id: str = "exec_1") -> Iterator[tuple[Outcome, ...]]:
    after_: str | None = None
    while True:
        page, after_ = stores.runs.steps(run_id, after=after_, limit=limit)
        yield page
        if after_ is None:
            return


def test_a_run_of_which_nothing_is_recorded_has_one_empty_page(stores: Stores) -> None:
    stores.runs.create(run(tail=(outcome("a"),)))

    assert stores.runs.steps("exec_1", after=None, limit=5) == ((), None)
    assert stores.runs.steps("exec_none", after=None, limit=5) == ((), None)


def test_a_large_page_has_everything(filled: Stores) -> None:
    page, following = filled.runs.steps("exec_1", after=None, limit=500)

    assert following is None
    assert sorted(map(repr, page)) == sorted(map(repr, EVERYTHING))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 11, 12, 13])
def test_pages_are_full_and_have_everything_once_and_in_order(filled: Stores, limit: int) -> None:
    whole, _ = filled.runs.steps("exec_1", after=None, limit=500)

    found = list(islice(pages(filled, limit), 50))

    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert tuple(each for page in found for each in page) == whole


def test_steps_of_the_graph_go_first_and_rounds_follow_in_their_order(stores: Stores) -> None:
    rounds = [round_of("loop", index) for index in (10, 9, 100)]
    for around in rounds:
        stores.runs.record("exec_1", in_round(around))
    stores.runs.record("exec_1", outcome("z"))
    stores.runs.record("exec_1", outcome("b"))

    page, _ = stores.runs.steps("exec_1", after=None, limit=50)

    assert [each.key for each in page] == ["b", "z", "loop.9/call", "loop.10/call", "loop.100/call"]


def test_a_page_begins_where_the_one_before_ended_whatever_was_recorded_meanwhile(stores: Stores) -> None:
    for key in "bdf":
        stores.runs.record("exec_1", outcome(key))
    first, following = stores.runs.steps("exec_1", after=None, limit=2)

    for key in "aeg":
        stores.runs.record("exec_1", outcome(key))
    second, _ = stores.runs.steps("exec_1", after=following, limit=9)

    assert [each.key for each in first] == ["b", "d"]
    assert [each.key for each in second] == ["f", "g"]


FORGED = ["", "?", "x", "ü", "null", "[]", "5", '["a"]', '[1,"a"]', base64.b64encode(b'["run",0]').decode()]


@pytest.mark.parametrize("cursor", FORGED, ids=ascii)
def test_a_cursor_of_another_kind_is_refused(filled: Stores, cursor: str) -> None:
    with pytest.raises(InvalidError):
        filled.runs.steps("exec_1", after=cursor, limit=5)


@pytest.mark.parametrize("place", ["", "a", "run", "x" * 2000])
def test_a_forged_cursor_does_not_lead_to_anything_but_steps(on_aws: Stores, place: str) -> None:
    on_aws.runs.create(run())
    cursor = base64.urlsafe_b64encode(f'["{place}",0]'.encode()).decode()

    with pytest.raises(InvalidError):
        on_aws.runs.steps("exec_1", after=cursor, limit=5)


def test_a_listing_of_more_than_a_megabyte_is_complete(stores: Stores) -> None:
    for number in range(50):
        stores.runs.record("exec_1", outcome(f"s{number}", output="x" * 30_000))

    assert sum(len(page) for page in pages(stores, 100)) == 50
    assert [len(page) for page in pages(stores, 20)] == [20, 20, 10]
