"""Haystack grids in both JSON encodings."""

from __future__ import annotations

import pytest

from chalicelib.domain.haystack import NotAGridError, grid
from chalicelib.domain.json import Json

COLUMNS: Json = [{"name": "id"}]


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        ({"_kind": "marker"}, True),
        ({"_kind": "na"}, None),
        ({"_kind": "number", "val": 72.5}, 72.5),
        ({"_kind": "number", "val": "NaN"}, "NaN"),
        ({"_kind": "number", "val": 5, "unit": "kW"}, {"val": 5, "unit": "kW"}),
        ({"_kind": "ref", "val": "p:demo:r:1", "dis": "Meter"}, "p:demo:r:1"),
        ({"_kind": "dateTime", "val": "2026-01-01T00:00:00Z", "tz": "UTC"}, "2026-01-01T00:00:00Z"),
        ({"_kind": "coord", "lat": 1.5, "lng": 2}, {"lat": 1.5, "lng": 2}),
        ({"_kind": "dict", "a": {"_kind": "marker"}}, {"a": True}),
        ({"a": [{"_kind": "marker"}]}, {"a": [True]}),
        ({"_kind": "grid", "meta": {"ver": "3.0"}, "rows": []}, {"meta": {"ver": "3.0"}, "rows": []}),
        ("n:5", "n:5"),
        (None, None),
        (False, False),
    ],
)
def test_values_of_version_4(encoded: Json, plain: Json) -> None:
    found = grid({"_kind": "grid", "meta": {"ver": "3.0"}, "cols": COLUMNS, "rows": [{"x": encoded}]})

    assert found.rows == ({"x": plain},)


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        ("m:", True),
        ("z:", None),
        ("n:72.5", 72.5),
        ("n:-3", -3),
        ("n:1e3 kW", {"val": 1000.0, "unit": "kW"}),
        ("n:INF", "INF"),
        ("n:" + "9" * 400, "9" * 400),
        ("n:", ""),
        ("n:--5", "--5"),
        ("n:--5 kW", {"val": "--5", "unit": "kW"}),
        ("r:153c-699a HQ", "153c-699a"),
        ("t:2026-01-01T00:00:00-05:00 New_York", "2026-01-01T00:00:00-05:00"),
        ("s:n:text", "n:text"),
        ("d:2026-01-01", "2026-01-01"),
        ("c:37.5,-77.4", "c:37.5,-77.4"),
        ("plain", "plain"),
        (["m:", 5], [True, 5]),
        ({"a": "m:"}, {"a": True}),
    ],
)
def test_values_of_version_3(encoded: Json, plain: Json) -> None:
    assert grid({"meta": {"ver": "3.0"}, "cols": COLUMNS, "rows": [{"x": encoded}]}).rows == ({"x": plain},)


@pytest.mark.parametrize(
    ("meta", "problem"),
    [
        ({"ver": "3.0", "err": "m:", "dis": "s:No such point"}, "No such point"),
        ({"ver": "3.0", "err": "m:"}, "it does not say why"),
        ({"ver": "3.0"}, None),
    ],
)
def test_an_error_grid_says_what_is_wrong(meta: Json, problem: str | None) -> None:
    assert grid({"meta": meta, "cols": [{"name": "empty"}], "rows": []}).problem == problem


@pytest.mark.parametrize("value", [None, [], {}, {"meta": []}, {"meta": {}, "rows": {}}, {"meta": {}, "rows": [5]}])
def test_anything_else_is_no_grid(value: Json) -> None:
    with pytest.raises(NotAGridError):
        grid(value)
