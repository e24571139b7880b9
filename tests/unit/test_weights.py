from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.json import Json, encode_text
from chalicelib.domain.weights import Weight, Weights, handed_on, weigh, weigh_members
from tests.timing import assert_cheap

MOST = 1_000_000
PLAIN: st.SearchStrategy[str] = st.text(st.characters(min_codepoint=32, max_codepoint=126, blacklist_characters='"\\'))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | PLAIN,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(PLAIN, inner, max_size=5),
    max_leaves=30,
)


@given(VALUES)
def test_a_weight_is_about_the_length_of_the_text(value: Json) -> None:
    length = len(encode_text(value))

    assert length / 3 <= weigh(value, MOST).characters <= 4 * length


def test_what_is_named_twice_weighs_twice() -> None:
    shared: list[Json] = ["x" * 100]

    assert weigh({"a": shared, "b": shared}, MOST).characters > 2 * weigh(shared, MOST).characters


def test_what_was_weighed_before_is_not_walked_again() -> None:
    shared: list[Json] = [*range(10)]

    assert weigh([shared, shared], MOST, [{id(shared): Weight(500, 7)}]).levels == 8


def test_a_value_that_doubles_a_hundred_times_is_given_up_early() -> None:
    value: list[Json] = ["x"]
    for _ in range(100):
        value = [value, value]

    assert weigh(value, 10_000).characters > 10_000
    assert_cheap(0.2, lambda: weigh(value, 10_000))


def test_a_value_of_known_parts_costs_as_much_as_it_has_members() -> None:
    value: list[Json] = ["x"]
    known: Weights = {}
    for _ in range(100):
        known[id(value)] = weigh(value, 10**40, [known])
        value = [value, value]

    weight = weigh(value, 10**40, [known])
    assert weight.characters > 2**100
    assert weight.levels == 102


@given(VALUES)
def test_weighing_member_by_member_comes_to_the_same(value: Json) -> None:
    assert weigh_members(value, MOST, [])[0] == weigh(value, MOST)


def test_large_members_are_remembered_for_those_who_pass_them_on() -> None:
    large: list[Json] = ["x" * 2000]
    value: Json = {"large": large, "small": [1]}

    weight, known = weigh_members(value, MOST, [])

    assert known == {id(large): weigh(large, MOST), id(value): weight}
    assert weigh_members(value, MOST, [{}, known]) == (weight, {})
    assert handed_on({"again": large}, known) == {id(large): known[id(large)]}


def test_of_a_value_that_is_too_large_nothing_is_remembered() -> None:
    weight, known = weigh_members([["x" * 2000], ["x" * 2000]], 3000, [])

    assert weight.characters > 3000
    assert known == {}


@given(VALUES)
def test_levels_are_those_of_the_text(value: Json) -> None:
    def levels(each: Json) -> int:
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        return 1 + max(map(levels, inner), default=0)

    assert weigh(value, MOST).levels == levels(value)
