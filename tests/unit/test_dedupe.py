"""Deduplication: the documented rules one by one, and against a naive oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.dedupe import Memory, Strategy, decide, in_order, key_of, number_of
from chalicelib.domain.javascript import Emit
from chalicelib.domain.json import Json, decode, encode


def emit(id_: Json = None, ts: Json = None, event: Json = None) -> Emit:
    meta = {name: value for name, value in (("id", id_), ("ts", ts)) if value is not None}
    return Emit(event, meta)


def ids(strategy: Strategy, *batches: list[Json]) -> list[list[Json]]:
    """What each batch emits, one after the other."""
    memory, found = Memory(), []
    for batch in batches:
        decision = decide(strategy, memory, [emit(id_) for id_ in batch])
        memory = decision.memory
        found.append([each.meta["id"] for each in decision.kept])
    return found


def test_without_a_strategy_everything_is_emitted() -> None:
    assert [each.meta.get("id") for each in decide(Strategy.NONE, Memory(), [emit(1), emit(1), emit()]).kept] == [
        1,
        1,
        None,
    ]


def test_unique_emits_an_id_once_within_a_batch_and_across_batches() -> None:
    assert ids(Strategy.UNIQUE, ["a", "b", "a"], ["b", "c"]) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("pair", [(1, "1"), (1.0, "1"), ("1", 1), (True, "true")])
def test_a_number_and_its_text_are_one_id(pair: tuple[Json, Json]) -> None:
    assert ids(Strategy.UNIQUE, [pair[0]], [pair[1]]) == [[pair[0]], []]


def test_long_ids_are_compared_whole() -> None:
    head = "x" * 500

    assert ids(Strategy.UNIQUE, [head + "a", head + "b"], [head + "a"]) == [[head + "a", head + "b"], []]


def test_unique_remembers_the_last_hundred_first_in_first_out() -> None:
    first, second = ids(Strategy.UNIQUE, list(range(101)), [0, 1, 100])

    assert (len(first), second) == (101, [0, 1])


def test_greatest_compares_a_batch_with_the_maximum_before_it() -> None:
    assert ids(Strategy.GREATEST, [5, 3, 4, 3], [5, 9, "7", 2]) == [[5, 3, 4], [9, "7"]]


def test_greatest_does_not_emit_what_is_no_number_and_says_so() -> None:
    decision = decide(Strategy.GREATEST, Memory(), [emit("abc"), emit(True), emit("NaN"), emit(" 12 "), emit("1e2")])

    assert [each.meta["id"] for each in decision.kept] == [" 12 ", "1e2"]
    assert decision.memory.greatest == 100.0
    assert "3 event(s)" in decision.warnings[0]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("number", "remembered"),
    [(10**40 - 1, 10**40 - 1), (10**40, 1e40), (-(10**40), -1e40), (10**300 + 1, 1e300), (10**309, None)],
    ids=["40-digits", "41-digits", "negative", "301-digits", "beyond-doubles"],
)
def test_the_greatest_is_a_number_that_can_be_read_again(number: int, remembered: float | None, as_text: bool) -> None:
    memory = decide(Strategy.GREATEST, Memory(), [emit(str(number) if as_text else number)]).memory

    assert memory.greatest == remembered
    assert decode(encode(memory.greatest)) == remembered


@pytest.mark.parametrize("id_", [float("inf"), float("-inf"), float("nan"), "1e999"])
def test_what_is_not_finite_is_no_number(id_: Json) -> None:
    assert number_of(id_) is None


def test_last_emits_what_comes_after_the_id_it_remembers() -> None:
    assert ids(Strategy.LAST, [1, 2], [2, 3, 4], [], [4], [9, 8]) == [[1, 2], [3, 4], [], [], [9, 8]]


def test_last_remembers_the_newest_by_its_time() -> None:
    decision = decide(Strategy.LAST, Memory(), [emit("new", 20), emit("old", 10)])

    assert ([each.meta["id"] for each in decision.kept], decision.memory.last) == (["old", "new"], "new")


@pytest.mark.parametrize("strategy", [Strategy.UNIQUE, Strategy.GREATEST, Strategy.LAST])
def test_without_an_id_nothing_is_emitted_and_the_author_learns_of_it(strategy: Strategy) -> None:
    decision = decide(strategy, Memory(), [emit(), emit(""), emit(1)])

    assert [each.meta["id"] for each in decision.kept] == [1]
    assert decision.warnings[0].startswith("2 event(s) without an id")


def test_a_batch_is_ordered_by_time_and_those_without_come_behind() -> None:
    batch = [emit("a"), emit("b", 2), emit("c", 1), emit("d", "3"), emit("e", 2.5), emit("f", float("nan"))]

    assert [each.meta["id"] for each in in_order(batch)] == ["c", "b", "e", "a", "d", "f"]


KEYS = st.one_of(st.integers(-5, 12), st.sampled_from(["1", "2", "x", "y", None, 2.0, 2.5]))
BATCHES = st.lists(st.lists(st.tuples(KEYS, st.one_of(st.none(), st.integers(0, 4))), max_size=8), max_size=6)


def oracle(strategy: Strategy, batches: list[list[tuple[Json, int | None]]]) -> list[list[Json]]:
    """The rules as one would explain them, with everything that was ever emitted at hand."""
    emitted: list[str] = []
    maximum: float | None = None
    last: str | None = None
    out: list[list[Json]] = []
    for batch in batches:
        timed = sorted((each for each in batch if each[1] is not None), key=lambda each: each[1] or 0)
        rows = [id_ for id_, _ in [*timed, *(each for each in batch if each[1] is None)]]
        rows = [id_ for id_ in rows if id_ is not None]
        found: list[Json] = []
        if strategy is Strategy.UNIQUE:
            for id_ in rows:
                if str(key_of(id_)) not in emitted[-100:]:
                    emitted.append(str(key_of(id_)))
                    found.append(id_)
        elif strategy is Strategy.GREATEST:
            numbers: list[float] = []
            for id_ in rows:
                number = number_of(id_)
                if number is None or number in numbers or (maximum is not None and number <= maximum):
                    continue
                numbers.append(number)
                found.append(id_)
            maximum = max([*numbers, *([] if maximum is None else [maximum])], default=None)
        else:
            keys = [key_of(id_) for id_ in rows]
            found = rows[len(keys) - keys[::-1].index(last) :] if last in keys else rows
            last = keys[-1] if keys else last
        out.append(found)
    return out


@given(BATCHES, st.sampled_from([Strategy.UNIQUE, Strategy.GREATEST, Strategy.LAST]))
def test_every_strategy_does_what_its_rule_says(
    batches: list[list[tuple[Json, int | None]]], strategy: Strategy
) -> None:
    memory, found = Memory(), []
    for batch in batches:
        decision = decide(strategy, memory, [emit(id_, ts) for id_, ts in batch])
        memory = decision.memory
        found.append([each.meta["id"] for each in decision.kept])

    assert found == oracle(strategy, batches)
