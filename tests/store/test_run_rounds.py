"""What is recorded of steps in rounds of loops and maps, on every backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.run import History, Outcome, Round, StepStatus
from tests.fakes import MemoryRunStore
from tests.store.backends import Calls, Stores, memory_stores
from tests.store.samples import FULL_OUTCOME, INNER_ROUND, OUTER_ROUND, after, in_round, outcome, round_of

QUERY, GET_OBJECT = "Query", "GetObject"


def newest(stores: Stores, container: str, outer: Round | None = None) -> tuple[History, Round | None]:
    return stores.runs.round_history("exec_1", container, outer, newest_only=True)


def every(stores: Stores, container: str, outer: Round | None = None) -> tuple[History, Round | None]:
    return stores.runs.round_history("exec_1", container, outer, newest_only=False)


def record(stores: Stores, *outcomes: Outcome) -> None:
    for each in outcomes:
        assert stores.runs.record("exec_1", each) == each


def fail(around: Round, name: str = "call", attempt: int = 1, **changes: Any) -> Outcome:
    return in_round(around, name, status=StepStatus.FAILED, attempt=attempt, **changes)


def test_a_container_of_which_nothing_is_recorded_has_no_rounds(stores: Stores) -> None:
    record(stores, outcome("loop"), in_round(round_of("other", 1)), in_round(round_of("loop.x", 1)))

    assert newest(stores, "loop") == (History(), None)
    assert every(stores, "loop") == (History(), None)
    assert newest(stores, "loop", round_of("other", 1)) == (History(), None)


def test_a_step_in_a_round_is_not_in_the_runs_history(stores: Stores) -> None:
    static, inside = outcome("a"), in_round(round_of("loop", 1))
    record(stores, static, inside)
    stores.runs.record_attempt("exec_1", fail(round_of("loop", 1), "b"))
    stores.runs.record_intent("exec_1", "loop.1/c", 0, round_of("loop", 1))

    assert stores.runs.history("exec_1") == History(outcomes=(static,))


def test_the_first_outcome_of_a_step_in_a_round_counts(stores: Stores) -> None:
    first = in_round(INNER_ROUND, output="first")
    record(stores, first)

    counted = stores.runs.record("exec_1", in_round(replace(INNER_ROUND, carry="other"), output="second"))

    assert counted == first
    assert newest(stores, "outer.3/inner@2", OUTER_ROUND) == (History(outcomes=(first,)), INNER_ROUND)


def test_a_round_is_read_back_with_what_it_began_with(stores: Stores) -> None:
    around = round_of("loop", 2, carry=["x" * 200_000, 1.0, 1], begun_at=after(3))
    recorded = replace(FULL_OUTCOME, key="loop.2/fetch", round=around)
    record(stores, recorded)

    history, found = newest(stores, "loop")

    assert (history.outcomes, found) == ((recorded,), around)


@pytest.mark.parametrize("indexes", [[1, 2, 3], [3, 1, 2], [9, 10, 11], [10, 9], [99_999, 100_000], [9_999_999]])
def test_a_loop_continues_from_its_newest_round(stores: Stores, indexes: list[int]) -> None:
    record(stores, *(in_round(round_of("loop", index, carry=index)) for index in indexes))

    last = round_of("loop", max(indexes), carry=max(indexes))
    assert newest(stores, "loop") == (History(outcomes=(in_round(last),)), last)


def test_a_map_is_read_with_all_its_rounds(stores: Stores) -> None:
    outcomes = [in_round(round_of("map", index), finished_at=after(index)) for index in range(12)]
    record(stores, *outcomes)

    assert every(stores, "map") == (History(outcomes=tuple(outcomes)), round_of("map", 11))


def test_steps_of_all_kinds_come_with_their_round(stores: Stores) -> None:
    around = round_of("loop", 2)
    done, again = in_round(around, "a"), in_round(around, "a", generation=1, finished_at=after(2))
    tries = [fail(around, "b", attempt, finished_at=after(attempt), generation=1) for attempt in (1, 2, 10)]
    record(stores, again, done)
    for attempt in reversed(tries):
        stores.runs.record_attempt("exec_1", attempt)
    stores.runs.record_attempt("exec_1", replace(tries[0], output="late"))

    assert stores.runs.record_intent("exec_1", "loop.2/c", 3, around)
    assert not stores.runs.record_intent("exec_1", "loop.2/c", 3, around)
    assert stores.runs.record_intent("exec_1", "loop.3/c", 3, round_of("loop", 3))

    expected = History((done, again), tuple(tries), frozenset({"loop.2/c#3", "loop.3/c#3"}))
    assert every(stores, "loop") == (expected, round_of("loop", 3))
    assert newest(stores, "loop") == (History(intents=frozenset({"loop.3/c#3"})), round_of("loop", 3))


@pytest.mark.parametrize("kind", ["outcome", "attempt", "intent"])
def test_a_round_that_only_a_nested_record_names_is_the_newest(stores: Stores, kind: str) -> None:
    before, outer = round_of("outer", 9, carry="nine"), round_of("outer", 10, carry="ten", begun_at=after(2))
    inner = round_of("inner", 2, round_of("middle", 7, outer))
    record(stores, in_round(before), in_round(round_of("zzz", 99)))
    match kind:
        case "outcome":
            record(stores, in_round(inner))
        case "attempt":
            stores.runs.record_attempt("exec_1", fail(inner))
        case "intent":
            stores.runs.record_intent("exec_1", "outer.10/middle.7/inner.2/pay", 0, inner)

    assert newest(stores, "outer") == (History(), outer)
    assert newest(stores, "outer.10/middle", outer) == (History(), inner.outer)
    assert newest(stores, inner.container, inner.outer)[1] == inner
    assert every(stores, "outer") == (History(outcomes=(in_round(before),)), outer)


def test_rounds_of_nested_loops_do_not_mix(stores: Stores) -> None:
    outers = [round_of("o", index) for index in (1, 2, 10)]
    inners = [round_of("i", index, outer) for outer in outers for index in (1, 2, 11)]
    record(stores, *map(in_round, inners), *map(in_round, outers))

    for outer in outers:
        last = round_of("i", 11, outer)
        assert newest(stores, last.container, outer) == (History(outcomes=(in_round(last),)), last)
    assert newest(stores, "o") == (History(outcomes=(in_round(outers[-1]),)), outers[-1])
    assert len(every(stores, "o")[0].outcomes) == 3


def test_a_map_in_a_loop_and_a_loop_in_a_map(stores: Stores) -> None:
    outer = round_of("loop", 4)
    items = [round_of("map", index, outer) for index in range(3)]
    record(stores, *map(in_round, items), in_round(round_of("again", 5, items[1])))

    assert every(stores, "loop.4/map", outer)[0].outcomes == tuple(in_round(item) for item in items)
    assert newest(stores, "loop.4/map.1/again", items[1])[1] == round_of("again", 5, items[1])
    assert newest(stores, "loop.4/map.0/again", items[0])[1] is None


def test_containers_whose_names_are_alike_or_long_do_not_mix(stores: Stores) -> None:
    names = ["l", "l.1", "l@1", "l#1", "l~", "l%23", "~" + "0" * 64, "ü" * 400, "ü" * 400 + "x", "l/step"]

    for number, name in enumerate(names):
        record(stores, in_round(round_of(name, number + 1), "ä" * 300), in_round(round_of(name, number + 1), "x"))

    for number, name in enumerate(names):
        history, found = newest(stores, name)
        assert found == round_of(name, number + 1)
        assert {each.round for each in history.outcomes} == {found}
        assert len(history.outcomes) == 2


def test_rounds_as_deep_as_graphs_may_be_are_kept_whatever_their_names_are(stores: Stores) -> None:
    around: Round | None = None
    for depth in range(8):
        around = round_of(f"{depth}" + "x" * 300, 9_999_999, around)
    assert around is not None
    recorded = in_round(around, "y" * 300, generation=10**6)
    record(stores, recorded)

    assert newest(stores, around.container, around.outer) == (History(outcomes=(recorded,)), around)
    assert newest(stores, "0" + "x" * 300)[1] == around.within("0" + "x" * 300)


def test_runs_do_not_share_their_rounds(stores: Stores) -> None:
    stores.runs.record("exec_2", in_round(round_of("loop", 5)))
    record(stores, in_round(round_of("loop", 1)))

    assert newest(stores, "loop")[1] == round_of("loop", 1)


class TestOutcomesThatGoWithARecord:
    def test_those_in_rounds_come_back_with_it(self, stores: Stores) -> None:
        around, before = round_of("loop", 2), round_of("loop", 1)
        inner = round_of("inner", 3, around, carry=7)
        also = (in_round(around, "a"), in_round(before, "b"), in_round(inner, "c"))
        recorded = in_round(around, "d", finished_at=after(3))

        stores.runs.record("exec_1", recorded, also)

        history, found = newest(stores, "loop")
        assert set(_keys(history)) == {"loop.2/a", "loop.1/b", "loop.2/inner.3/c", "loop.2/d"}
        assert {each.round for each in history.outcomes} == {around, before, inner}
        assert found == around
        assert newest(stores, "loop.2/inner", around)[1] is None

    def test_those_in_no_round_are_in_the_runs_history(self, stores: Stores) -> None:
        around = round_of("loop", 1)
        also = (outcome("start"), in_round(around, "a"), outcome("set", finished_at=after(2)))

        stores.runs.record("exec_1", in_round(around, "call"), also)

        assert stores.runs.history("exec_1") == History(outcomes=(also[0], also[2]))
        assert sorted(_keys(newest(stores, "loop")[0])) == ["loop.1/a", "loop.1/call"]

    def test_none_of_them_is_kept_with_a_record_that_came_second(self, stores: Stores) -> None:
        around = round_of("loop", 1)
        record(stores, in_round(around))

        stores.runs.record("exec_1", in_round(around, output="late"), (outcome("start"), in_round(around, "a")))

        assert stores.runs.history("exec_1") == History()
        assert _keys(newest(stores, "loop")[0]) == ["loop.1/call"]

    def test_those_of_rounds_that_go_with_a_step_of_the_graph_are_in_the_history(self, stores: Stores) -> None:
        also = (in_round(round_of("loop", 7, carry=[1])), outcome("then"))
        recorded = outcome("z", finished_at=after(2))

        stores.runs.record("exec_1", recorded, also)

        assert stores.runs.history("exec_1") == History(outcomes=(*also, recorded))


def _keys(history: History) -> list[str]:
    return [each.key for each in history.outcomes]


class TestCost:
    """What a resumed run reads does not grow with the rounds behind it."""

    @pytest.fixture(params=[3, 60])
    def rounds(self, request: pytest.FixtureRequest) -> int:
        count: int = request.param
        return count

    def fill(self, stores: Stores, rounds: int) -> None:
        for index in range(1, rounds + 1):
            around = round_of("loop", index)
            record(stores, in_round(around, "a"), in_round(around, "b"), in_round(round_of("i", 3, around)))

    def test_on_aws(self, on_aws: Stores, calls: Calls, rounds: int) -> None:
        self.fill(on_aws, rounds)
        calls.take()

        history, found = newest(on_aws, "loop")

        assert (len(history.outcomes), found) == (2, round_of("loop", rounds))
        assert calls.take() == [QUERY] * 3
        assert calls.items == 4

    def test_in_memory(self, rounds: int) -> None:
        stores = memory_stores()
        assert isinstance(stores.runs, MemoryRunStore)
        self.fill(stores, rounds)

        newest(stores, "loop")

        assert stores.runs.records_read == 2

    def test_a_loop_that_nothing_is_nested_in_is_read_by_two_queries(self, on_aws: Stores, calls: Calls) -> None:
        record(on_aws, *(in_round(round_of("loop", index)) for index in range(1, 9)))
        calls.take()

        newest(on_aws, "loop")
        assert calls.take() == [QUERY] * 2

        newest(on_aws, "another")
        assert calls.take() == [QUERY] * 2

    def test_a_map_is_read_without_what_is_nested_in_it(self, on_aws: Stores, calls: Calls) -> None:
        for index in range(3):
            item = round_of("map", index)
            record(on_aws, in_round(item), *(in_round(round_of("loop", n, item)) for n in range(1, 30)))
        calls.take()

        history, _ = every(on_aws, "map")

        assert len(history.outcomes) == 3
        assert calls.take() == [QUERY] * 3
        assert calls.items == 5

    def test_the_runs_history_is_read_without_any_round(self, on_aws: Stores, calls: Calls) -> None:
        self.fill(on_aws, 20)
        record(on_aws, outcome("a"))
        calls.take()

        on_aws.runs.history("exec_1")

        assert calls.take() == [QUERY]
        assert calls.items == 1

    def test_equal_carries_are_fetched_once(self, on_aws: Stores, calls: Calls) -> None:
        around = round_of("loop", 1, carry="x" * 100_000)
        record(on_aws, *(in_round(around, name) for name in "abc"))
        calls.take()

        history, _ = newest(on_aws, "loop")

        assert len(history.outcomes) == 3
        assert calls.take() == [QUERY, GET_OBJECT, QUERY, GET_OBJECT]
