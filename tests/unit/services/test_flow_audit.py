"""What an entry tells of a change: the leaves that differ, within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.flows import FieldChange
from chalicelib.services.flows.audit import LONGEST_VALUE, MOST_BYTES, changes


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": 1}, {"a": 1.0}, [("a", 1, 1.0)]),
        ({"a": 1}, {}, [("a", 1, None)]),
        ({}, {"a": None}, []),
        ({}, {"a": {"b": [1, {"c": 2}]}}, [("a.b[0]", None, 1), ("a.b[1].c", None, 2)]),
        ({"a": [1, 2]}, {"a": [2]}, [("a[0]", 1, 2), ("a[1]", 2, None)]),
        ({"a": []}, {"a": {}}, [("a", [], {})]),
        ({"a": {"b": 1}}, {"a": [1]}, [("a", {"b": 1}, [1])]),
        ({"a": "x"}, {"a": {"b": 1}}, [("a", "x", {"b": 1})]),
        ({"a": {"b": 1}}, {"a": None}, [("a", {"b": 1}, None)]),
    ],
)
def test_the_leaves_that_differ_are_told_by_their_paths(before: Any, after: Any, expected: Any) -> None:
    assert changes(before, after) == tuple(FieldChange(*each) for each in expected)


def test_long_values_are_cut() -> None:
    (change,) = changes({"a": "x" * 5_000}, {"a": ["y" * 5_000]})

    assert change.old == "x" * LONGEST_VALUE + "…"
    assert isinstance(change.new, str)
    assert len(change.new) == LONGEST_VALUE + 1


def test_an_entry_stays_within_its_bounds() -> None:
    after = {f"field{n}": "ü" * LONGEST_VALUE for n in range(1_000)}

    found = changes({}, after)

    assert 0 < sum(len(str(change.new).encode()) for change in found) <= MOST_BYTES
