from __future__ import annotations

import pytest

from chalicelib.domain.json import Json
from chalicelib.domain.records.trace_keys import ID_FIELDS, trace_key

from .support import AROUND


@pytest.mark.parametrize(
    ("template", "record", "key"),
    [
        ("{{record.a}}-{{b}}", {"a": 1, "b": "x"}, "1-x"),
        (" {{a}} ", {"a": 1}, "1"),
        ("{{nope}}", {"id": 5}, "5"),
        ("{{fail}}", {"id": 5}, "5"),
        ("{{fail}}", {}, ""),
        (None, {"id": 7, "_id": 8}, "7"),
        ("", {"_id": "x"}, "x"),
        (None, {"ID": 1.0}, "1"),
        (None, {"Id": "a"}, "a"),
        (None, {"id": "", "_id": None, "ID": "c"}, "c"),
        (None, {"id": {"nested": 1}, "Internal ID": "i"}, "i"),
        (None, {"id": 0}, "0"),
        (None, {"name": "x"}, ""),
        (None, [{"id": 3}, {"id": 4}], "3"),
        (None, [], ""),
        (None, "text", ""),
    ],
)
def test_a_trace_key(template: str | None, record: Json, key: str) -> None:
    assert trace_key(template, record, AROUND) == key


@pytest.mark.parametrize("field", ID_FIELDS)
def test_every_identity_counts(field: str) -> None:
    assert trace_key(None, {"other": 1, field: "k"}, AROUND) == "k"


@pytest.mark.parametrize(("template", "record"), [("{{a}}", {"a": "x" * 600}), (None, {"id": "x" * 600})])
def test_a_trace_key_is_cut(template: str | None, record: Json) -> None:
    assert trace_key(template, record, AROUND) == "x" * 512
