from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.json import Json
from chalicelib.domain.records.children import children_of
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.paths import MISSING, extract, path_problem, place, steps_of

RECORD: Json = {
    "id": 7,
    "none": None,
    "owner": {"name": "Ada", "With Space": 1, "a.b": 2},
    "items": [{"sku": "A", "tags": ["x", "y"]}, {"sku": "B"}, {"tags": ["z"]}],
    "grid": [[1, 2], [3]],
    "single": {"sku": "S"},
    "0": "zero",
    "a..b": "odd",
    "it's": 3,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", 7),
        ("none", None),
        ("owner.name", "Ada"),
        ("$.owner.name", "Ada"),
        ("$['owner']['name']", "Ada"),
        ('$["owner"].name', "Ada"),
        ("owner.With Space", 1),
        ("owner.[With Space]", 1),
        ("owner[With Space]", 1),
        ("owner['With Space']", 1),
        ("owner['a.b']", 2),
        ("['it\\'s']", 3),
        ("items[0].sku", "A"),
        ("items.0.sku", "A"),
        ("items.[1].sku", "B"),
        ("items[-1].tags[0]", "z"),
        ("items[*].sku", ["A", "B"]),
        ("items.*.sku", ["A", "B"]),
        ("$.items[*].tags[*]", ["x", "y", "z"]),
        ("items[*].tags", [["x", "y"], ["z"]]),
        ("items[0:2].sku", ["A", "B"]),
        ("items[1:].tags[*]", ["z"]),
        ("items[*].none", []),
        ("grid[*]", [[1, 2], [3]]),
        ("grid[*][*]", [1, 2, 3]),
        ("grid[*][0]", [1, 3]),
        ("grid[1][0]", 3),
        ("single[*].sku", ["S"]),
        ("0", "zero"),
        ("[0]", "zero"),
        ("a..b", "odd"),
    ],
)
def test_a_path_finds(path: str, value: Json) -> None:
    assert extract(RECORD, path) == value


@pytest.mark.parametrize("path", ["$", ""])
def test_the_root_is_the_whole_record(path: str) -> None:
    assert extract(RECORD, path) is RECORD


@pytest.mark.parametrize(
    "path",
    [
        "nope",
        "id.x",
        "none.x",
        "none[*].x",
        "owner[0]",
        "items[3]",
        "items[-4]",
        "items.sku",
        "nope[*]",
        "items.99999999999",
    ],
)
def test_a_path_finds_nothing(path: str) -> None:
    assert extract(RECORD, path) is MISSING


@pytest.mark.parametrize(
    ("target", "path", "value", "after"),
    [
        ({}, "a", 1, {"a": 1}),
        ({}, "a.b.c", 1, {"a": {"b": {"c": 1}}}),
        ({}, "a[1].b", 1, {"a": [None, {"b": 1}]}),
        ({}, "a.0.b", 1, {"a": {"0": {"b": 1}}}),
        ({"a": [{"x": 1}]}, "a.0.b", 2, {"a": [{"x": 1, "b": 2}]}),
        ({"a": "text"}, "a.b", 1, {"a": {"b": 1}}),
        ({"a": None}, "a[0]", 1, {"a": [1]}),
        ({}, "[With Space].['x.y']", 1, {"With Space": {"x.y": 1}}),
        ({}, "a[*].b", [1, 2], {"a": [{"b": 1}, {"b": 2}]}),
        ({"a": [{"c": 1}, {"c": 2}]}, "a[*].b", 5, {"a": [{"c": 1, "b": 5}, {"c": 2, "b": 5}]}),
        ({"a": [{"c": 1}, {"c": 2}]}, "a[*].b", [8], {"a": [{"c": 1, "b": 8}, {"c": 2}]}),
        ({"a": {"c": 1}}, "a[*].b", 5, {"a": {"c": 1, "b": 5}}),
        ({"a": 1}, "$", {"b": 2}, {"b": 2}),
    ],
)
def test_placing_makes_what_is_needed(target: dict[str, Json], path: str, value: Json, after: Json) -> None:
    place(target, path, value)

    assert target == after


def test_placing_copies_what_it_changes() -> None:
    shared: dict[str, Json] = {"b": {"c": 1}, "l": [{"x": 1}]}
    before = copy.deepcopy(shared)
    target: dict[str, Json] = {"a": shared}

    place(target, "a.b.d", 2)
    place(target, "a.l[0].y", 2)

    assert shared == before
    assert target == {"a": {"b": {"c": 1, "d": 2}, "l": [{"x": 1, "y": 2}]}}


@pytest.mark.parametrize(
    ("target", "path"),
    [({"a": [1]}, "a.name"), ({}, "a[10000]"), ({}, "a[-1]"), ({"a": []}, "a.123456"), ({}, "$"), ({}, "a[0:2]")],
)
def test_what_has_no_place_is_refused(target: dict[str, Json], path: str) -> None:
    with pytest.raises(RecordError) as refused:
        place(target, path, 1, "response_mapping")

    assert (refused.value.source, refused.value.code) == ("response_mapping", "invalid_path")


@pytest.mark.parametrize(
    "path", ["a..b", ".a", "a.", "a[", "a[0", "a]b", "a[?(@.x)]", "a[(1)]", "a[0]b", "$..a", "x" * 1001, "[*]" * 17]
)
def test_a_path_that_cannot_be_read_is_a_problem(path: str) -> None:
    assert path_problem(path)
    assert extract({path: 1}, path) == 1


@pytest.mark.parametrize("path", ["$", "a[10000]", "a[-1]", "a[0:1]"])
def test_a_place_that_cannot_be_filled_is_a_problem(path: str) -> None:
    assert path_problem(path) is None
    assert path_problem(path, placing=True)


NAMES = st.text(st.characters(exclude_characters=".[]'\"\\*$", exclude_categories=["Cs"]), min_size=1, max_size=8)
STEPS = st.lists(st.one_of(NAMES, st.integers(0, 20)), min_size=1, max_size=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


def written(steps: list[str | int]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps)


@settings(deadline=None)
@given(STEPS, VALUES, st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_was_placed_is_found(steps: list[str | int], value: Json, target: dict[str, Json]) -> None:
    path = written(steps)
    before = copy.deepcopy(target)
    try:
        place(target, path, value)
    except RecordError:
        assert target == before
    else:
        assert extract(target, path) == value


@settings(deadline=None)
@given(STEPS, VALUES, NAMES, VALUES)
def test_placing_leaves_other_members_alone(steps: list[str | int], value: Json, other: str, kept: Json) -> None:
    target: dict[str, Json] = {other: kept}
    if str(steps[0]) != other:
        place(target, written(steps), value)
        assert target[other] == kept


@settings(deadline=None)
@given(st.lists(VALUES, max_size=5))
def test_a_list_that_was_dealt_out_is_found(values: list[Json]) -> None:
    target: dict[str, Json] = {}

    place(target, "rows[*].cell", values)

    assert extract(target, "rows[*].cell") == values


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_can_be_used_as_a_path(path: str) -> None:
    extract(RECORD, path)
    assert isinstance(steps_of(path), tuple)
    path_problem(path)


@pytest.mark.parametrize(
    ("record", "path", "children"),
    [
        ({"lines": [{"n": 1}, {"n": 2}]}, "lines", [{"n": 1}, {"n": 2}]),
        ({"orders": [{"lines": [1, 2]}, {"lines": [3]}]}, "orders[*].lines[*]", [1, 2, 3]),
        ({"lines": {"n": 1}}, "lines", [{"n": 1}]),
        ({"lines": None}, "lines", []),
        ({}, "lines", []),
        ([{"n": 1}], None, [{"n": 1}]),
        ({"n": 1}, "", [{"n": 1}]),
    ],
)
def test_children_of_a_record(record: Json, path: str | None, children: list[Json]) -> None:
    assert children_of(record, path) == children
